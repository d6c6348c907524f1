//! A stream as a PBX: a process of its own, with a manager interface on loopback.
//!
//! It is told by lines of its standard input: `go` begins the stream, the end of the input ends the process. On its standard
//! output are lines of JSON: the port, and what was sent once all was.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::action::{After, Asked};
use super::core::process_time;
use super::stream::{Settings, Stream};

/// Asterisk gives a client so long to take a message (`writetimeout`), then it cuts it off.
pub const WRITE_TIMEOUT: Duration = Duration::from_millis(100);

/// So much is written at once when the reader takes all.
const CHUNK: usize = 32 * 1024;

/// How fast a stream is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as it is read.
    AsTaken,
    /// Each event at its moment, which is the time it carries.
    Live,
    /// So many times faster than it happened.
    Times(f64),
}

/// What the process says.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It listens here.
    Listens {
        /// The port.
        port: u16,
    },
    /// All events were taken by the system's buffers.
    Sent(Sent),
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Sent {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From the first to the last, seconds.
    pub seconds: f64,
    /// Processor time that it took to make and write them, seconds.
    pub processor: f64,
    /// The longest that a write waited for the reader, ms.
    pub longest_wait_ms: f64,
    /// Writes that waited longer than [`WRITE_TIMEOUT`]: at each of them Asterisk would have cut the reader off.
    pub cut_offs: u64,
}

/// Serves one client until the input ends.
pub async fn serve(mut settings: Settings, pace: Pace) -> Result<()> {
    // What is sent faster than it happens has happened before: nothing is in the future of whoever hears of it.
    settings.begin_us = if pace == Pace::Live { now_us() } else { now_us() - settings.lasts_us() * 3 / 2 };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port on loopback")?;
    say(&Said::Listens { port: listener.local_addr()?.port() });
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    let stream = tokio::select! {
        accepted = listener.accept() => accepted?.0,
        over = input.next_line() => {
            ensure!(over?.is_none(), "`go` before anybody is there");
            return Ok(());
        }
    };
    Session::new(stream, settings, say)?.run(input, pace).await
}

struct Session {
    stream: Stream,
    reads: OwnedReadHalf,
    writes: OwnedWriteHalf,
    asked: Vec<u8>,
    out: Vec<u8>,
    logged_in: bool,
    sent: Sent,
    say: fn(&Said),
}

impl Session {
    fn new(tcp: TcpStream, settings: Settings, say: fn(&Said)) -> Result<Self> {
        tcp.set_nodelay(true)?;
        let (reads, writes) = tcp.into_split();
        let stream = Stream::new(settings)?;
        let out = b"Asterisk Call Manager/11.0.0\r\n".to_vec();
        Ok(Self { stream, reads, writes, asked: Vec::new(), out, logged_in: false, sent: Sent::default(), say })
    }

    async fn run(mut self, mut input: Lines<impl AsyncBufRead + Unpin>, pace: Pace) -> Result<()> {
        self.flush().await?;
        loop {
            tokio::select! {
                line = input.next_line() => match line?.as_deref() {
                    Some("go") => {
                        ensure!(self.logged_in, "`go` before anybody has logged in");
                        ensure!(self.play(pace).await?, "the reader hung up in the middle of the stream");
                        (self.say)(&Said::Sent(self.sent));
                    }
                    Some(other) => anyhow::bail!("{other:?} is no order: `go`"),
                    None => return Ok(()),
                },
                count = self.reads.read_buf(&mut self.asked) => if count? == 0 || !self.answer().await? {
                    // The client is gone; whoever began this process ends it.
                    while input.next_line().await?.is_some() {}
                    return Ok(());
                },
            }
        }
    }

