//! One connection to a manager interface.
//!
//! Asterisk cuts off a client that does not read within 100 ms (`writetimeout`). So a task of its own reads and parses, and
//! events wait in a queue. Only when [`MAX_QUEUED_BYTES`] wait there is no more read: then Asterisk waits, and decides.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc, oneshot};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::stream::Stream;
use crate::{Action, AmiError, ConnectOptions, Frame, Message, Parser, Secret, keepalive, now_us};

/// Memory of the events that may wait for whoever takes them; those that were read together with the last of them come to that. It is
/// half a minute of a PBX with 300 calls, which says 2,300 events a second.
pub const MAX_QUEUED_BYTES: usize = 64 << 20;

/// A logged-in connection; cheap to clone. It ends when the last clone is dropped or [`Client::close`] is called.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    shared: Arc<Shared>,
    out: mpsc::UnboundedSender<Zeroizing<Vec<u8>>>,
    timeout: Duration,
    version: String,
}

/// Actions that were given up and whose answers may still come; older ones are forgotten.
const MAX_GIVEN_UP: usize = 1_000;

/// What the reader task and the callers share.
#[derive(Debug, Default)]
struct Shared {
    asked: Mutex<Asked>,
    /// Of this connection's ids: everybody at the PBX hears some answers to actions of others.
    own: u32,
    next_id: AtomicU64,
    queued: AtomicUsize,
    queued_bytes: AtomicUsize,
    /// Fewer wait than may.
    room: Notify,
    why_closed: OnceLock<AmiError>,
    closing: Notify,
    clock: Mutex<Option<Clock>>,
    bytes: AtomicU64,
    messages: AtomicU64,
    cut: AtomicU64,
    heard_us: AtomicI64,
}

/// What came by a connection until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Messages: events, parts of lists, answers.
    pub messages: u64,
    /// Messages that were too long to be kept whole.
    pub cut: u64,
    /// When the last bytes came, by [`crate::now_us`]; 0: none did.
    pub heard_us: i64,
}

/// What was asked.
#[derive(Debug, Default)]
struct Asked {
    waiting: HashMap<String, Waiting>,
    /// Nobody waits any more: what comes late must not look like an event of its own.
    given_up: HashSet<String>,
    oldest_given_up: VecDeque<String>,
}

impl Asked {
    fn give_up(&mut self, id: &str) {
        if self.waiting.remove(id).is_none() || !self.given_up.insert(id.to_owned()) {
            return;
        }
        self.oldest_given_up.push_back(id.to_owned());
        if self.oldest_given_up.len() > MAX_GIVEN_UP
            && let Some(oldest) = self.oldest_given_up.pop_front()
        {
            self.given_up.remove(&oldest);
        }
    }
}

#[derive(Debug)]
struct Waiting {
    done: Done,
    /// Name of the event that ends the list.
    until: Option<&'static str>,
    answer: Option<Message>,
    list: Vec<Message>,
}

#[derive(Debug)]
enum Done {
    Caller(oneshot::Sender<(Message, Vec<Message>)>),
    Stream { list: ListId, action: &'static str },
}

/// A list that was asked for with [`Client::list_in_order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListId(u64);

/// What comes from the PBX by itself, in order.
#[derive(Debug)]
pub enum Incoming {
    /// An event; [`crate::Event::read`] says which.
    Event(Message),
    /// A list, at its place among the events: what came before it is older than the list, what follows is newer.
    List {
        /// Which.
        id: ListId,
        /// Its events, with the completing one last.
        outcome: Result<Vec<Message>, AmiError>,
    },
}

impl Incoming {
    fn memory(&self) -> usize {
        match self {
            Self::Event(event) => event.memory(),
            Self::List { outcome, .. } => outcome.iter().flatten().map(Message::memory).sum(),
        }
    }
}

/// Events of a connection, in order.
#[derive(Debug)]
pub struct Events {
    from: mpsc::UnboundedReceiver<Incoming>,
    shared: Arc<Shared>,
}

impl Events {
    /// The next one; `None` when the connection is over.
    pub async fn recv(&mut self) -> Option<Incoming> {
        let event = self.from.recv().await?;
        self.shared.taken(std::slice::from_ref(&event));
        Some(event)
    }

