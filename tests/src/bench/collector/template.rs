//! A recorded call as a form: what differs from call to call is a gap, everything else stays as Asterisk wrote it.

use std::sync::Arc;

use ami::{Event, Frame, Message, Parser};
use anyhow::{Context, Result, ensure};

/// What is filled in for each call; channels, bridges and operators are numbered in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    Stamp,
    Uniqueid(usize),
    Channel(usize),
    Bridge(usize),
    Customer,
    Operator(usize),
    Queue,
}

/// Text, and the gap behind it.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: Box<str>,
    pub(super) gap: Option<Gap>,
}

/// What an event changes of what the PBX's lists say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Born(usize),
    Up(usize),
    Gone(usize),
    Runs(usize, Box<str>),
    Enters(usize, usize),
    Leaves(usize),
    Waits(usize),
    WaitsNoMore(usize),
}

/// An event of the form.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Since the call began, as it was recorded.
    pub(super) after_us: i64,
    pub(super) pieces: Vec<Piece>,
    pub(super) change: Option<Change>,
    /// A variable that says nothing of the call: there may be none of it, or many.
    pub(super) chatter: bool,
    /// It belongs to who is rung, and comes once for each where several are.
    of_rung: bool,
}

/// What is shorter than this was no person's doing.
pub(super) const MACHINE_US: i64 = 20_000;

/// A recorded call.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pub(super) entries: Vec<Arc<Entry>>,
    /// Where the dialplan's steps before `Queue()` come.
    pub(super) steps_at: usize,
    /// One of those steps, for each of [`STEPS`].
    pub(super) steps: Vec<Entry>,
    pub(super) channels: usize,
    pub(super) bridges: usize,
    /// Who is at each channel; the first is the customer.
    pub(super) people: Vec<Person>,
}

/// Who is at a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person {
    /// Nobody of the house: the customer.
    pub(super) operator: Option<usize>,
    /// The channel by whose id its call is named.
    pub(super) linked: usize,
}

/// Steps of a dialplan that is made by a program, in the shape of FreePBX's: context, extension, application, its arguments.
const STEPS: [(&str, &str, &str, &str); 8] = [
    ("from-did-direct", "7000", "Set", "__DIRECTION=INBOUND"),
    ("macro-user-callerid", "s", "Set", "TOUCH_MONITOR=1"),
    ("macro-user-callerid", "s", "GotoIf", "0?report"),
    ("macro-user-callerid", "s", "ExecIf", "1?Set(REALCALLERIDNUM=0)"),
    ("ext-queues", "7000", "Gosub", "sub-record-check,s,1(q,7000,dontcare)"),
    ("sub-record-check", "s", "GotoIf", "1?initialized"),
    ("sub-record-check", "s", "NoOp", "Recordings initialized"),
    ("ext-queues", "7000", "Set", "QUEUEJOINTIME=0"),
];

impl Template {
    /// Reads a recording of one call through a queue.
    pub(super) fn read(recording: &str) -> Result<Self> {
        let mut parser = Parser::new();
        parser.push(recording.as_bytes());
        let mut messages = Vec::new();
        while let Some(frame) = parser.next_frame()? {
            if let Frame::Message(message) = frame {
                messages.push(message);
            }
        }
        let names = Names::of(&messages)?;
        let began = messages.first().and_then(Message::timestamp_us).context("the recording has no times")?;
        let entries =
            messages.iter().map(|message| Ok(Arc::new(entry(message, &names, began)?))).collect::<Result<Vec<_>>>()?;
        let queue = |message: &Message| matches!(Event::read(message), Event::Newexten { application: "Queue", .. });
        let steps_at = messages.iter().position(queue).context("no Queue() in the recording")?;
        let steps = STEPS.iter().map(|step| entry(&step_like(&messages[steps_at], step), &names, began));
        let steps = steps.collect::<Result<Vec<_>>>()?;
        let people = names.channels.iter().map(|channel| Person {
            operator: names.operators.iter().position(|operator| is_of(&channel.name, operator)),
            linked: names.channel(&channel.linkedid).unwrap_or_default(),
        });
        Ok(Self {
            steps_at,
            steps,
            channels: names.channels.len(),
            bridges: names.bridges.len(),
            people: people.collect(),
            entries,
        })
    }

