//! Settings with the moment from which they hold.

use central_api::{QueueId, UserId};
use serde::Deserialize;

use super::Moment;
use super::moment::shown;
use crate::directory::{
    GroupId, Scope, ServiceLevelTarget, ServiceLevelWithin, Setting, Settings, ShortCall, Tracked, is_understood,
};
use crate::store::engine::{Connection, Row, Transaction, query};
use crate::store::{Store, StoreError, codec};

/// `[tenant.figures]`, `[queue.figures]`, `[group.figures]`: what is left out stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiguresInput {
    /// An answer within so many seconds is in time.
    pub service_level_s: Option<u32>,
    /// So many of a hundred are to be in time.
    pub service_level_percent: Option<u32>,
    /// Who gives up before so many seconds is not lost.
    pub short_call_s: Option<u32>,
    /// From when on what stands here holds; absent: from now on.
    pub valid_from: Option<Moment>,
}

impl Store {
    /// What holds at this moment: what is said of the scope itself, else of the tenant, else the default. Who asks often has
    /// all of them in the directory.
    ///
    /// # Errors
    /// When the database does not answer or holds what this program does not know.
    pub async fn setting_at<S: Setting>(&self, scope: Scope, at_ms: i64) -> Result<S::Value, StoreError> {
        Ok(read(self.snapshot().await?.connection()).await?.at::<S>(scope, at_ms))
    }
}

/// Writes the figures of a scope; `what` is how people call it.
pub(in crate::store) async fn apply(
    tx: &mut Transaction,
    what: &str,
    scope: Scope,
    input: &FiguresInput,
    now_ms: i64,
) -> Result<(), StoreError> {
    if let Some(percent) = input.service_level_percent.filter(|percent| *percent > 100) {
        return Err(StoreError::Input(format!(
            "the figures of {what} cannot ask for {percent} % in time, there are only 100; write service_level_percent from 0 to 100"
        )));
    }
    let from = input.valid_from;
    if let Some(value) = input.service_level_s {
        set::<ServiceLevelWithin>(tx, what, scope, value, from, now_ms).await?;
    }
    if let Some(value) = input.service_level_percent {
        set::<ServiceLevelTarget>(tx, what, scope, value, from, now_ms).await?;
    }
    if let Some(value) = input.short_call_s {
        set::<ShortCall>(tx, what, scope, value, from, now_ms).await?;
    }
    Ok(())
}

/// Whether a person's figures are made.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::store) struct TrackedInput {
    pub tracked: Option<bool>,
    pub from: Option<Moment>,
    pub until: Option<Moment>,
}

/// Writes it; `what` is how people call the person.
pub(in crate::store) async fn apply_tracked(
    tx: &mut Transaction,
    what: &str,
    user: UserId,
    input: TrackedInput,
    now_ms: i64,
) -> Result<(), StoreError> {
    let Some(tracked) = input.tracked else {
        if input.from.is_some() || input.until.is_some() {
            return Err(StoreError::Input(format!(
                "{what} has dates of tracking and does not say whether it is on then; write tracked = true or false beside them"
            )));
        }
        return Ok(());
    };
    let begins = input.from.map_or(now_ms, |from| from.0);
    if input.until.is_some_and(|until| until.0 <= begins) {
        // A file with an end is taken again when that is over: it must not begin anew.
        if input.from.is_none() {
            return Ok(());
        }
        return Err(StoreError::Input(format!(
            "the tracking of {what} ends before it begins; correct tracked_from or tracked_until"
        )));
    }
    let scope = Scope::User(user);
    let known = read(tx.connection()).await?;
    if known.own_at::<Tracked>(scope, begins).is_some() || tracked != <Tracked as Setting>::default() {
        set::<Tracked>(tx, what, scope, tracked, input.from, now_ms).await?;
    }
    match input.until {
        Some(until) if until.0 > now_ms => set::<Tracked>(tx, what, scope, !tracked, Some(until), now_ms).await,
        _ => Ok(()),
    }
}

/// From now on, or from a later moment: the past stays as it was. What was said before and is past by now is no change.
async fn set<S: Setting>(
    tx: &mut Transaction,
    what: &str,
    scope: Scope,
    value: S::Value,
    from: Option<Moment>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let at_ms = from.map_or(now_ms, |from| from.0);
    if read(tx.connection()).await?.own_at::<S>(scope, at_ms).as_ref() == Some(&value) {
        return Ok(());
    }
    if at_ms < now_ms {
        return Err(StoreError::Input(format!(
            "{} of {what} cannot change from {} on: that is past, and figures of the past stay as they were told; leave the date \
             out, or give one to come",
            S::NAME,
            shown(at_ms)
        )));
    }
    let (word, id) = to_columns(scope);
    query(
        "INSERT INTO settings (name, scope, scope_id, valid_from_ms, value) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (name, scope, scope_id, valid_from_ms) DO UPDATE SET value = excluded.value",
    )
    .bind(S::NAME)
    .bind(word)
    .bind(id)
    .bind(at_ms)
    .bind(codec::json(&value)?)
    .execute(tx)
    .await?;
    Ok(())
}

/// All of them.
pub(super) async fn read(now: &mut Connection) -> Result<Settings, StoreError> {
    let mut settings = Settings::default();
    for row in query("SELECT * FROM settings").fetch_all::<Row>(now).await? {
        let (name, value): (String, String) = (row.get("name")?, row.get("value")?);
        if !is_understood(&name, &value) {
            return Err(StoreError::Row(format!("{name} = {value}")));
        }
        settings.put(&name, from_columns(row.get("scope")?, row.get("scope_id")?)?, row.get("valid_from_ms")?, value);
    }
    Ok(settings)
}

fn to_columns(scope: Scope) -> (&'static str, i64) {
    match scope {
        Scope::Tenant => ("tenant", 0),
        Scope::Queue(queue) => ("queue", queue.0),
        Scope::Group(group) => ("group", group.0),
        Scope::User(user) => ("user", user.0),
    }
}

fn from_columns(word: String, id: i64) -> Result<Scope, StoreError> {
    match word.as_str() {
        "tenant" => Ok(Scope::Tenant),
        "queue" => Ok(Scope::Queue(QueueId(id))),
        "group" => Ok(Scope::Group(GroupId(id))),
        "user" => Ok(Scope::User(UserId(id))),
        _ => Err(StoreError::Row(word)),
    }
}
