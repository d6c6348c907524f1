//! What an INVITE says about being answered by itself. There is no one standard: the common phones' ways are all read.
//!
//! The softphone never answers because of it: it tells, and whoever holds the profile's rules decides.

/// Longer than anybody rings, so longer than anybody means.
const LONGEST_S: u16 = 600;

/// Seconds after which the caller's PBX asks for an answer; `headers` are names and values in the order of the message.
pub(super) fn answer_after<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<u16> {
    let mut found = None;
    for (name, value) in headers {
        let asked = if name.eq_ignore_ascii_case("Alert-Info") {
            value_asks(value, true)
        } else if name.eq_ignore_ascii_case("Call-Info") {
            value_asks(value, false)
        } else {
            continue;
        };
        // The longest wait of several: to answer too late harms nobody.
        found = found.max(asked);
    }
    found
}

fn value_asks(value: &str, alert: bool) -> Option<u16> {
    split_outside(value, ',').into_iter().filter_map(|entry| entry_asks(entry, alert)).max()
}

fn entry_asks(entry: &str, alert: bool) -> Option<u16> {
    let mut parts = split_outside(entry, ';').into_iter();
    let first = parts.next().unwrap_or_default();
    let (mut asks, mut after) = (alert && is_word(inner(first)), None);
    // `Alert-Info: info=alert-autoanswer` has its parameter where the URI belongs.
    for part in std::iter::once(inner(first)).chain(parts) {
        let (name, value) = part.split_once('=').map_or((part, ""), |(name, value)| (name, value));
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
        match name.as_str() {
            "answer-after" => after = Some(seconds(value)?),
            "delay" => after = seconds(value),
            "info" if alert => asks |= is_word(value),
            _ => {}
        }
        // Only this one asks by being there.
        asks |= name == "answer-after";
    }
    asks.then(|| after.unwrap_or(0))
}

/// The words by which phones of several makers are told to answer.
fn is_word(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_ascii_lowercase();
    matches!(plain.as_str(), "autoanswer" | "alertautoanswer" | "ringanswer" | "ringautoanswer")
}

fn seconds(text: &str) -> Option<u16> {
    let whole = text.split('.').next().unwrap_or_default().trim();
    whole.parse::<u32>().ok().map(|s| u16::try_from(s).unwrap_or(LONGEST_S).min(LONGEST_S))
}

fn inner(uri: &str) -> &str {
    let uri = uri.trim();
    uri.strip_prefix('<').and_then(|uri| uri.strip_suffix('>')).unwrap_or(uri)
}

/// Parts between separators that stand neither in `<…>` nor in quotes.
fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut angle) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            c if c == separator && !quoted && !angle => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::answer_after;

    #[test]
    fn the_ways_of_asking() {
        let alert = "Alert-Info";
        let call = "Call-Info";
        for (name, value, after) in [
            (alert, "<http://www.notused.com>;info=alert-autoanswer;delay=3", Some(3)),
            (alert, "<http://www.notused.com>;info=alert-autoanswer;delay=0", Some(0)),
            (alert, "<http://www.notused.com>;info=alert-autoanswer", Some(0)),
            (alert, "<sip:pbx.example>; answer-after = 2", Some(2)),
            (alert, "info=alert-autoanswer", Some(0)),
            (alert, "<info=alert-autoanswer>", Some(0)),
            (alert, "Auto Answer", Some(0)),
            (alert, "\"Auto Answer\"", Some(0)),
            (alert, "ring-answer", Some(0)),
            (alert, "<http://127.0.0.1>;info=RingAnswer", Some(0)),
            (alert, "<http://127.0.0.1>;info=\"Ring Answer\"", Some(0)),
            ("ALERT-INFO", "<http://x>;info=alert-autoanswer;delay=1", Some(1)),
            (call, "<sip:pbx.example>;answer-after=0", Some(0)),
            (call, "<sip:pbx.example>; answer-after=5", Some(5)),
            (call, "<sip:pbx.example>;answer-after=1.5", Some(1)),
            (call, "<http://a,b>;purpose=icon, <sip:pbx.example>;answer-after=4", Some(4)),
            (call, "<sip:pbx.example>;answer-after=99999999", Some(600)),
            // Nothing of the kind.
            (alert, "<http://www.notused.com>;info=alert-internal", None),
            (alert, "<http://pbx/ring.wav>", None),
            (alert, "<http://pbx/auto answer>;delay=3", None),
            (alert, "Bellcore-dr3", None),
            (call, "<http://pbx/photo.jpg>;purpose=icon", None),
            (call, "<sip:pbx.example>;info=alert-autoanswer", None),
            (call, "<sip:pbx.example;answer-after=1>", None),
            (call, "<sip:pbx.example>;answer-after=soon", None),
            (call, "<sip:pbx.example>;answer-after=-1", None),
            (call, "<sip:pbx.example>;answer-after=", None),
            (call, "", None),
            ("Subject", "answer-after=0", None),
        ] {
            assert_eq!(answer_after([(name, value)]), after, "{name}: {value}");
        }
    }

    #[test]
    fn the_longest_of_several_wins() {
        let both = [("Alert-Info", "info=alert-autoanswer"), ("Call-Info", "<sip:pbx>;answer-after=7")];
        assert_eq!(answer_after(both), Some(7));
        assert_eq!(answer_after(both.into_iter().rev()), Some(7));
        assert_eq!(answer_after([]), None);
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read(value in ".*") {
            let after = answer_after([("Alert-Info", value.as_str()), ("Call-Info", value.as_str())]);
            proptest::prop_assert!(after.unwrap_or(0) <= 600);
        }
    }
}
