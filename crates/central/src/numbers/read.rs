//! From what was written to a number: who calls, what was dialled, what a person typed or pasted.
//!
//! Every rule of the plan that can read the text is asked. What the administrator stated of a trunk stands above the rest;
//! then what says by itself what it is (a `+`, a prefix, the longer first); then what only has the right length. Rules of one
//! rank that read two different numbers leave the text without a number in E.164, and both readings are told.

use super::countries;
use super::digits::Digits;
use super::e164::E164;
use super::pattern::Pattern;
use super::plan::{InternationalForm, NO_NUMBER, NumberPlan, Sends, TrunkRules};
use super::reading::{MOST_OTHERS, OtherReading, Reading, Rule, Seen};
use super::text::Written;
use super::{Kind, Number};

/// What decides between rules: the smaller counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Extension,
    Service,
    /// The administrator said so of this trunk or PBX.
    Stated,
    /// It says by itself what it is.
    Plus,
    /// The longer the prefix, the sooner: the number is how many of 15 digits it lacks.
    Prefix(usize),
    /// It only has the right length.
    Length,
    /// It contradicts a + that stands before it.
    Unlikely,
    UnusualLength,
}

struct Candidate {
    rank: Rank,
    kind: Kind,
    e164: Option<E164>,
    rule: Rule,
}

/// Reads a text by the plan's rules. Any text can be given.
#[must_use]
pub fn read(plan: &NumberPlan, seen: Seen<'_>, text: &str) -> Reading {
    let reading = |kind, e164, digits: String, rule, others| Reading {
        number: Number::new(text, e164, kind),
        digits,
        rule,
        others,
    };
    let Some(written) = Written::new(text) else {
        return reading(Kind::External, None, String::new(), Rule::TooLong, Vec::new());
    };
    if is_no_number(plan, &written) {
        return reading(Kind::Anonymous, None, String::new(), Rule::NoNumber, Vec::new());
    }
    let mut reader = Reader::new(plan, seen);
    reader.look(&written);
    let (mut kind, mut e164, mut rule, others) = reader.decide().unwrap_or_else(|| {
        let rule = match () {
            () if written.other_signs => Rule::OtherSigns,
            () if reader.foreign_context => Rule::ForeignContext,
            () => Rule::NoRule,
        };
        (Kind::External, None, rule, Vec::new())
    });
    if let Seen::Caller(_) = seen {
        let is_own = e164.is_some_and(|number| plan.own_numbers.contains(&number));
        if is_own && reader.trunk.own_number_means_none {
            (kind, e164, rule) = (Kind::Anonymous, None, Rule::OwnNumber);
        }
    }
    reading(kind, e164, written.digits, rule, others)
}

fn is_no_number(plan: &NumberPlan, written: &Written) -> bool {
    let word = written.user.to_lowercase();
    let mut words = NO_NUMBER.iter().copied().chain(plan.no_number.iter().map(|word| word.trim()));
    written.is_empty() || words.any(|known| known.to_lowercase() == word)
}

struct Reader<'a> {
    plan: &'a NumberPlan,
    seen: Seen<'a>,
    trunk: TrunkRules,
    found: Vec<Candidate>,
    foreign_context: bool,
}

impl<'a> Reader<'a> {
    fn new(plan: &'a NumberPlan, seen: Seen<'a>) -> Self {
        let trunk = match seen {
            Seen::Caller(trunk) | Seen::Called(trunk) => plan.trunks.get(trunk).cloned().unwrap_or_default(),
            // What a PBX takes that dials all numbers in E.164 without + is written so.
            Seen::Dialled if plan.dial.international == InternationalForm::CountryCode => {
                TrunkRules { sends: Sends::E164, extensions: true, ..TrunkRules::default() }
            }
            Seen::Dialled | Seen::Inside => TrunkRules { extensions: true, ..TrunkRules::default() },
        };
        Self { plan, seen, trunk, found: Vec::new(), foreign_context: false }
    }

