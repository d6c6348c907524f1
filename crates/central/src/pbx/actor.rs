//! The task of one PBX: the link, the clock and the channels around the pure [`Machine`].

use std::collections::HashMap;
use std::time::Duration;

use ami::{AmiError, Client, ConnectOptions, Event, Events, Incoming, Link, LinkEvent, ListId, Message, Tls};
use calls::PbxIx;
use central_api::{PbxId, Secret};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::clock::now_ms;
use crate::collector::{Handle, Input, PbxTime};

use super::contract::{PbxCommand, PbxReport, Returned};
use super::machine::{Effect, ListKind, Machine, Then};

/// Classes of events that queues and phones need.
const EVENTS: &str = "system,call,agent";

/// And what the calls need besides. `dialplan` is 70 % of the stream, and alone says why a caller left a queue, and where in the
/// dialplan he is.
const EVENTS_FOR_CALLS: &str = "system,call,agent,user,dialplan,dtmf";

/// Events that are handled in one turn.
const AT_ONCE: usize = 256;

/// Granularity of everything that waits for time.
const TICK: Duration = Duration::from_millis(250);

/// Where a PBX is and what may be done there.
#[derive(Debug, Clone)]
pub struct PbxConfig {
    /// Own id.
    pub id: PbxId,
    /// Name for people and logs.
    pub name: String,
    /// Host of the manager interface.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS, outside loopback.
    pub tls: Option<Tls>,
    /// Manager user.
    pub username: String,
    /// Its secret.
    pub secret: Secret,
    /// False: observe only, no action that changes anything is ever sent.
    pub managed: bool,
    /// Where calls are told from what comes from here.
    pub calls: Option<Handle>,
}

/// A running PBX actor; it ends when this is dropped.
#[derive(Debug)]
pub struct PbxHandle {
    commands: mpsc::UnboundedSender<PbxCommand>,
    task: JoinHandle<()>,
}

impl PbxHandle {
    /// Hands a command over without waiting; it is taken also while the PBX is away. False when the actor is gone.
    pub fn send(&self, command: PbxCommand) -> bool {
        self.commands.send(command).is_ok()
    }
}

impl Drop for PbxHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the actor of a PBX. Reports go to `reports`.
#[must_use]
pub fn spawn(config: PbxConfig, reports: mpsc::Sender<PbxReport>) -> PbxHandle {
    let (commands, from) = mpsc::unbounded_channel();
    let task = tokio::spawn(Actor::new(config, reports).run(from));
    PbxHandle { commands, task }
}

type Answer = (u64, Then, Result<Message, AmiError>);

/// Lost calls of one command, and who waits for what became of them.
#[derive(Debug)]
struct Batch {
    open: Vec<String>,
    done: Vec<Returned>,
    reply: oneshot::Sender<Vec<Returned>>,
}

struct Actor {
    config: PbxConfig,
    reports: mpsc::Sender<PbxReport>,
    machine: Machine,
    connection: Option<(Client, Events)>,
    /// Grows with each connection: answers of an earlier one are void.
    generation: u64,
    lists: HashMap<ListId, ListKind>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    batches: Vec<Batch>,
    time: PbxTime,
    look: Look,
}

/// A look at the PBX for the calls: all its lists together.
#[derive(Debug, Default)]
struct Look {
    asked_ms: i64,
    missing: Vec<ListKind>,
    list: Vec<Message>,
}

/// What woke the actor.
enum Wake {
    Command(PbxCommand),
    Link(LinkEvent),
    Incoming(Vec<Incoming>),
    Silence,
    Answer(Answer),
    Tick,
}

impl Actor {
    fn new(config: PbxConfig, reports: mpsc::Sender<PbxReport>) -> Self {
        Self {
            machine: Machine::new(config.managed),
            config,
            reports,
            connection: None,
            generation: 0,
            lists: HashMap::new(),
            answers: FuturesUnordered::new(),
            batches: Vec::new(),
            time: PbxTime::default(),
            look: Look::default(),
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<PbxCommand>) {
        let config = &self.config;
        let secret = ami::Secret::new(config.secret.expose());
        let mut options = ConnectOptions::new(config.host.clone(), config.port, config.username.clone(), secret);
        options.tls.clone_from(&config.tls);
        options.events = if config.calls.is_some() { EVENTS_FOR_CALLS } else { EVENTS }.to_owned();
        let mut link = Link::spawn(options);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wake = tokio::select! {
                // The frequent last: a flood of events must not hold back a command. Events come before the link's end,
                // because what was said before a loss is still true of the time before it.
                biased;
                _ = ticks.tick() => Wake::Tick,
                command = commands.recv() => match command {
                    Some(command) => Wake::Command(command),
                    None => return,
                },
                Some(answer) = self.answers.next() => Wake::Answer(answer),
                incoming = next(&mut self.connection) => if incoming.is_empty() { Wake::Silence } else { Wake::Incoming(incoming) },
                Some(event) = link.recv() => Wake::Link(event),
            };
            let effects = self.handle(wake, now_ms());
            if !self.carry_out(effects).await {
                return;
            }
        }
    }

