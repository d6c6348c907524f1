//! Waiting for a state that has no event of its own.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Long enough for anything that is not broken, on a slow machine.
pub const SHORT: Duration = Duration::from_secs(15);

/// Looks every 20 ms until `probe` gives something; an error that says `what` was waited for when it never does. The one
/// place where tests look again and again: wherever there is an event, wait for that.
pub async fn until<T>(what: &str, deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return Ok(found);
        }
        if started.elapsed() >= deadline {
            bail!("waited {deadline:?} in vain: {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
