//! Who may attach: needs no PBX.
#![cfg(unix)]

mod drive;

use drive::{Console, Shell, read_frame, until, write_frame};
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;

fn answer_to(shell: &Shell, first: &Value) -> Value {
    let mut stream = shell.connect();
    write_frame(&mut stream, first);
    read_frame(&mut stream).expect("an answer before the connection closes")
}

#[test]
fn strangers_are_refused() {
    let shell = Shell::start("15000");
    let change = |field: &str, value: Value| {
        let mut hello = shell.hello();
        hello[field] = value;
        hello
    };
    let table = [
        (change("token", json!("0".repeat(64))), "wrong-token"),
        (change("session", json!("boris")), "other-session"),
        (change("session", json!(7)), "malformed"),
        (json!({"type": "heartbeat"}), "no-hello"),
        (json!([1, 2]), "malformed"),
    ];
    for (first, code) in table {
        let answer = answer_to(&shell, &first);
        assert_eq!((answer["type"].as_str(), answer["code"].as_str()), (Some("refused"), Some(code)), "{first}");
    }
    let mut stream = shell.connect();
    stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
    // Unread bytes must not swallow the answer.
    stream.write_all(&[0; 50_000]).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap()["code"], "malformed", "too long is refused before it is read");
}

#[test]
fn a_newer_client_takes_the_place() {
    let mut shell = Shell::start("15000");
    let mut other = shell.connect();
    write_frame(&mut other, &shell.hello());
    loop {
        let m = read_frame(&mut other).unwrap();
        if m["type"] == "welcome" {
            break;
        }
    }
    let code = shell.wait("replaced", |m| (m["type"] == "refused").then(|| m["code"].clone()));
    assert_eq!(code, "replaced");
}

#[test]
fn left_alone_it_ends_and_tidies() {
    let mut shell = Shell::start("300");
    let socket = shell.attach_file()["socket"].as_str().unwrap().to_owned();
    shell.drop_connection();
    shell.ends_within(Duration::from_secs(5));
    assert!(!shell.dir().join("softphone.json").exists());
    assert!(!std::path::Path::new(&socket).exists());
}

#[test]
fn the_attach_file_holds_the_only_token() {
    let shell = Shell::start("15000");
    let token = shell.attach_file()["token"].as_str().unwrap().to_owned();
    let log = shell.dir().join("log");
    until(Duration::from_secs(5), "a log", || std::fs::read_dir(&log).is_ok_and(|d| d.count() > 0));
    for file in std::fs::read_dir(&log).unwrap().flatten() {
        assert!(!std::fs::read_to_string(file.path()).unwrap().contains(&token), "{file:?}");
    }
}

#[test]
fn errors_are_told_apart() {
    let mut phone = Console::start(&[]);
    let table = [
        (json!({"do": "hold", "call": 9}), "no-such-call"),
        (json!({"do": "register", "account": "x"}), "no-such-account"),
        (json!({"do": "dial", "account": "x", "target": "1"}), "no-such-account"),
        (json!({"do": "levitate"}), "unknown"),
        (json!({"do": "hold"}), "bad-argument"),
    ];
    for (command, code) in table {
        assert_eq!(phone.refused(command.clone())["code"], code, "{command}");
    }
}

#[test]
fn a_taken_port_is_said() {
    let taken = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut phone = Console::start(&["--sip-port", &port]);
    let account = json!({"id": "a", "server": "127.0.0.1", "port": 9, "transport": "udp", "domain": "x", "user": "a", "password": "b"});
    let refused = phone.refused(json!({"do": "configure", "accounts": [account], "media": drive::media()}));
    assert_eq!(refused["code"], "port-in-use", "{refused}");
    // Whoever looks later learns it too.
    let shown = phone.ask(json!({"do": "snapshot"}));
    let registration = &shown["snapshot"]["registrations"][0];
    assert_eq!(
        (&registration["state"], &registration["problem"]),
        (&json!("failed"), &json!("port-in-use")),
        "{shown}"
    );
}
