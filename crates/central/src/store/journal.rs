//! What the desk writes: statuses, wishes and memberships, in order, by one task, so that a slow disk never holds a call up.

use central_api::{ChangedBy, NextStatus, QueueId, ReasonClass, ReasonId, Status, UserId};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};

use super::engine::{Transaction, query};
use super::{Store, StoreError, codec};
use crate::clock::now_ms;

/// One thing to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A status began; the one before ended.
    Status {
        /// Whose.
        user: UserId,
        /// What.
        status: Status,
        /// Class of its reason.
        class: Option<ReasonClass>,
        /// Session it came from.
        session: Option<String>,
    },
    /// The status chosen for after the call, or none.
    Next {
        /// Whose.
        user: UserId,
        /// What.
        next: Option<NextStatus>,
    },
    /// A wish to be in a queue or not.
    Wish {
        /// Whose.
        user: UserId,
        /// Which.
        queue: QueueId,
        /// In or out.
        joined: bool,
        /// By whom.
        by: ChangedBy,
        /// When.
        at_ms: i64,
    },
    /// The PBX has a member otherwise than before.
    Membership {
        /// Whose.
        user: UserId,
        /// Which.
        queue: QueueId,
        /// In the queue.
        present: bool,
        /// Paused.
        paused: bool,
        /// The PBX's words.
        pause_reason: Option<String>,
        /// Whose doing.
        cause: &'static str,
        /// When.
        at_ms: i64,
    },
}

#[derive(Debug)]
struct Entry {
    records: Vec<Record>,
    written: Option<oneshot::Sender<bool>>,
}

/// Way to the writing task.
#[derive(Debug, Clone)]
pub struct Journal {
    entries: mpsc::UnboundedSender<Entry>,
}

/// What is left of an operator's last shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The open status.
    pub status: Status,
    /// Chosen for after the call.
    pub next: Option<NextStatus>,
}

impl Journal {
    /// Begins to write; ends when every handle is dropped and all is written.
    #[must_use]
    pub fn start(store: Store) -> (Self, tokio::task::JoinHandle<()>) {
        // Unbounded on purpose: the desk must not wait for the disk. What can pile up is bounded by what people do in the
        // seconds for which the database is away.
        let (entries, mut inbox) = mpsc::unbounded_channel::<Entry>();
        let task = tokio::spawn(async move {
            let mut batch = Vec::new();
            while inbox.recv_many(&mut batch, 256).await > 0 {
                let written = persist(&store, &batch).await;
                for entry in batch.drain(..) {
                    // What the database can never take must not stop what lies beside and behind it.
                    let alone = match &written {
                        Ok(()) => Ok(()),
                        Err(_) => persist(&store, std::slice::from_ref(&entry)).await,
                    };
                    if let Err(error) = &alone {
                        tracing::error!(%error, records = ?entry.records, "the database refuses these records; they are lost");
                    }
                    if let Some(tell) = entry.written {
                        let _ = tell.send(alone.is_ok());
                    }
                }
            }
        });
        (Self { entries }, task)
    }

    /// Hands records over; `written` hears whether they are on disk.
    pub fn put(&self, records: Vec<Record>, written: Option<oneshot::Sender<bool>>) {
        if records.is_empty() && written.is_none() {
            return;
        }
        // The task ends only after all handles are gone.
        let _ = self.entries.send(Entry { records, written });
    }
}

/// Until it is written, once, or refused for good.
async fn persist(store: &Store, entries: &[Entry]) -> Result<(), StoreError> {
    if entries.iter().all(|entry| entry.records.is_empty()) {
        return Ok(());
    }
    // A commit that was interrupted may have been done: the second attempt has to know.
    let batch = uuid::Uuid::now_v7().to_string();
    let mut wait = std::time::Duration::from_millis(100);
    loop {
        match write(store, &batch, entries).await {
            Err(error) if error.is_passing() => {
                tracing::error!(%error, "cannot write statuses and memberships; trying again");
            }
            done => return done,
        }
        // The database says no event when it is well again.
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(std::time::Duration::from_secs(5));
    }
}

