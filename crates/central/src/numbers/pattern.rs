//! Patterns of extensions as Asterisk's dialplan writes them, so that an administrator can copy them from there.
//!
//! `_` begins a pattern: `X` is 0–9, `Z` 1–9, `N` 2–9, `[13-5]` any of these, `.` one or more signs to the end, `!` none or
//! more. A `-` outside of brackets counts for nothing. Without `_` the text means itself. `*` alone is anything; `*72` is the
//! key star, then 72.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest extension of Asterisk (`AST_MAX_EXTENSION`).
const LONGEST: usize = 80;

/// A pattern of extensions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// `*`
    Anything,
    Exact,
    Places(Vec<Place>, Tail),
}

/// The signs that one place can have: bit n is the ASCII sign n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u128);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// The pattern ends.
    End,
    /// `.`
    OneOrMore,
    /// `!`
    NoneOrMore,
}

/// Why a text is no [`Pattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    /// Nothing, or more than 80 signs, or `_` alone.
    #[error(
        "not taken as a pattern: it must have 1 to 80 signs; write an extension, a pattern like _1XX, or * for any"
    )]
    Length,
    /// A `[` without its `]`, nothing between them, or a range that runs backwards.
    #[error("not taken as a pattern: the brackets do not hold signs; write them like [13-5]")]
    Brackets,
    /// Something stands behind `.` or `!`.
    #[error("not taken as a pattern: . and ! take all that follows; take away what stands behind them")]
    BehindTheEnd,
    /// A sign that no extension has, or `/`: the caller's number cannot be matched here.
    #[error("not taken as a pattern: {0:?} cannot stand in it; use digits, letters, *, #, + and X Z N [ ] . !")]
    Sign(char),
}

/// How much a pattern leaves open. What leaves less is the smaller one: an extension, then patterns place by place from the
/// left as Asterisk orders them, then `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Openness(u8, Vec<u32>);

impl Pattern {
    /// `*`
    #[must_use]
    pub fn anything() -> Self {
        Self { text: "*".to_owned(), matcher: Matcher::Anything }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is one extension.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.matcher, Matcher::Exact)
    }

    /// Whether it is `*`.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        matches!(self.matcher, Matcher::Anything)
    }

    /// Whether this extension fits.
    #[must_use]
    pub fn matches(&self, extension: &str) -> bool {
        match &self.matcher {
            Matcher::Anything => true,
            Matcher::Exact => self.text == extension,
            Matcher::Places(places, tail) => {
                let mut signs = extension.chars();
                let fits = places.iter().all(|place| signs.next().is_some_and(|sign| place.has(sign)));
                let more = signs.next().is_some();
                fits && match tail {
                    Tail::End => !more,
                    Tail::OneOrMore => more,
                    Tail::NoneOrMore => true,
                }
            }
        }
    }

    /// How much it leaves open.
    #[must_use]
    pub fn openness(&self) -> Openness {
        match &self.matcher {
            Matcher::Exact => Openness(0, Vec::new()),
            Matcher::Places(places, tail) => {
                let tail = match tail {
                    Tail::End => None,
                    Tail::OneOrMore => Some(1_000),
                    Tail::NoneOrMore => Some(1_001),
                };
                Openness(1, places.iter().map(|place| place.0.count_ones()).chain(tail).collect())
            }
            Matcher::Anything => Openness(2, Vec::new()),
        }
    }

    /// Whether there is an extension that fits both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (&self.matcher, &other.matcher) {
            (Matcher::Anything, _) | (_, Matcher::Anything) => true,
            (Matcher::Exact, _) => other.matches(&self.text),
            (_, Matcher::Exact) => self.matches(&other.text),
            (Matcher::Places(ours, our_tail), Matcher::Places(theirs, their_tail)) => {
                let shared = ours.len().min(theirs.len());
                let agree = ours.iter().zip(theirs).all(|(our, their)| our.0 & their.0 != 0);
                agree
                    && match (ours.len() - shared, theirs.len() - shared) {
                        (0, 0) => !matches!(
                            (our_tail, their_tail),
                            (Tail::End, Tail::OneOrMore) | (Tail::OneOrMore, Tail::End)
                        ),
                        (0, _) => *our_tail != Tail::End,
                        _ => *their_tail != Tail::End,
                    }
            }
        }
    }

    /// Whether an extension of so many digits fits.
    #[must_use]
    pub fn fits_digits(&self, length: usize) -> bool {
        let digits = Matcher::Places(vec![Place::of('0'..='9'); length], Tail::End);
        self.overlaps(&Self { text: String::new(), matcher: digits })
    }
}

