//! Ping every few seconds; a PBX that stays silent three times in a row is lost (a half-open TCP connection says nothing).

use std::sync::Weak;
use std::time::Duration;

use crate::client::Inner;
use crate::{Action, AmiError, Clock, now_us};

/// Pings missed until the connection counts as lost.
const MISSED: u32 = 3;

pub(crate) async fn run(inner: Weak<Inner>, every: Duration) {
    let mut missed = 0;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // The first at once: it measures the PBX's clock.
        ticks.tick().await;
        // The client is gone when nobody holds it; this task must not keep it alive.
        let Some(inner) = inner.upgrade() else { return };
        let sent_us = now_us();
        match inner.exchange(Action::new("Ping"), None, every).await {
            Ok((answer, _)) => {
                missed = 0;
                if let Some(pbx_us) = answer.timestamp_us() {
                    inner.measured(Clock::measure(sent_us, pbx_us, now_us()));
                }
            }
            Err(AmiError::Timeout { .. }) => missed += 1,
            Err(error) if error.is_fatal() => return,
            // Refused also shows that somebody is there.
            Err(_) => missed = 0,
        }
        if missed >= MISSED {
            inner.close(AmiError::Closed { why: format!("it did not answer to {MISSED} pings in a row") });
            return;
        }
    }
}
