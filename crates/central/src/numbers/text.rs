//! What a person, a trunk or a SIP header wrote, taken apart without knowing what it means: digits, a `+`, words.

use std::borrow::Cow;

/// More is no number and is not looked at.
const LONGEST: usize = 256;

/// More digits than any number with all its prefixes has.
const MOST_DIGITS: usize = 40;

/// A number as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Written {
    /// What stands for the number, without name, scheme, host and parameters; blanks around it are gone.
    pub(super) user: String,
    /// Its digits, `*` and `#`.
    pub(super) digits: String,
    /// How many digits stand before the `+`.
    pub(super) plus: Option<usize>,
    /// There is something in it that stands in no number.
    pub(super) other_signs: bool,
    /// The `phone-context` of RFC 3966, when it is a number: its digits behind the `+`.
    pub(super) context: Option<String>,
}

impl Written {
    /// Takes a text apart; `None` when it is longer than a number can be written.
    pub(super) fn new(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (user, context) = from_uri(trimmed(text));
        let user = trimmed(&user).to_owned();
        let mut written = Self { user, context, ..Self::default() };
        for sign in written.user.chars() {
            if let Some(digit) = digit(sign) {
                written.digits.push(digit);
            } else if is_plus(sign) && written.plus.is_none() {
                written.plus = Some(written.digits.len());
            } else if !is_separator(sign) {
                written.other_signs = true;
            }
        }
        (written.digits.len() <= MOST_DIGITS).then_some(written)
    }

    /// Neither digits nor words: blanks, dashes, a `+` alone.
    pub(super) fn is_empty(&self) -> bool {
        self.digits.is_empty() && !self.other_signs
    }

    /// Digits, and nothing that telephones cannot dial.
    pub(super) fn is_dialable(&self) -> bool {
        !self.digits.is_empty() && !self.other_signs
    }

    /// Digits alone, without `*` and `#`.
    pub(super) fn is_number(&self) -> bool {
        self.is_dialable() && self.digits.bytes().all(|sign| sign.is_ascii_digit())
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|sign: char| sign.is_whitespace() || sign.is_control() || is_invisible(sign) || sign == '"')
}

/// The part of an address that stands for the number, and its context. A text that is no address is its own number.
fn from_uri(text: &str) -> (Cow<'_, str>, Option<String>) {
    // "Name" <sip:…>, and Asterisk's own <unknown>.
    let text = match text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        Some((inside, _)) => trimmed(inside),
        None => text,
    };
    let (is_sip, text) = without_scheme(text);
    let (user, host) = match text.split_once('@') {
        Some((user, host)) => (user, host),
        None => (text, ""),
    };
    // user:password of old SIP addresses.
    let user = if is_sip { user.split(':').next().unwrap_or(user) } else { user };
    let (number, own_parameters) = user.split_once(';').unwrap_or((user, ""));
    let hosts_parameters = host.split_once(';').map_or("", |(_, parameters)| parameters);
    let context = own_parameters.split(';').chain(hosts_parameters.split([';', '?'])).find_map(context);
    (percent_decoded(number), context)
}

fn without_scheme(text: &str) -> (bool, &str) {
    for (scheme, is_sip) in [("sip:", true), ("sips:", true), ("tel:", false), ("callto:", false)] {
        if text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            return (is_sip, text[scheme.len()..].trim_start_matches('/'));
        }
    }
    (false, text)
}

/// The digits of a context that is a number; a context that is a domain says nothing that a plan knows.
fn context(parameter: &str) -> Option<String> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("phone-context") {
        return None;
    }
    let value = percent_decoded(value.trim());
    let digits = value.strip_prefix('+')?;
    let digits: String = digits.chars().filter(|sign| !is_separator(*sign)).collect();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(digits)
}

