//! Digits and lengths as an administrator writes them into a number plan.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One to fifteen decimal digits: an area code, a prefix. Leading zeros count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digits(String);

/// Not one to fifteen digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not taken as digits: only 0 to 9 may stand here, one to fifteen of them; write them without spaces and signs")]
pub struct NotDigits;

/// The longest run of digits in an E.164 number (ITU-T E.164).
pub const LONGEST: usize = 15;

impl Digits {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digits {
    type Err = NotDigits;

    fn from_str(text: &str) -> Result<Self, NotDigits> {
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotDigits)
        }
    }
}

impl TryFrom<String> for Digits {
    type Error = NotDigits;

    fn try_from(text: String) -> Result<Self, NotDigits> {
        text.parse()
    }
}

impl From<Digits> for String {
    fn from(digits: Digits) -> Self {
        digits.0
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many digits a kind of number may have, each from 1 to 15. Written as a list: `[6, 7]`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Lengths(u16);

/// A length that no number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the length {0} is not taken: no number is so long or so short (ITU-T E.164); write lengths from 1 to 15")]
pub struct NotALength(u8);

impl Lengths {
    /// None: this kind of number does not exist.
    pub const NONE: Self = Self(0);

    /// Of those that are from 1 to 15; others are no lengths and left out.
    #[must_use]
    pub const fn of(lengths: &[u8]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < lengths.len() {
            let length = lengths[index];
            if length >= 1 && length <= 15 {
                bits |= 1 << length;
            }
            index += 1;
        }
        Self(bits)
    }

    /// Whether numbers may be so long.
    #[must_use]
    pub const fn contains(self, length: usize) -> bool {
        length >= 1 && length <= LONGEST && self.0 & (1 << length) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Each, the shortest first.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (1..=LONGEST).filter(move |length| self.contains(*length))
    }
}

impl TryFrom<Vec<u8>> for Lengths {
    type Error = NotALength;

    fn try_from(lengths: Vec<u8>) -> Result<Self, NotALength> {
        match lengths.iter().find(|length| !(1..=15).contains(*length)) {
            Some(wrong) => Err(NotALength(*wrong)),
            None => Ok(Self::of(&lengths)),
        }
    }
}

impl From<Lengths> for Vec<u8> {
    fn from(lengths: Lengths) -> Self {
        lengths.iter().filter_map(|length| u8::try_from(length).ok()).collect()
    }
}

impl fmt::Debug for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_digits() {
        assert_eq!("0495".parse::<Digits>().map(String::from), Ok("0495".to_owned()));
        for wrong in ["", " 8", "+7", "8a", "٨", "1234567890123456"] {
            assert_eq!(wrong.parse::<Digits>(), Err(NotDigits), "{wrong:?}");
        }
    }

    #[test]
    fn lengths_are_written_as_a_list() {
        let lengths: Lengths = serde_json::from_str("[7, 5, 7]").unwrap();
        assert_eq!(serde_json::to_string(&lengths).unwrap(), "[5,7]");
        assert!(lengths.contains(7) && !lengths.contains(6) && !lengths.contains(0) && !lengths.contains(99));
        assert!(serde_json::from_str::<Lengths>("[0]").is_err());
        assert!(serde_json::from_str::<Lengths>("[16]").is_err());
    }
}
