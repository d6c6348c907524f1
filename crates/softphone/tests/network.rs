//! Ways through the network: proxies, NAT, IPv6, class of service, encryption that is wished for but not demanded.
//! `cargo xtask test --only softphone`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;
mod front;
mod host;

use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use drive::{Console, account, call_in, ended, lab_at, over_tls, registration};
use front::Front;
use host::Host;
use serde_json::{Value, json};

fn configure(account: Value) -> Value {
    json!({"do": "configure", "accounts": [account], "media": drive::media()})
}

fn registered(account: Value) -> (Console, Value) {
    let mut phone = Console::start(&[]);
    phone.ask(configure(account));
    let r = phone.wait("registered", |m| registration(m, "registered"));
    (phone, r)
}

/// Calls the echo until sound has come back.
fn echo(phone: &mut Console, account: &str) -> Value {
    let call = phone.ask(json!({"do": "dial", "account": account, "target": "600"}))["call"]["id"].clone();
    let heard = phone.wait("the echo is heard", |m| {
        call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64().is_some_and(|n| n > 50))
    });
    phone.ask(json!({"do": "hang-up", "call": call}));
    phone.wait("over", ended);
    heard
}

/// The lab's address of a family for phones that are not on its loopback.
fn network(family: &str) -> String {
    let all = std::env::var("LINEDESK_LAB_NETWORK").expect("LINEDESK_LAB_NETWORK is set by cargo xtask test");
    all.split(' ').find(|address| address.contains(':') == (family == "ipv6")).unwrap().to_owned()
}

