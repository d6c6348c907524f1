//! What is sent. A value cannot carry a line end, so nobody smuggles a second action in a name or reason.

use crate::Secret;

/// Asterisk reads lines of 1024 bytes and throws longer ones away with a line in its own log only.
const MAX_LINE: usize = 1000;

/// A value that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// It would end the line.
    #[error("the value of {0} holds a line end or a NUL, which would begin another field; take it out")]
    LineEnd(&'static str),
    /// Asterisk would drop the line.
    #[error("the value of {0} is longer than Asterisk reads ({MAX_LINE} bytes with the name); shorten it")]
    TooLong(&'static str),
}

/// An action, without its ActionID (the client numbers them).
#[derive(Clone)]
pub struct Action {
    name: &'static str,
    fields: Vec<(&'static str, Value)>,
}

#[derive(Clone)]
enum Value {
    Plain(String),
    Secret(Secret),
}

impl Value {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

impl Action {
    /// An action without fields.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Adds a field.
    ///
    /// # Errors
    /// CR, LF or NUL in the value, or a line that Asterisk would not read.
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Result<Self, InvalidField> {
        let value = value.into();
        check(key, &value)?;
        self.fields.push((key, Value::Plain(value)));
        Ok(self)
    }

    /// Adds a field that `Debug` does not show.
    ///
    /// # Errors
    /// As [`Action::with`].
    pub fn with_secret(mut self, key: &'static str, value: Secret) -> Result<Self, InvalidField> {
        check(key, value.expose())?;
        self.fields.push((key, Value::Secret(value)));
        Ok(self)
    }

    /// Adds a number.
    #[must_use]
    pub fn with_number(mut self, key: &'static str, value: impl Into<i64>) -> Self {
        self.fields.push((key, Value::Plain(value.into().to_string())));
        self
    }

    /// Adds `true` or `false`.
    #[must_use]
    pub fn with_flag(mut self, key: &'static str, value: bool) -> Self {
        self.fields.push((key, Value::Plain(value.to_string())));
        self
    }

    /// Value of a field.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.text())
    }

    /// The bytes that go out.
    #[must_use]
    pub fn encode(&self, action_id: &str) -> Vec<u8> {
        let mut text = format!("Action: {}\r\nActionID: {action_id}\r\n", self.name);
        // One allocation of the right size: a secret must not be left behind in a smaller buffer that was outgrown.
        text.reserve(self.fields.iter().map(|(key, value)| key.len() + value.text().len() + 4).sum::<usize>() + 2);
        for (key, value) in &self.fields {
            text.push_str(key);
            text.push_str(": ");
            text.push_str(value.text());
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(", self.name)?;
        for (at, (key, value)) in self.fields.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            match value {
                Value::Plain(text) => write!(f, "{comma}{key}: {text}")?,
                Value::Secret(_) => write!(f, "{comma}{key}: …")?,
            }
        }
        f.write_str(")")
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.fields.len() == other.fields.len()
            && self.fields.iter().zip(&other.fields).all(|(a, b)| a.0 == b.0 && a.1.text() == b.1.text())
    }
}

fn check(key: &'static str, value: &str) -> Result<(), InvalidField> {
    if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(InvalidField::LineEnd(key));
    }
    if key.len() + value.len() + 2 > MAX_LINE {
        return Err(InvalidField::TooLong(key));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Action, InvalidField};
    use crate::Secret;

    #[test]
    fn a_value_cannot_begin_another_field() {
        for value in ["a\r\nAction: Originate", "a\nb", "a\rb", "\r", "\n", "a\0b"] {
            assert_eq!(
                Action::new("QueuePause").with("Reason", value),
                Err(InvalidField::LineEnd("Reason")),
                "{value:?}"
            );
        }
        assert_eq!(Action::new("X").with("Y", "a".repeat(2000)), Err(InvalidField::TooLong("Y")));
        assert!(Action::new("Login").with_secret("Secret", Secret::new("a\r\nb")).is_err());
    }

    #[test]
    fn fields_go_out_in_order() {
        let action = Action::new("QueueAdd")
            .with("Queue", "support")
            .unwrap()
            .with_number("Penalty", 3)
            .with_flag("Paused", true);
        let expected = "Action: QueueAdd\r\nActionID: 7\r\nQueue: support\r\nPenalty: 3\r\nPaused: true\r\n\r\n";
        assert_eq!(String::from_utf8(action.encode("7")).unwrap(), expected);
    }

    #[test]
    fn debug_shows_no_secret() {
        let action =
            Action::new("Login").with("Username", "desk").unwrap().with_secret("Secret", Secret::new("s3")).unwrap();
        assert_eq!(format!("{action:?}"), "Login(Username: desk, Secret: …)");
    }
}
