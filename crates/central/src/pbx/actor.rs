//! The task of one PBX: its links, the clock and the channels around the pure [`Machine`].
//!
//! It never waits for whom it tells, so that it always listens: reports wait here, and while too many do, or the calls are behind,
//! events wait where they are read from the socket.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use ami::{AmiError, ConnectOptions, Event, Incoming, LinkEvent, ListId, Message};
use calls::PbxIx;
use central_api::PbxId;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::clock::now_ms;
use crate::collector::{Handle, Input, PbxTime};

use super::connections::{Connections, Heard, Told, Turned};
use super::contract::{PbxCommand, PbxEvent, PbxReport, Returned};
use super::health::PbxHealth;
use super::looking::{Looked, Looking};
use super::machine::{Effect, ListKind, Machine, Then};

/// Classes of events that queues and phones need.
const EVENTS: &str = "system,call,agent";

/// And what the calls need besides. `dialplan` is 70 % of the stream, and alone says why a caller left a queue, and where in the
/// dialplan he is.
pub(super) const EVENTS_FOR_CALLS: &str = "system,call,agent,user,dialplan,dtmf";

/// Granularity of everything that waits for time.
const TICK: Duration = Duration::from_millis(250);

/// Reports that wait for the desk before events wait, too.
const MAX_REPORTS: usize = 10_000;

/// A link that does not answer by then, though another one stands, is left. Until then the others are not listened to.
const OWED_MS: i64 = 5_000;

/// Where a PBX is and what may be done there.
#[derive(Debug, Clone)]
pub struct PbxConfig {
    /// Own id.
    pub id: PbxId,
    /// Name for people and logs.
    pub name: String,
    /// The ways to its manager interface, at most [`ami::doubles::MAX_CONNECTIONS`]; all are connected at once.
    pub links: Vec<ConnectOptions>,
    /// False: observe only, no action that changes anything is ever sent.
    pub managed: bool,
    /// Where calls are told from what comes from here.
    pub calls: Option<Handle>,
}

/// A running PBX actor; it ends when this is dropped.
#[derive(Debug)]
pub struct PbxHandle {
    commands: mpsc::UnboundedSender<PbxCommand>,
    health: watch::Receiver<PbxHealth>,
    task: JoinHandle<()>,
}

impl PbxHandle {
    /// Hands a command over without waiting; it is taken also while the PBX is away. False when the actor is gone.
    pub fn send(&self, command: PbxCommand) -> bool {
        self.commands.send(command).is_ok()
    }

    /// How well its links do, from now on.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<PbxHealth> {
        self.health.clone()
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
    let (told, health) = watch::channel(PbxHealth::default());
    let task = tokio::spawn(Actor::new(config, reports, told).run(from));
    PbxHandle { commands, health, task }
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
    id: PbxId,
    name: String,
    managed: bool,
    calls: Option<Handle>,
    reports: mpsc::Sender<PbxReport>,
    /// What the desk has not taken yet.
    outbox: VecDeque<PbxEvent>,
    health: watch::Sender<PbxHealth>,
    machine: Machine,
    connections: Connections,
    /// The calls were told that a link stands.
    linked: bool,
    /// Grows with each loss of all links: answers from before are void.
    generation: u64,
    /// Lists under way: by which link, which, and since when.
    lists: HashMap<(usize, ListId), (ListKind, i64)>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    batches: Vec<Batch>,
    time: PbxTime,
    looking: Looking,
    /// Until when the calls know that this link stood.
    heard_ms: i64,
    /// The calls were told that more waits here.
    behind: bool,
}

/// Seven of ten events of a busy PBX, of which nobody but the calls wants to know what they say.
fn is_of_dialplan(message: &Message) -> bool {
    matches!(message.event(), Some("VarSet" | "Newexten"))
}

impl Drop for Actor {
    /// Whoever collects the calls hears no more of this PBX: until another actor has looked at it, who vanished did so after this.
    fn drop(&mut self) {
        if self.linked {
            self.tell_calls(Input::Lost(self.ix()));
        }
    }
}

