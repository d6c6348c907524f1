//! Recorded streams, and how they are told.

use ami::{Event, Frame, Message, Parser};
use calls::{Assembly, Call, Directory, LINGER_MS, PbxIx, Who};

/// Of real PBXs in the lab; numbers are invented.
pub const STREAMS: [(&str, &str); 3] = [
    ("16 call", include_str!("../../../ami/tests/data/asterisk16-queue-call.txt")),
    ("22 call", include_str!("../../../ami/tests/data/asterisk22-queue-call.txt")),
    ("22 abandon", include_str!("../../../ami/tests/data/asterisk22-queue-abandon.txt")),
];

/// An event, and when.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub at: i64,
    pub message: Message,
}

impl Recorded {
    pub fn read(&self) -> Event<'_> {
        Event::read(&self.message)
    }

    /// Uniqueids of all channels that it names.
    pub fn channels(&self) -> Vec<&str> {
        let is_id = |key: &str| key.to_ascii_lowercase().ends_with("uniqueid") && !key.starts_with("Bridge");
        self.message.fields().filter(|(key, _)| is_id(key)).map(|(_, value)| value).collect()
    }
}

/// The events of a stream. Those without a time of their own are 50 ms apart, so that what is moved stays within its neighbours.
pub fn recorded(text: &str) -> Vec<Recorded> {
    let mut parser = Parser::new();
    parser.push(text.as_bytes());
    let (mut events, mut at) = (Vec::new(), 1_700_000_000_000);
    while let Some(frame) = parser.next_frame().unwrap() {
        if let Frame::Message(message) = frame
            && message.event().is_some()
        {
            at = message.timestamp_us().map_or(at + 50, |us| us / 1000);
            events.push(Recorded { at, message });
        }
    }
    events
}

/// The lab's phones and lines.
#[derive(Debug)]
pub struct House;

impl Directory for House {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        if endpoint.contains("/trunk") { Who::Trunk } else { Who::Phone }
    }
}

/// Calls of one PBX, in the order of their begin; nothing may be left of them.
pub fn told(events: &[Recorded]) -> Vec<Call> {
    let mut assembly = Assembly::new();
    assembly.give_ids(1..1000);
    for event in events {
        assembly.event(PbxIx(0), event.at, &event.read());
    }
    let end = events.iter().map(|event| event.at).max().unwrap_or_default() + LINGER_MS;
    let mut calls: Vec<Call> = assembly.take_ended(end, &House).into_iter().map(|ended| ended.call).collect();
    let figures = assembly.figures();
    assert_eq!((figures.channels, figures.calls, figures.notes), (0, 0, 0));
    calls.sort_by_key(|call| call.began_ms);
    calls
}
