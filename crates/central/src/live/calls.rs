//! Calls that go on, for who watches: what the collectors tell, as patches of one topic.

use std::collections::HashMap;

use calls::call::{Attempt, Call, Direction, Exit, MoveKind, Outcome, PartyIx, Who};
use calls::{Changed, JoinReason};
use central_api::{CallDirection, CallPhase, LiveCall, LiveParty, PbxId, merge_patch};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::Hub;
use crate::collector::Live;

/// Takes what the collectors tell, until they are gone.
pub async fn run(hub: Hub, mut live: mpsc::UnboundedReceiver<Live>) {
    let mut shown = Shown::default();
    let mut news = Vec::new();
    while live.recv_many(&mut news, 64).await > 0 {
        if let Some(patch) = shown.take(news.drain(..)) {
            hub.calls(patch);
        }
    }
}

/// What is shown now.
#[derive(Debug, Default)]
struct Shown {
    calls: HashMap<u64, Value>,
}

impl Shown {
    /// What changes by these news, as a patch of the topic.
    fn take(&mut self, news: impl Iterator<Item = Live>) -> Option<Value> {
        let (mut patch, mut stale) = (Map::new(), Map::new());
        for news in news {
            match news {
                Live::Changed(changed) => {
                    for Changed { id, absorbed, call } in changed {
                        for id in absorbed {
                            self.remove(id, &mut patch);
                        }
                        match call.as_ref().and_then(live_call) {
                            Some(call) => self.put(id, &call, &mut patch),
                            None => self.remove(id, &mut patch),
                        }
                    }
                }
                Live::Stale(pbx, since_ms) => drop(stale.insert(pbx.to_string(), since_ms.into())),
                Live::Over(ids) => {
                    for id in ids {
                        self.remove(id, &mut patch);
                    }
                }
            }
        }
        let parts = [("calls", patch), ("stale", stale)].into_iter().filter(|(_, part)| !part.is_empty());
        let parts: Map<String, Value> = parts.map(|(name, part)| (name.to_owned(), part.into())).collect();
        (!parts.is_empty()).then_some(Value::Object(parts))
    }

    fn put(&mut self, id: u64, call: &LiveCall, patch: &mut Map<String, Value>) {
        let new = match serde_json::to_value(call) {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(id, %error, "a call cannot be shown");
                return;
            }
        };
        let change = match self.calls.get(&id) {
            Some(old) => merge_patch::diff(old, &new),
            None => Some(new.clone()),
        };
        let Some(change) = change else { return };
        match patch.get_mut(&id.to_string()) {
            Some(before) => merge_patch::then(before, change),
            None => drop(patch.insert(id.to_string(), change)),
        }
        self.calls.insert(id, new);
    }

    fn remove(&mut self, id: u64, patch: &mut Map<String, Value>) {
        if self.calls.remove(&id).is_some() {
            patch.insert(id.to_string(), Value::Null);
        }
    }
}

/// A call as it is shown; nothing, when it is over.
fn live_call(call: &Call) -> Option<LiveCall> {
    if call.ended_ms.is_some() {
        return None;
    }
    let visit = call.visits.last();
    let waits = visit.filter(|visit| visit.left_ms.is_none());
    // Who speaks counts before who waits, and that before who rings: a consultation rings beside a talk.
    let talk = call.talks.iter().rev().find(|talk| talk.ended_ms.is_none());
    let hold = talk.and_then(|talk| talk.holds.iter().find(|hold| hold.ended_ms.is_none()));
    // Phones ring on for a moment after the caller has left the queue.
    let is_left = |visit: usize| call.visits.get(visit).is_some_and(|visit| visit.left_ms.is_some());
    let rung = || {
        let rings = |attempt: &&Attempt| attempt.outcome == Outcome::Ringing && !attempt.visit.is_some_and(is_left);
        call.attempts.iter().filter(rings)
    };
    let parked = call.moves.iter().rev().find(|moved| moved.success).filter(|moved| moved.kind == MoveKind::Park);
    let last_end = call.talks.iter().filter_map(|talk| talk.ended_ms).max();
    // Somebody took it a moment ago, and the PBX has not put them together yet.
    let taken = visit.filter(|visit| matches!(visit.exit, Exit::Answered { .. })).and_then(|visit| visit.left_ms);
    let answered = call.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Answered);
    let taken = answered.filter_map(|attempt| attempt.ended_ms).chain(taken).max();
    let taken = taken.filter(|taken| last_end.is_none_or(|end| end < *taken));
    let (phase, since_ms) = if let Some(hold) = hold {
        (CallPhase::Held, hold.began_ms)
    } else if let Some(talk) = talk {
        (CallPhase::Talking, talk.began_ms)
    } else if let Some(taken) = taken {
        (CallPhase::Talking, taken)
    } else if let Some(waits) = waits {
        (CallPhase::Waiting, waits.entered_ms)
    } else if let Some(since_ms) = rung().map(|attempt| attempt.began_ms).min() {
        (CallPhase::Ringing, since_ms)
    } else if let Some(parked) = parked {
        (CallPhase::Parked, parked.at_ms)
    } else {
        let left = call.visits.iter().filter_map(|visit| visit.left_ms);
        (CallPhase::Way, left.chain(last_end).max().unwrap_or(call.began_ms))
    };
    Some(LiveCall {
        direction: match call.direction {
            Direction::Incoming => CallDirection::Incoming,
            Direction::Outgoing => CallDirection::Outgoing,
            Direction::Internal => CallDirection::Internal,
        },
        caller: party(call, call.caller)?,
        dialled: call.dialled.clone(),
        began_ms: call.began_ms,
        phase,
        since_ms,
        queue: visit.map(|visit| visit.queue.clone()),
        rings: rung().filter_map(|attempt| party(call, attempt.party?)).collect(),
        talks: talk.into_iter().flat_map(|talk| &talk.parties).filter_map(|at| party(call, *at)).collect(),
        probable: call.joins.iter().any(|join| join.reason == JoinReason::NumberAndTime),
    })
}

