//! From a number to what a PBX dials.
//!
//! Whatever is dialled is first read back by the same plan: a plan whose rules would reach somebody else is told, and nobody
//! is called.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::digits::Digits;
use super::e164::E164;
use super::permission::{Class, class_of};
use super::plan::{InternationalForm, LocalForm, NationalForm, NumberPlan};
use super::read::read;
use super::reading::{Reading, Rule, Seen};

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "number")]
pub enum Target {
    /// Somebody outside.
    External(E164),
    /// A phone of the house.
    Extension(String),
    /// A service number.
    Service(String),
}

impl Target {
    /// Whom a reading means; nobody, where no number could be read.
    #[must_use]
    pub fn of(reading: &Reading) -> Option<Self> {
        let short = || (!reading.digits.is_empty()).then(|| reading.digits.clone());
        match reading.number.kind {
            Kind::External => reading.number.e164.map(Self::External),
            // The extension may be a name.
            Kind::Extension => Some(Self::Extension(short().unwrap_or_else(|| reading.number.raw.trim().to_owned()))),
            Kind::Service => short().map(Self::Service),
            Kind::Anonymous => None,
        }
    }
}

/// What a PBX dials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialled {
    /// The digits, maybe with a `+`; the prefix for the outside included.
    pub text: String,
    /// The form that was taken.
    pub form: Form,
    /// What the call counts as for permissions.
    pub class: Class,
}

/// In which form a number is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// An extension or a service number, as it is.
    Short,
    /// Without area code.
    Subscriber,
    /// As the plan's [`NationalForm`] says.
    National,
    /// As the plan's [`InternationalForm`] says.
    International,
}

/// Why a number is not dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum NotDialable {
    /// No such number can be in the own country.
    #[error(
        "the number is not dialled: the plan has no numbers of this length or beginning in its country; \
         correct the number, or national_lengths and national_starts of the plan"
    )]
    NoSuchNumber,
    /// The plan dials other countries by prefix and has none.
    #[error(
        "the number is not dialled: the plan has no international prefix; \
         add one to international_prefixes, or let dial.international be \"plus\""
    )]
    NoInternationalPrefix,
    /// Not an extension of the plan, or not a service number.
    #[error("the number is not dialled: the plan has no such short number; add its pattern to extensions or services")]
    NoShortNumber,
    /// The plan's own rules read the digits as something else.
    #[error(
        "the number is not dialled: by the plan's own rules {text} means something else; \
         let dial use a form that no other rule reads, or narrow the rule that reads it"
    )]
    MeansSomethingElse {
        /// What would have been dialled.
        text: String,
        /// The rule that reads it otherwise.
        by: Rule,
    },
}

/// What the PBXs of this plan dial to reach somebody. Whether the person at the phone may, is [`Class`]'s.
///
/// # Errors
/// When the plan gives nothing to dial, or something that reaches somebody else.
pub fn dial(plan: &NumberPlan, target: &Target) -> Result<Dialled, NotDialable> {
    match target {
        Target::External(number) => external(plan, *number),
        Target::Extension(extension) => {
            let reading = read(plan, Seen::Dialled, extension);
            short(plan, target, extension.clone(), &reading, Kind::Extension)
        }
        Target::Service(digits) => {
            let service = plan.service(digits).ok_or(NotDialable::NoShortNumber)?;
            let text = if service.without_outside_prefix { digits.clone() } else { outside(plan, digits) };
            let reading = read(plan, Seen::Dialled, &text);
            short(plan, target, text, &reading, Kind::Service)
        }
    }
}

fn short(
    plan: &NumberPlan,
    target: &Target,
    text: String,
    reading: &Reading,
    kind: Kind,
) -> Result<Dialled, NotDialable> {
    if reading.number.kind == kind {
        return Ok(Dialled { text, form: Form::Short, class: class_of(plan, target) });
    }
    Err(match reading.rule {
        Rule::NoRule | Rule::OtherSigns | Rule::NoNumber | Rule::TooLong => NotDialable::NoShortNumber,
        ref by => NotDialable::MeansSomethingElse { text, by: by.clone() },
    })
}

fn external(plan: &NumberPlan, number: E164) -> Result<Dialled, NotDialable> {
    let class = class_of(plan, &Target::External(number));
    let mut refused = NotDialable::NoSuchNumber;
    for (form, text) in forms(plan, number)? {
        let text = outside(plan, &text);
        let reading = read(plan, Seen::Dialled, &text);
        if reading.number.e164 == Some(number) {
            return Ok(Dialled { text, form, class });
        }
        refused = NotDialable::MeansSomethingElse { text, by: reading.rule };
    }
    Err(refused)
}

/// The forms in the order of the administrator's wish. A local number that reads as something else, an extension maybe, still
/// has its area code.
fn forms(plan: &NumberPlan, number: E164) -> Result<Vec<(Form, String)>, NotDialable> {
    if !plan.is_own_country(number) {
        let digits = number.digits();
        let text = match plan.dial.international {
            InternationalForm::Plus => format!("+{digits}"),
            InternationalForm::CountryCode => digits,
            InternationalForm::Prefix => {
                let prefix = plan.international_prefixes.first().ok_or(NotDialable::NoInternationalPrefix)?;
                format!("{prefix}{digits}")
            }
        };
        return Ok(vec![(Form::International, text)]);
    }
    let national = number.national();
    if !plan.can_be_national(&national) {
        return Err(NotDialable::NoSuchNumber);
    }
    let mut forms = Vec::with_capacity(2);
    if plan.dial.local == LocalForm::Subscriber {
        let area = plan.area_codes.first().map_or("", Digits::as_str);
        let subscriber = national.strip_prefix(area).filter(|_| !area.is_empty());
        let subscriber = subscriber.filter(|digits| plan.subscriber_lengths.contains(digits.len()));
        forms.extend(subscriber.map(|digits| (Form::Subscriber, digits.to_owned())));
    }
    let text = match plan.dial.national {
        NationalForm::TrunkPrefix => {
            format!("{}{national}", plan.trunk_prefix.as_ref().map_or("", Digits::as_str))
        }
        NationalForm::Bare => national,
        NationalForm::CountryCode => number.digits(),
        NationalForm::Plus => number.to_string(),
    };
    forms.push((Form::National, text));
    Ok(forms)
}

fn outside(plan: &NumberPlan, text: &str) -> String {
    format!("{}{text}", plan.dial.outside_prefix.as_ref().map_or("", Digits::as_str))
}
