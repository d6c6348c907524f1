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

#[cfg(test)]
mod tests {
    use super::{Event, Events};
    use crate::store::databases::{TestDatabase, on_both_engines};
    use crate::store::{Store, StoreError};

    on_both_engines!(
        TestDatabase:
        events_are_read_in_order_and_in_parts,
        what_is_undone_is_not_told_and_leaves_no_gap,
        a_reader_never_steps_over_one_that_commits_late,
        old_events_are_trimmed_and_a_late_reader_hears_of_it,
    );

    fn event(at_ms: i64, key: &str) -> Event {
        Event { at_ms, kind: "call-ended", key: key.to_owned(), body: format!("{{\"key\":\"{key}\"}}") }
    }

    fn keys(events: &Events) -> Vec<&str> {
        events.events.iter().map(|event| event.key.as_str()).collect()
    }

    async fn after(store: &Store, id: i64) -> Events {
        store.events_after(id, 1_000).await.unwrap()
    }

    async fn events_are_read_in_order_and_in_parts(database: TestDatabase) {
        let store = database.store().await;
        assert_eq!((store.last_event().await.unwrap(), after(&store, 0).await.events.len()), (0, 0));
        store.tell(&[]).await.unwrap();
        store.tell(&[event(5, "a"), event(3, "b")]).await.unwrap();
        store.tell(&[event(4, "c")]).await.unwrap();
        let first = store.events_after(0, 2).await.unwrap();
        assert_eq!((keys(&first), first.missed), (vec!["a", "b"], 0));
        let told = &first.events[1];
        assert_eq!((told.id, told.at_ms, told.kind.as_str()), (2, 3, "call-ended"));
        assert_eq!(told.body, "{\"key\":\"b\"}");
        let rest = after(&store, told.id).await;
        assert_eq!((keys(&rest), rest.missed, store.last_event().await.unwrap()), (vec!["c"], 0, 3));
        assert_eq!(after(&store, 3).await, Events { events: vec![], missed: 0 });
    }

    async fn what_is_undone_is_not_told_and_leaves_no_gap(database: TestDatabase) {
        let store = database.store().await;
        let undone: Result<(), StoreError> = store
            .write(|mut tx| async move {
                tx.tell(&[event(1, "never"), event(1, "happened")]).await?;
                Err(StoreError::Input("the call is not as it seemed".to_owned()))
            })
            .await;
        assert!(undone.is_err());
        store.tell(&[event(2, "happened")]).await.unwrap();
        let all = after(&store, 0).await;
        assert_eq!((keys(&all), all.events[0].id, all.missed), (vec!["happened"], 1, 0));
    }

    /// Two programs write what takes unequally long, while a third one reads on and on.
    async fn a_reader_never_steps_over_one_that_commits_late(database: TestDatabase) {
        const BATCHES: usize = 40;
        let (one, two, reader) = (database.store().await, database.store().await, database.store().await);
        let writing = async |store: &Store, name: &str| {
            for batch in 0..BATCHES {
                let events: Vec<Event> = (0..=batch % 7).map(|at| event(0, &format!("{name}{batch}.{at}"))).collect();
                let events = &events;
                store
                    .write(|mut tx| async move {
                        // Told first and committed late: the ids are taken long before anybody can see them.
                        tx.tell(events).await?;
                        for _ in 0..batch % 3 {
                            tokio::task::yield_now().await;
                            tx.tell(&[]).await?;
                        }
                        tx.commit().await
                    })
                    .await
                    .unwrap();
            }
        };
        let all: usize = 2 * (0..BATCHES).map(|batch| batch % 7 + 1).sum::<usize>();
        let reading = async {
            let (mut last, mut read) = (0, Vec::new());
            while read.len() < all {
                let part = reader.events_after(last, 5).await.unwrap();
                assert_eq!(part.missed, 0);
                for told in part.events {
                    assert_eq!(told.id, last + 1, "one was stepped over");
                    last = told.id;
                    read.push(told.key);
                }
            }
            read
        };
        let ((), (), read) = tokio::join!(writing(&one, "a"), writing(&two, "b"), reading);
        for name in ["a", "b"] {
            let of_one: Vec<_> = read.iter().filter(|key| key.starts_with(name)).collect();
            let told = (0..BATCHES).flat_map(|batch| (0..=batch % 7).map(move |at| format!("{name}{batch}.{at}")));
            assert!(of_one.into_iter().eq(told.collect::<Vec<_>>().iter()), "in the order of each");
        }
    }

    async fn old_events_are_trimmed_and_a_late_reader_hears_of_it(database: TestDatabase) {
        let store = database.store().await;
        // The clock of one PBX is behind: what it tells late looks old, and stays as long as what is before it.
        let times = [10, 20, 90, 15, 91];
        let events: Vec<Event> = times.iter().map(|at_ms| event(*at_ms, &at_ms.to_string())).collect();
        store.tell(&events).await.unwrap();
        assert_eq!(store.trim_outbox(50).await.unwrap(), 2);
        let late = after(&store, 0).await;
        assert_eq!((keys(&late), late.missed), (vec!["90", "15", "91"], 2));
        assert_eq!(after(&store, 2).await.missed, 0);
        assert_eq!(store.trim_outbox(100).await.unwrap(), 3);
        assert_eq!(after(&store, 3).await, Events { events: vec![], missed: 2 });
        assert_eq!(after(&store, 5).await, Events { events: vec![], missed: 0 });
        store.tell(&[event(101, "new")]).await.unwrap();
        assert_eq!(after(&store, 5).await.events[0].id, 6, "numbers are not given twice");
    }

    /// Not only the lock of the writer keeps the order: whoever takes ids holds their counter.
    #[cfg(unix)]
    #[tokio::test]
    async fn ids_wait_for_those_before_them_on_postgres() {
        let database = TestDatabase::on(crate::store::Engine::Postgres).await;
        let store = database.store().await;
        store.tell(&[event(1, "first")]).await.unwrap();
        let mut hand = database.postgres.as_ref().unwrap().connect().await;
        let early = "BEGIN; UPDATE id_counters SET next_id = next_id + 1 WHERE kind = 'outbox'; \
                     INSERT INTO outbox (id, at_ms, kind, key, body) VALUES (2, 1, 'call-ended', 'early', '')";
        sqlx::raw_sql(early).execute(&mut hand).await.unwrap();
        let events = [event(1, "late")];
        let late = store.tell(&events);
        tokio::pin!(late);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(200), &mut late).await;
        assert!(waits.is_err(), "it came before what is before it");
        assert_eq!(keys(&after(&store, 1).await), [""; 0]);
        sqlx::raw_sql("COMMIT").execute(&mut hand).await.unwrap();
        late.await.unwrap();
        assert_eq!(keys(&after(&store, 1).await), ["early", "late"]);
    }
}
