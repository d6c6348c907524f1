//! Several servers: one that is silent, refuses or dies is left for the next, and returned to without a call.
//! `cargo xtask test --only softphone`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;
mod front;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use drive::{Console, account, call_in, ended, lab_at, over_tls, registration};
use front::Front;
use serde_json::{Value, json};
use simple_dns::rdata::{RData, SRV};
use simple_dns::{CLASS, Name, Packet, ResourceRecord};

/// What the issue asks for, from the death of a server to the registration at the next.
const FAIL_OVER: Duration = Duration::from_secs(10);

/// An account whose first server is elsewhere, and the PBX itself behind it.
fn backed(first: SocketAddr, transport: &str) -> Value {
    let mut account = account("1001", "pw1001");
    account["backup_servers"] = json!([{"host": account["server"], "port": account["port"]}]);
    (account["server"], account["port"]) = (json!(first.ip().to_string()), json!(first.port()));
    account["transport"] = json!(transport);
    account
}

fn pbx() -> String {
    let (host, port) = lab_at("LINEDESK_LAB_SIP");
    format!("{host}:{port}")
}

fn through(server: &str) -> impl FnMut(&Value) -> Option<Value> {
    move |m| registration(m, "registered").filter(|r| r["server"] == server)
}

fn configure(account: Value) -> Value {
    json!({"do": "configure", "accounts": [account], "media": drive::media()})
}

