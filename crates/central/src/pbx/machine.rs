//! One PBX as a pure machine: what arrives and the time go in, effects come out. It holds the order of things at a new link:
//! booted? → the same run as before? → look at queues and channels → say that the link is up → reconcile.
//! Contacts are asked for beside that: many small questions, and nothing else has to wait for them.

use std::collections::BTreeSet;

use ami::{Action, AmiError, Event, Message};

use crate::classify::NamePattern;

use super::calls::{CallWant, Calls};
use super::contract::{DesiredMember, PbxEvent, Returned, WatchedEndpoint};
use super::endpoints::{Ask, Endpoints};
use super::membership::{Memberships, Sight, Want};
use super::observed::{MemberKey, Observed};
use super::offers::Offers;
use super::returning::{Journeys, Move, Stage};

/// Asterisk says FullyBooted right after the login, or when it is ready. A user without the class `system` never hears it.
const BOOT_MS: i64 = 15_000;

/// A first look that takes longer means a stuck PBX: begin anew.
const LOOK_MS: i64 = 20_000;

/// Between looks at a link that is up: what a module that was unloaded loses is told by no event.
const RESYNC_MS: i64 = 60_000;

/// Two starts told by uptime in whole seconds are the same within this.
const SAME_START_MS: i64 = 5_000;

/// How long a customer is held while the dead phone registers again (tried: 0.1 to 0.3 s). Queue() would ring its old contact,
/// and nobody answers there until the queue's timeout.
const HOLD_MS: i64 = 1_500;

/// A customer who is held.
#[derive(Debug)]
struct Held {
    sip_call_id: String,
    endpoint: String,
    since_ms: i64,
    until_ms: i64,
}

/// A list to ask for, among the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ListKind {
    Queues,
    Channels,
    /// Only for the calls: which bridges only hold.
    Bridges,
    /// Only for the calls: who is parked.
    Parked,
}

impl ListKind {
    /// The action that asks for it, and the event that ends it.
    pub(super) fn asked_by(self) -> (&'static str, &'static str) {
        match self {
            Self::Queues => ("QueueStatus", "QueueStatusComplete"),
            Self::Channels => ("CoreShowChannels", "CoreShowChannelsComplete"),
            Self::Bridges => ("BridgeList", "BridgeListComplete"),
            Self::Parked => ("ParkedCalls", "ParkedCallsComplete"),
        }
    }

    /// Whether only the calls want it; no state of queues or phones waits for it.
    fn is_of_calls(self) -> bool {
        matches!(self, Self::Bridges | Self::Parked)
    }
}

/// Whom the answer to an action is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    Boot,
    Step(MemberKey),
    CallId(String),
    /// A question about the contacts of an endpoint.
    Contacts {
        endpoint: String,
        round: u64,
    },
    Journey(String, Stage),
}

/// What the actor has to do.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    Report(PbxEvent),
    Send {
        action: Action,
        then: Then,
    },
    List(ListKind),
    Returned(Returned),
    /// End this connection; the link makes another.
    GiveUp(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down,
    /// Connected; FullyBooted is awaited.
    Booting {
        since_ms: i64,
    },
    /// Asked which run of Asterisk this is.
    Asking {
        since_ms: i64,
    },
    /// Lists are under way.
    Looking {
        since_ms: i64,
    },
    Up,
}

/// Which run of Asterisk, and its last reload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Boot {
    /// In Asterisk's own words: exact, and no matter of clocks.
    started: Option<String>,
    reloaded: Option<String>,
    /// From the uptime, for a user who may not ask.
    started_ms: Option<i64>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Machine {
    managed: bool,
    phase: Phase,
    told_up: Option<bool>,
    /// Run seen at the last look.
    boot: Option<Boot>,
    uptime_start_ms: Option<i64>,
    sight: Sight,
    /// Lists asked for, not yet here.
    asked: BTreeSet<ListKind>,
    looked_ms: i64,
    /// The queues were looked at on this link; events before that are older than the look.
    queues_known: bool,
    observed: Observed,
    members: Memberships,
    calls: Calls,
    endpoints: Endpoints,
    offers: Offers,
    journeys: Journeys,
    held: Vec<Held>,
    watched_interfaces: BTreeSet<String>,
    effects: Vec<Effect>,
    /// Reports that wait until the link is told to be up.
    early: Vec<PbxEvent>,
}

