//! The task around the floor: commands to the PBXs first, then what is to be remembered, then what people see.

use central_api::{PbxId, QueueId, Role, StatusWish, UserId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Effects, Event, Floor, Refused, Settings};
use crate::classify::NamePattern;
use crate::clock::now_ms;
use crate::collector::{Collecting, Handle};
use crate::links::{Link, Links};
use crate::live::{Hub, Scopes};
use crate::pbx::contract::{PbxCommand, PbxReport, WatchedEndpoint};
use crate::store::{Configuration, Journal, PbxRow, Store, UserRow};

/// All figures are told when one changes, and a busy PBX changes some a thousand times a second.
const QUEUES_GAP: Duration = Duration::from_millis(25);

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted and on disk.
    Accepted,
    /// Not to be done.
    Refused(Refused),
    /// Accepted, but it could not be written.
    NotWritten,
    /// Central is stopping.
    Stopping,
}

/// Times that the config file decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Workstation away, phone reachable: paused after.
    pub away_pause_ms: i64,
    /// Workstation and phone away: offline after.
    pub away_offline_ms: i64,
    /// After sign-in and start nobody counts as away for so long.
    pub grace_ms: i64,
    /// What is added to UTC to know the day; a status of yesterday is not taken up again.
    pub day_offset_ms: i64,
}

impl Timing {
    /// The rules' settings.
    #[must_use]
    pub fn settings(&self, config: &Configuration) -> Settings {
        let minutes = |limit: Option<u32>| limit.map(|minutes| i64::from(minutes) * 60_000);
        Settings {
            after_call_ms: config.tenant.after_call_ms,
            after_call_more_ms: 30_000,
            not_taken_limit: config.tenant.not_taken_limit,
            away_pause_ms: self.away_pause_ms,
            away_offline_ms: self.away_offline_ms,
            grace_ms: self.grace_ms,
            day_offset_ms: self.day_offset_ms,
            reasons: config.reasons.iter().map(|(id, row)| (*id, minutes(row.reason.limit_min))).collect(),
        }
    }
}

/// What the task works with.
#[derive(Debug)]
pub struct DeskParts {
    /// The floor as the last process left it.
    pub floor: Floor,
    /// What starting led to.
    pub first: Effects,
    /// Times.
    pub timing: Timing,
    /// For the PBXs' secrets.
    pub store: Store,
    /// Where to write.
    pub journal: Journal,
    /// Where people look.
    pub hub: Hub,
    /// Way to the PBXs.
    pub links: Arc<dyn Links>,
    /// Where calls are told from what the PBXs say; a desk may do without.
    pub calls: Option<Collecting>,
}

/// Way to the desk.
#[derive(Debug, Clone)]
pub struct Desk {
    events: mpsc::Sender<Event>,
}

impl Desk {
    /// Starts it.
    #[must_use]
    pub fn start(parts: DeskParts) -> (Self, tokio::task::JoinHandle<()>) {
        let (events, inbox) = mpsc::channel(1024);
        // A PBX that speaks faster than the desk works waits in its own actor.
        let (reports, pbx_inbox) = mpsc::channel(1024);
        let task = Task {
            parts,
            open: BTreeMap::new(),
            reports,
            events: events.downgrade(),
            scopes: BTreeMap::new(),
            queues_open: Instant::now(),
            queues_changed: false,
        };
        let handle = tokio::spawn(task.run(inbox, pbx_inbox));
        (Self { events }, handle)
    }

    /// Sends an event that nobody waits for.
    pub async fn tell(&self, event: Event) {
        // A stopped desk needs to know nothing.
        let _ = self.events.send(event).await;
    }

    /// Sends an event and waits until what follows is on disk.
    pub async fn ask(&self, event: impl FnOnce(oneshot::Sender<Outcome>) -> Event) -> Outcome {
        let (done, answer) = oneshot::channel();
        if self.events.send(event(done)).await.is_err() {
            return Outcome::Stopping;
        }
        answer.await.unwrap_or(Outcome::Stopping)
    }

    /// A wished status.
    pub async fn status(&self, user: UserId, session: String, wish: StatusWish) -> Outcome {
        self.ask(|done| Event::Status { user, session, wish, done }).await
    }

    /// Whether a person's seat counts as taken, even without a live link. A desk that is stopping cannot say that it is free.
    pub async fn at_work(&self, user: UserId) -> bool {
        let (done, answer) = oneshot::channel();
        self.tell(Event::AtWork { user, done }).await;
        answer.await.unwrap_or(true)
    }

    /// Deals with everything sent before, and ends.
    pub async fn stop(&self) {
        let (done, answer) = oneshot::channel();
        if self.events.send(Event::Stop { done }).await.is_ok() {
            let _ = answer.await;
        }
    }
}

