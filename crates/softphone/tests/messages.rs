//! What is said between a phone and its PBX, message by message: who calls, what happens before the answer, and what the far
//! side may do within a call. The PBX is a hand-written one ([`peer::Peer`]); no lab is needed.
#![cfg(unix)]

mod drive;
mod peer;

use drive::{Console, Shell, call_in, ended};
use peer::dialog::{Dialog, FROM, consulting, notify, talking};
use peer::{Peer, USER};
use serde_json::{Value, json};

/// The phone calls, and we answer at once.
fn answered(peer: &mut Peer, phone: &mut Console, command: Value) -> (Dialog, Value) {
    let call = phone.ask(command)["call"]["id"].clone();
    let invite = peer.hear_request("INVITE");
    let sound = peer.sound(&["8"], "sendrecv");
    peer.reply(&invite, 200, "OK", "", &sound);
    peer.hear_request("ACK");
    phone.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == call));
    (peer.dialog_of(&invite), call)
}

fn dial() -> Value {
    json!({"do": "dial", "account": USER, "target": "700"})
}

/// The call once it is in this phase.
fn phase(phone: &mut Console, call: &Value, phase: &str) -> Value {
    phone.wait(&format!("the call is {phase}"), |m| call_in(m, phase).filter(|c| c["id"] == *call))
}

fn progress(phone: &mut Console, progress: &str) -> Value {
    phone.wait(&format!("progress {progress}"), |m| {
        Some(m["event"]["call"].clone()).filter(|c| c["progress"] == progress)
    })
}

#[test]
fn who_calls() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let asserted = |value: &str| format!("P-Asserted-Identity: {value}\r\n");
    let party = |value: &str| format!("Remote-Party-ID: {value}\r\n");
    for (from, more, number, name) in [
        (FROM, String::new(), "100", Some("Anna")),
        ("<sip:+74951234567@pbx.example;user=phone>", String::new(), "+74951234567", None),
        ("Anna <sip:100@pbx.example>", String::new(), "100", Some("Anna")),
        (r#""Anna \"Ann\" > \\" <sip:100@pbx.example>"#, String::new(), "100", Some(r#"Anna "Ann" > \"#)),
        ("\"Анна\" <sip:100@pbx.example>", String::new(), "100", Some("Анна")),
        ("\"x\" <sip:*8%23@pbx.example>", String::new(), "*8#", Some("x")),
        (FROM, party("\"Boris\" <sip:200@pbx.example>;party=calling;privacy=off"), "200", Some("Boris")),
        (FROM, asserted("\"Vera\" <sip:300@pbx.example>"), "300", Some("Vera")),
        (
            FROM,
            party("\"Boris\" <sip:200@pbx.example>") + &asserted("\"Vera\" <sip:300@pbx.example>"),
            "300",
            Some("Vera"),
        ),
        (FROM, asserted("sip:300@pbx.example"), "300", None),
        (FROM, asserted("<tel:+74957654321>"), "+74957654321", None),
        (FROM, asserted("\"Vera > all\" <sip:300@pbx.example>, <tel:+74957654321>"), "300", Some("Vera > all")),
        ("\"Anonymous\" <sip:anonymous@anonymous.invalid>", asserted("<sip:300@pbx.example>"), "300", None),
        // What cannot be read is passed over.
        (FROM, asserted("\"Vera <"), "100", Some("Anna")),
    ] {
        let sound = peer.sound(&["8"], "sendrecv");
        peer.call(from, &more, &sound);
        let call = phone.wait("ringing", |m| call_in(m, "ringing"));
        let shown = (call["remote_number"].as_str().unwrap(), call["remote_name"].as_str());
        assert_eq!(shown, (number, name), "{from} {more}");
        phone.ask(json!({"do": "reject", "call": call["id"], "reason": "decline"}));
        peer.hear_answer("INVITE", 603);
        phone.wait("over", ended);
    }
}

