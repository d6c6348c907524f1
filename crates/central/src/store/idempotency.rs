//! Keys of commands: the same key is carried out once and answered alike for seven days.

use central_api::UserId;

use super::engine::query;
use super::{Store, StoreError};

/// How long an answer is kept.
pub const KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub answer: Vec<u8>,
}

/// What a key means now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// New, or begun and never finished: carry it out.
    Ours,
    /// Done before.
    Done(Stored),
    /// Used with another body.
    Conflict,
}

/// Hash of the command, status, answer.
type Known = (Vec<u8>, Option<i64>, Option<Vec<u8>>);

impl Store {
    /// Claims a key.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn claim_key(&self, user: UserId, key: &str, body_hash: &[u8], now_ms: i64) -> Result<Claim, StoreError> {
        self.write(|mut tx| async move {
            query("DELETE FROM idempotency_keys WHERE created_ms < $1").bind(now_ms - KEPT_MS).execute(&mut tx).await?;
            let known: Option<Known> =
                query("SELECT body_hash, status, answer FROM idempotency_keys WHERE user_id = $1 AND key = $2")
                    .bind(user.0)
                    .bind(key)
                    .fetch_optional(&mut tx)
                    .await?;
            let claim = match known {
                Some((hash, ..)) if hash != body_hash => Claim::Conflict,
                Some((_, Some(status), answer)) => {
                    let status = u16::try_from(status).map_err(|_| StoreError::Row(format!("status {status}")))?;
                    Claim::Done(Stored { status, answer: answer.unwrap_or_default() })
                }
                // A command is a wish, so to carry one out again that a crash cut short changes nothing more.
                Some((_, None, _)) => Claim::Ours,
                None => {
                    query("INSERT INTO idempotency_keys (user_id, key, body_hash, created_ms) VALUES ($1, $2, $3, $4)")
                        .bind(user.0)
                        .bind(key)
                        .bind(body_hash)
                        .bind(now_ms)
                        .execute(&mut tx)
                        .await?;
                    Claim::Ours
                }
            };
            tx.commit().await?;
            Ok(claim)
        })
        .await
    }

    /// Keeps the answer; one that was our own fault is not kept, so that the client may try again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn keep_answer(&self, user: UserId, key: &str, stored: &Stored) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            let query = if stored.status >= 500 {
                query("DELETE FROM idempotency_keys WHERE user_id = $1 AND key = $2").bind(user.0).bind(key)
            } else {
                query("UPDATE idempotency_keys SET status = $3, answer = $4 WHERE user_id = $1 AND key = $2")
                    .bind(user.0)
                    .bind(key)
                    .bind(i64::from(stored.status))
                    .bind(&stored.answer)
            };
            query.execute(&mut tx).await?;
            tx.commit().await
        })
        .await
    }
}