/// `%2B` is a `+`. What does not decode stays as it is, and is no number then.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, others @ ..] = rest {
        let hexadecimal = |digit: u8| char::from(digit).to_digit(16);
        let code = match (byte, others) {
            (b'%', [high, low, ..]) => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        if let Some(byte) = code.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            decoded.push(byte);
            rest = &others[2..];
        } else {
            decoded.push(*byte);
            rest = others;
        }
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The digit of any script that people type telephone numbers in, as ASCII; and the keys star and hash.
fn digit(sign: char) -> Option<char> {
    if sign.is_ascii_digit() || sign == '*' || sign == '#' {
        return Some(sign);
    }
    // The zeros of Unicode's decimal digits (general category Nd); nine others follow each.
    const ZEROS: [u32; 24] = [
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
        0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1B50, 0xFF10,
    ];
    let sign = u32::from(sign);
    let value = ZEROS.iter().find_map(|zero| sign.checked_sub(*zero).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

fn is_plus(sign: char) -> bool {
    matches!(sign, '+' | '＋' | '﹢')
}

/// What people put between digits to read them better.
fn is_separator(sign: char) -> bool {
    sign.is_whitespace()
        || is_invisible(sign)
        || matches!(
            sign,
            '-' | '.' | '/' | '(' | ')' | '[' | ']' | '~' | '‐'..='―' | '−' | '－' | '（' | '）' | '．' | '·'
        )
}

/// Marks of text direction and width, which come along when a number is copied from a page.
fn is_invisible(sign: char) -> bool {
    matches!(sign, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_found_in_all_that_is_around_them() {
        for (text, plus, digits) in [
            ("+7 (495) 123-45-67", true, "74951234567"),
            ("8‑495‑123‑45‑67", false, "84951234567"),
            ("tel:+7-495-123-45-67", true, "74951234567"),
            ("TEL:%2B74951234567", true, "74951234567"),
            ("sip:+74951234567@sip.example;user=phone", true, "74951234567"),
            ("sips:84951234567:secret@host", false, "84951234567"),
            ("\"Ivan\" <sip:%2B74951234567@host;transport=tls>;tag=1", true, "74951234567"),
            ("Ivan <+74951234567>", true, "74951234567"),
            ("＋７４９５１２３４５６７", true, "74951234567"),
            ("٨٤٩٥١٢٣٤٥٦٧", false, "84951234567"),
            ("\u{202A}+7 495 123\u{A0}45 67\u{202C}", true, "74951234567"),
            ("+44.20.7946.0000", true, "442079460000"),
            ("*72", false, "*72"),
            (" 101\r\n", false, "101"),
        ] {
            let written = Written::new(text).unwrap();
            assert!(written.is_dialable(), "{text}");
            assert_eq!((written.plus == Some(0), &*written.digits), (plus, digits), "{text}");
        }
    }

    #[test]
    fn what_stands_in_no_number_is_told() {
        for text in
            ["1-800-FLOWERS", "+7495x105", "84951234567,105", "++7495", "%zz495", "+7 495 доб. 1", "alice", "½", "100%"]
        {
            let written = Written::new(text).unwrap();
            assert!(written.other_signs && !written.is_dialable(), "{text}");
        }
    }

    #[test]
    fn nothing_is_nothing() {
        for text in ["", " ", "-", "+", "()", "<>", "\"\" <>", "sip:@host", "tel:"] {
            assert!(Written::new(text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn contexts_are_numbers_or_nothing() {
        for (text, context) in [
            ("tel:1234567;phone-context=+7495", Some("7495")),
            ("sip:1234567;phone-context=%2B7-495@host;user=phone", Some("7495")),
            ("sip:1234567@host;user=phone;PHONE-CONTEXT=+7?x=y", Some("7")),
            ("1234567;isub=1;phone-context=+7", Some("7")),
            ("tel:101;phone-context=pbx.example", None),
            ("tel:101;phone-context=+", None),
            ("tel:101", None),
        ] {
            assert_eq!(Written::new(text).unwrap().context.as_deref(), context, "{text}");
        }
    }

    #[test]
    fn more_than_a_number_can_be_is_not_looked_at() {
        assert_eq!(Written::new(&"1".repeat(41)), None);
        assert_eq!(Written::new(&" ".repeat(257)), None);
        assert!(Written::new(&"1".repeat(40)).is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_no_digit_is_made_up(text in "(.{0,80}|[0-9+%2B;=@<>: ()-]{0,80})") {
            if let Some(written) = Written::new(&text) {
                prop_assert!(written.digits.len() <= text.chars().count());
                prop_assert!(written.plus.is_none_or(|at| at <= written.digits.len()));
            }
        }

        #[test]
        fn separators_change_nothing(parts in prop::collection::vec(("[0-9]{1,3}", "[ ().\\-/]{0,3}"), 1..8)) {
            let text: String = parts.iter().map(|(digits, separators)| format!("{digits}{separators}")).collect();
            let digits: String = parts.iter().map(|(digits, _)| digits.as_str()).collect();
            prop_assert_eq!(Written::new(&text).unwrap().digits, digits);
        }
    }
}
