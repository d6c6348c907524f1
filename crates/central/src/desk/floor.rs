//! The whole floor: operators, their calls and phones, memberships, PBX links. Pure: an event and the time in, effects out.

use central_api::{
    Applied, ChangedBy, PbxId, PhoneId, QueueId, Reachability, ReasonClass, Status, StatusKind, StatusWish, UserId,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::rules::{Operator, Refused, Settings};
use crate::pbx::contract::{DesiredMember, ObservedMember, PbxCall, Returned};
use crate::store::{Configuration, Record, Remembered};

/// How long the card says that a lost customer is back in the queue.
const RETURNED_SHOWN_MS: i64 = 60_000;

/// Everything that lives.
#[derive(Debug)]
pub struct Floor {
    pub(super) config: Configuration,
    pub(super) settings: Settings,
    pub(super) operators: BTreeMap<UserId, Operator>,
    pub(super) members: BTreeMap<(UserId, QueueId), MemberState>,
    pub(super) phones: BTreeMap<PhoneId, PhoneState>,
    pub(super) queues: BTreeMap<QueueId, QueueState>,
    pub(super) pbxs: BTreeMap<PbxId, LinkState>,
    pub(super) calls: BTreeMap<UserId, BTreeMap<String, Call>>,
    desired: BTreeMap<PbxId, Vec<DesiredMember>>,
    index: Index,
}

/// What a PBX's own names mean. Events name things so, hundreds a second.
#[derive(Debug, Default)]
struct Index {
    queues: HashMap<(PbxId, String), QueueId>,
    members: HashMap<(QueueId, String), UserId>,
    phones: HashMap<(PbxId, String), (PhoneId, UserId)>,
}

impl Index {
    fn of(config: &Configuration) -> Self {
        let queues = config.queues.values().map(|queue| ((queue.pbx, queue.pbx_queue.clone()), queue.id));
        let members = config.members.values().map(|member| ((member.queue, member.interface.clone()), member.user));
        let phones = config.phones.values().map(|phone| ((phone.pbx, phone.number.clone()), (phone.id, phone.user)));
        Self { queues: queues.collect(), members: members.collect(), phones: phones.collect() }
    }
}

/// A membership: the wish, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct MemberState {
    pub joined: bool,
    pub by: ChangedBy,
    pub changed_ms: i64,
    pub fixed: bool,
    pub observed: Option<ObservedMember>,
    pub applied: Applied,
    pub problem: Option<String>,
}

/// A phone as its PBX sees it.
#[derive(Debug, Clone)]
pub(super) struct PhoneState {
    pub state: Reachability,
    pub contact: Option<String>,
    pub since_ms: i64,
    pub register_again: u64,
}

impl Default for PhoneState {
    fn default() -> Self {
        Self { state: Reachability::Unknown, contact: None, since_ms: 0, register_again: 0 }
    }
}

/// Figures of a queue.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct QueueState {
    pub waiting: u32,
    pub longest_since_ms: Option<i64>,
    pub free: u32,
}

/// A PBX link.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LinkState {
    pub up: bool,
    pub since_ms: i64,
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub pbx: PbxId,
    pub queue: Option<QueueId>,
    pub seen: PbxCall,
    pub returned_ms: Option<i64>,
    /// The PBX has said that its channel is gone; it stays only to be read.
    pub gone: bool,
}

/// What an event leads to.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be remembered.
    pub records: Vec<Record>,
    /// Whose own state may have changed.
    pub me: BTreeSet<UserId>,
    /// Whether figures of queues may have changed.
    pub queues: bool,
    /// New wishes, by PBX.
    pub desire: Vec<(PbxId, Vec<DesiredMember>)>,
}

