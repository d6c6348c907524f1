//! This machine's clock and chance, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A number below `limit`; without chance (it cannot happen on a desktop) the middle.
pub(crate) fn random_below(limit: u64) -> u64 {
    if limit == 0 {
        return 0;
    }
    getrandom::u64().map_or(limit / 2, |number| number % limit)
}
