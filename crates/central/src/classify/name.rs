//! Patterns of names: contexts, trunks, channels. `*` is any signs or none; everything else means itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longer than any name in Asterisk (`AST_MAX_CONTEXT`, `AST_CHANNEL_NAME` are 80).
const LONGEST: usize = 80;

/// A pattern of names: `ext-queues`, `ivr-*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern(String);

/// Why a text is no [`NamePattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not taken as a pattern of names: it must have 1 to 80 signs, none of them a blank; write a name, ivr-*, or * for any"
)]
pub struct NotANamePattern;

impl NamePattern {
    /// `*`
    #[must_use]
    pub fn anything() -> Self {
        Self("*".to_owned())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `*`.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.0 == "*"
    }

    /// Whether it is one name.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether this name fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|start| name.strip_prefix(start)) else { return false };
        let mut parts: Vec<&str> = parts.collect();
        let Some(end) = parts.pop() else { return rest.is_empty() };
        // Each part at its first place leaves the most for those behind it.
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(end)
    }

    /// How many signs it names: the more, the less it leaves open.
    pub(super) fn named(&self) -> usize {
        self.0.chars().filter(|sign| *sign != '*').count()
    }
}

impl FromStr for NamePattern {
    type Err = NotANamePattern;

    fn from_str(text: &str) -> Result<Self, NotANamePattern> {
        let well_formed =
            (1..=LONGEST).contains(&text.len()) && !text.chars().any(|sign| sign.is_whitespace() || sign.is_control());
        if well_formed { Ok(Self(text.to_owned())) } else { Err(NotANamePattern) }
    }
}

impl TryFrom<String> for NamePattern {
    type Error = NotANamePattern;

    fn try_from(text: String) -> Result<Self, NotANamePattern> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A channel's name without what tells it from others of the same endpoint: `PJSIP/operator-a-0000001a` is of
/// `PJSIP/operator-a`, `Local/101@from-queue-00000012;2` of `Local/101@from-queue`.
pub(super) fn endpoint_of(channel: &str) -> &str {
    let whole = channel.strip_suffix(";1").or_else(|| channel.strip_suffix(";2")).unwrap_or(channel);
    match whole.rsplit_once('-') {
        Some((endpoint, counter))
            if counter.len() == 8 && !endpoint.is_empty() && counter.bytes().all(|sign| sign.is_ascii_hexdigit()) =>
        {
            endpoint
        }
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_fit() {
        for (pattern, yes, no) in [
            ("ext-queues", &["ext-queues"][..], &["ext-queues-custom", "ext-queue", ""][..]),
            ("ivr-*", &["ivr-5", "ivr-"], &["ivr", "my-ivr-5"]),
            ("*-incoming", &["SIP-1-incoming", "-incoming"], &["incoming"]),
            ("from-*-to*", &["from-pstn-toheader", "from--to"], &["from-pstn"]),
            ("*", &["", "anything"], &[]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("*очередь*", &["моя-очередь-1"], &["ext-queues"]),
        ] {
            let pattern: NamePattern = pattern.parse().unwrap();
            for name in yes {
                assert!(pattern.matches(name), "{pattern} {name}");
            }
            for name in no {
                assert!(!pattern.matches(name), "{pattern} {name}");
            }
        }
        for wrong in ["", "a b", "a\n", &"x".repeat(81)] {
            assert_eq!(wrong.parse::<NamePattern>(), Err(NotANamePattern), "{wrong:?}");
        }
    }

    #[test]
    fn channels_belong_to_endpoints() {
        for (channel, endpoint) in [
            ("PJSIP/operator-a-0000001a", "PJSIP/operator-a"),
            ("SIP/101-08f3A2c8", "SIP/101"),
            ("Local/101@from-queue-00000012;2", "Local/101@from-queue"),
            ("DAHDI/i1/84951234567-3", "DAHDI/i1/84951234567-3"),
            ("PJSIP/101", "PJSIP/101"),
            ("-0000001a", "-0000001a"),
            ("", ""),
        ] {
            assert_eq!(endpoint_of(channel), endpoint);
        }
    }

    proptest! {
        #[test]
        fn a_name_with_parts_left_out_fits(parts in prop::collection::vec("[a-c-]{0,3}", 1..5), between in prop::collection::vec("[a-c-]{0,3}", 5)) {
            let pattern = format!("{}*", parts.join("*"));
            let name: String = parts.iter().zip(&between).map(|(part, between)| format!("{part}{between}")).collect();
            prop_assert!(pattern.parse::<NamePattern>().unwrap().matches(&name), "{} {}", pattern, name);
        }

        #[test]
        fn it_fits_as_a_plain_search_would(pattern in "[ab*]{1,6}", name in "[ab]{0,6}") {
            fn plainly(pattern: &[u8], name: &[u8]) -> bool {
                match pattern {
                    [] => name.is_empty(),
                    [b'*', rest @ ..] => (0..=name.len()).any(|at| plainly(rest, &name[at..])),
                    [sign, rest @ ..] => name.first() == Some(sign) && plainly(rest, &name[1..]),
                }
            }
            let fits = plainly(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(pattern.parse::<NamePattern>().unwrap().matches(&name), fits);
        }
    }
}
