//! Wrong joins that a person has split. They are kept as long as raw material is, from which the calls might be told again.

use serde_json::json;

use crate::store::engine::query;
use crate::store::{Store, StoreError};

/// A channel: its PBX, and its uniqueid there.
pub type Channel = (i64, String);

impl Store {
    /// Keeps that two channels are of different calls.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn split(&self, one: &Channel, two: &Channel, who: &str, now_ms: i64) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            query(
                "INSERT INTO call_splits (one_pbx, one, two_pbx, two, at_ms) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (one_pbx, one, two_pbx, two) DO NOTHING",
            )
            .bind(one.0)
            .bind(&one.1)
            .bind(two.0)
            .bind(&two.1)
            .bind(now_ms)
            .execute(&mut tx)
            .await?;
            tx.audit(now_ms, who, "call-split", &json!({ "one": one.1, "two": two.1 })).await?;
            tx.commit().await
        })
        .await
    }

    /// All of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn splits(&self) -> Result<Vec<(Channel, Channel)>, StoreError> {
        let rows: Vec<(i64, String, i64, String)> =
            query("SELECT one_pbx, one, two_pbx, two FROM call_splits").fetch_all(self.database()).await?;
        Ok(rows.into_iter().map(|(one_pbx, one, two_pbx, two)| ((one_pbx, one), (two_pbx, two))).collect())
    }
}
