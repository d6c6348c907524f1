//! The one task that owns all topics and who listens to them.

use central_api::live::Resume;
use central_api::{FromLive, MeState, QueueId, QueuesState, Topic, UserId};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::sync::mpsc;

use super::topic::{Frame, GAP_MS, TopicState, encode};
use crate::clock::now_ms;

/// Frames that wait for one reader; one more and it gets a snapshot instead of the backlog.
pub const READER_FRAMES: usize = 64;

/// A topic in a scope. Operators of the same queues share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Me(UserId),
    Queues(Vec<QueueId>),
    Calls,
}

#[derive(Debug)]
enum Message {
    Publish { key: Key, state: Value },
    Patch { key: Key, patch: Value },
    Scopes(Scopes),
    Subscribe { reader: Reader, topic: Topic, resume: Option<Resume> },
    Unsubscribe { connection: u64, topic: Topic },
    Gone { connection: u64 },
}

#[derive(Debug, Clone)]
struct Reader {
    connection: u64,
    user: UserId,
    sink: mpsc::Sender<Frame>,
    /// The channel was full; a snapshot follows when there is room.
    lagging: bool,
}

#[derive(Debug)]
struct Entry {
    state: TopicState,
    readers: Vec<Reader>,
}

/// Who may see what; who is not named sees nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes {
    /// Who is there, and which queues each sees.
    pub queues: BTreeMap<UserId, Vec<QueueId>>,
    /// Who sees all calls.
    pub watch: BTreeSet<UserId>,
}

/// Way to the topics.
#[derive(Debug, Clone)]
pub struct Hub {
    epoch: std::sync::Arc<str>,
    messages: mpsc::UnboundedSender<Message>,
}

impl Hub {
    /// Starts with a new epoch.
    #[must_use]
    pub fn start() -> Self {
        let epoch = uuid::Uuid::new_v4().simple().to_string();
        // Unbounded, because the desk must never wait for a reader; what lies in it is taken out at the speed of memory.
        let (messages, inbox) = mpsc::unbounded_channel();
        let task = Task { epoch: epoch.clone(), topics: HashMap::new(), scopes: Scopes::default(), made: 0 };
        tokio::spawn(task.run(inbox));
        Self { epoch: epoch.into(), messages }
    }

    /// Epoch of this process.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// An operator's own state.
    pub fn me(&self, user: UserId, state: &MeState) {
        self.publish(Key::Me(user), serde_json::to_value(state));
    }

    /// Figures of the queues of a scope.
    pub fn queues(&self, scope: &[QueueId], state: &QueuesState) {
        self.publish(Key::Queues(scope.to_vec()), serde_json::to_value(state));
    }

    /// Who sees which queues; who is not named sees nothing any more.
    pub fn scopes(&self, scopes: Scopes) {
        self.send(Message::Scopes(scopes));
    }

    /// What changed in the calls that go on, as a merge patch of [`central_api::CallsState`].
    pub fn calls(&self, patch: Value) {
        self.send(Message::Patch { key: Key::Calls, patch });
    }

    fn publish(&self, key: Key, state: Result<Value, serde_json::Error>) {
        match state {
            Ok(state) => self.send(Message::Publish { key, state }),
            Err(error) => tracing::error!(?key, %error, "a state cannot be written as JSON"),
        }
    }

    fn send(&self, message: Message) {
        // The task lives as long as any handle.
        let _ = self.messages.send(message);
    }

    /// A connection that will follow topics.
    #[must_use]
    pub fn subscriber(&self, user: UserId) -> (Subscriber, mpsc::Receiver<Frame>) {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let connection = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sink, frames) = mpsc::channel(READER_FRAMES);
        (Subscriber { hub: self.clone(), reader: Reader { connection, user, sink, lagging: false } }, frames)
    }
}

/// One connection's subscriptions; they end when it is dropped.
#[derive(Debug)]
pub struct Subscriber {
    hub: Hub,
    reader: Reader,
}

impl Subscriber {
    /// Follows a topic.
    pub fn subscribe(&self, topic: Topic, resume: Option<Resume>) {
        self.hub.send(Message::Subscribe { reader: self.reader.clone(), topic, resume });
    }

    /// No more of it.
    pub fn unsubscribe(&self, topic: Topic) {
        self.hub.send(Message::Unsubscribe { connection: self.reader.connection, topic });
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.hub.send(Message::Gone { connection: self.reader.connection });
    }
}

