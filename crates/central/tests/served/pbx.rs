//! The manager interface of a PBX that says recorded calls, as far as it is told to; what is live it lists when it is asked.

use ami::{Event, Frame, Message, Parser};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const STREAM: &str = include_str!("../../../ami/tests/data/asterisk22-queue-call.txt");

/// Between two events.
const BETWEEN: std::time::Duration = std::time::Duration::from_millis(2);

/// See the module.
pub struct Pbx {
    pub port: u16,
    /// So many events may be said.
    pub upto: watch::Sender<usize>,
    said: watch::Receiver<usize>,
    events: Arc<Vec<Message>>,
}

impl Pbx {
    /// With so many calls, one after the other.
    pub async fn of(calls: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let events: Arc<Vec<Message>> = Arc::new((0..calls).flat_map(call).collect());
        let (upto, may) = watch::channel(0);
        let (says, said) = watch::channel(0);
        let all = events.clone();
        tokio::spawn(async move {
            loop {
                // One at a time: who comes is the server, started again.
                let tcp = listener.accept().await.unwrap().0;
                let _ = serve(tcp, &all, may.clone(), &says).await;
            }
        });
        Self { port, upto, said, events }
    }

    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Says events up to this one, and waits until they are sent.
    pub async fn say(&mut self, upto: usize) {
        self.upto.send_replace(upto);
        self.said.wait_for(|said| *said >= upto).await.unwrap();
    }
}

/// A recorded call, with ids of its own.
fn call(number: usize) -> Vec<Message> {
    let mut parser = Parser::new();
    parser.push(STREAM.as_bytes());
    let own = |key: &str, value: &str| match key {
        key if key.ends_with("niqueid") || key.ends_with("inkedid") => format!("{number}{value}"),
        key if key.ends_with("Channel") => format!("{value}{number:04x}"),
        _ => value.to_owned(),
    };
    let mut events = Vec::new();
    while let Some(frame) = parser.next_frame().unwrap() {
        if let Frame::Message(message) = frame
            && message.event().is_some()
        {
            // It happens now, not when it was recorded.
            let fields = message.fields().filter(|(key, _)| *key != "Timestamp");
            events.push(Message::new(fields.map(|(key, value)| (key.to_owned(), own(key, value))).collect::<Vec<_>>()));
        }
    }
    events
}

async fn serve(
    tcp: TcpStream,
    events: &[Message],
    mut may: watch::Receiver<usize>,
    says: &watch::Sender<usize>,
) -> std::io::Result<()> {
    let (reads, mut writes) = tcp.into_split();
    let mut lines = BufReader::new(reads).lines();
    writes.write_all(b"Asterisk Call Manager/11.0.0\r\n").await?;
    let (mut asked, mut logged_in) = (BTreeMap::new(), false);
    loop {
        let next = *says.borrow();
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                if let Some((key, value)) = line.split_once(": ") {
                    asked.insert(key.to_owned(), value.to_owned());
                    continue;
                }
                logged_in |= asked.get("Action").is_some_and(|action| action == "Login");
                answer(&std::mem::take(&mut asked), &events[..next], &mut writes).await?;
            }
            over = async { may.wait_for(|upto| *upto > next).await.is_err() }, if logged_in => {
                if over {
                    return Ok(());
                }
                writes.write_all(text(&events[next]).as_bytes()).await?;
                says.send_replace(next + 1);
                // A PBX says things as they happen: what is still on its way when its listener is killed are a few.
                tokio::time::sleep(BETWEEN).await;
            }
        }
    }
}

fn text(message: &Message) -> String {
    let mut text = String::new();
    for (key, value) in message.fields() {
        let _ = write!(text, "{key}: {value}\r\n");
    }
    text + "\r\n"
}

async fn answer(asked: &BTreeMap<String, String>, said: &[Message], to: &mut OwnedWriteHalf) -> std::io::Result<()> {
    let id = asked.get("ActionID").map(|id| format!("ActionID: {id}\r\n")).unwrap_or_default();
    let head = format!("Response: Success\r\n{id}");
    let list = |items: Vec<String>, complete: &str| {
        let items: String = items.iter().map(|item| format!("{item}{id}\r\n")).collect();
        format!("{head}EventList: start\r\n\r\n{items}Event: {complete}\r\n{id}EventList: Complete\r\n\r\n")
    };
    let text = match asked.get("Action").map_or("", String::as_str) {
        "Challenge" => format!("{head}Challenge: 123456\r\n\r\n"),
        "CoreStatus" => format!("{head}CoreStartupDate: 2026-01-01\r\nCoreStartupTime: 00:00:00\r\n\r\n"),
        "CoreShowChannels" => list(channels(said), "CoreShowChannelsComplete"),
        "BridgeList" => list(Vec::new(), "BridgeListComplete"),
        "QueueStatus" => list(waiting(said), "QueueStatusComplete"),
        "ParkedCalls" => list(Vec::new(), "ParkedCallsComplete"),
        _ => format!("{head}\r\n"),
    };
    to.write_all(text.as_bytes()).await
}

/// Channels that are there after all this was said.
fn channels(said: &[Message]) -> Vec<String> {
    let mut there: BTreeMap<&str, (&Message, Option<&str>)> = BTreeMap::new();
    for message in said {
        let Some(id) = message.said("Uniqueid") else { continue };
        match Event::read(message) {
            Event::Hangup { .. } => drop(there.remove(id)),
            Event::Newchannel(_) => drop(there.insert(id, (message, None))),
            Event::BridgeEnter { bridge, .. } => drop(there.insert(id, (message, Some(bridge)))),
            Event::BridgeLeave { .. } => drop(there.insert(id, (message, None))),
            _ => {
                if let Some(known) = there.get_mut(id).filter(|_| message.said("ChannelState").is_some()) {
                    known.0 = message;
                }
            }
        }
    }
    let keys = ["Channel", "ChannelState", "CallerIDNum", "Uniqueid", "Linkedid"];
    let item = |(message, bridge): &(&Message, Option<&str>)| {
        let fields = keys.iter().filter_map(|key| Some(format!("{key}: {}\r\n", message.said(key)?)));
        let fields: String = fields.collect();
        format!("Event: CoreShowChannel\r\n{fields}BridgeId: {}\r\nDuration: 00:00:01\r\n", bridge.unwrap_or_default())
    };
    there.values().map(item).collect()
}

fn waiting(said: &[Message]) -> Vec<String> {
    let mut waits: BTreeMap<&str, &str> = BTreeMap::new();
    for message in said {
        match Event::read(message) {
            Event::QueueCallerJoin { caller, queue, .. } => drop(waits.insert(caller.uniqueid, queue)),
            Event::QueueCallerLeave { caller, .. } => drop(waits.remove(caller.uniqueid)),
            _ => {}
        }
    }
    let entry = |(id, queue): (&&str, &&str)| {
        format!("Event: QueueEntry\r\nQueue: {queue}\r\nPosition: 1\r\nUniqueid: {id}\r\nWait: 1\r\n")
    };
    waits.iter().map(entry).collect()
}
