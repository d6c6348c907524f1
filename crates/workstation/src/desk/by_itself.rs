//! Calls that are answered by themselves. Nobody should be heard unawares: only by the administrator's rule, only while
//! the operator is available, speaks into a device that was chosen, and does nothing else.

use central_api::AutoAnswer;
use softphone_api::{AudioDevice, Call, CallDirection, CallId, CallPhase, Command, DeviceChoice, SoundState};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

use super::Desk;
use crate::softphone::Order;

/// What was answered by itself, and when each ringing call began.
#[derive(Debug, Default)]
pub(crate) struct Answering {
    /// When the ringing calls began here.
    rings_since: BTreeMap<CallId, Instant>,
    /// Calls whose answer was ordered; each once, whatever comes of it.
    ordered: Vec<CallId>,
    /// When the next one has waited as long as its PBX asks.
    pub(crate) due: Option<Instant>,
}

impl Desk {
    /// After everything that happens: whether a call is to be answered now, or later.
    pub(crate) fn answer_by_itself(&mut self) {
        self.answering.due = None;
        let calls: BTreeMap<CallId, &Call> = self.view.calls().map(|call| (call.id, call)).collect();
        self.answering.ordered.retain(|id| calls.contains_key(id));
        let rings = |id: &CallId| calls.get(id).is_some_and(|call| call.phase == CallPhase::Ringing);
        self.answering.rings_since.retain(|id, _| rings(id));
        let Some(session) = &self.session else { return };
        let rule = session.profile.as_ref().map_or(AutoAnswer::Off, |profile| profile.auto_answer);
        let Some(phone) = self.view.phone.as_ref().filter(|_| rule != AutoAnswer::Off) else { return };
        let now = Instant::now();
        let mut situations = Vec::new();
        for call in calls.values() {
            let began = || now.checked_sub(Duration::from_millis(call.age_ms)).unwrap_or(now);
            let age = match call.phase {
                CallPhase::Ringing => now - *self.answering.rings_since.entry(call.id).or_insert_with(began),
                _ => Duration::ZERO,
            };
            situations.push(Situation {
                call,
                age,
                of_a_queue: super::beside::is_of_a_queue(&self.view, call),
                ordered: self.answering.ordered.contains(&call.id),
            });
        }
        // As central says it now: what it said before the link was lost may be over.
        let status = self.view.me.as_ref().filter(|_| session.me_is_live).and_then(|me| me.pointer("/status/kind"));
        let available = status.is_some_and(|kind| kind == "available");
        match next(rule, available, &phone.sound, &situations) {
            None => {}
            Some((_, wait)) if !wait.is_zero() => self.answering.due = Some(now + wait),
            Some((call, _)) => {
                tracing::info!(call = call.0, ?rule, "call {} is answered by itself", call.0);
                self.answering.ordered.push(call);
                let busy = self.refused.with_answer(&self.view, call);
                let command = Command::Answer { call, end_running: false, busy, by_itself: true };
                self.order(Order::Command(command, None));
            }
        }
    }
}

/// A call, and what the rule asks of it.
#[derive(Debug, Clone, Copy)]
struct Situation<'a> {
    call: &'a Call,
    /// How long it rings.
    age: Duration,
    /// Central says that it came by a queue.
    of_a_queue: bool,
    /// Its answer is on its way, or came to nothing.
    ordered: bool,
}

