//! The rules of a number plan as an administrator writes them: small, each one explained, all of them data.
//!
//! A plan belongs to one PBX, or to several that are mirrors of each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::countries::{self, Country};
use super::digits::{Digits, Lengths};
use super::e164::{E164, Prefix};
use super::pattern::Pattern;

/// How numbers are written where the PBXs of this plan stand, and what they dial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberPlan {
    /// The own country's code: `7`.
    pub country_code: CountryCode,
    /// How many digits a number has behind the country code; counts for the own country in place of the built-in table.
    pub national_lengths: Lengths,
    /// The digits that such a number can begin with, `34789`; absent: all, but for 0 where the trunk prefix is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national_starts: Option<Digits>,
    /// What is dialled before a number of the own country: 8, 0, 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk_prefix: Option<Digits>,
    /// What is dialled before a country code: 810, 00, 011. The first is the one that is dialled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub international_prefixes: Vec<Digits>,
    /// Area codes of the own city. The first is put before local numbers; all of them are calls within the city.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub area_codes: Vec<Digits>,
    /// How many digits a number has within the city; empty: none is dialled or shown without its area code.
    #[serde(default, skip_serializing_if = "Lengths::is_empty")]
    pub subscriber_lengths: Lengths,
    /// Numbers of the own country come without any prefix, too: 4951234567.
    #[serde(default, skip_serializing_if = "is_false")]
    pub national_without_prefix: bool,
    /// Numbers of the own country come with the country code and without +, too: 74951234567.
    #[serde(default, skip_serializing_if = "is_false")]
    pub country_code_without_plus: bool,
    /// What belongs to another country under the own country code: `+77` is Kazakhstan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Prefix>,
    /// Numbers that cost more than a call: `+7809`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<Prefix>,
    /// Extensions of this plan's PBXs, as the dialplan writes them: `_1XX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Pattern>,
    /// Short numbers of everybody: emergency, information.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceNumber>,
    /// The numbers that callers dial to reach this house. As a caller's number each means: the trunk had none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_numbers: Vec<E164>,
    /// What trunks write in place of a number, besides [`NO_NUMBER`]; capital letters count for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_number: Vec<String>,
    /// How trunks differ, by their name. A trunk that is not named writes numbers as the plan says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trunks: BTreeMap<String, TrunkRules>,
    /// What this PBX dials.
    #[serde(default)]
    pub dial: DialRules,
}

/// What a PBX or a trunk writes when there is no number. An empty text, blanks and dashes mean the same.
pub const NO_NUMBER: &[&str] = &["unknown", "anonymous", "asterisk", "restricted", "private", "unavailable"];

/// A short number that is the same for everybody in the country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceNumber {
    /// `112`, `_10[1-4]`.
    pub numbers: Pattern,
    /// Nobody may be kept from dialling it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub emergency: bool,
    /// It is dialled without the prefix for the outside, where the PBX has one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub without_outside_prefix: bool,
}

/// What a trunk does with numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrunkRules {
    /// The form in which it writes numbers.
    pub sends: Sends,
    /// It puts a + before what is dialled, where no country code follows: `+84951234567` for 8 495 123-45-67.
    pub plus_by_mistake: bool,
    /// Extensions come over it: another PBX of the house is behind it.
    pub extensions: bool,
    /// It shows one of the own numbers when the caller withheld his.
    pub own_number_means_none: bool,
}

impl Default for TrunkRules {
    fn default() -> Self {
        Self { sends: Sends::default(), plus_by_mistake: false, extensions: false, own_number_means_none: true }
    }
}

/// The form in which a trunk writes numbers without a +. With one they are in E.164 on every trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sends {
    /// As they are dialled there.
    #[default]
    AsDialled,
    /// Country code first, the + is missing: `4930123456` is in Germany. What cannot be so is taken as it is dialled.
    E164,
    /// Without any prefix or country code: `4930123456` is in the own country, whatever else it looks like.
    National,
    /// Both as dialled and in E.164 without +. What can be read both ways stays unread.
    Mixed,
}

/// What this PBX dials: the digits its dialplan understands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DialRules {
    /// What a phone dials first to get a line to the outside: 9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_prefix: Option<Digits>,
    /// Numbers of the own city.
    pub local: LocalForm,
    /// Numbers of the own country.
    pub national: NationalForm,
    /// Numbers of other countries.
    pub international: InternationalForm,
}

/// How a number of the own city is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalForm {
    /// Like any other of the country.
    #[default]
    National,
    /// Without the first area code: 1234567.
    Subscriber,
}