struct Task {
    epoch: String,
    topics: HashMap<Key, Entry>,
    scopes: Scopes,
    made: u64,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let none = serde_json::json!({"calls": {}, "stale": {}});
        self.publish(Key::Calls, none, now_ms());
        loop {
            let now = now_ms();
            let due = self.topics.values().filter_map(|entry| entry.state.due_ms()).min();
            let lagging = self.topics.values().any(|entry| entry.readers.iter().any(|reader| reader.lagging));
            let lag_due = lagging.then_some(now + GAP_MS);
            let next = due.into_iter().chain(lag_due).min();
            let wait = next.map(|at| Duration::from_millis((at - now).clamp(1, GAP_MS).unsigned_abs()));
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.handle(message),
                    None => return,
                },
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
            self.flush(now_ms());
        }
    }

    fn handle(&mut self, message: Message) {
        let now = now_ms();
        match message {
            Message::Publish { key, state } => self.publish(key, state, now),
            Message::Patch { key, patch } => self.patch(&key, patch, now),
            Message::Scopes(scopes) => self.change_scopes(scopes, now),
            Message::Subscribe { reader, topic, resume } => self.subscribe(reader, topic, resume.as_ref(), now),
            Message::Unsubscribe { connection, topic } => {
                for (key, entry) in &mut self.topics {
                    if key.topic() == topic {
                        entry.readers.retain(|reader| reader.connection != connection);
                    }
                }
            }
            Message::Gone { connection } => {
                for entry in self.topics.values_mut() {
                    entry.readers.retain(|reader| reader.connection != connection);
                }
            }
        }
    }

    fn publish(&mut self, key: Key, state: Value, now: i64) {
        if let Some(entry) = self.topics.get_mut(&key) {
            if let Some(frame) = entry.state.publish(&self.epoch, state, now) {
                entry.spread(&frame);
            }
            return;
        }
        self.made += 1;
        let topic = key.topic();
        // Each topic numbers from its own range: 2^20 topics, 2^32 frames each, all safe in JavaScript.
        let first = (self.made % (1 << 20)) << 32;
        let entry = Entry { state: TopicState::new(topic, state, first), readers: Vec::new() };
        self.topics.insert(key, entry);
    }

    fn patch(&mut self, key: &Key, patch: Value, now: i64) {
        let Some(entry) = self.topics.get_mut(key) else { return };
        if let Some(frame) = entry.state.patch(&self.epoch, patch, now) {
            entry.spread(&frame);
        }
    }

    fn key_of(&self, user: UserId, topic: Topic) -> Option<Key> {
        let scope = self.scopes.queues.get(&user)?;
        Some(match topic {
            Topic::Me => Key::Me(user),
            Topic::Queues => Key::Queues(scope.clone()),
            Topic::Calls => self.scopes.watch.contains(&user).then_some(Key::Calls)?,
        })
    }

    fn subscribe(&mut self, reader: Reader, topic: Topic, resume: Option<&Resume>, now: i64) {
        for (key, entry) in &mut self.topics {
            if key.topic() == topic {
                entry.readers.retain(|known| known.connection != reader.connection);
            }
        }
        let entry = self.key_of(reader.user, topic).and_then(|key| self.topics.get_mut(&key));
        let Some(entry) = entry else {
            let _ = reader.sink.try_send(encode(&FromLive::TopicEnd { topic }));
            return;
        };
        let mut reader = reader;
        for frame in entry.state.catch_up(&self.epoch, resume, now) {
            // More frames than the channel holds: the reader gets a snapshot as soon as there is room.
            reader.lagging |= reader.sink.try_send(frame).is_err();
        }
        entry.readers.push(reader);
    }

    /// A right that is lost ends the topic at once; another scope begins with a snapshot.
    fn change_scopes(&mut self, scopes: Scopes, now: i64) {
        let before = std::mem::replace(&mut self.scopes, scopes);
        let mut moving = Vec::new();
        for (key, entry) in &mut self.topics {
            let topic = key.topic();
            let stays = |reader: &Reader| match (key, self.scopes.queues.get(&reader.user)) {
                (_, None) => false,
                (Key::Me(_), Some(_)) => true,
                (Key::Calls, Some(_)) => self.scopes.watch.contains(&reader.user),
                (Key::Queues(scope), Some(now)) => scope == now,
            };
            moving.extend(entry.readers.iter().filter(|reader| !stays(reader)).map(|reader| (reader.clone(), topic)));
            entry.readers.retain(stays);
        }
        let wanted: std::collections::BTreeSet<Vec<QueueId>> = self.scopes.queues.values().cloned().collect();
        for scope in wanted {
            let key = Key::Queues(scope);
            // Its state is published right after the scopes; who subscribes earlier sees an empty one for that moment.
            if !self.topics.contains_key(&key) {
                self.publish(key, serde_json::json!({"queues": {}}), now);
            }
        }
        for (reader, topic) in moving {
            self.subscribe(Reader { lagging: false, ..reader }, topic, None, now);
        }
        if before != self.scopes {
            let live: std::collections::HashSet<&Vec<QueueId>> = self.scopes.queues.values().collect();
            let scopes = &self.scopes.queues;
            self.topics.retain(|key, _| match key {
                Key::Me(user) => scopes.contains_key(user),
                Key::Queues(scope) => live.contains(scope),
                Key::Calls => true,
            });
        }
    }

    fn flush(&mut self, now: i64) {
        for entry in self.topics.values_mut() {
            if entry.state.due_ms().is_some()
                && let Some(frame) = entry.state.flush(&self.epoch, now)
            {
                entry.spread(&frame);
            }
            for reader in entry.readers.iter_mut().filter(|reader| reader.lagging) {
                // Half free: a reader that is only just able to follow would lag again at once.
                if reader.sink.capacity() >= READER_FRAMES / 2 {
                    reader.lagging = reader.sink.try_send(entry.state.snapshot(&self.epoch, now)).is_err();
                }
            }
            entry.readers.retain(|reader| !reader.sink.is_closed());
        }
    }
}