#[test]
fn what_the_account_wants_of_an_invite_is_told() {
    let (mut peer, mut phone) = Peer::with_phone(json!({"pass_headers": ["X-Project", "Diversion", "X-Absent"]}));
    let sound = peer.sound(&["8"], "sendrecv");
    let more = "x-project: ACME\tgold\r\nDiversion: <sip:800@pbx.example>;reason=unconditional\r\nX-Other: no\r\n\
                Call-Info: <sip:pbx.example>;answer-after=2\r\n";
    peer.call(FROM, more, &sound);
    let call = phone.wait("ringing", |m| call_in(m, "ringing"));
    let headers = json!({"X-Project": "ACMEgold", "Diversion": "<sip:800@pbx.example>;reason=unconditional"});
    assert_eq!((&call["headers"], &call["answer_after_s"]), (&headers, &json!(2)), "{call}");
    // It is the client who answers, and says that nobody pressed anything.
    phone.ask(json!({"do": "answer", "call": call["id"], "by_itself": true}));
    let told = phone.wait("told", |m| {
        Some(m["event"]["call"].clone()).filter(|c| c["id"] == call["id"] && c["answered_by_itself"] == true)
    });
    assert_eq!(told["headers"], headers, "{told}");
    peer.hear_answer("INVITE", 200);

    let alert = "Alert-Info: <http://www.notused.com>;info=alert-autoanswer;delay=0\r\n";
    peer.call(FROM, alert, &sound);
    let second = phone.wait("a second rings", |m| call_in(m, "ringing").filter(|c| c["id"] != call["id"]));
    assert_eq!(second["answer_after_s"], 0, "{second}");
    assert!(second["headers"].is_null() && second["answered_by_itself"].is_null(), "{second}");
}

#[test]
fn one_codec_is_agreed_on_and_no_update_follows() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let (mut dialog, call, answer) = talking(&mut peer, &mut phone, "");
    assert_eq!(answer.codecs(), ["8"], "{}", answer.body);
    peer.send(&mut dialog, "BYE", "", "");
    peer.hear_answer("BYE", 200);
    let record = phone.wait("over", ended);
    assert_eq!((&record["call"]["id"], &record["end"]["by"]), (&call, &json!("far-side")));

    let (mut dialog, _) = answered(&mut peer, &mut phone, dial());
    peer.send(&mut dialog, "BYE", "", "");
    peer.hear_answer("BYE", 200);
    assert!(!peer.has_come("UPDATE") && !peer.has_come("INVITE"), "neither after our answer nor after theirs");
}

/// The first of several codecs in an answer is used, and nobody is asked again.
#[test]
fn several_codecs_in_an_answer_need_no_update() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let call = phone.ask(dial())["call"]["id"].clone();
    let invite = peer.hear_request("INVITE");
    let several = peer.sound(&["0", "8", "9"], "sendrecv");
    peer.reply(&invite, 200, "OK", "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n", &several);
    peer.hear_request("ACK");
    phone.wait("measured for a while", |m| {
        call_in(m, "talking")
            .filter(|c| c["id"] == call && c["talk_ms"].as_u64() > Some(1_500) && c["quality"]["codec"] == "PCMU")
    });
    phone.ask(json!({"do": "hang-up", "call": call}));
    let bye = peer.hear_request("BYE");
    peer.reply(&bye, 200, "OK", "", "");
    assert!(!peer.has_come("UPDATE") && !peer.has_come("INVITE"));
}

#[test]
fn before_the_answer_it_is_told_what_happens_there() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let call = phone.ask(dial())["call"]["id"].clone();
    let invite = peer.hear_request("INVITE");
    peer.reply(&invite, 100, "Trying", "", "");
    peer.reply(&invite, 180, "Ringing", "", "");
    assert_eq!(progress(&mut phone, "ringing")["phase"], "ringing-there");
    peer.reply(&invite, 181, "Call Is Being Forwarded", "", "");
    progress(&mut phone, "forwarded");
    peer.reply(&invite, 182, "Queued", "", "");
    progress(&mut phone, "queued");
    peer.reply(&invite, 180, "Ringing", "", "");
    progress(&mut phone, "ringing");
    let sound = peer.sound(&["8"], "sendrecv");
    peer.reply(&invite, 183, "Session Progress", "", &sound);
    let early = progress(&mut phone, "early-media");
    assert_eq!(early["phase"], "ringing-there", "{early}");
    // Nothing but silence goes out before the answer; that it goes at all opens the way through NAT.
    let mut packet = [0; 2048];
    peer.rtp.recv(&mut packet).expect("sound before the answer");
    peer.reply(&invite, 200, "OK", "", &sound);
    peer.hear_request("ACK");
    let talks = phase(&mut phone, &call, "talking");
    assert!(talks["progress"].is_null(), "{talks}");
}

