//! One AMI message: fields in the order they came.

/// A message with all its fields in order; keys repeat (`Variable`, `ChanVariable`) and values may be empty.
///
/// `Debug` shows names of fields only: answers of the PBX can carry SIP passwords (`AuthDetail`).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Message {
    fields: Vec<(String, String)>,
}

impl Message {
    /// Makes a message of fields, in order.
    #[must_use]
    pub fn new(fields: Vec<(String, String)>) -> Self {
        Self { fields }
    }

    /// First value of a field; names are case-insensitive.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// First value of a field if it says something: not empty and not Asterisk's `<unknown>`.
    #[must_use]
    pub fn said(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty() && *value != "<unknown>")
    }

    /// All values of a field, in order.
    pub fn get_all<'m>(&'m self, name: &str) -> impl Iterator<Item = &'m str> {
        self.fields.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Name of the event, when this is one.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.get("Event")
    }

    /// `Success`, `Error`, …, when this is an answer.
    #[must_use]
    pub fn response(&self) -> Option<&str> {
        self.get("Response")
    }

    /// The action it belongs to.
    #[must_use]
    pub fn action_id(&self) -> Option<&str> {
        self.get("ActionID")
    }

    /// Whether it is an answer that is no refusal.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.response().is_some_and(|response| !response.eq_ignore_ascii_case("error"))
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(crate) fn push(&mut self, key: String, value: String) {
        self.fields.push((key, value));
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.event().or_else(|| self.response()).unwrap_or("?");
        write!(f, "Message({kind}; ")?;
        f.debug_list().entries(self.fields.iter().map(|(key, _)| key)).finish()?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    fn message() -> Message {
        let fields =
            [("Event", "AuthDetail"), ("Password", "pw1001"), ("Variable", "a=1"), ("variable", "b=2"), ("E", "")];
        Message::new(fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn names_are_case_insensitive_and_repeat() {
        let message = message();
        assert_eq!(message.get("EVENT"), Some("AuthDetail"));
        assert_eq!(message.get_all("Variable").collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(message.get("E"), Some(""));
        assert_eq!(message.said("E"), None);
        assert_eq!(message.get("Nothing"), None);
    }

    #[test]
    fn debug_shows_no_values() {
        let text = format!("{:?}", message());
        assert!(text.contains("AuthDetail") && text.contains("Password"), "{text}");
        assert!(!text.contains("pw1001"), "{text}");
    }
}
