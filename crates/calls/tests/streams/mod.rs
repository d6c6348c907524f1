//! Streams of events, and how they are told.

pub mod laws;

use std::collections::HashMap;

use ami::{Event, Frame, Message, Parser};
use calls::{Assembly, Call, Directory, LINGER_MS, PbxIx, Snapshot, Who};

/// Some moment, at which streams begin that have no times of their own.
pub const BEGAN_MS: i64 = 1_700_000_000_000;

/// Fields by which an event names channels, beside those with ids.
const NAMES: [&str; 11] = [
    "Channel",
    "Channel1",
    "Channel2",
    "Original",
    "Clone",
    "ChannelCalling",
    "DestinationChannel",
    "TargetChannel",
    "BridgedChannel",
    "From",
    "Destination",
];

/// An event, and when.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub at: i64,
    pub message: Message,
    /// Uniqueids of all channels that it names.
    pub channels: Vec<String>,
}

impl Recorded {
    /// The next of a stream; `names`: uniqueids of the channels there are, by their names.
    pub fn new(at: i64, message: Message, names: &mut HashMap<String, String>) -> Self {
        let channels = channels(&message, names);
        Self { at, message, channels }
    }

    pub fn read(&self) -> Event<'_> {
        Event::read(&self.message)
    }
}

/// The events of a stream. Those without a time of their own have that of the line `; +SECONDS` before them, which is no part of
/// the stream; without one they are 50 ms apart, so that what is moved stays within its neighbours.
pub fn recorded(text: &str) -> Vec<Recorded> {
    let mut parser = Parser::new();
    let mut names: HashMap<String, String> = HashMap::new();
    let (mut events, mut at, mut step) = (Vec::new(), BEGAN_MS, 50);
    for line in text.split_inclusive('\n') {
        if let Some(since) = line.strip_prefix("; +") {
            let (seconds, ms) = since.trim_end().split_once('.').unwrap();
            (at, step) = (BEGAN_MS + seconds.parse::<i64>().unwrap() * 1000 + ms.parse::<i64>().unwrap(), 1);
            continue;
        }
        parser.push(line.as_bytes());
        while let Some(frame) = parser.next_frame().unwrap() {
            if let Frame::Message(message) = frame
                && message.event().is_some()
            {
                at = message.timestamp_us().map_or(at + step, |us| us / 1000);
                events.push(Recorded::new(at, message, &mut names));
            }
        }
    }
    events
}

/// Uniqueids of the channels that an event names, by what they are called at this moment.
fn channels(message: &Message, names: &mut HashMap<String, String>) -> Vec<String> {
    let is_id = |key: &str| key.to_ascii_lowercase().ends_with("uniqueid") && !key.starts_with("Bridge");
    let mut ids: Vec<String> =
        message.fields().filter(|(key, _)| is_id(key)).map(|(_, value)| value.to_owned()).collect();
    let called = message.fields().filter(|(key, _)| NAMES.contains(key));
    ids.extend(called.filter_map(|(_, name)| names.get(name).cloned()));
    let name = match message.event() {
        Some("Newchannel") => message.get("Channel"),
        Some("Rename") => message.get("Newname"),
        _ => None,
    };
    if let (Some(name), Some(id)) = (name, message.get("Uniqueid")) {
        names.insert(name.to_owned(), id.to_owned());
    }
    ids
}

/// The lab's phones and lines.
#[derive(Debug)]
pub struct House;

impl Directory for House {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        if endpoint.contains("/trunk") { Who::Trunk } else { Who::Phone }
    }
}

/// All lists came, and nothing is in them.
pub fn nothing() -> Snapshot<'static> {
    Snapshot {
        channels: Some(Vec::new()),
        holding_bridges: Some(Vec::new()),
        waiting: Some(Vec::new()),
        parked: Some(Vec::new()),
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
