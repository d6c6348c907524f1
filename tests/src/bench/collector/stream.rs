//! The manager stream of a busy PBX: calls of a mix, many at a time, each event at its moment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use anyhow::{Result, ensure};

use super::mix::{Mix, ROUND, Script};
use super::shown::Shown;
use super::template::{Change, Entry, Gap, MACHINE_US};

/// Events a second of a busy PBX; calls last so long that it is this many.
pub const EVENTS_A_SECOND: f64 = 2_300.0;

/// Between two calls of a line.
const PAUSE_US: i64 = 100_000;

/// Queues of the PBX.
pub(super) const QUEUES: usize = 12;

/// Numbers of phones of one line: as many as the largest queue rings.
const PHONES: usize = super::mix::RINGALL;

/// What a stream is made of.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Which calls.
    pub mix: Mix,
    /// How many hundreds of them.
    pub rounds: u64,
    /// How many go on at a time.
    pub at_once: usize,
    /// When the first begins, µs since the Unix epoch.
    pub begin_us: i64,
}

impl Settings {
    /// With as many calls at a time as a large call centre has.
    pub fn new(mix: Mix, rounds: u64, begin_us: i64) -> Self {
        Self { mix, rounds, at_once: 200, begin_us }
    }

    /// All events of the stream.
    pub fn events(&self) -> u64 {
        self.rounds * ROUND * self.mix.events as u64
    }

    /// How long the calls go on, µs.
    pub fn lasts_us(&self) -> i64 {
        (self.events() as f64 / EVENTS_A_SECOND * 1e6) as i64
    }
}

/// See the module.
#[derive(Debug)]
pub struct Stream {
    scripts: Vec<Script>,
    settings: Settings,
    /// How much longer people take than in the recording.
    stretch: f64,
    lines: Vec<Line>,
    due: BinaryHeap<Reverse<(i64, usize)>>,
    begun: u64,
    next_channel: u64,
    next_bridge: u64,
    events: u64,
}

/// A call that goes on, with all that is filled into its script.
#[derive(Debug, Default)]
pub(super) struct Line {
    script: usize,
    next: usize,
    /// Of people in this call, by how they were recorded.
    stretch: f64,
    uniqueids: Vec<String>,
    channels: Vec<String>,
    bridges: Vec<String>,
    customer: String,
    operators: Vec<String>,
    queue: String,
    /// Of each channel.
    born_us: Vec<i64>,
}

impl Stream {
    /// A stream that has said nothing yet.
    pub fn new(settings: Settings) -> Result<Self> {
        ensure!((1..=1000).contains(&settings.at_once), "one call at a time is the least, 1000 are the most");
        let scripts = settings.mix.scripts()?;
        let recorded = |script: &Script| script.entries.windows(2).map(|two| gap(two, 1.0)).sum::<i64>();
        let mean_us = scripts.iter().map(recorded).sum::<i64>() as f64 / scripts.len() as f64;
        let wanted_us = settings.at_once as f64 * settings.mix.events as f64 / EVENTS_A_SECOND * 1e6;
        let stretch = ((wanted_us - PAUSE_US as f64) / mean_us).max(0.3);
        let mut stream = Self {
            scripts,
            settings,
            stretch,
            lines: Vec::new(),
            due: BinaryHeap::new(),
            begun: 0,
            next_channel: 0,
            next_bridge: 0,
            events: 0,
        };
        for at in 0..settings.at_once {
            let operators = (0..PHONES).map(|number| (10_000 + at * PHONES + number).to_string()).collect();
            let queue = format!("queue-{:02}", at % QUEUES);
            stream.lines.push(Line { operators, queue, ..Line::default() });
            // The lines begin one after the other, over the time of one call.
            let share = at as f64 / settings.at_once as f64;
            if stream.begin(at) {
                stream.due.push(Reverse((settings.begin_us + (wanted_us * share) as i64, at)));
            }
        }
        Ok(stream)
    }

    /// When the next event happens, µs since the Unix epoch; nothing when the stream is over.
    pub fn next_us(&self) -> Option<i64> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// How many were said.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Appends the next event, with the time at which it happens or another; gives the moment that was written.
    pub fn say(&mut self, into: &mut Vec<u8>, stamp_us: Option<i64>) -> Option<i64> {
        let Reverse((at_us, number)) = *self.due.peek()?;
        let stamp_us = stamp_us.unwrap_or(at_us);
        let line = &mut self.lines[number];
        let script = &self.scripts[line.script];
        let entry = &script.entries[line.next];
        if let Some(Change::Born(channel)) = entry.change {
            line.born(channel, self.next_channel, script.people[channel].operator, stamp_us);
            self.next_channel += 1;
        }
        for piece in &entry.pieces {
            into.extend_from_slice(piece.text.as_bytes());
            match piece.gap {
                Some(Gap::Stamp) => write_stamp(into, stamp_us),
                Some(gap) => into.extend_from_slice(line.fill(gap).as_bytes()),
                None => {}
            }
        }
        self.events += 1;
        line.next += 1;
        let next = script.entries.get(line.next - 1..=line.next).map(|two| at_us + gap(two, line.stretch));
        let next = match next {
            Some(next) => Some(next),
            None => self.begin(number).then_some(at_us + PAUSE_US),
        };
        // The heap is put in order once, when this is dropped.
        if let Some(mut top) = self.due.peek_mut() {
            match next {
                Some(next) => top.0.0 = next,
                None => drop(PeekMut::pop(top)),
            }
        }
        Some(stamp_us)
    }

