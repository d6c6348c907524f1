//! What an operator should be told while talking, out of levels and counters. Pure: time and figures come in.
//!
//! Levels are pjmedia's: the mean amplitude on the µ-law scale, 0–127. Sixteen steps are 6 dB, 0 is digital silence, a room is
//! about 5, speech 40 to 90.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use softphone_api::Warning;

/// How often levels are looked at.
pub const LEVELS_EVERY: Duration = Duration::from_millis(100);

/// At most this loud is no sound at all: even a quiet room is louder.
const SILENT: u8 = 1;
const SPEECH: u8 = 40;
/// No voice is as loud as this on the average, unless its peaks are cut.
const CLIPPED: u8 = 105;

/// A microphone that gives nothing for so long is off or broken.
const MICROPHONE_SILENT: Duration = Duration::from_secs(6);
/// Customers pause; whoever is silent for so long has a muted phone or is gone.
const FAR_SILENT: Duration = Duration::from_secs(15);
/// No packet for so long is no jitter.
const NOTHING_ARRIVES: Duration = Duration::from_secs(3);
/// Levels kept: three seconds.
const KEPT: usize = 30;
/// Half a second of speech within them while muted is more than a cough.
const SPOKEN: usize = 5;
/// As many loud ones are more than a bump on the table.
const LOUD: usize = 6;

/// Loss that is heard, per cent, over [`LOSS_WINDOW`]; it ends below half of that.
const LOSS_PERCENT: f64 = 3.0;
/// Seconds that loss is counted over.
const LOSS_WINDOW: usize = 10;
/// Packets that must be counted before loss is a share and not an accident: two seconds.
const LOSS_PACKETS: u32 = 100;

/// Levels of one moment.
#[derive(Debug, Clone, Copy)]
pub struct Levels {
    /// Into our microphone; none when calls carry silence.
    pub microphone: Option<u8>,
    /// From the far side.
    pub heard: u8,
}

/// What the stream has counted since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packets {
    /// Received.
    pub received: u32,
    /// Lost on the way to us, or too late.
    pub lost: u32,
    /// Sent.
    pub sent: u32,
    /// Lost on the way from us, as the other side reports.
    pub lost_there: u32,
}

/// Watches one call while it is talked.
#[derive(Debug, Default)]
pub struct Watch {
    microphone_silent: Option<Instant>,
    far_silent: Option<Instant>,
    still: Option<(Instant, u32)>,
    spoken_muted: VecDeque<bool>,
    loud: VecDeque<bool>,
    packets: VecDeque<Packets>,
    loss_here: bool,
    loss_there: bool,
    told: Vec<Warning>,
}

fn keep(window: &mut VecDeque<bool>, now: bool) -> usize {
    window.push_back(now);
    if window.len() > KEPT {
        window.pop_front();
    }
    window.iter().filter(|is| **is).count()
}

fn lasts(since: &mut Option<Instant>, is: bool, now: Instant) -> Duration {
    if !is {
        *since = None;
        return Duration::ZERO;
    }
    now.saturating_duration_since(*since.get_or_insert(now))
}

/// `is` stays until the share has fallen to half of what began it.
fn loses(is: bool, lost: u32, arrived: u32) -> bool {
    let all = lost.saturating_add(arrived);
    if all < LOSS_PACKETS {
        return is;
    }
    let percent = f64::from(lost) * 100.0 / f64::from(all);
    percent >= if is { LOSS_PERCENT / 2.0 } else { LOSS_PERCENT }
}

impl Watch {
    /// Held, or not answered yet: nothing that was seen counts when it goes on.
    pub fn rest(&mut self) {
        *self = Self::default();
    }

    /// Every [`LEVELS_EVERY`].
    pub fn levels(&mut self, now: Instant, levels: Levels, muted: bool) {
        let microphone = levels.microphone.unwrap_or(SPEECH);
        let dead = lasts(&mut self.microphone_silent, !muted && microphone <= SILENT, now) >= MICROPHONE_SILENT;
        let spoken = keep(&mut self.spoken_muted, muted && levels.microphone.is_some_and(|level| level >= SPEECH));
        // Unmuted, and it is forgotten at once.
        let spoken = if muted {
            spoken
        } else {
            self.spoken_muted.clear();
            0
        };
        let loud = keep(&mut self.loud, !muted && levels.microphone.is_some_and(|level| level >= CLIPPED));
        let silent = lasts(&mut self.far_silent, levels.heard <= SILENT, now) >= FAR_SILENT;
        self.tell(Warning::MicrophoneSilent, dead);
        self.tell(Warning::MutedSpeaking, spoken >= SPOKEN);
        self.tell(Warning::Clipping, loud >= LOUD);
        self.tell(Warning::FarSilent, silent);
    }

