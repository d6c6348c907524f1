//! What is wrong with a plan, told before the first call is read by it.

use serde::{Deserialize, Serialize};

use super::digits::{Digits, LONGEST, Lengths};
use super::e164::E164;
use super::pattern::Pattern;
use super::plan::{InternationalForm, LocalForm, NationalForm, NumberPlan};

/// Something in a plan that will not do what it seems to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum PlanProblem {
    /// No length for numbers of the own country.
    #[error("no number of the own country can be read: national_lengths is empty; write how many digits they have")]
    NoNationalLength,
    /// Area code and local number do not make a national one.
    #[error(
        "local numbers of {length} digits are not read: with the area code {area_code} they have a length that \
         national_lengths does not name; correct one of the three"
    )]
    LocalLength {
        /// The area code.
        area_code: Digits,
        /// The length within the city.
        length: usize,
    },
    /// Local lengths without an area code.
    #[error("local numbers are not read: area_codes is empty; write the area code of the city first in it")]
    NoAreaCode,
    /// One of the own numbers cannot be.
    #[error(
        "{number} is never seen as an own number: the plan has no such numbers in its country; \
         correct it, or national_lengths and national_starts"
    )]
    OwnNumber {
        /// Which.
        number: E164,
    },
    /// An extension and a service have the same number.
    #[error(
        "some numbers are an extension by {extension} and a service by {service}: the extension wins; \
         narrow one of them, or give the outside a prefix"
    )]
    ExtensionIsService {
        /// The pattern of extensions.
        extension: Pattern,
        /// The pattern of services.
        service: Pattern,
    },
    /// An extension looks like a local number.
    #[error(
        "some local numbers of {length} digits fit the extension {extension}: inside, the extension wins; \
         narrow the pattern, or dial local numbers with area code"
    )]
    ExtensionIsLocal {
        /// The pattern of extensions.
        extension: Pattern,
        /// The length within the city.
        length: usize,
    },
    /// An extension pattern that takes whole telephone numbers.
    #[error("the extension {extension} takes numbers of the outside, too: it has no end; write X for each digit")]
    ExtensionIsAnything {
        /// The pattern of extensions.
        extension: Pattern,
    },
    /// Other countries are dialled by a prefix that is not there.
    #[error(
        "no other country can be dialled: international_prefixes is empty; \
         write one, or let dial.international be \"plus\""
    )]
    NoInternationalPrefix,
    /// Local numbers are to be dialled short, and none is known.
    #[error(
        "no number is dialled without area code: area_codes or subscriber_lengths is empty; \
         write both, or take dial.local = \"subscriber\" away"
    )]
    NoLocalNumbers,
    /// The national form is not read back.
    #[error(
        "numbers of the own country cannot be dialled: what dial.national makes is read by no rule; \
         set {setting} to true, or choose another form"
    )]
    NationalFormUnread {
        /// The setting that would read it.
        setting: String,
    },
    /// Two forms that cannot be told apart.
    #[error(
        "dialled numbers cannot be told apart: dial.international is \"country-code\" and dial.national is not; \
         use \"country-code\" or \"plus\" for both"
    )]
    MixedForms,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The plan should not be taken: some calls cannot be read or made.
    Error,
    /// Works, perhaps not as meant.
    Warning,
}

impl PlanProblem {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::NoNationalLength
            | Self::ExtensionIsAnything { .. }
            | Self::NoInternationalPrefix
            | Self::NationalFormUnread { .. }
            | Self::MixedForms => Severity::Error,
            Self::LocalLength { .. }
            | Self::NoAreaCode
            | Self::OwnNumber { .. }
            | Self::ExtensionIsService { .. }
            | Self::ExtensionIsLocal { .. }
            | Self::NoLocalNumbers => Severity::Warning,
        }
    }
}

impl NumberPlan {
    /// All that is wrong with it. A plan with problems reads and dials what it can, and never panics.
    #[must_use]
    pub fn check(&self) -> Vec<PlanProblem> {
        let mut problems = Vec::new();
        if self.national_lengths.is_empty() {
            problems.push(PlanProblem::NoNationalLength);
        }
        self.check_local(&mut problems);
        let impossible = self.own_numbers.iter().filter(|number| !self.can_be(**number));
        problems.extend(impossible.map(|number| PlanProblem::OwnNumber { number: *number }));
        self.check_extensions(&mut problems);
        self.check_dial(&mut problems);
        problems
    }

    fn check_local(&self, problems: &mut Vec<PlanProblem>) {
        match self.area_codes.first() {
            None if !self.subscriber_lengths.is_empty() => problems.push(PlanProblem::NoAreaCode),
            None => {}
            Some(area_code) => {
                let wrong = |length: &usize| !self.national_lengths.contains(area_code.as_str().len() + length);
                let lengths = self.subscriber_lengths.iter().filter(wrong);
                problems
                    .extend(lengths.map(|length| PlanProblem::LocalLength { area_code: area_code.clone(), length }));
            }
        }
    }

