//! Behind a firewall that lets nothing out but SIP and what goes to the TURN server (coturn): `cargo xtask test --only softphone`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;
mod front;
mod host;

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use drive::{Console, account, call_in, ended, registration, until};
use front::Front;
use host::Host;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);
const USER: &str = "linedesk";
const PASSWORD: &str = "relayed";

/// coturn on the lab's side of the cable, with one user.
struct TurnServer {
    process: Child,
    at: SocketAddr,
    tls: u16,
    directory: tempfile::TempDir,
}

impl TurnServer {
    /// Its certificate is for the address `named`.
    fn start(ip: IpAddr, named: IpAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name).display().to_string();
        certificate(directory.path(), named);
        // Free at this moment; the namespace is ours alone.
        let [at, tls] = [(); 2].map(|()| TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap());
        let settings = format!(
            "listening-ip={ip}\nrelay-ip={ip}\nlistening-port={}\ntls-listening-port={}\nlt-cred-mech\nuser={USER}:{PASSWORD}\n\
             realm=lab\nno-cli\nno-dtls\nrelay-threads=1\nlog-file=stdout\nsimple-log\nverbose\npidfile={}\nuserdb={}\ncert={}\npkey={}\n",
            at.port(),
            tls.port(),
            file("pid"),
            file("users"),
            file("ca.pem"),
            file("key.pem"),
        );
        std::fs::write(file("turnserver.conf"), settings).unwrap();
        let root = PathBuf::from(std::env::var_os("LINEDESK_COTURN").expect("set by cargo xtask test"));
        let libraries =
            ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"].map(|part| root.join(part).display().to_string());
        let process = Command::new(root.join("lib64/ld-linux-x86-64.so.2"))
            .arg("--library-path")
            .arg(libraries.join(":"))
            .arg(root.join("usr/bin/turnserver"))
            .args(["-c", &file("turnserver.conf")])
            .stdout(std::fs::File::create(file("log")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, at, tls: tls.port(), directory };
        until(PATIENCE, "the TURN server listens", || [at, tls].iter().all(|at| TcpStream::connect(at).is_ok()));
        server
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// What an account says of it.
    fn settings(&self, transport: &str) -> Value {
        let port = if transport == "tls" { self.tls } else { self.at.port() };
        json!({
            "server": {"host": self.at.ip().to_string(), "port": port},
            "transport": transport, "user": USER, "password": PASSWORD,
        })
    }
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An authority and its only certificate in one.
fn certificate(directory: &Path, named: IpAddr) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args([
            "-subj",
            "/CN=turn",
            "-addext",
            &format!("subjectAltName=IP:{named}"),
            "-keyout",
            "key.pem",
            "-out",
            "ca.pem",
        ])
        .current_dir(directory)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}

/// The lab's address for phones that are not on its loopback.
fn lab() -> String {
    let all = std::env::var("LINEDESK_LAB_NETWORK").expect("LINEDESK_LAB_NETWORK is set by cargo xtask test");
    all.split(' ').find(|address| !address.contains(':')).unwrap().to_owned()
}

fn at_home() -> (Host, Front, IpAddr) {
    let host = Host::new("10.78.0.2");
    let address = lab();
    (host, Front::new(&address), address.parse().unwrap())
}

/// A registered phone with ICE and this TURN server, and its log.
fn phone(host: &Host, front: &Front, turn: Value, ca: Option<&Path>) -> (Console, Log) {
    let mut account = account("1012", "pw1012");
    (account["server"], account["port"]) = (json!(front.at.ip().to_string()), json!(front.at.port()));
    account["encryption"] = json!("dtls");
    account["nat"] = json!({"ice": true, "turn": turn});
    if let Some(ca) = ca {
        account["tls_ca_file"] = json!(ca);
    }
    let log = Log(tempfile::NamedTempFile::new().unwrap());
    let mut phone = Console::start_in_with_log(host.pid(), log.0.path());
    phone.ask(json!({"do": "configure", "accounts": [account], "media": drive::media()}));
    phone.wait("registered", |m| registration(m, "registered"));
    (phone, log)
}

/// What an administrator sees of it.
struct Log(tempfile::NamedTempFile);

impl Log {
    fn says(&self, words: &str) {
        until(PATIENCE, words, || std::fs::read_to_string(self.0.path()).unwrap().contains(words));
    }
}

/// Calls the echo until sound has come back; gives the INVITE.
fn echo(phone: &mut Console, front: &Front) -> String {
    let call = phone.ask(json!({"do": "dial", "account": "1012", "target": "600"}))["call"]["id"].clone();
    phone.wait("the echo is heard", |m| {
        call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64().is_some_and(|n| n > 50))
    });
    phone.ask(json!({"do": "hang-up", "call": call}));
    phone.wait("over", ended);
    front.passed("INVITE ").unwrap()
}