fn party(call: &Call, at: PartyIx) -> Option<LiveParty> {
    let party = call.parties.get(at)?;
    Some(LiveParty {
        pbx: PbxId(i64::from(party.pbx)),
        endpoint: party.endpoint.clone(),
        phone: party.who == Who::Phone,
        number: party.number.clone(),
        name: party.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::Shown;
    use crate::collector::Live;
    use crate::collector::tests::{House, events};
    use ami::{Event, Message};
    use calls::{Assembly, LINGER_MS, PbxIx};
    use central_api::{CallPhase, CallsState, merge_patch};

    /// What is shown after each of some events, which come every 10 ms; the end of what is heard.
    fn watch(events: &[Message], mut seen: impl FnMut(i64, &CallsState)) -> (Assembly, Shown, serde_json::Value, i64) {
        let (mut assembly, mut shown) = (Assembly::new(), Shown::default());
        assembly.give_ids(7..100);
        let mut state = serde_json::to_value(CallsState::default()).unwrap();
        let mut at = 0;
        for message in events {
            at += 10;
            assembly.event(PbxIx(3), at, &Event::read(message));
            let changed = assembly.take_changed(at, &House);
            if let Some(patch) = shown.take([Live::Changed(changed)].into_iter()) {
                merge_patch::apply(&mut state, &patch);
            }
            seen(at, &serde_json::from_value(state.clone()).unwrap());
        }
        (assembly, shown, state, at)
    }

    /// A recorded call, watched event by event: what the patches make of the topic is what is told, and nothing stays.
    #[test]
    fn a_call_is_shown_from_its_begin_to_its_end() {
        let mut phases = Vec::new();
        let (mut assembly, mut shown, mut state, at) = watch(&events(0), |_, seen| {
            let Some(call) = seen.calls.get(&7) else { return };
            if phases.last() != Some(&call.phase) {
                phases.push(call.phase);
            }
            if call.phase == CallPhase::Waiting {
                assert_eq!((call.queue.as_deref(), call.caller.phone), (Some("support"), false));
            }
            if call.phase == CallPhase::Talking {
                assert!(matches!(call.talks.len(), 0 | 2) && call.rings.is_empty());
            }
        });
        assert_eq!(phases, [CallPhase::Way, CallPhase::Waiting, CallPhase::Talking, CallPhase::Way]);
        let over = assembly.take_ended(at + LINGER_MS, &House).iter().map(|ended| ended.id).collect();
        if let Some(patch) = shown.take([Live::Over(over)].into_iter()) {
            merge_patch::apply(&mut state, &patch);
        }
        assert_eq!(serde_json::from_value::<CallsState>(state).unwrap(), CallsState::default());
        assert!(shown.calls.is_empty());
    }

    /// The phone rings for a moment after the caller has hung up: nobody is called any more, and not for as long as it has rung.
    #[test]
    fn a_caller_who_left_the_queue_is_not_shown_ringing() {
        let of = |name: &'static str| move |message: &Message| message.event() == Some(name);
        let mut events = events(0);
        events.truncate(events.iter().position(of("DialEnd")).unwrap());
        let join = events.iter().find(|message| of("QueueCallerJoin")(message)).unwrap().clone();
        let again = |name: &'static str| {
            let fields = join.fields().map(|(key, value)| (key, if key == "Event" { name } else { value }));
            Message::new(fields.collect::<Vec<_>>())
        };
        let waiting = events.len();
        events.extend(["QueueCallerAbandon", "QueueCallerLeave", "Hangup"].map(again));
        let mut rang = false;
        watch(&events, |at, seen| {
            let Some(call) = seen.calls.get(&7) else { return };
            let step = usize::try_from(at / 10).unwrap();
            rang |= !call.rings.is_empty();
            if step <= waiting {
                assert_ne!(call.phase, CallPhase::Ringing);
            } else if call.phase != CallPhase::Waiting {
                assert_eq!((call.phase, call.rings.len()), (CallPhase::Way, 0));
                assert!(call.since_ms > i64::try_from(waiting).unwrap() * 10, "{}", call.since_ms);
            }
            if step == events.len() {
                assert_eq!(call.phase, CallPhase::Way);
            }
        });
        assert!(rang, "a phone was seen to ring");
    }
}
