//! Ping every few seconds; a PBX that stays silent three times in a row is lost (a half-open TCP connection says nothing).

use std::sync::Weak;
use std::time::Duration;

use crate::client::Inner;
use crate::{Action, AmiError};

/// Pings missed until the connection counts as lost.
const MISSED: u32 = 3;

pub(crate) async fn run(inner: Weak<Inner>, every: Duration) {
    let mut missed = 0;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        // The client is gone when nobody holds it; this task must not keep it alive.
        let Some(inner) = inner.upgrade() else { return };
        match inner.exchange(Action::new("Ping"), None, every).await {
            Err(AmiError::Timeout { .. }) => missed += 1,
            Err(error) if error.is_fatal() => return,
            // Refused also shows that somebody is there.
            Ok(_) | Err(_) => missed = 0,
        }
        if missed >= MISSED {
            inner.close(AmiError::Closed { why: format!("it did not answer to {MISSED} pings in a row") });
            return;
        }
    }
}
