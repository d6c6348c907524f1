//! Past calls told again, from their raw material: by what is known of the house today, and with the joins split that a person has
//! seen to be wrong.

use std::collections::BTreeSet;
use std::path::Path;

use calls::{Assembly, Call, Ended, PbxIx};

use super::House;
use super::raw::Raw;
use crate::store::{Channel, Listing, Store, StoreError, StoredCall};

/// Ids that are reserved for what is told of one federation.
const IDS: u32 = 10_000;

/// By so much its first event may have been told otherwise when a call was stored.
const AROUND_MS: i64 = 60_000;

/// What became of calls that were told again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Again {
    /// As they were.
    pub same: usize,
    /// Told otherwise now; they have a new revision.
    pub corrected: usize,
    /// That were not stored, or were a part of another.
    pub new: usize,
}

/// Why calls cannot be told again.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Raw material.
    #[error(
        "the raw material of calls cannot be read: {0}. Look at the directory `calls/raw` in the data directory and its rights"
    )]
    Raw(#[from] std::io::Error),
    /// Nothing to split.
    #[error("{0}")]
    Split(String),
}

/// How calls are told again.
#[derive(Debug, Clone, Copy)]
pub struct Teller<'a> {
    /// Where they are stored.
    pub store: &'a Store,
    /// Data directory of the server.
    pub data_dir: &'a Path,
    /// What is known of the house.
    pub house: &'a House,
}

impl Teller<'_> {
    /// Tells the calls again that ended between two instants.
    ///
    /// # Errors
    /// When raw material cannot be read, or the database refuses.
    pub async fn tell(self, from_ms: i64, to_ms: i64, now_ms: i64) -> Result<Again, AgainError> {
        let ended = |call: &Call| call.ended_ms.is_some_and(|ended| (from_ms..to_ms).contains(&ended));
        let told = self.told((from_ms, to_ms)).await?.into_iter().filter(|told| ended(&told.call)).collect();
        self.keep(told, "derived", now_ms).await
    }

    /// Splits a call between two of its channels, by their uniqueids.
    ///
    /// # Errors
    /// When there is no such call or channel, its raw material is gone, or the database refuses.
    pub async fn split(self, id: u64, one: &str, two: &str, who: &str, now_ms: i64) -> Result<Again, AgainError> {
        let none = || AgainError::Split(format!("there is no call {id}; `linedesk-central call show ID` shows one"));
        let call = self.store.call(id).await?.ok_or_else(none)?.call;
        let channels = [one, two].map(|uniqueid| channel(&call, uniqueid));
        let [Some(one), Some(two)] = channels else {
            return Err(AgainError::Split(format!(
                "the call {id} has no two channels {one} and {two}; `linedesk-central call show {id}` shows what joined it"
            )));
        };
        let span = (call.began_ms, call.ended_ms.unwrap_or(now_ms));
        self.store.split(&one, &two, who, now_ms).await?;
        let of_call = channels_of(&call);
        let mut parts = self.told(span).await?;
        parts.retain(|part| !channels_of(&part.call).is_disjoint(&of_call));
        if parts.len() < 2 {
            return Err(AgainError::Split(format!(
                "the raw material of the call {id} is no longer there (it is kept for 14 days), or nothing else holds its parts \
                 apart; that the two are different calls is noted"
            )));
        }
        self.keep(parts, "split", now_ms).await
    }

    async fn told(self, span: (i64, i64)) -> Result<Vec<Ended>, AgainError> {
        let apart = self.store.splits().await?;
        let mut told: Vec<Ended> = Vec::new();
        let mut nameless = Vec::new();
        for raw in Raw::all(&Raw::directory(self.data_dir))? {
            let mut assembly = Assembly::new();
            // Of calls that had no id of their own.
            let ids = self.store.reserve_ids("call", IDS).await?.whole();
            assembly.give_ids(ids.clone());
            assembly.keep_attributes(self.house.attributes.iter().map(String::as_str));
            for (one, two) in &apart {
                let key = |channel: &Channel| PbxIx(u32::try_from(channel.0).unwrap_or(u32::MAX));
                assembly.keep_apart((key(one), &one.1), (key(two), &two.1));
            }
            raw.tell_again(span, assembly, &*self.house.directory, |ended| {
                if ids.contains(&ended.id) { nameless.push(ended) } else { told.push(ended) }
            })?;
        }
        let mut taken: BTreeSet<u64> = told.iter().map(|ended| ended.id).collect();
        for mut ended in nameless {
            if let Some(id) = self.stored_as(&ended.call, &taken).await? {
                taken.insert(id);
                ended.id = id;
            }
            told.push(ended);
        }
        Ok(told)
    }

    /// The id of a call that was told without one, where it was stored when it was told so before: no channel is of two calls.
    async fn stored_as(self, call: &Call, taken: &BTreeSet<u64>) -> Result<Option<u64>, AgainError> {
        let channels = channels_of(call);
        let to_ms = call.ended_ms.unwrap_or(call.began_ms).saturating_add(1);
        let mut listing = Listing::begun(call.began_ms.saturating_sub(AROUND_MS), to_ms);
        loop {
            let page = self.store.next_calls(&mut listing, 500).await?;
            if page.is_empty() {
                return Ok(None);
            }
            let same =
                |stored: &&StoredCall| !taken.contains(&stored.id) && !channels.is_disjoint(&channels_of(&stored.call));
            if let Some(stored) = page.iter().find(same) {
                return Ok(Some(stored.id));
            }
        }
    }

    async fn keep(self, told: Vec<Ended>, why: &str, now_ms: i64) -> Result<Again, AgainError> {
        let mut again = Again::default();
        for ended in told {
            match self.store.call(ended.id).await? {
                None => {
                    self.store.put_calls(std::slice::from_ref(&ended), now_ms).await?;
                    again.new += 1;
                }
                // Who was forgotten stays so.
                Some(stored) if stored.forgotten || alike(&stored.call, &ended.call) => again.same += 1,
                Some(stored) => {
                    let call = Call { clocks: stored.call.clocks, ..ended.call };
                    self.store.correct_call(ended.id, &call, why, now_ms).await?;
                    again.corrected += 1;
                }
            }
        }
        Ok(again)
    }
}

/// But for attributes, of which only those are stored that the catalogue names, and clocks, of which the raw material says nothing.
fn alike(one: &Call, two: &Call) -> bool {
    let bare = |call: &Call| Call { attributes: Vec::new(), clocks: Vec::new(), ..call.clone() };
    bare(one) == bare(two)
}

fn channels_of(call: &Call) -> BTreeSet<(u32, &str)> {
    let of_parties = call.parties.iter().flat_map(|party| party.channels.iter().map(|id| (party.pbx, id.as_str())));
    of_parties.collect()
}

/// A channel of a call; where it is nobody's (a Local channel), at the caller's PBX.
fn channel(call: &Call, uniqueid: &str) -> Option<Channel> {
    let own = call.parties.iter().find(|party| party.channels.iter().any(|id| id == uniqueid));
    let joined = || call.joins.iter().any(|join| join.one == uniqueid || join.two == uniqueid);
    let party = own.or_else(|| call.parties.get(call.caller).filter(|_| joined()))?;
    Some((i64::from(party.pbx), uniqueid.to_owned()))
}
