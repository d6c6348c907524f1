//! Deleting what is old enough, in small parts, so that nobody who writes waits for long. Calls go by whole months on both engines:
//! a month goes when it is over for as long as calls are kept. Nothing younger goes, and nothing is kept a month longer.
//!
//! A clock that jumps ahead must not delete what is young. So the newest call has to be near the clock, and a clock that moved by
//! more than a month since the last look is believed a week later, when somebody had the time to read the log.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::calls::{DAY_MS, Month};
use super::engine::{Row, Transaction, query};
use super::{Store, StoreError, attributes};

/// How far the newest call and the clock may be apart. A house without a call for longer deletes nothing until the next one.
const APART_MS: i64 = 92 * DAY_MS;
/// How far the clock may move between two looks.
const JUMP_MS: i64 = 31 * DAY_MS;
/// How long a clock that moved farther is not believed.
const DOUBT_MS: i64 = 7 * DAY_MS;
/// Calls deleted at a time.
const CALLS_AT_ONCE: u32 = 200;
/// Small rows deleted at a time.
const ROWS_AT_ONCE: u32 = 2_000;

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Calls, and customers after their last one.
    pub calls_months: u32,
    /// Notes of operators.
    pub notes_months: u32,
    /// The audit log.
    pub audit_months: u32,
    /// Traces of calls.
    pub traces_days: u32,
    /// Events of the outbox.
    pub events_days: u32,
}

/// `[tenant.retention]` in a file of `apply`; what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionInput {
    /// See [`Retention`].
    pub calls_months: Option<u32>,
    /// See [`Retention`].
    pub notes_months: Option<u32>,
    /// See [`Retention`].
    pub audit_months: Option<u32>,
    /// See [`Retention`].
    pub traces_days: Option<u32>,
    /// See [`Retention`].
    pub events_days: Option<u32>,
}

impl RetentionInput {
    /// Whether it says anything.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.all().iter().any(Option::is_some)
    }

    fn all(&self) -> [Option<u32>; 5] {
        [self.calls_months, self.notes_months, self.audit_months, self.traces_days, self.events_days]
    }
}

/// For whoever set it.
impl std::fmt::Display for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { calls_months, notes_months, audit_months, traces_days, events_days } = self;
        write!(
            f,
            "Kept: calls {calls_months} months, notes {notes_months} months, audit log {audit_months} months, traces \
             {traces_days} days, events {events_days} days."
        )
    }
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Revisions of calls.
    pub calls: u64,
    /// Values of attributes with a time of their own.
    pub values: u64,
    /// Numbers, names and values of customers.
    pub personal: u64,
    /// Entries of the audit log.
    pub audit: u64,
    /// Events of the outbox.
    pub events: u64,
    /// Why nothing was deleted, if the clock is not believed.
    pub doubt: Option<Doubt>,
}

/// Why the clock is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The newest call is far away.
    #[error(
        "nothing is deleted for its age: the newest call began {days} days from now, so the clock or the calls are wrong; set \
         the clock of this machine, or wait for the next call"
    )]
    FarFromCalls {
        /// How far.
        days: i64,
    },
    /// It jumped.
    #[error(
        "nothing is deleted for its age: the clock moved by more than a month between two looks; if it is right, nothing has to \
         be done, and what is old goes again in {days} days; else set the clock of this machine"
    )]
    Jumped {
        /// Until it is believed.
        days: i64,
    },
}

impl Retention {
    /// The month before which calls go.
    fn oldest(months: u32, now_ms: i64) -> Month {
        Month(Month::of(now_ms).0 - i64::from(months))
    }
}

