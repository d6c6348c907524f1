//! What no report asks by, as one JSON text a call: the caller's way through the dialplan, the channels, why they are one call.
//! Short on purpose, since there is one for each call of years: instants count from the call's begin, uniqueids stand once.

use calls::Call;
use calls::call::{Clock, Joined, Step};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;

use super::words::{self, Word as _};
use crate::store::{StoreError, codec};

/// When, context, extension, keys.
type Place<'c> = (i64, Cow<'c, str>, Cow<'c, str>, Cow<'c, str>);
/// When, one, another, why.
type Join<'c> = (i64, usize, usize, Cow<'c, str>);

/// The document. Later versions may add fields and not change any.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Document<'c> {
    /// Uniqueids that the rest refers to by their place.
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    ids: Vec<Cow<'c, str>>,
    /// Of each party.
    #[serde(default)]
    channels: Vec<Vec<usize>>,
    /// The caller's way.
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    steps: Vec<Place<'c>>,
    /// Why the channels are one call.
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    joins: Vec<Join<'c>>,
    /// PBX, by how much its clock was ahead, ms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    clocks: Vec<(u32, i64)>,
}

impl<'c> Document<'c> {
    /// Of a call; `apart` says how a text stands here that may hold a customer's number.
    pub fn of(call: &'c Call, apart: impl Fn(&'c str) -> Cow<'c, str>) -> Self {
        let mut ids = Ids::default();
        let channels = call.parties.iter().map(|party| party.channels.iter().map(|id| ids.place(id)).collect());
        let channels = channels.collect();
        let joins = call.joins.iter().map(|join| {
            (
                join.at_ms.wrapping_sub(call.began_ms),
                ids.place(&join.one),
                ids.place(&join.two),
                Cow::Borrowed(join.reason.word()),
            )
        });
        let joins = joins.collect();
        let steps = call.steps.iter().map(|step| {
            (step.at_ms.wrapping_sub(call.began_ms), apart(&step.context), apart(&step.exten), apart(&step.keys))
        });
        let clocks = call.clocks.iter().map(|clock| (clock.pbx, clock.ahead_ms));
        Self { ids: ids.ids, channels, steps: steps.collect(), joins, clocks: clocks.collect() }
    }

    /// As it is stored.
    pub fn written(&self) -> Result<String, StoreError> {
        codec::json(self)
    }

    /// Back.
    pub fn read(text: &'c str) -> Result<Self, StoreError> {
        // Not quoted in the error: a way through the dialplan is nobody's business but the call's.
        serde_json::from_str(text).map_err(|error| StoreError::Row(format!("the document of a call: {error}")))
    }

    /// Uniqueids of a party.
    pub fn channels(&self, party: usize) -> Result<Vec<String>, StoreError> {
        self.channels.get(party).into_iter().flatten().map(|place| self.id(*place)).collect()
    }

    /// The way through the dialplan, with numbers filled in.
    pub fn steps(&self, began_ms: i64, filled: impl Fn(&str) -> String) -> Vec<Step> {
        let step = |(at, context, exten, keys): &Place<'_>| Step {
            at_ms: began_ms.wrapping_add(*at),
            context: filled(context),
            exten: filled(exten),
            keys: filled(keys),
        };
        self.steps.iter().map(step).collect()
    }

    /// Why the channels are one call.
    pub fn joins(&self, began_ms: i64) -> Result<Vec<Joined>, StoreError> {
        let joined = |(at, one, two, reason): &Join<'_>| {
            let (one, two) = (self.id(*one)?, self.id(*two)?);
            Ok(Joined { at_ms: began_ms.wrapping_add(*at), one, two, reason: words::read(reason)? })
        };
        self.joins.iter().map(joined).collect()
    }

    /// How the clocks of its PBXs went.
    pub fn clocks(&self) -> Vec<Clock> {
        self.clocks.iter().map(|(pbx, ahead_ms)| Clock { pbx: *pbx, ahead_ms: *ahead_ms }).collect()
    }

    fn id(&self, place: usize) -> Result<String, StoreError> {
        let id = self.ids.get(place).map(|id| id.clone().into_owned());
        id.ok_or_else(|| StoreError::Row("the document of a call names a channel that it does not have".to_owned()))
    }
}

#[derive(Default)]
struct Ids<'c> {
    ids: Vec<Cow<'c, str>>,
    places: HashMap<&'c str, usize>,
}

impl<'c> Ids<'c> {
    fn place(&mut self, id: &'c str) -> usize {
        *self.places.entry(id).or_insert_with(|| {
            self.ids.push(Cow::Borrowed(id));
            self.ids.len() - 1
        })
    }
}
