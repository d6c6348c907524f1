//! How a call went as far as its sound is concerned: the last seconds while it is talked, the whole of it in its record. Pure.

use std::collections::VecDeque;

use softphone_api::{Levels, Quality};

use super::super::phone::Counters;
use crate::mos;

/// Seconds that shares and MOS of a running call are over: what was an hour ago helps nobody to judge the line now.
const RECENT: usize = 10;
/// Levels are pjmedia's, see [`crate::warnings`].
const LOUDEST: u8 = 127;

/// Packets counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Packets {
    received: u64,
    lost: u64,
    discarded: u64,
    sent: u64,
    lost_there: u64,
}

impl Packets {
    fn of(c: &Counters) -> Self {
        Self {
            received: c.rx_packets.into(),
            lost: c.rx_lost.into(),
            discarded: c.rx_discarded.into(),
            sent: c.tx_packets.into(),
            lost_there: c.tx_lost.into(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            lost: self.lost + other.lost,
            discarded: self.discarded + other.discarded,
            sent: self.sent + other.sent,
            lost_there: self.lost_there + other.lost_there,
        }
    }

    /// Since then. A report may take back what it called lost.
    fn since(self, then: Self) -> Self {
        Self {
            received: self.received.saturating_sub(then.received),
            lost: self.lost.saturating_sub(then.lost),
            discarded: self.discarded.saturating_sub(then.discarded),
            sent: self.sent.saturating_sub(then.sent),
            lost_there: self.lost_there.saturating_sub(then.lost_there),
        }
    }
}

fn percent(lost: u64, others: u64) -> f32 {
    if lost == 0 { 0.0 } else { (lost as f64 * 100.0 / (others + lost) as f64) as f32 }
}

/// A mean, and how many went into it.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: f32) {
        self.sum += f64::from(value);
        self.count += 1;
    }

    fn value(self) -> Option<f32> {
        (self.count > 0).then(|| (self.sum / f64::from(self.count)) as f32)
    }
}

/// The sound of one call.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Of streams that have ended: a new codec or another address makes a new one, which counts from nothing.
    before: Packets,
    last: Option<Counters>,
    /// Sums at the end of each of the last seconds.
    recent: VecDeque<Packets>,
    mos: Mean,
    mos_min: Option<f32>,
    jitter_ms: Mean,
    rtt_ms: Mean,
    buffer_ms: Mean,
    /// Loudest of the second that is under way.
    microphone: u8,
    heard: u8,
}

impl Course {
    pub(super) fn levels(&mut self, microphone: Option<u8>, heard: u8) {
        self.microphone = self.microphone.max(microphone.unwrap_or(0));
        self.heard = self.heard.max(heard);
    }

    fn sum(&self) -> Packets {
        self.last.as_ref().map_or(self.before, |last| self.before.and(Packets::of(last)))
    }

    /// What the stream has counted at the end of a second.
    pub(super) fn second(&mut self, c: &Counters) -> Quality {
        if self.last.as_ref().is_some_and(|last| c.rx_packets < last.rx_packets || c.tx_packets < last.tx_packets) {
            self.before = self.sum();
        }
        self.last = Some(c.clone());
        let sum = self.sum();
        let then = self.recent.front().copied().unwrap_or_default();
        self.recent.push_back(sum);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        let mut quality = quality(c, sum, sum.since(then));
        self.mos.add(quality.mos);
        self.mos_min = Some(self.mos_min.map_or(quality.mos, |least| least.min(quality.mos)));
        quality.mos_min = self.mos_min;
        self.jitter_ms.add(quality.rx_jitter_ms);
        if let Some(rtt) = quality.rtt_ms {
            self.rtt_ms.add(rtt);
        }
        self.buffer_ms.add(c.buffer_delay_ms as f32);
        let share = |level: u8| (u16::from(level.min(LOUDEST)) * 100 / u16::from(LOUDEST)) as u8;
        quality.levels = Some(Levels { microphone: share(self.microphone), heard: share(self.heard) });
        (self.microphone, self.heard) = (0, 0);
        quality
    }

    /// From its beginning to its end; nothing when it was too short to be measured.
    pub(super) fn whole(&self) -> Option<Quality> {
        let last = self.last.as_ref()?;
        let sum = self.sum();
        let mut quality = quality(last, sum, sum);
        quality.mos = self.mos.value()?;
        quality.mos_min = self.mos_min;
        quality.rx_jitter_ms = self.jitter_ms.value()?;
        quality.rtt_ms = self.rtt_ms.value();
        quality.buffer_delay_ms = self.buffer_ms.value();
        Some(quality)
    }
}

