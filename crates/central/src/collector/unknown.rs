//! What calls show that nobody has said of the house: places of the dialplan that no rule knows, endpoints, queues, numbers and
//! fields of user events that are in no directory. Pure.
//!
//! Only what a person can say something of. A customer's number is no such thing: it is counted by its shape.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher as _;

use calls::call::{Call, Direction, Party, Who};
use central_api::PbxId;

use crate::classify::{Sighting, Sightings, Verdict};
use crate::directory::{CameBy, Directory, InCalls, Known, Shown, named, pbx_id};
use crate::store::{Attribute, Numbers, Text};

/// So many places or names wait to be stored; when there are more, what is new has to wait for the next time it is seen.
const MOST: usize = 2_000;

/// Numbers at the far end of one endpoint that are told apart: three make it a line, and more say nothing more.
const FAR_NUMBERS: usize = 16;

/// What is known, to which calls are compared.
#[derive(Debug)]
pub(super) struct Knowledge {
    pub(super) directory: Directory,
    /// Fields of user events that are attributes, `NAME.FIELD`.
    fields: HashSet<String>,
}

impl Knowledge {
    pub(super) fn new(directory: Directory, catalogue: &[Attribute]) -> Self {
        let fields = catalogue.iter().filter_map(|attribute| attribute.source.of_user_event()).collect();
        Self { directory, fields }
    }
}

/// What was not known, gathered.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    places: HashMap<Place, Sightings>,
    shown: HashMap<(PbxId, Shown, String), Times>,
    hasher: std::hash::RandomState,
}

type Place = (PbxId, String, String, String, Option<String>);

#[derive(Debug)]
struct Times {
    count: u64,
    first_ms: i64,
    last_ms: i64,
    /// Their hashes: whose numbers they are is nothing to keep.
    far_numbers: BTreeSet<u64>,
}