#[test]
fn a_redirection_is_followed_to_our_own_server_alone() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let moved = |peer: &mut Peer, to: &str| {
        let invite = peer.hear_request("INVITE");
        peer.reply(&invite, 302, "Moved Temporarily", &format!("Contact: {to}\r\n"), "");
        peer.hear_request("ACK");
        invite.uri().to_owned()
    };

    let call = phone.ask(dial())["call"]["id"].clone();
    assert_eq!(moved(&mut peer, "<sip:701@pbx.example>"), "sip:700@pbx.example");
    progress(&mut phone, "forwarded");
    let invite = peer.hear_request("INVITE");
    assert_eq!(invite.uri(), "sip:701@pbx.example");
    let sound = peer.sound(&["8"], "sendrecv");
    peer.reply(&invite, 200, "OK", "", &sound);
    peer.hear_request("ACK");
    phase(&mut phone, &call, "talking");
    phone.ask(json!({"do": "hang-up", "call": call}));
    let bye = peer.hear_request("BYE");
    peer.reply(&bye, 200, "OK", "", "");
    phone.wait("over", ended);

    // The first of two places is not ours, the second is.
    phone.ask(dial());
    moved(&mut peer, "<sip:666@evil.example>;q=0.9, <sip:702@pbx.example>;q=0.5");
    let invite = peer.hear_request("INVITE");
    assert_eq!(invite.uri(), "sip:702@pbx.example");
    peer.reply(&invite, 486, "Busy Here", "", "");
    let record = phone.wait("busy", ended);
    assert_eq!((&record["end"]["sip_status"], &record["end"]["by"]), (&json!(486), &json!("far-side")), "{record}");

    for (hops, why) in [
        (vec!["<sip:666@evil.example>"], "redirected to another server"),
        (vec!["<sip:701@pbx.example>", "<sip:700@127.0.0.1>", "<sip:701@pbx.example;x=1>"], "redirected in a circle"),
        (
            ["1", "2", "3", "4", "5", "6"]
                .map(|n| format!("<sip:{n}@pbx.example>"))
                .iter()
                .map(String::as_str)
                .collect(),
            "redirected too often",
        ),
    ] {
        phone.ask(dial());
        for to in &hops {
            moved(&mut peer, to);
        }
        let record = phone.wait("not followed", ended);
        assert_eq!((&record["end"]["sip_status"], &record["end"]["reason"]), (&json!(302), &json!(why)), "{record}");
        assert_eq!(record["end"]["by"], "far-side", "{record}");
        assert!(!peer.has_come("INVITE"));
    }
}

#[test]
fn provisional_answers_are_made_reliable_both_ways() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let call = phone.ask(dial())["call"]["id"].clone();
    let invite = peer.hear_request("INVITE");
    assert!(invite.header("Supported").contains("100rel"), "{invite:?}");
    peer.reply(&invite, 180, "Ringing", "Require: 100rel\r\nRSeq: 42\r\n", "");
    let prack = peer.hear_request("PRACK");
    assert!(prack.header("RAck").starts_with("42 "), "{prack:?}");
    peer.reply(&prack, 200, "OK", "", "");
    progress(&mut phone, "ringing");
    let sound = peer.sound(&["8"], "sendrecv");
    peer.reply(&invite, 200, "OK", "", &sound);
    peer.hear_request("ACK");
    phase(&mut phone, &call, "talking");

    let mut dialog = peer.call(FROM, "Require: 100rel\r\nSupported: 100rel\r\n", &sound);
    let rings = peer.hear_answer("INVITE", 180);
    assert!(rings.header("Require").contains("100rel") && !rings.header("RSeq").is_empty(), "{rings:?}");
    dialog.answered_by(&rings);
    let call = phone.wait("ringing", |m| call_in(m, "ringing"))["id"].clone();
    peer.send(&mut dialog, "PRACK", &format!("RAck: {} 1 INVITE\r\n", rings.header("RSeq")), "");
    peer.hear_answer("PRACK", 200);
    phone.ask(json!({"do": "answer", "call": call}));
    peer.hear_answer("INVITE", 200);
    peer.send(&mut dialog, "ACK", "", "");
    phase(&mut phone, &call, "talking");
}