    /// Once a second.
    pub fn packets(&mut self, now: Instant, packets: Packets) {
        if self.still.is_none_or(|(_, received)| received != packets.received) {
            self.still = Some((now, packets.received));
        }
        let still = self.still.is_some_and(|(since, _)| now.saturating_duration_since(since) >= NOTHING_ARRIVES);
        self.packets.push_back(packets);
        if self.packets.len() > LOSS_WINDOW + 1 {
            self.packets.pop_front();
        }
        let first = self.packets.front().copied().unwrap_or(packets);
        let since = |of: fn(&Packets) -> u32| of(&packets).saturating_sub(of(&first));
        self.loss_here = loses(self.loss_here, since(|p| p.lost), since(|p| p.received));
        let (sent, lost_there) = (since(|p| p.sent), since(|p| p.lost_there));
        self.loss_there = loses(self.loss_there, lost_there, sent.saturating_sub(lost_there));
        self.tell(Warning::NothingArrives, still);
        self.tell(Warning::LossHere, self.loss_here);
        self.tell(Warning::LossThere, self.loss_there);
    }

    fn tell(&mut self, warning: Warning, is: bool) {
        if self.told.contains(&warning) != is {
            self.told.retain(|told| *told != warning);
            if is {
                self.told.push(warning);
            }
        }
    }

    /// What is wrong now, in the order in which it began. Where no packet comes, the silence needs no word of its own.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let nothing = self.told.contains(&Warning::NothingArrives);
        self.told.iter().copied().filter(|told| !(nothing && *told == Warning::FarSilent)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Call {
        watch: Watch,
        now: Instant,
        packets: Packets,
    }

    impl Call {
        fn new() -> Self {
            Self { watch: Watch::default(), now: Instant::now(), packets: Packets::default() }
        }

        /// So many seconds of a call with these levels, in which so many of 50 packets a second are lost.
        fn goes_on(&mut self, seconds: u32, microphone: u8, heard: u8, muted: bool, lost: u32) -> Vec<Warning> {
            for _ in 0..seconds {
                for _ in 0..10 {
                    self.now += LEVELS_EVERY;
                    self.watch.levels(self.now, Levels { microphone: Some(microphone), heard }, muted);
                }
                self.packets.received += 50 - lost;
                self.packets.lost += lost;
                self.packets.sent += 50;
                self.watch.packets(self.now, self.packets);
            }
            self.watch.warnings()
        }
    }

    #[test]
    fn an_ordinary_call_has_no_warning() {
        let mut call = Call::new();
        assert_eq!(call.goes_on(60, 50, 60, false, 0), []);
        assert_eq!(call.goes_on(14, 5, 0, false, 0), [], "the customer thinks");
        assert_eq!(call.goes_on(60, 4, 55, false, 0), [], "the operator listens");
        assert_eq!(call.goes_on(60, 60, 55, false, 1), [], "two per cent are not heard");
    }

    #[test]
    fn a_dead_microphone() {
        let mut call = Call::new();
        assert_eq!(call.goes_on(5, 0, 50, false, 0), []);
        assert_eq!(call.goes_on(2, 0, 50, false, 0), [Warning::MicrophoneSilent]);
        assert_eq!(call.goes_on(1, 20, 50, false, 0), [], "it lives again");
        assert_eq!(call.goes_on(20, 0, 50, true, 0), [], "muted is not dead");
    }

    #[test]
    fn speaking_while_muted() {
        let mut call = Call::new();
        assert_eq!(call.goes_on(1, 60, 50, true, 0), [Warning::MutedSpeaking]);
        assert_eq!(call.goes_on(1, 60, 50, false, 0), [], "not muted any more");
        assert_eq!(call.goes_on(10, 20, 50, true, 0), [], "noise of the room");
    }

    #[test]
    fn too_loud() {
        let mut call = Call::new();
        assert_eq!(call.goes_on(1, 115, 50, false, 0), [Warning::Clipping]);
        assert_eq!(call.goes_on(3, 80, 50, false, 0), []);
    }

    #[test]
    fn a_silent_far_side_and_a_dead_line_differ() {
        let mut call = Call::new();
        assert_eq!(call.goes_on(16, 50, 0, false, 0), [Warning::FarSilent]);
        for _ in 0..4 {
            call.now += Duration::from_secs(1);
            call.watch.packets(call.now, call.packets);
        }
        assert_eq!(call.watch.warnings(), [Warning::NothingArrives]);
        assert_eq!(call.goes_on(1, 50, 50, false, 0), []);
    }

    #[test]
    fn loss_and_its_side() {
        let mut call = Call::new();
        assert_eq!(call.goes_on(10, 50, 50, false, 3), [Warning::LossHere]);
        assert_eq!(call.goes_on(10, 50, 50, false, 1), [Warning::LossHere], "not until it is half as bad");
        assert_eq!(call.goes_on(11, 50, 50, false, 0), []);
        for _ in 0..10 {
            call.packets.lost_there += 5;
            call.goes_on(1, 50, 50, false, 0);
        }
        assert_eq!(call.watch.warnings(), [Warning::LossThere]);
    }

    #[test]
    fn a_hold_begins_anew() {
        let mut call = Call::new();
        call.goes_on(7, 0, 50, false, 5);
        call.watch.rest();
        assert_eq!(call.watch.warnings(), []);
        assert_eq!(call.goes_on(1, 0, 50, false, 0), []);
    }

    #[test]
    fn calls_that_carry_silence_say_it_once_elsewhere() {
        let mut watch = Watch::default();
        let now = Instant::now();
        for tenth in 0..100 {
            watch.levels(now + LEVELS_EVERY * tenth, Levels { microphone: None, heard: 50 }, false);
        }
        assert_eq!(watch.warnings(), []);
    }
}
