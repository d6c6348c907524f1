//! Asks a PBX, and listens to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ami::{Action, Client, Clock, Event, Events, Incoming, ListId};
use tokio::time::Instant;

use super::Examination;
use super::seen::Seen;

/// How long events are listened to where nothing else tells which of them come.
const WATCH: Duration = Duration::from_secs(10);

/// Queues, members of one, and filters that are looked at; more tell nothing new.
const MOST_QUEUES: usize = 200;
const MOST_MEMBERS: usize = 50;
const MOST_FILTERS: usize = 20;

/// What is asked of a queue's section in queues.conf.
const QUEUE_KEYS: &[&str] =
    &["ringinuse", "autopause", "wrapuptime", "joinempty", "leavewhenempty", "strategy", "timeout", "musicclass"];

/// What a PBX told.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// Of Asterisk.
    pub(super) version: Option<String>,
    /// Actions that the user may send. None: not told.
    pub(super) actions: Option<BTreeSet<String>>,
    pub(super) clock: Option<Clock>,
    /// Files of the PBX, as far as they were asked. None: they cannot be.
    pub(super) files: Option<Files>,
    pub(super) queues: Vec<QueueSeen>,
    /// Queues of Linedesk that the PBX does not have.
    pub(super) strangers: Vec<String>,
    pub(super) seen: Seen,
}

/// A queue of the PBX.
#[derive(Debug, Clone, Default)]
pub(super) struct QueueSeen {
    pub(super) name: String,
    pub(super) strategy: Option<String>,
    /// Whether one of its members may be rung while he talks. None: there is no member, or it is not told.
    pub(super) ringinuse: Option<bool>,
    /// Members that AMI cannot remove.
    pub(super) fixed: usize,
    pub(super) interfaces: Vec<String>,
}

/// Values of configuration files, read by the dialplan function `AST_CONFIG`, which classes that Linedesk needs anyway may ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Files(BTreeMap<(String, String, String), String>);

impl Files {
    /// Empty where nothing is written.
    pub(super) fn get(&self, file: &str, section: &str, key: &str) -> &str {
        let key = (file.to_owned(), section.to_owned(), key.to_owned());
        self.0.get(&key).map(String::as_str).unwrap_or_default()
    }

    /// Whether the file has the queue at all; one of a database is in none.
    pub(super) fn has_queue(&self, queue: &str) -> bool {
        QUEUE_KEYS.iter().any(|key| !self.get("queues.conf", queue, key).is_empty())
    }

    #[cfg(test)]
    pub(super) fn with(mut self, file: &str, section: &str, key: &str, value: &str) -> Self {
        self.0.insert((file.to_owned(), section.to_owned(), key.to_owned()), value.to_owned());
        self
    }

    async fn ask(&mut self, client: &Client, file: &str, section: &str, key: &str) -> bool {
        let plain =
            |text: &str| !text.is_empty() && !text.contains(['(', ')', '[', ']', '{', '}', ',', '"', '\\', '$']);
        // The name of a key may carry its index.
        if !plain(section) || !key.split(',').all(plain) {
            return false;
        }
        // A section made of a template has a key twice, and the last one counts. Asterisk 1.8 knows no index.
        let last = if key.contains(',') { key.to_owned() } else { format!("{key},-1") };
        let mut value = String::new();
        for key in [last.as_str(), key] {
            if value.is_empty() {
                value = getvar(client, &format!("AST_CONFIG({file},{section},{key})")).await.unwrap_or_default();
            }
        }
        let is_there = !value.is_empty();
        if is_there {
            self.0.insert((file.to_owned(), section.to_owned(), key.to_owned()), value);
        }
        is_there
    }
}

/// Asks for everything. A question that is refused stays unanswered; it ends nothing.
pub(super) async fn gather(client: &Client, mut events: Events, examination: &Examination) -> Evidence {
    let mut found = Evidence::default();
    let before = channels(client);
    if let Ok(answer) = client.action(Action::new("ListCommands")).await {
        found.actions = Some(answer.fields().map(|(name, _)| name.to_owned()).collect());
    }
    if let Ok(answer) = client.action(Action::new("CoreSettings")).await {
        found.version = answer.said("AsteriskVersion").map(str::to_owned);
    }
    queues(client, examination, &mut found).await;
    found.files = files(client, &examination.options.username, &found.queues).await;
    let watch = examination.watch.unwrap_or(if found.files.is_some() { Duration::ZERO } else { WATCH });
    watch_events(client, &mut events, before, Instant::now() + watch, &mut found.seen).await;
    // The first ping goes out with the login, and answers come in order.
    found.clock = client.clock();
    found
}

