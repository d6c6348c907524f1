//! How a call comes: who calls, what its INVITE says besides, and its place among the calls.

use std::collections::BTreeMap;
use std::time::Instant;

use softphone_api::{CallDirection, CallId};

use super::super::phone::NativeAccount;
use super::super::{FORGET_AFTER, Loop};
use super::{CallState, alert};

/// Headers that are passed on, and the longest value: a snapshot must stay small whatever a PBX sends.
const MOST_HEADERS: usize = 20;
const LONGEST_VALUE: usize = 512;
/// Of a name or number that is shown.
const LONGEST_NAME: usize = 128;

/// What an INVITE told.
#[derive(Debug)]
pub(crate) struct Invitation {
    pub(crate) sip_call_id: String,
    pub(crate) number: String,
    /// As it stands there: quotes within are escaped.
    pub(crate) name: String,
    /// Lines `Name: value`.
    pub(crate) headers: String,
}

impl Invitation {
    fn headers<'a>(&'a self) -> Vec<(&'a str, &'a str)> {
        let split = |line: &'a str| line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
        self.headers.lines().filter_map(split).collect()
    }
}

impl Loop {
    pub(in super::super) fn incoming(&mut self, native: NativeAccount, id: CallId, invitation: Invitation) {
        let Some(account) = self.account_of(native).cloned() else {
            // Its account was taken away in the same moment.
            let _ = self.phone.hang_up(id, 480);
            self.forget.push((Instant::now() + FORGET_AFTER, id));
            return;
        };
        let wanted = self.accounts.get(&account).map(|state| state.pass_headers().to_vec()).unwrap_or_default();
        let sip_call_id = invitation.sip_call_id.clone();
        let mut call = CallState::new(id, account, native, sip_call_id, CallDirection::Incoming);
        call.number = clean(&invitation.number, LONGEST_NAME);
        call.name = Some(clean(&unescaped(&invitation.name), LONGEST_NAME)).filter(|name| !name.is_empty());
        call.headers = passed_on(&wanted, &invitation.headers());
        call.answer_after_s = alert::answer_after(invitation.headers());
        tracing::info!(call = id.0, sip_call_id = %call.sip_call_id, "incoming call {}", id.0);
        self.take_in(call);
    }
}

/// The headers that the account wants, by the names that it gives them; several of one name are joined (RFC 3261, 7.3.1).
fn passed_on(wanted: &[String], headers: &[(&str, &str)]) -> BTreeMap<String, String> {
    let value_of = |name: &String| {
        let values: Vec<&str> =
            headers.iter().filter(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| *value).collect();
        (!values.is_empty()).then(|| (name.clone(), clean(&values.join(", "), LONGEST_VALUE)))
    };
    wanted.iter().filter_map(value_of).take(MOST_HEADERS).collect()
}

/// Without control characters, at most so many bytes.
fn clean(text: &str, longest: usize) -> String {
    let mut clean: String = text.chars().filter(|c| !c.is_control()).collect();
    while clean.len() > longest {
        clean.pop();
    }
    clean.trim().to_owned()
}

/// The text of a quoted string (RFC 3261, 25.1).
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(headers: &str) -> Invitation {
        Invitation { sip_call_id: "1".into(), number: "1".into(), name: String::new(), headers: headers.into() }
    }

    #[test]
    fn what_the_account_wants_is_passed_on() {
        let invitation =
            invitation("Via: SIP/2.0/UDP a:1\nx-project: ACME: \u{7}gold\nX-Tag: a\nX-Tag: b\nX-Other: 1\nbroken\n");
        let wanted = ["X-Project", "x-tag", "X-Absent"].map(str::to_owned);
        let passed = passed_on(&wanted, &invitation.headers());
        let expected = [("X-Project", "ACME: gold"), ("x-tag", "a, b")];
        assert_eq!(passed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn what_is_passed_on_is_bounded() {
        let lines: String = (0..40).map(|i| format!("X-{i}: {}\n", "ж".repeat(600))).collect();
        let wanted: Vec<String> = (0..40).map(|i| format!("X-{i}")).collect();
        let invitation = invitation(&lines);
        let passed = passed_on(&wanted, &invitation.headers());
        assert_eq!(passed.len(), MOST_HEADERS);
        assert!(passed.values().all(|value| value.len() == LONGEST_VALUE), "cut between characters");
    }

    #[test]
    fn names_are_shown_as_they_are_meant() {
        for (stands, shown) in [
            ("Anna", "Anna"),
            (r#"Anna \"Ann\" \\ Co"#, r#"Anna "Ann" \ Co"#),
            ("Анна\r\n\u{0}Иванова", "АннаИванова"),
            ("  ", ""),
            ("\\", ""),
        ] {
            assert_eq!(clean(&unescaped(stands), LONGEST_NAME), shown, "{stands:?}");
        }
    }
}
