//! What was seen and no rule knows: gathered, counted, with examples, and never more than fits.

use std::collections::BTreeMap;

use central_api::PbxId;
use serde::{Deserialize, Serialize};

use super::name::endpoint_of;
use super::rules::{Rules, Verdict};
use super::{Sighting, Sightings};
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

/// So many first digits of a customer's number may be kept where it is longer than [`LONG`]: they tell the way it goes.
const KEPT_DIGITS: usize = 4;

/// Stands for a digit that is not kept. It is what patterns know as any digit.
const ANY_DIGIT: char = 'X';

/// A digit that `X`, `Z` and `N` of a pattern take alike.
const SOME_DIGIT: &str = "5";

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
    /// Up to [`MOST_EXAMPLES`] that differ, the first that were seen.
    pub examples: Vec<Example>,
}

/// One sighting of an [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The extension; of a customer's number the first digits.
    pub exten: String,
    /// Whether an X in the extension is a digit that is not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shortened: bool,
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
    pub fn kept(entries: impl IntoIterator<Item = Entry>, forgotten: u64, most: usize) -> Self {
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
    pub fn note(&mut self, sightings: &Sightings) {
        let Sightings { first: sighting, count, last_ms } = sightings;
        let context = cut(&sighting.context);
        let exten = match sighting.of_customer {
            true => shape_of_customer(&sighting.exten),
            false => self.exten_of(sighting.pbx, &context, &sighting.exten),
        };
        let key = (sighting.pbx, context, exten);
        if !self.entries.contains_key(&key) {
            self.make_room();
        }
        let at_ms = sighting.at_ms;
        let (pbx, context, exten) = key.clone();
        let fresh = Entry { pbx, context, exten, count: 0, first_ms: at_ms, last_ms: at_ms, examples: Vec::new() };
        let entry = self.entries.entry(key).or_insert(fresh);
        entry.count = entry.count.saturating_add(*count);
        entry.first_ms = entry.first_ms.min(at_ms);
        entry.last_ms = entry.last_ms.max(*last_ms);
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

    /// Entries that have a customer's number, whose it is by `is_theirs`.
    pub fn of(&self, is_theirs: &dyn Fn(&str) -> bool) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(move |entry| entry.has(is_theirs))
    }

    /// Takes a customer's number out, whose it is by `is_theirs`; how many entries had it. They go on to be counted by its shape.
    pub fn forget(&mut self, is_theirs: &dyn Fn(&str) -> bool) -> usize {
        let has = |text: &str| has(text, is_theirs);
        let mut count = 0;
        for ((pbx, context, exten), mut entry) in std::mem::take(&mut self.entries) {
            let mut touched = exten.is_exact() && has(exten.as_str());
            entry.exten = if touched { shape_of_customer(exten.as_str()) } else { exten };
            for example in &mut entry.examples {
                if !example.shortened && has(&example.exten) {
                    example.exten = cut(&shortened(&example.exten, KEPT_DIGITS));
                    example.shortened = true;
                    touched = true;
                }
                if has(&example.channel) {
                    example.channel = shortened(&example.channel, 0);
                    touched = true;
                }
            }
            count += usize::from(touched);
            if has(&context) {
                count += usize::from(!touched);
                self.forgotten = self.forgotten.saturating_add(entry.count);
                continue;
            }
            let key = (pbx, context, entry.exten.clone());
            match self.entries.get_mut(&key) {
                Some(known) => known.and(entry),
                None => drop(self.entries.insert(key, entry)),
            }
        }
        count
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
    fn has(&self, is_theirs: &dyn Fn(&str) -> bool) -> bool {
        let mut of_examples = self.examples.iter().flat_map(|example| [&example.exten, &example.channel]);
        has(&self.context, is_theirs)
            || has(self.exten.as_str(), is_theirs)
            || of_examples.any(|text| has(text, is_theirs))
    }

    fn and(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        let room = MOST_EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }

    fn exemplify(&mut self, sighting: &Sighting) {
        let exten = match sighting.of_customer {
            true => shortened(&sighting.exten, KEPT_DIGITS),
            false => sighting.exten.clone(),
        };
        let example = Example {
            exten: cut(&exten),
            shortened: sighting.of_customer,
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
            exten: match example.shortened {
                true => example.exten.replace(ANY_DIGIT, SOME_DIGIT),
                false => example.exten.clone(),
            },
            channel: example.channel.clone(),
            trunk: example.trunk.clone(),
            of_customer: example.shortened,
            at_ms: example.at_ms,
        })
    }
}

/// The first sign and the length: `_8XXXXXXXXXX`.
fn shape(number: &str) -> Pattern {
    let (first, rest) = number.split_at(1);
    format!("_{first}{}", "X".repeat(rest.len())).parse().unwrap_or_else(|_| Pattern::anything())
}

/// The first digit and the length, and whatever the house puts before: `_9*8XXXXXXXXXX`.
fn shape_of_customer(exten: &str) -> Pattern {
    let text = shortened(exten, 1);
    // What a pattern would read as something else, a name above all, stands for any sign.
    let plain = |sign: char| matches!(sign, '0'..='9' | '*' | '#' | '+' | ANY_DIGIT);
    let is_number = exten.contains(|sign: char| sign.is_ascii_digit()) && text.chars().all(plain);
    let pattern = is_number.then(|| format!("_{text}").parse().ok()).flatten();
    pattern.unwrap_or_else(Pattern::anything)
}

/// Whether a text is a number, or has it in it.
fn has(text: &str, is_theirs: &dyn Fn(&str) -> bool) -> bool {
    is_theirs(text) || digits_of(text).any(is_theirs)
}

/// Digits in a row.
fn digits_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !sign.is_ascii_digit()).filter(|digits| digits.len() >= LONG)
}

/// Digits of the longest number in it but the first `kept` ones are made unknown; of a short number all, and all of a name.
fn shortened(exten: &str, kept: usize) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in exten.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match runs.last_mut().filter(|(_, end)| *end == at) {
            Some((_, end)) => *end = at + 1,
            None => runs.push((at, at + 1)),
        }
    }
    let Some((from, to)) = runs.into_iter().max_by_key(|(from, to)| to - from) else {
        return exten.chars().map(|_| ANY_DIGIT).collect();
    };
    let kept = if to - from > LONG { kept } else { 0 };
    let hidden = from + kept..to;
    let sign = |(at, sign): (usize, char)| if hidden.contains(&at) { ANY_DIGIT } else { sign };
    exten.char_indices().map(sign).collect()
}

fn cut(name: &str) -> String {
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}
