//! Writing exactly once what is tried again. When a connection breaks while a transaction commits, nobody knows whether it
//! did; a batch that leaves its id behind in the same transaction knows it at the next attempt.

use super::StoreError;
use super::engine::{Transaction, query};

/// How long an id is remembered: longer than anybody keeps trying, or keeps a batch on disk.
const KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

impl Transaction {
    /// Whether this batch was not committed before; from now on it was, if this transaction commits. Whoever hears no has
    /// nothing left to do.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_first(&mut self, batch: &str, now_ms: i64) -> Result<bool, StoreError> {
        query("DELETE FROM batches WHERE at_ms < $1").bind(now_ms - KEPT_MS).execute(self).await?;
        let new = query("INSERT INTO batches (id, at_ms) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
            .bind(batch)
            .bind(now_ms)
            .execute(self)
            .await?;
        Ok(new == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::KEPT_MS;
    use crate::store::databases::{TestDatabase, on_both_engines};
    use crate::store::{Event, Store};

    on_both_engines!(TestDatabase: a_batch_is_written_once_however_often_it_is_tried);

    async fn tell(store: &Store, batch: &str, now_ms: i64, commits: bool) {
        let told = store
            .write(|mut tx| async move {
                if tx.is_first(batch, now_ms).await? {
                    let event = Event { at_ms: now_ms, kind: "x", key: batch.to_owned(), body: String::new() };
                    tx.tell(&[event]).await?;
                }
                if commits { tx.commit().await } else { Ok(()) }
            })
            .await;
        told.unwrap();
    }

    async fn a_batch_is_written_once_however_often_it_is_tried(database: TestDatabase) {
        let (store, other) = (database.store().await, database.store().await);
        tell(&store, "a", 1, false).await;
        tell(&store, "a", 1, true).await;
        tell(&other, "a", 2, true).await;
        tell(&other, "b", 2, true).await;
        let keys = async || {
            let events = store.events_after(0, 10).await.unwrap().events;
            events.into_iter().map(|event| event.key).collect::<Vec<_>>()
        };
        assert_eq!(keys().await, ["a", "b"]);
        // What nobody tries any more is forgotten.
        tell(&store, "c", 2 + KEPT_MS, true).await;
        tell(&store, "a", 2 + KEPT_MS, true).await;
        assert_eq!(keys().await, ["a", "b", "c", "a"]);
    }
}
