//! The desk's state as people see it, and the wish as a PBX gets it.

use central_api::{
    Applied, CallInfo, MeState, Membership, PbxId, PbxLink, PhoneAtPbx, QueueFigures, QueueId, QueuesState, ReasonId,
    Role, UserId,
};

use super::floor::Floor;
use super::rules::Pause;
use crate::classify::NamePattern;
use crate::pbx::contract::{DesiredMember, WatchedEndpoint};

impl Floor {
    /// State of the topic *me*.
    #[must_use]
    pub fn me(&self, user: UserId) -> Option<MeState> {
        let operator = self.operators.get(&user)?;
        let memberships = self
            .members
            .range((user, QueueId(i64::MIN))..=(user, QueueId(i64::MAX)))
            .filter_map(|((_, queue), member)| {
                let pbx = self.config.queues.get(queue)?.pbx;
                let known = self.link_up(pbx) && self.managed(pbx);
                let membership = Membership {
                    joined: member.joined,
                    fixed: member.fixed,
                    paused: member.observed.as_ref().is_some_and(|seen| seen.present && seen.paused),
                    applied: if known { member.applied } else { Applied::Unknown },
                    by: member.by.clone(),
                    changed_ms: member.changed_ms,
                    problem: member.problem.clone(),
                };
                Some((*queue, membership))
            })
            .collect();
        let own_phones: Vec<_> = self.config.phones.values().filter(|phone| phone.user == user).collect();
        let phones = own_phones
            .iter()
            .map(|phone| {
                let seen = self.phones.get(&phone.id).cloned().unwrap_or_default();
                let at_pbx = PhoneAtPbx {
                    number: phone.number.clone(),
                    pbx: phone.pbx,
                    state: seen.state,
                    contact: seen.contact,
                    since_ms: seen.since_ms,
                    register_again: seen.register_again,
                };
                (phone.id, at_pbx)
            })
            .collect();
        let pbxs = self
            .config
            .pbxs
            .values()
            .filter(|pbx| {
                own_phones.iter().any(|phone| phone.pbx == pbx.id)
                    || self.own_queues(user).any(|queue| self.config.queues[&queue].pbx == pbx.id)
            })
            .map(|pbx| {
                let link = self.pbxs.get(&pbx.id).copied().unwrap_or_default();
                let shown =
                    PbxLink { name: pbx.name.clone(), up: link.up, since_ms: link.since_ms, managed: pbx.managed };
                (pbx.id, shown)
            })
            .collect();
        let calls = self.calls.get(&user).into_iter().flatten().map(|(id, call)| (id.clone(), self.call_info(call)));
        Some(MeState {
            status: operator.status().clone(),
            next: operator.next().cloned(),
            memberships,
            phones,
            pbxs,
            calls: calls.collect(),
        })
    }

    fn call_info(&self, call: &super::floor::Call) -> CallInfo {
        let queue = call.queue.and_then(|id| self.config.queues.get(&id));
        CallInfo {
            queue: queue.map(|queue| queue.id),
            queue_name: queue.map(|queue| queue.name.clone()).or_else(|| call.seen.queue.clone()),
            project: queue.and_then(|queue| queue.project.clone()),
            greeting: queue.and_then(|queue| queue.greeting.clone()),
            caller_number: call.seen.caller_number.clone(),
            caller_name: call.seen.caller_name.clone(),
            waiting_since_ms: call.seen.waiting_since_ms,
            answered_ms: call.seen.answered_ms,
            returned_to_queue: call.returned_ms.is_some(),
            ringing_ms: call.seen.ringing_ms,
        }
    }

    /// Queues a person sees: the own ones, or all for who watches.
    #[must_use]
    pub fn scope(&self, user: UserId) -> Vec<QueueId> {
        match self.config.users.get(&user).map(|row| row.user.role) {
            Some(Role::Supervisor | Role::Administrator) => self.config.queues.keys().copied().collect(),
            Some(Role::Operator) => self.own_queues(user).collect(),
            None => Vec::new(),
        }
    }

    fn own_queues(&self, user: UserId) -> impl Iterator<Item = QueueId> {
        self.config
            .members
            .range((user, QueueId(i64::MIN))..=(user, QueueId(i64::MAX)))
            .map(|((_, queue), _)| *queue)
            .filter(|queue| self.config.queues.contains_key(queue))
    }

    /// State of the topic *queues* in a scope.
    #[must_use]
    pub fn queues(&self, scope: &[QueueId]) -> QueuesState {
        let queues = scope
            .iter()
            .filter_map(|id| {
                let queue = self.config.queues.get(id)?;
                let seen = self.queues.get(id).copied().unwrap_or_default();
                let figures = QueueFigures {
                    name: queue.name.clone(),
                    project: queue.project.clone(),
                    waiting: seen.waiting,
                    longest_since_ms: seen.longest_since_ms,
                    free: seen.free,
                    live: self.link_up(queue.pbx),
                };
                Some((*id, figures))
            })
            .collect();
        QueuesState { queues }
    }