fn over_ipv6(transport: &str) {
    let mut account = account("1061", "pw1061");
    account["server"] = json!(network("ipv6"));
    account["transport"] = json!(transport);
    account["address_family"] = json!("ipv6");
    let (mut phone, r) = registered(account);
    assert!(r["contact"].as_str().unwrap().contains("@["), "{r}");
    assert!(r["server"].as_str().unwrap().starts_with('['), "{r}");
    echo(&mut phone, "1061");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_over_udp_and_ipv6() {
    over_ipv6("udp");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_over_tcp_and_ipv6() {
    over_ipv6("tcp");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_phone_is_called_over_ipv6() {
    let mut account = account("1061", "pw1061");
    account["server"] = json!(network("ipv6"));
    let (mut anna, _) = registered(account);
    let mut boris = Console::registered("1002");
    boris.ask(json!({"do": "dial", "account": "1002", "target": "1061"}));
    let rings = anna.wait("rings", |m| call_in(m, "ringing"));
    anna.ask(json!({"do": "answer", "call": rings["id"]}));
    for phone in [&mut anna, &mut boris] {
        phone.wait("sound", |m| {
            call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64().is_some_and(|n| n > 50))
        });
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn all_goes_through_the_proxy() {
    let proxy = Front::new("127.0.0.31");
    let mut account = account("1001", "pw1001");
    // Nobody but the proxy knows where this is.
    (account["server"], account["port"]) = (json!("pbx.invalid"), json!(5070));
    account["outbound_proxy"] = json!({"host": proxy.at.ip().to_string(), "port": proxy.at.port()});
    let (mut phone, r) = registered(account);
    assert_eq!(r["server"], "pbx.invalid:5070", "{r}");
    echo(&mut phone, "1001");
    for request in ["REGISTER ", "INVITE "] {
        let text = proxy.passed(request).unwrap();
        let routes: Vec<&str> = text.lines().filter(|l| l.starts_with("Route: ")).collect();
        assert!(
            routes.len() == 2 && routes[0].contains("127.0.0.31") && routes[1].contains("pbx.invalid:5070"),
            "{routes:?}"
        );
    }
}

/// What the kernel would write into the packets of a socket of ours, by the socket's own address.
fn tos(kind: &str, pid: u32, wanted: impl Fn(u16, &str) -> bool) -> Vec<String> {
    let out = Command::new("ss").args([kind, "-anpe", "--tos"]).output().unwrap();
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter(|line| line.contains(&format!("pid={pid},")))
        .filter(|line| {
            let mut words = line.split_whitespace().skip(3);
            let (near, far) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            near.rsplit(':').next().and_then(|port| port.parse().ok()).is_some_and(|port| wanted(port, far))
        })
        .map(|line| line.split("tos:").nth(1).and_then(|t| t.split_whitespace().next()).unwrap_or("none").to_owned())
        .collect()
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn packets_carry_their_class_and_sound_stays_within_its_ports() {
    let is_rtp = |port: u16| (42_000..=42_099).contains(&port);
    for (transport, kind) in [("udp", "-u"), ("tcp", "-t")] {
        let mut phone = Console::start(&[]);
        let mut account = account("1001", "pw1001");
        account["transport"] = json!(transport);
        let mut media = drive::media();
        media["rtp_ports"] = json!([42_000, 42_099]);
        for (sip, rtp, of_sip, of_rtp) in [(24, 46, "0x60", "0xb8"), (26, 34, "0x68", "0x88")] {
            (media["sip_dscp"], media["rtp_dscp"]) = (json!(sip), json!(rtp));
            phone.ask(json!({"do": "configure", "accounts": [account], "media": media}));
            phone.wait("registered", |m| registration(m, "registered"));
            let call = phone.ask(json!({"do": "dial", "account": "1001", "target": "600"}))["call"]["id"].clone();
            phone.wait("talking", |m| call_in(m, "talking"));
            let sound = tos("-u", phone.pid(), |port, _| is_rtp(port));
            assert_eq!(sound, [of_rtp, of_rtp], "RTP and RTCP");
            let (_, server) = lab_at("LINEDESK_LAB_SIP");
            let signals = tos(kind, phone.pid(), |port, far| {
                !is_rtp(port) && (kind == "-u" || far.ends_with(&format!(":{server}")))
            });
            assert!(signals.iter().any(|tos| tos == of_sip), "SIP over {transport}: {signals:?}");
            phone.ask(json!({"do": "hang-up", "call": call}));
            phone.wait("over", ended);
        }
    }
}

/// Answers binding requests (RFC 8489) with an address outside, and counts them.
fn stun_server(address: &str) -> (u16, Arc<AtomicU32>) {
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    const OUTSIDE: [u8; 4] = [203, 0, 113, 7];
    let socket = UdpSocket::bind((address, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        let mut request = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut request) {
            if length < 20 || request[..2] != [0, 1] {
                continue;
            }
            let mut answer = vec![1, 1, 0, 12];
            answer.extend(&request[4..20]);
            // XOR-MAPPED-ADDRESS: family, port and address, each under the cookie.
            answer.extend([0, 0x20, 0, 8, 0, 1]);
            answer.extend((from.port() ^ 0x2112).to_be_bytes());
            answer.extend(OUTSIDE.iter().zip(COOKIE).map(|(byte, key)| byte ^ key));
            socket.send_to(&answer, from).unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (port, asked)
}

/// An account for a host with a 10.x address (ICE leaves 127.x out), which the PBX knows with ICE and DTLS.
fn with_ice(server: &Front, stun: (&str, u16)) -> Value {
    let mut account = account("1012", "pw1012");
    (account["server"], account["port"]) = (json!(server.at.ip().to_string()), json!(server.at.port()));
    account["encryption"] = json!("dtls");
    account["nat"] = json!({"ice": true, "stun_servers": [{"host": stun.0, "port": stun.1}]});
    account
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn ice_offers_what_stun_tells_and_sound_flows_veth() {
    let host = Host::new("10.78.0.2");
    let address = network("ipv4");
    let server = Front::new(&address);
    let (port, asked) = stun_server(&address);
    let mut phone = Console::start_in(host.pid(), &[]);
    phone.ask(configure(with_ice(&server, (&address, port))));
    phone.wait("registered", |m| registration(m, "registered"));
    // First whether it is there, then by pjlib; what that was told it uses in the next call.
    drive::until(Duration::from_secs(5), "the STUN server is asked", || asked.load(Ordering::Relaxed) > 1);
    drive::until(Duration::from_secs(15), "a call offers what STUN tells", || {
        let heard = echo(&mut phone, "1012");
        assert_eq!(heard["encrypted"], true, "{heard}");
        let offer = server.passed("INVITE ").unwrap();
        assert!(offer.contains("typ host"), "{offer}");
        offer.lines().any(|l| l.contains("203.0.113.7") && l.contains("typ srflx"))
    });
    // The other side does it, too.
    let answer = server.answer_with("a=ice-ufrag").expect("the PBX speaks ICE");
    assert!(answer.contains("a=candidate"), "{answer}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_silent_stun_server_keeps_nobody_from_calling_veth() {
    let host = Host::new("10.78.0.2");
    let address = network("ipv4");
    let server = Front::new(&address);
    let silent = UdpSocket::bind((address.as_str(), 0)).unwrap();
    let mut phone = Console::start_in(host.pid(), &[]);
    phone.ask(configure(with_ice(&server, (&address, silent.local_addr().unwrap().port()))));
    phone.wait("registered", |m| registration(m, "registered"));
    let began = Instant::now();
    echo(&mut phone, "1012");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

fn encryption(number: &str, optional: bool) -> Value {
    let mut account = over_tls(number);
    account["encryption"] = json!("sdes");
    account["encryption_optional"] = json!(optional);
    account
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn encryption_is_demanded_unless_it_is_optional() {
    // 1001 is one whose PBX speaks plain RTP alone.
    let (mut phone, _) = registered(encryption("1001", false));
    phone.ask(json!({"do": "dial", "account": "1001", "target": "600"}));
    let e = phone.wait("refused", ended);
    assert!(e["call"]["talk_ms"].is_null(), "talked in the clear: {e}");
    phone.ask(configure(encryption("1001", true)));
    phone.wait("registered", |m| registration(m, "registered"));
    let heard = echo(&mut phone, "1001");
    assert_eq!(heard["encrypted"], false, "{heard}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn optional_encryption_is_used_where_it_is_taken() {
    // The PBX takes it from an offer that can be read as a plain one when media_encryption_optimistic says so.
    let (mut phone, _) = registered(encryption("1013", true));
    let heard = echo(&mut phone, "1013");
    assert_eq!(heard["encrypted"], true, "{heard}");
}