#[derive(Debug)]
struct OpenLink {
    row: PbxRow,
    watched: Vec<WatchedEndpoint>,
    dialogs: Vec<NamePattern>,
    link: Box<dyn Link>,
    calls: Option<Handle>,
}

struct Task {
    parts: DeskParts,
    open: BTreeMap<PbxId, OpenLink>,
    reports: mpsc::Sender<PbxReport>,
    events: mpsc::WeakSender<Event>,
    scopes: BTreeMap<UserId, Vec<QueueId>>,
    /// Before that the figures of queues are not told again.
    queues_open: Instant,
    /// They changed since they were told.
    queues_changed: bool,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Event>, mut pbx_inbox: mpsc::Receiver<PbxReport>) {
        self.open_links();
        self.publish_scopes();
        let first = std::mem::take(&mut self.parts.first);
        let everybody: Vec<UserId> = self.parts.floor.config().users.keys().copied().collect();
        self.carry_out(Effects { me: everybody.into_iter().collect(), queues: true, ..first }, None);
        loop {
            let now = now_ms();
            let wait = self
                .parts
                .floor
                .deadline(now)
                .map(|at| Duration::from_millis(at.saturating_sub(now).max(1).unsigned_abs()));
            let alarm = tokio::time::sleep(wait.unwrap_or(Duration::from_secs(3600)));
            tokio::select! {
                event = inbox.recv() => match event {
                    Some(Event::Stop { done }) => {
                        let _ = done.send(());
                        return;
                    }
                    Some(event) => self.handle(event),
                    None => return,
                },
                Some(report) = pbx_inbox.recv() => {
                    let effects = self.parts.floor.pbx(report.pbx, report.event, now_ms());
                    self.carry_out(effects, None);
                }
                () = tokio::time::sleep_until(self.queues_open), if self.queues_changed => self.publish_queues(),
                () = alarm => {
                    let effects = self.parts.floor.tick(now_ms());
                    self.carry_out(effects, None);
                }
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = now_ms();
        let floor = &mut self.parts.floor;
        let (result, done) = match event {
            Event::SignedIn { user, session, done } => (Ok(floor.sign_in(user, &session, now)), Some(done)),
            Event::SignedOut { user, session, by, done } => {
                (Ok(floor.sign_out(user, by, session.as_deref(), now)), Some(done))
            }
            Event::Link { user, up } => (Ok(floor.link(user, up, now)), None),
            Event::AtWork { user, done } => {
                // Whoever asked may have left meanwhile.
                let _ = done.send(floor.at_work(user, now));
                return;
            }
            Event::Status { user, session, wish, done } => (floor.wish(user, &session, &wish, now), Some(done)),
            Event::ClearNext { user, done } => (Ok(floor.clear_next(user, now)), Some(done)),
            Event::Membership { user, queue, joined, done } => (floor.membership(user, queue, joined, now), Some(done)),
            Event::Returned { user, pbx, outcomes } => {
                for outcome in &outcomes {
                    match &outcome.outcome {
                        Ok(queue) => {
                            tracing::info!(%user, %pbx, call = outcome.sip_call_id, queue, "customer is back in the queue")
                        }
                        Err(why) => {
                            tracing::warn!(%user, %pbx, call = outcome.sip_call_id, why, "customer could not be sent back")
                        }
                    }
                }
                (Ok(floor.returned(user, pbx, &outcomes, now)), None)
            }
            Event::Pbx(report) => (Ok(floor.pbx(report.pbx, report.event, now)), None),
            Event::Lost { user, sip_call_ids, done } => {
                self.lost(user, sip_call_ids);
                let _ = done.send(Outcome::Accepted);
                return;
            }
            Event::Reconfigured(config) => {
                let settings = self.parts.timing.settings(&config);
                let effects = floor.reconfigure(*config, settings, now);
                self.open_links();
                self.publish_scopes();
                (Ok(effects), None)
            }
            Event::Stop { done } => {
                let _ = done.send(());
                return;
            }
        };
        match result {
            Ok(effects) => self.carry_out(effects, done),
            Err(refused) => {
                if let Some(done) = done {
                    let _ = done.send(Outcome::Refused(refused));
                }
            }
        }
    }

    fn carry_out(&mut self, effects: Effects, done: Option<oneshot::Sender<Outcome>>) {
        // The pause first: every millisecond counts against Asterisk's next offer.
        for (pbx, desired) in effects.desire {
            if let Some(open) = self.open.get(&pbx) {
                open.link.send(PbxCommand::Desire(desired));
            }
        }
        for user in effects.me {
            if let Some(me) = self.parts.floor.me(user) {
                self.parts.hub.me(user, &me);
            }
        }
        if effects.queues {
            self.queues_changed = true;
            if Instant::now() >= self.queues_open {
                self.publish_queues();
            }
        }
        let written = done.map(|done| {
            let (written, answer) = oneshot::channel();
            tokio::spawn(async move {
                let outcome = match answer.await {
                    Ok(true) => Outcome::Accepted,
                    _ => Outcome::NotWritten,
                };
                let _ = done.send(outcome);
            });
            written
        });
        self.parts.journal.put(effects.records, written);
    }

    /// Who sees which queues; operators of the same queues share one state.
    fn publish_scopes(&mut self) {
        let floor = &self.parts.floor;
        self.scopes = floor.config().users.keys().map(|user| (*user, floor.scope(*user))).collect();
        let watches = |user: &&UserRow| matches!(user.user.role, Role::Supervisor | Role::Administrator);
        let watch = floor.config().users.values().filter(watches).map(|user| user.user.id).collect();
        self.parts.hub.scopes(Scopes { queues: self.scopes.clone(), watch });
        self.publish_queues();
    }

    fn publish_queues(&mut self) {
        (self.queues_changed, self.queues_open) = (false, Instant::now() + QUEUES_GAP);
        let mut distinct: Vec<&Vec<QueueId>> = self.scopes.values().collect();
        distinct.sort();
        distinct.dedup();
        for scope in distinct {
            self.parts.hub.queues(scope, &self.parts.floor.queues(scope));
        }
    }

    fn open_links(&mut self) {
        let config = self.parts.floor.config().clone();
        let calls = self.parts.calls.clone();
        let collector = |pbx: PbxId| calls.as_ref().and_then(|calls| calls.handle(pbx));
        let same = |open: &OpenLink, now: Option<Handle>| match (&open.calls, now) {
            (Some(before), Some(now)) => before.is(&now),
            (before, now) => before.is_none() && now.is_none(),
        };
        self.open.retain(|pbx, open| config.pbxs.get(pbx) == Some(&open.row) && same(open, collector(*pbx)));
        for row in config.pbxs.values() {
            let watched = self.parts.floor.watched(row.id);
            let dialogs = self.parts.floor.dialogs_asked(row.id);
            if let Some(open) = self.open.get_mut(&row.id) {
                if open.watched != watched {
                    open.link.send(PbxCommand::Watch(watched.clone()));
                    open.watched = watched;
                }
                if open.dialogs != dialogs {
                    open.link.send(PbxCommand::AskDialogs(dialogs.clone()));
                    open.dialogs = dialogs;
                }
                continue;
            }
            let secrets = match self.parts.store.link_secrets(row) {
                Ok(secrets) => secrets,
                Err(error) => {
                    tracing::error!(pbx = row.name, %error, "no link to this PBX");
                    continue;
                }
            };
            let link = self.parts.links.open(row, secrets, collector(row.id), self.reports.clone());
            link.send(PbxCommand::AskDialogs(dialogs.clone()));
            link.send(PbxCommand::Watch(watched.clone()));
            link.send(PbxCommand::Desire(self.parts.floor.desired(row.id, now_ms())));
            self.open.insert(row.id, OpenLink { row: row.clone(), watched, dialogs, link, calls: collector(row.id) });
        }
    }

    /// Each PBX on which the operator has a phone is asked, since a call may have died before the PBX could name it.
    fn lost(&mut self, user: UserId, sip_call_ids: Vec<String>) {
        let mut by_pbx: BTreeMap<PbxId, Vec<String>> = BTreeMap::new();
        for id in sip_call_ids {
            match self.parts.floor.pbx_of_call(user, &id) {
                Some(pbx) => by_pbx.entry(pbx).or_default().push(id),
                None => {
                    for pbx in self.parts.floor.pbxs_of(user) {
                        by_pbx.entry(pbx).or_default().push(id.clone());
                    }
                }
            }
        }
        for (pbx, sip_call_ids) in by_pbx {
            let Some(open) = self.open.get(&pbx) else { continue };
            tracing::warn!(%user, %pbx, calls = ?sip_call_ids, "a softphone died in these calls; sending the customers back");
            let (reply, answer) = oneshot::channel();
            open.link.send(PbxCommand::ReturnToQueue { sip_call_ids, reply });
            let events = self.events.clone();
            tokio::spawn(async move {
                if let (Ok(outcomes), Some(events)) = (answer.await, events.upgrade()) {
                    let _ = events.send(Event::Returned { user, pbx, outcomes }).await;
                }
            });
        }
    }
}
