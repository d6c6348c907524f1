//! Where a text is seen, what it is read as, and the rule that decided.

use serde::{Deserialize, Serialize};

use super::digits::Digits;
use super::e164::E164;
use super::pattern::Pattern;
use super::{Kind, Number};

/// Where a text was seen: the same digits mean different things there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// The caller's number of a call that came by this trunk.
    Caller(&'a str),
    /// The number that the caller of this trunk dialled to reach the house.
    Called(&'a str),
    /// What a phone of the house dialled, the prefix for the outside included.
    Dialled,
    /// The number of a phone of the house, or what a person typed or pasted, with the prefix for the outside or without.
    Inside,
}

/// What a text was read as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The number.
    pub number: Number,
    /// The digits that were found in the text, with `*` and `#`, no longer than a number can be.
    pub digits: String,
    /// The rule that decided.
    pub rule: Rule,
    /// What else it could be, by rules of less weight or, without a decision, by those of the same: at most
    /// [`MOST_OTHERS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherReading>,
}

/// What a text could also be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherReading {
    /// Kind.
    pub kind: Kind,
    /// The number, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e164: Option<E164>,
    /// The rule that says so.
    pub rule: Rule,
}

/// More other readings than these help nobody.
pub const MOST_OTHERS: usize = 4;

/// Why a text was read as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Rule {
    /// Nothing, or a word that stands for nothing.
    NoNumber,
    /// One of the own numbers as a caller's number: the trunk had none.
    OwnNumber,
    /// An extension of the house.
    Extension {
        /// The pattern it fits.
        pattern: Pattern,
    },
    /// A service number.
    Service {
        /// The pattern it fits.
        pattern: Pattern,
    },
    /// A + and a country code.
    Plus,
    /// The trunk prefix stood between country code and number, +44 (0)20 …, and was left out.
    TrunkPrefixLeftOut,
    /// An international prefix.
    InternationalPrefix {
        /// Which.
        prefix: Digits,
    },
    /// The trunk prefix.
    TrunkPrefix {
        /// Which.
        prefix: Digits,
    },
    /// A number of the own country without any prefix.
    National,
    /// A number of the own city.
    Local {
        /// The area code that was put before it.
        area_code: Digits,
    },
    /// The own country code without +.
    CountryCode,
    /// An area code in the address's `phone-context`.
    PhoneContext {
        /// Country and area code.
        context: String,
    },
    /// The form that the trunk is said to send, or the PBX to dial.
    StatedForm,
    /// A + before what is dialled.
    PlusByMistake,
    /// It says by itself that it is a number of another country, but numbers there have other lengths.
    UnusualLength,
    /// Two rules of the same weight read different numbers.
    Ambiguous,
    /// The address's `phone-context` is another country: RFC 3966 allows no conclusion.
    ForeignContext,
    /// There are letters or other signs in it that no telephone dials.
    OtherSigns,
    /// It is longer than any number.
    TooLong,
    /// No rule of the plan reads it.
    NoRule,
}