    /// Says the stream. False when the client has gone.
    async fn play(&mut self, pace: Pace) -> Result<bool> {
        let (began, processor) = (Instant::now(), process_time()?);
        let began_us = self.stream.next_us().unwrap_or_default();
        let speed = match pace {
            Pace::AsTaken => None,
            Pace::Live => Some(1.0),
            Pace::Times(speed) => Some(speed),
        };
        while let Some(next_us) = self.stream.next_us() {
            let mut due_us = i64::MAX;
            if let Some(speed) = speed {
                let due = began + Duration::from_micros(u64::try_from(next_us - began_us)?).div_f64(speed);
                while Instant::now() < due {
                    tokio::select! {
                        () = tokio::time::sleep_until(due.into()) => {}
                        count = self.reads.read_buf(&mut self.asked) => if count? == 0 || !self.answer().await? {
                            return Ok(false);
                        },
                    }
                }
                due_us = began_us + (began.elapsed().as_secs_f64() * speed * 1e6) as i64;
            }
            while self.out.len() < CHUNK && self.stream.next_us().is_some_and(|next| next <= due_us) {
                // By the clock that Ping is answered from; two clocks of one PBX would make events wait for each other.
                self.stream.say(&mut self.out, (pace != Pace::AsTaken).then(now_us));
            }
            self.sent.bytes += self.out.len() as u64;
            self.flush().await.context("the reader went away in the middle of the stream")?;
            if !self.answer_what_is_there().await? {
                return Ok(false);
            }
        }
        self.sent.events = self.stream.events();
        self.sent.seconds = began.elapsed().as_secs_f64();
        self.sent.processor = (process_time()? - processor).as_secs_f64();
        Ok(true)
    }

    /// Writes what there is, and notes how long the reader let it wait.
    async fn flush(&mut self) -> Result<()> {
        let before = Instant::now();
        self.writes.write_all(&self.out).await?;
        let waited = before.elapsed();
        self.sent.longest_wait_ms = self.sent.longest_wait_ms.max(waited.as_secs_f64() * 1000.0);
        self.sent.cut_offs += u64::from(waited > WRITE_TIMEOUT);
        self.out.clear();
        Ok(())
    }

    /// Answers without waiting for more. False when the client has gone.
    async fn answer_what_is_there(&mut self) -> Result<bool> {
        match self.reads.try_read_buf(&mut self.asked) {
            Ok(0) => Ok(false),
            Ok(_) => self.answer().await,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// False when the client wants no more.
    async fn answer(&mut self) -> Result<bool> {
        for asked in Asked::take(&mut self.asked) {
            match asked.answer(&self.stream, self.logged_in, now_us(), &mut self.out) {
                After::Same => {}
                After::LoggedIn => self.logged_in = true,
                After::Over => {
                    self.flush().await?;
                    return Ok(false);
                }
            }
        }
        self.flush().await?;
        Ok(true)
    }
}

/// For whoever began this process; when nobody is there, it ends with its input.
fn say(said: &Said) {
    if let Ok(line) = serde_json::to_string(said) {
        println!("{line}");
    }
}

/// µs since the Unix epoch.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use ami::{Action, Client, ConnectOptions, Event, Incoming, Message, Secret};
    use tokio::io::duplex;

    use super::super::{Mix, SECRET, USER};
    use super::*;

    /// The real client logs in by challenge, hears the whole stream, and gets a list in the middle of it.
    #[tokio::test]
    async fn a_client_hears_all_and_may_ask() -> Result<()> {
        let settings = Settings::new(Mix::QUIET, 1, 1_795_390_905_000_000);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (mut orders, input) = duplex(64);
        let pbx = tokio::spawn(async move {
            let session = Session::new(listener.accept().await?.0, settings, |_| {})?;
            session.run(BufReader::new(input).lines(), Pace::Times(20.0)).await
        });
        let (client, mut events) =
            Client::connect(&ConnectOptions::new("127.0.0.1", port, USER, Secret::new(SECRET))).await?;
        orders.write_all(b"go\n").await?;
        let (mut count, mut there) = (0, Vec::new());
        let mut list = None;
        while count <= settings.events() {
            match events.recv().await.context("the stream ended too early")? {
                Incoming::Event(message) => {
                    count += 1;
                    match Event::read(&message) {
                        Event::Newchannel(channel) => there.push(channel.uniqueid.to_owned()),
                        Event::Hangup { channel, .. } => there.retain(|known| known != channel.uniqueid),
                        _ => {}
                    }
                    if count == 3_000 {
                        client.list_in_order(Action::new("CoreShowChannels"), "CoreShowChannelsComplete")?;
                    }
                }
                Incoming::List { outcome, .. } => {
                    let listed: Vec<Message> = outcome?;
                    let mut listed: Vec<String> =
                        listed.iter().filter_map(|message| message.get("Uniqueid")).map(str::to_owned).collect();
                    let mut known = there.clone();
                    listed.sort();
                    known.sort();
                    list = Some((listed, known));
                }
            }
        }
        // FullyBooted is one more than the stream.
        assert_eq!((count, there.len()), (settings.events() + 1, 0));
        let (listed, known) = list.context("no list came")?;
        // At its place among the events, wherever that was when it came.
        assert_eq!(listed, known);
        drop(orders);
        pbx.await?
    }
}