impl Place {
    fn of(signs: impl IntoIterator<Item = char>) -> Self {
        Self(signs.into_iter().filter(char::is_ascii).fold(0, |bits, sign| bits | 1 << u32::from(sign)))
    }

    fn has(self, sign: char) -> bool {
        sign.is_ascii() && self.0 & (1 << u32::from(sign)) != 0
    }
}

fn places(pattern: &str) -> Result<Matcher, NotAPattern> {
    let mut places = Vec::new();
    let mut tail = Tail::End;
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        if tail != Tail::End {
            return Err(NotAPattern::BehindTheEnd);
        }
        match sign {
            'X' | 'x' => places.push(Place::of('0'..='9')),
            'Z' | 'z' => places.push(Place::of('1'..='9')),
            'N' | 'n' => places.push(Place::of('2'..='9')),
            '.' => tail = Tail::OneOrMore,
            '!' => tail = Tail::NoneOrMore,
            '-' => {}
            '[' => {
                let (set, rest) = signs.as_str().split_once(']').ok_or(NotAPattern::Brackets)?;
                places.push(bracketed(set)?);
                signs = rest.chars();
            }
            sign => places.push(Place::of([usual(sign)?])),
        }
    }
    if places.is_empty() && tail == Tail::End {
        return Err(NotAPattern::Length);
    }
    Ok(Matcher::Places(places, tail))
}

fn bracketed(set: &str) -> Result<Place, NotAPattern> {
    let signs = set.chars().map(usual).collect::<Result<Vec<char>, NotAPattern>>()?;
    let mut bits = 0;
    let mut rest = &signs[..];
    while let [first, others @ ..] = rest {
        let last = match others {
            ['-', last, ..] => {
                rest = &others[2..];
                *last
            }
            _ => {
                rest = others;
                *first
            }
        };
        if last < *first {
            return Err(NotAPattern::Brackets);
        }
        bits |= Place::of(*first..=last).0;
    }
    if bits == 0 { Err(NotAPattern::Brackets) } else { Ok(Place(bits)) }
}

/// A sign of an extension, in and out of brackets.
fn usual(sign: char) -> Result<char, NotAPattern> {
    if sign.is_ascii_alphanumeric() || "*#+-_".contains(sign) { Ok(sign) } else { Err(NotAPattern::Sign(sign)) }
}

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(NotAPattern::Length);
        }
        let matcher = match text.strip_prefix('_') {
            _ if text == "*" => Matcher::Anything,
            Some(pattern) => places(pattern)?,
            // A name may have a full stop or an at sign in it; blanks and control signs are slips of the pen.
            None => match text.chars().find(|sign| sign.is_whitespace() || sign.is_control() || *sign == '/') {
                Some(sign) => return Err(NotAPattern::Sign(sign)),
                None => Matcher::Exact,
            },
        };
        Ok(Self { text: text.to_owned(), matcher })
    }
}

impl TryFrom<String> for Pattern {
    type Error = NotAPattern;

