//! What a person types into the dial field, turned into a SIP URI, or refused.

/// Why a target cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing in it.
    #[error("nothing to dial")]
    Empty,
    /// A character that is in no number and in no URI.
    #[error("{0:?} cannot be in a number")]
    Character(char),
    /// Something like a URI that is none.
    #[error("not a SIP address: it must read sip:name@domain")]
    Uri,
    /// A header that would break the message, or that the softphone writes itself.
    #[error("header {0:?} cannot be sent")]
    Header(String),
}

/// The longest number or URI that is taken.
const LONGEST: usize = 256;

/// The URI to call: digits with `+`, `*`, `#` (spaces, `-`, `.`, `(`, `)`, `/` between them are dropped) become
/// `sip:digits@domain`; a `sip:` or `sips:` URI is taken as it is.
///
/// # Errors
/// See [`TargetError`]; nothing that could end the header it stands in gets through.
pub fn uri_of(target: &str, domain: &str) -> Result<String, TargetError> {
    let target = target.trim();
    if target.is_empty() || target.len() > LONGEST {
        return Err(TargetError::Empty);
    }
    let lower = target.to_ascii_lowercase();
    if lower.starts_with("sip:") || lower.starts_with("sips:") {
        let rest = &target[target.find(':').map_or(0, |i| i + 1)..];
        let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | '\\');
        let (user, host) = rest.split_once('@').ok_or(TargetError::Uri)?;
        if user.is_empty() || host.is_empty() || host.contains('@') || rest.contains(bad) || rest.contains('?') {
            return Err(TargetError::Uri);
        }
        return Ok(target.to_owned());
    }
    let mut user = String::new();
    for c in target.chars() {
        match c {
            '0'..='9' | '*' => user.push(c),
            '+' if user.is_empty() => user.push('+'),
            // '#' begins a fragment in a URI and must be escaped in its user part (RFC 3261, 25.1).
            '#' => user.push_str("%23"),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => {}
            other => return Err(TargetError::Character(other)),
        }
    }
    if user.is_empty() || user == "+" {
        return Err(TargetError::Empty);
    }
    Ok(format!("sip:{user}@{domain}"))
}

/// The number as it is shown for a call that we make: the user part without escapes.
#[must_use]
pub fn number_of(uri: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, r)| r);
    let user = rest.split_once('@').map_or(rest, |(u, _)| u);
    user.replace("%23", "#")
}

/// Checks the profile's extra headers.
///
/// # Errors
/// [`TargetError::Header`] for a name that is no token, a value with a line break, or a header that belongs to SIP itself.
pub fn check_headers(headers: &[(String, String)]) -> Result<(), TargetError> {
    const OURS: [&str; 14] = [
        "via",
        "from",
        "to",
        "call-id",
        "cseq",
        "contact",
        "max-forwards",
        "content-length",
        "content-type",
        "route",
        "record-route",
        "authorization",
        "proxy-authorization",
        "allow",
    ];
    for (name, value) in headers {
        let token = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b));
        if !token
            || OURS.contains(&name.to_ascii_lowercase().as_str())
            || value.len() > 1024
            || value.contains(char::is_control)
        {
            return Err(TargetError::Header(name.clone()));
        }
    }
    Ok(())
}

/// Whether `digits` can be sent by RFC 4733: `0-9*#A-D`.
#[must_use]
pub fn is_dtmf(digits: &str) -> bool {
    !digits.is_empty()
        && digits.len() <= 128
        && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D' | b'a'..=b'd'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let table = [
            ("700", Ok("sip:700@pbx")),
            (" +7 (495) 123-45-67 ", Ok("sip:+74951234567@pbx")),
            ("*8#", Ok("sip:*8%23@pbx")),
            ("sip:anna@example.org;transport=tcp", Ok("sip:anna@example.org;transport=tcp")),
            ("", Err(TargetError::Empty)),
            ("+", Err(TargetError::Empty)),
            ("7+00", Err(TargetError::Character('+'))),
            ("anna", Err(TargetError::Character('a'))),
            ("sip:anna", Err(TargetError::Uri)),
            ("sip:a@b>\r\nX: y", Err(TargetError::Uri)),
            ("sip:a@b?X-Evil=1", Err(TargetError::Uri)),
            ("7\r\n00", Err(TargetError::Character('\r'))),
        ];
        for (target, expected) in table {
            assert_eq!(uri_of(target, "pbx"), expected.map(str::to_owned), "{target:?}");
        }
        assert_eq!(number_of("sip:*8%23@pbx"), "*8#");
    }

    #[test]
    fn headers() {
        let header = |n: &str, v: &str| check_headers(&[(n.to_owned(), v.to_owned())]);
        assert!(header("X-Project", "ACME").is_ok());
        assert!(header("X-Project", "a\r\nVia: b").is_err());
        assert!(header("Via", "x").is_err());
        assert!(header("X Project", "x").is_err());
    }

    proptest::proptest! {
        #[test]
        fn nothing_breaks_out(target in ".*") {
            if let Ok(uri) = uri_of(&target, "pbx") {
                proptest::prop_assert!(!uri.contains(['\r', '\n', '<', '>', ' ']));
            }
        }
    }
}