    /// All that are here, but at least one; 0 when the connection is over. Cancel-safe.
    pub async fn recv_many(&mut self, into: &mut Vec<Incoming>, limit: usize) -> usize {
        let before = into.len();
        let count = self.from.recv_many(into, limit).await;
        self.shared.taken(&into[before..]);
        count
    }

    /// As [`Events::recv_many`], for whoever listens to several connections.
    pub fn poll_recv_many(&mut self, cx: &mut Context<'_>, into: &mut Vec<Incoming>, limit: usize) -> Poll<usize> {
        let before = into.len();
        let count = std::task::ready!(self.from.poll_recv_many(cx, into, limit));
        self.shared.taken(&into[before..]);
        Poll::Ready(count)
    }

    /// Events waiting now.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queued.load(Ordering::Relaxed)
    }

    /// The memory they take, about.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.shared.queued_bytes.load(Ordering::Relaxed)
    }

    /// Why the connection ended.
    #[must_use]
    pub fn why_closed(&self) -> AmiError {
        self.shared.why_closed()
    }
}

/// Whoever wants no events must still get answers.
impl Drop for Events {
    fn drop(&mut self) {
        self.from.close();
        self.shared.nobody_takes();
        self.shared.room.notify_one();
    }
}

impl Client {
    /// Connects and logs in: by challenge (MD5) where the PBX offers it, else with the plain secret.
    ///
    /// # Errors
    /// Not reachable, not a manager, refused, or no answer in time.
    pub async fn connect(options: &ConnectOptions) -> Result<(Self, Events), AmiError> {
        let seconds = options.timeout.as_secs();
        let opening = async {
            let mut stream = Stream::connect(options).await?;
            let mut parser = Parser::new();
            let version = banner(&mut stream, &mut parser, &options.address()).await?;
            Ok::<_, AmiError>((stream, parser, version))
        };
        let (stream, parser, version) = tokio::time::timeout(options.timeout, opening)
            .await
            .map_err(|_| AmiError::Timeout { what: format!("the connection to {}", options.address()), seconds })??;
        let shared = Arc::new(Shared { own: random(), ..Shared::default() });
        let (event_sink, from) = mpsc::unbounded_channel();
        let (out, queue) = mpsc::unbounded_channel();
        let (read_half, write_half) = tokio::io::split(stream);
        tokio::spawn(read(read_half, parser, Arc::clone(&shared), event_sink));
        tokio::spawn(write(write_half, queue, Arc::clone(&shared)));
        let inner = Arc::new(Inner { shared: Arc::clone(&shared), out, timeout: options.timeout, version });
        let client = Self { inner };
        client.login(options).await?;
        tokio::spawn(keepalive::run(Arc::downgrade(&client.inner), options.ping));
        Ok((client, Events { from, shared }))
    }

