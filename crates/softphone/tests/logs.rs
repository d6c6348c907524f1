//! What the log says when it is asked to, and what it never says. `cargo xtask test --only softphone`.
#![cfg(unix)]

mod drive;
mod peer;

use std::time::Duration;

use drive::{Shell, call_in, ended, registration};
use peer::{Peer, sdp};
use serde_json::json;

fn a_call(shell: &mut Shell, peer: &mut Peer, number: &str) {
    let call = shell.ask(json!({"do": "dial", "account": "1001", "target": number}))["call"]["id"].clone();
    let invite = peer.hear_request("INVITE");
    let body = sdp("8", "a=rtpmap:8 PCMA/8000\r\na=ice-pwd:topsecreticepassword\r\n");
    let named = "P-Asserted-Identity: \"Jane Doe\" <sip:74959998877@pbx>\r\nContent-Type: application/sdp\r\n";
    peer.say(peer.answer(&invite, "200 OK", "b", named, &body));
    shell.wait("talking", |m| call_in(m, "talking"));
    shell.ask(json!({"do": "dtmf", "call": call, "digits": "12345"}));
    shell.ask(json!({"do": "hang-up", "call": call}));
    shell.wait("over", ended);
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn the_log_tells_what_it_is_asked_to_and_no_secret() {
    let mut peer = Peer::udp();
    peer.on_register(|request, _| {
        if request.header("Authorization").contains("response=") {
            return ("200 OK".to_owned(), String::new());
        }
        let challenge =
            "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"nonceofthetest\", opaque=\"opaqueofthetest\"\r\n";
        ("401 Unauthorized".to_owned(), challenge.to_owned())
    });
    let mut shell = Shell::start("15000");
    shell.ask(json!({"do": "log", "level": "trace", "sip_trace": true}));
    shell.ask(peer.configure());
    shell.wait("registered", |m| registration(m, "registered"));
    a_call(&mut shell, &mut peer, "74951234567");
    // Whoever writes the line runs beside whoever answers the command.
    drive::until(Duration::from_secs(5), "the BYE is in the log", || shell.log().contains("\nBYE sip:"));

    let log = shell.log();
    assert!(log.contains("INVITE sip:…67@pbx.example"), "the trace shows the call: {log}");
    assert!(log.contains("Authorization:…"), "and that it was authorized: {log}");
    for secret in ["nonceofthetest", "opaqueofthetest", "response=\"", "topsecreticepassword"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
    for number in ["74951234567", "74959998877", "Jane Doe", "DTMF 1", "digit id 1"] {
        assert!(!log.contains(number), "{number} is in the log: {log}");
    }

    shell.ask(json!({"do": "log", "level": "info", "sip_trace": true, "numbers": true}));
    a_call(&mut shell, &mut peer, "74951234567");
    drive::until(Duration::from_secs(5), "numbers are written out", || shell.log().contains("INVITE sip:74951234567@"));
    assert!(!shell.log().contains("topsecreticepassword"), "secrets never are");

    shell.ask(json!({"do": "log", "level": "info"}));
    let before = shell.log().matches("received from").count();
    a_call(&mut shell, &mut peer, "74951112233");
    let log = shell.log();
    assert_eq!(log.matches("received from").count(), before, "the trace has ended: {log}");
    assert!(!log.contains("74951112233"), "{log}");
}

/// Nobody has asked for anything: what is written in an ordinary day.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn an_ordinary_log_names_nobody() {
    let mut peer = Peer::udp();
    let mut shell = Shell::start("15000");
    shell.ask(peer.configure());
    shell.wait("registered", |m| registration(m, "registered"));
    a_call(&mut shell, &mut peer, "74951234567");
    peer.say(peer.invite("named", &sdp("8", "")));
    shell.wait("ringing", |m| call_in(m, "ringing"));
    drive::until(Duration::from_secs(5), "both calls are in the log", || shell.log().contains("incoming call"));
    let log = shell.log();
    for private in ["74951234567", "74959998877", "Jane Doe", "2002", "12345"] {
        assert!(!log.contains(private), "{private} is in the log: {log}");
    }
}
