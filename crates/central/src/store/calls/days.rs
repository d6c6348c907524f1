//! Which days have other figures than before. Whoever keeps sums of days asks what has changed since it looked last.

use std::collections::BTreeSet;

use crate::store::engine::{Insert, Transaction, query};
use crate::store::ids::next_ids;
use crate::store::{Store, StoreError};

static DAYS: Insert = Insert::new(
    "INSERT INTO call_days (day, revision)",
    "ON CONFLICT (day) DO UPDATE SET revision = excluded.revision",
);

/// A day whose calls were added or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedDay {
    /// UTC day, counted from 1970. Its calls are those that began on it.
    pub day: i64,
    /// By which to ask the next time.
    pub revision: i64,
}

/// Says that the calls of these days are others now.
pub(super) async fn changed(tx: &mut Transaction, days: &BTreeSet<i64>) -> Result<(), StoreError> {
    let revision = next_ids(tx, "day-revision", 1).await?.start;
    let days: Vec<i64> = days.iter().copied().collect();
    tx.insert(&DAYS, &days, |day, row| {
        row.add(*day).add(revision);
    })
    .await?;
    Ok(())
}

impl Store {
    /// Days that changed after a revision (0: all that have calls), in the order of their changes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn days_changed_since(&self, revision: i64) -> Result<Vec<ChangedDay>, StoreError> {
        let days: Vec<(i64, i64)> =
            query("SELECT day, revision FROM call_days WHERE revision > $1 ORDER BY revision, day")
                .bind(revision)
                .fetch_all(self.database())
                .await?;
        Ok(days.into_iter().map(|(day, revision)| ChangedDay { day, revision }).collect())
    }
}