impl Floor {
    /// A floor as the last process left it: who is still signed in today keeps the status, everybody else is offline.
    #[must_use]
    pub fn new(
        config: Configuration,
        settings: Settings,
        remembered: BTreeMap<UserId, Remembered>,
        signed_in: &BTreeSet<UserId>,
        same_day: impl Fn(i64) -> bool,
        now: i64,
    ) -> (Self, Effects) {
        let mut floor = Self {
            index: Index::of(&config),
            config,
            settings,
            operators: BTreeMap::new(),
            members: BTreeMap::new(),
            phones: BTreeMap::new(),
            queues: BTreeMap::new(),
            pbxs: BTreeMap::new(),
            calls: BTreeMap::new(),
            desired: BTreeMap::new(),
        };
        let mut effects = Effects::default();
        for (user, last) in remembered {
            let today = signed_in.contains(&user) && same_day(last.status.since_ms);
            let mut operator = Operator::new(last.status, last.next.filter(|_| today), now, &floor.settings);
            if !today && operator.on_shift() {
                operator.sign_out(ChangedBy::System, now, &floor.settings);
                effects.records.push(floor.status_record(user, operator.status(), None));
            }
            floor.operators.insert(user, operator);
        }
        for pbx in floor.config.pbxs.keys() {
            floor.pbxs.insert(*pbx, LinkState { up: false, since_ms: now });
        }
        floor.take_members();
        floor.settle(&mut effects, now);
        (floor, effects)
    }

    /// Takes a changed configuration over; wishes of operators stay.
    pub fn reconfigure(&mut self, config: Configuration, settings: Settings, now: i64) -> Effects {
        self.index = Index::of(&config);
        self.config = config;
        self.settings = settings;
        self.take_members();
        self.pbxs.retain(|pbx, _| self.config.pbxs.contains_key(pbx));
        for pbx in self.config.pbxs.keys() {
            self.pbxs.entry(*pbx).or_insert(LinkState { up: false, since_ms: now });
        }
        self.phones.retain(|phone, _| self.config.phones.contains_key(phone));
        let mut effects = Effects { queues: true, ..Effects::default() };
        effects.me.extend(self.operators.keys());
        self.settle(&mut effects, now);
        effects
    }