#[test]
fn a_call_is_kept_alive_by_session_timers() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    // The caller refreshes.
    let timer = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\nMin-SE: 90\r\n";
    let (mut dialog, call, answer) = talking(&mut peer, &mut phone, timer);
    assert_eq!(answer.header("Session-Expires"), "90;refresher=uac");
    peer.send(&mut dialog, "UPDATE", timer, "");
    assert!(peer.hear_answer("UPDATE", 200).header("Session-Expires").starts_with("90;"));
    phone.ask(json!({"do": "hang-up", "call": call}));
    let bye = peer.hear_request("BYE");
    peer.reply(&bye, 200, "OK", "", "");
    phone.wait("over", ended);

    // A server with another idea of how often.
    phone.ask(dial());
    let invite = peer.hear_request("INVITE");
    assert!(invite.header("Supported").contains("timer") && !invite.header("Session-Expires").is_empty(), "{invite:?}");
    peer.reply(&invite, 422, "Session Interval Too Small", "Min-SE: 3600\r\n", "");
    let again = peer.hear_request("INVITE");
    assert_eq!(again.header("Min-SE"), "3600", "{again:?}");
    let sound = peer.sound(&["8"], "sendrecv");
    peer.reply(&again, 200, "OK", "Require: timer\r\nSession-Expires: 3600;refresher=uas\r\n", &sound);
    peer.hear_request("ACK");
    phone.wait("talking", |m| call_in(m, "talking").filter(|c| c["direction"] == "outgoing"));
}

/// 90 s is the least that RFC 4028 allows, and half of it the time of the refresh.
#[test]
#[ignore = "takes 45 s: cargo xtask test --only softphone --deep"]
fn deep_the_phone_refreshes_its_session() {
    let mut peer = Peer::scripted();
    // The peer says nothing, which would be taken for a loss.
    let mut phone = peer.take(Console::start(&["--media-timeout", "0"]), json!({}), drive::media());
    phone.ask(dial());
    let invite = peer.hear_request("INVITE");
    let sound = peer.sound(&["8"], "sendrecv");
    peer.reply(&invite, 200, "OK", "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n", &sound);
    peer.hear_request("ACK");
    phone.wait("talking", |m| call_in(m, "talking"));
    let refresh = peer.hear_within(std::time::Duration::from_secs(60), |m| {
        ["UPDATE", "INVITE"].contains(&m.method()).then(|| m.clone())
    });
    let refresh = refresh.expect("a refresh");
    assert!(refresh.header("Session-Expires").starts_with("90"), "{refresh:?}");
}

