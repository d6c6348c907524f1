//! What a log line must not carry: secrets never, numbers and names of callers only when somebody asks for them. Pure, and
//! the last thing that happens to a line before it is written, so that nobody has to think of it where he logs.

/// What stands in the place of what was taken out.
const GONE: &str = "…";
/// Headers of which nothing is kept (RFC 3261, 20.7, 20.27, 20.28, 20.44; RFC 7615; RFC 8760).
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "proxy-authentication-info",
];
/// Lines of SDP with keys and passwords: SDES (RFC 4568), ICE (RFC 8839), the old `k=` (RFC 4566).
const SECRET_LINES: [&str; 3] = ["a=crypto:", "a=ice-pwd:", "k="];
/// What is secret wherever it stands, up to the end of its value.
/// `key=` is pjmedia's line about SRTP.
const SECRET_VALUES: [&str; 10] =
    ["key=", "inline:", "ice-pwd:", "response=", "cnonce=", "nonce=", "nextnonce=", "opaque=", "rspauth=", "password="];
/// Headers whose long rows of digits are no numbers of people.
const PLAIN_HEADERS: [&str; 8] = ["via", "v", "cseq", "call-id", "i", "content-length", "timestamp", "date"];
/// The shortest row of digits that is taken for a number where nothing says what it is.
const LONG: usize = 7;

/// The text without secrets; without numbers too, unless they are wanted. `\n` stays where it is, so lines stay lines.
#[must_use]
pub fn masked(text: &str, numbers: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut within_secret = false;
    for line in text.split_inclusive(['\n', '\r']) {
        let (body, end) = line.split_at(line.trim_end_matches(['\n', '\r']).len());
        // A header goes on in lines that begin with a space (RFC 3261, 7.3.1).
        if within_secret && body.starts_with([' ', '\t']) {
            out.push_str(end);
            continue;
        }
        // Between CR and LF there is an empty piece, which ends nothing.
        if !body.is_empty() {
            within_secret = false;
        }
        if let Some(kept) = secret_prefix(body) {
            within_secret = true;
            out.push_str(&body[..kept]);
            out.push_str(GONE);
        } else {
            let body = without_secrets(body);
            out.push_str(&if numbers { body } else { without_numbers(&body) });
        }
        out.push_str(end);
    }
    out
}

