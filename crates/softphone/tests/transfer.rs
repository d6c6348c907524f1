//! Handing calls to somebody, and conferences, against a real Asterisk: Anna (1001) has a customer (1003) on the line and
//! knows Boris (1002). `cargo xtask test --only softphone`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;

use drive::{Console, call_in, ended};
use serde_json::{Value, json};

/// Everybody's softphone, and Anna's conversation with the customer.
struct Line {
    anna: Console,
    boris: Console,
    customer: Console,
    /// Anna's call.
    call: Value,
}

impl Line {
    fn talking() -> Self {
        let (anna, boris) = (Console::registered("1001"), Console::registered("1002"));
        let mut line = Self { anna, boris, customer: Console::registered("1003"), call: Value::Null };
        line.customer_calls();
        line
    }

    fn customer_calls(&mut self) {
        self.customer.ask(json!({"do": "dial", "account": "1003", "target": "1001"}));
        let rings = self.anna.wait("the customer rings", |m| call_in(m, "ringing"));
        self.anna.ask(json!({"do": "answer", "call": rings["id"]}));
        self.call = self.anna.wait("talking", |m| call_in(m, "talking"))["id"].clone();
        self.customer.wait("talking", |m| call_in(m, "talking"));
    }

    fn anna(&mut self, command: &str, more: Value) -> Value {
        let mut command = json!({"do": command, "call": self.call});
        command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.anna.ask(command)
    }

    fn boris_rings(&mut self) -> Value {
        self.boris.wait("Boris rings", |m| call_in(m, "ringing"))["id"].clone()
    }

    fn boris_answers(&mut self) {
        let rings = self.boris_rings();
        self.boris.ask(json!({"do": "answer", "call": rings}));
        self.boris.wait("Boris talks", |m| call_in(m, "talking"));
    }

    /// The customer's call at Anna's, once its transfer has come so far.
    fn step(&mut self, step: &str) -> Value {
        let call = self.call.clone();
        self.anna.wait(&format!("the transfer is {step}"), |m| {
            let c = &m["event"]["call"];
            (c["id"] == call && c["transfer"]["step"] == step).then(|| c.clone())
        })
    }

    fn anna_is_rid_of_both(&mut self) {
        let call = self.call.clone();
        let records = [ended, ended].map(|over| self.anna.wait("one of Anna's calls is over", over));
        let handed = records.iter().find(|record| record["call"]["id"] == call).expect("the customer's call is over");
        assert_eq!(handed["call"]["transfer"]["step"], "done", "{handed}");
    }

    fn they_are_joined(&mut self) {
        let over = self.customer.ask(json!({"do": "snapshot"}))["snapshot"]["calls"][0].clone();
        assert_eq!(over["phase"], "talking", "the customer's call should go on: {over}");
        self.customer.ask(json!({"do": "hang-up", "call": over["id"]}));
        self.customer.wait("the customer has hung up", ended);
        let record = self.boris.wait("and so Boris's call is over", ended);
        assert_eq!(record["end"]["by"], "far-side", "{record}");
    }

