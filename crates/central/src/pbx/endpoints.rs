//! Contacts of watched phones. Only PJSIP has contacts; a phone of another kind stays *unknown*.
//!
//! The lists of PJSIP are given to users with `system` in *write* only, who could load modules as well. So each phone is asked
//! for by functions that a user with `reporting` may read, question by question ([`Look`]); events tell the changes. An event
//! that comes between the questions begins the look anew: what was read before it may be of the time before it.

use std::collections::{BTreeMap, BTreeSet};

use ami::event::Contact;
use ami::{Action, AmiError, Event};
use central_api::Reachability;

use super::contract::PbxEvent;
use super::look::Look;

/// Phones asked about at the same time: the manager answers one question after another, and members come first.
const MAX_LOOKS: usize = 16;

/// A question to send; the answer comes back with `round`.
#[derive(Debug, PartialEq)]
pub(super) struct Ask {
    pub(super) endpoint: String,
    pub(super) round: u64,
    pub(super) action: Action,
}

/// Phones of interest.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    phones: BTreeMap<String, Phone>,
    told: BTreeMap<String, (Reachability, Option<String>)>,
    /// The PBX has booted and may be asked.
    open: bool,
    /// The manager user may not ask; on this link nothing more is.
    refused: bool,
    /// Phones to be asked about when it is their turn.
    queue: BTreeSet<String>,
    looks: BTreeMap<String, Look>,
    rounds: u64,
    /// What was complained of already: endpoints, and the empty name for the user.
    complained: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Phone {
    /// In the order of registration, the newest last.
    contacts: Vec<Known>,
    /// A look on this link came to its end.
    looked: bool,
    /// An event told of it on this link.
    heard: bool,
    /// The last look found no such phone; Asterisk complains of each such question in its own log.
    absent: bool,
}

#[derive(Debug)]
struct Known {
    uri: String,
    answers: bool,
    /// When it was seen to come; nothing for one that was there before.
    came_ms: Option<i64>,
}

impl Endpoints {
    /// Sets whom to watch; new ones are asked about.
    pub(super) fn watch(&mut self, endpoints: impl IntoIterator<Item = String>) -> Vec<Ask> {
        let watched: BTreeSet<String> = endpoints.into_iter().collect();
        self.phones.retain(|endpoint, _| watched.contains(endpoint));
        self.told.retain(|endpoint, _| watched.contains(endpoint));
        self.queue.retain(|endpoint| watched.contains(endpoint));
        self.looks.retain(|endpoint, _| watched.contains(endpoint));
        for endpoint in watched {
            if !self.phones.contains_key(&endpoint) {
                self.queue.insert(endpoint.clone());
                self.phones.insert(endpoint, Phone::default());
            }
        }
        self.begin()
    }

    /// Asks about all that are there, or about `every` one; from now on the PBX may be asked.
    pub(super) fn look(&mut self, every: bool) -> Vec<Ask> {
        self.open = true;
        let due = |endpoint: &str, phone: &Phone| (every || !phone.absent) && !self.looks.contains_key(endpoint);
        let due =
            self.phones.iter().filter(|(endpoint, phone)| due(endpoint, phone)).map(|(endpoint, _)| endpoint.clone());
        self.queue.extend(due);
        self.begin()
    }

    pub(super) fn event(&mut self, event: &Event<'_>, now_ms: i64) -> Vec<Ask> {
        let Event::ContactStatus(contact) = event else { return Vec::new() };
        let Some(phone) = self.phones.get_mut(contact.endpoint) else { return Vec::new() };
        phone.heard = true;
        phone.put(contact, now_ms);
        if self.looks.remove(contact.endpoint).is_some() {
            self.queue.insert(contact.endpoint.to_owned());
        }
        self.begin()
    }

    /// The value that was asked for, empty when there is none.
    pub(super) fn answered(&mut self, endpoint: &str, round: u64, value: Result<&str, &AmiError>) -> Vec<Ask> {
        let Some(mut look) = self.looks.remove(endpoint) else { return Vec::new() };
        if look.round != round {
            self.looks.insert(endpoint.to_owned(), look);
            return Vec::new();
        }
        match value {
            Ok(value) => {
                look.take(value);
                match look.next() {
                    Some(action) => {
                        self.looks.insert(endpoint.to_owned(), look);
                        return vec![Ask { endpoint: endpoint.to_owned(), round, action }];
                    }
                    None => self.looked(endpoint, look),
                }
            }
            Err(AmiError::Refused { why, .. }) => {
                self.refused = true;
                self.looks.clear();
                if self.complained.insert(String::new()) {
                    tracing::warn!(
                        why,
                        "the PBX does not say which phones are reachable ({why}); until it tells of a change they count as \
                         unknown. Give the manager user `reporting` in write"
                    );
                }
            }
            // It is asked again at the next look.
            Err(_) => {}
        }
        self.begin()
    }

