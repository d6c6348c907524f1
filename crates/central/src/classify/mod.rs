//! What a place of the dialplan is: a number that customers dial, a menu, a queue, an operator.
//!
//! AMI tells contexts and extensions; people ask about queues and menus. Each PBX is built its own way, so an administrator says
//! by [`Rule`]s what is what, from when to when. The most specific rule that fits wins, and tells why. What no rule knows is
//! gathered in the [`Inbox`], and for what well-known distributions build there are [`Proposal`]s, which a person confirms.
//!
//! Pure: no I/O, no clock, no database. The same sightings and rules give the same answer, so past calls can be told again when
//! a rule was missing.

mod inbox;
mod name;
mod propose;
mod rules;

pub use inbox::{Entry, Example, Inbox, MOST_EXAMPLES};
pub use name::{NamePattern, NotANamePattern};
pub use propose::{Dialect, Proposal, Why, dialect_of, propose};
pub use rules::{Because, Fit, MOST_OTHER_RULES, RuleProblem, Rules, Verdict};

use central_api::PbxId;
use serde::{Deserialize, Serialize};

use crate::numbers::Pattern;

/// A channel was seen in a place of a dialplan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// On which PBX.
    pub pbx: PbxId,
    /// The context.
    pub context: String,
    /// The extension in it.
    pub exten: String,
    /// The channel's name, `PJSIP/operator-a-0000001a`. What tells it from others of the same endpoint counts for nothing.
    pub channel: String,
    /// The trunk by which the call came or goes, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// The extension is a customer's number, or has one in it: rules are asked by it, and it is not kept.
    #[serde(default)]
    pub of_customer: bool,
    /// When, ms since the Unix epoch.
    pub at_ms: i64,
}

/// A place was seen as often as this, in a time in which nobody said anything new of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sightings {
    /// The first of them.
    pub first: Sighting,
    /// How many.
    pub count: u64,
    /// When the last was, ms since the Unix epoch.
    pub last_ms: i64,
}

impl From<Sighting> for Sightings {
    fn from(first: Sighting) -> Self {
        Self { count: 1, last_ms: first.at_ms, first }
    }
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A number by which customers reach the house.
    ExternalNumber,
    /// A menu.
    Menu,
    /// A queue.
    Queue,
    /// A phone of an operator.
    Operator,
    /// A code that a phone dials to make the PBX do something.
    FeatureCode,
    /// A service of the PBX: voicemail, conference, parking, announcement.
    Service,
    /// The way out of the house.
    Trunk,
    /// A step on the way that means nothing to people: a macro, a time condition.
    Passage,
}

/// What a place is, and which of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Meaning {
    /// What.
    pub what: What,
    /// Own id of the external number, the menu, the queue; absent: the extension names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
}

/// Own id of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleId(pub i64);

/// Which places mean what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Own id.
    pub id: RuleId,
    /// On which PBX.
    pub pbx: PbxId,
    /// Contexts; absent: any.
    #[serde(default = "NamePattern::anything", skip_serializing_if = "NamePattern::is_anything")]
    pub context: NamePattern,
    /// Extensions, as the dialplan writes them; absent: any.
    #[serde(default = "Pattern::anything", skip_serializing_if = "Pattern::is_anything")]
    pub exten: Pattern,
    /// Trunks; absent: any, and none.
    #[serde(default = "NamePattern::anything", skip_serializing_if = "NamePattern::is_anything")]
    pub trunk: NamePattern,
    /// Channels, without what tells them from others of the same endpoint; absent: any.
    #[serde(default = "NamePattern::anything", skip_serializing_if = "NamePattern::is_anything")]
    pub channel: NamePattern,
    /// What they are.
    pub meaning: Meaning,
    /// From when on, ms since the Unix epoch; absent: always was so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from_ms: Option<i64>,
    /// Until when, this moment no more; absent: still is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to_ms: Option<i64>,
}

impl Rule {
    /// Whether it held at this moment.
    #[must_use]
    pub fn holds_at(&self, at_ms: i64) -> bool {
        self.valid_from_ms.is_none_or(|from| from <= at_ms) && self.valid_to_ms.is_none_or(|to| at_ms < to)
    }
}

#[cfg(test)]
mod tests;