#[test]
fn hold_by_each_side_is_the_own_affair_of_each() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let (mut dialog, call, _) = talking(&mut peer, &mut phone, "");
    let they = |peer: &mut Peer, dialog: &mut Dialog, direction: &str| {
        let sound = peer.sound(&["8"], direction);
        peer.send(dialog, "INVITE", "", &sound);
        let answer = peer.hear_answer("INVITE", 200);
        peer.send(dialog, "ACK", "", "");
        answer.direction().to_owned()
    };
    let we = |peer: &mut Peer, answer: &str| {
        let invite = peer.hear_request("INVITE");
        let sound = peer.sound(&["8"], answer);
        peer.reply(&invite, 200, "OK", "", &sound);
        peer.hear_request("ACK");
        invite.direction().to_owned()
    };

    // They, then we; we are back first.
    assert_eq!(they(&mut peer, &mut dialog, "sendonly"), "recvonly");
    phase(&mut phone, &call, "held-there");
    phone.ask(json!({"do": "hold", "call": call}));
    let offered = we(&mut peer, "inactive");
    assert!(["sendonly", "inactive"].contains(&offered.as_str()), "{offered}");
    phase(&mut phone, &call, "held");
    // Long enough to be counted.
    let held = std::time::Instant::now();
    drive::until(std::time::Duration::from_secs(1), "a hold of some length", || held.elapsed().as_millis() > 20);
    phone.ask(json!({"do": "resume", "call": call}));
    we(&mut peer, "sendonly");
    let back = phase(&mut phone, &call, "held-there");
    assert!(back["held_in_all_ms"].as_u64() >= Some(20), "{back}");
    they(&mut peer, &mut dialog, "sendrecv");
    phase(&mut phone, &call, "talking");

    // We, then they; they are back first.
    phone.ask(json!({"do": "hold", "call": call}));
    we(&mut peer, "recvonly");
    phase(&mut phone, &call, "held");
    assert_eq!(they(&mut peer, &mut dialog, "inactive"), "inactive");
    let answer = they(&mut peer, &mut dialog, "sendrecv");
    assert!(["sendonly", "inactive"].contains(&answer.as_str()), "we still hold: {answer}");
    let now = phone.ask(json!({"do": "snapshot"}))["snapshot"]["calls"][0].clone();
    assert_eq!(now["phase"], "held", "{now}");
    phone.ask(json!({"do": "resume", "call": call}));
    we(&mut peer, "sendrecv");
    phase(&mut phone, &call, "talking");

    peer.send(&mut dialog, "BYE", "", "");
    let record = phone.wait("over", ended);
    assert!(record["call"]["held_in_all_ms"].as_u64().unwrap() >= back["held_in_all_ms"].as_u64().unwrap(), "{record}");
    assert!(record["call"]["hold_ms"].is_null(), "{record}");
}

#[test]
fn the_far_side_changes_the_codec() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let (mut dialog, call, answer) = talking(&mut peer, &mut phone, "");
    assert_eq!(answer.codecs(), ["8"]);
    for (method, codec, name) in [("INVITE", "0", "PCMU"), ("UPDATE", "9", "G722")] {
        let sound = peer.sound(&[codec], "sendrecv");
        peer.send(&mut dialog, method, "", &sound);
        assert_eq!(peer.hear_answer(method, 200).codecs(), [codec]);
        if method == "INVITE" {
            peer.send(&mut dialog, "ACK", "", "");
        }
        phone.wait(&format!("{name} is talked"), |m| {
            call_in(m, "talking").filter(|c| c["id"] == call && c["quality"]["codec"] == name)
        });
    }
}

#[test]
fn digits_by_info_go_one_after_the_other() {
    let (mut peer, mut phone) = Peer::with_phone(json!({"dtmf": "info"}));
    let (_, call) = answered(&mut peer, &mut phone, dial());
    phone.ask(json!({"do": "dtmf", "call": call, "digits": "11#"}));
    for digit in ["1", "1", "#"] {
        let info = peer.hear_request("INFO");
        assert_eq!(info.header("Content-Type"), "application/dtmf-relay");
        assert_eq!(info.body, format!("Signal={digit}\r\nDuration=160\r\n"));
        assert!(!peer.has_come("INFO"), "the next one waits for the answer");
        peer.reply(&info, 200, "OK", "", "");
    }
}

#[test]
fn a_customer_who_hangs_up_while_being_joined_is_not_handed_over() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    for (joined, notified) in [(false, false), (true, false), (true, true)] {
        let (mut customer, call, mut colleague, made) = consulting(&mut peer, &mut phone, "consult");
        phone.wait("consulting", |m| {
            Some(())
                .filter(|()| m["event"]["call"]["id"] == call && m["event"]["call"]["transfer"]["step"] == "consulting")
        });
        phone.ask(json!({"do": "complete-transfer", "call": call}));
        let refer = peer.hear_request("REFER");
        let again = phone.refused(json!({"do": "complete-transfer", "call": call}));
        assert_eq!(again["code"], "wrong-phase", "{again}");
        peer.reply(&refer, 202, "Accepted", "", "");
        notify(&mut peer, &mut customer, "100 Trying");
        if notified {
            notify(&mut peer, &mut customer, "200 OK");
        }
        peer.send(&mut customer, "BYE", "", "");
        peer.hear_answer("BYE", 200);
        if joined {
            peer.send(&mut colleague, "BYE", "", "");
            peer.hear_answer("BYE", 200);
        }
        let record = phone.wait("the customer's record", |m| ended(m).filter(|r| r["call"]["id"] == call));
        let step = if joined { "done" } else { "failed" };
        assert_eq!(record["call"]["transfer"]["step"], step, "joined {joined}, notified {notified}: {record}");
        if !joined {
            // The operator goes on speaking with the colleague.
            let left = phone.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].clone();
            assert_eq!(
                (&left[0]["id"], &left[0]["phase"], left[0]["consults_for"].is_null()),
                (&made, &json!("talking"), true)
            );
            peer.send(&mut colleague, "BYE", "", "");
            peer.hear_answer("BYE", 200);
        }
        phone.wait("the colleague's record", |m| ended(m).filter(|r| r["call"]["id"] == made));
        assert!(!peer.has_come("REFER"), "one REFER alone");
    }
}

