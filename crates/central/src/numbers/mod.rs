//! Telephone numbers: what was written, what it means, what a PBX dials.
//!
//! The same person is `84951234567` on one trunk, `+74951234567` on another and `1234567` on a third. A [`NumberPlan`] says by
//! rules of an administrator how a PBX and its trunks write numbers; [`read()`] goes by them from any text to a [`Number`],
//! [`dial()`] from a number to what the PBX dials, [`explain()`] tells both for a screen. Nothing is guessed: what can be read
//! in two ways has no number in E.164, and both ways are told. No digit is added that no rule gives.
//!
//! Pure: no I/O, no clock, no database. Numbers are normalised here and nowhere else.

mod check;
mod countries;
mod dial;
mod digits;
mod e164;
mod explain;
mod pattern;
mod permission;
mod plan;
mod presets;
mod read;
mod reading;
mod same;
mod text;

pub use check::{PlanProblem, Severity};
pub use countries::Country;
pub use dial::{Dialled, Form, NotDialable, Target, dial};
pub use digits::{Digits, Lengths, NotALength, NotDigits};
pub use e164::{E164, NotAPrefix, NotE164, Prefix};
pub use explain::{Explanation, Outgoing, Place, SeenAs, explain};
pub use pattern::{NotAPattern, Openness, Pattern};
pub use permission::{Class, NotPermitted, Permissions, class_of};
pub use plan::{
    CountryCode, DialRules, InternationalForm, LocalForm, NO_NUMBER, NationalForm, NotACountryCode, NumberPlan, Sends,
    ServiceNumber, TrunkRules,
};
pub use presets::Preset;
pub use read::read;
pub use reading::{MOST_OTHERS, OtherReading, Reading, Rule, Seen};
pub use same::{Sameness, same_number};

use serde::{Deserialize, Serialize};

/// Longer texts are cut: a call record is no place for what a hostile header holds.
const LONGEST_RAW: usize = 64;

/// A number of a call: as it was written, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Number {
    /// As it was written; of long texts the first 64 signs.
    pub raw: String,
    /// The number of the whole world; absent where there is none or it cannot be told for certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e164: Option<E164>,
    /// What it is.
    pub kind: Kind,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Somebody outside; also what cannot be read.
    External,
    /// A phone of the house.
    Extension,
    /// There is no number.
    Anonymous,
    /// Emergency, information: the same for everybody.
    Service,
}

impl Number {
    /// With as much of the text as is kept.
    #[must_use]
    pub fn new(text: &str, e164: Option<E164>, kind: Kind) -> Self {
        Self { raw: text.chars().take(LONGEST_RAW).collect(), e164, kind }
    }

    /// For the eye: grouped where it is known, else as it was written.
    #[must_use]
    pub fn shown(&self) -> String {
        self.e164.map_or_else(|| self.raw.clone(), E164::grouped)
    }

    /// For who may not see customers' numbers: the last four digits. Extensions and services are nobody's secret.
    #[must_use]
    pub fn masked(&self) -> String {
        match (self.kind, self.e164) {
            (Kind::Extension | Kind::Service | Kind::Anonymous, _) => self.raw.clone(),
            (Kind::External, Some(number)) => number.masked(),
            (Kind::External, None) => {
                // Only digits are shown of it: the text around them may hold a name.
                let digits: String = self.raw.chars().filter(char::is_ascii_digit).collect();
                e164::mask(&digits)
            }
        }
    }
}

#[cfg(test)]
mod tests;