impl Machine {
    pub(super) fn new(managed: bool) -> Self {
        Self {
            managed,
            phase: Phase::Down,
            told_up: None,
            boot: None,
            uptime_start_ms: None,
            sight: Sight::First,
            asked: BTreeSet::new(),
            looked_ms: 0,
            queues_known: false,
            observed: Observed::default(),
            members: Memberships::new(managed),
            calls: Calls::default(),
            endpoints: Endpoints::default(),
            offers: Offers::default(),
            journeys: Journeys::default(),
            held: Vec::new(),
            watched_interfaces: BTreeSet::new(),
            effects: Vec::new(),
            early: Vec::new(),
        }
    }

    pub(super) fn desire(&mut self, wishes: Vec<DesiredMember>, now_ms: i64) -> Vec<Effect> {
        let wants = self.members.desire(wishes, &self.observed, now_ms);
        self.want(wants);
        self.finish()
    }

    pub(super) fn watch(&mut self, watched: Vec<WatchedEndpoint>) -> Vec<Effect> {
        self.watched_interfaces = watched.iter().map(|phone| phone.interface.clone()).collect();
        let asks = self.endpoints.watch(watched.iter().map(|phone| phone.endpoint.clone()));
        self.ask(asks);
        let wants = self.calls.watch(watched.into_iter().map(|phone| phone.endpoint));
        self.want_calls(wants);
        self.finish()
    }

    pub(super) fn ask_dialogs(&mut self, endpoints: Vec<NamePattern>) -> Vec<Effect> {
        let wants = self.calls.ask_dialogs(endpoints);
        self.want_calls(wants);
        self.finish()
    }

    pub(super) fn retry(&mut self, now_ms: i64) -> Vec<Effect> {
        let wants = self.members.retry(&self.observed, now_ms);
        self.want(wants);
        self.finish()
    }

    pub(super) fn return_to_queue(&mut self, sip_call_ids: Vec<String>, now_ms: i64) -> Vec<Effect> {
        for id in sip_call_ids {
            let plan = if !self.managed {
                Err("Linedesk only watches this PBX and sends it nothing".to_owned())
            } else if self.phase != Phase::Up {
                Err("the link to the PBX is away".to_owned())
            } else {
                self.calls.plan_return(&id, &self.observed)
            };
            if let Ok(plan) = &plan
                && plan.moves()
                && let Some(endpoint) = plan.endpoint.clone()
            {
                let since_ms = plan.answered_ms.unwrap_or(now_ms);
                self.held.push(Held { sip_call_id: id, endpoint, since_ms, until_ms: now_ms + HOLD_MS });
                continue;
            }
            let moves = self.journeys.begin(id, plan, now_ms);
            self.go(moves);
        }
        self.release(now_ms);
        self.finish()
    }

    /// Lets customers go whose phone is there again, or has had its time.
    fn release(&mut self, now_ms: i64) {
        let ripe = |held: &mut Held| held.until_ms <= now_ms || self.endpoints.renewed(&held.endpoint, held.since_ms);
        let ripe: Vec<Held> = self.held.extract_if(.., ripe).collect();
        for Held { sip_call_id, .. } in ripe {
            // Planned anew: he may have hung up meanwhile.
            let plan = self.calls.plan_return(&sip_call_id, &self.observed);
            let moves = self.journeys.begin(sip_call_id, plan, now_ms);
            self.go(moves);
        }
    }

