//! The lab's own eye on the manager interface: every event with the time it arrived, and actions for a person at the PBX.
//!
//! It has its own few lines of reading, because the crate `ami` is among the things that are tested.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Mutex as AsyncMutex, watch};

/// An event or a response, and when it arrived.
#[derive(Debug, Clone)]
pub struct AmiEvent {
    /// Monotonic.
    pub at: Instant,
    /// The same by the wall clock.
    pub wall: SystemTime,
    /// Lines in order; keys may repeat.
    pub fields: Vec<(String, String)>,
}

impl AmiEvent {
    /// Value of a key, or nothing.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    /// Whether it is this event.
    pub fn is(&self, event: &str) -> bool {
        self.get("Event") == Some(event)
    }

    /// Whether a key has a value.
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }
}

/// All events since the PBX was started first, also over restarts.
#[derive(Debug, Clone)]
pub struct Tap {
    events: Arc<Mutex<Vec<AmiEvent>>>,
    count: Arc<watch::Sender<usize>>,
    writer: Arc<AsyncMutex<Option<OwnedWriteHalf>>>,
    next_action: Arc<AtomicU64>,
}

impl Tap {
    pub(super) fn new() -> Self {
        Self {
            events: Arc::default(),
            count: Arc::new(watch::Sender::new(0)),
            writer: Arc::default(),
            next_action: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Connects and logs in; events flow from then on.
    pub(super) async fn connect(&self, address: SocketAddr) -> Result<()> {
        let (reader, mut writer) = TcpStream::connect(address).await?.into_split();
        writer.write_all(b"Action: Login\r\nUsername: lab\r\nSecret: lab-ami\r\nActionID: login\r\n\r\n").await?;
        *self.writer.lock().await = Some(writer);
        let (events, count) = (self.events.clone(), self.count.clone());
        tokio::spawn(async move {
            let mut lines = BufReader::new(reader).split(b'\n');
            let mut fields = Vec::new();
            while let Ok(Some(line)) = lines.next_segment().await {
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches('\r');
                if line.is_empty() {
                    if !fields.is_empty() {
                        let event = AmiEvent {
                            at: Instant::now(),
                            wall: SystemTime::now(),
                            fields: std::mem::take(&mut fields),
                        };
                        let mut events = events.lock().expect("no reader panics with the lock");
                        events.push(event);
                        count.send_replace(events.len());
                    }
                } else if let Some((key, value)) = line.split_once(':') {
                    fields.push((key.to_owned(), value.trim().to_owned()));
                }
            }
        });
        Ok(())
    }

    /// How many there are; give it to [`Tap::event_after`].
    pub fn mark(&self) -> usize {
        *self.count.borrow()
    }

    /// All that came since a mark (0: all).
    pub fn since(&self, mark: usize) -> Vec<AmiEvent> {
        self.events.lock().expect("no writer panics with the lock")[mark..].to_vec()
    }

    /// Waits for the first event after `mark` that `wanted` takes.
    pub async fn event_after(
        &self,
        mark: usize,
        deadline: Duration,
        what: &str,
        wanted: impl Fn(&AmiEvent) -> bool,
    ) -> Result<AmiEvent> {
        let mut count = self.count.subscribe();
        let mut seen = mark;
        let search = async {
            loop {
                let there = *count.borrow_and_update();
                {
                    let events = self.events.lock().expect("no writer panics with the lock");
                    if let Some(found) = events[seen.min(there)..there].iter().find(|event| wanted(event)) {
                        return Ok(found.clone());
                    }
                }
                seen = there;
                count.changed().await.context("the tap is closed")?;
            }
        };
        match tokio::time::timeout(deadline, search).await {
            Ok(found) => found,
            Err(_) => {
                bail!("waited {deadline:?} in vain at the PBX: {what}; since then came {}", self.names_since(mark))
            }
        }
    }

    /// Waits for an event that comes from now on.
    pub async fn next_event(
        &self,
        deadline: Duration,
        what: &str,
        wanted: impl Fn(&AmiEvent) -> bool,
    ) -> Result<AmiEvent> {
        self.event_after(self.mark(), deadline, what, wanted).await
    }

    /// An action as a person at the PBX would do it. Gives the response, then the events of its list.
    pub async fn action(&self, name: &str, fields: &[(&str, &str)]) -> Result<Vec<AmiEvent>> {
        let id = format!("lab-{}", self.next_action.fetch_add(1, Ordering::Relaxed));
        let mut text = format!("Action: {name}\r\nActionID: {id}\r\n");
        for (key, value) in fields {
            text += &format!("{key}: {value}\r\n");
        }
        text += "\r\n";
        let mark = self.mark();
        self.writer.lock().await.as_mut().context("the tap is not connected")?.write_all(text.as_bytes()).await?;
        let mine = |event: &AmiEvent| event.has("ActionID", &id);
        let deadline = Duration::from_secs(5);
        let response =
            self.event_after(mark, deadline, name, |event| mine(event) && event.get("Response").is_some()).await?;
        if response.has("Response", "Error") {
            bail!("the PBX refuses {name} {fields:?}: {}", response.get("Message").unwrap_or("no reason"));
        }
        if response.get("EventList").is_some_and(|list| list.eq_ignore_ascii_case("start")) {
            self.event_after(mark, deadline, name, |event| {
                mine(event) && event.get("EventList").is_some_and(|list| list.eq_ignore_ascii_case("complete"))
            })
            .await?;
        }
        Ok(self.since(mark).into_iter().filter(mine).collect())
    }

    fn names_since(&self, mark: usize) -> String {
        let names: Vec<String> =
            self.since(mark).iter().filter_map(|event| event.get("Event").map(str::to_owned)).collect();
        if names.is_empty() { "nothing".to_owned() } else { names[names.len().saturating_sub(40)..].join(" ") }
    }
}