    fn look(&mut self, written: &Written) {
        if written.plus.is_none() {
            self.extensions(&written.user, &written.digits);
        }
        if !written.is_dialable() {
            return;
        }
        let outside = self.plan.dial.outside_prefix.as_ref().map(Digits::as_str);
        let behind = match (outside, self.seen) {
            (Some(prefix), Seen::Dialled | Seen::Inside) => written.digits.strip_prefix(prefix),
            _ => None,
        };
        match (written.plus, behind) {
            (None, Some(behind)) if self.seen == Seen::Dialled => self.dialled(behind, written.context.as_deref()),
            // Without its prefix no call leaves the house, but for some services.
            (None, None) if self.seen == Seen::Dialled && outside.is_some() => self.service(&written.digits),
            (None, behind) => {
                self.dialled(&written.digits, written.context.as_deref());
                if let (true, Some(behind)) = (self.found.is_empty(), behind) {
                    self.dialled(behind, written.context.as_deref());
                }
            }
            (Some(0), _) => self.plus(&written.digits),
            // The + behind the prefix for the outside.
            (Some(at), Some(behind)) if written.digits.len() - behind.len() == at => self.plus(behind),
            (Some(_), _) => {}
        }
    }

    /// An extension may be a name; so it is looked for in the text, too.
    fn extensions(&mut self, user: &str, digits: &str) {
        if !self.trunk.extensions {
            return;
        }
        let fitting = |pattern: &&Pattern| pattern.matches(user) || (!digits.is_empty() && pattern.matches(digits));
        let patterns = self.plan.extensions.iter().filter(fitting);
        if let Some(pattern) = patterns.min_by_key(|pattern| pattern.openness()) {
            self.add(Rank::Extension, Kind::Extension, None, Rule::Extension { pattern: pattern.clone() });
        }
    }

    fn service(&mut self, digits: &str) {
        if let Some(service) = self.plan.service(digits) {
            self.add(Rank::Service, Kind::Service, None, Rule::Service { pattern: service.numbers.clone() });
        }
    }

    /// Digits as somebody dials them who has a line to the outside.
    fn dialled(&mut self, digits: &str, context: Option<&str>) {
        self.service(digits);
        if !digits.bytes().all(|sign| sign.is_ascii_digit()) {
            return;
        }
        let whole = || E164::from_digits(digits).ok().filter(|number| self.plan.can_be(*number));
        let stated = match self.trunk.sends {
            Sends::AsDialled => None,
            Sends::E164 | Sends::Mixed => whole(),
            Sends::National => self.plan.national(digits),
        };
        if let Some(number) = stated {
            let rank = if self.trunk.sends == Sends::Mixed { Rank::Length } else { Rank::Stated };
            self.number(rank, number, Rule::StatedForm);
        }
        if let Some(context) = context {
            self.in_context(digits, context);
        }
        if !self.foreign_context {
            self.by_plan(digits);
        }
    }

    /// RFC 3966: a local number and where it is local. It may be the country alone, and adds nothing then.
    fn in_context(&mut self, digits: &str, context: &str) {
        let own = self.plan.country_code.to_string();
        match context.strip_prefix(&own) {
            None => self.foreign_context = true,
            Some("") => {}
            Some(area) => {
                if let Some(number) = self.plan.national(&format!("{area}{digits}")) {
                    self.number(Rank::Stated, number, Rule::PhoneContext { context: context.to_owned() });
                }
            }
        }
    }

    /// By prefixes and lengths.
    fn by_plan(&mut self, digits: &str) {
        let plan = self.plan;
        for prefix in &plan.international_prefixes {
            if let Some(rest) = digits.strip_prefix(prefix.as_str()) {
                let rule = Rule::InternationalPrefix { prefix: prefix.clone() };
                self.international(rest, prefix_rank(prefix), rule);
            }
        }
        if let Some(prefix) = &plan.trunk_prefix
            && let Some(number) = digits.strip_prefix(prefix.as_str()).and_then(|rest| plan.national(rest))
        {
            self.number(prefix_rank(prefix), number, Rule::TrunkPrefix { prefix: prefix.clone() });
        }
        if let Some(number) = plan.national(digits).filter(|_| plan.national_without_prefix) {
            self.number(Rank::Length, number, Rule::National);
        }
        if let Some((number, area_code)) = plan.local(digits) {
            self.number(Rank::Length, number, Rule::Local { area_code: area_code.clone() });
        }
        let own = plan.country_code.to_string();
        if plan.country_code_without_plus
            && let Some(number) = digits.strip_prefix(&own).and_then(|rest| plan.national(rest))
        {
            self.number(Rank::Length, number, Rule::CountryCode);
        }
    }