    pub(super) fn connected(&mut self, now_ms: i64) -> Vec<Effect> {
        self.phase = Phase::Booting { since_ms: now_ms };
        self.uptime_start_ms = None;
        self.asked.clear();
        self.queues_known = false;
        Vec::new()
    }

    /// The first look is done.
    pub(super) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Commands go another way: what was asked by the old one is asked again, and what it may have carried out is looked at.
    pub(super) fn look_again(&mut self, now_ms: i64) -> Vec<Effect> {
        self.looked_ms = now_ms;
        self.asked.clear();
        self.look(true);
        self.finish()
    }

    pub(super) fn lost(&mut self) -> Vec<Effect> {
        self.phase = Phase::Down;
        self.asked.clear();
        self.early.clear();
        self.queues_known = false;
        self.members.lost();
        self.calls.lost();
        self.offers.forget();
        self.endpoints.lost();
        for Held { sip_call_id, .. } in std::mem::take(&mut self.held) {
            let outcome = Err("the link to the PBX was lost meanwhile".to_owned());
            self.effects.push(Effect::Returned(Returned { sip_call_id, outcome }));
        }
        let moves = self.journeys.lost();
        self.go(moves);
        if self.told_up != Some(false) {
            self.told_up = Some(false);
            self.effects.push(Effect::Report(PbxEvent::Link { up: false, restarted: false }));
        }
        self.finish()
    }

    pub(super) fn event(&mut self, event: &Event<'_>, now_ms: i64) -> Vec<Effect> {
        match event {
            Event::FullyBooted { uptime_s, .. } => {
                self.uptime_start_ms = uptime_s.map(|seconds| now_ms - i64::try_from(seconds).unwrap_or(0) * 1000);
                self.ask_boot(now_ms);
            }
            Event::Reload { .. } if self.phase == Phase::Up => self.look(true),
            _ => {}
        }
        if self.queues_known
            && let Some(change) = self.observed.event(event, now_ms)
        {
            let wants = self.members.changed(&change, Sight::Live, &self.observed, now_ms);
            self.want(wants);
        }
        let wants = self.calls.event(event, &self.observed, now_ms);
        self.want_calls(wants);
        let asks = self.endpoints.event(event, now_ms);
        self.ask(asks);
        self.release(now_ms);
        let ended = self.offers.event(event, now_ms);
        self.tell_offers(ended);
        let moves = match event {
            Event::QueueCallerJoin { caller, queue, .. } => self.journeys.joined(caller.uniqueid, queue),
            Event::Hangup { channel, .. } => self.journeys.gone(channel.uniqueid),
            _ => Vec::new(),
        };
        self.go(moves);
        self.finish()
    }

    pub(super) fn list(&mut self, kind: ListKind, outcome: Result<Vec<Message>, AmiError>, now_ms: i64) -> Vec<Effect> {
        if kind.is_of_calls() {
            return Vec::new();
        }
        self.asked.remove(&kind);
        let looking = matches!(self.phase, Phase::Looking { .. });
        match (kind, outcome) {
            (ListKind::Queues, Ok(list)) => {
                let list: Vec<Event<'_>> = list.iter().map(Event::read).collect();
                let changes = self.observed.snapshot(&list, now_ms);
                let first = !self.queues_known;
                self.queues_known = true;
                let sight = if first { self.sight } else { Sight::Resync };
                let wants = self.members.looked(&changes, sight, &self.observed, now_ms);
                self.want(wants);
            }
            (ListKind::Channels, Ok(list)) => {
                let list: Vec<Event<'_>> = list.iter().map(Event::read).collect();
                let wants = self.calls.snapshot(&list, &self.observed, now_ms);
                self.want_calls(wants);
            }
            (ListKind::Bridges | ListKind::Parked, Ok(_)) => {}
            (kind, Err(error)) => tracing::warn!(?kind, %error, "a list was not given: {error}"),
        }
        if looking && self.asked.is_empty() {
            self.up(now_ms);
        }
        self.finish()
    }