/// How a number of the own country is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NationalForm {
    /// With the trunk prefix, where there is one: 84951234567.
    #[default]
    TrunkPrefix,
    /// 4951234567
    Bare,
    /// 74951234567
    CountryCode,
    /// +74951234567
    Plus,
}

/// How a number of another country is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InternationalForm {
    /// With the first international prefix: 8104930123456.
    #[default]
    Prefix,
    /// +4930123456
    Plus,
    /// 4930123456: the PBX takes every number in E.164 without +.
    CountryCode,
}

/// A country code that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode(u16);

/// Nobody's country code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not taken as a country code: no country has it; write its digits without +, like 7")]
pub struct NotACountryCode;

impl CountryCode {
    /// What is known of it.
    #[must_use]
    pub fn country(self) -> &'static Country {
        countries::find(self.0).expect("only made of a country code that exists")
    }
}

impl TryFrom<String> for CountryCode {
    type Error = NotACountryCode;

    fn try_from(text: String) -> Result<Self, NotACountryCode> {
        match countries::split(&text) {
            Some((country, "")) => Ok(Self(country.code)),
            _ => Err(NotACountryCode),
        }
    }
}

impl From<CountryCode> for String {
    fn from(code: CountryCode) -> Self {
        code.0.to_string()
    }
}

impl std::fmt::Display for CountryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl NumberPlan {
    /// A plan that knows its country and nothing else: every number comes and goes with a +.
    #[must_use]
    pub fn of_country(country_code: CountryCode) -> Self {
        Self {
            country_code,
            national_lengths: country_code.country().lengths,
            national_starts: None,
            trunk_prefix: None,
            international_prefixes: Vec::new(),
            area_codes: Vec::new(),
            subscriber_lengths: Lengths::NONE,
            national_without_prefix: false,
            country_code_without_plus: false,
            foreign: Vec::new(),
            paid: Vec::new(),
            extensions: Vec::new(),
            services: Vec::new(),
            own_numbers: Vec::new(),
            no_number: Vec::new(),
            trunks: BTreeMap::new(),
            dial: DialRules {
                national: NationalForm::Plus,
                international: InternationalForm::Plus,
                ..DialRules::default()
            },
        }
    }

    /// Whether there can be such a number: in the own country by the plan, elsewhere by the table of countries.
    #[must_use]
    pub fn can_be(&self, number: E164) -> bool {
        if self.is_own_country(number) { self.can_be_national(&number.national()) } else { number.has_usual_length() }
    }

    /// Whether the number has the own country code.
    #[must_use]
    pub fn is_own_country(&self, number: E164) -> bool {
        number.country().code == self.country_code.0
    }

    /// Whether these digits can stand behind the own country code.
    pub(super) fn can_be_national(&self, digits: &str) -> bool {
        let starts_well = match (&self.national_starts, digits.chars().next()) {
            (Some(starts), Some(first)) => starts.as_str().contains(first),
            (None, first) => {
                first != Some('0') || self.trunk_prefix.as_ref().is_none_or(|prefix| prefix.as_str() != "0")
            }
            (Some(_), None) => false,
        };
        starts_well && self.national_lengths.contains(digits.len())
    }

    fn has_trunk_zero(&self) -> bool {
        self.trunk_prefix.as_ref().is_some_and(|prefix| prefix.as_str() == "0")
    }

    /// The service with this number: of several the one that leaves least open.
    pub(super) fn service(&self, digits: &str) -> Option<&ServiceNumber> {
        let fitting = self.services.iter().filter(|service| service.numbers.matches(digits));
        fitting.min_by_key(|service| service.numbers.openness())
    }

    /// The number of the own country with these digits, when there can be one.
    pub(super) fn national(&self, digits: &str) -> Option<E164> {
        let number = || E164::from_digits(&format!("{}{digits}", self.country_code)).ok();
        self.can_be_national(digits).then(number).flatten()
    }

    /// The number of the own city with these digits, when there can be one.
    pub(super) fn local(&self, digits: &str) -> Option<(E164, &Digits)> {
        let area = self.area_codes.first()?;
        let number = || self.national(&format!("{area}{digits}"));
        // Behind a trunk prefix 0 stands an area code: 0301234 is no local number.
        let is_local =
            self.subscriber_lengths.contains(digits.len()) && !(self.has_trunk_zero() && digits.starts_with('0'));
        is_local.then(number).flatten().map(|number| (number, area))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}
