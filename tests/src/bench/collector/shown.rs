//! A call that goes on, as the lists of a PBX show it at this moment.

use super::mix::Script;
use super::stream::Line;
use super::template::{Change, Gap, Person};

/// See the module.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    line: &'a Line,
    /// Channels that are there.
    pub(super) channels: Vec<ShownChannel<'a>>,
    /// The channel of the customer, while he waits in the queue.
    waits: Option<usize>,
}

/// A channel that is there.
#[derive(Debug)]
pub(super) struct ShownChannel<'a> {
    at: usize,
    person: Person,
    up: bool,
    bridge: Option<usize>,
    application: &'a str,
}

impl<'a> Shown<'a> {
    pub(super) fn of(script: &'a Script, line: &'a Line) -> Self {
        let mut channels: Vec<ShownChannel<'a>> = Vec::new();
        let mut waits = None;
        for entry in &script.entries[..line.said()] {
            let Some(change) = &entry.change else { continue };
            if let Change::Born(at) = change {
                let person = script.people[*at];
                channels.push(ShownChannel { at: *at, person, up: false, bridge: None, application: "" });
            }
            let (Change::Born(at)
            | Change::Up(at)
            | Change::Gone(at)
            | Change::Runs(at, _)
            | Change::Enters(at, _)
            | Change::Leaves(at)
            | Change::Waits(at)
            | Change::WaitsNoMore(at)) = change;
            let Some(place) = channels.iter().position(|channel| channel.at == *at) else { continue };
            let channel = &mut channels[place];
            match change {
                Change::Born(_) => {}
                Change::Up(_) => channel.up = true,
                Change::Gone(_) => drop(channels.remove(place)),
                Change::Runs(_, application) => channel.application = application,
                Change::Enters(_, bridge) => channel.bridge = Some(*bridge),
                Change::Leaves(_) => channel.bridge = None,
                Change::Waits(_) => waits = Some(*at),
                Change::WaitsNoMore(_) => waits = None,
            }
        }
        Self { line, channels, waits }
    }

    /// A line of CoreShowChannels.
    pub(super) fn core_show_channel(&self, channel: &ShownChannel<'_>, now_us: i64) -> String {
        let (uniqueid, name) = (self.line.fill(Gap::Uniqueid(channel.at)), self.line.fill(Gap::Channel(channel.at)));
        let number = self.line.fill(channel.person.operator.map_or(Gap::Customer, Gap::Operator));
        let bridge = channel.bridge.map_or("", |bridge| self.line.fill(Gap::Bridge(bridge)));
        let (state, words) = if channel.up { (6, "Up") } else { (5, "Ringing") };
        let age = (now_us - self.line.born_us(channel.at)).max(0) / 1_000_000;
        let (hours, minutes, seconds) = (age / 3600, age / 60 % 60, age % 60);
        format!(
            "Event: CoreShowChannel\r\nChannel: {name}\r\nChannelState: {state}\r\nChannelStateDesc: {words}\r\n\
             CallerIDNum: {number}\r\nCallerIDName: <unknown>\r\nUniqueid: {uniqueid}\r\nLinkedid: {}\r\n\
             Application: {}\r\nApplicationData: \r\nDuration: {hours:02}:{minutes:02}:{seconds:02}\r\nBridgeId: {bridge}\r\n",
            self.line.fill(Gap::Uniqueid(channel.person.linked)),
            channel.application,
        )
    }

    /// The bridges that people are in.
    pub(super) fn bridges(&self) -> Vec<&str> {
        let mut bridges: Vec<usize> = self.channels.iter().filter_map(|channel| channel.bridge).collect();
        bridges.sort_unstable();
        bridges.dedup();
        bridges.into_iter().map(|bridge| self.line.fill(Gap::Bridge(bridge))).collect()
    }

    /// A line of QueueStatus, if the customer waits.
    pub(super) fn queue_entry(&self, position: usize, now_us: i64) -> Option<String> {
        let at = self.waits?;
        Some(format!(
            "Event: QueueEntry\r\nQueue: {}\r\nPosition: {position}\r\nChannel: {}\r\nUniqueid: {}\r\nCallerIDNum: {}\r\n\
             CallerIDName: <unknown>\r\nWait: {}\r\n",
            self.line.fill(Gap::Queue),
            self.line.fill(Gap::Channel(at)),
            self.line.fill(Gap::Uniqueid(at)),
            self.line.fill(Gap::Customer),
            (now_us - self.line.born_us(at)).max(0) / 1_000_000,
        ))
    }
}