    /// The digits behind a +.
    fn plus(&mut self, digits: &str) {
        if !digits.bytes().all(|sign| sign.is_ascii_digit()) {
            return;
        }
        self.international(digits, Rank::Plus, Rule::Plus);
        // What it would be without the +. That a number has the right length is no sign of a mistake; a prefix is.
        let mut without = Self { found: Vec::new(), ..Self::new(self.plan, self.seen) };
        without.by_plan(digits);
        let stated = self.trunk.plus_by_mistake;
        without.found.retain(|candidate| stated || matches!(candidate.rank, Rank::Prefix(_)));
        let best = without.found.iter().map(|candidate| candidate.rank).min();
        without.found.retain(|candidate| Some(candidate.rank) == best);
        let rank = match () {
            () if stated => Rank::Stated,
            // No country code begins with 0, so it can only be what is dialled.
            () if digits.starts_with('0') => Rank::Plus,
            () => Rank::Unlikely,
        };
        let mistaken = |candidate| Candidate { rank, rule: Rule::PlusByMistake, ..candidate };
        self.found.extend(without.found.into_iter().map(mistaken));
    }

    /// Digits that begin with a country code.
    fn international(&mut self, digits: &str, rank: Rank, rule: Rule) {
        let number = E164::from_digits(digits).ok();
        if let Some(number) = number.filter(|number| self.plan.can_be(*number)) {
            self.number(rank, number, rule);
            return;
        }
        let Some((country, rest)) = countries::split(digits) else { return };
        let is_own = country == self.plan.country_code.country();
        let trunk_prefix = match &self.plan.trunk_prefix {
            Some(prefix) if is_own => Some(prefix.as_str()),
            _ if is_own || country.zero => None,
            _ => Some("0"),
        };
        let without = trunk_prefix.and_then(|prefix| rest.strip_prefix(prefix));
        let without = without.and_then(|rest| E164::from_digits(&format!("{}{rest}", country.code)).ok());
        if let Some(number) = without.filter(|number| self.plan.can_be(*number)) {
            self.number(rank, number, Rule::TrunkPrefixLeftOut);
        } else if let Some(number) = number.filter(|_| !is_own && (country.zero || !rest.starts_with('0'))) {
            // The table may be older than the numbers there.
            self.number(Rank::UnusualLength, number, Rule::UnusualLength);
        }
    }

    fn number(&mut self, rank: Rank, number: E164, rule: Rule) {
        self.add(rank, Kind::External, Some(number), rule);
    }

    fn add(&mut self, rank: Rank, kind: Kind, e164: Option<E164>, rule: Rule) {
        self.found.push(Candidate { rank, kind, e164, rule });
    }

    fn decide(&mut self) -> Option<(Kind, Option<E164>, Rule, Vec<OtherReading>)> {
        let mixed = self.trunk.sends == Sends::Mixed;
        // Of one rank the order in which the rules were asked remains.
        self.found.sort_by_key(|candidate| candidate.rank);
        let (best, rest) = self.found.split_first()?;
        let differs = |candidate: &&Candidate| (candidate.kind, candidate.e164) != (best.kind, best.e164);
        // A trunk that sends two forms leaves open which one a number without + has, prefix or not.
        let weighs = |candidate: &&Candidate| {
            candidate.rank == best.rank || (mixed && best.rank > Rank::Service && candidate.rule == Rule::StatedForm)
        };
        let ambiguous = rest.iter().filter(differs).any(|candidate| weighs(&candidate));
        let mut others: Vec<OtherReading> = Vec::new();
        for candidate in self.found.iter().filter(|candidate| ambiguous || differs(candidate)) {
            let known = others.iter().any(|other| (other.kind, other.e164) == (candidate.kind, candidate.e164));
            if !known && others.len() < MOST_OTHERS {
                let Candidate { kind, e164, rule, .. } = candidate;
                others.push(OtherReading { kind: *kind, e164: *e164, rule: rule.clone() });
            }
        }
        Some(match ambiguous {
            true => (Kind::External, None, Rule::Ambiguous, others),
            false => (best.kind, best.e164, best.rule.clone(), others),
        })
    }
}

fn prefix_rank(prefix: &Digits) -> Rank {
    Rank::Prefix(super::digits::LONGEST.saturating_sub(prefix.as_str().len()))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
