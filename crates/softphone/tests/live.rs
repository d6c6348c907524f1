//! The softphone against a real Asterisk: `cargo xtask test --only softphone` starts one and sets `LINEDESK_LAB_SIP`
//! (host:port) with endpoints 1001/pw1001 and 1002/pw1002, 600 echo and 603 music.
#![cfg(unix)]

mod drive;

use std::time::{Duration, Instant};

use drive::{Console, Shell, account, call_in, configure, ended, registration};
use serde_json::json;

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn registers_and_says_why_not() {
    let mut phone = Console::start(&[]);
    phone.ask(json!({"do": "configure", "accounts": [account("1001", "pw1001")], "media": drive::media()}));
    let r = phone.wait("registered", |m| registration(m, "registered"));
    assert!(r["contact"].as_str().unwrap().contains("1001@"), "{r}");
    assert!(r["expires_s"].as_u64().unwrap() > 60, "{r}");

    // Only the secret changes: registered anew with it, and the reason is told.
    phone.ask(json!({"do": "configure", "accounts": [account("1001", "wrong")], "media": drive::media()}));
    let r = phone.wait("failed", |m| registration(m, "failed"));
    assert!([401, 403].contains(&r["sip_status"].as_u64().unwrap()), "{r}");
    assert_eq!(r["problem"], "wrong-secret", "{r}");
    assert!(r["retry_in_ms"].as_u64().unwrap() >= 15_000, "a wrong secret is not hammered: {r}");

    let mut nobody = account("1001", "pw1001");
    nobody["port"] = json!(9);
    phone.ask(json!({"do": "configure", "accounts": [nobody], "media": drive::media()}));
    let r = phone.wait("unreachable", |m| registration(m, "failed"));
    assert!([408, 503].contains(&r["sip_status"].as_u64().unwrap()), "{r}");
    assert!([json!("timeout"), json!("unreachable")].contains(&r["problem"]), "{r}");
    assert!(!r["reason"].as_str().unwrap().is_empty());
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn two_softphones_call_each_other() {
    let (mut anna, mut boris) = (Console::registered("1001"), Console::registered("1002"));
    let dialled = anna.ask(json!({"do": "dial", "account": "1001", "target": "1002"}));
    let hers = dialled["call"]["id"].as_u64().unwrap();
    assert!(!dialled["call"]["sip_call_id"].as_str().unwrap().is_empty());
    let rings = boris.wait("ringing", |m| call_in(m, "ringing"));
    assert_eq!(rings["remote_number"], "1001");
    assert_eq!(rings["remote_name"], "Operator 1001");
    assert!(!rings["sip_call_id"].as_str().unwrap().is_empty());
    anna.wait("ringing there", |m| call_in(m, "ringing-there"));
    let his = rings["id"].as_u64().unwrap();
    boris.ask(json!({"do": "answer", "call": his}));
    anna.wait("talking", |m| call_in(m, "talking"));
    boris.wait("talking", |m| call_in(m, "talking"));
    let measured = anna.wait("measured", |m| {
        call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64().is_some_and(|n| n > 50))
    });
    assert!(measured["quality"]["mos"].as_f64().unwrap() > 4.0, "{measured}");
    assert_eq!(measured["quality"]["codec"], "opus");

    anna.ask(json!({"do": "hold", "call": hers}));
    let held = anna.wait("held", |m| call_in(m, "held"));
    assert!(held["hold_ms"].is_u64());
    anna.ask(json!({"do": "resume", "call": hers}));
    anna.wait("talking again", |m| call_in(m, "talking"));

    boris.ask(json!({"do": "hang-up", "call": his}));
    let (a, b) = (anna.wait("over", ended), boris.wait("over", ended));
    assert_eq!((a["end"]["by"].as_str(), b["end"]["by"].as_str()), (Some("far-side"), Some("us")));
    assert!(a["call"]["talk_ms"].as_u64().unwrap() > 1_000, "{a}");
    assert_eq!(a["end"]["q850"], 16, "{a}");
    assert!(a["call"]["quality"]["mos"].as_f64().unwrap() > 4.0, "{a}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn each_way_of_saying_no() {
    let (mut anna, mut boris) = (Console::registered("1001"), Console::registered("1002"));
    for (reason, status) in [("busy", 486), ("decline", 603), ("unavailable", 480)] {
        anna.ask(json!({"do": "dial", "account": "1001", "target": "1002"}));
        let rings = boris.wait("ringing", |m| call_in(m, "ringing"));
        boris.ask(json!({"do": "reject", "call": rings["id"], "reason": reason}));
        let end = boris.wait("rejected", ended);
        assert_eq!((end["end"]["sip_status"].as_u64(), end["end"]["by"].as_str()), (Some(status), Some("us")));
        anna.wait("refused", ended);
    }
    let dialled = anna.ask(json!({"do": "dial", "account": "1001", "target": "1002"}));
    boris.wait("ringing", |m| call_in(m, "ringing"));
    anna.ask(json!({"do": "hang-up", "call": dialled["call"]["id"]}));
    let missed = boris.wait("cancelled", ended);
    assert_eq!((missed["end"]["sip_status"].as_u64(), missed["end"]["by"].as_str()), (Some(487), Some("far-side")));
    anna.wait("cancelled", ended);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn one_conversation_at_a_time() {
    let mut anna = Console::registered("1001");
    let first = anna.ask(json!({"do": "dial", "account": "1001", "target": "600"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    anna.ask(json!({"do": "dtmf", "call": first, "digits": "12#"}));
    let refused = anna.refused(json!({"do": "dtmf", "call": first, "digits": "x"}));
    assert_eq!(refused["code"], "bad-argument");
    let second = anna.ask(json!({"do": "dial", "account": "1001", "target": "603"}))["call"]["id"].clone();
    anna.wait("the first is held", |m| call_in(m, "held").filter(|c| c["id"] == first));
    anna.wait("the second talks", |m| call_in(m, "talking").filter(|c| c["id"] == second));
    anna.ask(json!({"do": "resume", "call": first}));
    anna.wait("the second is held", |m| call_in(m, "held").filter(|c| c["id"] == second));
    let snapshot = anna.ask(json!({"do": "snapshot"}))["snapshot"].clone();
    assert_eq!(snapshot["calls"].as_array().unwrap().len(), 2);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_outlives_its_shell() {
    let mut shell = Shell::start("15000");
    shell.ask(configure("1001"));
    shell.wait("registered", |m| registration(m, "registered"));
    shell.ask(json!({"do": "dial", "account": "1001", "target": "600"}));
    let talking = shell.wait("talking", |m| call_in(m, "talking"));
    let answered = Instant::now();
    // The mark is what the softphone would start as the shell.
    let mark = shell.dir().join("shell-was-started");
    shell.ask(json!({"do": "shell-is", "command": ["touch", mark]}));
    shell.drop_connection();
    drive::until(Duration::from_secs(3), "the shell is started again", || mark.exists());

    let welcome = shell.attach();
    let calls = welcome["snapshot"]["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1, "{welcome}");
    assert_eq!(calls[0]["sip_call_id"], talking["sip_call_id"]);
    assert_eq!(calls[0]["phase"], "talking");
    let (shown, real) = (calls[0]["talk_ms"].as_u64().unwrap(), u64::try_from(answered.elapsed().as_millis()).unwrap());
    assert!(shown.abs_diff(real) < 500, "shown {shown} ms, real {real} ms");
    assert_eq!(welcome["snapshot"]["registrations"][0]["state"], "registered");
    shell.ask(json!({"do": "hang-up", "call": calls[0]["id"]}));
    shell.wait("over", ended);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn unattached_and_idle_it_refuses_and_ends() {
    let mut shell = Shell::start("4000");
    shell.ask(configure("1001"));
    shell.wait("registered", |m| registration(m, "registered"));
    let mut caller = Console::registered("1002");
    shell.drop_connection();
    // A call that overtakes the end of the connection rings.
    drive::until(Duration::from_secs(5), "it is noticed", || {
        shell.log().contains("nobody is attached and no call runs")
    });
    // Asterisk answers for an unregistered phone, or passes our 480 on: in both cases nobody rings.
    caller.ask(json!({"do": "dial", "account": "1002", "target": "1001"}));
    let end = caller.wait("refused at once", ended);
    assert!(end["call"]["age_ms"].as_u64().unwrap() < 3_000, "{end}");
    shell.ends_within(Duration::from_secs(8));
    assert!(!shell.dir().join("softphone.json").exists());
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn what_a_killed_softphone_left_is_cleared() {
    let mut shell = Shell::start("15000");
    shell.ask(configure("1001"));
    shell.wait("registered", |m| registration(m, "registered"));
    shell.kill();
    assert!(shell.dir().join("softphone.json").exists(), "SIGKILL leaves it behind");
    let again = Instant::now();
    shell.restart("15000");
    shell.ask(configure("1001"));
    shell.wait("registered again", |m| registration(m, "registered"));
    assert!(again.elapsed() < Duration::from_secs(2), "{:?}", again.elapsed());
}

/// pjsua has a slot for each call and gives it to a later one; what is left of the earlier must not touch that.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_in_the_slot_of_an_earlier_one_lives_on() {
    let (mut anna, mut boris) = (Console::registered("1001"), Console::registered("1002"));
    let dial = json!({"do": "dial", "account": "1001", "target": "1002"});
    // As many as there are slots: the eight that may be, and sixteen of which the end is not confirmed yet.
    for _ in 0..24 {
        let call = anna.ask(dial.clone())["call"]["id"].clone();
        boris.wait("ringing", |m| call_in(m, "ringing"));
        anna.ask(json!({"do": "hang-up", "call": call}));
        boris.wait("over", ended);
        anna.wait("over", ended);
    }
    anna.ask(dial);
    let rings = boris.wait("ringing in a slot of before", |m| call_in(m, "ringing"));
    boris.ask(json!({"do": "answer", "call": rings["id"]}));
    // Ended calls are forgotten after three seconds.
    boris.wait("talking for longer than they are remembered", |m| {
        call_in(m, "talking").filter(|c| c["talk_ms"].as_u64().is_some_and(|ms| ms > 4_000))
    });
    anna.wait("talking too", |m| call_in(m, "talking").filter(|c| c["talk_ms"].as_u64().is_some_and(|ms| ms > 4_000)));
}
