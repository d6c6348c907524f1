//! What happens at a PBX, and what the floor makes of it.

use central_api::{Applied, ChangedBy, PbxId, QueueId, Reachability, UserId};
use std::collections::BTreeSet;

use super::Effects;
use super::floor::{Call, Floor, LinkState, QueueState};
use super::rules::OwnCall;
use crate::pbx::contract::{Cause, ObservedMember, PbxCall, PbxEvent, Progress};
use crate::store::Record;

impl Floor {
    /// Something at a PBX.
    pub fn pbx(&mut self, pbx: PbxId, event: PbxEvent, now: i64) -> Effects {
        let mut effects = Effects::default();
        // Figures of queues come most often and change nobody's wish.
        let figures = matches!(event, PbxEvent::Queue { .. });
        match event {
            PbxEvent::Link { up, restarted } => self.pbx_link(pbx, up, restarted, now, &mut effects),
            PbxEvent::Member { queue, interface, observed, cause, progress } => {
                if let Some(key) = self.member_by_interface(pbx, &queue, &interface) {
                    self.pbx_member(pbx, key, observed, cause, progress, now, &mut effects);
                }
            }
            PbxEvent::Queue { queue, waiting, longest_since_ms, free } => {
                if let Some(id) = self.queue_by_name(pbx, &queue) {
                    self.queues.insert(id, QueueState { waiting, longest_since_ms, free });
                    effects.queues = true;
                }
            }
            PbxEvent::Endpoint { endpoint, state, contact } => {
                if let Some((phone, user)) = self.phone_by_endpoint(pbx, &endpoint) {
                    let known = self.phones.entry(phone).or_default();
                    if known.state != state {
                        known.since_ms = now;
                    }
                    known.state = state;
                    known.contact = contact;
                    self.phones_changed(user, now, &mut effects);
                }
            }
            PbxEvent::Call(seen) => {
                if let Some((_, user)) = self.phone_by_endpoint(pbx, &seen.endpoint) {
                    self.pbx_call(pbx, user, seen, &mut effects);
                }
            }
            PbxEvent::CallGone { endpoint, sip_call_id, talked } => {
                if let Some((_, user)) = self.phone_by_endpoint(pbx, &endpoint) {
                    self.call_gone(user, &sip_call_id, talked, now, &mut effects);
                }
            }
            PbxEvent::OfferEnded { queue, interface, outcome } => {
                if let Some((user, queue)) = self.member_by_interface(pbx, &queue, &interface) {
                    self.change(user, None, &mut effects, |operator, settings| {
                        operator.offer(queue, outcome, now, settings);
                    });
                }
            }
        }
        if !figures {
            self.settle(&mut effects, now);
        }
        effects
    }