    async fn login(&self, options: &ConnectOptions) -> Result<(), AmiError> {
        let login = Action::new("Login").with("Username", &options.username)?.with("Events", &options.events)?;
        let challenge = match self.action(Action::new("Challenge").with("AuthType", "MD5")?).await {
            Ok(answer) => answer.said("Challenge").map(str::to_owned),
            Err(AmiError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        let login = match challenge {
            Some(challenge) => {
                let digest = Md5::new().chain_update(challenge).chain_update(options.secret.expose()).finalize();
                let mut key = String::new();
                for byte in digest {
                    // Writing into a String cannot fail.
                    let _ = write!(key, "{byte:02x}");
                }
                login.with("AuthType", "MD5")?.with_secret("Key", Secret::new(key))?
            }
            None => login.with_secret("Secret", options.secret.clone())?,
        };
        self.action(login).await.map(drop).map_err(|error| match error {
            AmiError::Refused { why, .. } => AmiError::AuthRefused { username: options.username.clone(), why },
            // Asterisk hangs up on a user that is not permitted from this address, with or without a word.
            AmiError::Closed { why } => AmiError::AuthRefused { username: options.username.clone(), why },
            other => other,
        })
    }

    /// Asks for a list that comes among the events ([`Incoming::List`]), so that a snapshot and the changes around it cannot
    /// be taken in the wrong order.
    ///
    /// # Errors
    /// The connection is over.
    pub fn list_in_order(&self, action: Action, complete: &'static str) -> Result<ListId, AmiError> {
        self.ask_in_order(action, Some(complete))
    }

    /// Asks for an answer that comes among the events, as an empty [`Incoming::List`].
    ///
    /// # Errors
    /// As [`Client::list_in_order`].
    pub fn answer_in_order(&self, action: Action) -> Result<ListId, AmiError> {
        self.ask_in_order(action, None)
    }

    fn ask_in_order(&self, action: Action, until: Option<&'static str>) -> Result<ListId, AmiError> {
        let shared = &self.inner.shared;
        let number = shared.next_id.fetch_add(1, Ordering::Relaxed);
        let (key, list) = (shared.key(number), ListId(number));
        let done = Done::Stream { list, action: action.name() };
        let waiting = Waiting { done, until, answer: None, list: Vec::new() };
        shared.asked().waiting.insert(key.clone(), waiting);
        if shared.why_closed.get().is_some() || self.inner.out.send(Zeroizing::new(action.encode(&key))).is_err() {
            shared.asked().give_up(&key);
            return Err(shared.why_closed());
        }
        Ok(list)
    }

    /// Version of the manager interface.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// Sends an action and waits for its answer.
    ///
    /// # Errors
    /// Refused by Asterisk, no answer in time, or the connection is over.
    pub async fn action(&self, action: Action) -> Result<Message, AmiError> {
        let timeout = self.inner.timeout;
        self.inner.exchange(action, None, timeout).await.map(|(answer, _)| answer)
    }

    /// Sends an action that is answered by a list, and waits for its last event, `complete`.
    ///
    /// # Errors
    /// As [`Client::action`].
    pub async fn list(&self, action: Action, complete: &'static str) -> Result<Vec<Message>, AmiError> {
        let timeout = self.inner.timeout * 2;
        self.inner.exchange(action, Some(complete), timeout).await.map(|(_, list)| list)
    }

    /// Resolves when the connection is over; does not keep it alive.
    pub fn watch_close(&self) -> impl Future<Output = AmiError> + Send + 'static {
        let shared = Arc::clone(&self.inner.shared);
        async move {
            shared.closed().await;
            shared.why_closed()
        }
    }

    /// How the PBX's clock differs from ours, once it was measured. Only a PBX that puts a time into its answers to Ping says it.
    #[must_use]
    pub fn clock(&self) -> Option<Clock> {
        *self.inner.shared.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came until now.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let Shared { bytes, messages, cut, heard_us, .. } = &*self.inner.shared;
        Traffic {
            bytes: bytes.load(Ordering::Relaxed),
            messages: messages.load(Ordering::Relaxed),
            cut: cut.load(Ordering::Relaxed),
            heard_us: heard_us.load(Ordering::Relaxed),
        }
    }

    /// Ends the connection.
    pub fn close(&self) {
        self.inner.close(AmiError::Closed { why: "closed here".to_owned() });
    }
}

impl Inner {
    pub(crate) async fn exchange(
        &self,
        action: Action,
        until: Option<&'static str>,
        timeout: Duration,
    ) -> Result<(Message, Vec<Message>), AmiError> {
        let id = self.shared.key(self.shared.next_id.fetch_add(1, Ordering::Relaxed));
        let (done, answered) = oneshot::channel();
        let waiting = Waiting { done: Done::Caller(done), until, answer: None, list: Vec::new() };
        self.shared.asked().waiting.insert(id.clone(), waiting);
        // The entry goes also when this future is dropped half way.
        let _entry = Entry { shared: &self.shared, id: &id };
        if self.shared.why_closed.get().is_some() || self.out.send(Zeroizing::new(action.encode(&id))).is_err() {
            return Err(self.shared.why_closed());
        }
        let (answer, list) = match tokio::time::timeout(timeout, answered).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => return Err(self.shared.why_closed()),
            Err(_) => return Err(AmiError::Timeout { what: action.name().to_owned(), seconds: timeout.as_secs() }),
        };
        judge(&answer, action.name())?;
        Ok((answer, list))
    }