impl Key {
    fn topic(&self) -> Topic {
        match self {
            Self::Me(_) => Topic::Me,
            Self::Queues(_) => Topic::Queues,
            Self::Calls => Topic::Calls,
        }
    }
}

impl Entry {
    fn spread(&mut self, frame: &Frame) {
        for reader in self.readers.iter_mut().filter(|reader| !reader.lagging) {
            reader.lagging = reader.sink.try_send(frame.clone()).is_err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hub, Key, READER_FRAMES, Scopes};
    use central_api::{FromLive, Topic, UserId};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[tokio::test]
    async fn a_slow_reader_gets_a_snapshot_and_no_backlog() {
        let hub = Hub::start();
        let anna = UserId(1);
        hub.scopes(Scopes { queues: BTreeMap::from([(anna, Vec::new())]), ..Scopes::default() });
        let publish = |n: usize| hub.publish(Key::Me(anna), Ok(json!({ "n": n })));
        publish(0);
        let (slow, mut frames) = hub.subscriber(anna);
        // The reader takes nothing while its channel is filled, frame by frame.
        for _ in 0..=READER_FRAMES {
            slow.subscribe(Topic::Me, None);
        }
        // A second reader tells when the change has gone out.
        let (quick, mut quick_frames) = hub.subscriber(anna);
        quick.subscribe(Topic::Me, None);
        quick_frames.recv().await.unwrap();
        publish(1);
        quick_frames.recv().await.unwrap();
        assert_eq!(frames.len(), READER_FRAMES, "full, and the change is not in it");

        let mut waiting = READER_FRAMES;
        loop {
            let frame: FromLive = serde_json::from_str(&frames.recv().await.unwrap()).unwrap();
            match frame {
                FromLive::Snapshot { state, .. } if waiting == 0 => {
                    assert_eq!(state, json!({ "n": 1 }));
                    break;
                }
                FromLive::Snapshot { state, .. } => assert_eq!(state, json!({ "n": 0 })),
                other => panic!("a delta that does not follow: {other:?}"),
            }
            waiting -= 1;
        }
    }

    #[tokio::test]
    async fn a_right_that_is_lost_ends_the_topic() {
        let hub = Hub::start();
        let anna = UserId(1);
        hub.scopes(Scopes { queues: BTreeMap::from([(anna, Vec::new())]), ..Scopes::default() });
        hub.publish(Key::Me(anna), Ok(json!({})));
        let (reader, mut frames) = hub.subscriber(anna);
        reader.subscribe(Topic::Me, None);
        frames.recv().await.unwrap();
        hub.scopes(Scopes::default());
        let frame: FromLive = serde_json::from_str(&frames.recv().await.unwrap()).unwrap();
        assert_eq!(frame, FromLive::TopicEnd { topic: Topic::Me });
    }
}
