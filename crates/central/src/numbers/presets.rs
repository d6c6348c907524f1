//! Plans of some countries, to begin with: an administrator takes one and changes what differs.

use super::digits::{Digits, Lengths};
use super::e164::Prefix;
use super::pattern::Pattern;
use super::plan::{CountryCode, DialRules, NumberPlan, ServiceNumber};

/// A country whose usual rules are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// 8 before numbers of the country, 810 before others; Kazakhstan has the same country code.
    Russia,
    /// 0 and 00; numbers of many lengths.
    Germany,
    /// 0 and 00; the Channel Islands and Man have the same country code and other prices.
    UnitedKingdom,
    /// 1 and 011; the Caribbean has the same country code and other prices. Canada counts as the own country.
    UnitedStates,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Russia, Self::Germany, Self::UnitedKingdom, Self::UnitedStates];

    /// The plan, for a house in the city with this area code.
    #[must_use]
    pub fn plan(self, area_code: Option<Digits>) -> NumberPlan {
        let plan = match self {
            Self::Russia => russia(),
            Self::Germany => germany(),
            Self::UnitedKingdom => united_kingdom(),
            Self::UnitedStates => united_states(),
        };
        let Some(area_code) = area_code else { return plan };
        // Subscribers have what the area code leaves of the country's length; where numbers have many lengths, all of it.
        let area = area_code.as_str().len();
        let subscriber: Vec<u8> = plan
            .national_lengths
            .iter()
            .filter_map(|length| length.checked_sub(area))
            .filter(|length| *length >= SHORTEST_SUBSCRIBER)
            .filter_map(|length| u8::try_from(length).ok())
            .collect();
        NumberPlan { subscriber_lengths: Lengths::of(&subscriber), area_codes: vec![area_code], ..plan }
    }
}

/// Shorter ones would be taken for extensions.
const SHORTEST_SUBSCRIBER: usize = 4;

fn russia() -> NumberPlan {
    NumberPlan {
        national_lengths: Lengths::of(&[10]),
        national_starts: Some(digits("34789")),
        trunk_prefix: Some(digits("8")),
        international_prefixes: vec![digits("810")],
        national_without_prefix: true,
        country_code_without_plus: true,
        foreign: prefixes(&["+76", "+77"]),
        paid: prefixes(&["+7803", "+7809"]),
        services: services(&["112", "_10[1-4]", "_0[1-4]"], &["_10[05-9]", "_11[01]"]),
        ..plan("7")
    }
}

fn germany() -> NumberPlan {
    NumberPlan {
        national_lengths: Lengths::of(&[5, 6, 7, 8, 9, 10, 11]),
        national_starts: Some(digits("123456789")),
        trunk_prefix: Some(digits("0")),
        international_prefixes: vec![digits("00")],
        paid: prefixes(&["+49137", "+49180", "+49900", "+49118"]),
        services: services(&["112", "110"], &["_11[56]", "116117"]),
        ..plan("49")
    }
}

fn united_kingdom() -> NumberPlan {
    NumberPlan {
        national_lengths: Lengths::of(&[9, 10]),
        national_starts: Some(digits("1235789")),
        trunk_prefix: Some(digits("0")),
        international_prefixes: vec![digits("00")],
        country_code_without_plus: true,
        foreign: prefixes(&["+441481", "+441534", "+441624"]),
        paid: prefixes(&["+449", "+4470", "+44871", "+44872", "+44873"]),
        services: services(&["999", "112"], &["_10[15]", "111", "119"]),
        ..plan("44")
    }
}

fn united_states() -> NumberPlan {
    /// Of the North American plan, what is neither the United States nor Canada (NANPA, country listing).
    const ELSEWHERE: &[&str] = &[
        "+1242", "+1246", "+1264", "+1268", "+1284", "+1345", "+1441", "+1473", "+1649", "+1658", "+1664", "+1721",
        "+1758", "+1767", "+1784", "+1809", "+1829", "+1849", "+1868", "+1869", "+1876",
    ];
    NumberPlan {
        national_lengths: Lengths::of(&[10]),
        national_starts: Some(digits("23456789")),
        trunk_prefix: Some(digits("1")),
        international_prefixes: vec![digits("011")],
        national_without_prefix: true,
        foreign: prefixes(ELSEWHERE),
        paid: prefixes(&["+1900"]),
        services: services(&["911"], &["_[2-8]11"]),
        ..plan("1")
    }
}

fn plan(country_code: &str) -> NumberPlan {
    let country_code = CountryCode::try_from(country_code.to_owned()).expect("a country code of the table");
    NumberPlan { dial: DialRules::default(), ..NumberPlan::of_country(country_code) }
}

fn digits(text: &str) -> Digits {
    text.parse().expect("digits, see the tests")
}

fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    texts.iter().map(|text| text.parse().expect("a prefix, see the tests")).collect()
}

fn services(emergency: &[&str], others: &[&str]) -> Vec<ServiceNumber> {
    let numbers = |text: &str| -> Pattern { text.parse().expect("a pattern, see the tests") };
    let service = |text, emergency| ServiceNumber { numbers: numbers(text), emergency, without_outside_prefix: false };
    let emergency = emergency.iter().map(|text| service(text, true));
    emergency.chain(others.iter().map(|text| service(text, false))).collect()
}