    pub(crate) fn close(&self, why: AmiError) {
        self.shared.close(why);
    }

    pub(crate) fn measured(&self, measured: Clock) {
        let mut clock = self.shared.clock.lock().unwrap_or_else(PoisonError::into_inner);
        *clock = Some(clock.map_or(measured, |known| known.or(measured)));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close(AmiError::Closed { why: "nobody needs it any more".to_owned() });
    }
}

fn judge(answer: &Message, action: &str) -> Result<(), AmiError> {
    if answer.is_success() {
        return Ok(());
    }
    let why = answer.said("Message").unwrap_or("no reason given").trim().to_owned();
    Err(AmiError::Refused { action: action.to_owned(), why })
}

struct Entry<'s> {
    shared: &'s Shared,
    id: &'s str,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.shared.asked().give_up(self.id);
    }
}

impl Shared {
    /// Somebody took events out of the queue.
    fn taken(&self, events: &[Incoming]) {
        let bytes = events.iter().map(Incoming::memory).sum();
        self.queued.fetch_sub(events.len(), Ordering::Relaxed);
        let before = self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if before >= MAX_QUEUED_BYTES && before - bytes < MAX_QUEUED_BYTES {
            self.room.notify_one();
        }
    }

    fn nobody_takes(&self) {
        self.queued.store(0, Ordering::Relaxed);
        self.queued_bytes.store(0, Ordering::Relaxed);
    }

    async fn has_room(&self) {
        while self.queued_bytes.load(Ordering::Relaxed) >= MAX_QUEUED_BYTES {
            self.room.notified().await;
        }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, number: u64) -> String {
        format!("ld-{:08x}-{number}", self.own)
    }

    fn close(&self, why: AmiError) {
        // The first reason is the cause, later ones are its consequences.
        let _ = self.why_closed.set(why);
        *self.asked() = Asked::default();
        // Two tasks wait, each for its own permit; a task that looks later sees `why_closed`.
        self.closing.notify_waiters();
    }

    fn why_closed(&self) -> AmiError {
        self.why_closed.get().cloned().unwrap_or_else(|| AmiError::Closed { why: "it was closed".to_owned() })
    }

    async fn closed(&self) {
        let notified = self.closing.notified();
        if self.why_closed.get().is_none() {
            notified.await;
        }
    }

    /// Gives an answer to whoever waits for it; what belongs among the events comes back.
    fn route(&self, message: Message) -> Option<Incoming> {
        let is_event = message.event().is_some();
        // A UserEvent has the fields that whoever made it chose, an ActionID too: it is never an answer.
        let id = message.action_id().filter(|_| message.event() != Some("UserEvent")).map(str::to_owned);
        let Some(id) = id else { return is_event.then_some(Incoming::Event(message)) };
        let mut asked = self.asked();
        let Some(entry) = asked.waiting.get_mut(&id) else {
            // An event by an id that nobody gave is somebody else's doing; one of what was given up is too late.
            let is_late = asked.given_up.contains(&id);
            return (is_event && !is_late).then_some(Incoming::Event(message));
        };
        let complete = if is_event {
            let last = entry.until.is_some_and(|until| message.event() == Some(until));
            entry.list.push(message);
            last
        } else {
            let list_follows = message.is_success() && entry.until.is_some();
            entry.answer = Some(message);
            !list_follows
        };
        if complete
            && let Some(Waiting { done, answer, list, .. }) = asked.waiting.remove(&id)
            && let Some(answer) = answer
        {
            match done {
                // Whoever asked may have given up just now.
                Done::Caller(caller) => drop(caller.send((answer, list))),
                Done::Stream { list: id, action } => {
                    return Some(Incoming::List { id, outcome: judge(&answer, action).map(|()| list) });
                }
            }
        }
        None
    }
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness two connections count alike, and may take the answers of each other's originated calls for theirs.
    getrandom::fill(&mut bytes).map_or(0, |()| u32::from_ne_bytes(bytes))
}