    fn looked(&mut self, endpoint: &str, look: Look) {
        let Some(phone) = self.phones.get_mut(endpoint) else { return };
        if look.there {
            let before = std::mem::take(&mut phone.contacts);
            for (uri, status) in look.found {
                let known = before.iter().find(|known| known.uri == uri);
                let came_ms = known.and_then(|known| known.came_ms);
                let answers = answers(&status, known.map(|known| known.answers));
                phone.contacts.extend(answers.map(|answers| Known { uri, answers, came_ms }));
            }
            phone.looked = true;
            phone.absent = false;
            self.complained.remove(endpoint);
            return;
        }
        // Gone since the last look, and nothing of then is true; what events told without any look is all there is.
        if std::mem::take(&mut phone.looked) {
            *phone = Phone::default();
        }
        phone.absent = true;
        if self.complained.insert(endpoint.to_owned()) {
            tracing::warn!(
                endpoint,
                "the PBX knows no PJSIP endpoint {endpoint} or does not say so; its phone counts as unknown until the PBX tells \
                 of a change. Check the phone's number, and that the modules func_pjsip_endpoint, func_pjsip_aor and \
                 func_pjsip_contact are loaded"
            );
        }
    }

    /// Whether all its contacts came after that: its phone was started anew since.
    pub(super) fn renewed(&self, endpoint: &str, since_ms: i64) -> bool {
        self.phones.get(endpoint).is_some_and(|phone| {
            let new = |known: &Known| known.came_ms.is_some_and(|came_ms| came_ms >= since_ms);
            !phone.contacts.is_empty() && phone.contacts.iter().all(new)
        })
    }

    fn begin(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.refused {
            self.queue.clear();
        }
        if !self.open {
            return asks;
        }
        while self.looks.len() < MAX_LOOKS
            && let Some(endpoint) = self.queue.pop_first()
        {
            self.rounds += 1;
            let round = self.rounds;
            let mut look = Look::new(round, &endpoint);
            match look.next() {
                Some(action) => {
                    self.looks.insert(endpoint.clone(), look);
                    asks.push(Ask { endpoint, round, action });
                }
                None => self.looked(&endpoint, look),
            }
        }
        asks
    }

    /// The link is away: nothing is known.
    pub(super) fn lost(&mut self) {
        self.open = false;
        self.refused = false;
        self.queue.clear();
        self.looks.clear();
        self.phones.values_mut().for_each(|phone| *phone = Phone::default());
    }

    /// What changed for watched endpoints since the last time.
    pub(super) fn take_changes(&mut self) -> Vec<PbxEvent> {
        let mut events = Vec::new();
        for (endpoint, phone) in &self.phones {
            // While it is asked about for the first time events alone may tell less than there is.
            let asking = self.looks.contains_key(endpoint) || self.queue.contains(endpoint);
            let now =
                if phone.looked || phone.heard && !asking { phone.state() } else { (Reachability::Unknown, None) };
            if self.told.get(endpoint) != Some(&now) {
                self.told.insert(endpoint.clone(), now.clone());
                let (state, contact) = now;
                events.push(PbxEvent::Endpoint { endpoint: endpoint.clone(), state, contact });
            }
        }
        events
    }
}

impl Phone {
    fn put(&mut self, contact: &Contact<'_>, now_ms: i64) {
        let at = self.contacts.iter().position(|known| known.uri == contact.uri);
        match (answers(contact.status, at.map(|at| self.contacts[at].answers)), at) {
            (Some(answers), Some(at)) => self.contacts[at].answers = answers,
            (Some(answers), None) => {
                self.contacts.push(Known { uri: contact.uri.to_owned(), answers, came_ms: Some(now_ms) });
            }
            (None, Some(at)) => drop(self.contacts.remove(at)),
            (None, None) => {}
        }
    }