    fn check_extensions(&self, problems: &mut Vec<PlanProblem>) {
        for extension in &self.extensions {
            if extension.fits_digits(LONGEST) {
                problems.push(PlanProblem::ExtensionIsAnything { extension: extension.clone() });
                continue;
            }
            // Behind a prefix for the outside nothing is taken for an extension.
            if self.dial.outside_prefix.is_some() {
                continue;
            }
            let services = self.services.iter().map(|service| &service.numbers);
            problems.extend(services.filter(|service| service.overlaps(extension)).map(|service| {
                PlanProblem::ExtensionIsService { extension: extension.clone(), service: service.clone() }
            }));
            let lengths: Lengths = if self.area_codes.is_empty() { Lengths::NONE } else { self.subscriber_lengths };
            let local = lengths.iter().filter(|length| extension.fits_digits(*length));
            problems.extend(local.map(|length| PlanProblem::ExtensionIsLocal { extension: extension.clone(), length }));
        }
    }

    fn check_dial(&self, problems: &mut Vec<PlanProblem>) {
        if self.dial.international == InternationalForm::Prefix && self.international_prefixes.is_empty() {
            problems.push(PlanProblem::NoInternationalPrefix);
        }
        let no_local = self.area_codes.is_empty() || self.subscriber_lengths.is_empty();
        if self.dial.local == LocalForm::Subscriber && no_local {
            problems.push(PlanProblem::NoLocalNumbers);
        }
        let alike = matches!(self.dial.national, NationalForm::CountryCode | NationalForm::Plus);
        if self.dial.international == InternationalForm::CountryCode {
            if !alike {
                problems.push(PlanProblem::MixedForms);
            }
            return;
        }
        let bare = match self.dial.national {
            NationalForm::TrunkPrefix => self.trunk_prefix.is_none(),
            NationalForm::Bare => true,
            NationalForm::CountryCode | NationalForm::Plus => false,
        };
        let unread = |setting: &str| PlanProblem::NationalFormUnread { setting: setting.to_owned() };
        if bare && !self.national_without_prefix {
            problems.push(unread("national_without_prefix"));
        }
        if self.dial.national == NationalForm::CountryCode && !self.country_code_without_plus {
            problems.push(unread("country_code_without_plus"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::presets::Preset;
    use super::*;

    fn moscow() -> NumberPlan {
        Preset::Russia.plan("495".parse().ok())
    }

    #[test]
    fn presets_have_no_problems() {
        for preset in Preset::ALL {
            assert_eq!(preset.plan(None).check(), [], "{preset:?}");
        }
        assert_eq!(moscow().check(), []);
        assert_eq!(NumberPlan::of_country("372".to_owned().try_into().unwrap()).check(), []);
    }

    #[test]
    fn each_problem_is_told() {
        type Change = fn(&mut NumberPlan);
        let cases: [(Change, &str, Severity); 12] = [
            (|plan| plan.national_lengths = Lengths::NONE, "no-national-length", Severity::Error),
            (|plan| plan.subscriber_lengths = Lengths::of(&[6]), "local-length", Severity::Warning),
            (|plan| plan.area_codes.clear(), "no-area-code", Severity::Warning),
            (|plan| plan.own_numbers = vec!["+7495123456".parse().unwrap()], "own-number", Severity::Warning),
            (|plan| plan.extensions = vec!["_1XX".parse().unwrap()], "extension-is-service", Severity::Warning),
            (|plan| plan.extensions = vec!["_5XXXXXX".parse().unwrap()], "extension-is-local", Severity::Warning),
            (|plan| plan.extensions = vec!["_X.".parse().unwrap()], "extension-is-anything", Severity::Error),
            (|plan| plan.international_prefixes.clear(), "no-international-prefix", Severity::Error),
            (
                |plan| {
                    plan.dial.local = LocalForm::Subscriber;
                    plan.subscriber_lengths = Lengths::NONE;
                },
                "no-local-numbers",
                Severity::Warning,
            ),
            (
                |plan| {
                    plan.dial.national = NationalForm::Bare;
                    plan.national_without_prefix = false;
                },
                "national-form-unread",
                Severity::Error,
            ),
            (
                |plan| {
                    plan.dial.national = NationalForm::CountryCode;
                    plan.country_code_without_plus = false;
                },
                "national-form-unread",
                Severity::Error,
            ),
            (|plan| plan.dial.international = InternationalForm::CountryCode, "mixed-forms", Severity::Error),
        ];
        for (change, name, severity) in cases {
            let mut plan = moscow();
            change(&mut plan);
            let problems = plan.check();
            let found = problems.iter().find(|problem| serde_json::to_value(problem).unwrap()["is"] == name);
            assert_eq!(found.map(PlanProblem::severity), Some(severity), "{name}: {problems:?}");
        }
    }

    #[test]
    fn a_prefix_for_the_outside_parts_extensions_from_services() {
        let mut plan = moscow();
        plan.extensions = vec!["_1XX".parse().unwrap()];
        plan.dial.outside_prefix = "9".parse().ok();
        assert_eq!(plan.check(), []);
    }
}
