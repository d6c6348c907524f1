//! Domain events on their way out: webhooks, other nodes, caches read them here and nowhere else. An event is written in the
//! transaction that makes it true, so none is told that did not happen, and none is lost that did.
//!
//! Ids have no gaps and become visible in their order: they come from a row ([`next_ids`]) that a transaction holds until it
//! ends. A sequence of PostgreSQL would give a later transaction a higher id and let it commit first, and a reader would
//! step over the lower one for ever.

use super::engine::{Arguments, FromRow, Insert, Row, Transaction, query};
use super::ids::next_ids;
use super::{Store, StoreError};

/// Counter of the ids.
const KIND: &str = "outbox";
/// Events deleted at a time: the writer is not held up for longer.
const TRIMMED_AT_ONCE: u32 = 5_000;

static EVENTS: Insert = Insert::new("INSERT INTO outbox (id, at_ms, kind, key, body)", "");

/// Something that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happened.
    pub at_ms: i64,
    /// What, for example `call-ended`.
    pub kind: &'static str,
    /// Of what: the id that consumers keep apart by.
    pub key: String,
    /// JSON.
    pub body: String,
}

/// Something that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its number: one more than that of the event before.
    pub id: i64,
    /// When it happened.
    pub at_ms: i64,
    /// What.
    pub kind: String,
    /// Of what.
    pub key: String,
    /// JSON.
    pub body: String,
}

/// A part of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// In order.
    pub events: Vec<Told>,
    /// How many before them were deleted for their age before this reader came: it has to look for itself.
    pub missed: u64,
}

impl FromRow for Told {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get(0)?, at_ms: row.get(1)?, kind: row.get(2)?, key: row.get(3)?, body: row.get(4)? })
    }
}

impl Transaction {
    /// Tells events, in this order, if the transaction commits.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tell(&mut self, events: &[Event]) -> Result<(), StoreError> {
        let count = u32::try_from(events.len()).map_err(|_| StoreError::NoIds(KIND.to_owned()))?;
        if count == 0 {
            return Ok(());
        }
        let ids = next_ids(self, KIND, count).await?;
        let numbered: Vec<(i64, &Event)> = ids.zip(events).collect();
        self.insert(&EVENTS, &numbered, |(id, event), row: &mut Arguments| {
            row.add(id).add(event.at_ms).add(event.kind).add(&event.key).add(&event.body);
        })
        .await?;
        Ok(())
    }
}

impl Store {
    /// Tells events of which nothing else is written.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tell(&self, events: &[Event]) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            tx.tell(events).await?;
            tx.commit().await
        })
        .await
    }

    /// The events after one, at most `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events_after(&self, id: i64, limit: u32) -> Result<Events, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let events: Vec<Told> =
            query("SELECT id, at_ms, kind, key, body FROM outbox WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(id)
                .bind(limit)
                .fetch_all(&mut snapshot)
                .await?;
        let next = match events.first() {
            Some(first) => first.id,
            None => query("SELECT next_id FROM id_counters WHERE kind = $1")
                .bind(KIND)
                .fetch_scalar_optional(&mut snapshot)
                .await?
                .unwrap_or(1),
        };
        let missed = u64::try_from(next - id - 1).unwrap_or_default();
        Ok(Events { events, missed })
    }

    /// Id of the last event; 0 before the first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_event(&self) -> Result<i64, StoreError> {
        let next: Option<i64> = query("SELECT next_id FROM id_counters WHERE kind = $1")
            .bind(KIND)
            .fetch_scalar_optional(self.database())
            .await?;
        Ok(next.unwrap_or(1) - 1)
    }

    /// Deletes the events before the first that is not older; how many. In parts, so that others write in between.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn trim_outbox(&self, older_than_ms: i64) -> Result<u64, StoreError> {
        // Not each old one by itself: times of several PBXs are no order, and a hole in the middle would look like a loss.
        let keep: Option<i64> = query("SELECT MIN(id) FROM outbox WHERE at_ms >= $1")
            .bind(older_than_ms)
            .fetch_scalar::<Option<i64>>(self.database())
            .await?;
        let keep = match keep {
            Some(keep) => keep,
            None => self.last_event().await? + 1,
        };
        let mut deleted = 0;
        loop {
            let part = self
                .write(|mut tx| async move {
                    let part = query(
                        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id < $1 ORDER BY id LIMIT $2)",
                    )
                    .bind(keep)
                    .bind(TRIMMED_AT_ONCE)
                    .execute(&mut tx)
                    .await?;
                    tx.commit().await?;
                    Ok(part)
                })
                .await?;
            deleted += part;
            if part < u64::from(TRIMMED_AT_ONCE) {
                return Ok(deleted);
            }
        }
    }
}