    fn state(&self) -> (Reachability, Option<String>) {
        let answering = self.contacts.iter().rev().find(|known| known.answers);
        match answering.or(self.contacts.last()) {
            Some(known) if known.answers => (Reachability::Reachable, Some(known.uri.clone())),
            Some(known) => (Reachability::Unreachable, Some(known.uri.clone())),
            None => (Reachability::NotRegistered, None),
        }
    }
}

/// Whether a contact of this status answers, where `before` was known of it; None when it is gone.
fn answers(status: &str, before: Option<bool>) -> Option<bool> {
    match status.to_ascii_lowercase().as_str() {
        "removed" => None,
        "unreachable" | "unavail" | "unavailable" => Some(false),
        // A refreshed registration says nothing about the answers to OPTIONS.
        "updated" | "unknown" | "" => Some(before.unwrap_or(true)),
        // A new contact has just been heard from; without qualify_frequency nothing more is ever known.
        _ => Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Endpoints, MAX_LOOKS};
    use crate::pbx::contract::PbxEvent;
    use ami::event::Contact;
    use ami::{AmiError, Event};
    use central_api::Reachability::{self, NotRegistered, Reachable, Unknown, Unreachable};

    fn contact<'m>(uri: &'m str, status: &'m str) -> Event<'m> {
        Event::ContactStatus(Contact { endpoint: "101", uri, status })
    }

    fn take(endpoints: &mut Endpoints) -> Option<(Reachability, Option<String>)> {
        let mut changes = endpoints.take_changes();
        assert!(changes.len() <= 1);
        changes.pop().map(|event| match event {
            PbxEvent::Endpoint { state, contact, .. } => (state, contact),
            other => panic!("{other:?}"),
        })
    }

    /// Answers like Asterisk does: what is not there is empty. Gives what was asked.
    fn answer(endpoints: &mut Endpoints, mut asks: Vec<Ask>, values: &[(&str, &str)]) -> Vec<String> {
        let mut asked = Vec::new();
        while let Some(Ask { endpoint, round, action }) = asks.pop() {
            assert_eq!(action.get("Channel"), None);
            let variable = action.get("Variable").unwrap();
            let value = values.iter().find(|(name, _)| *name == variable).map_or("", |(_, value)| *value);
            asked.push(variable.to_owned());
            asks.extend(endpoints.answered(&endpoint, round, Ok(value)));
        }
        asked
    }

    fn watching() -> (Endpoints, Vec<Ask>) {
        let mut endpoints = Endpoints::default();
        assert!(endpoints.watch(["101".to_owned()]).is_empty(), "asked before the PBX was ready");
        assert_eq!(take(&mut endpoints), Some((Unknown, None)));
        let asks = endpoints.look(true);
        (endpoints, asks)
    }

    const EMPTY: [(&str, &str); 2] = [("PJSIP_ENDPOINT(101,aors)", "101"), ("PJSIP_AOR(101,max_contacts)", "1")];

    #[test]
    fn a_phone_that_registers_again_is_never_shown_gone() {
        let (mut endpoints, asks) = watching();
        answer(&mut endpoints, asks, &EMPTY);
        assert_eq!(take(&mut endpoints), Some((NotRegistered, None)));
        let steps = [
            ("sip:a", "NonQualified", Some((Reachable, Some("sip:a")))),
            ("sip:a", "Reachable", None),
            ("sip:a", "Unreachable", Some((Unreachable, Some("sip:a")))),
            ("sip:a", "Updated", None),
            // Its successor after a crash, before the old contact is removed.
            ("sip:b", "NonQualified", Some((Reachable, Some("sip:b")))),
            ("sip:a", "Removed", None),
            ("sip:b", "Removed", Some((NotRegistered, None))),
        ];
        for (uri, status, expected) in steps {
            assert!(endpoints.event(&contact(uri, status), 0).is_empty());
            let expected = expected.map(|(state, uri): (_, Option<&str>)| (state, uri.map(str::to_owned)));
            assert_eq!(take(&mut endpoints), expected, "{uri} {status}");
        }
        endpoints.lost();
        assert_eq!(take(&mut endpoints), Some((Unknown, None)));
    }

    #[test]
    fn contacts_are_found_under_other_names_too() {
        let (mut endpoints, asks) = watching();
        let values = [
            ("PJSIP_ENDPOINT(101,aors)", "desk101, home101"),
            ("PJSIP_AOR(desk101,contact)", "desk101;@aa"),
            ("PJSIP_AOR(home101,contact)", "home101;@bb,home101;@cc"),
            ("PJSIP_CONTACT(desk101;@aa,uri)", "sip:101@10.0.0.9;ob"),
            ("PJSIP_CONTACT(desk101;@aa,status)", "Unreachable"),
            ("PJSIP_CONTACT(home101;@bb,uri)", "sip:1,0(1@10.0.0.8:5099"),
            ("PJSIP_CONTACT(home101;@bb,status)", "Reachable"),
        ];
        let asked = answer(&mut endpoints, asks, &values);
        assert!(asked.contains(&"PJSIP_CONTACT(home101;@cc,uri)".to_owned()));
        assert!(!asked.contains(&"PJSIP_CONTACT(home101;@cc,status)".to_owned()), "it was gone: {asked:?}");
        assert_eq!(take(&mut endpoints), Some((Reachable, Some("sip:1,0(1@10.0.0.8:5099".to_owned()))));
        // The next look: all gone.
        let asks = endpoints.look(true);
        answer(&mut endpoints, asks, &[values[0], ("PJSIP_AOR(desk101,max_contacts)", "1")]);
        assert_eq!(take(&mut endpoints), Some((NotRegistered, None)));
    }

    #[test]
    fn no_such_function_is_not_an_absent_phone() {
        let (mut endpoints, asks) = watching();
        let asked = answer(&mut endpoints, asks, &[]);
        assert_eq!(asked, ["PJSIP_ENDPOINT(101,aors)", "PJSIP_AOR(101,contact)", "PJSIP_AOR(101,max_contacts)"]);
        assert_eq!(take(&mut endpoints), None);
        endpoints.event(&contact("sip:a", "Reachable"), 0);
        assert_eq!(take(&mut endpoints), Some((Reachable, Some("sip:a".to_owned()))));
        assert!(endpoints.look(false).is_empty(), "asked in vain again");
        // Looking in vain takes nothing away from what an event told.
        let asks = endpoints.look(true);
        answer(&mut endpoints, asks, &[]);
        assert_eq!(take(&mut endpoints), None);
    }

    #[test]
    fn a_user_who_may_not_ask_is_told_by_events() {
        let (mut endpoints, asks) = watching();
        let refused = AmiError::Refused { action: "Getvar".to_owned(), why: "Permission denied".to_owned() };
        assert!(endpoints.answered("101", asks[0].round, Err(&refused)).is_empty());
        assert_eq!((take(&mut endpoints), endpoints.look(true)), (None, Vec::new()));
        endpoints.event(&contact("sip:a", "Unreachable"), 0);
        assert_eq!(take(&mut endpoints), Some((Unreachable, Some("sip:a".to_owned()))));
        endpoints.lost();
        assert_eq!(endpoints.look(true).len(), 1, "the user may be another one on the next link");
    }

    #[test]
    fn a_change_between_the_questions_begins_the_look_anew() {
        let (mut endpoints, asks) = watching();
        let first = asks[0].round;
        let again = endpoints.event(&contact("sip:b", "Reachable"), 0);
        assert_eq!((again.len(), take(&mut endpoints)), (1, None));
        assert!(endpoints.answered("101", first, Ok("")).is_empty(), "the answer to the old question");
        let values = [
            ("PJSIP_AOR(101,contact)", "101;@bb"),
            ("PJSIP_CONTACT(101;@bb,uri)", "sip:b"),
            ("PJSIP_CONTACT(101;@bb,status)", "Reachable"),
        ];
        answer(&mut endpoints, again, &values);
        assert_eq!(take(&mut endpoints), Some((Reachable, Some("sip:b".to_owned()))));
    }

    #[test]
    fn no_name_can_become_another_question() {
        let mut endpoints = Endpoints::default();
        endpoints.look(true);
        assert!(endpoints.watch(["101,aors)".to_owned(), "a\"b".to_owned(), "a\r\nb".to_owned()]).is_empty());
    }

    #[test]
    fn many_phones_are_asked_about_in_turn() {
        let mut endpoints = Endpoints::default();
        endpoints.watch((0..100).map(|number| format!("1{number:02}")));
        let asks = endpoints.look(true);
        assert_eq!(asks.len(), MAX_LOOKS);
        let asked = answer(&mut endpoints, asks, &[]);
        assert_eq!(asked.iter().filter(|question| question.starts_with("PJSIP_ENDPOINT(")).count(), 100);
    }
}