    fn take_members(&mut self) {
        let config = &self.config;
        self.members.retain(|key, _| config.members.contains_key(key));
        for (key, row) in &config.members {
            let member = self.members.entry(*key).or_insert_with(|| MemberState {
                joined: row.joined,
                by: row.by.clone(),
                changed_ms: row.changed_ms,
                fixed: row.fixed,
                observed: None,
                applied: Applied::Pending,
                problem: None,
            });
            member.fixed = row.fixed || member.observed.as_ref().is_some_and(|seen| seen.fixed);
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Configuration {
        &self.config
    }

    pub(super) fn link_up(&self, pbx: PbxId) -> bool {
        self.pbxs.get(&pbx).is_some_and(|link| link.up)
    }

    pub(super) fn managed(&self, pbx: PbxId) -> bool {
        self.config.pbxs.get(&pbx).is_some_and(|pbx| pbx.managed)
    }

    /// A sign-in. A person who was never here before appears.
    pub fn sign_in(&mut self, user: UserId, session: &str, now: i64) -> Effects {
        let mut effects = Effects::default();
        self.operators.entry(user).or_insert_with(|| {
            let offline = Status {
                kind: StatusKind::Offline,
                reason: None,
                // No shift of theirs has ended.
                since_ms: 0,
                until_ms: None,
                by: ChangedBy::System,
            };
            Operator::new(offline, None, now, &self.settings)
        });
        self.change(user, Some(session), &mut effects, |operator, settings| operator.sign_in(now, settings));
        self.settle(&mut effects, now);
        effects
    }

    /// The end of a shift.
    pub fn sign_out(&mut self, user: UserId, by: ChangedBy, session: Option<&str>, now: i64) -> Effects {
        let mut effects = Effects::default();
        self.change(user, session, &mut effects, |operator, settings| operator.sign_out(by, now, settings));
        self.settle(&mut effects, now);
        effects
    }

    /// Whether the operator's seat counts as taken even without a live link.
    #[must_use]
    pub fn at_work(&self, user: UserId, now: i64) -> bool {
        self.operators.get(&user).is_some_and(|operator| operator.at_work(now, &self.settings))
    }

    /// The workstation's live link.
    pub fn link(&mut self, user: UserId, up: bool, now: i64) -> Effects {
        let mut effects = Effects::default();
        self.change(user, None, &mut effects, |operator, settings| operator.link(up, now, settings));
        self.settle(&mut effects, now);
        effects
    }

    /// A wished status.
    ///
    /// # Errors
    /// When it is not to be chosen.
    pub fn wish(&mut self, user: UserId, session: &str, wish: &StatusWish, now: i64) -> Result<Effects, Refused> {
        let mut effects = Effects::default();
        self.change(user, Some(session), &mut effects, |operator, settings| operator.wish(wish, now, settings))
            .ok_or(Refused::OffShift)??;
        self.settle(&mut effects, now);
        Ok(effects)
    }

    /// Takes the next status back.
    pub fn clear_next(&mut self, user: UserId, now: i64) -> Effects {
        let mut effects = Effects::default();
        self.change(user, None, &mut effects, |operator, _| operator.clear_next());
        self.settle(&mut effects, now);
        effects
    }

    /// Join or leave.
    ///
    /// # Errors
    /// When the operator is not on shift or may not join this queue.
    pub fn membership(&mut self, user: UserId, queue: QueueId, joined: bool, now: i64) -> Result<Effects, Refused> {
        if !self.operators.get(&user).is_some_and(Operator::on_shift) {
            return Err(Refused::OffShift);
        }
        if !self.members.contains_key(&(user, queue)) {
            return Err(Refused::Queue);
        }
        let mut effects = Effects::default();
        self.wish_member(user, queue, joined, ChangedBy::Operator, now, &mut effects);
        self.settle(&mut effects, now);
        Ok(effects)
    }

    /// What became of calls with which a softphone died.
    pub fn returned(&mut self, user: UserId, pbx: PbxId, outcomes: &[Returned], now: i64) -> Effects {
        let mut effects = Effects::default();
        for outcome in outcomes {
            let Ok(queue_name) = &outcome.outcome else { continue };
            let id = &outcome.sip_call_id;
            let queue = self.queue_by_name(pbx, queue_name);
            let call = self.calls.entry(user).or_default().entry(id.clone()).or_insert_with(|| Call {
                pbx,
                queue,
                seen: PbxCall {
                    endpoint: String::new(),
                    sip_call_id: id.clone(),
                    queue: Some(queue_name.clone()),
                    caller_number: None,
                    caller_name: None,
                    waiting_since_ms: None,
                    ringing_ms: None,
                    answered_ms: None,
                },
                returned_ms: None,
                gone: true,
            });
            call.returned_ms = Some(now);
            self.change(user, None, &mut effects, |operator, settings| operator.returned(id, now, settings));
        }
        self.settle(&mut effects, now);
        effects
    }

    /// Whether the PBX still has this call of the operator, and which PBX.
    #[must_use]
    pub fn pbx_of_call(&self, user: UserId, sip_call_id: &str) -> Option<PbxId> {
        self.calls.get(&user)?.get(sip_call_id).map(|call| call.pbx)
    }

    /// PBXs on which the operator has phones.
    #[must_use]
    pub fn pbxs_of(&self, user: UserId) -> BTreeSet<PbxId> {
        self.config.phones.values().filter(|phone| phone.user == user).map(|phone| phone.pbx).collect()
    }

    /// Time passes.
    pub fn tick(&mut self, now: i64) -> Effects {
        let mut effects = Effects::default();
        let users: Vec<UserId> = self.operators.keys().copied().collect();
        for user in users {
            self.change(user, None, &mut effects, |operator, settings| operator.tick(now, settings));
        }
        for (user, calls) in &mut self.calls {
            let before = calls.len();
            calls.retain(|_, call| !(call.gone && call.returned_ms.is_none_or(|at| at + RETURNED_SHOWN_MS <= now)));
            if calls.len() != before {
                effects.me.insert(*user);
            }
        }
        self.settle(&mut effects, now);
        effects
    }

    /// When `tick` has something to do.
    #[must_use]
    pub fn deadline(&self, now: i64) -> Option<i64> {
        let operators = self.operators.values().filter_map(|operator| operator.deadline(now, &self.settings));
        let shown = self.calls.values().flat_map(BTreeMap::values).filter(|call| call.gone);
        operators.chain(shown.filter_map(|call| call.returned_ms).map(|at| at + RETURNED_SHOWN_MS)).min()
    }

    pub(super) fn wish_member(
        &mut self,
        user: UserId,
        queue: QueueId,
        joined: bool,
        by: ChangedBy,
        now: i64,
        effects: &mut Effects,
    ) {
        let Some(member) = self.members.get_mut(&(user, queue)) else { return };
        effects.me.insert(user);
        if member.joined == joined {
            return;
        }
        member.joined = joined;
        member.by = by.clone();
        member.changed_ms = now;
        effects.records.push(Record::Wish { user, queue, joined, by, at_ms: now });
    }

    /// Lets a rule work on an operator, and notes what it changed.
    pub(super) fn change<T>(
        &mut self,
        user: UserId,
        session: Option<&str>,
        effects: &mut Effects,
        rule: impl FnOnce(&mut Operator, &Settings) -> T,
    ) -> Option<T> {
        let operator = self.operators.get_mut(&user)?;
        let (status, next) = (operator.status().clone(), operator.next().cloned());
        let result = rule(operator, &self.settings);
        let operator = self.operators.get(&user)?;
        if *operator.status() != status {
            effects.records.push(self.status_record(user, operator.status(), session));
        }
        if operator.next() != next.as_ref() {
            effects.records.push(Record::Next { user, next: operator.next().cloned() });
        }
        effects.me.insert(user);
        Some(result)
    }

    fn status_record(&self, user: UserId, status: &Status, session: Option<&str>) -> Record {
        let class: Option<ReasonClass> =
            status.reason.and_then(|id| self.config.reasons.get(&id)).map(|row| row.reason.class);
        Record::Status { user, status: status.clone(), class, session: session.map(ToOwned::to_owned) }
    }

    /// Works out the wishes anew, and tells those that changed.
    pub(super) fn settle(&mut self, effects: &mut Effects, now: i64) {
        let pbxs: Vec<PbxId> = self.config.pbxs.keys().copied().collect();
        for pbx in pbxs {
            let desired = self.desired(pbx, now);
            let before = self.desired.get(&pbx).map_or(&[][..], Vec::as_slice);
            if desired == before {
                continue;
            }
            let changed: Vec<(String, String)> = desired
                .iter()
                .filter(|wish| !before.contains(wish))
                .map(|wish| (wish.queue.clone(), wish.interface.clone()))
                .collect();
            for (queue, interface) in changed {
                if let Some(key) = self.member_by_interface(pbx, &queue, &interface)
                    && let Some(member) = self.members.get_mut(&key)
                {
                    member.applied = Applied::Pending;
                    effects.me.insert(key.0);
                }
            }
            self.desired.insert(pbx, desired.clone());
            effects.desire.push((pbx, desired));
        }
    }

    pub(super) fn member_by_interface(&self, pbx: PbxId, queue: &str, interface: &str) -> Option<(UserId, QueueId)> {
        let queue = self.queue_by_name(pbx, queue)?;
        self.index.members.get(&(queue, interface.to_owned())).map(|user| (*user, queue))
    }

    pub(super) fn queue_by_name(&self, pbx: PbxId, name: &str) -> Option<QueueId> {
        self.index.queues.get(&(pbx, name.to_owned())).copied()
    }

    pub(super) fn phone_by_endpoint(&self, pbx: PbxId, endpoint: &str) -> Option<(PhoneId, UserId)> {
        self.index.phones.get(&(pbx, endpoint.to_owned())).copied()
    }
}
