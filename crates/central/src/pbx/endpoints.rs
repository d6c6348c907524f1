//! Contacts of watched phones. Only PJSIP has contacts; a phone of another kind stays *unknown*.

use std::collections::{BTreeMap, BTreeSet};

use ami::Event;
use ami::event::Contact;
use central_api::Reachability;

use super::contract::PbxEvent;

/// Contacts of all endpoints of the PBX.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    /// Endpoint → contacts in the order of registration, the newest last: (URI, answers).
    contacts: BTreeMap<String, Vec<(String, bool)>>,
    watched: BTreeSet<String>,
    told: BTreeMap<String, (Reachability, Option<String>)>,
    /// Whether the list was read on this link.
    known: bool,
}

impl Endpoints {
    /// Sets whom to watch.
    pub(super) fn watch(&mut self, endpoints: impl IntoIterator<Item = String>) {
        self.watched = endpoints.into_iter().collect();
        self.told.retain(|endpoint, _| self.watched.contains(endpoint));
    }

    pub(super) fn snapshot(&mut self, list: &[Event]) {
        self.known = true;
        self.contacts.clear();
        for event in list {
            if let Event::ContactList(contact) = event {
                self.put(contact);
            }
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        if let Event::ContactStatus(contact) = event {
            self.put(contact);
        }
    }

    fn put(&mut self, contact: &Contact) {
        let of_endpoint = self.contacts.entry(contact.endpoint.clone()).or_default();
        let at = of_endpoint.iter().position(|(uri, _)| *uri == contact.uri);
        let answers = match contact.status.to_ascii_lowercase().as_str() {
            "removed" => {
                if let Some(at) = at {
                    of_endpoint.remove(at);
                }
                return;
            }
            "unreachable" | "unavail" | "unavailable" => false,
            // A refreshed registration says nothing about the answers to OPTIONS.
            "updated" | "unknown" => at.is_none_or(|at| of_endpoint[at].1),
            // A new contact has just been heard from; without qualify_frequency nothing more is ever known.
            _ => true,
        };
        match at {
            Some(at) => of_endpoint[at].1 = answers,
            None => of_endpoint.push((contact.uri.clone(), answers)),
        }
    }

    /// The link is away: nothing is known.
    pub(super) fn lost(&mut self) {
        self.known = false;
        self.contacts.clear();
    }

    /// What changed for watched endpoints since the last time.
    pub(super) fn take_changes(&mut self) -> Vec<PbxEvent> {
        let mut events = Vec::new();
        for endpoint in &self.watched {
            let now = self.state(endpoint);
            if self.told.get(endpoint) != Some(&now) {
                self.told.insert(endpoint.clone(), now.clone());
                let (state, contact) = now;
                events.push(PbxEvent::Endpoint { endpoint: endpoint.clone(), state, contact });
            }
        }
        events
    }

    fn state(&self, endpoint: &str) -> (Reachability, Option<String>) {
        if !self.known {
            return (Reachability::Unknown, None);
        }
        let contacts = self.contacts.get(endpoint).map(Vec::as_slice).unwrap_or_default();
        let answering = contacts.iter().rev().find(|(_, answers)| *answers);
        match answering.or(contacts.last()) {
            Some((uri, true)) => (Reachability::Reachable, Some(uri.clone())),
            Some((uri, false)) => (Reachability::Unreachable, Some(uri.clone())),
            None => (Reachability::NotRegistered, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoints;
    use crate::pbx::contract::PbxEvent;
    use ami::Event;
    use ami::event::Contact;
    use central_api::Reachability::{self, NotRegistered, Reachable, Unknown, Unreachable};

    fn contact(uri: &str, status: &str) -> Event {
        Event::ContactStatus(Contact { endpoint: "101".to_owned(), uri: uri.to_owned(), status: status.to_owned() })
    }

    fn take(endpoints: &mut Endpoints) -> Option<(Reachability, Option<String>)> {
        let mut changes = endpoints.take_changes();
        assert!(changes.len() <= 1);
        changes.pop().map(|event| match event {
            PbxEvent::Endpoint { state, contact, .. } => (state, contact),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_phone_that_registers_again_is_never_shown_gone() {
        let mut endpoints = Endpoints::default();
        endpoints.watch(["101".to_owned()]);
        assert_eq!(take(&mut endpoints), Some((Unknown, None)));
        endpoints.snapshot(&[]);
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
            endpoints.event(&contact(uri, status));
            let expected = expected.map(|(state, uri): (_, Option<&str>)| (state, uri.map(str::to_owned)));
            assert_eq!(take(&mut endpoints), expected, "{uri} {status}");
        }
        endpoints.lost();
        assert_eq!(take(&mut endpoints), Some((Unknown, None)));
    }
}
