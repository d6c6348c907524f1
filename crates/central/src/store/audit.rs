//! Who did what that somebody may have to answer for: appended to, never changed, trimmed by [retention](super::retention). An
//! entry names ids and counts, and never what it was done to.

use serde_json::Value;

use super::engine::{Row, Transaction, query};
use super::ids::next_ids;
use super::{Store, StoreError};

/// Something that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// In their order.
    pub id: i64,
    /// When.
    pub at_ms: i64,
    /// By whom: `user:7`, `cli:root`.
    pub who: String,
    /// What, for example `customer-forgotten`.
    pub what: String,
    /// Of what, in ids and counts.
    pub about: Value,
}

impl Transaction {
    /// Writes what is done, if the transaction commits. `about` holds ids and counts, nothing personal.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn audit(&mut self, at_ms: i64, who: &str, what: &str, about: &Value) -> Result<(), StoreError> {
        let id = next_ids(self, "audit", 1).await?.start;
        query("INSERT INTO audit (id, at_ms, who, what, about) VALUES ($1, $2, $3, $4, $5)")
            .bind(id)
            .bind(at_ms)
            .bind(who)
            .bind(what)
            .bind(about.to_string())
            .execute(self)
            .await?;
        Ok(())
    }
}

impl Store {
    /// The entries after one, at most `limit`, in their order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn audit_after(&self, id: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let rows: Vec<Row> = query("SELECT id, at_ms, who, what, about FROM audit WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(id)
            .bind(limit)
            .fetch_all(self.database())
            .await?;
        let entry = |row: &Row| {
            Ok(AuditEntry {
                id: row.get("id")?,
                at_ms: row.get("at_ms")?,
                who: row.get("who")?,
                what: row.get("what")?,
                about: super::codec::from_json(row.get("about")?)?,
            })
        };
        rows.iter().map(entry).collect()
    }
}