async fn queues(client: &Client, examination: &Examination, found: &mut Evidence) {
    let Ok(list) = client.list(Action::new("QueueStatus"), "QueueStatusComplete").await else { return };
    let mut queues: BTreeMap<String, QueueSeen> = BTreeMap::new();
    for message in &list {
        match Event::read(message) {
            Event::QueueParams { queue, .. } => {
                let strategy = message.said("Strategy").map(str::to_owned);
                queues.insert(queue.to_owned(), QueueSeen { name: queue.to_owned(), strategy, ..QueueSeen::default() });
            }
            Event::QueueMember(member) => {
                if let Some(queue) = queues.get_mut(&member.queue) {
                    queue.fixed += usize::from(!member.membership.eq_ignore_ascii_case("dynamic"));
                    queue.interfaces.push(member.interface);
                }
            }
            _ => {}
        }
    }
    found.strangers = examination.queues.iter().filter(|name| !queues.contains_key(*name)).cloned().collect();
    let wanted = |queue: &QueueSeen| examination.queues.is_empty() || examination.queues.contains(&queue.name);
    for mut queue in queues.into_values().filter(wanted).take(MOST_QUEUES) {
        for interface in queue.interfaces.iter().take(MOST_MEMBERS) {
            let told = getvar(client, &format!("QUEUE_MEMBER({},ringinuse,{interface})", queue.name)).await;
            match told.as_deref() {
                Some("1") => queue.ringinuse = Some(true),
                Some("0") => queue.ringinuse = queue.ringinuse.or(Some(false)),
                _ => {}
            }
        }
        found.queues.push(queue);
    }
}

async fn files(client: &Client, username: &str, queues: &[QueueSeen]) -> Option<Files> {
    let mut files = Files::default();
    // Without it nobody could have logged in: an empty answer comes from a PBX that does not have the function.
    if !files.ask(client, "manager.conf", "general", "enabled").await {
        return None;
    }
    for key in ["timestampevents", "channelvars"] {
        files.ask(client, "manager.conf", "general", key).await;
    }
    // Never `secret`: the function would tell it.
    for key in ["read", "write", "writetimeout"] {
        files.ask(client, "manager.conf", username, key).await;
    }
    for index in 0..MOST_FILTERS {
        if !files.ask(client, "manager.conf", username, &format!("eventfilter,{index}")).await {
            break;
        }
    }
    for key in ["persistentmembers", "shared_lastcall"] {
        files.ask(client, "queues.conf", "general", key).await;
    }
    for queue in queues {
        for key in QUEUE_KEYS {
            files.ask(client, "queues.conf", &queue.name, key).await;
        }
    }
    Some(files)
}

/// Listens until the time is over, and to what had happened until then.
async fn watch_events(client: &Client, events: &mut Events, before: Option<ListId>, until: Instant, seen: &mut Seen) {
    let mut last = None;
    let mut asked = false;
    loop {
        let incoming = tokio::select! {
            incoming = events.recv() => incoming,
            () = tokio::time::sleep_until(until), if !asked => {
                asked = true;
                last = channels(client);
                continue;
            }
        };
        match incoming {
            Some(Incoming::Event(event)) => seen.event(&event),
            Some(Incoming::List { id, outcome }) => {
                if let Ok(list) = outcome {
                    seen.list(&list);
                }
                debug_assert!(Some(id) == last || Some(id) == before, "no other list was asked for");
                if Some(id) == last {
                    return;
                }
            }
            // The PBX hung up; what was seen is true all the same.
            None => return,
        }
    }
}

fn channels(client: &Client) -> Option<ListId> {
    client.list_in_order(Action::new("CoreShowChannels"), "CoreShowChannelsComplete").ok()
}

async fn getvar(client: &Client, variable: &str) -> Option<String> {
    let action = Action::new("Getvar").with("Variable", variable).ok()?;
    client.action(action).await.ok()?.get("Value").map(str::to_owned)
}