/// Nobody has anything to say to a colleague who was to take a call that is gone.
#[test]
fn a_colleague_is_let_go_when_the_customer_hangs_up_before_they_are_joined() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let (mut customer, call, _, made) = consulting(&mut peer, &mut phone, "hand-over");
    let refer = peer.hear_request("REFER");
    peer.reply(&refer, 202, "Accepted", "", "");
    peer.send(&mut customer, "BYE", "", "");
    peer.hear_answer("BYE", 200);
    let record = phone.wait("the customer's record", |m| ended(m).filter(|r| r["call"]["id"] == call));
    assert_eq!(record["call"]["transfer"]["step"], "failed", "{record}");
    assert_eq!(record["end"]["by"], "far-side", "{record}");
    let bye = peer.hear_request("BYE");
    peer.reply(&bye, 200, "OK", "", "");
    let record = phone.wait("the colleague's record", |m| ended(m).filter(|r| r["call"]["id"] == made));
    assert_eq!(record["end"]["by"], "us", "{record}");
}

/// The PBX may not know yet that the phone has unregistered, or never want to know.
#[test]
fn who_calls_a_phone_that_is_left_alone_is_refused_at_once() {
    let mut peer = Peer::scripted();
    let mut shell = Shell::start("15000");
    shell.ask(peer.configure());
    shell.wait("registered", |m| drive::registration(m, "registered"));
    shell.drop_connection();
    shell.until_left_alone();
    let sound = peer.sound(&["8"], "sendrecv");
    peer.call(FROM, "", &sound);
    let answer = peer.hear("an answer", |m| (m.code() > 100).then(|| m.clone()));
    assert_eq!(answer.code(), 480, "{answer:?}");
}

