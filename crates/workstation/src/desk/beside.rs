//! Queue calls that ring beside the one that is answered, at the screen, at the headset or by itself: their customers go on
//! to somebody who is free.

use softphone_api::{Call, CallId, CallPhase, Command, RejectReason};
use std::collections::BTreeSet;

use super::Desk;
use crate::softphone::Order;
use crate::view::View;

/// Calls whose refusal was ordered, so that it is ordered once.
#[derive(Debug, Default)]
pub(crate) struct Refused(BTreeSet<CallId>);

impl Refused {
    /// For an answer that the workstation orders: the softphone refuses these in the same moment.
    pub(super) fn with_answer(&mut self, view: &View, call: CallId) -> Vec<CallId> {
        let beside = queue_calls_beside(view, call);
        self.0.extend(&beside);
        beside
    }

    /// After an answer that somebody else may have ordered: those that are not refused yet.
    fn after_answer(&mut self, view: &View, call: CallId) -> Vec<CallId> {
        // A softphone that was started anew counts its calls from the beginning.
        self.0.retain(|id| view.calls().any(|call| call.id == *id));
        queue_calls_beside(view, call).into_iter().filter(|id| self.0.insert(*id)).collect()
    }
}

impl Desk {
    /// A call was in this phase before its last change.
    pub(super) fn refuse_beside(&mut self, call: CallId, before: Option<CallPhase>) {
        let now = self.view.calls().find(|known| known.id == call).map(|call| call.phase);
        if !is_answer(before, now) {
            return;
        }
        for other in self.refused.after_answer(&self.view, call) {
            tracing::info!(call = other.0, answered = call.0, "call {} is refused: another was answered", other.0);
            self.order(Order::Command(Command::Reject { call: other, reason: RejectReason::Busy }, None));
        }
    }
}

/// Whether an incoming call was answered between these two; `None`: it was not there yet, or is over.
fn is_answer(before: Option<CallPhase>, now: Option<CallPhase>) -> bool {
    before == Some(CallPhase::Ringing) && now.is_some_and(|phase| phase != CallPhase::Ringing)
}

fn queue_calls_beside(view: &View, answered: CallId) -> Vec<CallId> {
    let beside = view.calls().filter(|call| call.id != answered && call.phase == CallPhase::Ringing);
    beside.filter(|call| is_of_a_queue(view, call)).map(|call| call.id).collect()
}

/// Central's half of the call says so; until it is here nobody knows.
pub(super) fn is_of_a_queue(view: &View, call: &Call) -> bool {
    let queue = || view.me.as_ref()?.get("calls")?.get(&call.sip_call_id)?.get("queue");
    queue().is_some_and(|queue| !queue.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use softphone_api::CallPhase::{Connecting, Ringing, Talking};
    use softphone_api::{CallId, Snapshot};

    use super::super::phone::from_snapshot;
    use super::{Refused, is_answer, queue_calls_beside};
    use crate::view::View;

    /// 1 and 2 ring out of queues, 3 directly, of 5 nothing is known yet; 4 is on hold.
    fn view() -> View {
        let call = |id: u64, phase: &str| {
            json!({"id": id, "account": "7", "sip_call_id": format!("c{id}"), "direction": "incoming", "phase": phase,
                "remote_number": "1", "started_at_ms": 1, "age_ms": 1, "muted": false, "encrypted": false})
        };
        let calls = [call(1, "ringing"), call(2, "ringing"), call(3, "ringing"), call(4, "held"), call(5, "ringing")];
        let snapshot = json!({"event_number": 1, "at_ms": 1, "registrations": [], "calls": calls,
            "sound": {"capture": {"use": "system"}, "playback": {"use": "system"}}});
        let mut view = View::empty(String::new(), String::new());
        view.phone = Some(from_snapshot(serde_json::from_value::<Snapshot>(snapshot).expect("a snapshot")));
        view.me = Some(json!({"calls": {"c1": {"queue": 1}, "c2": {"queue": 2}, "c3": {}, "c4": {"queue": 2}}}));
        view
    }

    #[test]
    fn who_else_rings_out_of_a_queue() {
        let mut view = view();
        assert_eq!(queue_calls_beside(&view, CallId(1)), [CallId(2)]);
        assert_eq!(queue_calls_beside(&view, CallId(3)), [CallId(1), CallId(2)]);
        view.me = None;
        assert_eq!(queue_calls_beside(&view, CallId(1)), [], "nobody knows");
    }

    #[test]
    fn each_is_refused_once_whoever_ordered_the_answer() {
        let mut view = view();
        let mut refused = Refused::default();
        assert_eq!(refused.after_answer(&view, CallId(1)), [CallId(2)], "at the headset");
        assert_eq!(refused.after_answer(&view, CallId(1)), [], "its refusal is on its way");

        let mut refused = Refused::default();
        assert_eq!(refused.with_answer(&view, CallId(1)), [CallId(2)], "at the screen");
        assert_eq!(refused.after_answer(&view, CallId(1)), [], "the softphone refuses it with the answer");
        // An answer that failed refused nobody, so the next one names them again.
        assert_eq!(refused.with_answer(&view, CallId(1)), [CallId(2)]);

        let phone = view.phone.as_mut().expect("there");
        let second = phone.calls.remove(&2).expect("there");
        assert_eq!(refused.after_answer(&view, CallId(3)), [CallId(1)]);
        view.phone.as_mut().expect("there").calls.insert(2, second);
        assert_eq!(refused.after_answer(&view, CallId(1)), [CallId(2)], "another call of the same number");
    }

    #[test]
    fn what_is_an_answer() {
        for (before, now, answer) in [
            (Some(Ringing), Some(Connecting), true),
            (Some(Ringing), Some(Talking), true),
            (Some(Ringing), Some(Ringing), false),
            (Some(Ringing), None, false),
            (Some(Connecting), Some(Talking), false),
            (None, Some(Ringing), false),
            (None, Some(Talking), false),
        ] {
            assert_eq!(is_answer(before, now), answer, "{before:?} to {now:?}");
        }
    }
}
