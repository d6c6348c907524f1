//! Calls that are over: written once each, told anew where they were told wrongly, read back as they were told.
//!
//! A call is rows of the four grains and what hangs on them, which reports go by, and one document of what no report asks by
//! ([`document`]). What is a customer's stands in neither ([`apart`], [`personal`]).

mod apart;
mod days;
mod document;
mod forgotten;
mod months;
mod personal;
mod read;
mod rows;
mod splits;
mod told;
mod words;

#[cfg(test)]
mod figures;
#[cfg(test)]
pub(crate) mod generated;
#[cfg(test)]
mod tests;

pub(super) use apart::folded;
pub(crate) use apart::{Numbers, Text};
pub use days::ChangedDay;
pub use months::shown_utc;
pub(super) use months::{DAY_MS, Month, delete_until, drop_before as drop_months_before};
pub(super) use personal::tail;
pub use read::{Listing, StoredCall};
pub use splits::Channel;

use calls::{Call, Ended};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::engine::{Insert, Transaction, query};
use super::{Event, Store, StoreError, attributes};
use told::{Catalogue, Told};

static REVISIONS: Insert = Insert::new(
    "INSERT INTO call_revisions (id, revision, started_ms, told_ms, why)",
    "ON CONFLICT (id, revision) DO NOTHING RETURNING id",
);
static ABSORBED: Insert =
    Insert::new("INSERT INTO call_absorbed (id, into_id)", "ON CONFLICT (id) DO UPDATE SET into_id = excluded.into_id");

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Put {
    /// Calls that are there now and were not.
    pub new: usize,
    /// Calls that were there already; they stay as they are.
    pub known: usize,
}

impl Store {
    /// Writes calls that are over, all or none. One whose id is there already is not written again, so whoever was killed may
    /// tell everything again.
    ///
    /// # Errors
    /// When the database refuses; what passes may be tried again as it is.
    pub async fn put_calls(&self, calls: &[Ended], now_ms: i64) -> Result<Put, StoreError> {
        let mut ids = HashSet::new();
        let once: Vec<&Ended> = calls.iter().filter(|ended| ids.insert(ended.id)).collect();
        if once.is_empty() {
            return Ok(Put::default());
        }
        let once = &once;
        self.write(|mut tx| async move {
            let new = put(&mut tx, once, now_ms).await?;
            tx.commit().await?;
            Ok(Put { new, known: calls.len() - new })
        })
        .await
    }

    /// Writes the next revision of a call that is there: derived again, or with a part of it split off. `why` is one word for
    /// whoever compares the revisions. Its number.
    ///
    /// # Errors
    /// When there is no such call, or the database refuses.
    pub async fn correct_call(&self, id: u64, call: &Call, why: &str, now_ms: i64) -> Result<i64, StoreError> {
        let id = own_id(id)?;
        self.write(|mut tx| async move {
            let revision = correct(&mut tx, id, call, why, now_ms).await?;
            tx.commit().await?;
            Ok(revision)
        })
        .await
    }
}

async fn put(tx: &mut Transaction, calls: &[&Ended], now_ms: i64) -> Result<usize, StoreError> {
    let ids = calls.iter().map(|ended| Ok((own_id(ended.id)?, *ended)));
    let ids: BTreeMap<i64, &Ended> = ids.collect::<Result<_, StoreError>>()?;
    let firsts: Vec<(i64, i64)> = ids.iter().map(|(id, ended)| (*id, ended.call.began_ms)).collect();
    let mut new: Vec<(i64,)> = tx
        .insert_returning(&REVISIONS, &firsts, |(id, started_ms), row| {
            row.add(*id).add(1_i64).add(*started_ms).add(now_ms).add("");
        })
        .await?;
    new.sort_unstable();
    if new.is_empty() {
        return Ok(0);
    }
    let catalogue = attributes::read(&mut *tx).await?;
    let catalogue = Catalogue::new(&catalogue);
    let told = new.iter().filter_map(|(id,)| Some(Told::new(*id, 1, &ids.get(id)?.call, &catalogue)));
    let told: Vec<Told<'_>> = told.collect();
    write(tx, &told).await?;
    let absorbed = new.iter().filter_map(|(id,)| ids.get(id).map(|ended| (*id, *ended)));
    let absorbed = absorbed.flat_map(|(into, ended)| ended.absorbed.iter().map(move |id| Ok((own_id(*id)?, into))));
    let absorbed: BTreeMap<i64, i64> = absorbed.collect::<Result<_, StoreError>>()?;
    let absorbed: Vec<(i64, i64)> = absorbed.into_iter().collect();
    tx.insert(&ABSORBED, &absorbed, |(id, into), row| {
        row.add(*id).add(*into);
    })
    .await?;
    days::changed(tx, &told.iter().map(Told::day).collect()).await?;
    let event =
        |told: &Told<'_>| event("call-ended", told, ids.get(&told.id).map_or(&[], |ended| &*ended.absorbed), now_ms);
    let events: Vec<Event> = told.iter().map(event).collect();
    tx.tell(&events).await?;
    Ok(told.len())
}