    fn handle(&mut self, wake: Wake, now_ms: i64) -> Vec<Effect> {
        let pbx = self.config.name.clone();
        match wake {
            Wake::Command(PbxCommand::Desire(wishes)) => self.machine.desire(wishes, now_ms),
            Wake::Command(PbxCommand::Watch(endpoints)) => self.machine.watch(endpoints),
            Wake::Command(PbxCommand::Retry) => self.machine.retry(now_ms),
            Wake::Command(PbxCommand::ReturnToQueue { sip_call_ids, reply }) => {
                self.batches.push(Batch { open: sip_call_ids.clone(), done: Vec::new(), reply });
                self.machine.return_to_queue(sip_call_ids, now_ms)
            }
            Wake::Link(LinkEvent::Connected(client, events)) => {
                tracing::info!(pbx, version = client.version(), "connected to the manager of {pbx}");
                self.connection = Some((client, events));
                self.generation += 1;
                self.machine.connected(now_ms)
            }
            Wake::Link(LinkEvent::Lost { error, retry_in }) => {
                tracing::warn!(pbx, %error, ?retry_in, "no link to {pbx}: {error}");
                self.hang_up();
                self.machine.lost()
            }
            Wake::Silence => {
                self.hang_up();
                self.machine.lost()
            }
            Wake::Incoming(incoming) => self.incoming(incoming, now_ms),
            Wake::Answer((generation, then, answer)) if generation == self.generation => {
                if let Err(error) = &answer {
                    tracing::debug!(pbx, ?then, %error, "{pbx}: {error}");
                }
                if let (Then::CallId(uniqueid), Ok(message)) = (&then, &answer)
                    && let Some(call_id) = message.said("Value")
                {
                    let (uniqueid, call_id) = (uniqueid.clone(), call_id.to_owned());
                    self.tell_calls(Input::SipCallId { pbx: self.ix(), at_ms: now_ms, uniqueid, call_id });
                }
                self.machine.answer(&then, answer, now_ms)
            }
            Wake::Answer(_) => Vec::new(),
            Wake::Tick => self.machine.tick(now_ms),
        }
    }

    /// What came, to the machine and to the calls, in order.
    fn incoming(&mut self, incoming: Vec<Incoming>, now_ms: i64) -> Vec<Effect> {
        let clock = self.connection.as_ref().and_then(|(client, _)| client.clock());
        let (mut effects, mut events) = (Vec::new(), Vec::new());
        for incoming in incoming {
            match incoming {
                Incoming::Event(message) => {
                    effects.extend(self.machine.event(&Event::read(&message), now_ms));
                    if self.config.calls.is_some() {
                        events.push((self.time.of(message.timestamp_us(), clock, now_ms), message));
                    }
                }
                Incoming::List { id, outcome } => {
                    let Some(kind) = self.lists.remove(&id) else { continue };
                    self.tell_calls(Input::Events(self.ix(), std::mem::take(&mut events)));
                    self.listed(kind, outcome.as_ref().ok(), now_ms);
                    effects.extend(self.machine.list(kind, outcome, now_ms));
                }
            }
        }
        self.tell_calls(Input::Events(self.ix(), events));
        effects
    }

    /// A list of a look came, or was refused: an Asterisk that has no BridgeList has no bridges either.
    fn listed(&mut self, kind: ListKind, list: Option<&Vec<Message>>, now_ms: i64) {
        let Some(at) = self.look.missing.iter().position(|missing| *missing == kind) else { return };
        self.look.missing.swap_remove(at);
        self.look.list.extend(list.into_iter().flatten().cloned());
        if self.look.missing.is_empty() {
            let Look { asked_ms, list, .. } = std::mem::take(&mut self.look);
            self.tell_calls(Input::Lists { pbx: self.ix(), asked_ms, came_ms: now_ms, list });
        }
    }