    fn try_from(text: String) -> Result<Self, NotAPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// By its text, to be a key; not by what it leaves open.
impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn patterns_match_as_in_a_dialplan() {
        for (text, yes, no) in [
            ("101", &["101"][..], &["1010", "10", "_101"][..]),
            ("_1XX", &["100", "199"], &["1000", "1a0", "200", "1０0"]),
            ("_8XXX.", &["84951", "8495x"], &["8495", "9495123"]),
            ("_8XXX!", &["8495", "84951"], &["849"]),
            ("_NXX", &["200"], &["100", "000"]),
            ("_ZXX", &["100"], &["000"]),
            ("_zxn", &["112"], &["111"]),
            ("_[13-5]X", &["10", "39", "40", "50"], &["20", "60"]),
            ("_10[1-4]", &["101", "104"], &["105"]),
            ("_1-XX", &["100"], &["1-00"]),
            ("_*7X", &["*72"], &["72", "*7"]),
            ("*72", &["*72"], &["72", "x72"]),
            ("_+X.", &["+74951234567"], &["+", "+7"]),
            ("_.", &["s", "1", "ИВАН"], &[""]),
            ("_X!", &["1", "12a"], &["", "h"]),
            ("*", &["", "s", "84951234567"], &[]),
            ("alice.b@host", &["alice.b@host"], &["alice"]),
        ] {
            for extension in yes {
                assert!(pattern(text).matches(extension), "{text} {extension}");
            }
            for extension in no {
                assert!(!pattern(text).matches(extension), "{text} {extension}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for (text, why) in [
            ("", NotAPattern::Length),
            ("_", NotAPattern::Length),
            ("_-", NotAPattern::Length),
            (&"1".repeat(81), NotAPattern::Length),
            ("_[1", NotAPattern::Brackets),
            ("_[]", NotAPattern::Brackets),
            ("_[5-3]", NotAPattern::Brackets),
            ("_X.1", NotAPattern::BehindTheEnd),
            ("_X!.", NotAPattern::BehindTheEnd),
            ("_X./123", NotAPattern::BehindTheEnd),
            ("_X/123", NotAPattern::Sign('/')),
            ("10 1", NotAPattern::Sign(' ')),
            ("_1Я", NotAPattern::Sign('Я')),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(why), "{text}");
        }
    }

    #[test]
    fn what_leaves_less_open_comes_first() {
        let ordered =
            ["101", "_1[0-4]1", "_1NX", "_1XX", "_1X.", "_1X!", "_1.", "_NXX", "_XXX", "_X.", "_.", "_!", "*"];
        for pair in ordered.windows(2) {
            assert!(pattern(pair[0]).openness() < pattern(pair[1]).openness(), "{pair:?}");
        }
    }

    #[test]
    fn patterns_of_digits() {
        assert!(pattern("_1XX").fits_digits(3) && !pattern("_1XX").fits_digits(4));
        assert!(pattern("_1.").fits_digits(2) && !pattern("_1.").fits_digits(1));
        assert!(pattern("_1!").fits_digits(1) && pattern("105").fits_digits(3) && !pattern("*72").fits_digits(3));
    }

    fn any_pattern() -> impl Strategy<Value = Pattern> {
        prop_oneof!["_[0-3XNZ]{0,3}(\\[[0-4]{1,2}\\])?[.!X2]", "[0-4]{1,4}", Just("*".to_owned())]
            .prop_map(|text| pattern(&text))
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_each_pattern_is_written_as_it_was_read(text in "(_?[0-9XZN.!*#+\\[\\]/-]{0,12}|.{0,20})") {
            if let Ok(pattern) = text.parse::<Pattern>() {
                let json = serde_json::to_string(&pattern).unwrap();
                prop_assert_eq!(serde_json::from_str::<Pattern>(&json).unwrap(), pattern);
            }
        }

        #[test]
        fn what_fits_two_patterns_makes_them_overlap(a in any_pattern(), b in any_pattern(), extension in "[0-4]{1,5}") {
            if a.matches(&extension) && b.matches(&extension) {
                prop_assert!(a.overlaps(&b) && b.overlaps(&a), "{} {} {}", a, b, extension);
            }
            prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
        }

        #[test]
        fn patterns_overlap_only_if_something_fits_both(a in any_pattern(), b in any_pattern()) {
            // What these patterns can tell apart: up to five of the digits 0 to 4.
            let witness = |length: u32| {
                (0..5u32.pow(length)).any(|number| {
                    let extension: String = (0..length).map(|place| (b'0' + (number / 5u32.pow(place) % 5) as u8) as char).collect();
                    a.matches(&extension) && b.matches(&extension)
                })
            };
            if a.overlaps(&b) {
                prop_assert!((1..=5).any(witness), "{} {}", a, b);
            }
        }
    }
}