async fn correct(tx: &mut Transaction, id: i64, call: &Call, why: &str, now_ms: i64) -> Result<i64, StoreError> {
    let former: Option<(i64, i64)> =
        query("SELECT revision, started_ms FROM call_revisions WHERE id = $1 ORDER BY revision DESC LIMIT 1")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
    let (former, started_ms) = former.ok_or_else(|| {
        StoreError::Input(format!("there is no call {id} to correct; it may have been deleted for its age"))
    })?;
    for table in months::TABLES.iter().filter(|table| !matches!(**table, "call_documents" | "call_personal")) {
        let sql = format!("UPDATE {table} SET current = 0 WHERE started_ms = $1 AND id = $2 AND revision = $3");
        query(sqlx::AssertSqlSafe(sql)).bind(started_ms).bind(id).bind(former).execute(tx).await?;
    }
    let revision = former + 1;
    tx.insert(&REVISIONS, &[()], |(), row| {
        row.add(id).add(revision).add(call.began_ms).add(now_ms).add(why);
    })
    .await?;
    let catalogue = attributes::read(&mut *tx).await?;
    let forgotten = forgotten::in_revision(tx, started_ms, id, former).await?;
    let bared = (!forgotten.is_empty()).then(|| forgotten::without(call, &catalogue));
    let told = [Told::new(id, revision, bared.as_ref().unwrap_or(call), &Catalogue::new(&catalogue))];
    write(tx, &told).await?;
    rows::refer(tx, &told[0], &forgotten).await?;
    let days = BTreeSet::from([started_ms.div_euclid(months::DAY_MS), told[0].day()]);
    days::changed(tx, &days).await?;
    tx.tell(&[event("call-corrected", &told[0], &[], now_ms)]).await?;
    Ok(revision)
}

/// All of what is told, in the tables.
async fn write(tx: &mut Transaction, told: &[Told<'_>]) -> Result<(), StoreError> {
    months::make(tx, &told.iter().map(|told| Month::of(told.started_ms())).collect()).await?;
    let ids = personal::find_or_make(tx, &told::wanted(told)).await?;
    rows::write(tx, told, &ids).await?;
    attributes::count_misfits(tx, told.iter().flat_map(|told| &told.values).map(|value| (value.attribute, value.text)))
        .await
}

/// What others hear of a call. Nothing personal: who may know more asks for the call.
fn event(kind: &'static str, told: &Told<'_>, absorbed: &[u64], now_ms: i64) -> Event {
    let call = told.call;
    let queues: BTreeSet<(u32, &str)> = call.visits.iter().map(|visit| (visit.pbx, visit.queue.as_str())).collect();
    let mut body = json!({
        "call": told.id,
        "revision": told.revision,
        "direction": call.direction,
        "began_ms": call.began_ms,
        "answered_ms": call.answered_ms,
        "ended_ms": call.ended_ms,
        "queues": queues.iter().map(|(pbx, queue)| json!({ "pbx": pbx, "queue": queue })).collect::<Vec<_>>(),
    });
    if !absorbed.is_empty() {
        body["absorbed"] = json!(absorbed);
    }
    // Not when it ended: events are trimmed by their age, and one from a PBX whose clock is ahead would hold all others back.
    Event { at_ms: now_ms, kind, key: told.id.to_string(), body: body.to_string() }
}

/// Ids are whole numbers that JavaScript can count to; the collector's come from [`Store::reserve_ids`].
fn own_id(id: u64) -> Result<i64, StoreError> {
    i64::try_from(id).map_err(|_| StoreError::NoIds("call".to_owned()))
}
