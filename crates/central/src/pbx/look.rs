//! Asking for the contacts of one phone by functions that a manager user with `reporting` may read.
//!
//! Tried on Asterisk 16 and 22: contacts have ids like `101;@<md5>` (registered) and `101@@<md5>` (written in pjsip.conf), which
//! pass as they are; values are not quoted and may hold commas and brackets; and whatever is not there, be it the phone or the
//! function, is a success with an empty value.

use ami::Action;

/// Questions about one phone.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) round: u64,
    now: Option<Question>,
    todo: Vec<Question>,
    /// (URI, status).
    pub(super) found: Vec<(String, String)>,
    /// An address of record of it is known to the PBX.
    pub(super) there: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// Addresses of record of the endpoint.
    Aors(String),
    /// Ids of the contacts of an address of record.
    Contacts(String),
    /// Whether it is there at all: no contacts, no such name and no such function have the same answer.
    There(String),
    Uri(String),
    /// Of the contact found last.
    Status(String),
}

impl Question {
    /// None for a name that would end the function's argument.
    fn action(&self) -> Option<Action> {
        let (function, name, field) = match self {
            Self::Aors(endpoint) => ("PJSIP_ENDPOINT", endpoint, "aors"),
            Self::Contacts(aor) => ("PJSIP_AOR", aor, "contact"),
            Self::There(aor) => ("PJSIP_AOR", aor, "max_contacts"),
            Self::Uri(id) => ("PJSIP_CONTACT", id, "uri"),
            Self::Status(id) => ("PJSIP_CONTACT", id, "status"),
        };
        if name.is_empty() || name.contains(['(', ')', '[', ']', '{', '}', ',', '"', '\\']) {
            return None;
        }
        Action::new("Getvar").with("Variable", format!("{function}({name},{field})")).ok()
    }
}

impl Look {
    pub(super) fn new(round: u64, endpoint: &str) -> Self {
        let todo = vec![Question::Aors(endpoint.to_owned())];
        Self { round, now: None, todo, found: Vec::new(), there: false }
    }

    /// The value that answers the question; empty when there is none.
    pub(super) fn take(&mut self, value: &str) {
        let names = || value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        let Some(now) = self.now.take() else { return };
        match now {
            Question::Aors(endpoint) => {
                self.todo.extend(names().map(Question::Contacts));
                if self.todo.is_empty() {
                    // The function is not loaded, perhaps. By custom they have the same name.
                    self.todo.push(Question::Contacts(endpoint));
                }
            }
            Question::Contacts(aor) => {
                let before = self.todo.len();
                self.todo.extend(names().map(Question::Uri));
                self.there |= self.todo.len() > before;
                if !self.there {
                    self.todo.push(Question::There(aor));
                }
            }
            Question::There(_) => self.there |= !value.trim().is_empty(),
            // Without one it went away after its id was told.
            Question::Uri(id) if !value.is_empty() => {
                self.found.push((value.to_owned(), String::new()));
                self.todo.push(Question::Status(id));
            }
            Question::Uri(_) => {}
            Question::Status(_) => {
                if let Some((_, status)) = self.found.last_mut() {
                    value.clone_into(status);
                }
            }
        }
    }

    /// The next question; None at the end.
    pub(super) fn next(&mut self) -> Option<Action> {
        loop {
            let question = self.todo.pop()?;
            if let Some(action) = question.action() {
                self.now = Some(question);
                return Some(action);
            }
        }
    }
}
