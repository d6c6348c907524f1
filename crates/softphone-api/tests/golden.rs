//! Golden messages: what the last release said must still be read, and say the same when it is written again.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use softphone_api::{Event, FromSoftphone, Registration, RegistrationProblem, ToSoftphone};

fn every_line_survives<T: Serialize + DeserializeOwned>(lines: &str) {
    for (number, line) in lines.lines().enumerate() {
        let was: Value = serde_json::from_str(line).expect("a golden line is JSON");
        let message: T = serde_json::from_str(line).unwrap_or_else(|why| panic!("line {}: {why}: {line}", number + 1));
        assert_eq!(serde_json::to_value(&message).expect("a message is JSON"), was, "line {}", number + 1);
    }
}

#[test]
fn version_1_to_the_softphone() {
    every_line_survives::<ToSoftphone>(include_str!("golden/v1-to-softphone.jsonl"));
}

#[test]
fn version_1_from_the_softphone() {
    every_line_survives::<FromSoftphone>(include_str!("golden/v1-from-softphone.jsonl"));
}

#[test]
fn an_event_of_a_newer_softphone_is_told_from_a_broken_one() {
    let newer = json!({"type": "event", "number": 1, "at_ms": 1, "event": {"event": "headset-button"}});
    let read: FromSoftphone = serde_json::from_value(newer).unwrap();
    assert!(matches!(read, FromSoftphone::Event { number: 1, event: Event::Unknown, .. }));
    let broken = json!({"type": "event", "number": "one", "at_ms": 1, "event": {"event": "sound"}});
    assert!(serde_json::from_value::<FromSoftphone>(broken).is_err());
}

#[test]
fn a_problem_of_a_newer_softphone_is_one_that_is_not_known() {
    let newer = json!({"account": "7", "state": "failed", "since_ms": 1, "sip_status": 600, "problem": "full-moon"});
    let read: Registration = serde_json::from_value(newer).unwrap();
    assert_eq!(read.problem, Some(RegistrationProblem::Unknown));
}

#[test]
fn unknown_fields_of_a_newer_side_are_ignored() {
    let newer = json!({"type": "hello", "protocol": {"major": 1, "minor": 9}, "token": "t", "session": "s",
        "client": "linedesk 9", "mood": "good"});
    assert!(serde_json::from_value::<ToSoftphone>(newer).is_ok());
}
