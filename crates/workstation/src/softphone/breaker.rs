//! Three deaths within five minutes are no accident: then the operator decides. Pure: time comes as an argument.

use std::collections::VecDeque;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(300);
const LIMIT: usize = 3;

/// What to do after a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start again at once.
    Restart,
    /// Stop until the operator says so.
    GiveUp,
}

/// Counts deaths. Times are since any fixed moment.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    deaths: VecDeque<Duration>,
}

impl Breaker {
    /// It died.
    pub(crate) fn died(&mut self, now: Duration) -> Verdict {
        self.forget_old(now);
        self.deaths.push_back(now);
        if self.deaths.len() >= LIMIT { Verdict::GiveUp } else { Verdict::Restart }
    }

    /// Deaths within the window.
    pub(crate) fn count(&mut self, now: Duration) -> u32 {
        self.forget_old(now);
        u32::try_from(self.deaths.len()).unwrap_or(u32::MAX)
    }

    /// The operator says: try again.
    pub(crate) fn reset(&mut self) {
        self.deaths.clear();
    }

    fn forget_old(&mut self, now: Duration) {
        while self.deaths.front().is_some_and(|at| now.saturating_sub(*at) >= WINDOW) {
            self.deaths.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, Verdict};
    use std::time::Duration;

    #[test]
    fn three_deaths_within_five_minutes() {
        use Verdict::{GiveUp, Restart};
        let cases: &[(&str, &[(u64, Verdict)])] = &[
            ("at once", &[(0, Restart), (1, Restart), (2, GiveUp)]),
            ("just within", &[(0, Restart), (150, Restart), (299, GiveUp)]),
            ("the first is forgotten", &[(0, Restart), (150, Restart), (300, Restart), (301, GiveUp)]),
            ("far apart", &[(0, Restart), (300, Restart), (600, Restart), (900, Restart)]),
        ];
        for (name, deaths) in cases {
            let mut breaker = Breaker::default();
            for (at, expected) in *deaths {
                assert_eq!(breaker.died(Duration::from_secs(*at)), *expected, "{name}, at {at} s");
            }
        }
    }

    #[test]
    fn the_operator_begins_anew_and_time_forgets() {
        let mut breaker = Breaker::default();
        for at in 0..3 {
            breaker.died(Duration::from_secs(at));
        }
        assert_eq!(breaker.count(Duration::from_secs(3)), 3);
        assert_eq!(breaker.count(Duration::from_secs(301)), 1);
        breaker.reset();
        assert_eq!(breaker.count(Duration::from_secs(3)), 0);
        assert_eq!(breaker.died(Duration::from_secs(4)), Verdict::Restart);
    }
}
