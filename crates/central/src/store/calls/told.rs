//! A call on its way into the database: which of its attributes are kept, and what in it is a customer's.

use calls::Call;
use calls::call;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::apart::{self, Numbers, Personal, Text};
use super::months::DAY_MS;
use super::personal::{Ids, Wanted};
use crate::store::attributes::{Attribute, Grain};

/// A revision of a call.
#[derive(Debug)]
pub struct Told<'c> {
    /// Own id.
    pub id: i64,
    /// From 1.
    pub revision: i64,
    /// What happened.
    pub call: &'c Call,
    /// Values of the catalogue.
    pub values: Vec<Value<'c>>,
    /// What it refers to in `personal_data`.
    pub personal: BTreeSet<Personal<'c>>,
    numbers: Numbers<'c>,
}

/// A value of an attribute.
#[derive(Debug)]
pub struct Value<'c> {
    /// Which.
    pub attribute: &'c Attribute,
    /// Place of the attribute in the call.
    pub place: usize,
    /// Place of the field in it.
    pub seat: usize,
    /// As the call has it.
    pub told: &'c call::Attribute,
    /// Of a user event.
    pub field: Option<&'c str>,
    /// What it says.
    pub text: &'c str,
    /// Of which visit, attempt or talk.
    pub part: Option<usize>,
}

/// The catalogue by where values come from.
#[derive(Debug)]
pub struct Catalogue<'c>(HashMap<(String, Option<&'c str>), &'c Attribute>);

impl<'c> Catalogue<'c> {
    /// Of all attributes.
    #[must_use]
    pub fn new(attributes: &'c [Attribute]) -> Self {
        Self(attributes.iter().map(|attribute| (attribute.source.in_call(), attribute)).collect())
    }

    fn values(&self, call: &'c Call) -> Vec<Value<'c>> {
        let mut values = Vec::new();
        if self.0.is_empty() {
            return values;
        }
        for (place, told) in call.attributes.iter().enumerate() {
            let mut keep = |seat, field: Option<&'c str>, text| {
                if let Some(attribute) = self.0.get(&(told.name.clone(), field)) {
                    let part = part(call, attribute.grain, told);
                    values.push(Value { attribute, place, seat, told, field, text, part });
                }
            };
            if told.name.starts_with("UserEvent:") {
                let fields = told.value.split('\n').filter_map(|line| line.split_once('='));
                for (seat, (field, text)) in fields.enumerate() {
                    keep(seat, Some(field), text);
                }
            } else {
                keep(0, None, &told.value);
            }
        }
        values
    }
}

impl<'c> Told<'c> {
    /// Looks through a call.
    #[must_use]
    pub fn new(id: i64, revision: i64, call: &'c Call, catalogue: &Catalogue<'c>) -> Self {
        let mut told = Self {
            id,
            revision,
            call,
            values: catalogue.values(call),
            personal: call.parties.iter().filter_map(apart::of_party).collect(),
            numbers: Numbers::of(call),
        };
        let mut personal = std::mem::take(&mut told.personal);
        for (text, kind) in told.texts() {
            told.numbers.apart(text, kind, |number| {
                personal.insert(Personal::number(number));
                None
            });
        }
        personal.extend(told.values.iter().filter_map(|value| value.personal(call)));
        told.personal = personal;
        told
    }

    /// Every text that may hide a number.
    fn texts(&self) -> Vec<(&'c str, Text)> {
        let call = self.call;
        let mut texts: Vec<(&str, Text)> =
            call.dialled.iter().map(|dialled| (dialled.as_str(), Text::Dialled)).collect();
        let outside = call.parties.iter().filter(|party| apart::is_outside(party));
        texts.extend(outside.map(|party| (party.endpoint.as_str(), Text::Named)));
        for attempt in &call.attempts {
            texts.push((&attempt.interface, Text::Dialled));
            texts.extend(attempt.member.iter().map(|member| (member.as_str(), Text::Named)));
        }
        texts.extend(call.moves.iter().filter_map(|moved| Some((moved.number.as_deref()?, Text::Dialled))));
        for step in &call.steps {
            texts.extend([(&*step.context, Text::Named), (&*step.exten, Text::Dialled), (&*step.keys, Text::Dialled)]);
        }
        let plain = self.values.iter().filter(|value| !value.attribute.personal);
        texts.extend(plain.map(|value| (value.text, Text::Named)));
        texts
    }

    /// A text as it is stored.
    pub fn apart<'t>(&self, text: &'t str, kind: Text, ids: &Ids<'_>) -> Cow<'t, str> {
        self.numbers.apart(text, kind, |number| ids.of(&Personal::number(number)))
    }

    /// When it began.
    #[must_use]
    pub fn started_ms(&self) -> i64 {
        self.call.began_ms
    }

    /// The UTC day on which it began, counted from 1970.
    #[must_use]
    pub fn day(&self) -> i64 {
        self.call.began_ms.div_euclid(DAY_MS)
    }
}

/// What a batch refers to.
#[must_use]
pub fn wanted<'c>(batch: &[Told<'c>]) -> Wanted<'c> {
    let mut wanted = Wanted::new();
    for told in batch {
        for personal in &told.personal {
            let day = wanted.entry(*personal).or_insert_with(|| told.day());
            *day = told.day().max(*day);
        }
    }
    wanted
}

impl<'c> Value<'c> {
    /// What it is in `personal_data`, if that is where it belongs.
    #[must_use]
    pub fn personal(&self, call: &'c Call) -> Option<Personal<'c>> {
        self.attribute.personal.then(|| Personal {
            number: apart::customer_of(call, self.told),
            name: "",
            attribute: &self.attribute.name,
            value: self.text,
        })
    }
}

/// Which part of its call an attribute says something of.
fn part(call: &Call, grain: Grain, told: &call::Attribute) -> Option<usize> {
    let at = told.at_ms;
    let during = |from: i64, to: Option<i64>| from <= at && to.is_none_or(|to| at <= to);
    match grain {
        Grain::Call => None,
        Grain::Visit => call.visits.iter().rposition(|visit| visit.entered_ms <= at),
        Grain::Attempt => {
            let of_party = |party: Option<usize>| told.party.is_none_or(|of| party == Some(of));
            call.attempts.iter().rposition(|attempt| attempt.began_ms <= at && of_party(attempt.party))
        }
        Grain::Segment => call.talks.iter().rposition(|talk| during(talk.began_ms, talk.ended_ms)),
    }
}
