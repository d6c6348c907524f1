//! Fields of a message as the types that events have.

use crate::Message;
use crate::frame::names_somebody;

/// A value that is there and not empty.
pub(super) fn text<'m>(m: &'m Message, key: &str) -> Option<&'m str> {
    m.get(key).filter(|text| !text.is_empty())
}

/// A value, empty where there is none.
pub(super) fn plain<'m>(m: &'m Message, key: &str) -> &'m str {
    m.get(key).unwrap_or_default()
}

/// A value that says something.
pub(super) fn said<'m>(m: &'m Message, key: &str) -> Option<&'m str> {
    m.said(key)
}

/// Number or name of a caller, where there is one.
pub(super) fn person<'m>(m: &'m Message, key: &str) -> Option<&'m str> {
    m.get(key).filter(|value| names_somebody(value))
}

/// A value that is a number.
pub(super) fn number<T: std::str::FromStr>(m: &Message, key: &str) -> Option<T> {
    m.get(key)?.trim().parse().ok()
}

/// A value that is a yes or a no.
pub(super) fn flag(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

/// `HH:MM:SS`, in seconds.
pub(super) fn duration(text: &str) -> u64 {
    text.split(':')
        .try_fold(0_u64, |sum, part| part.parse::<u64>().ok().map(|n| sum.saturating_mul(60).saturating_add(n)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        assert_eq!(duration("01:02:03"), 3723);
        assert_eq!(duration("12"), 12);
        assert_eq!(duration("x"), 0);
    }
}
