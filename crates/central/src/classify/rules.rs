//! Which rule a sighting falls under, and why that one.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use central_api::PbxId;
use serde::{Deserialize, Serialize};

use super::name::{NamePattern, endpoint_of};
use super::{Meaning, Rule, RuleId, Sighting};
use crate::numbers::{Openness, Pattern};

/// All rules, ready to be asked.
///
/// Of the rules that fit, the one wins that names the most exactly: first by how many of its four fields are exact, then by the
/// extension, the context, the trunk and the channel in turn. Between rules that are alike in all of these the order decides in
/// which they were given, and the verdict names the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// The most specific first.
    of_pbx: BTreeMap<PbxId, Vec<Rule>>,
}

/// What a sighting is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Verdict {
    /// A rule knows it.
    Known {
        /// What it is.
        meaning: Meaning,
        /// The rule, and why this one.
        because: Because,
    },
    /// No rule does: a case for the [`super::Inbox`].
    Unknown,
}

/// Why a rule decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// Which.
    pub rule: RuleId,
    /// How the context fits.
    pub context: Fit,
    /// How the extension does.
    pub exten: Fit,
    /// How the trunk does.
    pub trunk: Fit,
    /// How the channel does.
    pub channel: Fit,
    /// Rules that fit no worse and mean something else: one of them should be narrowed. At most [`MOST_OTHER_RULES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tied: Vec<RuleId>,
    /// Rules that fit, too, and leave more open, the nearest first. At most [`MOST_OTHER_RULES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<RuleId>,
}

/// More than these are not named beside the rule that decided.
pub const MOST_OTHER_RULES: usize = 4;

/// How a field of a rule fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The rule names it.
    Exact,
    /// By a pattern.
    Pattern,
    /// The rule asks for nothing there.
    Any,
}

/// Something among rules that will not do what it seems to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum RuleProblem {
    /// It ends before it begins.
    #[error("rule {} never holds: it ends before it begins; correct one of the two dates", rule.0)]
    NeverHolds {
        /// Which.
        rule: RuleId,
    },
    /// The same places mean two things at one time.
    #[error("rules {} and {} say different things of the same places at the same time: end one of them", first.0, second.0)]
    Contradict {
        /// The one that wins.
        first: RuleId,
        /// The other.
        second: RuleId,
    },
}

/// What is named more exactly is smaller.
type Specificity = (Reverse<usize>, Openness, NameOpenness, NameOpenness, NameOpenness);
/// Exact, a pattern or any; then how much it names.
type NameOpenness = (u8, Reverse<usize>);

impl Rules {
    /// In the administrator's order, which decides between rules that are equally specific.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut of_pbx: BTreeMap<PbxId, Vec<Rule>> = BTreeMap::new();
        for rule in rules {
            of_pbx.entry(rule.pbx).or_default().push(rule);
        }
        for rules in of_pbx.values_mut() {
            rules.sort_by_cached_key(specificity);
        }
        Self { of_pbx }
    }

    /// What a sighting is, by the rules of its own time.
    #[must_use]
    pub fn classify(&self, sighting: &Sighting) -> Verdict {
        let rules = self.of_pbx.get(&sighting.pbx).map_or(&[][..], Vec::as_slice);
        let mut fitting = rules.iter().filter(|rule| rule.holds_at(sighting.at_ms) && fits(rule, sighting));
        let Some(rule) = fitting.next() else { return Verdict::Unknown };
        let specific = specificity(rule);
        let mut because = Because {
            rule: rule.id,
            context: fit_of_name(&rule.context),
            exten: fit_of_extension(&rule.exten),
            trunk: fit_of_name(&rule.trunk),
            channel: fit_of_name(&rule.channel),
            tied: Vec::new(),
            passed_over: Vec::new(),
        };
        for other in fitting {
            let tied = specificity(other) == specific;
            let list = if tied { &mut because.tied } else { &mut because.passed_over };
            if list.len() < MOST_OTHER_RULES && !(tied && other.meaning == rule.meaning) {
                list.push(other.id);
            }
        }
        Verdict::Known { meaning: rule.meaning, because }
    }

    /// What is wrong with them, told before they are used.
    #[must_use]
    pub fn check(&self) -> Vec<RuleProblem> {
        let mut problems = Vec::new();
        for rules in self.of_pbx.values() {
            let never =
                |rule: &&Rule| matches!((rule.valid_from_ms, rule.valid_to_ms), (Some(from), Some(to)) if to <= from);
            problems.extend(rules.iter().filter(never).map(|rule| RuleProblem::NeverHolds { rule: rule.id }));
            for (index, first) in rules.iter().enumerate() {
                // Those of the same places are as specific, so they stand together.
                let beside = rules[index + 1..].iter().take_while(|second| specificity(second) == specificity(first));
                let contradicting = beside.filter(|second| {
                    same_places(first, second) && hold_together(first, second) && first.meaning != second.meaning
                });
                let told = contradicting.map(|second| RuleProblem::Contradict { first: first.id, second: second.id });
                problems.extend(told);
            }
        }
        problems
    }
}

fn fits(rule: &Rule, sighting: &Sighting) -> bool {
    rule.context.matches(&sighting.context)
        && rule.exten.matches(&sighting.exten)
        && match &sighting.trunk {
            Some(trunk) => rule.trunk.matches(trunk),
            None => rule.trunk.is_anything(),
        }
        && rule.channel.matches(endpoint_of(&sighting.channel))
}

fn specificity(rule: &Rule) -> Specificity {
    let names = [&rule.context, &rule.trunk, &rule.channel];
    let exact = names.iter().filter(|name| name.is_exact()).count() + usize::from(rule.exten.is_exact());
    let [context, trunk, channel] = names.map(openness_of_name);
    (Reverse(exact), rule.exten.openness(), context, trunk, channel)
}

fn openness_of_name(name: &NamePattern) -> NameOpenness {
    let order = match fit_of_name(name) {
        Fit::Exact => 0,
        Fit::Pattern => 1,
        Fit::Any => 2,
    };
    // One name is as exact as another, however long it is.
    let named = if order == 1 { name.named() } else { 0 };
    (order, Reverse(named))
}

fn fit_of_name(name: &NamePattern) -> Fit {
    match () {
        () if name.is_exact() => Fit::Exact,
        () if name.is_anything() => Fit::Any,
        () => Fit::Pattern,
    }
}

fn fit_of_extension(pattern: &Pattern) -> Fit {
    match () {
        () if pattern.is_exact() => Fit::Exact,
        () if pattern.is_anything() => Fit::Any,
        () => Fit::Pattern,
    }
}

fn same_places(first: &Rule, second: &Rule) -> bool {
    first.context == second.context
        && first.exten == second.exten
        && first.trunk == second.trunk
        && first.channel == second.channel
}

/// Whether there is a moment at which both hold.
fn hold_together(first: &Rule, second: &Rule) -> bool {
    let from = first.valid_from_ms.max(second.valid_from_ms);
    let ends = [first.valid_to_ms, second.valid_to_ms];
    ends.into_iter().flatten().all(|to| from.is_none_or(|from| from < to))
}