    fn pbx_link(&mut self, pbx: PbxId, up: bool, restarted: bool, now: i64, effects: &mut Effects) {
        let link = self.pbxs.entry(pbx).or_default();
        if link.up != up {
            *link = LinkState { up, since_ms: now };
        }
        let mut users = BTreeSet::new();
        for phone in self.config.phones.values().filter(|phone| phone.pbx == pbx) {
            users.insert(phone.user);
            let known = self.phones.entry(phone.id).or_default();
            if !up && known.state != Reachability::Unknown {
                known.state = Reachability::Unknown;
                known.since_ms = now;
            }
            if up && restarted {
                // The time of the restart: it grows over a restart of central as well.
                known.register_again = now.unsigned_abs();
            }
        }
        if up && restarted {
            let dead: Vec<(UserId, String)> = self
                .calls
                .iter()
                .flat_map(|(user, calls)| calls.iter().map(move |(id, call)| (*user, id.clone(), call)))
                .filter(|(_, _, call)| call.pbx == pbx && !call.gone && call.seen.answered_ms.is_none_or(|at| at < now))
                .map(|(user, id, _)| (user, id))
                .collect();
            for (user, id) in dead {
                self.call_gone(user, &id, false, now, effects);
            }
        }
        for user in &users {
            self.phones_changed(*user, now, effects);
            if up {
                self.change(*user, None, effects, |operator, _| operator.calls_told_soon(now));
            }
        }
        for key in self.members.keys() {
            if self.config.queues.get(&key.1).is_some_and(|queue| queue.pbx == pbx) {
                effects.me.insert(key.0);
            }
        }
        effects.me.extend(users);
        effects.queues = true;
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one event, taken apart once")]
    fn pbx_member(
        &mut self,
        pbx: PbxId,
        key: (UserId, QueueId),
        observed: ObservedMember,
        cause: Cause,
        progress: Progress,
        now: i64,
        effects: &mut Effects,
    ) {
        let (user, queue) = key;
        let Some(member) = self.members.get_mut(&key) else { return };
        if member.observed.as_ref() != Some(&observed) {
            effects.records.push(Record::Membership {
                user,
                queue,
                present: observed.present,
                paused: observed.paused,
                pause_reason: observed.paused_reason.clone(),
                cause: cause_word(cause),
                at_ms: now,
            });
        }
        member.fixed |= observed.present && observed.fixed;
        member.observed = Some(observed.clone());
        (member.applied, member.problem) = match progress {
            Progress::Applied => (Applied::Applied, None),
            Progress::Pending => (Applied::Pending, None),
            Progress::Failed(words) => (Applied::Failed, Some(words)),
        };
        let (joined, fixed) = (member.joined, member.fixed);
        effects.me.insert(user);
        let Some(operator) = self.operators.get(&user).filter(|operator| operator.on_shift()) else { return };
        let pause = operator.pause(pbx, now, &self.settings);
        match cause {
            Cause::Pbx if !fixed && observed.present != joined => {
                self.wish_member(user, queue, observed.present, ChangedBy::Pbx, now, effects);
            }
            Cause::Pbx if fixed && !joined && !observed.paused => {
                self.wish_member(user, queue, true, ChangedBy::Pbx, now, effects);
                if pause.is_some() {
                    self.change(user, None, effects, |operator, settings| operator.pbx_unpaused(now, settings));
                }
            }
            Cause::Pbx if joined && observed.paused && pause.is_none() => {
                let reason = self.reason_by_text(observed.paused_reason.as_deref());
                self.change(user, None, effects, |operator, settings| operator.pbx_paused(reason, now, settings));
            }
            Cause::Pbx if joined && !observed.paused && pause.is_some() => {
                self.change(user, None, effects, |operator, settings| operator.pbx_unpaused(now, settings));
            }
            Cause::Autopause if observed.paused => {
                self.change(user, None, effects, |operator, settings| operator.autopaused(now, settings));
            }
            Cause::Pbx | Cause::Autopause | Cause::Ours | Cause::Restart | Cause::Found => {}
        }
    }

    fn pbx_call(&mut self, pbx: PbxId, user: UserId, seen: PbxCall, effects: &mut Effects) {
        let queue = seen.queue.as_deref().and_then(|name| self.queue_by_name(pbx, name));
        let own = OwnCall {
            pbx,
            // A queue we do not know is a queue all the same, but has no figures and no rules of ours.
            queue,
            answered: seen.answered_ms.is_some(),
            returned: false,
        };
        let id = seen.sip_call_id.clone();
        let returned_ms = self.calls.get(&user).and_then(|calls| calls.get(&id)).and_then(|call| call.returned_ms);
        let call = Call { pbx, queue, seen, returned_ms, gone: false };
        self.calls.entry(user).or_default().insert(id.clone(), call);
        self.change(user, None, effects, |operator, _| operator.call(&id, own));
    }

    fn call_gone(&mut self, user: UserId, id: &str, talked: bool, now: i64, effects: &mut Effects) {
        if let Some(calls) = self.calls.get_mut(&user) {
            match calls.get_mut(id) {
                Some(call) if call.returned_ms.is_some() => call.gone = true,
                Some(_) => {
                    calls.remove(id);
                }
                None => {}
            }
        }
        self.change(user, None, effects, |operator, settings| operator.gone(id, talked, now, settings));
    }

    fn phones_changed(&mut self, user: UserId, now: i64, effects: &mut Effects) {
        let mut states = self
            .config
            .phones
            .values()
            .filter(|phone| phone.user == user)
            .map(|phone| self.phones.get(&phone.id).map_or(Reachability::Unknown, |known| known.state));
        let reachable = states.try_fold(Some(false), |worst, state| match state {
            Reachability::Reachable => Err(Some(true)),
            Reachability::Unknown => Ok(None),
            Reachability::Unreachable | Reachability::NotRegistered => Ok(worst),
        });
        let reachable = reachable.unwrap_or_else(|found| found);
        self.change(user, None, effects, |operator, _| operator.phone(reachable, now));
        effects.me.insert(user);
    }
}

fn cause_word(cause: Cause) -> &'static str {
    match cause {
        Cause::Ours => "ours",
        Cause::Pbx => "pbx",
        Cause::Restart => "restart",
        Cause::Autopause => "autopause",
        Cause::Found => "found",
    }
}