/// Carries the settings out.
pub(super) async fn apply(tx: &mut Transaction, input: &RetentionInput) -> Result<(), StoreError> {
    if input.all().contains(&Some(0)) {
        return Err(StoreError::Input(
            "a time of [tenant.retention] is 0, and what is kept for no time would be deleted at once; give 1 or more"
                .to_owned(),
        ));
    }
    query(
        "UPDATE tenant SET keep_calls_months = COALESCE($1, keep_calls_months), \
         keep_notes_months = COALESCE($2, keep_notes_months), keep_audit_months = COALESCE($3, keep_audit_months), \
         keep_traces_days = COALESCE($4, keep_traces_days), keep_events_days = COALESCE($5, keep_events_days)",
    )
    .bind(input.calls_months)
    .bind(input.notes_months)
    .bind(input.audit_months)
    .bind(input.traces_days)
    .bind(input.events_days)
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// How long what is kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn retention(&self) -> Result<Retention, StoreError> {
        let row: Row = query(
            "SELECT keep_calls_months, keep_notes_months, keep_audit_months, keep_traces_days, keep_events_days FROM tenant",
        )
        .fetch_one(self.database())
        .await?;
        Ok(Retention {
            calls_months: row.get(0)?,
            notes_months: row.get(1)?,
            audit_months: row.get(2)?,
            traces_days: row.get(3)?,
            events_days: row.get(4)?,
        })
    }

    /// Deletes what is too old. Whatever it did stays done if it ends in the middle.
    ///
    /// # Errors
    /// When the database refuses; the next time it goes on from there.
    pub async fn retain(&self, now_ms: i64, retention: &Retention) -> Result<Retained, StoreError> {
        if let Some(doubt) = self.doubt(now_ms).await? {
            return Ok(Retained { doubt: Some(doubt), ..Retained::default() });
        }
        let oldest = Retention::oldest(retention.calls_months, now_ms);
        let calls = self.delete_calls_before(oldest).await?;
        let first_day = oldest.begins_ms().div_euclid(DAY_MS);
        let values = self.delete_values(now_ms, first_day).await?;
        let personal = self
            .delete_rows(
                "DELETE FROM personal_data WHERE id IN \
                 (SELECT id FROM personal_data WHERE last_day < $1 ORDER BY last_day LIMIT $2)",
                first_day,
            )
            .await?;
        let audit = self
            .delete_rows(
                "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at_ms < $1 ORDER BY id LIMIT $2)",
                Retention::oldest(retention.audit_months, now_ms).begins_ms(),
            )
            .await?;
        let events = self.trim_outbox(now_ms - i64::from(retention.events_days) * DAY_MS).await?;
        // The last: on PostgreSQL it is put off while somebody reads.
        self.write(|mut tx| async move {
            super::calls::drop_months_before(&mut tx, oldest).await?;
            tx.commit().await
        })
        .await?;
        let personal = personal + values.1;
        if personal > 0 {
            self.tidy_personal_data().await;
        }
        Ok(Retained { calls, values: values.0, personal, audit, events, doubt: None })
    }

    /// Whether the clock is believed; remembers what it says.
    async fn doubt(&self, now_ms: i64) -> Result<Option<Doubt>, StoreError> {
        self.write(|mut tx| async move {
            let newest: Option<i64> = query("SELECT MAX(started_ms) FROM call_revisions WHERE started_ms <= $1")
                // One call of a PBX whose clock is ahead does not say that it is so late.
                .bind(now_ms.saturating_add(DAY_MS))
                .fetch_scalar(&mut tx)
                .await?;
            let before: Option<(i64, i64)> =
                query("SELECT seen_ms, believe_ms FROM retention").fetch_optional(&mut tx).await?;
            let moved = before.map_or(0, |(seen_ms, _)| now_ms.abs_diff(seen_ms).cast_signed());
            let believe_ms = match before {
                Some(_) if moved > JUMP_MS => now_ms + DOUBT_MS,
                Some((_, believe_ms)) => believe_ms,
                None => now_ms,
            };
            query(
                "INSERT INTO retention (id, seen_ms, believe_ms) VALUES (1, $1, $2) ON CONFLICT (id) DO UPDATE SET \
                 seen_ms = excluded.seen_ms, believe_ms = excluded.believe_ms",
            )
            .bind(now_ms)
            .bind(believe_ms)
            .execute(&mut tx)
            .await?;
            tx.commit().await?;
            let apart = newest.map_or(0, |newest| now_ms - newest);
            Ok(if apart > APART_MS {
                Some(Doubt::FarFromCalls { days: apart / DAY_MS })
            } else if now_ms < believe_ms {
                Some(Doubt::Jumped { days: (believe_ms - now_ms + DAY_MS - 1) / DAY_MS })
            } else {
                None
            })
        })
        .await
    }

    /// Deletes rows by a statement with an age and a limit, in parts.
    async fn delete_rows(&self, sql: &'static str, before: i64) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let part = self
                .write(|mut tx| async move {
                    let part = query(sql).bind(before).bind(ROWS_AT_ONCE).execute(&mut tx).await?;
                    tx.commit().await?;
                    Ok(part)
                })
                .await?;
            deleted += part;
            if part < u64::from(ROWS_AT_ONCE) {
                return Ok(deleted);
            }
        }
    }

    /// Deletes the calls of the months before one; how many revisions.
    async fn delete_calls_before(&self, oldest: Month) -> Result<u64, StoreError> {
        let before_ms = oldest.begins_ms();
        let mut deleted = 0;
        while let Some(until_ms) = self.end_of_part(before_ms).await? {
            deleted += self
                .write(|mut tx| async move {
                    let part = super::calls::delete_until(&mut tx, until_ms).await?;
                    tx.commit().await?;
                    Ok(part)
                })
                .await?;
        }
        Ok(deleted)
    }

    /// The moment up to which there are few enough calls to be deleted at once, if there are any so old.
    async fn end_of_part(&self, before_ms: i64) -> Result<Option<i64>, StoreError> {
        let oldest: Vec<(i64,)> =
            query("SELECT started_ms FROM call_revisions WHERE started_ms < $1 ORDER BY started_ms LIMIT $2")
                .bind(before_ms)
                .bind(CALLS_AT_ONCE)
                .fetch_all(self.database())
                .await?;
        Ok(oldest.last().map(|(started_ms,)| *started_ms))
    }

    /// Deletes values of attributes that are not kept as long as their calls, day by day; how many, and how many of them were
    /// apart.
    async fn delete_values(&self, now_ms: i64, first_day: i64) -> Result<(u64, u64), StoreError> {
        let (mut values, mut personal) = (0, 0);
        let progress: Vec<(String, Option<i64>)> =
            query("SELECT name, deleted_day FROM attributes").fetch_all(self.database()).await?;
        let progress: BTreeMap<String, Option<i64>> = progress.into_iter().collect();
        for attribute in self.attributes().await? {
            let Some(days) = attribute.retention_days else { continue };
            let until = now_ms.div_euclid(DAY_MS) - i64::from(days);
            let from = match progress.get(&attribute.name).copied().flatten() {
                Some(day) => day,
                None => first_day,
            };
            for day in from..until {
                values += self
                    .write(|mut tx| {
                        let name = attribute.name.as_str();
                        async move {
                            let part = attributes::delete_values(&mut tx, name, day).await?;
                            tx.commit().await?;
                            Ok(part)
                        }
                    })
                    .await?;
            }
            if from < until {
                personal += self
                    .write(|mut tx| {
                        let name = attribute.name.as_str();
                        async move {
                            let part = attributes::delete_personal(&mut tx, name, until).await?;
                            tx.commit().await?;
                            Ok(part)
                        }
                    })
                    .await?;
            }
        }
        Ok((values, personal))
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
