//! The PBX's clock against ours, from questions that are answered with a time.

/// How far the PBX's clock is ahead of ours, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// PBX's time less ours, µs.
    pub offset_us: i64,
    /// Between question and answer, µs: the offset is right within half of it.
    pub round_trip_us: i64,
    /// When, by our clock, µs since the Unix epoch.
    pub measured_us: i64,
}

/// A measurement this old is given up for a less exact one: clocks drift.
const FRESH_US: i64 = 60_000_000;

/// Clocks that differ more than they can drift were set.
const SET_US: i64 = 100_000;

impl Clock {
    /// From an answer with the PBX's time, and our times before the question and after the answer, all in µs.
    #[must_use]
    pub fn measure(sent_us: i64, pbx_us: i64, answered_us: i64) -> Self {
        let middle = sent_us + (answered_us - sent_us) / 2;
        Self { offset_us: pbx_us - middle, round_trip_us: answered_us - sent_us, measured_us: answered_us }
    }

    /// The better of what was known and a new measurement: the quicker answer, while it is fresh and neither clock was set.
    #[must_use]
    pub fn or(self, new: Self) -> Self {
        let apart = (self.offset_us - new.offset_us).abs();
        let was_set = apart > SET_US + (self.round_trip_us + new.round_trip_us) / 2;
        let stale = new.measured_us - self.measured_us > FRESH_US;
        if was_set || stale || new.round_trip_us <= self.round_trip_us { new } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn the_offset_is_against_the_middle() {
        let clock = Clock::measure(1_000, 501_500, 2_000);
        assert_eq!((clock.offset_us, clock.round_trip_us), (500_000, 1_000));
    }

    #[test]
    fn the_quicker_answer_counts_until_it_is_old_or_a_clock_was_set() {
        let quick = Clock::measure(0, 5_000, 1_000);
        let slow = Clock::measure(5_000_000, 5_020_000, 5_009_000);
        assert_eq!(quick.or(slow), quick);
        assert_eq!(slow.or(quick), quick);
        let set = Clock::measure(5_000_000, 9_000_000, 5_009_000);
        assert_eq!(quick.or(set), set);
        let late = Clock::measure(70_000_000, 70_020_000, 70_009_000);
        assert_eq!(quick.or(late), late);
    }
}