    /// The same call where the queue rings so many at once.
    pub(super) fn rung_at_once(mut self, operators: usize) -> Result<Self> {
        ensure!(self.channels == 2 && self.bridges == 0, "only a call that nobody answered can ring at several");
        let (mut entries, mut steps_at) = (Vec::new(), 0);
        let mut from = 0;
        while from < self.entries.len() {
            let run = run(&self.entries[from..]);
            if run > 0 {
                for operator in 0..operators {
                    entries.extend(self.entries[from..from + run].iter().map(|entry| Arc::new(entry.of(operator))));
                }
                from += run;
                continue;
            }
            if from == self.steps_at {
                steps_at = entries.len();
            }
            entries.push(self.entries[from].clone());
            from += 1;
        }
        self.entries = entries;
        self.steps_at = steps_at;
        self.channels = 1 + operators;
        let rung = (0..operators).map(|operator| Person { operator: Some(operator), linked: 0 });
        self.people = std::iter::once(Person { operator: None, linked: 0 }).chain(rung).collect();
        Ok(self)
    }
}

/// How many entries from here on are of who is rung, and of one moment: all are rung, and a while later all are given up.
fn run(entries: &[Arc<Entry>]) -> usize {
    let Some(first) = entries.first() else { return 0 };
    entries.iter().take_while(|entry| entry.of_rung && entry.after_us - first.after_us < MACHINE_US).count()
}

impl Entry {
    /// The same of another who is rung.
    fn of(&self, operator: usize) -> Self {
        let gap = |gap| match gap {
            Gap::Uniqueid(1) => Gap::Uniqueid(1 + operator),
            Gap::Channel(1) => Gap::Channel(1 + operator),
            Gap::Operator(0) => Gap::Operator(operator),
            other => other,
        };
        let channel = |channel: usize| if channel == 1 { 1 + operator } else { channel };
        let change = self.change.clone().map(|change| match change {
            Change::Born(at) => Change::Born(channel(at)),
            Change::Up(at) => Change::Up(channel(at)),
            Change::Gone(at) => Change::Gone(channel(at)),
            Change::Runs(at, application) => Change::Runs(channel(at), application),
            other => other,
        });
        let pieces = self.pieces.iter().map(|piece| Piece { text: piece.text.clone(), gap: piece.gap.map(gap) });
        Self { pieces: pieces.collect(), change, ..*self }
    }
}

/// A channel of the recording.
struct Named {
    name: String,
    uniqueid: String,
    linkedid: String,
}

/// What is renumbered, in the order in which it came.
struct Names {
    channels: Vec<Named>,
    bridges: Vec<String>,
    operators: Vec<String>,
    customer: String,
    queue: String,
}

impl Names {
    fn of(messages: &[Message]) -> Result<Self> {
        let (mut channels, mut bridges, mut operators) = (Vec::new(), Vec::new(), Vec::new());
        let (mut customer, mut queue) = (None, None);
        for message in messages {
            match Event::read(message) {
                Event::Newchannel(channel) => {
                    let number = channel.caller_number.unwrap_or_default().to_owned();
                    if channels.is_empty() {
                        customer = Some(number);
                    } else if !operators.contains(&number) {
                        operators.push(number);
                    }
                    channels.push(Named {
                        name: channel.channel.to_owned(),
                        uniqueid: channel.uniqueid.to_owned(),
                        linkedid: channel.linkedid.unwrap_or_default().to_owned(),
                    });
                }
                Event::BridgeEnter { bridge, .. } if !bridges.iter().any(|known| known == bridge) => {
                    bridges.push(bridge.to_owned());
                }
                Event::QueueCallerJoin { queue: name, .. } => queue = Some(name.to_owned()),
                _ => {}
            }
        }
        let customer = customer.filter(|number| number.starts_with('+')).context("no call of a customer")?;
        Ok(Self { channels, bridges, operators, customer, queue: queue.context("no queue")? })
    }

    /// All of them, the longest first: a channel's name holds its operator's number.
    fn all(&self) -> Vec<(&str, Gap)> {
        let mut all = vec![(self.customer.as_str(), Gap::Customer), (self.queue.as_str(), Gap::Queue)];
        for (at, channel) in self.channels.iter().enumerate() {
            all.extend([(channel.name.as_str(), Gap::Channel(at)), (channel.uniqueid.as_str(), Gap::Uniqueid(at))]);
        }
        all.extend(self.bridges.iter().enumerate().map(|(at, bridge)| (bridge.as_str(), Gap::Bridge(at))));
        all.extend(self.operators.iter().enumerate().map(|(at, number)| (number.as_str(), Gap::Operator(at))));
        all.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        all
    }

    fn channel(&self, uniqueid: &str) -> Option<usize> {
        self.channels.iter().position(|known| known.uniqueid == uniqueid)
    }
}