/// What woke the actor.
enum Wake {
    Command(PbxCommand),
    Heard(Heard),
    Answer(Answer),
    Reported,
    Tick,
}

impl Actor {
    fn new(config: PbxConfig, reports: mpsc::Sender<PbxReport>, health: watch::Sender<PbxHealth>) -> Self {
        let PbxConfig { id, name, mut links, managed, calls } = config;
        for options in &mut links {
            options.events = if calls.is_some() { EVENTS_FOR_CALLS } else { EVENTS }.to_owned();
        }
        let mut connections = Connections::open(&name, links, ami::now_us() / 1000);
        health.send_replace(connections.health(ami::now_us() / 1000));
        Self {
            machine: Machine::new(managed),
            connections,
            id,
            name,
            managed,
            calls,
            reports,
            outbox: VecDeque::new(),
            health,
            linked: false,
            generation: 0,
            lists: HashMap::new(),
            answers: FuturesUnordered::new(),
            batches: Vec::new(),
            time: PbxTime::default(),
            looking: Looking::default(),
            heard_ms: 0,
            behind: false,
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<PbxCommand>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let behind = self.calls.clone().filter(Handle::is_behind);
            let (full, listing) = (self.outbox.len() >= MAX_REPORTS || behind.is_some(), !self.lists.is_empty());
            let wake = tokio::select! {
                // The frequent last: a flood of events must not hold back a command.
                biased;
                _ = ticks.tick() => Wake::Tick,
                command = commands.recv() => match command {
                    Some(command) => Wake::Command(command),
                    None => return,
                },
                place = self.reports.reserve(), if !self.outbox.is_empty() => {
                    let Ok(place) = place else { return };
                    if let Some(event) = self.outbox.pop_front() {
                        place.send(PbxReport { pbx: self.id, event });
                    }
                    Wake::Reported
                }
                Some(answer) = self.answers.next() => Wake::Answer(answer),
                () = caught_up(behind.as_ref()), if behind.is_some() => continue,
                heard = self.connections.next(listing), if !full => Wake::Heard(heard),
            };
            let effects = self.handle(wake, now_ms());
            self.carry_out(effects);
        }
    }

    fn handle(&mut self, wake: Wake, now_ms: i64) -> Vec<Effect> {
        let pbx = self.name.clone();
        match wake {
            Wake::Command(PbxCommand::Desire(wishes)) => self.machine.desire(wishes, now_ms),
            Wake::Command(PbxCommand::Watch(endpoints)) => self.machine.watch(endpoints),
            Wake::Command(PbxCommand::AskDialogs(endpoints)) => self.machine.ask_dialogs(endpoints),
            Wake::Command(PbxCommand::Retry) => self.machine.retry(now_ms),
            Wake::Command(PbxCommand::ReturnToQueue { sip_call_ids, reply }) => {
                self.batches.push(Batch { open: sip_call_ids.clone(), done: Vec::new(), reply });
                self.machine.return_to_queue(sip_call_ids, now_ms)
            }
            Wake::Heard(Heard::Link(at, LinkEvent::Connected(client, events))) => {
                if !self.connections.connected(at, client, events, ami::now_us() / 1000) {
                    return Vec::new();
                }
                self.generation += 1;
                self.linked = true;
                self.machine.connected(now_ms)
            }
            Wake::Heard(Heard::Link(at, LinkEvent::Lost { error, retry_in })) => {
                self.connections.lost(at, &error, retry_in, ami::now_us() / 1000);
                if self.connections.client().is_some() { Vec::new() } else { self.all_lost() }
            }
            Wake::Heard(Heard::Ended(at)) => {
                let turned = self.connections.ended(at, ami::now_us() / 1000);
                self.turned(at, turned, now_ms)
            }
            Wake::Heard(Heard::Incoming(at, incoming)) => self.incoming(at, incoming, now_ms),
            Wake::Reported => Vec::new(),
            Wake::Answer((generation, then, answer)) if generation == self.generation => {
                if let Err(error) = &answer {
                    tracing::debug!(pbx, ?then, %error, "{pbx}: {error}");
                }
                if let (Then::CallId(uniqueid), Ok(message)) = (&then, &answer)
                    && let Some(call_id) = message.said("Value")
                {
                    let (uniqueid, call_id) = (uniqueid.clone(), call_id.to_owned());
                    let at_ms = ami::now_us() / 1000;
                    self.tell_calls(Input::SipCallId { pbx: self.ix(), at_ms, uniqueid, call_id });
                }
                self.machine.answer(&then, answer, now_ms)
            }
            Wake::Answer(_) => Vec::new(),
            Wake::Tick => {
                self.stands();
                let health = self.connections.health(ami::now_us() / 1000);
                self.health.send_if_modified(|told| {
                    let changed = *told != health;
                    *told = health;
                    changed
                });
                let mut effects = self.overdue(now_ms);
                effects.extend(self.machine.tick(now_ms));
                effects
            }
        }
    }

