//! What calls and looks show that nobody has said of the house, to where an administrator finds it: the inbox "seen but unknown"
//! and what was observed at a PBX.
//!
//! It works behind the calls and never holds them up: what it has no time for is passed over, since what matters comes again.

use std::collections::HashMap;
use std::time::Duration;

use calls::Ended;
use central_api::PbxId;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::unknown::{Knowledge, Unknown};
use crate::clock::now_ms;
use crate::directory::ObservedPbx;
use crate::store::{Store, StoreError};

/// Batches of calls that wait to be looked at; each is as large as a transaction.
const WAITING: usize = 2;

/// How often what was gathered is stored.
const STORE_EVERY: Duration = Duration::from_secs(5);

/// Something to look at.
#[derive(Debug)]
pub enum Notice {
    /// Calls that are stored.
    Calls(Vec<Ended>),
    /// A PBX showed its queues and channels.
    Looked(PbxId, ObservedPbx),
}

/// Whoever has something to look at; clones are handles.
#[derive(Debug, Clone)]
pub struct Notices {
    to: mpsc::Sender<Notice>,
    stop: CancellationToken,
}

impl Notices {
    /// Never waits.
    pub fn tell(&self, notice: Notice) {
        if self.to.try_send(notice).is_err() {
            tracing::debug!("calls were not looked at for what nobody knows: there are too many just now");
        }
    }

    /// What was told before is looked at and stored, and that is the end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Begins to look.
    #[must_use]
    pub fn start(store: Store) -> (Self, tokio::task::JoinHandle<()>) {
        let (to, notices) = mpsc::channel(WAITING);
        let stop = CancellationToken::new();
        let work = Work {
            store,
            known: None,
            unknown: Unknown::default(),
            looked: HashMap::new(),
            pending: None,
            kept: HashMap::new(),
        };
        let task = tokio::spawn(work.run(notices, stop.clone()));
        (Self { to, stop }, task)
    }
}

/// What is being stored; the same again after an interrupted commit.
#[derive(Debug)]
struct Batch {
    id: String,
    unknown: Unknown,
}

struct Work {
    store: Store,
    known: Option<Knowledge>,
    unknown: Unknown,
    /// The last look at each PBX, until it is stored.
    looked: HashMap<PbxId, ObservedPbx>,
    pending: Option<Batch>,
    /// As it was stored last: a PBX shows the same again and again.
    kept: HashMap<PbxId, ObservedPbx>,
}

impl Work {
    async fn run(mut self, mut notices: mpsc::Receiver<Notice>, stop: CancellationToken) {
        let mut due = tokio::time::interval_at(Instant::now() + STORE_EVERY, STORE_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                notice = notices.recv() => match notice {
                    Some(notice) => self.take(notice).await,
                    None => break,
                },
                () = stop.cancelled(), if !notices.is_closed() => notices.close(),
                _ = due.tick() => self.keep().await,
            }
        }
        // What was interrupted first, then what came after it.
        self.keep().await;
        if !self.unknown.is_empty() {
            self.keep().await;
        }
    }

    async fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Looked(pbx, seen) => {
                if self.kept.get(&pbx) != Some(&seen) {
                    self.looked.insert(pbx, seen);
                }
            }
            Notice::Calls(calls) => {
                if self.known.is_none()
                    && let Err(error) = self.learn().await
                {
                    return tracing::debug!(%error, "calls were not looked at for what nobody knows: {error}");
                }
                let Some(known) = &self.known else { return };
                for ended in &calls {
                    self.unknown.look_at(&ended.call, known);
                }
            }
        }
    }

    /// What is known by now.
    async fn learn(&mut self) -> Result<(), StoreError> {
        let revision = self.store.revision().await?;
        if self.known.as_ref().is_none_or(|known| known.directory.revision() != revision) {
            let (directory, catalogue) = (self.store.directory().await?, self.store.attributes().await?);
            self.known = Some(Knowledge::new(directory, &catalogue));
        }
        Ok(())
    }

    /// Stores what was gathered. What the database cannot take now it is given again.
    async fn keep(&mut self) {
        if let Err(error) = self.try_keep().await {
            if error.is_passing() {
                return tracing::debug!(%error, "what nobody knows of the house is stored later: {error}");
            }
            tracing::warn!(%error, "what calls showed of the house is not stored: {error}");
            self.pending = None;
        }
    }

    async fn try_keep(&mut self) -> Result<(), StoreError> {
        if self.pending.is_none() && !self.unknown.is_empty() {
            let id = uuid::Uuid::new_v4().to_string();
            self.pending = Some(Batch { id, unknown: std::mem::take(&mut self.unknown) });
        }
        if let Some(batch) = &self.pending {
            let (places, shown) = (batch.unknown.places(), batch.unknown.shown());
            if !places.is_empty() {
                self.store.seen(&format!("{}-places", batch.id), &places, now_ms()).await?;
            }
            if !shown.is_empty() {
                self.store.keep_in_calls(&format!("{}-shown", batch.id), &shown, now_ms()).await?;
            }
            self.pending = None;
        }
        while let Some(pbx) = self.looked.keys().next().copied() {
            let seen = self.looked[&pbx].clone();
            match self.store.keep_observed(pbx, now_ms(), seen.clone()).await {
                Err(error) if error.is_passing() => return Err(error),
                // It may be one of ours no longer.
                Err(error) => tracing::debug!(%pbx, %error, "what was seen at {pbx} is not stored: {error}"),
                Ok(()) => drop(self.kept.insert(pbx, seen)),
            }
            self.looked.remove(&pbx);
        }
        if self.known.is_some() {
            self.learn().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "noticing_tests.rs"]
mod tests;
