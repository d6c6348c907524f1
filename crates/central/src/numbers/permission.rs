//! Who may call what: every call out of the house has a class, and a person or a profile has permissions by class.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::dial::Target;
use super::plan::NumberPlan;

/// What a call counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A phone of the house.
    Internal,
    /// Emergency: nobody is kept from it.
    Emergency,
    /// Another service number.
    Service,
    /// The own city.
    City,
    /// The own country.
    LongDistance,
    /// Another country, also one that shares the country code.
    International,
    /// One of the plan's paid prefixes, wherever it is.
    Paid,
}

/// The class of a call. What costs more than a call comes before where it goes.
#[must_use]
pub fn class_of(plan: &NumberPlan, target: &Target) -> Class {
    let number = match target {
        Target::External(number) => *number,
        // A number that is an extension by one rule and an emergency by another is never forbidden.
        Target::Extension(digits) | Target::Service(digits) if plan.service(digits).is_some_and(|it| it.emergency) => {
            return Class::Emergency;
        }
        Target::Extension(_) => return Class::Internal,
        Target::Service(_) => return Class::Service,
    };
    let national = number.national();
    match () {
        () if plan.paid.iter().any(|prefix| prefix.covers(number)) => Class::Paid,
        () if !plan.is_own_country(number) => Class::International,
        () if plan.foreign.iter().any(|prefix| prefix.covers(number)) => Class::International,
        () if plan.area_codes.iter().any(|area| national.starts_with(area.as_str())) => Class::City,
        () => Class::LongDistance,
    }
}

/// Which classes may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Permissions {
    /// Phones of the house.
    pub internal: bool,
    /// Service numbers that are no emergency.
    pub service: bool,
    /// The own city.
    pub city: bool,
    /// The own country.
    pub long_distance: bool,
    /// Other countries.
    pub international: bool,
    /// What costs more than a call.
    pub paid: bool,
}

impl Default for Permissions {
    /// A stolen password must not be worth a night of calls to expensive numbers.
    fn default() -> Self {
        Self { internal: true, service: true, city: true, long_distance: true, international: false, paid: false }
    }
}

/// A call of this class may not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not dialled: calls of the class {class} are not allowed here; ask the administrator to permit it")]
pub struct NotPermitted {
    /// Which.
    pub class: Class,
}

impl Permissions {
    /// Whether a call of this class may be made.
    ///
    /// # Errors
    /// When not.
    pub fn allow(&self, class: Class) -> Result<(), NotPermitted> {
        let allowed = match class {
            Class::Emergency => true,
            Class::Internal => self.internal,
            Class::Service => self.service,
            Class::City => self.city,
            Class::LongDistance => self.long_distance,
            Class::International => self.international,
            Class::Paid => self.paid,
        };
        if allowed { Ok(()) } else { Err(NotPermitted { class }) }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Internal => "internal",
            Self::Emergency => "emergency",
            Self::Service => "service",
            Self::City => "city",
            Self::LongDistance => "long-distance",
            Self::International => "international",
            Self::Paid => "paid",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::presets::Preset;
    use super::*;

    #[test]
    fn calls_have_classes() {
        for (preset, area, number, class) in [
            (Preset::Russia, "495", "+74951234567", Class::City),
            (Preset::Russia, "495", "+78121234567", Class::LongDistance),
            (Preset::Russia, "495", "+78001234567", Class::LongDistance),
            (Preset::Russia, "495", "+77011234567", Class::International),
            (Preset::Russia, "495", "+4930123456", Class::International),
            (Preset::Russia, "495", "+78091234567", Class::Paid),
            (Preset::Germany, "30", "+4930123456", Class::City),
            (Preset::Germany, "30", "+499001234567", Class::Paid),
            (Preset::UnitedKingdom, "20", "+441481960000", Class::International),
            (Preset::UnitedKingdom, "20", "+449012345678", Class::Paid),
            (Preset::UnitedStates, "212", "+12125551234", Class::City),
            (Preset::UnitedStates, "212", "+14165551234", Class::LongDistance),
            (Preset::UnitedStates, "212", "+18765551234", Class::International),
            (Preset::UnitedStates, "212", "+19005551234", Class::Paid),
        ] {
            let plan = preset.plan(area.parse().ok());
            assert_eq!(class_of(&plan, &Target::External(number.parse().unwrap())), class, "{preset:?} {number}");
        }
        let russia = NumberPlan { extensions: vec!["_1XX".parse().unwrap()], ..Preset::Russia.plan(None) };
        for (target, class) in [
            (Target::Extension("150".to_owned()), Class::Internal),
            (Target::Extension("112".to_owned()), Class::Emergency),
            (Target::Service("112".to_owned()), Class::Emergency),
            (Target::Service("109".to_owned()), Class::Service),
        ] {
            assert_eq!(class_of(&russia, &target), class, "{target:?}");
        }
    }

    #[test]
    fn other_countries_and_paid_numbers_are_off_until_somebody_permits_them() {
        let usual: Permissions = serde_json::from_str("{}").unwrap();
        for class in [Class::Internal, Class::Emergency, Class::Service, Class::City, Class::LongDistance] {
            assert_eq!(usual.allow(class), Ok(()));
        }
        for class in [Class::International, Class::Paid] {
            assert_eq!(usual.allow(class), Err(NotPermitted { class }));
        }
        let permitted = Permissions { international: true, ..usual };
        assert_eq!(permitted.allow(Class::International), Ok(()));
        assert!(permitted.allow(Class::Paid).is_err());
    }

    #[test]
    fn nobody_is_kept_from_an_emergency_call() {
        let nothing = serde_json::json!({"internal": false, "service": false, "city": false, "long_distance": false});
        let nothing: Permissions = serde_json::from_value(nothing).unwrap();
        assert_eq!(nothing.allow(Class::Emergency), Ok(()));
        assert!(nothing.allow(Class::Service).is_err() && nothing.allow(Class::Internal).is_err());
    }
}
