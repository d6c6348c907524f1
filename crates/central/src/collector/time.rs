//! When something happened at a PBX, by our clock.

use ami::Clock;

/// Turns the times of one link into ours. They never go back, and they are never in our future: a PBX whose clock is set in
/// the middle of a call neither ends it before it began nor lets it last an hour.
#[derive(Debug, Default)]
pub struct PbxTime {
    last_ms: Option<i64>,
    lag_ms: i64,
}

impl PbxTime {
    /// The moment of an event: by the PBX's own stamp where it has one and the clocks were compared, else when it arrived.
    pub fn of(&mut self, stamp_us: Option<i64>, clock: Option<Clock>, arrived_ms: i64) -> i64 {
        let told = stamp_us.zip(clock).map(|(stamp, clock)| (stamp - clock.offset_us).div_euclid(1000));
        let at = told.unwrap_or(arrived_ms).min(arrived_ms);
        let at = self.last_ms.map_or(at, |last| at.max(last.min(arrived_ms)));
        self.last_ms = Some(at);
        self.lag_ms = arrived_ms - told.unwrap_or(arrived_ms);
        at
    }

    /// How much later than it happened the last event came.
    #[must_use]
    pub fn lag_ms(&self) -> i64 {
        self.lag_ms.max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::PbxTime;
    use ami::Clock;

    fn ahead(ms: i64) -> Option<Clock> {
        Some(Clock { offset_us: ms * 1000, round_trip_us: 100, measured_us: 0 })
    }

    #[test]
    fn the_stamp_counts_once_the_clocks_were_compared() {
        let mut time = PbxTime::default();
        assert_eq!(time.of(Some(500_000_000), None, 1_000), 1_000);
        assert_eq!(time.of(Some(501_900_000), ahead(500_000), 2_000), 1_900);
        assert_eq!(time.lag_ms(), 100);
        assert_eq!(time.of(None, ahead(500_000), 2_500), 2_500);
    }

    #[test]
    fn a_clock_that_is_set_moves_no_event() {
        let mut time = PbxTime::default();
        assert_eq!(time.of(Some(1_000_000), ahead(0), 1_000), 1_000);
        // An hour forward, then back, before the clocks are compared again.
        assert_eq!(time.of(Some(3_601_500_000), ahead(0), 1_500), 1_500);
        assert_eq!(time.of(Some(1_600_000), ahead(0), 1_600), 1_600);
        assert_eq!(time.of(Some(-3_598_000_000), ahead(0), 1_700), 1_600);
    }

    #[test]
    fn our_own_clock_may_be_set_too() {
        let mut time = PbxTime::default();
        assert_eq!(time.of(None, None, 10_000), 10_000);
        assert_eq!(time.of(None, None, 4_000), 4_000);
    }
}