    /// Commands go another way, or no way at all.
    fn turned(&mut self, from: usize, turned: Turned, now_ms: i64) -> Vec<Effect> {
        self.lists.retain(|(link, _), _| *link != from);
        match turned {
            Turned::Not => Vec::new(),
            Turned::ToNone => self.all_lost(),
            // Nothing of the events is missing; what was asked by the dead link is asked again.
            Turned::ToAnother if self.machine.is_up() => self.machine.look_again(now_ms),
            Turned::ToAnother => {
                let mut effects = self.machine.lost();
                effects.extend(self.machine.connected(now_ms));
                if let Some(boot) = self.connections.boots_again(ami::now_us() / 1000) {
                    effects.extend(self.machine.event(&Event::read(&boot), now_ms));
                }
                effects
            }
        }
    }

    /// A link that owes an answer for long keeps the others from being heard.
    fn overdue(&mut self, now_ms: i64) -> Vec<Effect> {
        let owing =
            self.lists.iter().find(|(_, (_, asked_ms))| now_ms - asked_ms >= OWED_MS).map(|((link, _), _)| *link);
        let waited_for = self.connections.keeps_waiting(ami::now_us() / 1000 - OWED_MS);
        let Some(link) = owing.or(waited_for).filter(|link| self.connections.can_be_left(*link)) else {
            return Vec::new();
        };
        tracing::warn!(pbx = self.name, "a link to {} does not answer while another one does; it is left", self.name);
        let turned = self.connections.ended(link, ami::now_us() / 1000);
        self.turned(link, turned, now_ms)
    }

    /// A PBX that says nothing is there as long as it answers pings: what vanishes after its link breaks did so after the last.
    fn stands(&mut self) {
        if let Some(measured_ms) = self.connections.answered_ms().filter(|at| *at > self.heard_ms) {
            self.heard_ms = measured_ms;
            self.tell_calls(Input::Heard(self.ix(), measured_ms));
        }
    }

