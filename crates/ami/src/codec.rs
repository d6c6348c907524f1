//! Bytes in, messages out; tells *incomplete* from *wrong*.
//!
//! A stream begins with a banner line; messages follow, each ended by a blank line. Lines end with CRLF, with LF alone in
//! recordings, and `\r\n\n` occurs as an end of a message (Asterisk 18.19+, 20.4+), so a blank line between messages says
//! nothing. Bytes that are no UTF-8 are replaced: caller names are whatever a phone sent.

use crate::frame::Message;

/// What the banner begins with.
const BANNER: &[u8] = b"Asterisk Call Manager/";

/// Longest message taken; a PBX sends about 500 bytes.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// Longest banner line taken.
const MAX_BANNER: usize = 256;

/// A part of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// First line; the version of the interface (not of Asterisk).
    Banner(String),
    /// Everything else.
    Message(Message),
}

/// The stream is wrong, more bytes will not mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The first line is not Asterisk's.
    #[error("the first line is not Asterisk's manager banner")]
    NotAmi,
    /// A message grew without an end.
    #[error("a message is longer than {MAX_MESSAGE} bytes")]
    TooLong,
}

/// Takes bytes as they come and gives messages as they are complete.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    /// Start of what is not yet consumed.
    start: usize,
    /// Up to here there is no line end after `start`.
    scanned: usize,
    banner_seen: bool,
    message: Message,
    message_bytes: usize,
    failed: Option<ParseError>,
}

impl Parser {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete part; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The stream is wrong; it stays so.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ParseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.advance();
        if let Err(error) = result {
            self.failed = Some(error);
            self.buffer = Vec::new();
            self.start = 0;
            self.scanned = 0;
        }
        result
    }

    fn advance(&mut self) -> Result<Option<Frame>, ParseError> {
        loop {
            let Some(end) =
                self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n').map(|at| self.scanned + at)
            else {
                self.scanned = self.buffer.len();
                return self.judge_incomplete().map(|()| None);
            };
            let line_start = self.start;
            self.start = end + 1;
            self.scanned = self.start;
            let mut line = &self.buffer[line_start..end];
            while let [rest @ .., b'\r'] = line {
                line = rest;
            }
            if !self.banner_seen {
                if line.len() > MAX_BANNER {
                    return Err(ParseError::NotAmi);
                }
                let version = line.strip_prefix(BANNER).ok_or(ParseError::NotAmi)?;
                self.banner_seen = true;
                return Ok(Some(Frame::Banner(String::from_utf8_lossy(version).trim().to_owned())));
            }
            if line.is_empty() {
                self.message_bytes = 0;
                if self.message.is_empty() {
                    continue;
                }
                return Ok(Some(Frame::Message(std::mem::take(&mut self.message))));
            }
            self.message_bytes += line.len() + 1;
            if self.message_bytes > MAX_MESSAGE {
                return Err(ParseError::TooLong);
            }
            let (key, value) = field(line);
            self.message.push(key, value);
        }
    }

    /// Whether what is here can still become something right.
    fn judge_incomplete(&self) -> Result<(), ParseError> {
        let rest = &self.buffer[self.start..];
        if self.banner_seen {
            return if self.message_bytes + rest.len() > MAX_MESSAGE { Err(ParseError::TooLong) } else { Ok(()) };
        }
        let known = rest.len().min(BANNER.len());
        if rest[..known] != BANNER[..known] || rest.len() > MAX_BANNER {
            return Err(ParseError::NotAmi);
        }
        Ok(())
    }
}

/// `Key: value`; a line without a colon is text of a multi-line answer and has no name.
fn field(line: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(line);
    match text.split_once(':') {
        Some((key, value)) => (key.trim().to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()),
        None => (String::new(), text.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, MAX_MESSAGE, ParseError, Parser};

    fn parse(bytes: &[u8]) -> Result<Vec<Frame>, ParseError> {
        let mut parser = Parser::new();
        parser.push(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = parser.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn every_line_end_gives_the_same_messages() {
        let lf = "Asterisk Call Manager/11.0.0\nEvent: A\nX: 1\nX: \n\nEvent: B\n\n";
        let crlf = lf.replace('\n', "\r\n");
        let mixed = crlf.replace("\r\n\r\n", "\r\n\n");
        let doubled = crlf.replace("\r\n\r\n", "\r\n\r\n\n\r\n");
        let expected = parse(lf.as_bytes()).unwrap();
        assert_eq!(expected.len(), 3);
        assert_eq!(expected[0], Frame::Banner("11.0.0".to_owned()));
        let Frame::Message(message) = &expected[1] else { panic!("{expected:?}") };
        assert_eq!(message.get_all("x").collect::<Vec<_>>(), ["1", ""]);
        for text in [crlf, mixed, doubled] {
            assert_eq!(parse(text.as_bytes()).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn values_keep_colons_and_inner_spaces() {
        let frames =
            parse(b"Asterisk Call Manager/5\r\nContact: sip:1@h:5060;ob\r\nA:b\r\nText:  two\r\nno colon\r\n\r\n")
                .unwrap();
        let Frame::Message(message) = &frames[1] else { panic!("{frames:?}") };
        let fields: Vec<_> = message.fields().collect();
        assert_eq!(fields, [("Contact", "sip:1@h:5060;ob"), ("A", "b"), ("Text", " two"), ("", "no colon")]);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        let frames = parse(b"Asterisk Call Manager/5\nName: \xcf\xf0\xe8\n\n").unwrap();
        let Frame::Message(message) = &frames[1] else { panic!("{frames:?}") };
        assert_eq!(message.get("Name"), Some("\u{fffd}\u{fffd}\u{fffd}"));
    }

    #[test]
    fn incomplete_is_not_wrong() {
        for bytes in [&b""[..], b"Ast", b"Asterisk Call Manager/1", b"Asterisk Call Manager/1\r\nEvent: A\r\nFoo"] {
            assert!(parse(bytes).is_ok(), "{bytes:?}");
        }
    }

    #[test]
    fn another_service_is_told_at_its_first_byte() {
        for bytes in [&b"H"[..], b"SSH-2.0-x\r\n", b"\n", b"Asterisk Call Manager\n"] {
            assert_eq!(parse(bytes), Err(ParseError::NotAmi), "{bytes:?}");
        }
        let endless = [b"Asterisk Call Manager/".as_slice(), &[b'1'; 1000]].concat();
        assert_eq!(parse(&endless), Err(ParseError::NotAmi));
    }

    #[test]
    fn a_message_without_an_end_is_refused_and_stays_refused() {
        let line = [b"A: ".as_slice(), &[b'x'; MAX_MESSAGE], b"\n"].concat();
        let many = b"A: b\n".repeat(MAX_MESSAGE / 5 + 1);
        let unended = vec![b'x'; MAX_MESSAGE + 1];
        for body in [line, many, unended] {
            let mut parser = Parser::new();
            parser.push(b"Asterisk Call Manager/1\n");
            assert!(parser.next_frame().unwrap().is_some());
            parser.push(&body);
            assert_eq!(parser.next_frame(), Err(ParseError::TooLong));
            parser.push(b"\n\nEvent: A\n\n");
            assert_eq!(parser.next_frame(), Err(ParseError::TooLong));
        }
    }

    #[test]
    fn a_message_just_within_the_bound_is_taken() {
        let body = [b"A: ".as_slice(), &vec![b'x'; MAX_MESSAGE - 10], b"\n\n"].concat();
        let frames = parse(&[b"Asterisk Call Manager/1\n".as_slice(), &body].concat()).unwrap();
        assert_eq!(frames.len(), 2);
    }
}