/// What a person is shown. What the jitter buffer throws away is as lost as what never came.
fn quality(c: &Counters, sum: Packets, shares_of: Packets) -> Quality {
    let Packets { received, lost, discarded, sent, lost_there } = shares_of;
    // What is thrown away was received.
    let arrived = received.saturating_sub(discarded);
    let rx_loss_percent = percent(lost + discarded, arrived);
    let rtt_ms = (c.rtt_us > 0).then_some(c.rtt_us as f32 / 1_000.0);
    // 20 ms of packetisation and the jitter buffer come on top of the network's half.
    let one_way = rtt_ms.unwrap_or(0.0) / 2.0 + 20.0 + c.buffer_delay_ms as f32;
    Quality {
        codec: c.codec.clone(),
        clock_rate: c.clock_rate,
        rx_packets: sum.received,
        tx_packets: sum.sent,
        rx_loss_percent,
        rx_discard_percent: Some(percent(discarded, arrived + lost)),
        buffer_delay_ms: Some(c.buffer_delay_ms as f32),
        tx_loss_percent: percent(lost_there, sent.saturating_sub(lost_there)),
        rx_jitter_ms: c.rx_jitter_us as f32 / 1_000.0,
        rtt_ms,
        mos: mos::mos(mos::r_factor(mos::robustness(&c.codec), rx_loss_percent, one_way)),
        mos_min: None,
        levels: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(received: u32, lost: u32, discarded: u32) -> Counters {
        Counters {
            encrypted: false,
            codec: "PCMA".into(),
            clock_rate: 8000,
            rx_packets: received,
            tx_packets: received,
            rx_lost: lost,
            rx_discarded: discarded,
            tx_lost: 0,
            rx_jitter_us: 1500,
            rtt_us: 0,
            buffer_delay_ms: 40,
        }
    }

    #[test]
    fn shares() {
        let q = Course::default().second(&counters(96, 4, 1));
        assert!((q.rx_loss_percent - 5.0).abs() < 0.01, "{q:?}");
        assert_eq!(q.rx_discard_percent, Some(1.0));
        assert_eq!((q.tx_loss_percent, q.rtt_ms, q.rx_jitter_ms), (0.0, None, 1.5));
        assert!(q.mos > 3.7 && q.mos < 4.1, "{}", q.mos);
        assert_eq!(percent(0, 0), 0.0);
    }

    #[test]
    fn a_running_call_shows_its_last_seconds_and_the_record_all_of_it() {
        let mut course = Course::default();
        assert_eq!(course.whole(), None);
        // A bad second, then good ones.
        let bad = course.second(&counters(25, 25, 0));
        assert_eq!(bad.rx_loss_percent, 50.0);
        let mut last = bad.clone();
        for second in 2..=40 {
            last = course.second(&counters(second * 50 - 25, 25, 0));
        }
        assert_eq!((last.rx_loss_percent, last.rx_packets), (0.0, 1975));
        assert!(last.mos > 4.3 && last.mos_min == Some(bad.mos), "{last:?}");
        let whole = course.whole().unwrap();
        assert_eq!((whole.rx_packets, whole.rx_loss_percent), (1975, 1.25));
        assert!(whole.mos > 4.0 && whole.mos < last.mos && whole.mos_min == Some(bad.mos), "{whole:?}");
    }

    #[test]
    fn a_new_stream_goes_on_where_the_last_one_ended() {
        let mut course = Course::default();
        course.second(&counters(90, 10, 0));
        let q = course.second(&counters(40, 0, 0));
        assert_eq!((q.rx_packets, q.tx_packets), (130, 130));
        let whole = course.whole().unwrap();
        assert!((whole.rx_loss_percent - 10.0 * 100.0 / 140.0).abs() < 0.01, "{whole:?}");
    }

    #[test]
    fn the_loudest_of_each_second() {
        let mut course = Course::default();
        course.levels(Some(127), 0);
        course.levels(Some(3), 64);
        let levels = |q: Quality| q.levels.map(|l| (l.microphone, l.heard));
        assert_eq!(levels(course.second(&counters(50, 0, 0))), Some((100, 50)));
        course.levels(None, 0);
        assert_eq!(levels(course.second(&counters(100, 0, 0))), Some((0, 0)));
    }
}