#[test]
fn every_end_leaves_one_record() {
    let mut peer = Peer::scripted();
    let mut phone = peer.take(Console::start(&["--media-timeout", "1"]), json!({}), drive::media());
    let over = |phone: &mut Console, what: &str, by: &str, status: u64| {
        let record = phone.wait(what, ended);
        assert_eq!(
            (record["end"]["by"].as_str(), record["end"]["sip_status"].as_u64()),
            (Some(by), Some(status)),
            "{what}: {record}"
        );
        let left = phone.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].clone();
        assert_eq!(left, json!([]), "{what}");
        assert!(!phone.has_come(|m| ended(m).is_some()), "{what}: a second record");
        record
    };
    let rings = |peer: &mut Peer, phone: &mut Console| {
        let sound = peer.sound(&["8"], "sendrecv");
        let mut dialog = peer.call(FROM, "", &sound);
        let call = phone.wait("ringing", |m| call_in(m, "ringing"))["id"].clone();
        dialog.answered_by(&peer.hear_answer("INVITE", 180));
        (dialog, call)
    };

    // In a conversation: they hang up, with a reason; we hang up.
    let (mut dialog, _, _) = talking(&mut peer, &mut phone, "");
    peer.send(&mut dialog, "BYE", "Reason: Q.850;cause=31\r\n", "");
    let record = over(&mut phone, "they hang up", "far-side", 200);
    assert_eq!(record["end"]["q850"], 31, "{record}");
    let (_, call, _) = talking(&mut peer, &mut phone, "");
    phone.ask(json!({"do": "hang-up", "call": call}));
    let bye = peer.hear_request("BYE");
    peer.reply(&bye, 200, "OK", "", "");
    over(&mut phone, "we hang up", "us", 200);

    // Ringing here: refused each way, given up there.
    for (reason, status) in [("busy", 486), ("decline", 603), ("unavailable", 480)] {
        let (_, call) = rings(&mut peer, &mut phone);
        phone.ask(json!({"do": "reject", "call": call, "reason": reason}));
        over(&mut phone, reason, "us", status);
    }
    let (dialog, _) = rings(&mut peer, &mut phone);
    peer.cancel(&dialog);
    over(&mut phone, "they give up", "far-side", 487);

    // Ringing there: refused there, given up here.
    for (status, reason) in [(486, "Busy Here"), (404, "Not Found"), (503, "Service Unavailable"), (603, "Decline")] {
        phone.ask(dial());
        let invite = peer.hear_request("INVITE");
        peer.reply(&invite, status, reason, "", "");
        over(&mut phone, reason, "far-side", status.into());
    }
    let call = phone.ask(dial())["call"]["id"].clone();
    let invite = peer.hear_request("INVITE");
    peer.reply(&invite, 180, "Ringing", "", "");
    progress(&mut phone, "ringing");
    phone.ask(json!({"do": "hang-up", "call": call}));
    let cancel = peer.hear_request("CANCEL");
    peer.reply(&cancel, 200, "OK", "", "");
    peer.reply(&invite, 487, "Request Terminated", "", "");
    over(&mut phone, "we give up", "us", 487);

    // Silence, and nobody knows the call any more.
    talking(&mut peer, &mut phone, "");
    let probe = peer.hear_request("OPTIONS");
    peer.reply(&probe, 481, "Call/Transaction Does Not Exist", "", "");
    let record = over(&mut phone, "lost", "loss", 200);
    assert_eq!(record["end"]["reason"], "no sound and no answer", "{record}");

    // The softphone ends.
    talking(&mut peer, &mut phone, "");
    phone.ask(json!({"do": "shutdown", "when_idle": false}));
    let bye = peer.hear_request("BYE");
    peer.reply(&bye, 200, "OK", "", "");
    let record = phone.wait("the last record", ended);
    assert_eq!(record["end"]["by"], "us", "{record}");
}

#[test]
fn our_invite_says_what_it_is_asked_to_and_what_we_can() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let headers = json!([["X-Order", "4711"], ["X-Campaign", "autumn"]]);
    phone.ask(json!({"do": "dial", "account": USER, "target": "700", "headers": headers}));
    let invite = peer.hear_request("INVITE");
    assert_eq!((invite.header("X-Order"), invite.header("X-Campaign")), ("4711", "autumn"), "{invite:?}");
    // Opus with spare copies, offered first as the profile has it.
    let opus = &invite.codecs()[0];
    let format = invite.body.lines().find(|line| line.starts_with(&format!("a=fmtp:{opus} "))).unwrap_or_default();
    assert!(invite.body.contains(&format!("a=rtpmap:{opus} opus/48000")), "{}", invite.body);
    assert!(format.contains("useinbandfec=1"), "{}", invite.body);
}

#[test]
fn a_blind_transfer_that_fails_leaves_the_call_here() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let (mut customer, call, _) = talking(&mut peer, &mut phone, "");
    let step = |phone: &mut Console, step: &str| {
        phone.wait(&format!("the transfer is {step}"), |m| {
            Some(m["event"]["call"].clone()).filter(|c| c["id"] == call && c["transfer"]["step"] == step)
        })
    };
    phone.ask(json!({"do": "blind-transfer", "call": call, "target": "200"}));
    let refer = peer.hear_request("REFER");
    assert!(refer.header("Refer-To").contains("200@"), "{refer:?}");
    peer.reply(&refer, 202, "Accepted", "", "");
    notify(&mut peer, &mut customer, "180 Ringing");
    step(&mut phone, "ringing");
    notify(&mut peer, &mut customer, "486 Busy Here");
    let failed = step(&mut phone, "failed");
    let why = (&failed["transfer"]["failure"], &failed["transfer"]["sip_status"]);
    assert_eq!(why, (&json!("busy"), &json!(486)), "{failed}");
    phase(&mut phone, &call, "talking");
    assert!(!peer.has_come("BYE"), "the customer is still here");
}
