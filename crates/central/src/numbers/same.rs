//! Whether two spellings are the same number, where not both could be read: to join the halves of a call over two PBXs.

use serde::{Deserialize, Serialize};

use super::text::Written;
use super::{Kind, Number};

/// How sure it is that two spellings are one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sameness {
    /// They are: both were read in E.164.
    Same,
    /// Ten digits or more agree, and what stands before them can be prefixes.
    Likely,
    /// Seven to nine digits agree, which may be in two cities; or two short numbers are spelt alike.
    Possible,
    /// Too little is known.
    Unknown,
    /// They are not.
    Different,
}

/// So many digits are a number of a whole country.
const WHOLE: usize = 10;

/// So many are a number of a city.
const LOCAL: usize = 7;

/// What is dialled before a number of the country or of the world, also behind a 9 for the outside.
const PREFIXES: &[&str] =
    &["", "0", "00", "000", "1", "7", "8", "9", "011", "810", "90", "91", "97", "98", "900", "9011", "9810"];

/// Compares two numbers as two PBXs spell them. Whoever withholds the number is the same as nobody.
#[must_use]
pub fn same_number(a: &Number, b: &Number) -> Sameness {
    if a.kind == Kind::Anonymous || b.kind == Kind::Anonymous {
        return Sameness::Unknown;
    }
    if let (Some(a), Some(b)) = (a.e164, b.e164) {
        return if a == b { Sameness::Same } else { Sameness::Different };
    }
    let (Some(ours), Some(theirs)) = (spelt(a), spelt(b)) else { return Sameness::Unknown };
    let agreeing = ours.bytes().rev().zip(theirs.bytes().rev()).take_while(|(our, their)| our == their).count();
    let our_rest = &ours[..ours.len() - agreeing];
    let their_rest = &theirs[..theirs.len() - agreeing];
    let contained = our_rest.is_empty() || their_rest.is_empty();
    let prefixed = is_prefix(a, our_rest) && is_prefix(b, their_rest);
    match agreeing {
        WHOLE.. if contained || prefixed => Sameness::Likely,
        LOCAL.. if contained || prefixed => Sameness::Possible,
        1.. if our_rest.is_empty() && their_rest.is_empty() => Sameness::Possible,
        _ if ours.len() >= LOCAL && theirs.len() >= LOCAL => Sameness::Different,
        _ => Sameness::Unknown,
    }
}

/// The digits, when nothing else is in it.
fn spelt(number: &Number) -> Option<String> {
    match number.e164 {
        Some(e164) => Some(e164.digits()),
        None => Written::new(&number.raw).filter(Written::is_number).map(|written| written.digits),
    }
}

fn is_prefix(number: &Number, rest: &str) -> bool {
    match number.e164 {
        // Of a number in E.164 only the country code, or what did not agree of it by chance, can be left out.
        Some(e164) => rest.len() <= e164.country().code.to_string().len(),
        None => PREFIXES.contains(&rest),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        let kind = if text.is_empty() { Kind::Anonymous } else { Kind::External };
        // What is written as +… was read; the rest was not.
        Number::new(text, text.parse().ok(), kind)
    }

    #[test]
    fn spellings_are_compared_from_their_end() {
        for (a, b, sameness) in [
            ("+74951234567", "+74951234567", Sameness::Same),
            ("+74951234567", "+74951234568", Sameness::Different),
            ("84951234567", "+74951234567", Sameness::Likely),
            ("4951234567", "84951234567", Sameness::Likely),
            ("8104930123456", "+4930123456", Sameness::Likely),
            ("984951234567", "74951234567", Sameness::Likely),
            ("030123456", "+4930123456", Sameness::Possible),
            ("123-45-67", "+74951234567", Sameness::Possible),
            ("1234567", "84991234567", Sameness::Possible),
            ("5551234567", "+74951234567", Sameness::Different),
            ("84951234567", "84951234560", Sameness::Different),
            ("101", "101", Sameness::Possible),
            ("101", "7101", Sameness::Unknown),
            ("101", "+74951234101", Sameness::Unknown),
            ("101", "102", Sameness::Unknown),
            ("alice", "alice", Sameness::Unknown),
            ("", "", Sameness::Unknown),
            ("", "+74951234567", Sameness::Unknown),
        ] {
            assert_eq!(same_number(&number(a), &number(b)), sameness, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_which_is_asked_first(a in "[+]?[0-9]{0,14}", b in "[+]?[0-9]{0,14}") {
            prop_assert_eq!(same_number(&number(&a), &number(&b)), same_number(&number(&b), &number(&a)));
        }

        #[test]
        fn nothing_is_like_itself_and_different(text in "(.{0,30}|[0-9+]{0,20})") {
            let number = number(&text);
            prop_assert_ne!(same_number(&number, &number), Sameness::Different);
        }
    }
}