    /// What came by a link, to the machine and to the calls, in order.
    fn incoming(&mut self, at: usize, incoming: Vec<Incoming>, now_ms: i64) -> Vec<Effect> {
        let arrived_ms = ami::now_us() / 1000;
        let clock = self.connections.clock(at);
        let (mut effects, mut events) = (Vec::new(), Vec::new());
        for incoming in incoming {
            match incoming {
                Incoming::Event(message) => {
                    let event = (!is_of_dialplan(&message)).then(|| Event::read(&message));
                    match self.connections.judge(at, &message, event.as_ref(), arrived_ms) {
                        Told::Known => continue,
                        Told::New => {}
                        Told::OtherRun => {
                            self.tell_calls(Input::Events(self.ix(), std::mem::take(&mut events)));
                            effects.extend(self.all_lost());
                            self.linked = true;
                            effects.extend(self.machine.connected(now_ms));
                        }
                    }
                    if let Some(event) = &event {
                        effects.extend(self.machine.event(event, now_ms));
                    }
                    if self.calls.is_some() {
                        events.push((self.time.of(message.timestamp_us(), clock, arrived_ms), message));
                    }
                }
                Incoming::List { id, .. } if self.connections.answered(at, id) => {}
                Incoming::List { id, outcome } => {
                    let Some((kind, _)) = self.lists.remove(&(at, id)) else { continue };
                    self.tell_calls(Input::Events(self.ix(), std::mem::take(&mut events)));
                    let looked = self.looking.came(kind, outcome.as_ref().ok());
                    self.looked(looked);
                    effects.extend(self.machine.list(kind, outcome, now_ms));
                }
            }
        }
        self.tell_calls(Input::Events(self.ix(), events));
        let behind = self.connections.is_behind();
        if std::mem::replace(&mut self.behind, behind) != behind {
            self.tell_calls(Input::Behind(self.ix(), behind));
        }
        effects
    }

    /// Lists of a look are all here.
    fn looked(&self, looked: Option<Looked>) {
        if let Some(Looked { asked_ms, lists }) = looked {
            let came_ms = ami::now_us() / 1000;
            self.tell_calls(Input::Lists { pbx: self.ix(), asked_ms, came_ms, lists });
        }
    }

    fn ix(&self) -> PbxIx {
        PbxIx(u32::try_from(self.id.0).unwrap_or(u32::MAX))
    }

    fn tell_calls(&self, input: Input) {
        let nothing = matches!(&input, Input::Events(_, events) if events.is_empty());
        if let Some(calls) = self.calls.as_ref().filter(|_| !nothing)
            && !calls.tell(input)
        {
            tracing::debug!(pbx = self.name, "nobody collects the calls of {}", self.name);
        }
    }

    /// No link stands any more.
    fn all_lost(&mut self) -> Vec<Effect> {
        if std::mem::take(&mut self.linked) {
            self.tell_calls(Input::Lost(self.ix()));
        }
        self.behind = false;
        self.looking = Looking::default();
        self.lists.clear();
        self.generation += 1;
        self.answers = FuturesUnordered::new();
        self.machine.lost()
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Report(event) => self.outbox.push_back(event),
                Effect::Send { action, then } => {
                    let Some((_, client)) = self.connections.client() else { continue };
                    if !self.managed && changes_something(action.name()) {
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
                    let Some((at, client)) = self.connections.client() else { continue };
                    let (action, complete) = kind.asked_by();
                    let outcome = client.list_in_order(ami::Action::new(action), complete);
                    let in_vain = self.looking.ask(kind, ami::now_us() / 1000);
                    self.looked(in_vain);
                    match outcome {
                        Ok(id) => drop(self.lists.insert((at, id), (kind, now_ms()))),
                        Err(error) => {
                            // The link ends, and the next begins with a look of its own; this one must not wait for it.
                            tracing::debug!(?kind, %error, "a list was not asked for: {error}");
                            let looked = self.looking.came(kind, None);
                            self.looked(looked);
                        }
                    }
                }
                Effect::Returned(returned) => self.returned(returned),
                Effect::GiveUp(why) => {
                    tracing::warn!(pbx = self.name, why, "link to {} given up: {why}", self.name);
                    self.connections.hang_up(ami::now_us() / 1000);
                    effects.extend(self.all_lost());
                }
            }
        }
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

async fn caught_up(calls: Option<&Handle>) {
    if let Some(calls) = calls {
        calls.caught_up().await;
    }
}

/// The second lock on *observe only*; the first is that the machine never wishes it.
fn changes_something(action: &str) -> bool {
    !matches!(action, "CoreStatus" | "Getvar" | "QueueStatus" | "CoreShowChannels" | "BridgeList")
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
