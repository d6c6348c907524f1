//! What was seen and no rule knows: gathered, counted, with examples, and never more than fits.

use std::collections::BTreeMap;

use central_api::PbxId;
use serde::{Deserialize, Serialize};

use super::Sighting;
use super::name::endpoint_of;
use super::rules::{Rules, Verdict};
use crate::numbers::Pattern;

/// Of each kind of unknown sighting the first ones that differ.
pub const MOST_EXAMPLES: usize = 3;

/// From this length on an extension is a telephone number, of which there are many.
const LONG: usize = 7;

/// So many telephone numbers of one context are kept one by one; the rest is gathered by its beginning and length. A house has
/// some numbers that customers dial, each to be known; customers have any number.
const LONG_KEPT: usize = 20;

/// Longer names are no names of Asterisk.
const LONGEST: usize = 80;

/// The inbox "seen but unknown".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    entries: BTreeMap<Key, Entry>,
    most: usize,
    forgotten: u64,
}

type Key = (PbxId, String, Pattern);

/// One kind of thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// On which PBX.
    pub pbx: PbxId,
    /// The context.
    pub context: String,
    /// The extension, or the pattern of many: `_8XXXXXXXXXX`.
    pub exten: Pattern,
    /// How often.
    pub count: u64,
    /// When first, ms since the Unix epoch.
    pub first_ms: i64,
    /// When last, ms since the Unix epoch.
    pub last_ms: i64,
    /// Up to [`MOST_EXAMPLES`] that differ, the first that were seen. Extensions may be customers' numbers.
    pub examples: Vec<Example>,
}

/// One sighting of an [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The extension.
    pub exten: String,
    /// The channel's endpoint.
    pub channel: String,
    /// The trunk, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// When, ms since the Unix epoch.
    pub at_ms: i64,
}

impl Inbox {
    /// With room for so many entries, at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { entries: BTreeMap::new(), most: most.max(1), forgotten: 0 }
    }

    /// As it was kept.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = Entry>, forgotten: u64, most: usize) -> Self {
        let mut inbox = Self { forgotten, ..Self::new(most) };
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        // With less room than before the latest remain.
        entries.sort_by_key(|entry| entry.last_ms);
        for entry in entries {
            inbox.make_room();
            inbox.entries.insert((entry.pbx, entry.context.clone(), entry.exten.clone()), entry);
        }
        inbox
    }

    /// Puts in what no rule knows; what [`Rules::classify`] does know must not come here.
    pub fn note(&mut self, sighting: &Sighting) {
        let context = cut(&sighting.context);
        let exten = self.exten_of(sighting.pbx, &context, &sighting.exten);
        let key = (sighting.pbx, context, exten);
        if !self.entries.contains_key(&key) {
            self.make_room();
        }
        let at_ms = sighting.at_ms;
        let (pbx, context, exten) = key.clone();
        let fresh = Entry { pbx, context, exten, count: 0, first_ms: at_ms, last_ms: at_ms, examples: Vec::new() };
        let entry = self.entries.entry(key).or_insert(fresh);
        entry.count = entry.count.saturating_add(1);
        entry.first_ms = entry.first_ms.min(at_ms);
        entry.last_ms = entry.last_ms.max(at_ms);
        entry.exemplify(sighting);
    }

    /// All of it, by PBX and context.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Sightings that had to go because there was no room; an inbox that forgets is not complete and must say so.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Takes out what the rules know by now: entries with no example left that is unknown. Returns how many.
    pub fn settle(&mut self, rules: &Rules) -> usize {
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.sightings().any(|sighting| rules.classify(&sighting) == Verdict::Unknown));
        before - self.entries.len()
    }

    /// The entry that was quiet for longest goes.
    fn make_room(&mut self) {
        while self.entries.len() >= self.most {
            let quietest = self.entries.iter().min_by_key(|(_, entry)| entry.last_ms).map(|(key, _)| key.clone());
            let Some(entry) = quietest.and_then(|key| self.entries.remove(&key)) else { return };
            self.forgotten = self.forgotten.saturating_add(entry.count);
        }
    }

    fn exten_of(&self, pbx: PbxId, context: &str, exten: &str) -> Pattern {
        let digits = exten.strip_prefix('+').unwrap_or(exten);
        let is_long = digits.len() >= LONG && digits.bytes().all(|sign| sign.is_ascii_digit());
        let exact = exten.parse::<Pattern>().ok().filter(Pattern::is_exact);
        match exact {
            None => Pattern::anything(),
            Some(exact) if !is_long || self.entries.contains_key(&(pbx, context.to_owned(), exact.clone())) => exact,
            Some(exact) => {
                let of_context = self.entries.keys().filter(|(other, name, _)| *other == pbx && name == context);
                let long = of_context.filter(|(_, _, exten)| exten.is_exact() && exten.as_str().len() >= LONG).count();
                if long < LONG_KEPT { exact } else { shape(exten) }
            }
        }
    }
}

impl Entry {
    fn exemplify(&mut self, sighting: &Sighting) {
        let example = Example {
            exten: cut(&sighting.exten),
            channel: cut(endpoint_of(&sighting.channel)),
            trunk: sighting.trunk.as_deref().map(cut),
            at_ms: sighting.at_ms,
        };
        let alike = |known: &Example| {
            (&known.exten, &known.channel, &known.trunk) == (&example.exten, &example.channel, &example.trunk)
        };
        if self.examples.len() < MOST_EXAMPLES && !self.examples.iter().any(alike) {
            self.examples.push(example);
        }
    }

    /// Its examples, as they were seen.
    fn sightings(&self) -> impl Iterator<Item = Sighting> {
        self.examples.iter().map(|example| Sighting {
            pbx: self.pbx,
            context: self.context.clone(),
            exten: example.exten.clone(),
            channel: example.channel.clone(),
            trunk: example.trunk.clone(),
            at_ms: example.at_ms,
        })
    }
}

/// The first sign and the length: `_8XXXXXXXXXX`.
fn shape(number: &str) -> Pattern {
    let (first, rest) = number.split_at(1);
    format!("_{first}{}", "X".repeat(rest.len())).parse().unwrap_or_else(|_| Pattern::anything())
}

fn cut(name: &str) -> String {
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}