async fn write(store: &Store, batch: &str, entries: &[Entry]) -> Result<(), StoreError> {
    store
        .write(|mut tx| async move {
            if !tx.is_first(batch, now_ms()).await? {
                return Ok(());
            }
            for record in entries.iter().flat_map(|entry| &entry.records) {
                write_one(&mut tx, record).await?;
            }
            tx.commit().await
        })
        .await
}

async fn write_one(tx: &mut Transaction, record: &Record) -> Result<(), StoreError> {
    match record {
        Record::Status { user, status, class, session } => {
            query("UPDATE status_intervals SET ended_ms = $1 WHERE user_id = $2 AND ended_ms IS NULL")
                .bind(status.since_ms)
                .bind(user.0)
                .execute(tx)
                .await?;
            query(
                "INSERT INTO status_intervals (user_id, started_ms, kind, reason_id, class, until_ms, changed_by, session_id) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(user.0)
            .bind(status.since_ms)
            .bind(codec::word(&status.kind)?)
            .bind(status.reason.map(|reason| reason.0))
            .bind(class.as_ref().map(codec::word).transpose()?)
            .bind(status.until_ms)
            .bind(codec::json(&status.by)?)
            .bind(session)
            .execute(tx)
            .await?;
        }
        Record::Next { user, next } => {
            query("UPDATE users SET next_kind = $1, next_reason = $2, next_chosen_ms = $3 WHERE id = $4")
                .bind(next.as_ref().map(|next| codec::word(&next.kind)).transpose()?)
                .bind(next.as_ref().and_then(|next| next.reason).map(|reason| reason.0))
                .bind(next.as_ref().map(|next| next.chosen_at_ms))
                .bind(user.0)
                .execute(tx)
                .await?;
        }
        Record::Wish { user, queue, joined, by, at_ms } => {
            query(
                "UPDATE members SET joined = $1, changed_by = $2, changed_ms = $3 WHERE user_id = $4 AND queue_id = $5",
            )
            .bind(i64::from(*joined))
            .bind(codec::json(by)?)
            .bind(at_ms)
            .bind(user.0)
            .bind(queue.0)
            .execute(tx)
            .await?;
        }
        Record::Membership { user, queue, present, paused, pause_reason, cause, at_ms } => {
            query(
                "UPDATE membership_intervals SET ended_ms = $1 WHERE user_id = $2 AND queue_id = $3 AND ended_ms IS NULL",
            )
            .bind(at_ms)
            .bind(user.0)
            .bind(queue.0)
            .execute(tx)
            .await?;
            query(
                "INSERT INTO membership_intervals (queue_id, user_id, started_ms, present, paused, pause_reason, cause) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(queue.0)
            .bind(user.0)
            .bind(at_ms)
            .bind(i64::from(*present))
            .bind(i64::from(*paused))
            .bind(pause_reason)
            .bind(*cause)
            .execute(tx)
            .await?;
        }
    }
    Ok(())
}

type OpenStatus = (i64, i64, String, Option<i64>, Option<i64>, String);

impl Store {
    /// The open status of each operator, as the last process left it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remembered(&self) -> Result<BTreeMap<UserId, Remembered>, StoreError> {
        let rows: Vec<OpenStatus> = query(
            "SELECT user_id, started_ms, kind, reason_id, until_ms, changed_by FROM status_intervals WHERE ended_ms IS NULL",
        )
        .fetch_all(self.database())
        .await?;
        let nexts: Vec<(i64, String, Option<i64>, i64)> =
            query("SELECT id, next_kind, next_reason, next_chosen_ms FROM users WHERE next_kind IS NOT NULL")
                .fetch_all(self.database())
                .await?;
        let mut remembered = BTreeMap::new();
        for (user, since_ms, kind, reason, until_ms, by) in rows {
            let status = Status {
                kind: codec::from_word(kind)?,
                reason: reason.map(ReasonId),
                since_ms,
                until_ms,
                by: codec::from_json(&by)?,
            };
            remembered.insert(UserId(user), Remembered { status, next: None });
        }
        for (user, kind, reason, chosen_at_ms) in nexts {
            if let Some(known) = remembered.get_mut(&UserId(user)) {
                known.next =
                    Some(NextStatus { kind: codec::from_word(kind)?, reason: reason.map(ReasonId), chosen_at_ms });
            }
        }
        Ok(remembered)
    }
}
