//! Calls for the tests of the collector and of what follows from it: a recorded one, as often as is wanted, each with ids and times of its own.

use std::path::Path;

use ami::{Event, Frame, Message, Parser};
use calls::{Assembly, Directory, Ended, LINGER_MS, PbxIx, Who};

use super::{Journal, Raw};

const STREAM: &str = include_str!("../../../ami/tests/data/asterisk22-queue-call.txt");

#[derive(Debug)]
pub(crate) struct House;

impl Directory for House {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        if endpoint.contains("/trunk") { Who::Trunk } else { Who::Phone }
    }
}

/// The events of the call of this number: its channels, bridges and the like are called otherwise than those of the others.
pub(crate) fn events(call: usize) -> Vec<Message> {
    let mut parser = Parser::new();
    parser.push(STREAM.as_bytes());
    let mut events = Vec::new();
    let own = |key: &str, value: &str| match key {
        key if key.ends_with("niqueid") || key.ends_with("inkedid") => format!("{call}{value}"),
        key if key.ends_with("Channel") => format!("{value}{call:04x}"),
        _ => value.to_owned(),
    };
    while let Some(frame) = parser.next_frame().unwrap() {
        if let Frame::Message(message) = frame {
            let fields = message.fields().map(|(key, value)| (key.to_owned(), own(key, value)));
            events.push(Message::new(fields.collect::<Vec<_>>()));
        }
    }
    events
}

/// Says a call; after each event `and` hears the time and how many there were.
pub(super) fn feed(assembly: &mut Assembly, call: usize, mut and: impl FnMut(&mut Assembly, i64, usize)) {
    for (step, message) in events(call).iter().enumerate() {
        let at = call as i64 * 100_000 + step as i64 * 100;
        assembly.event(PbxIx(0), at, &Event::read(message));
        and(assembly, at, step);
    }
}

pub(super) fn calls_of(count: usize) -> Vec<Ended> {
    let mut assembly = Assembly::new();
    assembly.give_ids(1..1_000);
    for call in 0..count {
        feed(&mut assembly, call, |_, _, _| {});
    }
    assembly.take_ended(i64::MAX - LINGER_MS, &House)
}

pub(super) fn told(ended: &[Ended]) -> Vec<(u64, String)> {
    ended.iter().map(|ended| (ended.id, ended.call.to_string())).collect()
}

/// Raw material of calls of a PBX in `raw/N`, and the calls as they were told; `joined`: the dialplan gives the first two one header.
pub(super) fn raw_of(directory: &Path, pbx: PbxIx, calls: usize, joined: bool) -> (Vec<Ended>, i64) {
    let name = pbx.0.to_string();
    let raw = Raw::in_directory(&directory.join("raw").join(&name));
    let mut assembly = Assembly::new();
    let first = (1 + u64::from(pbx.0)) * 1_000_000;
    assembly.give_ids(first..first + 1_000_000);
    assembly.keep_journal();
    let mut journal = Journal::open(&directory.join("journal").join(&name), &mut assembly, 0).unwrap();
    let mut told = Vec::new();
    // Beside one another, so that the header finds the first still there.
    let all: Vec<Vec<Message>> = (0..calls).map(events).collect();
    let steps = all.iter().map(Vec::len).max().unwrap();
    for step in 0..steps {
        let at = step as i64 * 100;
        for (call, events) in all.iter().enumerate() {
            let Some(message) = events.get(step) else { continue };
            assembly.event(pbx, at, &Event::read(message));
            if joined && call < 2 && step == 40 {
                assembly.event(pbx, at, &Event::read(&header(events)));
            }
        }
        journal.write(&assembly.take_journal()).unwrap();
        told.extend(assembly.take_ended(at, &House));
    }
    let end = steps as i64 * 100 + LINGER_MS;
    told.extend(assembly.take_ended(end, &House));
    journal.write(&assembly.take_journal()).unwrap();
    journal.turn(&assembly, true, end).unwrap().iter().for_each(|done| raw.keep(done).unwrap());
    (told, end)
}

fn header(events: &[Message]) -> Message {
    let customer = events.iter().find(|message| message.event() == Some("Newchannel")).unwrap();
    let own = ["Channel", "Uniqueid", "Linkedid", "ChannelState"].map(|key| (key, customer.said(key).unwrap_or("6")));
    let said = [("Event", "VarSet"), ("Variable", "LINEDESK_CALL"), ("Value", "the same")];
    Message::new(said.into_iter().chain(own).map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>())
}
