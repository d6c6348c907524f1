//! What the far side hears, with a real Asterisk and a sound card of PulseAudio that sounds all the time.
//! `LINEDESK_LAB_PBX` is Asterisk's directory (its recordings), `LINEDESK_LAB_AMI` its manager interface.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod card;
mod drive;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use card::Card;
use drive::{Console, call_in, configure, registration, until};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn mute_is_silence_and_unmute_sound() {
    let card = Card::start();
    let mut anna = Console::start_with(&[], &card.environment());
    // Not every Asterisk can decode Opus for its recording (16 of Debian cannot).
    let mut plain = configure("1001");
    plain["media"]["codecs"] = json!(["pcma"]);
    anna.ask(plain);
    anna.wait("registered", |m| registration(m, "registered"));
    let before = recordings();
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "604"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    let mut recording = PathBuf::new();
    until(PATIENCE, "Asterisk records what we say", || {
        recording = recordings().difference(&before).next().cloned().unwrap_or_default();
        recording.is_file()
    });
    until(PATIENCE, "the tone is heard", || tail(&recording).is_some_and(|loudest| loudest > 3_000));
    anna.ask(json!({"do": "mute", "call": call, "muted": true}));
    anna.wait("shown as muted", |m| call_in(m, "talking").filter(|c| c["muted"] == true));
    until(PATIENCE, "silence is heard", || tail(&recording).is_some_and(|loudest| loudest < 30));
    anna.ask(json!({"do": "mute", "call": call, "muted": false}));
    until(PATIENCE, "the tone is heard again", || tail(&recording).is_some_and(|loudest| loudest > 3_000));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn what_is_wrong_with_the_sound_is_told() {
    let card = Card::start();
    let mut anna = Console::start_with(&[], &card.environment());
    anna.ask(configure("1001"));
    anna.wait("registered", |m| registration(m, "registered"));
    let warned = |anna: &mut Console, warnings: serde_json::Value| {
        anna.wait(&format!("warnings {warnings}"), |m| {
            call_in(m, "talking").filter(|c| c.get("warnings").unwrap_or(&json!([])) == &warnings)
        })
    };

    // Music comes, our tone goes.
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "603"}))["call"]["id"].clone();
    anna.wait("measured for a while", |m| {
        call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64().is_some_and(|n| n > 150))
    });
    let now = anna.ask(json!({"do": "snapshot"}))["snapshot"]["calls"][0].clone();
    assert!(now["warnings"].is_null(), "{now}");
    anna.ask(json!({"do": "mute", "call": call, "muted": true}));
    warned(&mut anna, json!(["muted-speaking"]));
    anna.ask(json!({"do": "mute", "call": call, "muted": false}));
    warned(&mut anna, json!([]));
    card.switch_microphone(false);
    warned(&mut anna, json!(["microphone-silent"]));
    card.switch_microphone(true);
    warned(&mut anna, json!([]));
    anna.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", drive::ended);

    // Answered, and nothing comes.
    anna.ask(json!({"do": "dial", "account": "1001", "target": "604"}));
    warned(&mut anna, json!(["nothing-arrives"]));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn digits_arrive() {
    let mut ami = Manager::log_in();
    let mut anna = Console::registered("1001");
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "600"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    anna.ask(json!({"do": "dtmf", "call": call, "digits": "159*0#"}));
    // The echo sends each of them back, which is told, too.
    let mut received = || loop {
        let event = ami.next("DTMFEnd");
        if event["Direction"] == "Received" {
            return event["Digit"].clone();
        }
    };
    let digits: String = (0..6).map(|_| received()).collect();
    assert_eq!(digits, "159*0#");
}

/// Loudest sample of the last 400 ms; `None` while the recording is shorter.
fn tail(recording: &Path) -> Option<u16> {
    let bytes = std::fs::read(recording).ok()?;
    let even = &bytes[..bytes.len() / 2 * 2];
    let last = even.get(even.len().checked_sub(2 * 8 * 400)?..)?;
    last.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs()).max()
}

/// What phones said.
fn recordings() -> BTreeSet<PathBuf> {
    let base = std::env::var_os("LINEDESK_LAB_PBX").expect("LINEDESK_LAB_PBX is set by cargo xtask test");
    let entries = std::fs::read_dir(Path::new(&base).join("spool/monitor")).unwrap();
    let is_ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rx-"));
    entries.map(|entry| entry.unwrap().path()).filter(is_ours).collect()
}

/// Asterisk's manager interface, all events.
struct Manager {
    lines: std::io::Lines<BufReader<TcpStream>>,
}

impl Manager {
    fn log_in() -> Self {
        let (host, port) = drive::lab_at("LINEDESK_LAB_AMI");
        let mut stream = TcpStream::connect((host, port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"Action: Login\r\nUsername: lab\r\nSecret: lab-ami\r\nEvents: on\r\n\r\n").unwrap();
        let mut manager = Self { lines: BufReader::new(stream).lines() };
        manager.next("FullyBooted");
        manager
    }

    /// The next event of this kind.
    fn next(&mut self, event: &str) -> std::collections::BTreeMap<String, String> {
        loop {
            let mut fields = std::collections::BTreeMap::new();
            loop {
                let line = self.lines.next().expect("Asterisk hung up").unwrap_or_else(|e| panic!("no {event}: {e}"));
                let Some((name, value)) = line.split_once(": ") else {
                    if line.is_empty() {
                        break;
                    }
                    continue;
                };
                fields.insert(name.to_owned(), value.to_owned());
            }
            if fields.get("Event").is_some_and(|is| is == event) {
                return fields;
            }
        }
    }
}