    fn the_customer_is_back(&mut self) {
        let call = self.call.clone();
        self.anna.wait("Anna talks with the customer again", |m| call_in(m, "talking").filter(|c| c["id"] == call));
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_is_handed_over_when_the_colleague_answers() {
    let mut line = Line::talking();
    let made = line.anna("hand-over", json!({"target": "1002"}));
    assert_eq!(made["call"]["consults_for"], line.call, "{made}");
    let rings = line.step("ringing");
    assert_eq!((&rings["transfer"]["kind"], &rings["transfer"]["to"]), (&json!("hand-over"), &json!("1002")));
    let again = line.anna.refused(json!({"do": "hand-over", "call": line.call, "target": "1004"}));
    assert_eq!(again["code"], "wrong-phase", "{again}");
    line.boris_answers();
    line.step("joining");
    line.anna_is_rid_of_both();
    line.they_are_joined();
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_that_nobody_takes_is_back_with_the_reason() {
    let mut line = Line::talking();
    let why = |line: &mut Line, failure: &str| {
        let call = line.call.clone();
        line.anna.wait(&format!("the transfer failed: {failure}"), |m| {
            let c = &m["event"]["call"];
            (c["id"] == call && c["transfer"]["step"] == "failed" && c["transfer"]["failure"] == failure).then_some(())
        });
        line.the_customer_is_back();
        let gone = line.anna.wait("the call to the colleague is over", ended);
        assert_eq!(gone["call"]["consults_for"], line.call, "{gone}");
    };

    for (reason, failure) in [("busy", "busy"), ("decline", "refused")] {
        line.anna("hand-over", json!({"target": "1002"}));
        let rings = line.boris_rings();
        line.boris.ask(json!({"do": "reject", "call": rings, "reason": reason}));
        why(&mut line, failure);
        line.boris.wait("refused", ended);
    }

    line.anna("hand-over", json!({"target": "1002", "ring_s": 1}));
    line.boris_rings();
    why(&mut line, "no-answer");
    line.boris.wait("given up", ended);

    line.anna("hand-over", json!({"target": "1002"}));
    line.boris_rings();
    line.anna("cancel-transfer", json!({}));
    why(&mut line, "cancelled");
    line.boris.wait("taken back", ended);

    // Nobody is registered there.
    line.anna("hand-over", json!({"target": "1006"}));
    why(&mut line, "unavailable");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_colleague_is_consulted_and_takes_over() {
    let mut line = Line::talking();
    let made = line.anna("consult", json!({"target": "1002"}));
    line.boris_answers();
    line.step("consulting");
    // To and fro, as often as it takes.
    line.anna.ask(json!({"do": "resume", "call": line.call}));
    line.the_customer_is_back();
    line.anna.wait("Boris waits", |m| call_in(m, "held").filter(|c| c["id"] == made["call"]["id"]));
    line.anna.ask(json!({"do": "resume", "call": made["call"]["id"]}));
    let call = line.call.clone();
    line.anna.wait("the customer waits", |m| call_in(m, "held").filter(|c| c["id"] == call));
    line.anna("complete-transfer", json!({}));
    line.anna_is_rid_of_both();
    line.they_are_joined();
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_consultation_ends_with_whoever_hangs_up_first() {
    let mut line = Line::talking();
    // The colleague: the customer is back.
    line.anna("consult", json!({"target": "1002"}));
    line.boris_answers();
    line.step("consulting");
    let his = line.boris.ask(json!({"do": "snapshot"}))["snapshot"]["calls"][0]["id"].clone();
    line.boris.ask(json!({"do": "hang-up", "call": his}));
    line.boris.wait("over", ended);
    line.anna.wait("over", ended);
    line.the_customer_is_back();

    // The customer: Anna goes on speaking with the colleague.
    let made = line.anna("consult", json!({"target": "1002"}));
    line.boris_answers();
    line.step("consulting");
    let theirs = line.customer.ask(json!({"do": "snapshot"}))["snapshot"]["calls"][0]["id"].clone();
    line.customer.ask(json!({"do": "hang-up", "call": theirs}));
    let over = line.anna.wait("the customer is gone", ended);
    assert_eq!(over["call"]["id"], line.call);
    let calls = line.anna.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].clone();
    assert_eq!((calls[0]["id"].clone(), calls[0]["phase"].clone()), (made["call"]["id"].clone(), json!("talking")));
    assert!(calls[0]["consults_for"].is_null(), "{calls}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_blind_transfer_tells_how_far_it_is() {
    let mut line = Line::talking();
    line.anna("blind-transfer", json!({"target": "1002"}));
    line.step("calling");
    line.boris_answers();
    let record = line.anna.wait("Anna is rid of it", ended);
    assert_eq!(record["call"]["transfer"]["step"], "done", "{record}");
    line.they_are_joined();
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_conference_is_left_to_the_others() {
    let mut line = Line::talking();
    let made = line.anna("consult", json!({"target": "1002"}));
    line.boris_answers();
    line.step("consulting");
    let both = json!([line.call, made["call"]["id"]]);
    line.anna.ask(json!({"do": "conference", "calls": both}));
    let in_conference =
        |id: Value| move |m: &Value| call_in(m, "talking").filter(|c| c["id"] == id && c["conference"] == true);
    line.anna.wait("the customer is in the conference", in_conference(line.call.clone()));
    line.anna.wait("Boris is in the conference", in_conference(made["call"]["id"].clone()));

    // Held and resumed as one.
    line.anna("hold", json!({}));
    for id in both.as_array().unwrap() {
        line.anna.wait("held", |m| call_in(m, "held").filter(|c| c["id"] == *id));
    }
    line.anna.ask(json!({"do": "resume", "call": made["call"]["id"]}));
    for id in both.as_array().unwrap() {
        line.anna.wait("back", |m| call_in(m, "talking").filter(|c| c["id"] == *id));
    }

    // Split: one talks, the other waits; then together again.
    line.anna.ask(json!({"do": "conference", "calls": [line.call]}));
    line.anna.wait("Boris waits", |m| {
        call_in(m, "held").filter(|c| c["id"] == made["call"]["id"] && c["conference"].is_null())
    });
    line.anna.ask(json!({"do": "conference", "calls": both}));
    line.anna.wait("Boris is in it again", in_conference(made["call"]["id"].clone()));

    line.anna.ask(json!({"do": "leave-conference"}));
    line.anna_is_rid_of_both();
    line.they_are_joined();
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_that_waits_is_answered_in_the_place_of_the_one_that_runs() {
    let mut line = Line::talking();
    let mut third = Console::registered("1004");
    line.boris.ask(json!({"do": "dial", "account": "1002", "target": "1001"}));
    let second = line.anna.wait("a second call rings", |m| call_in(m, "ringing"))["id"].clone();
    third.ask(json!({"do": "dial", "account": "1004", "target": "1001"}));
    let other = line.anna.wait("a third one rings", |m| call_in(m, "ringing"))["id"].clone();
    line.anna.ask(json!({"do": "answer", "call": second, "end_running": true, "busy": [other]}));
    let (one, two) = (line.anna.wait("over", ended), line.anna.wait("over", ended));
    let of = |id: &Value| if one["call"]["id"] == *id { &one } else { &two };
    assert_eq!(of(&line.call)["end"]["by"], "us");
    assert_eq!((&of(&other)["end"]["sip_status"], &of(&other)["end"]["by"]), (&json!(486), &json!("us")));
    line.anna.wait("the second talks", |m| call_in(m, "talking").filter(|c| c["id"] == second));
    line.customer.wait("hung up on", ended);
    third.wait("busy", ended);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_blind_transfer_that_nobody_takes_is_back_by_the_dialplan() {
    let mut line = Line::talking();
    line.anna("blind-transfer", json!({"target": "1002"}));
    let rings = line.boris_rings();
    line.boris.ask(json!({"do": "reject", "call": rings, "reason": "busy"}));
    let back = line.anna.wait("the customer is back", |m| call_in(m, "ringing"));
    assert!(back["remote_name"].as_str().is_some_and(|name| name.starts_with("Back: ")), "{back}");
    line.anna.ask(json!({"do": "answer", "call": back["id"]}));
    line.customer.wait("the customer talks with Anna", |m| call_in(m, "talking"));
}
