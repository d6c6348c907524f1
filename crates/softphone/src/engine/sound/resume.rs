//! Whether the machine has slept: the clock that counts sleep has moved on against the one that does not.

use std::time::Duration;

/// Two clocks read one after the other differ by less.
const AWAKE: Duration = Duration::from_secs(1);

/// What was seen last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sleep {
    ahead: Option<Duration>,
}

impl Sleep {
    /// For how long the machine has slept since the last look, if it has. `with_sleep` counts sleep, `without` does not.
    pub(super) fn since_last(&mut self, with_sleep: Duration, without: Duration) -> Option<Duration> {
        let ahead = with_sleep.saturating_sub(without);
        let slept = ahead.saturating_sub(self.ahead.unwrap_or(ahead));
        self.ahead = Some(ahead);
        (slept >= AWAKE).then_some(slept)
    }
}

/// The two clocks, now.
#[cfg(target_os = "linux")]
pub(super) fn clocks() -> Option<(Duration, Duration)> {
    use nix::time::{ClockId, clock_gettime};
    let with_sleep = clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
    let without = clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?;
    Some((with_sleep.into(), without.into()))
}

/// Untried: other systems tell programs of a resume in ways of their own.
#[cfg(not(target_os = "linux"))]
pub(super) fn clocks() -> Option<(Duration, Duration)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sleep_counts() {
        let s = Duration::from_secs;
        let mut sleep = Sleep::default();
        // An earlier sleep is none of ours.
        assert_eq!(sleep.since_last(s(500), s(400)), None);
        assert_eq!(sleep.since_last(s(600), s(500)), None);
        assert_eq!(sleep.since_last(s(600) + Duration::from_millis(30), s(500)), None);
        assert_eq!(sleep.since_last(s(4300), s(600)), Some(s(3600) - Duration::from_millis(30)));
        assert_eq!(sleep.since_last(s(4310), s(610)), None);
    }
}