    /// The wish for one PBX. Who never signed in is left alone there: he may still work with another program.
    #[must_use]
    pub fn desired(&self, pbx: PbxId, now: i64) -> Vec<DesiredMember> {
        if !self.managed(pbx) {
            return Vec::new();
        }
        self.config
            .members
            .values()
            .filter_map(|row| {
                let queue = self.config.queues.get(&row.queue).filter(|queue| queue.pbx == pbx)?;
                let operator = self.operators.get(&row.user)?;
                let member = self.members.get(&(row.user, row.queue))?;
                let pause = operator.pause(pbx, now, &self.settings);
                // Out of a fixed queue is a pause there; the PBX's own actor knows which members are fixed.
                let joined = member.joined && operator.on_shift();
                let paused = pause.map(|pause| self.pause_text(pause));
                Some(DesiredMember {
                    queue: queue.pbx_queue.clone(),
                    interface: row.interface.clone(),
                    state_interface: row.state_interface.clone(),
                    member_name: row.member_name.clone(),
                    penalty: row.penalty,
                    joined,
                    paused,
                })
            })
            .collect()
    }

    /// English, because it is read in the PBX's own tools.
    fn pause_text(&self, pause: Pause) -> String {
        let text = match pause {
            Pause::Offline => "Offline",
            Pause::Preparing => "Preparing",
            Pause::AfterCall => "After-call",
            Pause::NotAnswering => "Not answering",
            Pause::Away => "No word from the workstation",
            Pause::BusyElsewhere => "Busy elsewhere",
            Pause::Break(Some(reason)) => return self.reason_text(reason),
            // Adopted from the PBX: whatever text stands there is left alone.
            Pause::Break(None) => "",
        };
        text.to_owned()
    }

    fn reason_text(&self, reason: ReasonId) -> String {
        self.config
            .reasons
            .get(&reason)
            .and_then(|row| row.reason.names.get("en"))
            .map_or_else(|| "Break".to_owned(), Clone::clone)
    }

    /// The reason that a text at the PBX means.
    #[must_use]
    pub(super) fn reason_by_text(&self, text: Option<&str>) -> Option<ReasonId> {
        let text = text?.trim();
        self.config
            .reasons
            .values()
            .find(|row| row.reason.names.values().any(|name| name.eq_ignore_ascii_case(text)))
            .map(|row| row.reason.id)
    }

    /// Endpoints of a PBX to be watched, with every interface by which queues ring them.
    #[must_use]
    pub fn watched(&self, pbx: PbxId) -> Vec<WatchedEndpoint> {
        let mut watched = Vec::new();
        for phone in self.config.phones.values().filter(|phone| phone.pbx == pbx) {
            let mut interfaces: Vec<String> = self
                .config
                .members
                .range((phone.user, QueueId(i64::MIN))..=(phone.user, QueueId(i64::MAX)))
                .filter(|((_, queue), _)| self.config.queues.get(queue).is_some_and(|queue| queue.pbx == pbx))
                .map(|(_, member)| member.interface.clone())
                .collect();
            interfaces.push(format!("PJSIP/{}", phone.number));
            interfaces.sort();
            interfaces.dedup();
            watched.extend(
                interfaces.into_iter().map(|interface| WatchedEndpoint { endpoint: phone.number.clone(), interface }),
            );
        }
        watched
    }

    /// Endpoints of a PBX whose channels are asked for their Call-ID besides those that are watched: lines to other PBXs of the
    /// house, because a call that crosses has the same Call-ID on both, and phones that are watched at a mirror.
    #[must_use]
    pub fn dialogs_asked(&self, pbx: PbxId) -> Vec<NamePattern> {
        let lines = self.config.house.lines.values().filter(|line| line.pbx == pbx && line.to_pbx.is_some());
        let mirrors = crate::directory::mirrors(&self.config).into_iter().find(|mirrors| mirrors.pbxs.contains(&pbx));
        let is_at_mirror = |at: PbxId| at != pbx && mirrors.as_ref().is_some_and(|mirrors| mirrors.pbxs.contains(&at));
        let phones = self.config.phones.values().filter(|phone| is_at_mirror(phone.pbx));
        // The technology of a phone at another PBX is not known.
        let named =
            phones.flat_map(|phone| ["PJSIP", "SIP"].map(|technology| format!("{technology}/{}", phone.number)));
        lines.map(|line| line.endpoint.clone()).chain(named.filter_map(|name| name.parse().ok())).collect()
    }
}
