//! What only the operator hears: what the line says, and beeps. It goes into the playback device and into no call.

use std::time::{Duration, Instant};

use softphone_api::{Call, CallDirection, DeviceChoice};

use super::super::Loop;
use super::super::phone::{Note, Sounding, Voice};
use super::players::Purpose;
use super::wish::Wish;
use crate::ring_tone;

/// About −21 dB below full scale: beside a voice it is heard and does not cover it.
const PEAK: u16 = 3_000;
const SOFT_PEAK: u16 = 1_500;
/// As lines of the operators' countries say it (ITU-T E.180, supplement 2: 425 Hz, 1 s in 5).
const RINGBACK: [Note; 1] = [Note { hz: 425, on_ms: 1_000, off_ms: 4_000, peak: PEAK }];
const BUSY: Note = Note { hz: 425, on_ms: 350, off_ms: 350, peak: PEAK };
/// One and a half seconds of it.
const BUSY_TIMES: usize = 2;
const CALL_WAITING: [Note; 2] = [Note { hz: 425, on_ms: 200, off_ms: 200, peak: PEAK }; 2];
const CALL_WAITING_EVERY: Duration = Duration::from_secs(5);
const HOLD_REMINDER: [Note; 2] = [Note { hz: 880, on_ms: 80, off_ms: 120, peak: SOFT_PEAK }; 2];
const AUTO_ANSWER: [Note; 2] =
    [Note { hz: 660, on_ms: 120, off_ms: 20, peak: PEAK }, Note { hz: 990, on_ms: 180, off_ms: 0, peak: PEAK }];

/// A beep for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Beep {
    /// A call answers itself.
    AutoAnswer,
    /// Another call comes in.
    CallWaiting,
    /// Somebody is on hold.
    HoldReminder,
}

#[derive(Debug, Default)]
pub(super) struct Ear {
    ringback: bool,
    call_waiting_at: Option<Instant>,
    /// Since when the first held call waits, and when the operator is reminded of it.
    reminder: Option<(Instant, Instant)>,
    refused: bool,
}

impl Ear {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.call_waiting_at.into_iter().chain(self.reminder.map(|(_, at)| at)).min()
    }
}

impl Loop {
    /// Heard as soon as sound is open.
    pub(in super::super) fn beep(&self, beep: Beep) {
        let notes = match beep {
            Beep::AutoAnswer => AUTO_ANSWER,
            Beep::CallWaiting => CALL_WAITING,
            Beep::HoldReminder => HOLD_REMINDER,
        };
        self.in_ear(Voice::Beep, &notes, false);
    }

    /// An outgoing call has ended; busy is also heard.
    pub(in super::super) fn line_refused(&mut self, call: &Call, sip_status: u16) {
        let unanswered = call.direction == CallDirection::Outgoing && call.answered_at_ms.is_none();
        self.tones.ear.refused = unanswered && matches!(sip_status, 486 | 600);
    }

    pub(super) fn settle_ear(&mut self, wish: Wish, now: Instant) {
        self.settle_ringback(wish.ringback);
        if !self.calls.is_empty() {
            self.stop_players(|purpose, _| purpose == Purpose::Line);
        }
        if std::mem::take(&mut self.tones.ear.refused) {
            self.say_busy();
        }
        self.settle_call_waiting(wish, now);
        self.settle_reminder(wish, now);
    }

    fn settle_ringback(&mut self, wanted: bool) {
        if wanted == self.tones.ear.ringback {
            return;
        }
        self.tones.ear.ringback = wanted;
        if wanted {
            // No stream has opened it yet. It will be needed anyway, and so the first word is not cut off.
            self.settle_sound();
            self.in_ear(Voice::Line, &RINGBACK, true);
        } else {
            self.phone.hush_ear(Voice::Line);
        }
    }

    fn say_busy(&mut self) {
        if !self.calls.is_empty() {
            // Sound stays open for the others.
            self.in_ear(Voice::Line, &[BUSY; BUSY_TIMES], false);
        } else if let Some(output) = self.output(&self.playback_choice()).filter(|_| !self.sound.is_null()) {
            let samples = ring_tone::beeps(BUSY.hz.into(), BUSY.on_ms.into(), BUSY.off_ms.into(), BUSY_TIMES);
            let gain = f32::from(BUSY.peak) / f32::from(i16::MAX) * self.output_volume(&output.name);
            self.play_on(&output, Purpose::Line, Sounding { samples: &samples, pause: None, gain });
        }
    }

    fn settle_call_waiting(&mut self, wish: Wish, now: Instant) {
        // With a call on hold sound is open, and the ear the last place to be told.
        let instead = wish.ring && self.rings_nowhere() && self.sound.hears_us();
        let wanted = instead || (wish.call_waiting && self.sound_settings().call_waiting_beep);
        if !wanted {
            self.tones.ear.call_waiting_at = None;
        } else if self.tones.ear.call_waiting_at.is_none_or(|at| at <= now) {
            self.tones.ear.call_waiting_at = Some(now + CALL_WAITING_EVERY);
            self.beep(Beep::CallWaiting);
        }
    }

    fn settle_reminder(&mut self, wish: Wish, now: Instant) {
        let every = Duration::from_secs(self.sound_settings().hold_reminder_s.into());
        let Some(since) = wish.held.filter(|_| !every.is_zero()) else {
            self.tones.ear.reminder = None;
            return;
        };
        let (of, at) = self.tones.ear.reminder.unwrap_or((since, since + every));
        // Another call waits longest now, or it is to be oftener.
        let at = if of == since { at.min(now + every) } else { since + every };
        if at > now {
            self.tones.ear.reminder = Some((since, at));
            return;
        }
        self.tones.ear.reminder = Some((since, now + every));
        // Whoever is called needs no beep besides.
        if !wish.ring && !wish.call_waiting {
            self.beep(Beep::HoldReminder);
        }
    }

    fn in_ear(&self, voice: Voice, notes: &[Note], repeat: bool) {
        if let Err(e) = self.phone.play_in_ear(voice, notes, repeat) {
            tracing::warn!(?voice, "a tone for the operator: {e}");
        }
    }

    /// What the operator hears calls with.
    pub(super) fn playback_choice(&self) -> DeviceChoice {
        self.sound.settings.playback.clone()
    }
}