/// How many bytes of a secret line may stay: the name and its colon.
fn secret_prefix(line: &str) -> Option<usize> {
    let begin = line.len() - line.trim_start().len();
    let from_begin = &line[begin..];
    for secret in SECRET_LINES {
        if starts_with_ignoring_case(from_begin, secret) {
            return Some(begin + secret.len());
        }
    }
    let colon = line.find(':')?;
    let name = line[..colon].trim();
    // In a line of our own log the header may stand behind other words: what is behind the colon goes all the same.
    let name = name.rsplit([' ', '\t', '"', '\'', '(']).next().unwrap_or(name);
    SECRET_HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header)).then_some(colon + 1)
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Where `what` (ASCII) begins in `text`, in whatever case.
fn find_ignoring_case(text: &str, what: &str) -> Option<usize> {
    text.as_bytes().windows(what.len()).position(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}

/// Takes out the values that are secret wherever they stand, and everything behind a scheme of authentication.
fn without_secrets(line: &str) -> String {
    for scheme in ["digest ", "bearer "] {
        if let Some(at) = find_ignoring_case(line, scheme) {
            let kept = at + scheme.len();
            return format!("{}{GONE}", without_secrets(&line[..at]) + &line[at..kept]);
        }
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((at, name)) =
        SECRET_VALUES.iter().filter_map(|name| Some((find_ignoring_case(rest, name)?, *name))).min()
    {
        let (before, value) = rest.split_at(at + name.len());
        out.push_str(before);
        out.push_str(GONE);
        rest = match value.strip_prefix('"') {
            // An escaped quote does not end a quoted string; without an end all of it goes.
            Some(quoted) => end_of_quoted(quoted).map_or("", |end| &quoted[end..]),
            None => &value[value.find([' ', '\t', ',', ';', '|', '"']).unwrap_or(value.len())..],
        };
    }
    out.push_str(rest);
    out
}

/// Behind the quote that ends the string, if one does.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return Some(at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

fn without_numbers(line: &str) -> String {
    let trimmed = line.trim();
    // What application/dtmf and application/dtmf-relay carry: what a caller types may be a card's number.
    if trimmed.len() == 1 && trimmed.starts_with(|c: char| c.is_ascii_digit() || "*#ABCDabcd".contains(c)) {
        return GONE.to_owned();
    }
    if starts_with_ignoring_case(trimmed, "signal") && trimmed.contains('=') {
        return format!("Signal={GONE}");
    }
    if let Some(rest) = line.strip_prefix("o=") {
        let (user, session) = rest.split_once(' ').unwrap_or((rest, ""));
        return format!("o={} {session}", if user == "-" { user.to_owned() } else { short(user) });
    }
    let line = digits_sent(line);
    let line = uris(&line);
    let header = line.split(':').next().unwrap_or_default().trim();
    let is_sdp = line.as_bytes().get(1) == Some(&b'=');
    if is_sdp || PLAIN_HEADERS.iter().any(|plain| header.eq_ignore_ascii_case(plain)) {
        return line;
    }
    long_rows(&line)
}

/// pjlib's "Call 0 dialing DTMF 12#" and "Sending DTMF digit id 5".
fn digits_sent(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = find_ignoring_case(rest, "dtmf ") {
        let behind = at + "dtmf ".len();
        out.push_str(&rest[..behind]);
        rest = &rest[behind..];
        for word in ["digits ", "digit ", "id "] {
            if starts_with_ignoring_case(rest, word) {
                out.push_str(&rest[..word.len()]);
                rest = &rest[word.len()..];
            }
        }
        let end = rest.find(|c: char| !(c.is_ascii_digit() || "*#ABCDabcd".contains(c))).unwrap_or(rest.len());
        // "DTMF added" is a word.
        let is_word = rest[end..].starts_with(|c: char| c.is_ascii_alphabetic());
        if end > 0 && !is_word {
            out.push_str(GONE);
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    out
}

/// User parts of SIP URIs, numbers of tel URIs, and the names that stand before them.
fn uris(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        let next = ["sips:", "sip:", "tel:"]
            .iter()
            .filter_map(|scheme| Some((find_scheme(rest, scheme)?, *scheme)))
            .min_by_key(|(at, _)| *at);
        let Some((at, scheme)) = next else {
            out.push_str(rest);
            return out;
        };
        let (before, uri) = rest.split_at(at);
        push_without_name(&mut out, before);
        out.push_str(&uri[..scheme.len()]);
        let uri = &uri[scheme.len()..];
        let end = uri.find(['>', ' ', '\t', '"', '\'', ',', '<']).unwrap_or(uri.len());
        let (whole, behind) = uri.split_at(end);
        rest = behind;
        if scheme == "tel:" {
            let number = whole.find(';').unwrap_or(whole.len());
            out.push_str(&short(&whole[..number]));
            out.push_str(&long_rows(&whole[number..]));
        } else if let Some((user, host)) = whole.rsplit_once('@') {
            // A password in a URI (RFC 3261, 19.1.1) goes with the user.
            out.push_str(&short(user.split([':', ';']).next().unwrap_or(user)));
            out.push('@');
            out.push_str(host);
        } else {
            // Without a user part: a host.
            out.push_str(whole);
        }
    }
}

/// A scheme, not the end of a longer word.
fn find_scheme(text: &str, scheme: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = find_ignoring_case(&text[from..], scheme) {
        let at = from + at;
        if !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-') {
            return Some(at);
        }
        from = at + scheme.len();
    }
    None
}

/// `before` ends where a URI begins: a display name in it, quoted or not, is taken out.
fn push_without_name(out: &mut String, before: &str) {
    let Some(name) = before.strip_suffix('<') else {
        out.push_str(before);
        return;
    };
    let trimmed = name.trim_end();
    if let Some(quoted) = trimmed.strip_suffix('"') {
        // The quote that opens it: the first that is not escaped, for a name may hold anything.
        if let Some(open) = quoted.find('"') {
            out.push_str(&quoted[..=open]);
            out.push_str(&short(&quoted[open + 1..]));
            out.push_str("\" <");
            return;
        }
    }
    // Tokens behind "From:" or behind the comma of the address before.
    let begin = trimmed.rfind([':', ',', '>', '=']).map_or(0, |at| at + 1);
    let tokens = trimmed[begin..].trim();
    out.push_str(&trimmed[..begin]);
    if tokens.is_empty() {
        out.push_str(&name[begin..]);
    } else {
        out.push(' ');
        out.push_str(&short(tokens));
        out.push(' ');
    }
    out.push('<');
}

/// The last two digits of a number; of a name nothing.
fn short(text: &str) -> String {
    let end: String = text.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
    let is_number = text.chars().filter(char::is_ascii_digit).count() > 2 && end.chars().all(|c| c.is_ascii_digit());
    match text {
        "" | "anonymous" => text.to_owned(),
        _ if is_number => format!("{GONE}{end}"),
        _ => GONE.to_owned(),
    }
}

/// Long rows of digits that stand for themselves.
fn long_rows(line: &str) -> String {
    let part_of_word = |c: char| c.is_alphanumeric() || "_-.@".contains(c);
    let mut out = String::with_capacity(line.len());
    let mut last = ' ';
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let row = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let next = rest[row..].chars().next().unwrap_or(' ');
        // A full stop ends a sentence.
        let ends = !part_of_word(next) || (next == '.' && !rest[row + 1..].starts_with(part_of_word));
        if row >= LONG && !part_of_word(last) && ends {
            out.push_str(GONE);
            out.push_str(&rest[row - 2..row]);
            last = '0';
            rest = &rest[row..];
        } else {
            let step = row.max(c.len_utf8());
            out.push_str(&rest[..step]);
            last = rest[..step].chars().next_back().unwrap_or(' ');
            rest = &rest[step..];
        }
    }
    out
}

#[cfg(test)]
mod tests;
