//! How the queues of a PBX name its phones: `PJSIP/101` on one, `Local/101@from-queue/n` with the state of a hint on another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::observed::SeenMember;

/// Member of a queue by the number of a phone. `{number}` stands for that, `{name}` for the person's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberTemplate {
    /// What Queue() rings.
    pub interface: String,
    /// Whose device state counts, when it is not the interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_interface: Option<String>,
    /// Name in the queue; absent: the person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_name: Option<String>,
}

/// Why a text is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATemplate {
    /// Another word.
    #[error("there is no preset of this name; write freepbx, mikopbx, pjsip or sip, or a table with `interface`")]
    NoPreset,
    /// Everybody would be the same member.
    #[error("its interface names no phone, so everybody would be one member; write {{number}} where the number stands")]
    NoNumber,
    /// Nothing that a queue could ring.
    #[error("its interface has no technology before a slash; write one such as PJSIP/{{number}}")]
    NoTechnology,
}

const NUMBER: &str = "{number}";

/// Word, interface, state interface, name.
const PRESETS: [(&str, &str, Option<&str>, Option<&str>); 4] = [
    ("freepbx", "Local/{number}@from-queue/n", Some("hint:{number}@ext-local"), None),
    ("mikopbx", "Local/{number}@internal/n", Some("hint:{number}@internal-hints"), Some(NUMBER)),
    ("pjsip", "PJSIP/{number}", None, None),
    ("sip", "SIP/{number}", None, None),
];

impl Default for MemberTemplate {
    /// What Queue() rings where nobody said otherwise: plain PJSIP.
    fn default() -> Self {
        Self { interface: format!("PJSIP/{NUMBER}"), state_interface: None, member_name: None }
    }
}

impl MemberTemplate {
    /// What a well-known distribution writes: freepbx, mikopbx, pjsip, sip.
    ///
    /// # Errors
    /// When it is another word.
    pub fn preset(word: &str) -> Result<Self, NotATemplate> {
        let (_, interface, state, name) =
            PRESETS.into_iter().find(|(known, ..)| *known == word).ok_or(NotATemplate::NoPreset)?;
        Ok(Self {
            interface: interface.to_owned(),
            state_interface: state.map(str::to_owned),
            member_name: name.map(str::to_owned),
        })
    }

    /// The preset that says the same of interface and state.
    #[must_use]
    pub fn preset_word(&self) -> Option<&'static str> {
        let same = |(_, interface, state, _): &&(&str, &str, Option<&str>, Option<&str>)| {
            *interface == self.interface && *state == self.state_interface.as_deref()
        };
        PRESETS.iter().find(same).map(|(word, ..)| *word)
    }

    /// Itself, when queues can ring by it.
    ///
    /// # Errors
    /// When it names no phone.
    pub fn checked(self) -> Result<Self, NotATemplate> {
        match self.interface.split_once('/') {
            None | Some(("", _)) => Err(NotATemplate::NoTechnology),
            Some((_, rest)) if !rest.contains(NUMBER) => Err(NotATemplate::NoNumber),
            Some(_) => Ok(self),
        }
    }

    /// The number of the phone that an interface means by this template.
    #[must_use]
    pub fn number<'i>(&self, interface: &'i str) -> Option<&'i str> {
        let (before, after) = self.interface.split_once(NUMBER)?;
        let number = interface.strip_prefix(before)?.strip_suffix(after)?;
        is_number(number).then_some(number)
    }

    /// A template with the number filled in.
    #[must_use]
    pub fn fill(template: &str, number: &str, person: &str) -> String {
        template.replace(NUMBER, number).replace("{name}", person)
    }

    /// What most of these members have in common, and how many of them do; nothing, where none names a number.
    #[must_use]
    pub fn of(members: &[SeenMember]) -> Option<(Self, usize)> {
        let mut found: BTreeMap<(String, Option<String>), (usize, usize)> = BTreeMap::new();
        for member in members {
            let Some(number) = number_in(&member.interface) else { continue };
            let with = |text: &str| text.replacen(number, NUMBER, 1);
            let state = member.state_interface.as_deref().filter(|state| *state != member.interface);
            let (fits, named) = found.entry((with(&member.interface), state.map(with))).or_default();
            *fits += 1;
            *named += usize::from(member.name.as_deref() == Some(number));
        }
        let ((interface, state_interface), (fits, named)) = found.into_iter().max_by_key(|(_, (fits, _))| *fits)?;
        let member_name = (named * 2 > fits).then(|| NUMBER.to_owned());
        Some((Self { interface, state_interface, member_name }, fits))
    }
}

/// The number in `PJSIP/101`, `Local/101@from-queue/n`.
pub(super) fn number_in(interface: &str) -> Option<&str> {
    let (_, rest) = interface.split_once('/')?;
    let number = rest.split(['@', '/']).next()?;
    is_number(number).then_some(number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|sign| sign.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(interface: &str, state: Option<&str>, name: &str) -> SeenMember {
        SeenMember {
            queue: "700".to_owned(),
            interface: interface.to_owned(),
            state_interface: state.map(str::to_owned),
            name: Some(name.to_owned()),
            penalty: 0,
            dynamic: true,
        }
    }

    #[test]
    fn what_is_observed_gives_its_preset() {
        for (interface, state, name, word, number) in [
            ("Local/101@from-queue/n", Some("hint:101@ext-local"), "Anna", "freepbx", "101"),
            ("Local/101@internal/n", Some("hint:101@internal-hints"), "101", "mikopbx", "101"),
            ("PJSIP/101", Some("PJSIP/101"), "Anna", "pjsip", "101"),
            ("SIP/7", None, "Anna", "sip", "7"),
        ] {
            let (template, fits) = MemberTemplate::of(&[member(interface, state, name)]).unwrap();
            assert_eq!(template, MemberTemplate::preset(word).unwrap());
            assert_eq!((template.preset_word(), fits), (Some(word), 1));
            assert_eq!(template.number(interface), Some(number));
            assert_eq!(MemberTemplate::fill(&template.interface, number, "Anna"), interface);
        }
    }

    #[test]
    fn the_most_decide_and_a_house_of_its_own_is_understood() {
        let members = [
            member("Local/101@agents/n", Some("Custom:agent-101"), "Anna"),
            member("Local/102@agents/n", Some("Custom:agent-102"), "Boris"),
            member("PJSIP/103", None, "Olga"),
            member("Agent/x", None, "nobody's number"),
        ];
        let (template, fits) = MemberTemplate::of(&members).unwrap();
        assert_eq!((template.interface.as_str(), fits), ("Local/{number}@agents/n", 2));
        assert_eq!(template.state_interface.as_deref(), Some("Custom:agent-{number}"));
        assert_eq!((template.preset_word(), template.member_name.as_deref()), (None, None));
        assert_eq!(MemberTemplate::of(&members[3..]), None);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        let of =
            |interface: &str| MemberTemplate { interface: interface.to_owned(), ..MemberTemplate::default() }.checked();
        assert_eq!(of("PJSIP/desk"), Err(NotATemplate::NoNumber));
        assert_eq!(of("{number}"), Err(NotATemplate::NoTechnology));
        assert!(of("Local/{number}@x/n").is_ok());
        assert_eq!(MemberTemplate::preset("freeswitch"), Err(NotATemplate::NoPreset));
        for (word, ..) in PRESETS {
            assert!(MemberTemplate::preset(word).unwrap().checked().is_ok(), "{word}");
        }
    }
}
