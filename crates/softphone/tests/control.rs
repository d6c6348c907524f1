//! What a PBX does for a phone by its own codes, redirections and holds, against a real Asterisk.
//! `cargo xtask test --only softphone`.
#![cfg(unix)]

mod drive;

use drive::{Console, account, call_in, configure, ended, registration};
use serde_json::{Value, json};

fn talks(console: &mut Console, call: &Value) {
    console.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == *call));
}

/// Rings, is answered, and talks.
fn answers(console: &mut Console) -> Value {
    let call = console.wait("ringing", |m| call_in(m, "ringing"))["id"].clone();
    console.ask(json!({"do": "answer", "call": call}));
    talks(console, &call);
    call
}

fn dials(console: &mut Console, account: &str, target: &str) -> Value {
    console.ask(json!({"do": "dial", "account": account, "target": target}))["call"]["id"].clone()
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn one_softphone_carries_several_accounts() {
    let mut desk = Console::start(&[]);
    let accounts = json!([account("1001", "pw1001"), account("1002", "pw1002")]);
    desk.ask(json!({"do": "configure", "accounts": accounts, "media": drive::media()}));
    for user in ["1001", "1002"] {
        desk.wait("registered", |m| registration(m, "registered").filter(|r| r["account"] == user));
    }
    let mut caller = Console::registered("1003");
    for user in ["1002", "1001"] {
        dials(&mut caller, "1003", user);
        let rings = desk.wait("ringing", |m| call_in(m, "ringing"));
        assert_eq!((&rings["account"], &rings["remote_number"]), (&json!(user), &json!("1003")), "{rings}");
        desk.ask(json!({"do": "reject", "call": rings["id"], "reason": "busy"}));
        assert_eq!(desk.wait("over", ended)["call"]["account"], user);
        caller.wait("refused", ended);
    }
    // And out of the second one, in a conversation of the first.
    let first = dials(&mut desk, "1001", "600");
    talks(&mut desk, &first);
    dials(&mut desk, "1002", "1003");
    let rings = caller.wait("ringing", |m| call_in(m, "ringing"));
    assert_eq!(rings["remote_number"], "1002", "{rings}");
    let calls = desk.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].clone();
    let accounts: Vec<_> = calls.as_array().into_iter().flatten().map(|c| c["account"].clone()).collect();
    assert_eq!(accounts, ["1001", "1002"], "{calls}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn what_the_pbx_says_of_a_call_is_told() {
    let (mut anna, mut customer) = (Console::start(&[]), Console::registered("1003"));
    let mut profile = configure("1001");
    profile["accounts"][0]["pass_headers"] = json!(["X-Project"]);
    anna.ask(profile);
    anna.wait("registered", |m| registration(m, "registered"));
    dials(&mut customer, "1003", "*551001");
    let rings = anna.wait("ringing", |m| call_in(m, "ringing"));
    assert_eq!((&rings["headers"], &rings["answer_after_s"]), (&json!({"X-Project": "ACME"}), &json!(1)), "{rings}");
    anna.ask(json!({"do": "answer", "call": rings["id"], "by_itself": true}));
    let talks = anna.wait("talking", |m| call_in(m, "talking"));
    assert_eq!(talks["answered_by_itself"], true, "{talks}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_parked_call_is_taken_by_another_phone() {
    let (mut anna, mut boris, mut customer) =
        (Console::registered("1001"), Console::registered("1002"), Console::registered("1003"));
    let theirs = dials(&mut customer, "1003", "1001");
    let call = answers(&mut anna);
    talks(&mut customer, &theirs);
    // A PBX that has not joined the two yet answers 400.
    anna.wait("sound comes", |m| call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64() > Some(0)));
    anna.ask(json!({"do": "blind-transfer", "call": call, "target": "750"}));
    let record = anna.wait("Anna is rid of it", ended);
    assert_eq!(record["call"]["transfer"]["step"], "done", "{record}");
    let taken = dials(&mut boris, "1002", "751");
    talks(&mut boris, &taken);
    customer.ask(json!({"do": "hang-up", "call": theirs}));
    assert_eq!(boris.wait("the customer was there", ended)["end"]["by"], "far-side");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_that_rings_at_a_colleague_is_picked_up() {
    let (mut anna, mut boris, mut customer) =
        (Console::registered("1001"), Console::registered("1002"), Console::registered("1003"));
    let theirs = dials(&mut customer, "1003", "1002");
    boris.wait("it rings at Boris", |m| call_in(m, "ringing"));
    let taken = dials(&mut anna, "1001", "*8");
    talks(&mut anna, &taken);
    talks(&mut customer, &theirs);
    let missed = boris.wait("it rings no more", ended);
    assert_eq!((&missed["end"]["by"], &missed["end"]["sip_status"]), (&json!("far-side"), &json!(487)), "{missed}");
    customer.ask(json!({"do": "hang-up", "call": theirs}));
    anna.wait("Anna had the customer", ended);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_redirection_of_the_pbx_is_followed() {
    let mut anna = Console::registered("1001");
    let call = dials(&mut anna, "1001", "607");
    anna.wait("sent on", |m| Some(()).filter(|()| m["event"]["call"]["progress"] == "forwarded"));
    talks(&mut anna, &call);
    dials(&mut anna, "1001", "608");
    let record = anna.wait("not followed", |m| ended(m).filter(|r| r["call"]["id"] != call));
    assert_eq!(record["end"]["reason"], "redirected to another server", "{record}");
}

/// 1023's calls have session timers, and it is told of a hold; others hear music alone.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn hold_from_both_sides() {
    let (mut anna, mut boris) = (Console::start(&[]), Console::registered("1002"));
    anna.ask(configure("1023"));
    anna.wait("registered", |m| registration(m, "registered"));
    let his = dials(&mut boris, "1002", "1023");
    let hers = answers(&mut anna);
    talks(&mut boris, &his);
    let is = |console: &mut Console, call: &Value, phase: &str| {
        console.wait(phase, |m| call_in(m, phase).filter(|c| c["id"] == *call))
    };
    boris.ask(json!({"do": "hold", "call": his}));
    is(&mut boris, &his, "held");
    is(&mut anna, &hers, "held-there");
    anna.ask(json!({"do": "hold", "call": hers}));
    is(&mut anna, &hers, "held");
    boris.ask(json!({"do": "resume", "call": his}));
    is(&mut boris, &his, "talking");
    anna.ask(json!({"do": "resume", "call": hers}));
    let back = is(&mut anna, &hers, "talking");
    assert!(back["held_in_all_ms"].is_u64(), "{back}");
    // Sound flows both ways again.
    for (console, call) in [(&mut anna, &hers), (&mut boris, &his)] {
        let before = console.ask(json!({"do": "statistics", "call": call}))["quality"]["rx_packets"].as_u64();
        console.wait("sound", |m| {
            call_in(m, "talking").filter(|c| c["id"] == *call && c["quality"]["rx_packets"].as_u64() > before)
        });
    }
}

/// Clicked faster than a re-INVITE is answered: what was wished last comes true.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn the_last_wish_for_a_hold_counts() {
    let mut anna = Console::registered("1001");
    let call = dials(&mut anna, "1001", "600");
    talks(&mut anna, &call);
    let last = |anna: &mut Console, wishes: &[&str], phase: &str| {
        anna.forget();
        for wish in wishes {
            anna.ask(json!({"do": wish, "call": call}));
        }
        // Two measures in the phase: nothing is under way any more.
        for _ in 0..2 {
            anna.wait(phase, |m| call_in(m, phase).filter(|c| c["id"] == call));
        }
    };
    anna.ask(json!({"do": "hold", "call": call}));
    last(&mut anna, &["resume", "hold", "resume"], "talking");
    anna.ask(json!({"do": "hold", "call": call}));
    last(&mut anna, &["resume"], "talking");
    let heard = anna.wait("sound", |m| {
        call_in(m, "talking").filter(|c| c["quality"]["rx_loss_percent"] == 0.0 && c["quality"]["rx_packets"].is_u64())
    });
    assert_eq!(heard["id"], call);
    anna.ask(json!({"do": "resume", "call": call}));
    anna.ask(json!({"do": "hold", "call": call}));
    anna.wait("held", |m| call_in(m, "held").filter(|c| c["id"] == call));
}

/// One conversation at a time, however quickly one goes from one to the other.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn who_is_left_for_another_call_does_not_hear_us() {
    let mut anna = Console::registered("1001");
    let first = dials(&mut anna, "1001", "600");
    talks(&mut anna, &first);
    let second = dials(&mut anna, "1001", "600");
    talks(&mut anna, &second);
    anna.wait("the first is held", |m| call_in(m, "held").filter(|c| c["id"] == first));
    anna.forget();
    // The second wish comes while the first is under way.
    anna.ask(json!({"do": "resume", "call": first}));
    anna.ask(json!({"do": "resume", "call": second}));
    anna.wait("the first is held again, or still", |m| call_in(m, "held").filter(|c| c["id"] == first));
    let calls = |anna: &mut Console| {
        let now = anna.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].clone();
        [&first, &second].map(|id| now.as_array().unwrap().iter().find(|c| c["id"] == *id).unwrap()["phase"].clone())
    };
    drive::until(std::time::Duration::from_secs(8), "one talks and one is held", || {
        calls(&mut anna) == [json!("held"), json!("talking")]
    });
    // It rings there; then a call that is resumed has the conversation, and the new one is held when it is answered.
    let third = dials(&mut anna, "1001", "609");
    anna.wait("nobody talks", |m| call_in(m, "held").filter(|c| c["id"] == second));
    anna.ask(json!({"do": "resume", "call": second}));
    anna.wait("the third is answered on hold", |m| call_in(m, "held").filter(|c| c["id"] == third));
    assert_eq!(calls(&mut anna)[1], "talking");
}

/// 1024 is answered with several codecs, of which the phone plays the first alone; Asterisk must not turn to what the other
/// phone speaks.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn whoever_speaks_another_codec_is_heard() {
    let (mut anna, mut boris) = (Console::start(&[]), Console::start(&[]));
    for (console, user) in [(&mut anna, "1024"), (&mut boris, "1021")] {
        console.ask(configure(user));
        console.wait("registered", |m| registration(m, "registered"));
    }
    let call = dials(&mut anna, "1024", "1021");
    answers(&mut boris);
    talks(&mut anna, &call);
    anna.wait("two seconds of sound", |m| {
        call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64() > Some(100) && c["warnings"].is_null())
    });
}
