//! Ids from one counter a kind, by compare-and-set on its row. A block that is reserved stays ours, also while the database is
//! away; what is not used of it is a gap, which nobody counts.

use std::ops::Range;

use super::engine::{Transaction, query};
use super::{Store, StoreError};

/// What JavaScript can count to, and thereby every program that speaks with us.
const MOST: i64 = (1 << 53) - 1;

/// Ids that were reserved and are given out one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdBlock {
    left: Range<i64>,
}

impl IdBlock {
    /// The next id, as long as there are some.
    pub fn take(&mut self) -> Option<i64> {
        self.left.next()
    }

    /// All that are left, at once.
    #[must_use]
    pub fn whole(self) -> Range<u64> {
        self.left.start.unsigned_abs()..self.left.end.unsigned_abs()
    }

    /// How many there are still.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.end.abs_diff(self.left.start)
    }
}

impl Store {
    /// Reserves ids of a kind. They are nobody else's from now on, whatever becomes of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reserve_ids(&self, kind: &str, count: u32) -> Result<IdBlock, StoreError> {
        self.write(|mut tx| async move {
            let left = next_ids(&mut tx, kind, count).await?;
            tx.commit().await?;
            Ok(IdBlock { left })
        })
        .await
    }
}

/// The next ids of a kind, whose counter this transaction then holds until it ends: who asks later gets later ones, and only
/// after this one is committed or undone. Undone, they are given out again, so that there is no gap.
pub(super) async fn next_ids(tx: &mut Transaction, kind: &str, count: u32) -> Result<Range<i64>, StoreError> {
    let count = i64::from(count);
    let next: i64 = query(
        "INSERT INTO id_counters (kind, next_id) VALUES ($1, 1 + $2) \
         ON CONFLICT (kind) DO UPDATE SET next_id = id_counters.next_id + $2 RETURNING next_id",
    )
    .bind(kind)
    .bind(count)
    .fetch_scalar(&mut *tx)
    .await?;
    if next - 1 > MOST {
        return Err(StoreError::NoIds(kind.to_owned()));
    }
    Ok(next - count..next)
}

#[cfg(test)]
mod tests {
    use super::{IdBlock, MOST};
    use crate::store::StoreError;
    use crate::store::databases::{TestDatabase, on_both_engines};
    use crate::store::engine::query;

    on_both_engines!(TestDatabase: blocks_are_of_one_alone, ids_end_where_javascript_ends);

    fn all(mut block: IdBlock) -> Vec<i64> {
        let left = block.left();
        let ids: Vec<i64> = std::iter::from_fn(|| block.take()).collect();
        assert_eq!((ids.len() as u64, block.left()), (left, 0));
        ids
    }

    async fn blocks_are_of_one_alone(database: TestDatabase) {
        let (one, two) = (database.store().await, database.store().await);
        assert_eq!(all(one.reserve_ids("call", 3).await.unwrap()), [1, 2, 3]);
        assert_eq!(all(two.reserve_ids("customer", 1).await.unwrap()), [1], "each kind by itself");
        assert_eq!(all(two.reserve_ids("call", 0).await.unwrap()), [0; 0]);
        let reserving = async |store: &crate::store::Store| {
            let mut ids = Vec::new();
            for count in 1..20 {
                ids.extend(all(store.reserve_ids("call", count).await.unwrap()));
            }
            ids
        };
        let (a, b, c) = tokio::join!(reserving(&one), reserving(&two), reserving(&one));
        let mut ids = [a, b, c].concat();
        ids.sort_unstable();
        assert!(ids.iter().copied().eq(4..4 + 3 * 190), "none twice, none lost: {ids:?}");
    }

    async fn ids_end_where_javascript_ends(database: TestDatabase) {
        let store = database.store().await;
        store.reserve_ids("call", 1).await.unwrap();
        store
            .write(|mut tx| async move {
                query("UPDATE id_counters SET next_id = $1").bind(MOST).execute(&mut tx).await?;
                tx.commit().await
            })
            .await
            .unwrap();
        assert_eq!(all(store.reserve_ids("call", 1).await.unwrap()), [MOST]);
        let none = store.reserve_ids("call", 1).await.unwrap_err();
        assert!(matches!(none, StoreError::NoIds(_)) && !none.is_passing(), "{none}");
    }
}