    /// Appends events until there are at least so many bytes; gives the number of events.
    pub fn fill(&mut self, into: &mut Vec<u8>, bytes: usize) -> u64 {
        let before = self.events;
        while into.len() < bytes && self.say(into, None).is_some() {}
        self.events - before
    }

    /// The calls that go on, as lists show them.
    pub(super) fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        let live = self.due.iter().map(|Reverse((_, number))| &self.lines[*number]);
        live.map(|line| Shown::of(&self.scripts[line.script], line))
    }

    /// The next call begins on a line; false when there is none any more.
    fn begin(&mut self, number: usize) -> bool {
        if self.begun == self.settings.rounds * ROUND {
            return false;
        }
        let line = &mut self.lines[number];
        line.script = usize::try_from(self.begun % ROUND).unwrap_or_default();
        let script = &self.scripts[line.script];
        line.next = 0;
        // People differ: half to one and a half of the mean, in the same way in each stream.
        line.stretch = self.stretch * (0.5 + (self.begun * 61 % 100) as f64 / 100.0);
        line.customer = format!("+7499{:07}", self.begun % 10_000_000);
        line.uniqueids.clear();
        line.uniqueids.resize(script.channels, String::new());
        line.channels.clone_from(&line.uniqueids);
        line.born_us.clear();
        line.born_us.resize(script.channels, 0);
        let first = self.next_bridge;
        self.next_bridge += script.bridges as u64;
        line.bridges = (first..self.next_bridge).map(|id| format!("5d6c9f2e-71b0-4c55-9a3e-{id:012x}")).collect();
        self.begun += 1;
        true
    }
}

impl Line {
    fn born(&mut self, channel: usize, number: u64, operator: Option<usize>, at_us: i64) {
        self.uniqueids[channel] = format!("{}.{number}", at_us / 1_000_000);
        self.channels[channel] = match operator {
            Some(operator) => format!("PJSIP/{}-{number:08x}", self.operators[operator]),
            None => format!("PJSIP/trunk-{number:08x}"),
        };
        self.born_us[channel] = at_us;
    }

    pub(super) fn fill(&self, gap: Gap) -> &str {
        match gap {
            Gap::Uniqueid(at) => &self.uniqueids[at],
            Gap::Channel(at) => &self.channels[at],
            Gap::Bridge(at) => &self.bridges[at],
            Gap::Customer => &self.customer,
            Gap::Operator(at) => &self.operators[at],
            Gap::Queue => &self.queue,
            // Whoever writes has the time at hand.
            Gap::Stamp => "",
        }
    }

    /// How many of its script's events were said.
    pub(super) fn said(&self) -> usize {
        self.next
    }

    pub(super) fn born_us(&self, channel: usize) -> i64 {
        self.born_us[channel]
    }
}

/// From one event to the next: what people do takes longer than in the recording.
fn gap(two: &[Arc<Entry>], stretch: f64) -> i64 {
    let recorded = (two[1].after_us - two[0].after_us).max(0);
    if recorded < MACHINE_US { recorded } else { (recorded as f64 * stretch) as i64 }
}

/// `1795390905.012345`.
fn write_stamp(into: &mut Vec<u8>, at_us: i64) {
    let mut digits = *b"0000000000.000000";
    let mut rest = at_us.max(0);
    for place in (0..digits.len()).rev().filter(|place| *place != 10) {
        // A digit is below ten.
        digits[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    into.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_six_digits_behind_the_point() {
        let mut text = Vec::new();
        write_stamp(&mut text, 1_795_390_905_000_042);
        assert_eq!(text, b"1795390905.000042");
    }

    /// Once all lines have begun, it is as busy as it should be.
    #[test]
    fn a_stream_has_its_events_a_second() -> Result<()> {
        for mix in Mix::ALL {
            let settings = Settings { at_once: 100, ..Settings::new(mix, 20, 1_795_390_905_000_000) };
            let mut stream = Stream::new(settings)?;
            let (mut times, mut bytes) = (Vec::new(), Vec::new());
            while let Some(at) = stream.say(&mut bytes, None) {
                times.push(at);
                bytes.clear();
            }
            assert!(times.is_sorted());
            let (from, to) = (times[times.len() / 4], times[times.len() / 4 * 3]);
            let rate = times.len() as f64 / 2.0 / ((to - from) as f64 / 1e6);
            assert!((rate / EVENTS_A_SECOND - 1.0).abs() < 0.15, "{}: {rate} events a second", mix.name);
            let lasts = (times[times.len() - 1] - times[0]) as f64;
            assert!(lasts < settings.lasts_us() as f64 * 1.5, "{}: {lasts} µs", mix.name);
        }
        Ok(())
    }
}
