//! A connection that comes back: connects, says so, says when it is lost, waits, connects again.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{AmiError, Client, ConnectOptions, Events};

/// First wait; doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(500);

/// Longest wait between attempts.
const LONGEST: Duration = Duration::from_secs(10);

/// A refused user is tried less often: it does not mend itself, and failed logins fill the PBX's security log.
const REFUSED: Duration = Duration::from_secs(30);

/// A connection that held this long begins anew with the shortest wait.
const GOOD: Duration = Duration::from_secs(10);

/// What happens to a link.
#[derive(Debug)]
pub enum LinkEvent {
    /// Connected and logged in. The link waits until this client and its clones end.
    Connected(Client, Events),
    /// The connection, or an attempt at it, failed.
    Lost {
        /// Why.
        error: AmiError,
        /// The next attempt begins after this time.
        retry_in: Duration,
    },
}

/// The connect loop, in a task of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Link {
    from: mpsc::Receiver<LinkEvent>,
    task: JoinHandle<()>,
}

impl Link {
    /// Begins to connect at once.
    #[must_use]
    pub fn spawn(options: ConnectOptions) -> Self {
        let (to, from) = mpsc::channel(4);
        Self { from, task: tokio::spawn(run(options, to)) }
    }

    /// The next event; cancel-safe. `None` never comes while the runtime lives.
    pub async fn recv(&mut self) -> Option<LinkEvent> {
        self.from.recv().await
    }
}

impl Link {
    /// As [`Link::recv`], for whoever has several.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<LinkEvent>> {
        self.from.poll_recv(cx)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(options: ConnectOptions, to: mpsc::Sender<LinkEvent>) {
    let mut attempt = 0_u32;
    loop {
        let error = match Client::connect(&options).await {
            Ok((client, events)) => {
                let began = tokio::time::Instant::now();
                let over = client.watch_close();
                if to.send(LinkEvent::Connected(client, events)).await.is_err() {
                    return;
                }
                let error = over.await;
                if began.elapsed() >= GOOD {
                    attempt = 0;
                }
                error
            }
            Err(error) => error,
        };
        let retry_in = wait(attempt, matches!(error, AmiError::AuthRefused { .. }), random());
        attempt = attempt.saturating_add(1);
        if to.send(LinkEvent::Lost { error, retry_in }).await.is_err() {
            return;
        }
        tokio::time::sleep(retry_in).await;
    }
}

/// Half of the wait is by chance, so that many links do not come back in step.
fn wait(attempt: u32, refused: bool, chance: u16) -> Duration {
    let full = if refused { REFUSED } else { FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST) };
    full / 2 + (full / 2).mul_f64(f64::from(chance) / f64::from(u16::MAX))
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    // Without randomness all waits are the longest: links come back in step, nothing worse.
    getrandom::fill(&mut bytes).map_or(u16::MAX, |()| u16::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LONGEST, REFUSED, wait};

    #[test]
    fn waits_grow_to_a_bound_and_are_jittered() {
        assert_eq!(wait(0, false, u16::MAX), FIRST);
        assert_eq!(wait(0, false, 0), FIRST / 2);
        assert_eq!(wait(1, false, u16::MAX), FIRST * 2);
        for attempt in [5, 31, u32::MAX] {
            assert_eq!(wait(attempt, false, u16::MAX), LONGEST);
        }
        assert_eq!(wait(0, true, u16::MAX), REFUSED);
    }
}