    pub(super) fn answer(&mut self, then: &Then, answer: Result<Message, AmiError>, now_ms: i64) -> Vec<Effect> {
        match then {
            Then::Boot => {
                if matches!(self.phase, Phase::Asking { .. }) && !matches!(&answer, Err(error) if error.is_fatal()) {
                    self.booted(answer.ok().as_ref(), now_ms);
                }
            }
            Then::Step(key) => {
                let wants = self.members.answered(key, answer.map(drop), &self.observed, now_ms);
                self.want(wants);
            }
            Then::CallId(uniqueid) => {
                let id = answer.ok().and_then(|message| message.said("Value").map(str::to_owned));
                self.calls.call_id(uniqueid, id);
            }
            Then::Contacts { endpoint, round } => {
                let value = answer.as_ref().map(|message| message.said("Value").unwrap_or_default());
                let asks = self.endpoints.answered(endpoint, *round, value);
                self.ask(asks);
            }
            Then::Journey(id, stage) => {
                let moves = self.journeys.answered(id, *stage, answer.map(drop));
                self.go(moves);
            }
        }
        self.finish()
    }

    pub(super) fn tick(&mut self, now_ms: i64) -> Vec<Effect> {
        match self.phase {
            Phase::Booting { since_ms } if now_ms - since_ms >= BOOT_MS => self.ask_boot(now_ms),
            Phase::Asking { since_ms } | Phase::Looking { since_ms } if now_ms - since_ms >= LOOK_MS => {
                self.effects.push(Effect::GiveUp("the PBX did not answer to the first questions"));
                self.phase = Phase::Down;
            }
            Phase::Up if now_ms - self.looked_ms >= RESYNC_MS => {
                self.looked_ms = now_ms;
                // A list that never came is asked for again; without that there would be no further look at all.
                self.asked.clear();
                self.look(false);
            }
            Phase::Down | Phase::Booting { .. } | Phase::Asking { .. } | Phase::Looking { .. } | Phase::Up => {}
        }
        if self.phase == Phase::Up {
            let wants = self.members.tick(&self.observed, now_ms);
            self.want(wants);
        }
        let ended = self.offers.tick(now_ms);
        self.tell_offers(ended);
        self.release(now_ms);
        let moves = self.journeys.tick(now_ms);
        self.go(moves);
        self.finish()
    }

    fn ask_boot(&mut self, now_ms: i64) {
        self.phase = Phase::Asking { since_ms: now_ms };
        self.effects.push(Effect::Send { action: Action::new("CoreStatus"), then: Then::Boot });
    }

    fn booted(&mut self, status: Option<&Message>, now_ms: i64) {
        let words = |date: &str, time: &str| Some(format!("{} {}", status?.said(date)?, status?.said(time)?));
        let boot = Boot {
            started: words("CoreStartupDate", "CoreStartupTime"),
            reloaded: words("CoreReloadDate", "CoreReloadTime"),
            started_ms: self.uptime_start_ms,
        };
        let again_on_this_link = self.queues_known;
        self.sight = match &self.boot {
            // A PBX that was still booting at the first look is looked at again as if it were the first time.
            _ if again_on_this_link => self.sight,
            None => Sight::First,
            Some(before) if !before.same_run(&boot) => Sight::AfterRestart,
            Some(before) => Sight::AfterGap { reloaded: before.reloaded != boot.reloaded },
        };
        self.boot = Some(boot);
        self.queues_known = false;
        self.phase = Phase::Looking { since_ms: now_ms };
        self.asked.clear();
        self.look(true);
    }

    fn look(&mut self, every: bool) {
        for kind in [ListKind::Queues, ListKind::Channels] {
            if self.asked.insert(kind) {
                if kind == ListKind::Channels {
                    // Nothing here waits for these.
                    self.effects.extend([ListKind::Bridges, ListKind::Parked].map(Effect::List));
                }
                self.effects.push(Effect::List(kind));
            }
        }
        let asks = self.endpoints.look(every);
        self.ask(asks);
    }