fn is_of(channel: &str, operator: &str) -> bool {
    channel.split_once('/').is_some_and(|(_, rest)| rest.starts_with(operator))
}

/// `Newexten` of another step on the same channel.
fn step_like(queue: &Message, (context, exten, application, data): &(&str, &str, &str, &str)) -> Message {
    Message::new(queue.fields().map(|(key, value)| match key {
        "Context" => (key, *context),
        "Exten" | "Extension" => (key, *exten),
        "Application" => (key, *application),
        "AppData" => (key, *data),
        _ => (key, value),
    }))
}

fn entry(message: &Message, names: &Names, began: i64) -> Result<Entry> {
    let all = names.all();
    let mut form = Form::default();
    for (key, value) in message.fields() {
        form.text.push_str(key);
        form.text.push_str(": ");
        if key == "Timestamp" {
            form.gap(Gap::Stamp);
        } else {
            form.value(value, &all);
        }
        form.text.push_str("\r\n");
    }
    form.text.push_str("\r\n");
    form.pieces.push(Piece { text: form.text.into(), gap: None });
    let pieces = form.pieces;
    let gaps = || pieces.iter().filter_map(|piece| piece.gap);
    let of_device = matches!(message.event(), Some("DeviceStateChange" | "QueueMemberStatus"));
    let of_rung = gaps().any(|gap| match gap {
        Gap::Uniqueid(1) | Gap::Channel(1) => true,
        Gap::Operator(0) => of_device,
        _ => false,
    });
    let event = Event::read(message);
    let chatter = matches!(&event, Event::VarSet { variable, .. } if *variable != "QUEUESTATUS");
    let stamp = message.timestamp_us().context("an event of the recording has no time")?;
    Ok(Entry { after_us: stamp - began, change: change(&event, names), chatter, of_rung, pieces })
}

fn change(event: &Event<'_>, names: &Names) -> Option<Change> {
    Some(match event {
        Event::Newchannel(channel) => Change::Born(names.channel(channel.uniqueid)?),
        Event::Newstate(channel) if channel.state == Some(6) => Change::Up(names.channel(channel.uniqueid)?),
        Event::Hangup { channel, .. } => Change::Gone(names.channel(channel.uniqueid)?),
        Event::Newexten { channel, application, .. } => {
            Change::Runs(names.channel(channel.uniqueid)?, (*application).into())
        }
        Event::BridgeEnter { bridge, channel, .. } => {
            let at = names.bridges.iter().position(|known| known == bridge)?;
            Change::Enters(names.channel(channel.uniqueid)?, at)
        }
        Event::BridgeLeave { channel, .. } => Change::Leaves(names.channel(channel.uniqueid)?),
        Event::QueueCallerJoin { caller, .. } => Change::Waits(names.channel(caller.uniqueid)?),
        Event::QueueCallerLeave { caller, .. } => Change::WaitsNoMore(names.channel(caller.uniqueid)?),
        _ => return None,
    })
}

/// Pieces as they are found.
#[derive(Default)]
struct Form {
    pieces: Vec<Piece>,
    text: String,
}

impl Form {
    fn gap(&mut self, gap: Gap) {
        let text = std::mem::take(&mut self.text).into();
        self.pieces.push(Piece { text, gap: Some(gap) });
    }

    /// A name counts where it stands alone: `1795390905.1` is not the begin of `1795390905.10`.
    fn value(&mut self, value: &str, names: &[(&str, Gap)]) {
        let mut rest = value;
        let mut before = None;
        while let Some(next) = rest.chars().next() {
            let alone = |name: &str| {
                let after = rest.get(name.len()..).and_then(|rest| rest.chars().next());
                !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
            };
            match names.iter().find(|(name, _)| rest.starts_with(name) && alone(name)) {
                Some((name, gap)) => {
                    self.gap(*gap);
                    before = name.chars().next_back();
                    rest = &rest[name.len()..];
                }
                None => {
                    self.text.push(next);
                    before = Some(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_stands_alone_is_a_gap() {
        let names = [("1795390905.1", Gap::Uniqueid(1)), ("10101", Gap::Operator(0)), ("support", Gap::Queue)];
        let mut form = Form::default();
        form.value("Operator 10101 1795390905.1 1795390905.10 110101 Queue:support_avail", &names);
        let gaps: Vec<_> = form.pieces.iter().filter_map(|piece| piece.gap).collect();
        assert_eq!(gaps, [Gap::Operator(0), Gap::Uniqueid(1), Gap::Queue]);
        assert_eq!(form.text, "_avail");
    }
}