    fn ix(&self) -> PbxIx {
        PbxIx(u32::try_from(self.config.id.0).unwrap_or(u32::MAX))
    }

    fn tell_calls(&self, input: Input) {
        let nothing = matches!(&input, Input::Events(_, events) if events.is_empty());
        if let Some(calls) = self.config.calls.as_ref().filter(|_| !nothing)
            && !calls.tell(input)
        {
            tracing::debug!(pbx = self.config.name, "nobody collects the calls of {}", self.config.name);
        }
    }

    fn hang_up(&mut self) {
        if self.connection.is_some() {
            self.tell_calls(Input::Lost(self.ix(), now_ms()));
        }
        self.look = Look::default();
        // Dropping the client ends the connection, so that the link makes another.
        self.connection = None;
        self.lists.clear();
        self.generation += 1;
        self.answers = FuturesUnordered::new();
    }

    /// False when nobody takes reports any more.
    async fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        for effect in effects {
            match effect {
                Effect::Report(event) => {
                    if self.reports.send(PbxReport { pbx: self.config.id, event }).await.is_err() {
                        return false;
                    }
                }
                Effect::Send { action, then } => {
                    let Some((client, _)) = &self.connection else { continue };
                    if !self.config.managed && changes_something(action.name()) {
                        tracing::error!(
                            action = action.name(),
                            "an action for a PBX that is only watched was held back"
                        );
                        continue;
                    }
                    let (client, generation) = (client.clone(), self.generation);
                    // Sent when first polled, which is at the next turn of the loop.
                    self.answers.push(Box::pin(async move {
                        let answer = client.action(action).await;
                        (generation, then, answer)
                    }));
                }
                Effect::List(kind) => {
                    let Some((client, _)) = &self.connection else { continue };
                    let (action, complete) = match kind {
                        ListKind::Queues => ("QueueStatus", "QueueStatusComplete"),
                        ListKind::Channels => ("CoreShowChannels", "CoreShowChannelsComplete"),
                        ListKind::Bridges => ("BridgeList", "BridgeListComplete"),
                    };
                    if self.look.missing.is_empty() {
                        self.look = Look { asked_ms: now_ms(), ..Look::default() };
                    }
                    self.look.missing.push(kind);
                    if let Ok(id) = client.list_in_order(ami::Action::new(action), complete) {
                        self.lists.insert(id, kind);
                    }
                }
                Effect::Returned(returned) => self.returned(returned),
                Effect::GiveUp(why) => {
                    tracing::warn!(pbx = self.config.name, why, "link to {} given up: {why}", self.config.name);
                    self.hang_up();
                }
            }
        }
        true
    }

    fn returned(&mut self, returned: Returned) {
        let mut kept = Vec::new();
        for mut batch in std::mem::take(&mut self.batches) {
            if let Some(at) = batch.open.iter().position(|id| *id == returned.sip_call_id) {
                batch.open.remove(at);
                batch.done.push(returned.clone());
            }
            if batch.open.is_empty() {
                // Whoever asked may have gone.
                let _ = batch.reply.send(batch.done);
            } else {
                kept.push(batch);
            }
        }
        self.batches = kept;
    }
}

/// The second lock on *observe only*; the first is that the machine never wishes it.
fn changes_something(action: &str) -> bool {
    !matches!(action, "CoreStatus" | "Getvar" | "QueueStatus" | "CoreShowChannels" | "BridgeList")
}

/// All that came; nothing when the connection is over.
async fn next(connection: &mut Option<(Client, Events)>) -> Vec<Incoming> {
    let mut incoming = Vec::new();
    match connection {
        Some((_, events)) => drop(events.recv_many(&mut incoming, AT_ONCE).await),
        None => std::future::pending().await,
    }
    incoming
}

#[cfg(test)]
mod tests {
    use super::changes_something;

    #[test]
    fn what_only_asks_may_be_sent_to_a_watched_pbx() {
        for action in ["QueueAdd", "QueueRemove", "QueuePause", "QueuePenalty", "Setvar", "Redirect", "Hangup"] {
            assert!(changes_something(action), "{action}");
        }
        assert!(!changes_something("Getvar"));
    }
}