/// The call that is answered next, and how long that still takes.
fn next(
    rule: AutoAnswer,
    available: bool,
    sound: &SoundState,
    situations: &[Situation<'_>],
) -> Option<(CallId, Duration)> {
    if !available || !headset_is_there(sound) {
        return None;
    }
    if situations.iter().any(|situation| situation.ordered || situation.call.phase != CallPhase::Ringing) {
        return None;
    }
    let incoming = situations.iter().filter(|situation| situation.call.direction == CallDirection::Incoming);
    let waits = incoming.filter_map(|situation| {
        let asked = match rule {
            AutoAnswer::QueueCalls => situation.of_a_queue.then_some(Duration::ZERO),
            AutoAnswer::ByHeader => {
                situation.call.answer_after_s.filter(|_| situation.of_a_queue).map(|s| Duration::from_secs(s.into()))
            }
            AutoAnswer::Off | AutoAnswer::Unknown => None,
        };
        Some((situation.call.id, asked?.saturating_sub(situation.age)))
    });
    waits.min_by_key(|(call, wait)| (*wait, *call))
}

/// The device to speak into was chosen and is plugged in; and what is heard with is not another than was chosen.
fn headset_is_there(sound: &SoundState) -> bool {
    let is = |used: Option<&AudioDevice>, choice: &DeviceChoice| match (used, choice) {
        (Some(used), DeviceChoice::Device { name }) => Some(used.name == *name),
        (Some(_), DeviceChoice::System) => None,
        (None, _) => Some(false),
    };
    is(sound.capture_device.as_ref(), &sound.capture) == Some(true)
        && is(sound.playback_device.as_ref(), &sound.playback) != Some(false)
}

#[cfg(test)]
mod tests {
    use central_api::AutoAnswer::{self, ByHeader, Off, QueueCalls, Unknown};
    use serde_json::{Value, json};
    use softphone_api::{Call, SoundState};
    use std::time::Duration;

    use super::{Situation, next};

    /// A call: number, phase, seconds that its PBX asks for, whether it came by a queue.
    type Row = (u64, &'static str, Option<u16>, bool);

    /// What it is about, rule, available, devices, calls; who is answered and when.
    type Case = (&'static str, AutoAnswer, bool, [&'static str; 4], &'static [Row], Option<(u64, Duration)>);

    const AGE: Duration = Duration::from_secs(1);

    /// What is chosen ("" for the system's choice) and used ("" for nothing), to speak and to hear.
    fn sound([speak, into, hear, with]: [&str; 4]) -> SoundState {
        let choice = |name: &str| match name {
            "" => json!({"use": "system"}),
            name => json!({"use": "device", "name": name}),
        };
        let device = |name: &str, capture: bool| match name {
            "" => Value::Null,
            name => json!({"name": name, "label": name, "capture": capture, "is_default": false}),
        };
        let state = json!({"capture": choice(speak), "capture_device": device(into, true), "playback": choice(hear),
            "playback_device": device(with, false)});
        serde_json::from_value(state).expect("sound")
    }

    fn call(&(id, phase, answer_after_s, _): &Row) -> Call {
        let direction = if phase == "dialing" { "outgoing" } else { "incoming" };
        let call = json!({"id": id, "account": "7", "sip_call_id": format!("c{id}"), "direction": direction, "phase": phase,
            "remote_number": "1", "started_at_ms": 1, "age_ms": 1, "muted": false, "encrypted": false,
            "answer_after_s": answer_after_s});
        serde_json::from_value(call).expect("a call")
    }

    #[test]
    fn who_is_answered_and_when() {
        const HEADSET: [&str; 4] = ["jabra", "jabra", "jabra", "jabra"];
        const QUEUE: Row = (1, "ringing", None, true);
        const DIRECT: Row = (1, "ringing", None, false);
        const ASKED: Row = (1, "ringing", Some(0), true);
        const LATER: Row = (1, "ringing", Some(3), true);
        const DIRECT_ASKED: Row = (1, "ringing", Some(0), false);
        const NOW: Duration = Duration::ZERO;
        let cases: &[Case] = &[
            ("off", Off, true, HEADSET, &[QUEUE], None),
            ("a rule of a newer central", Unknown, true, HEADSET, &[QUEUE], None),
            ("of a queue", QueueCalls, true, HEADSET, &[QUEUE], Some((1, NOW))),
            ("direct, or not known yet", QueueCalls, true, HEADSET, &[DIRECT], None),
            ("direct, though its PBX asks", QueueCalls, true, HEADSET, &[DIRECT_ASKED], None),
            ("not available", QueueCalls, false, HEADSET, &[QUEUE], None),
            ("its PBX asks", ByHeader, true, HEADSET, &[ASKED], Some((1, NOW))),
            ("its PBX asks, not yet", ByHeader, true, HEADSET, &[LATER], Some((1, Duration::from_secs(2)))),
            ("its PBX asks, but it is direct", ByHeader, true, HEADSET, &[DIRECT_ASKED], None),
            ("its PBX does not ask", ByHeader, true, HEADSET, &[QUEUE], None),
            ("its PBX asks, not available", ByHeader, false, HEADSET, &[ASKED], None),
            ("nothing chosen", QueueCalls, true, ["", "jabra", "", "jabra"], &[QUEUE], None),
            ("the chosen one is unplugged", QueueCalls, true, ["jabra", "laptop", "", "jabra"], &[QUEUE], None),
            ("no microphone at all", QueueCalls, true, ["jabra", "", "", "jabra"], &[QUEUE], None),
            (
                "heard as the system chooses",
                QueueCalls,
                true,
                ["jabra", "jabra", "", "laptop"],
                &[QUEUE],
                Some((1, NOW)),
            ),
            ("heard elsewhere than chosen", QueueCalls, true, ["jabra", "jabra", "jabra", "tv"], &[QUEUE], None),
            ("heard nowhere", QueueCalls, true, ["jabra", "jabra", "", ""], &[QUEUE], None),
            ("another call runs", QueueCalls, true, HEADSET, &[QUEUE, (2, "talking", None, false)], None),
            ("another call is held", QueueCalls, true, HEADSET, &[QUEUE, (2, "held", None, false)], None),
            ("somebody is being called", QueueCalls, true, HEADSET, &[QUEUE, (2, "dialing", None, false)], None),
            (
                "two of queues: the first",
                QueueCalls,
                true,
                HEADSET,
                &[(3, "ringing", None, true), QUEUE],
                Some((1, NOW)),
            ),
            ("beside a direct one", QueueCalls, true, HEADSET, &[DIRECT, (2, "ringing", None, true)], Some((2, NOW))),
            ("two ask: the sooner", ByHeader, true, HEADSET, &[LATER, (2, "ringing", Some(0), true)], Some((2, NOW))),
        ];
        for (what, rule, available, devices, rows, expected) in cases {
            let calls: Vec<Call> = rows.iter().map(call).collect();
            let of = |(call, row): (_, &Row)| Situation { call, age: AGE, of_a_queue: row.3, ordered: false };
            let situations: Vec<_> = calls.iter().zip(*rows).map(of).collect();
            let answered = next(*rule, *available, &sound(*devices), &situations).map(|(id, wait)| (id.0, wait));
            assert_eq!(answered, *expected, "{what}");
        }
    }

    #[test]
    fn an_answer_on_its_way_is_not_ordered_again_and_is_the_only_one() {
        let rows: [Row; 2] = [(1, "ringing", None, true), (2, "ringing", None, true)];
        let calls = rows.each_ref().map(call);
        let situations =
            calls.each_ref().map(|call| Situation { call, age: AGE, of_a_queue: true, ordered: call.id.0 == 1 });
        assert_eq!(next(QueueCalls, true, &sound(["jabra"; 4]), &situations), None);
    }
}
