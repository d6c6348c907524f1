//! One topic's state: coalesced to 20 deltas a second (of calls 40), numbered, the last ones kept for who comes back.

use central_api::live::Resume;
use central_api::{FromLive, Topic, merge_patch};
use serde_json::Value;
use std::collections::VecDeque;

/// Deltas are at least so far apart; the first after a quiet time goes out at once.
pub const GAP_MS: i64 = 50;

/// Of calls: on a busy PBX something changes always, so this is what the last of a hundred changes waits for, and it has to be
/// told within 50 ms, all included.
const CALLS_GAP_MS: i64 = 25;

/// Deltas kept for who comes back.
const KEPT: usize = 256;

/// Encoded once, shared by all who listen.
pub type Frame = axum::extract::ws::Utf8Bytes;

/// What waits to go out.
#[derive(Debug)]
enum Pending {
    /// A new state.
    State(Value),
    /// A merge patch of the one that was sent.
    Patch(Value),
}

/// One topic in one scope.
#[derive(Debug)]
pub struct TopicState {
    topic: Topic,
    sent: Value,
    pending: Option<Pending>,
    number: u64,
    kept: VecDeque<(u64, Frame)>,
    open_at_ms: i64,
}

impl TopicState {
    /// `first_number` lies in a range that no other topic uses, so that a number of another scope can never be resumed here.
    #[must_use]
    pub fn new(topic: Topic, state: Value, first_number: u64) -> Self {
        Self { topic, sent: state, pending: None, number: first_number, kept: VecDeque::new(), open_at_ms: 0 }
    }

    /// A new state; a frame when it goes out now.
    pub fn publish(&mut self, epoch: &str, state: Value, now_ms: i64) -> Option<Frame> {
        self.pending = Some(Pending::State(state));
        self.flush(epoch, now_ms)
    }

    /// A change of the state, where that is too large to be compared each time; a frame when it goes out now.
    pub fn patch(&mut self, epoch: &str, patch: Value, now_ms: i64) -> Option<Frame> {
        match &mut self.pending {
            Some(Pending::State(state)) => merge_patch::apply(state, &patch),
            Some(Pending::Patch(before)) => merge_patch::then(before, patch),
            None => self.pending = Some(Pending::Patch(patch)),
        }
        self.flush(epoch, now_ms)
    }

    /// When something waits to go out.
    #[must_use]
    pub fn due_ms(&self) -> Option<i64> {
        self.pending.as_ref().map(|_| self.open_at_ms)
    }

    /// What waits, when its time has come.
    pub fn flush(&mut self, epoch: &str, now_ms: i64) -> Option<Frame> {
        // A clock set back must not hold the topic up.
        if now_ms < self.open_at_ms && self.open_at_ms - now_ms <= self.gap_ms() {
            return None;
        }
        let patch = match self.pending.take()? {
            Pending::State(state) => {
                let patch = merge_patch::diff(&self.sent, &state)?;
                self.sent = state;
                patch
            }
            Pending::Patch(patch) => {
                merge_patch::apply(&mut self.sent, &patch);
                patch
            }
        };
        self.number += 1;
        self.open_at_ms = now_ms + self.gap_ms();
        let frame = encode(&FromLive::Delta {
            epoch: epoch.to_owned(),
            topic: self.topic,
            number: self.number,
            at_ms: now_ms,
            patch,
        });
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((self.number, frame.clone()));
        Some(frame)
    }

    fn gap_ms(&self) -> i64 {
        if self.topic == Topic::Calls { CALLS_GAP_MS } else { GAP_MS }
    }

    /// The whole state as it was last sent.
    #[must_use]
    pub fn snapshot(&self, epoch: &str, now_ms: i64) -> Frame {
        encode(&FromLive::Snapshot {
            epoch: epoch.to_owned(),
            topic: self.topic,
            number: self.number,
            at_ms: now_ms,
            state: self.sent.clone(),
        })
    }

    /// What somebody who was here before still lacks, or a snapshot when that is not known any more.
    #[must_use]
    pub fn catch_up(&self, epoch: &str, resume: Option<&Resume>, now_ms: i64) -> Vec<Frame> {
        if let Some(resume) = resume.filter(|resume| resume.epoch == epoch) {
            if resume.number == self.number {
                return Vec::new();
            }
            let first = self.kept.front().map(|(number, _)| *number);
            if first.is_some_and(|first| resume.number + 1 >= first) && resume.number < self.number {
                return self
                    .kept
                    .iter()
                    .filter(|(number, _)| *number > resume.number)
                    .map(|(_, frame)| frame.clone())
                    .collect();
            }
        }
        vec![self.snapshot(epoch, now_ms)]
    }
}

