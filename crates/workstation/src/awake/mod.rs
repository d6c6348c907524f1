//! While a call runs the machine does not go to sleep by itself. The screen may go dark and lock: nobody needs it to talk.

mod platform;

use tokio::sync::watch;

use platform::Held;

/// Keeps the machine awake, or lets it sleep.
#[derive(Debug)]
pub(crate) struct Awake {
    wanted: watch::Sender<bool>,
}

impl Awake {
    /// With this machine's own means.
    pub(crate) fn start() -> Self {
        Self::by(platform::inhibit)
    }

    fn by<F, W>(inhibit: F) -> Self
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<Held, String>> + Send + 'static,
    {
        let (wanted, heard) = watch::channel(false);
        tokio::spawn(keep(inhibit, heard));
        Self { wanted }
    }

    /// Whether a call runs.
    pub(crate) fn call_runs(&self, runs: bool) {
        self.wanted.send_if_modified(|wanted| std::mem::replace(wanted, runs) != runs);
    }
}

async fn keep<F, W>(inhibit: F, mut wanted: watch::Receiver<bool>)
where
    F: Fn() -> W,
    W: Future<Output = Result<Held, String>>,
{
    let mut held = None;
    let mut told = false;
    loop {
        let runs = *wanted.borrow_and_update();
        match (runs, &held) {
            (true, None) => match inhibit().await {
                Ok(got) => held = Some(got),
                // Once: the same call after call says nothing new.
                Err(problem) if !std::mem::replace(&mut told, true) => {
                    tracing::warn!(problem, "the machine may go to sleep in a call: it cannot be kept awake");
                }
                Err(_) => {}
            },
            (false, Some(_)) => held = None,
            _ => {}
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
