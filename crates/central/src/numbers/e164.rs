//! A telephone number of the whole world: `+`, country code, the rest (ITU-T E.164).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::countries::{self, Country};
use super::digits::LONGEST;

/// The shortest number in use has seven digits, country code included (Niue, Saint Helena).
const SHORTEST: usize = 7;

/// A number of the whole world. Its country code exists; whether the number does, nobody knows but the network.
///
/// Written and read as `+74951234567`. The digits are kept as one integer, which loses nothing: no country code begins
/// with 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(u64);

/// Why a text is no [`E164`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotE164 {
    /// It is not `+` and digits alone.
    #[error("not taken as a number in E.164: it is not + and digits; write it like +74951234567")]
    Form,
    /// Too short or too long.
    #[error(
        "not taken as a number in E.164: it has fewer than 7 or more than 15 digits; write it whole, with country code"
    )]
    Length,
    /// The country code is nobody's.
    #[error("not taken as a number in E.164: no country has this code; write the country code behind the +")]
    Country,
}

impl E164 {
    /// From the digits behind the `+`.
    ///
    /// # Errors
    /// When they are no such number.
    pub fn from_digits(digits: &str) -> Result<Self, NotE164> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotE164::Form);
        }
        if !(SHORTEST..=LONGEST).contains(&digits.len()) {
            return Err(NotE164::Length);
        }
        if countries::split(digits).is_none() {
            return Err(NotE164::Country);
        }
        digits.parse().map(Self).map_err(|_| NotE164::Form)
    }

    /// The digits, country code first.
    #[must_use]
    pub fn digits(self) -> String {
        self.0.to_string()
    }

    /// What stands behind its country code.
    #[must_use]
    pub fn country(self) -> &'static Country {
        let country = countries::split(&self.digits()).map(|(country, _)| country);
        country.expect("a number is only made with a country code that exists")
    }

    /// The digits behind the country code.
    #[must_use]
    pub fn national(self) -> String {
        let digits = self.digits();
        countries::split(&digits).map_or_else(String::new, |(_, rest)| rest.to_owned())
    }

    /// Whether the table of countries knows numbers of this length there.
    #[must_use]
    pub fn has_usual_length(self) -> bool {
        let (country, national) = (self.country(), self.national());
        country.lengths.contains(national.len()) && (country.zero || !national.starts_with('0'))
    }

    /// For the eye: `+7 495 123-45-67`.
    #[must_use]
    pub fn grouped(self) -> String {
        let code = self.country().code;
        format!("+{code} {}", countries::grouped(code, &self.national()))
    }

    /// For who may not see it: the last four digits. Neither its country nor its length can be told.
    #[must_use]
    pub fn masked(self) -> String {
        mask(&self.digits())
    }
}

/// The last four of at least seven signs; of fewer, none.
pub(super) fn mask(text: &str) -> String {
    let signs: Vec<char> = text.chars().collect();
    let shown = if signs.len() < SHORTEST { &[] } else { &signs[signs.len() - 4..] };
    let mut masked = "••••".to_owned();
    if !shown.is_empty() {
        masked.push(' ');
        masked.extend(shown);
    }
    masked
}

impl FromStr for E164 {
    type Err = NotE164;

    /// Strict: what people and trunks write is read by [`super::read()`].
    fn from_str(text: &str) -> Result<Self, NotE164> {
        Self::from_digits(text.strip_prefix('+').ok_or(NotE164::Form)?)
    }
}

impl TryFrom<String> for E164 {
    type Error = NotE164;

    fn try_from(text: String) -> Result<Self, NotE164> {
        text.parse()
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.to_string()
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What numbers begin with: `+`, country code, maybe more. `+77` are the numbers of Kazakhstan that begin so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(String);

/// Why a text is no [`Prefix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not taken as the beginning of numbers: it is not + and one to fifteen digits; write it like +7809")]
pub struct NotAPrefix;

impl Prefix {
    /// Whether the number begins so.
    #[must_use]
    pub fn covers(&self, number: E164) -> bool {
        number.digits().starts_with(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let digits = text.strip_prefix('+').ok_or(NotAPrefix)?;
        let well_formed = (1..=LONGEST).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if well_formed && !digits.starts_with('0') { Ok(Self(digits.to_owned())) } else { Err(NotAPrefix) }
    }
}

impl TryFrom<String> for Prefix {
    type Error = NotAPrefix;

    fn try_from(text: String) -> Result<Self, NotAPrefix> {
        text.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_shown_as_people_of_the_country_write_them() {
        for (number, shown) in [
            ("+74951234567", "+7 495 123-45-67"),
            ("+12125551234", "+1 212-555-1234"),
            ("+442079460000", "+44 20 7946 0000"),
            ("+441134960000", "+44 113 496 0000"),
            ("+441315551234", "+44 131 555 1234"),
            ("+441632960000", "+44 1632 960000"),
            ("+447700900123", "+44 7700 900123"),
            ("+4930123456", "+49 30 123456"),
            ("+4915112345678", "+49 1511 2345678"),
            ("+4917612345678", "+49 176 12345678"),
            ("+49522112345", "+49 522 112 345"),
            ("+33142345678", "+33 1 42 34 56 78"),
            ("+375291234567", "+375 29 123-45-67"),
            ("+998901234567", "+998 90 123 45 67"),
            ("+3726001234", "+372 600 1234"),
        ] {
            assert_eq!(number.parse::<E164>().unwrap().grouped(), shown);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (text, why) in [
            ("74951234567", NotE164::Form),
            ("+", NotE164::Form),
            ("+7 495 1234567", NotE164::Form),
            ("+７4951234567", NotE164::Form),
            ("+749512", NotE164::Length),
            ("+7495123456712345", NotE164::Length),
            ("+0495123456", NotE164::Country),
            ("+89512345678", NotE164::Country),
        ] {
            assert_eq!(text.parse::<E164>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_masked_number_shows_its_last_four_digits() {
        assert_eq!("+74951234567".parse::<E164>().unwrap().masked(), "•••• 4567");
        assert_eq!("+2904567".parse::<E164>().unwrap().masked(), "•••• 4567");
        assert_eq!(mask("105"), "••••");
    }

    #[test]
    fn a_prefix_covers_what_begins_with_it() {
        let kazakhstan: Prefix = "+77".parse().unwrap();
        assert!(kazakhstan.covers("+77011234567".parse().unwrap()));
        assert!(!kazakhstan.covers("+74951234567".parse().unwrap()));
        for wrong in ["", "+", "77", "+0", "+7a", "+1234567890123456"] {
            assert_eq!(wrong.parse::<Prefix>(), Err(NotAPrefix), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_is_written(digits in "[1-9][0-9]{6,14}") {
            if let Ok(number) = E164::from_digits(&digits) {
                prop_assert_eq!(number.to_string().parse::<E164>(), Ok(number));
                let json = serde_json::to_string(&number).unwrap();
                prop_assert_eq!(serde_json::from_str::<E164>(&json).unwrap(), number);
                prop_assert_eq!(format!("{}{}", number.country().code, number.national()), digits);
            }
        }

        #[test]
        fn grouping_changes_no_digit(digits in "[1-9][0-9]{6,14}") {
            if let Ok(number) = E164::from_digits(&digits) {
                let shown: String = number.grouped().chars().filter(char::is_ascii_digit).collect();
                prop_assert_eq!(shown, digits);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = text.parse::<E164>();
            let _ = text.parse::<Prefix>();
        }
    }
}