    fn up(&mut self, now_ms: i64) {
        self.phase = Phase::Up;
        self.looked_ms = now_ms;
        self.told_up = Some(true);
        self.observed.forget_told();
        let restarted = self.sight == Sight::AfterRestart;
        self.effects.push(Effect::Report(PbxEvent::Link { up: true, restarted }));
        let early = std::mem::take(&mut self.early);
        self.effects.extend(early.into_iter().map(Effect::Report));
    }

    fn want(&mut self, wants: impl IntoIterator<Item = Want>) {
        for want in wants {
            match want {
                Want::Tell(event) => self.report(*event),
                Want::Send(key, action) => self.effects.push(Effect::Send { action: *action, then: Then::Step(key) }),
                Want::Look => {
                    if self.phase == Phase::Up && self.asked.insert(ListKind::Queues) {
                        self.effects.push(Effect::List(ListKind::Queues));
                    }
                }
            }
        }
    }

    fn want_calls(&mut self, wants: impl IntoIterator<Item = CallWant>) {
        for want in wants {
            match want {
                CallWant::Tell(event) => self.report(event),
                CallWant::Ask(uniqueid, channel) => {
                    let variable = if channel.starts_with("SIP/") { "SIPCALLID" } else { "CHANNEL(pjsip,call-id)" };
                    let ask =
                        Action::new("Getvar").with("Channel", channel).and_then(|ask| ask.with("Variable", variable));
                    match ask {
                        Ok(action) => self.effects.push(Effect::Send { action, then: Then::CallId(uniqueid) }),
                        Err(error) => tracing::warn!(%error, "the Call-ID of a channel cannot be asked for: {error}"),
                    }
                }
            }
        }
    }

    fn ask(&mut self, asks: Vec<Ask>) {
        for Ask { endpoint, round, action } in asks {
            self.effects.push(Effect::Send { action, then: Then::Contacts { endpoint, round } });
        }
    }

    fn go(&mut self, moves: Vec<Move>) {
        for step in moves {
            self.effects.push(match step {
                Move::Send(id, stage, action) => Effect::Send { action, then: Then::Journey(id, stage) },
                Move::Done(returned) => Effect::Returned(returned),
            });
        }
    }

    fn tell_offers(&mut self, ended: Vec<PbxEvent>) {
        for event in ended {
            let PbxEvent::OfferEnded { queue, interface, .. } = &event else { continue };
            if self.members.knows(queue, interface) || self.watched_interfaces.contains(interface) {
                self.report(event);
            }
        }
    }

    fn report(&mut self, event: PbxEvent) {
        // While the first look is under way reports wait, so that "up" comes before what was found.
        if matches!(self.phase, Phase::Booting { .. } | Phase::Asking { .. } | Phase::Looking { .. }) {
            self.early.push(event);
        } else {
            self.effects.push(Effect::Report(event));
        }
    }

    fn finish(&mut self) -> Vec<Effect> {
        if matches!(self.phase, Phase::Up | Phase::Down) {
            for event in self.endpoints.take_changes() {
                self.effects.push(Effect::Report(event));
            }
        }
        if self.phase == Phase::Up {
            for event in self.observed.take_figures() {
                self.effects.push(Effect::Report(event));
            }
            for event in self.calls.take_changes() {
                self.effects.push(Effect::Report(event));
            }
        }
        std::mem::take(&mut self.effects)
    }
}

impl Boot {
    fn same_run(&self, now: &Self) -> bool {
        match (&self.started, &now.started) {
            (Some(before), Some(now)) => before == now,
            _ => match (self.started_ms, now.started_ms) {
                (Some(before), Some(now)) => (before - now).abs() <= SAME_START_MS,
                // Nobody said; to take a restart for a gap would adopt what the PBX lost.
                _ => false,
            },
        }
    }
}
