//! The phone's address changes: cable to Wi-Fi, a VPN, a new lease. The phone sits in a network namespace of its own, behind a
//! pair of virtual interfaces. `cargo xtask test --only softphone`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;
mod host;

use std::time::{Duration, Instant};

use drive::{Console, account, call_in, ended, over_tls, registration};
use host::Host;
use serde_json::{Value, json};

/// What the issue asks for.
const REGISTERED_AGAIN: Duration = Duration::from_secs(3);

fn network() -> String {
    let all = std::env::var("LINEDESK_LAB_NETWORK").expect("LINEDESK_LAB_NETWORK is set by cargo xtask test");
    all.split(' ').next().unwrap().to_owned()
}

/// Anna's phone: the PBX knows one that it calls over UDP, and one that it calls over the connection that the phone has made.
fn number(transport: &str) -> &'static str {
    if transport == "udp" { "1041" } else { "1001" }
}

/// Anna on a host of her own, registered.
fn anna_at(host: &Host, transport: &str) -> Console {
    let number = number(transport);
    let mut anna = if transport == "tls" { over_tls(number) } else { account(number, &format!("pw{number}")) };
    anna["server"] = json!(network());
    anna["transport"] = json!(transport);
    let mut phone = Console::start_in(host.pid(), &[]);
    phone.ask(json!({"do": "configure", "accounts": [anna], "media": drive::media()}));
    phone.wait("registered", at("10.78.0.2"));
    phone
}

fn at(address: &'static str) -> impl FnMut(&Value) -> Option<Value> {
    move |m| registration(m, "registered").filter(|r| r["contact"].as_str().unwrap().contains(address))
}

/// Packets that a call has received, as told the next time.
fn received(phone: &mut Console) -> u64 {
    phone.forget();
    phone.wait("a measure", |m| call_in(m, "talking").and_then(|c| c["quality"]["rx_packets"].as_u64()))
}

/// Sound comes for two seconds on end.
fn sound_flows(phone: &mut Console) {
    let mut last = received(phone);
    let mut good = 0;
    let end = Instant::now() + Duration::from_secs(8);
    while good < 2 {
        assert!(Instant::now() < end, "no sound");
        let now = received(phone);
        good = if now >= last + 30 { good + 1 } else { 0 };
        last = now;
    }
}

fn a_call_goes_on(transport: &str) {
    let host = Host::new("10.78.0.2");
    let mut anna = anna_at(&host, transport);
    let call = anna.ask(json!({"do": "dial", "account": number(transport), "target": "600"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    sound_flows(&mut anna);

    host.moves("10.78.0.2", "10.78.0.3");
    let moved = Instant::now();
    anna.wait("registered again", at("10.78.0.3"));
    assert!(moved.elapsed() < REGISTERED_AGAIN, "{:?}", moved.elapsed());
    sound_flows(&mut anna);
    anna.ask(json!({"do": "hang-up", "call": call}));
    let e = anna.wait("over", ended);
    assert_eq!((e["end"]["by"].as_str(), e["end"]["sip_status"].as_u64()), (Some("us"), Some(200)), "{e}");
}

/// The other side learns where a held call is, too: after the hold sound goes to the new address.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_held_call_moves_along_veth() {
    let host = Host::new("10.78.0.2");
    let mut anna = anna_at(&host, "tcp");
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "600"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    sound_flows(&mut anna);
    anna.ask(json!({"do": "hold", "call": call}));
    anna.wait("held", |m| call_in(m, "held"));
    host.moves("10.78.0.2", "10.78.0.3");
    anna.wait("registered again", at("10.78.0.3"));
    anna.ask(json!({"do": "resume", "call": call}));
    anna.wait("talking", |m| call_in(m, "talking"));
    sound_flows(&mut anna);
    anna.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", ended);
}

/// What is answered to our INVITE goes to an address where nobody is any more.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_that_still_rings_there_is_given_up_veth() {
    let host = Host::new("10.78.0.2");
    let mut anna = anna_at(&host, "tcp");
    anna.ask(json!({"do": "dial", "account": "1001", "target": "605"}));
    anna.wait("it rings there", |m| call_in(m, "ringing-there"));
    host.moves("10.78.0.2", "10.78.0.3");
    let e = anna.wait("given up", ended);
    assert_eq!(e["end"]["by"], "loss", "{e}");
    anna.wait("registered again", at("10.78.0.3"));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_goes_on_over_udp_veth() {
    a_call_goes_on("udp");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_goes_on_over_tcp_veth() {
    a_call_goes_on("tcp");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_goes_on_over_tls_veth() {
    a_call_goes_on("tls");
}

fn a_ringing_call_can_be_answered(transport: &str) {
    let host = Host::new("10.78.0.2");
    let mut anna = anna_at(&host, transport);
    let mut boris = Console::registered("1002");
    boris.ask(json!({"do": "dial", "account": "1002", "target": number(transport)}));
    let rings = anna.wait("rings", |m| call_in(m, "ringing"));

    host.moves("10.78.0.2", "10.78.0.3");
    let moved = Instant::now();
    anna.wait("registered again", at("10.78.0.3"));
    assert!(moved.elapsed() < REGISTERED_AGAIN, "{:?}", moved.elapsed());
    anna.ask(json!({"do": "answer", "call": rings["id"]}));
    anna.wait("talking", |m| call_in(m, "talking"));
    boris.wait("talking", |m| call_in(m, "talking"));
    sound_flows(&mut anna);
    sound_flows(&mut boris);
    // And it is still a call that either can end.
    boris.ask(json!({"do": "snapshot"}));
    let his = boris.wait("his call", |m| call_in(m, "talking"))["id"].clone();
    boris.ask(json!({"do": "hang-up", "call": his}));
    let e = anna.wait("over", ended);
    assert_eq!(e["end"]["by"], "far-side", "{e}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_ringing_call_can_be_answered_over_udp_veth() {
    a_ringing_call_can_be_answered("udp");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_ringing_call_can_be_answered_over_tcp_veth() {
    a_ringing_call_can_be_answered("tcp");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_ringing_call_can_be_answered_over_tls_veth() {
    a_ringing_call_can_be_answered("tls");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn without_a_network_the_registration_fails_and_comes_back_veth() {
    let host = Host::new("10.78.0.2");
    let mut anna = anna_at(&host, "tcp");
    host.loses("10.78.0.2");
    let r = anna.wait("failed", |m| registration(m, "failed"));
    assert_eq!(r["problem"], "unreachable", "{r}");
    assert!(r["reason"].as_str().unwrap().contains(&network()), "{r}");
    host.gets("10.78.0.3");
    let back = Instant::now();
    anna.wait("registered again", at("10.78.0.3"));
    assert!(back.elapsed() < REGISTERED_AGAIN, "{:?}", back.elapsed());
}

/// Systems by themselves send for a quarter of an hour into a connection of which nobody knows any more.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_forgotten_connection_is_made_anew_veth() {
    let host = Host::new("10.78.0.2");
    let mut anna = anna_at(&host, "tcp");
    let port = |registration: &Value| -> Option<u16> {
        let (_, behind) = registration["contact"].as_str()?.rsplit_once("10.78.0.2:")?;
        behind.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let registrations = anna.ask(json!({"do": "snapshot"}))["snapshot"]["registrations"].clone();
    let old = port(&registrations[0]).unwrap();
    host.forgets(old);
    let since = Instant::now();
    anna.wait_for(Duration::from_secs(60), "registered over another connection", |m| {
        registration(m, "registered").and_then(|r| port(&r)).filter(|port| *port != old)
    });
    println!("registered again after {:?}", since.elapsed());
}
