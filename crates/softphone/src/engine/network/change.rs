//! When to look whether our address has changed. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// Addresses and routes change in bursts: an interface goes, another comes, the address after it, the route last.
const QUIET: Duration = Duration::from_millis(500);
/// A network that never rests is looked at all the same.
const AT_LAST: Duration = Duration::from_millis(1_500);

/// Collects the bursts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Change {
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Change {
    /// Something changed.
    pub(crate) fn noticed(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// When to look.
    pub(crate) fn due(&self) -> Option<Instant> {
        Some((self.last? + QUIET).min(self.first? + AT_LAST))
    }

    /// It was looked at.
    pub(crate) fn seen(&mut self) {
        *self = Self::default();
    }
}

/// How far the clock that counts sleep has run ahead of the one that does not: more than before means that the machine slept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sleep {
    ahead: Option<Duration>,
}

impl Sleep {
    /// Whether the machine has slept for a second or more since it was asked last.
    pub(crate) fn was(&mut self, ahead: Option<Duration>) -> bool {
        let before = std::mem::replace(&mut self.ahead, ahead);
        matches!((before, ahead), (Some(before), Some(ahead)) if ahead.saturating_sub(before) >= Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_looked_at_once() {
        // Changes at these ms; looked at then.
        for (at, looked) in [
            (vec![0], 500),
            (vec![0, 100, 200], 700),
            (vec![0, 400, 800, 1_200], 1_500),
            ((0..50).map(|n| n * 100).take_while(|at| *at <= 1_400).collect(), 1_500),
        ] {
            let start = Instant::now();
            let mut change = Change::default();
            assert_eq!(change.due(), None);
            for ms in &at {
                change.noticed(start + Duration::from_millis(*ms));
            }
            assert_eq!(change.due(), Some(start + Duration::from_millis(looked)), "{at:?}");
            change.seen();
            assert_eq!(change.due(), None);
        }
    }

    #[test]
    fn sleep_is_told_from_slowness() {
        let s = |ms| Some(Duration::from_millis(ms));
        let mut sleep = Sleep::default();
        for (ahead, slept) in
            [(s(7_000), false), (s(7_001), false), (s(7_900), false), (s(9_000), true), (s(9_000), false)]
        {
            assert_eq!(sleep.was(ahead), slept, "{ahead:?}");
        }
        assert!(!sleep.was(None));
        assert!(!sleep.was(s(20_000)), "nothing to compare with");
    }
}
