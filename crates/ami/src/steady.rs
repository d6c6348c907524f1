//! Our own time, for what happens at PBXs.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// µs since the Unix epoch, by a clock that never goes back: it follows the system's clock forwards, also over a sleep of the
/// machine, and where that is set back it goes on at its pace until the system's has caught up. So a correction of the clock in
/// the middle of the day neither ends a call before it began nor hides what is said after it.
#[must_use]
pub fn now_us() -> i64 {
    static ANCHOR: Mutex<Option<(Instant, Duration)>> = Mutex::new(None);
    let (now, told) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    let mut anchor = ANCHOR.lock().unwrap_or_else(PoisonError::into_inner);
    i64::try_from(follow(&mut anchor, now, told).as_micros()).unwrap_or(i64::MAX)
}

fn follow(anchor: &mut Option<(Instant, Duration)>, now: Instant, told: Duration) -> Duration {
    let steady = anchor.map_or(told, |(then, at)| at + now.saturating_duration_since(then)).max(told);
    *anchor = Some((now, steady));
    steady
}

#[cfg(test)]
mod tests {
    use super::follow;
    use std::time::{Duration, Instant};

    #[test]
    fn it_goes_forwards_at_its_pace_whatever_the_system_s_clock_does() {
        let (mut anchor, start, s) = (None, Instant::now(), Duration::from_secs);
        assert_eq!(follow(&mut anchor, start, s(10_000)), s(10_000));
        assert_eq!(follow(&mut anchor, start + s(1), s(10_001)), s(10_001));
        // Set back by an hour.
        assert_eq!(follow(&mut anchor, start + s(2), s(6_402)), s(10_002));
        assert_eq!(follow(&mut anchor, start + s(5), s(6_405)), s(10_005));
        // A machine that slept: its own seconds did not count.
        assert_eq!(follow(&mut anchor, start + s(6), s(20_000)), s(20_000));
        assert_eq!(follow(&mut anchor, start + s(7), s(20_001)), s(20_001));
    }
}