/// A frame as text.
#[must_use]
pub fn encode(frame: &FromLive) -> Frame {
    // Our own frames have string keys only, so they can always be written.
    serde_json::to_string(frame).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::{CALLS_GAP_MS, GAP_MS, KEPT, TopicState};
    use central_api::live::Resume;
    use central_api::{FromLive, Topic};
    use serde_json::json;

    fn number(frame: &str) -> u64 {
        match serde_json::from_str(frame).unwrap() {
            FromLive::Delta { number, .. } | FromLive::Snapshot { number, .. } => number,
            other => panic!("{other:?}"),
        }
    }

    fn resume(epoch: &str, number: u64) -> Resume {
        Resume { epoch: epoch.to_owned(), number }
    }

    #[test]
    fn the_first_change_goes_out_at_once_and_a_burst_is_one_delta() {
        let mut topic = TopicState::new(Topic::Me, json!({"a": 0}), 7);
        assert_eq!(number(&topic.publish("e", json!({"a": 1}), 1000).unwrap()), 8);
        for a in 2..100 {
            assert!(topic.publish("e", json!({"a": a}), 1000 + a % GAP_MS).is_none());
        }
        assert_eq!(topic.due_ms(), Some(1000 + GAP_MS));
        assert!(topic.flush("e", 1000 + GAP_MS - 1).is_none());
        let frame = topic.flush("e", 1000 + GAP_MS).unwrap();
        assert!(frame.contains(r#""patch":{"a":99}"#), "{frame}");
        assert_eq!(number(&frame), 9);
        assert_eq!(topic.due_ms(), None);
    }

    #[test]
    fn patches_of_a_burst_are_one_delta_and_the_snapshot_has_them() {
        let mut topic = TopicState::new(Topic::Calls, json!({"calls": {"1": {"a": 1, "b": 1}}}), 7);
        topic.patch("e", json!({"calls": {"2": {"a": 1}}}), 1000).unwrap();
        assert!(topic.patch("e", json!({"calls": {"1": {"a": 2}}}), 1010).is_none());
        assert!(topic.patch("e", json!({"calls": {"1": {"b": null}, "2": null, "3": {"a": 3}}}), 1020).is_none());
        let frame = topic.flush("e", 1000 + CALLS_GAP_MS).unwrap();
        let FromLive::Delta { patch, .. } = serde_json::from_str(&frame).unwrap() else { panic!("{frame}") };
        assert_eq!(patch, json!({"calls": {"1": {"a": 2, "b": null}, "2": null, "3": {"a": 3}}}));
        let FromLive::Snapshot { state, .. } = serde_json::from_str(&topic.snapshot("e", 2000)).unwrap() else {
            panic!()
        };
        assert_eq!(state, json!({"calls": {"1": {"a": 2}, "3": {"a": 3}}}));
    }

    #[test]
    fn an_equal_state_is_no_frame_and_uses_no_number() {
        let mut topic = TopicState::new(Topic::Me, json!({"a": 0}), 7);
        assert!(topic.publish("e", json!({"a": 0}), 1000).is_none());
        assert_eq!(number(&topic.publish("e", json!({"a": 1}), 1000).unwrap()), 8);
    }

    #[test]
    fn a_clock_set_back_holds_nothing_up() {
        let mut topic = TopicState::new(Topic::Me, json!({"a": 0}), 0);
        topic.publish("e", json!({"a": 1}), 1_000_000).unwrap();
        assert!(topic.publish("e", json!({"a": 2}), 5).is_some());
    }

    #[test]
    fn who_comes_back_gets_what_is_missing_or_a_snapshot() {
        let mut topic = TopicState::new(Topic::Me, json!({"a": 0}), 100);
        for a in 1..=4 {
            topic.publish("e", json!({"a": a}), a * 1000).unwrap();
        }
        let numbers = |resume: Option<Resume>| -> Vec<u64> {
            topic.catch_up("e", resume.as_ref(), 9000).iter().map(|frame| number(frame)).collect()
        };
        assert_eq!(numbers(Some(resume("e", 104))), Vec::<u64>::new());
        assert_eq!(numbers(Some(resume("e", 102))), [103, 104]);
        assert_eq!(numbers(Some(resume("e", 100))), [101, 102, 103, 104]);
        assert_eq!(numbers(None), [104], "a snapshot");
        assert_eq!(numbers(Some(resume("other", 102))), [104], "another process");
        assert_eq!(numbers(Some(resume("e", 99))), [104], "too old");
        assert_eq!(numbers(Some(resume("e", 200))), [104], "of another scope");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut topic = TopicState::new(Topic::Me, json!({"a": 0}), 0);
        for a in 1..=(i64::try_from(KEPT).unwrap() + 50) {
            topic.publish("e", json!({"a": a}), a * 1000).unwrap();
        }
        assert_eq!(topic.kept.len(), KEPT);
        let last = topic.number;
        assert_eq!(topic.catch_up("e", Some(&resume("e", 10)), 0).len(), 1);
        assert_eq!(topic.catch_up("e", Some(&resume("e", last - 3)), 0).len(), 3);
    }
}
