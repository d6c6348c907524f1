//! Queues as the PBX has them: members and customers who wait. Built from snapshots and kept by events; both idempotent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ami::{Event, MemberInfo};

use super::contract::{ObservedMember, PbxEvent};

/// (queue, interface).
pub(super) type MemberKey = (String, String);

/// What became of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: MemberKey,
    pub(super) before: Option<ObservedMember>,
    pub(super) after: ObservedMember,
}

/// All queues of a PBX.
#[derive(Debug, Default)]
pub(super) struct Observed {
    members: BTreeMap<MemberKey, MemberInfo>,
    /// Members of each queue that it would ring; kept, since a busy PBX tells their states thousands of times a second.
    free: HashMap<String, u32>,
    queues: BTreeMap<String, Waiting>,
    /// Queues whose figures may have changed since they were last told.
    touched: BTreeSet<String>,
    told: BTreeMap<String, (u32, Option<i64>, u32)>,
}

/// Customers who wait: uniqueid of the channel → since when, ms.
type Waiting = BTreeMap<String, i64>;

impl Observed {
    /// A member as it is, for the desk.
    pub(super) fn member(&self, key: &MemberKey) -> ObservedMember {
        seen(self.members.get(key))
    }

    pub(super) fn info(&self, key: &MemberKey) -> Option<&MemberInfo> {
        self.members.get(key)
    }

    /// Takes a whole QueueStatus; gives what differs from what was known.
    pub(super) fn snapshot(&mut self, list: &[Event<'_>], now_ms: i64) -> Vec<Change> {
        let mut members = BTreeMap::new();
        let mut queues: BTreeMap<String, Waiting> = BTreeMap::new();
        for event in list {
            match event {
                Event::QueueParams { queue, .. } => {
                    queues.entry((*queue).to_owned()).or_default();
                }
                Event::QueueMember(member) => {
                    members.insert((member.queue.clone(), member.interface.clone()), member.clone());
                }
                Event::QueueEntry { queue, entry } => {
                    // A wait is told in whole seconds; the instant seen live is exact and stays.
                    let known = self.queues.get(*queue).and_then(|waiting| waiting.get(entry.uniqueid)).copied();
                    let since = known.unwrap_or_else(|| now_ms - i64::try_from(entry.wait_s).unwrap_or(0) * 1000);
                    queues.entry((*queue).to_owned()).or_default().insert(entry.uniqueid.to_owned(), since);
                }
                _ => {}
            }
        }
        self.touched.extend(queues.keys().cloned());
        self.touched.extend(self.queues.keys().cloned());
        let old = std::mem::replace(&mut self.members, members);
        self.free.clear();
        for member in self.members.values().filter(|member| is_free(member)) {
            *self.free.entry(member.queue.clone()).or_default() += 1;
        }
        self.queues = queues;
        let keys: BTreeSet<&MemberKey> = old.keys().chain(self.members.keys()).collect();
        keys.into_iter()
            .filter_map(|key| {
                let (before, after) = (old.get(key), self.members.get(key));
                let change =
                    Change { key: key.clone(), before: before.map(|info| seen(Some(info))), after: seen(after) };
                (change.before.as_ref() != Some(&change.after)).then_some(change)
            })
            .collect()
    }

    /// Takes an event; gives what it changed of a member. Changes of the device state alone only touch the figures.
    pub(super) fn event(&mut self, event: &Event<'_>, now_ms: i64) -> Option<Change> {
        match event {
            Event::QueueMemberAdded(info)
            | Event::QueueMemberPause(info)
            | Event::QueueMemberStatus(info)
            | Event::QueueMemberPenalty(info)
            | Event::QueueMemberRinginuse(info) => self.put(info),
            Event::QueueMemberRemoved(info) => {
                let key = (info.queue.clone(), info.interface.clone());
                let before = self.members.remove(&key)?;
                self.count_free(&info.queue, is_free(&before), false);
                self.touch(&info.queue);
                Some(Change { key, before: Some(seen(Some(&before))), after: seen(None) })
            }
            Event::QueueCallerJoin { caller, queue, .. } => {
                self.queues.entry((*queue).to_owned()).or_default().insert(caller.uniqueid.to_owned(), now_ms);
                self.touch(queue);
                None
            }
            Event::QueueCallerLeave { caller, queue } | Event::QueueCallerAbandon { caller, queue } => {
                if self.queues.get_mut(*queue).is_some_and(|waiting| waiting.remove(caller.uniqueid).is_some()) {
                    self.touch(queue);
                }
                None
            }
            Event::Hangup { channel, .. } => {
                for (queue, waiting) in &mut self.queues {
                    if waiting.remove(channel.uniqueid).is_some() {
                        self.touched.insert(queue.clone());
                    }
                }
                None
            }
            _ => None,
        }
    }

    fn put(&mut self, info: &MemberInfo) -> Option<Change> {
        let key = (info.queue.clone(), info.interface.clone());
        let (after, is_free_now) = (seen(Some(info)), is_free(info));
        let before = self.members.insert(key.clone(), info.clone());
        self.count_free(&key.0, before.as_ref().is_some_and(is_free), is_free_now);
        self.touch(&key.0);
        let before = before.map(|info| seen(Some(&info)));
        (before.as_ref() != Some(&after)).then_some(Change { key, before, after })
    }

    fn count_free(&mut self, queue: &str, before: bool, after: bool) {
        if before == after {
            return;
        }
        match self.free.get_mut(queue) {
            Some(free) if after => *free += 1,
            Some(free) => *free -= 1,
            None => drop(self.free.insert(queue.to_owned(), 1)),
        }
    }

    fn touch(&mut self, queue: &str) {
        if !self.touched.contains(queue) {
            self.touched.insert(queue.to_owned());
        }
    }

    /// When a customer joined the queue.
    pub(super) fn waiting_since(&self, queue: &str, uniqueid: &str) -> Option<i64> {
        self.queues.get(queue)?.get(uniqueid).copied()
    }

    /// Whether a customer waits in the queue now.
    pub(super) fn waits(&self, queue: &str, uniqueid: &str) -> bool {
        self.waiting_since(queue, uniqueid).is_some()
    }

    /// Figures that changed since the last time.
    pub(super) fn take_figures(&mut self) -> Vec<PbxEvent> {
        let mut events = Vec::new();
        for queue in std::mem::take(&mut self.touched) {
            let (waiting, longest) = self.queues.get(&queue).map_or((0, None), |waiting| {
                (u32::try_from(waiting.len()).unwrap_or(u32::MAX), waiting.values().min().copied())
            });
            let figures = (waiting, longest, self.free.get(&queue).copied().unwrap_or(0));
            if self.told.insert(queue.clone(), figures) != Some(figures) {
                let (waiting, longest_since_ms, free) = figures;
                events.push(PbxEvent::Queue { queue, waiting, longest_since_ms, free });
            }
        }
        events
    }

    /// After a link that was away everything is told anew.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
        self.touched.extend(self.queues.keys().cloned());
    }
}

/// Not paused, and a device that Queue() would ring: not in use, or without a state of its own.
fn is_free(member: &MemberInfo) -> bool {
    !member.paused && matches!(member.status, 0 | 1)
}

fn seen(info: Option<&MemberInfo>) -> ObservedMember {
    match info {
        Some(info) => ObservedMember {
            present: true,
            fixed: !info.membership.eq_ignore_ascii_case("dynamic"),
            paused: info.paused,
            paused_reason: info.paused_reason.clone().filter(|_| info.paused),
        },
        None => ObservedMember { present: false, fixed: false, paused: false, paused_reason: None },
    }
}