fn is_relayed(offer: &str) -> bool {
    offer.lines().any(|line| line.starts_with("a=candidate") && line.contains("typ relay"))
}

fn goes_through_the_firewall(transport: &str) {
    let (host, front, ip) = at_home();
    let server = TurnServer::start(ip, ip);
    let settings = server.settings(transport);
    let udp = (transport == "udp").then(|| server.at.port());
    host.lets_out(&[Some(front.at.port()), udp].into_iter().flatten().collect::<Vec<_>>());
    let (mut phone, log) = phone(&host, &front, settings, Some(&server.directory.path().join("ca.pem")));
    log.says("helps through NAT");
    let offer = echo(&mut phone, &front);
    assert!(is_relayed(&offer), "{offer}");
    assert!(server.log().contains("ALLOCATE processed, success"), "{}", server.log());
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn sound_takes_the_relay_over_udp_veth() {
    goes_through_the_firewall("udp");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn sound_takes_the_relay_over_tcp_veth() {
    goes_through_the_firewall("tcp");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn sound_takes_the_relay_over_tls_veth() {
    goes_through_the_firewall("tls");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_relay_with_another_name_or_of_a_stranger_is_not_used_veth() {
    let (host, front, ip) = at_home();
    let misnamed = TurnServer::start(ip, "192.0.2.7".parse().unwrap());
    let stranger = TurnServer::start(ip, ip);
    for (server, trusted) in [(&misnamed, Some(misnamed.directory.path().join("ca.pem"))), (&stranger, None)] {
        let (mut phone, log) = phone(&host, &front, server.settings("tls"), trusted.as_deref());
        log.says("helps through NAT");
        let offer = echo(&mut phone, &front);
        assert!(!is_relayed(&offer), "{offer}");
        assert!(!server.log().contains("ALLOCATE"), "it was spoken with: {}", server.log());
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_relay_that_is_silent_or_refuses_keeps_nobody_from_calling_veth() {
    let (host, front, ip) = at_home();
    let silent = UdpSocket::bind((ip, 0)).unwrap();
    let server = TurnServer::start(ip, ip);
    let of_silent = json!({
        "server": {"host": ip.to_string(), "port": silent.local_addr().unwrap().port()},
        "transport": "udp", "user": USER, "password": PASSWORD,
    });
    let mut wrong = server.settings("udp");
    wrong["password"] = json!("wrong");
    for (turn, used) in [(of_silent, false), (wrong, true)] {
        let (mut phone, log) = phone(&host, &front, turn, None);
        if used {
            log.says("helps through NAT");
        }
        let began = Instant::now();
        let offer = echo(&mut phone, &front);
        assert!(!is_relayed(&offer), "{offer}");
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_relay_that_dies_is_left_out_veth() {
    let (host, front, ip) = at_home();
    let mut server = TurnServer::start(ip, ip);
    let (mut phone, log) = phone(&host, &front, server.settings("udp"), None);
    log.says("helps through NAT");
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    // A look at the network asks again; so does a minute.
    host.moves("10.78.0.2", "10.78.0.3");
    log.says("does not answer any more");
    phone.wait("registered again", |m| registration(m, "registered"));
    let began = Instant::now();
    echo(&mut phone, &front);
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}
