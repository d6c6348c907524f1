//! Nobody but the phone's servers is answered. `cargo xtask test --only softphone`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;

use std::net::UdpSocket;
use std::time::Duration;

use drive::{Console, call_in, configure, registration};
use serde_json::json;

/// A request as a scanner sends it.
fn knock(socket: &UdpSocket, method: &str, to: &str) {
    let from = socket.local_addr().unwrap();
    let message = format!(
        "{method} sip:1001@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:100@{from}>;tag=1\r\nTo: <sip:1001@{to}>\r\nCall-ID: {method}@{from}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:100@{from}>\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send_to(message.as_bytes(), to).unwrap();
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_stranger_gets_no_answer_and_rings_nobody() {
    let mut anna = Console::start(&[]);
    anna.ask(configure("1001"));
    let contact = anna.wait("registered", |m| registration(m, "registered"))["contact"].clone();
    // sip:1001@127.0.0.1:5062;ob
    let contact = contact.as_str().unwrap();
    let at = contact.split_once('@').unwrap().1.split([';', '>']).next().unwrap();

    // From where Asterisk is, too, the phone would answer; so what is dropped is dropped for its address.
    let (server, _) = drive::lab_at("LINEDESK_LAB_SIP");
    let friend = UdpSocket::bind((server.as_str(), 0)).unwrap();
    friend.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    knock(&friend, "OPTIONS", at);
    let mut answer = [0; 2000];
    let length = friend.recv(&mut answer).expect("the phone answers its server");
    assert!(answer[..length].starts_with(b"SIP/2.0 "), "{}", String::from_utf8_lossy(&answer[..length]));

    let stranger = UdpSocket::bind("127.0.0.9:0").unwrap();
    stranger.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    for method in ["OPTIONS", "INVITE", "REGISTER", "BYE"] {
        knock(&stranger, method, at);
    }
    let heard = stranger.recv(&mut answer);
    assert!(heard.is_err(), "answered: {}", String::from_utf8_lossy(&answer[..heard.unwrap_or(0)]));
    assert_eq!(anna.ask(json!({"do": "snapshot"}))["snapshot"]["calls"], json!([]), "and nothing rings");

    // The servers' calls go on as ever.
    let mut boris = Console::registered("1002");
    boris.ask(json!({"do": "dial", "account": "1002", "target": "1001"}));
    anna.wait("Boris rings", |m| call_in(m, "ringing"));
}