async fn banner(stream: &mut Stream, parser: &mut Parser, address: &str) -> Result<String, AmiError> {
    let mut bytes = [0_u8; 512];
    let not_ami = |why: String| AmiError::NotAmi { address: address.to_owned(), why };
    loop {
        match parser.next_frame().map_err(|error| not_ami(error.to_string()))? {
            Some(Frame::Banner(version)) => return Ok(version),
            Some(Frame::Message(_)) | None => {}
        }
        match stream.read(&mut bytes).await {
            Ok(0) => return Err(not_ami("it hung up without a word".to_owned())),
            Ok(count) => parser.push(&bytes[..count]),
            Err(error) => return Err(not_ami(error.to_string())),
        }
    }
}

async fn read(
    mut half: ReadHalf<Stream>,
    mut parser: Parser,
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<Incoming>,
) {
    let mut bytes = vec![0_u8; 64 * 1024];
    let why = loop {
        match drain(&mut parser, &shared, &events) {
            Ok(()) => {}
            Err(error) => break error,
        }
        tokio::select! {
            () = shared.has_room() => {}
            () = shared.closed() => break shared.why_closed(),
        }
        let read = tokio::select! {
            read = half.read(&mut bytes) => read,
            () = shared.closed() => break shared.why_closed(),
        };
        match read {
            Ok(0) => break AmiError::Closed { why: "Asterisk closed it".to_owned() },
            Ok(count) => {
                shared.bytes.fetch_add(count as u64, Ordering::Relaxed);
                shared.heard_us.store(now_us(), Ordering::Relaxed);
                parser.push(&bytes[..count]);
            }
            Err(error) => break AmiError::Closed { why: error.to_string() },
        }
    };
    shared.close(why);
}

fn drain(parser: &mut Parser, shared: &Shared, events: &mpsc::UnboundedSender<Incoming>) -> Result<(), AmiError> {
    while let Some(frame) = parser.next_frame()? {
        let Frame::Message(message) = frame else { continue };
        shared.messages.fetch_add(1, Ordering::Relaxed);
        let Some(event) = shared.route(message) else { continue };
        shared.queued.fetch_add(1, Ordering::Relaxed);
        shared.queued_bytes.fetch_add(event.memory(), Ordering::Relaxed);
        // Who only sends actions may drop the events.
        if events.send(event).is_err() {
            shared.nobody_takes();
        }
    }
    shared.cut.store(parser.cut(), Ordering::Relaxed);
    Ok(())
}

async fn write(
    mut half: WriteHalf<Stream>,
    mut queue: mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>,
    shared: Arc<Shared>,
) {
    loop {
        let bytes = tokio::select! {
            bytes = queue.recv() => bytes,
            () = shared.closed() => None,
        };
        let Some(bytes) = bytes else { break };
        let written = tokio::select! {
            written = async { half.write_all(&bytes).await?; half.flush().await } => written,
            () = shared.closed() => break,
        };
        if let Err(error) = written {
            shared.close(AmiError::Closed { why: error.to_string() });
            break;
        }
    }
    // The other side may be gone already; there is nobody left to tell.
    let _ = half.shutdown().await;
}