impl Unknown {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.shown.is_empty()
    }

    /// For [`Store::seen`](crate::store::Store::seen).
    pub(super) fn places(&self) -> Vec<Sightings> {
        let mut places: Vec<Sightings> = self.places.values().cloned().collect();
        // The first sightings become the examples.
        places.sort_by_key(|place| place.first.at_ms);
        places
    }

    /// For [`Store::keep_in_calls`](crate::store::Store::keep_in_calls).
    pub(super) fn shown(&self) -> BTreeMap<PbxId, Vec<InCalls>> {
        let mut of_pbx: BTreeMap<PbxId, Vec<InCalls>> = BTreeMap::new();
        for ((pbx, what, name), times) in &self.shown {
            of_pbx.entry(*pbx).or_default().push(InCalls {
                what: *what,
                name: name.clone(),
                count: times.count,
                first_ms: times.first_ms,
                last_ms: times.last_ms,
                far_numbers: u32::try_from(times.far_numbers.len()).unwrap_or(u32::MAX),
            });
        }
        of_pbx
    }

    /// Takes what a call shows.
    pub(super) fn look_at(&mut self, call: &Call, known: &Knowledge) {
        let numbers = Numbers::of(call);
        if let Some(caller) = call.parties.get(call.caller) {
            self.way(call, &numbers, known);
            self.dialled(call, caller, known);
        }
        self.endpoints(call, &numbers, known);
        let visits: BTreeSet<(u32, &str)> = call.visits.iter().map(|visit| (visit.pbx, visit.queue.as_str())).collect();
        for (pbx, queue) in visits {
            let pbx = pbx_id(calls::PbxIx(pbx));
            if known.directory.queue(pbx, queue).is_none() {
                self.show(pbx, Shown::Queue, queue, call.began_ms);
            }
        }
        self.fields(call, known);
    }

    /// The caller's way through the dialplan, where no rule knows it.
    fn way(&mut self, call: &Call, numbers: &Numbers<'_>, known: &Knowledge) {
        let Some(CameBy { pbx, channel, trunk }) = known.directory.came_by(call) else { return };
        for step in &call.steps {
            let theirs = |text: &str, kind| matches!(numbers.apart(text, kind, |_| Some(0)), Cow::Owned(_));
            let of_customer = step.exten.len() > 2 && theirs(&step.exten, Text::Dialled);
            let place = (pbx, step.context.clone(), step.exten.clone(), channel.clone(), trunk.clone());
            let (room, is_private) = (self.places.len() < MOST, theirs(&step.context, Text::Named));
            match self.places.entry(place) {
                Entry::Occupied(mut seen) => {
                    let seen = seen.get_mut();
                    seen.count += 1;
                    seen.first.at_ms = seen.first.at_ms.min(step.at_ms);
                    seen.last_ms = seen.last_ms.max(step.at_ms);
                }
                Entry::Vacant(new) => {
                    let (pbx, context, exten, channel, trunk) = new.key().clone();
                    let sighting = Sighting { pbx, context, exten, channel, trunk, of_customer, at_ms: step.at_ms };
                    let is_unknown = || known.directory.classify(&sighting) == Verdict::Unknown;
                    if room && !is_private && is_unknown() {
                        new.insert(sighting.into());
                    }
                }
            }
        }
    }

    /// The number by which a customer reached the house.
    fn dialled(&mut self, call: &Call, caller: &Party, known: &Knowledge) {
        let pbx = pbx_id(calls::PbxIx(caller.pbx));
        let Some(dialled) = call.dialled.as_deref().filter(|_| call.direction == Direction::Incoming) else { return };
        let is_number =
            dialled.len() > 2 && dialled.strip_prefix('+').unwrap_or(dialled).bytes().all(|sign| sign.is_ascii_digit());
        // Whoever comes by no line of the house may dial anything, and some dial all the numbers there are.
        let by_line = matches!(known.directory.find(pbx, &caller.endpoint), Some(Known::Line(_, Who::Trunk)));
        let own = caller.number.as_deref() == Some(dialled);
        if is_number && by_line && !own && known.directory.external_number(pbx, &caller.endpoint, dialled).is_none() {
            self.show(pbx, Shown::Number, dialled, call.began_ms);
        }
    }

    fn endpoints(&mut self, call: &Call, numbers: &Numbers<'_>, known: &Knowledge) {
        let mut told: BTreeSet<(PbxId, String)> = BTreeSet::new();
        for party in &call.parties {
            let pbx = pbx_id(calls::PbxIx(party.pbx));
            let Some(endpoint) =
                named(&party.endpoint).filter(|_| known.directory.find(pbx, &party.endpoint).is_none())
            else {
                continue;
            };
            // A guest is called by whatever he says.
            if matches!(numbers.apart(&endpoint, Text::Named, |_| Some(0)), Cow::Owned(_)) {
                continue;
            }
            let number = party.number.as_ref().filter(|number| !number.is_empty());
            let number = number.map(|number| self.hasher.hash_one(number));
            if told.insert((pbx, endpoint.clone())) {
                self.show(pbx, Shown::Endpoint, &endpoint, call.began_ms);
            }
            if let (Some(number), Some(times)) = (number, self.shown.get_mut(&(pbx, Shown::Endpoint, endpoint)))
                && times.far_numbers.len() < FAR_NUMBERS
            {
                times.far_numbers.insert(number);
            }
        }
    }

    fn fields(&mut self, call: &Call, known: &Knowledge) {
        let mut fields: BTreeSet<(PbxId, String)> = BTreeSet::new();
        for attribute in &call.attributes {
            let Some(event) = attribute.name.strip_prefix("UserEvent:") else { continue };
            let party = attribute.party.or(Some(call.caller)).and_then(|party| call.parties.get(party));
            let Some(party) = party else { continue };
            let pbx = pbx_id(calls::PbxIx(party.pbx));
            let names = attribute.value.lines().filter_map(|line| line.split_once('=')).map(|(field, _)| field);
            let names = names.map(|field| format!("{event}.{field}")).filter(|name| !known.fields.contains(name));
            fields.extend(names.map(|name| (pbx, name)));
        }
        for (pbx, name) in fields {
            self.show(pbx, Shown::UserEvent, &name, call.began_ms);
        }
    }

    fn show(&mut self, pbx: PbxId, what: Shown, name: &str, at_ms: i64) {
        /// As long as any name in Asterisk.
        const LONGEST: usize = 80;
        let room = self.shown.len() < MOST;
        if name.is_empty() || name.len() > LONGEST {
            return;
        }
        match self.shown.entry((pbx, what, name.to_owned())) {
            Entry::Occupied(mut times) => {
                let times = times.get_mut();
                times.count += 1;
                times.first_ms = times.first_ms.min(at_ms);
                times.last_ms = times.last_ms.max(at_ms);
            }
            Entry::Vacant(new) if room => {
                new.insert(Times { count: 1, first_ms: at_ms, last_ms: at_ms, far_numbers: BTreeSet::new() });
            }
            Entry::Vacant(_) => {}
        }
    }
}
