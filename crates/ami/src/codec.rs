//! Bytes in, messages out; tells *incomplete* from *wrong*.
//!
//! A stream begins with a banner line; messages follow, each ended by a blank line. Lines end with CRLF, with LF alone in
//! recordings, and `\r\n\n` occurs as an end of a message (Asterisk 18.19+, 20.4+), so a blank line between messages says
//! nothing. Bytes that are no UTF-8 are replaced: caller names are whatever a phone sent.
//!
//! Nothing within a message ends the connection: of a message beyond [`MAX_MESSAGE`] the fields that fit are kept, a longer
//! line is cut, and [`Parser::cut`] counts. Only a stream that is no manager's, or a message without any end, is wrong.

use memchr::memchr;

use crate::frame::{Message, Span};

/// What the banner begins with.
const BANNER: &[u8] = b"Asterisk Call Manager/";

/// What is kept of a message, in bytes; a PBX sends about 500, and a variable may hold a document.
pub const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// After so many bytes without a blank line the other side speaks something else.
const ENDLESS: usize = 16 * MAX_MESSAGE;

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
    #[error("a message has no end after {ENDLESS} bytes")]
    Endless,
}

/// Takes bytes as they come and gives messages as they are complete.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    /// Start of the line that is read.
    line: usize,
    /// Up to here there is no line end after `line`.
    scanned: usize,
    banner_seen: bool,
    /// Start of the message in the buffer; its lines stay there until it is complete.
    message: usize,
    fields: Vec<Span>,
    /// Of a message beyond the bound: where what is kept of it ends. What stands between there and `line` is thrown away at
    /// the next push.
    kept: Option<usize>,
    /// Bytes of this message that were thrown away.
    dropped: usize,
    /// The begin of this line was thrown away, or stands apart from here: its rest is no line.
    within: bool,
    cut: u64,
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
        if let Some(kept) = self.kept {
            self.discard(kept, self.line);
        }
        self.discard(0, self.message);
        self.buffer.extend_from_slice(bytes);
    }

    /// Messages so far that were too long to be kept whole.
    #[must_use]
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// The next complete part; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The stream is wrong; it stays so.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ParseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = if self.banner_seen { self.next_message() } else { self.banner() };
        if let Err(error) = result {
            *self = Self { failed: Some(error), cut: self.cut, ..Self::default() };
        }
        result
    }

    fn banner(&mut self) -> Result<Option<Frame>, ParseError> {
        let end = memchr(b'\n', &self.buffer);
        let line = &self.buffer[..end.unwrap_or(self.buffer.len())];
        let known = line.len().min(BANNER.len());
        let too_short = end.is_some() && line.len() < BANNER.len();
        if line[..known] != BANNER[..known] || line.len() > MAX_BANNER || too_short {
            return Err(ParseError::NotAmi);
        }
        let Some(end) = end else { return Ok(None) };
        let version = String::from_utf8_lossy(&line[BANNER.len()..]).trim().to_owned();
        self.banner_seen = true;
        self.begin(end + 1);
        Ok(Some(Frame::Banner(version)))
    }

    fn next_message(&mut self) -> Result<Option<Frame>, ParseError> {
        loop {
            let Some(found) = memchr(b'\n', &self.buffer[self.scanned..]) else {
                self.scanned = self.buffer.len();
                return self.bound().map(|()| None);
            };
            let end = self.scanned + found;
            let line = (self.line, end);
            self.line = end + 1;
            self.scanned = self.line;
            if std::mem::take(&mut self.within) {
                continue;
            }
            let mut text = &self.buffer[line.0..end];
            while let [rest @ .., b'\r'] = text {
                text = rest;
            }
            if text.is_empty() {
                let message = self.take(line.0);
                self.begin(end + 1);
                match message {
                    Some(message) => return Ok(Some(Frame::Message(message))),
                    None => continue,
                }
            }
            let length = text.len();
            if self.kept.is_none() {
                let room = (self.message + MAX_MESSAGE).saturating_sub(line.0);
                self.field(line.0, length.min(room));
                if length > room {
                    self.kept = Some(line.0 + room);
                }
            }
        }
    }

    /// Takes bytes out of the buffer that nobody needs.
    fn discard(&mut self, from: usize, to: usize) {
        let count = to - from;
        if count > 0 {
            self.buffer.drain(from..to);
            self.line -= count;
            self.scanned -= count;
            if from == 0 {
                self.message = 0;
                self.kept = self.kept.map(|kept| kept - count);
            } else {
                self.dropped += count;
            }
        }
    }

    /// Where the next message begins.
    fn begin(&mut self, at: usize) {
        self.message = at;
        self.line = at;
        self.scanned = at;
        self.dropped = 0;
        self.kept = None;
    }

    /// `Key: value`; a line without a colon is text of a multi-line answer and has no name.
    fn field(&mut self, at: usize, length: usize) {
        if length == 0 {
            return;
        }
        let line = &self.buffer[at..at + length];
        // Places count from the begin of the message, whose text is taken from there.
        let place = |offset: usize| u32::try_from(at - self.message + offset).unwrap_or(u32::MAX);
        let span = match memchr(b':', line) {
            Some(colon) => {
                let from = line[..colon].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                let after = line[from..colon].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
                let value = colon + 1 + usize::from(line.get(colon + 1) == Some(&b' '));
                Span { key: (place(from), place(colon - after)), value: (place(value), place(length)) }
            }
            None => Span { key: (place(0), place(0)), value: (place(0), place(length)) },
        };
        self.fields.push(span);
    }

    /// The message whose last line ends at `end`.
    fn take(&mut self, end: usize) -> Option<Message> {
        self.cut += u64::from(self.kept.is_some());
        if self.fields.is_empty() {
            return None;
        }
        let bytes = &self.buffer[self.message..self.kept.unwrap_or(end)];
        let message = match std::str::from_utf8(bytes) {
            Ok(text) => Message::of_spans(text, &self.fields),
            Err(_) => {
                // Replacing bytes moves all places, so each field is read for itself.
                let part = |(from, to): (u32, u32)| String::from_utf8_lossy(&bytes[from as usize..to as usize]);
                Message::new(self.fields.iter().map(|span| (part(span.key), part(span.value))))
            }
        };
        self.fields.clear();
        Some(message)
    }

    /// Keeps the memory of a message without an end bounded.
    fn bound(&mut self) -> Result<(), ParseError> {
        let room = (self.message + MAX_MESSAGE).saturating_sub(self.line);
        let begun = self.buffer.len() - self.line;
        if self.kept.is_none() && begun > room {
            // Too long already: its beginning is all that is kept of this line.
            self.field(self.line, room);
            self.kept = Some(self.line + room);
            self.within = true;
        }
        // One byte may be the begin of a blank line; what is longer is a line of which nothing is wanted.
        if self.kept.is_some() && (self.within || begun > 1) {
            self.within = true;
            self.line = self.buffer.len();
            self.scanned = self.line;
        }
        if self.dropped + (self.buffer.len() - self.message) > ENDLESS { Err(ParseError::Endless) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{ENDLESS, Frame, MAX_MESSAGE, Message, ParseError, Parser};

    fn parse(bytes: &[u8]) -> Result<Vec<Frame>, ParseError> {
        let mut parser = Parser::new();
        parser.push(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = parser.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn messages(body: &[u8]) -> Vec<Message> {
        let frames = parse(&[b"Asterisk Call Manager/5\n".as_slice(), body].concat()).unwrap();
        let message = |frame| match frame {
            Frame::Message(message) => Some(message),
            Frame::Banner(_) => None,
        };
        frames.into_iter().filter_map(message).collect()
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
        let read = messages(b"Contact: sip:1@h:5060;ob\r\nA:b\r\n C : d\r\nText:  two\r\nno colon\r\n\r\n");
        let fields: Vec<_> = read[0].fields().collect();
        let expected = [("Contact", "sip:1@h:5060;ob"), ("A", "b"), ("C", "d"), ("Text", " two"), ("", "no colon")];
        assert_eq!(fields, expected);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        let read = messages(b"Name: \xcf\xf0\xe8\nAfter: x\n\n");
        assert_eq!(read[0].get("Name"), Some("\u{fffd}\u{fffd}\u{fffd}"));
        assert_eq!(read[0].get("After"), Some("x"));
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
    fn a_megabyte_is_kept_whole() {
        let value = "x".repeat(1024 * 1024);
        let read = messages(format!("Event: VarSet\nValue: {value}\nAfter: y\n\n").as_bytes());
        assert_eq!(read[0].get("Value"), Some(value.as_str()));
        assert_eq!(read[0].get("After"), Some("y"));
    }

    /// Whatever is too long: its beginning stays, the next message is whole, and it is counted; however it is cut.
    #[test]
    fn what_is_too_long_is_cut_and_the_next_is_whole() {
        let line = [b"Event: A\nB: ".as_slice(), &vec![b'x'; MAX_MESSAGE], b"\r\nC: d\n"].concat();
        let many = [b"Event: A\n".as_slice(), &b"B: xyz\n".repeat(MAX_MESSAGE / 6)].concat();
        for body in [line, many] {
            for chunk in [body.len(), 65_536, 4099] {
                let mut parser = Parser::new();
                parser.push(b"Asterisk Call Manager/1\n");
                assert!(parser.next_frame().unwrap().is_some());
                for bytes in [body.as_slice(), b"\nEvent: Next\n\n"].concat().chunks(chunk) {
                    parser.push(bytes);
                    if let Some(Frame::Message(message)) = parser.next_frame().unwrap() {
                        assert_eq!(message.event(), Some("A"));
                        assert!(message.get("B").unwrap().starts_with('x'));
                        assert!((MAX_MESSAGE - 100..=MAX_MESSAGE).contains(&message.size()), "{}", message.size());
                        break;
                    }
                    assert!(parser.buffer.len() <= MAX_MESSAGE + 2 * chunk, "{}", parser.buffer.len());
                }
                assert_eq!(parser.cut(), 1);
                parser.push(b"\nEvent: Last\n\n");
                let mut last = None;
                while let Some(Frame::Message(message)) = parser.next_frame().unwrap() {
                    last = Some(message);
                }
                assert_eq!(last.unwrap().event(), Some("Last"));
                assert_eq!(parser.cut(), 1);
            }
        }
    }

    #[test]
    fn a_message_without_an_end_is_refused_and_stays_refused() {
        let chunk = b"A: b\n".repeat(13_000);
        let mut parser = Parser::new();
        parser.push(b"Asterisk Call Manager/1\n");
        assert!(parser.next_frame().unwrap().is_some());
        let mut taken = 0;
        while parser.next_frame() == Ok(None) {
            parser.push(&chunk);
            taken += chunk.len();
            assert!(taken <= ENDLESS + 2 * chunk.len());
        }
        assert_eq!(parser.next_frame(), Err(ParseError::Endless));
        parser.push(b"\n\nEvent: A\n\n");
        assert_eq!(parser.next_frame(), Err(ParseError::Endless));
    }
}
