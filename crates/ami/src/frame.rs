//! One AMI message: fields in the order they came.

/// Where a field stands in the text of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) key: (u32, u32),
    pub(crate) value: (u32, u32),
}

/// A message with all its fields in order; keys repeat (`Variable`, `ChanVariable`) and values may be empty.
///
/// It is one text and a list of places in it: two allocations for some twenty fields, because a busy PBX says thousands of
/// these a second. `Debug` shows names of fields only: answers of the PBX can carry SIP passwords (`AuthDetail`).
#[derive(Clone, Default)]
pub struct Message {
    text: Box<str>,
    fields: Box<[Span]>,
}

impl Message {
    /// Makes a message of fields, in order.
    #[must_use]
    pub fn new<K: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut text = String::new();
        let mut spans = Vec::new();
        for (key, value) in fields {
            let key = append(&mut text, key.as_ref());
            spans.push(Span { key, value: append(&mut text, value.as_ref()) });
        }
        Self { text: text.into(), fields: spans.into() }
    }

    /// Of a text whose fields were found; the spans lie within it, at borders of characters.
    pub(crate) fn of_spans(text: &str, fields: &[Span]) -> Self {
        Self { text: text.into(), fields: fields.into() }
    }

    /// First value of a field; names are case-insensitive.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// First value of a field if it says something: not empty and not Asterisk's `<unknown>`.
    #[must_use]
    pub fn said(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| says_something(value))
    }

    /// All values of a field, in order.
    pub fn get_all<'m>(&'m self, name: &str) -> impl Iterator<Item = &'m str> {
        // Lengths first: of some twenty names few have that of the wanted one.
        let is_asked = move |span: &&Span| {
            (span.key.1.wrapping_sub(span.key.0)) as usize == name.len()
                && self.slice(span.key).eq_ignore_ascii_case(name)
        };
        self.fields.iter().filter(is_asked).map(|span| self.slice(span.value))
    }

    /// All fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|span| (self.slice(span.key), self.slice(span.value)))
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

    /// When the PBX made it, µs since the Unix epoch by the PBX's own clock. Only with `timestampevents = yes`, and in answers
    /// to Ping.
    #[must_use]
    pub fn timestamp_us(&self) -> Option<i64> {
        timestamp_us(self.get("Timestamp")?)
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

    /// Bytes of its text.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.text.len() + size_of_val(&*self.fields)
    }

    /// The whole text, which is the same wherever the same event is told.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn slice(&self, (from, to): (u32, u32)) -> &str {
        // Spans are within the text by construction; a wrong one would give an empty text and no panic.
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }
}

/// Whether a value is one: not empty and not Asterisk's `<unknown>`.
pub(crate) fn says_something(value: &str) -> bool {
    !value.is_empty() && value != "<unknown>"
}

/// Whether the number or name of a caller is one. app_queue of 1.8 and 11 says `unknown` where the others say `<unknown>`.
pub(crate) fn names_somebody(value: &str) -> bool {
    says_something(value) && value != "unknown"
}

fn append(text: &mut String, part: &str) -> (u32, u32) {
    let place = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX);
    let from = place(text);
    text.push_str(part);
    (from, place(text))
}

/// `1795323409.123456`: seconds and their fraction, read without a floating-point number, which would lose microseconds.
fn timestamp_us(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let seconds: i64 = seconds.parse().ok()?;
    let mut micros = 0_i64;
    for at in 0..6 {
        let digit = match fraction.as_bytes().get(at) {
            Some(digit @ b'0'..=b'9') => i64::from(digit - b'0'),
            Some(_) => return None,
            None => 0,
        };
        micros = micros * 10 + digit;
    }
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

/// Equal when all fields are, wherever they stand in the text.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.fields().eq(other.fields())
    }
}

impl Eq for Message {}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.event().or_else(|| self.response()).unwrap_or("?");
        write!(f, "Message({kind}; ")?;
        f.debug_list().entries(self.fields().map(|(key, _)| key)).finish()?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, timestamp_us};

    fn message() -> Message {
        Message::new([
            ("Event", "AuthDetail"),
            ("Password", "pw1001"),
            ("Variable", "a=1"),
            ("variable", "b=2"),
            ("E", ""),
        ])
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

    #[test]
    fn timestamps_keep_their_microseconds() {
        for (text, expected) in [
            ("1795323409.123456", Some(1_795_323_409_123_456)),
            ("1795323409.000001", Some(1_795_323_409_000_001)),
            ("1795323409.5", Some(1_795_323_409_500_000)),
            ("1795323409", Some(1_795_323_409_000_000)),
            ("1795323409.1234567", Some(1_795_323_409_123_456)),
            ("", None),
            ("x.1", None),
            ("1.x", None),
            ("99999999999999999999.0", None),
        ] {
            assert_eq!(timestamp_us(text), expected, "{text:?}");
        }
    }
}