/// Packets that a call has received, as told the next time.
fn received(phone: &mut Console) -> u64 {
    phone.forget();
    phone.wait("a measure", |m| call_in(m, "talking").and_then(|c| c["quality"]["rx_packets"].as_u64()))
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_silent_server_is_left_for_the_next() {
    let silent = UdpSocket::bind("127.0.0.21:0").unwrap();
    let mut phone = Console::start(&[]);
    let began = Instant::now();
    phone.ask(configure(backed(silent.local_addr().unwrap(), "udp")));
    let r = phone.wait("registered through the second", through(&pbx()));
    assert!(began.elapsed() < FAIL_OVER, "{:?}", began.elapsed());
    assert_eq!(r["transport"], "udp", "{r}");
    // And calls go there, too.
    phone.ask(json!({"do": "dial", "account": "1001", "target": "600"}));
    phone.wait("talking", |m| call_in(m, "talking"));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_server_that_refuses_is_left_at_once() {
    let mut phone = Console::start(&[]);
    let began = Instant::now();
    phone.ask(configure(backed("127.0.0.21:9".parse().unwrap(), "tcp")));
    let r = phone.wait("registered through the second", through(&pbx()));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(r["transport"], "tcp", "{r}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_server_that_dies_in_a_call_is_left_and_returned_to_after_it() {
    let front = Front::new("127.0.0.21");
    let first = front.at.to_string();
    let mut phone = Console::start(&[]);
    phone.ask(configure(backed(front.at, "udp")));
    phone.wait("registered through the first", through(&first));
    phone.ask(json!({"do": "dial", "account": "1001", "target": "600"}));
    phone.wait("talking", |m| call_in(m, "talking"));

    front.dies();
    let died = Instant::now();
    phone.wait("registered through the second", through(&pbx()));
    assert!(died.elapsed() < FAIL_OVER, "{:?}", died.elapsed());
    let before = received(&mut phone);
    assert!(received(&mut phone) > before, "the call goes on");

    // It lives again, and has rested long enough; but somebody talks.
    front.lives_again();
    until_asked_again(&mut phone, died + Duration::from_secs(28));
    phone.ask(json!({"do": "snapshot"}));
    assert!(!phone.so_far().iter().any(|m| through(&first)(m).is_some()), "nobody returns in a call");

    let call = phone.wait("the call", |m| call_in(m, "talking"))["id"].clone();
    phone.ask(json!({"do": "hang-up", "call": call}));
    let e = phone.wait("over", ended);
    assert_eq!(e["end"]["by"], "us", "{e}");
    phone.wait("registered through the first again", through(&first));
    let mut boris = Console::registered("1002");
    boris.ask(json!({"do": "dial", "account": "1002", "target": "1001"}));
    phone.wait("rings through the first", |m| call_in(m, "ringing"));
}

/// Measures come once a second, so this waits without sleeping.
fn until_asked_again(phone: &mut Console, at: Instant) {
    while Instant::now() < at {
        received(phone);
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_refused_secret_is_not_carried_around() {
    let front = Front::new("127.0.0.21");
    let mut phone = Console::start(&[]);
    let mut wrong = backed(front.at, "udp");
    wrong["password"] = json!("wrong");
    phone.ask(configure(wrong));
    let r = phone.wait("failed", |m| registration(m, "failed"));
    assert_eq!(r["problem"], "wrong-secret", "{r}");
    assert!(r["retry_in_ms"].as_u64().unwrap() >= 15_000, "{r}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_backup_is_verified_by_its_own_name() {
    // The first is a machine in between, whose address the certificate does not have; the second is the PBX by its name.
    let (host, tls) = lab_at("LINEDESK_LAB_TLS");
    let between = drive::between("127.0.0.9", &host, tls);
    let mut account = over_tls("1001");
    account["backup_servers"] = json!([{"host": "localhost", "port": tls}]);
    account["address_family"] = json!("ipv4");
    (account["server"], account["port"]) = (json!("127.0.0.9"), json!(between));
    let mut phone = Console::start(&[]);
    phone.ask(configure(account));
    let r = phone.wait("registered through the second", |m| registration(m, "registered"));
    assert_eq!(
        (r["server"].as_str(), r["transport"].as_str()),
        (Some(format!("localhost:{tls}").as_str()), Some("tls"))
    );

    // Both wrong: the last one's fault is told, and nothing is registered.
    let second = drive::between("127.0.0.10", &host, tls);
    let mut account = over_tls("1001");
    account["backup_servers"] = json!([{"host": "127.0.0.10", "port": second}]);
    (account["server"], account["port"]) = (json!("127.0.0.9"), json!(between));
    phone.forget();
    phone.ask(configure(account));
    let r = phone.wait("failed", |m| {
        assert!(registration(m, "registered").is_none(), "registered with a server that is not verified: {m}");
        registration(m, "failed")
    });
    assert_eq!(r["problem"], "tls-name", "{r}");
    assert!(r["reason"].as_str().unwrap().contains("127.0.0.10"), "{r}");
}

/// A nameserver that knows one service, and a resolv.conf that names it.
fn nameserver(address: &str, service: &'static str, records: Vec<(u16, u16)>) -> tempfile::NamedTempFile {
    let socket = UdpSocket::bind((address, 53)).unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let mut reply = Packet::parse(&query[..length]).unwrap().into_reply();
            if reply.questions[0].qname.to_string() == service {
                for (priority, port) in &records {
                    let target = Name::new("localhost").unwrap();
                    let srv = SRV { priority: *priority, weight: 0, port: *port, target };
                    let name = reply.questions[0].qname.clone();
                    reply.answers.push(ResourceRecord::new(name, CLASS::IN, 60, RData::SRV(srv)));
                }
            }
            socket.send_to(&reply.build_bytes_vec().unwrap(), from).unwrap();
        }
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("nameserver {address}\n")).unwrap();
    file
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn dns_says_servers_and_their_order() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (_, port) = lab_at("LINEDESK_LAB_SIP");
    let dead = silent.local_addr().unwrap().port();
    let file = nameserver("127.0.0.53", "_sip._udp.pbx.test", vec![(20, port), (10, dead)]);
    let environment = [("LINEDESK_RESOLV_CONF", file.path().to_string_lossy().into_owned())];
    let mut phone = Console::start_with(&["--null-audio"], &environment);
    let mut account = account("1001", "pw1001");
    (account["server"], account["port"]) = (json!("pbx.test"), json!(0));
    account["address_family"] = json!("ipv4");
    let began = Instant::now();
    phone.ask(configure(account));
    phone.wait("registered through the second of the service", through(&format!("localhost:{port}")));
    assert!(began.elapsed() > Duration::from_secs(3), "the better priority was not asked first");
    assert!(began.elapsed() < FAIL_OVER, "{:?}", began.elapsed());
    phone.ask(json!({"do": "dial", "account": "1001", "target": "600"}));
    phone.wait("talking", |m| call_in(m, "talking"));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_name_without_an_address_is_told() {
    let mut phone = Console::start(&[]);
    let mut account = account("1001", "pw1001");
    account["server"] = json!("nobody.invalid");
    phone.ask(configure(account));
    let r = phone.wait("failed", |m| registration(m, "failed"));
    assert_eq!(r["problem"], "unreachable", "{r}");
    assert!(r["reason"].as_str().unwrap().contains("nobody.invalid"), "{r}");
    assert!(r["retry_in_ms"].is_u64(), "{r}");
}

/// The PBX stops as it does when its machine hangs, and goes on.
fn signal_pbx(signal: &str) {
    let base = std::env::var("LINEDESK_LAB_PBX").expect("LINEDESK_LAB_PBX is set by cargo xtask test");
    let pid = std::fs::read_to_string(format!("{base}/run/asterisk.pid")).unwrap();
    let done = std::process::Command::new("kill").args([signal, pid.trim()]).status().unwrap();
    assert!(done.success());
}

/// So that a failed test leaves the PBX running for the next.
struct Stopped;

impl Stopped {
    fn now() -> Self {
        signal_pbx("-STOP");
        Self
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal_pbx("-CONT");
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_lone_server_that_hangs_in_a_call_is_told_truthfully() {
    let mut phone = Console::start(&["--media-timeout", "3"]);
    phone.ask(configure(account("1001", "pw1001")));
    phone.wait("registered", through(&pbx()));
    phone.ask(json!({"do": "dial", "account": "1001", "target": "600"}));
    received(&mut phone);
    let stopped = Stopped::now();
    let e = phone.wait_for(Duration::from_secs(20), "the call is lost", ended);
    assert_eq!(e["end"]["by"], "loss", "{e}");
    let r = phone.wait_for(Duration::from_secs(25), "failed", |m| registration(m, "failed"));
    assert_eq!(r["problem"], "timeout", "{r}");
    assert!(r["server"].is_null(), "{r}");
    drop(stopped);
    phone.wait_for(Duration::from_secs(10), "registered again by itself", through(&pbx()));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn signalling_that_is_gone_does_not_end_a_call_that_is_heard() {
    let front = Front::new("127.0.0.21");
    let first = front.at.to_string();
    let mut phone = Console::start(&["--media-timeout", "3"]);
    let mut account = account("1001", "pw1001");
    (account["server"], account["port"]) = (json!(front.at.ip().to_string()), json!(front.at.port()));
    phone.ask(configure(account));
    phone.wait("registered", through(&first));
    phone.ask(json!({"do": "dial", "account": "1001", "target": "600"}));
    received(&mut phone);
    front.dies();
    phone.wait_for(Duration::from_secs(25), "failed", |m| registration(m, "failed"));
    let before = received(&mut phone);
    assert!(received(&mut phone) > before, "sound flows all the same");
    front.lives_again();
    phone.wait_for(Duration::from_secs(10), "registered again by itself", through(&first));
    assert!(phone.so_far().iter().all(|m| ended(m).is_none()), "the call goes on");
}
