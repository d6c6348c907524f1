//! Golden messages: what the last release said must still be read, and say the same when it is written again.

use central_api::{FromLive, MeState, Problem, ProblemCode, ToLive, merge_patch};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

fn every_line_survives<T: Serialize + DeserializeOwned>(lines: &str) {
    for (number, line) in lines.lines().enumerate() {
        let was: Value = serde_json::from_str(line).expect("a golden line is JSON");
        let message: T = serde_json::from_str(line).unwrap_or_else(|why| panic!("line {}: {why}: {line}", number + 1));
        assert_eq!(serde_json::to_value(&message).expect("a message is JSON"), was, "line {}", number + 1);
    }
}

#[test]
fn version_1_to_central() {
    every_line_survives::<ToLive>(include_str!("golden/v1-to-live.jsonl"));
}

#[test]
fn version_1_from_central() {
    every_line_survives::<FromLive>(include_str!("golden/v1-from-live.jsonl"));
}

#[test]
fn the_state_of_a_topic_is_a_snapshot_and_its_patches() {
    let mut state = Value::Null;
    for line in include_str!("golden/v1-from-live.jsonl").lines() {
        match serde_json::from_str(line).unwrap() {
            FromLive::Snapshot { state: whole, .. } => state = whole,
            FromLive::Delta { patch, .. } => merge_patch::apply(&mut state, &patch),
            _ => {}
        }
    }
    let me: MeState = serde_json::from_value(state.clone()).unwrap();
    assert_eq!(me.calls["abc"].queue_name.as_deref(), Some("Support"));
    assert_eq!(serde_json::to_value(&me).unwrap(), state, "no null may stand in a state");
}

#[test]
fn what_a_newer_server_says_is_not_an_error() {
    let frame: FromLive = serde_json::from_value(json!({"type": "weather", "sun": true})).unwrap();
    assert_eq!(frame, FromLive::Unknown);
    let problem: Problem =
        serde_json::from_value(json!({"status": 418, "code": "teapot", "title": "no", "hint": "tea"})).unwrap();
    assert_eq!(problem.code, ProblemCode::Unknown);
}
