//! What the far side hears, with a real Asterisk and a sound card of PulseAudio that sounds all the time.
//! `LINEDESK_LAB_PBX` is Asterisk's directory (its recordings), `LINEDESK_LAB_AMI` its manager interface.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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
    card.microphone(false);
    warned(&mut anna, json!(["microphone-silent"]));
    card.microphone(true);
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

/// Thirty digits in one burst over several commands, none lost, none doubled; each endpoint understands one way alone.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn digits_typed_fast_arrive_each_way() {
    const DIGITS: &str = "1122334455667788990011**##ABCD";
    let mut ami = Manager::log_in();
    for (user, method) in [("1001", "rfc4733"), ("1022", "info"), ("1021", "in-band")] {
        let mut anna = Console::start(&[]);
        let mut profile = configure(user);
        profile["accounts"][0]["dtmf"] = json!(method);
        anna.ask(profile);
        anna.wait("registered", |m| registration(m, "registered"));
        let call = anna.ask(json!({"do": "dial", "account": user, "target": "604"}))["call"]["id"].clone();
        anna.wait("talking", |m| call_in(m, "talking"));
        for burst in [&DIGITS[..1], &DIGITS[1..7], &DIGITS[7..8], &DIGITS[8..22], &DIGITS[22..]] {
            anna.ask(json!({"do": "dtmf", "call": call, "digits": burst}));
        }
        let mut received = || loop {
            let event = ami.next("DTMFEnd");
            if event["Direction"] == "Received" && event["Channel"].starts_with(&format!("PJSIP/{user}-")) {
                return event["Digit"].clone();
            }
        };
        let digits: String = (0..DIGITS.len()).map(|_| received()).collect();
        assert_eq!(digits, DIGITS, "{method}");
        // One that was doubled would come before this one.
        anna.ask(json!({"do": "dtmf", "call": call, "digits": "5"}));
        assert_eq!(received(), "5", "{method}");
    }
}

/// Digits that are typed before a hold go on after it.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn digits_wait_while_the_call_is_held() {
    let mut ami = Manager::log_in();
    let mut anna = Console::registered("1001");
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "604"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    anna.ask(json!({"do": "dtmf", "call": call, "digits": "123456"}));
    anna.ask(json!({"do": "hold", "call": call}));
    anna.wait("held", |m| call_in(m, "held"));
    anna.ask(json!({"do": "resume", "call": call}));
    let mut received = || loop {
        let event = ami.next("DTMFEnd");
        if event["Direction"] == "Received" {
            return event["Digit"].clone();
        }
    };
    let digits: String = (0..6).map(|_| received()).collect();
    assert_eq!(digits, "123456");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn sound_before_the_answer_is_heard_and_nothing_is_said() {
    let card = Card::start();
    let mut anna = Console::start_with(&[], &card.environment());
    let mut plain = configure("1001");
    plain["media"]["codecs"] = json!(["pcma"]);
    anna.ask(plain);
    anna.wait("registered", |m| registration(m, "registered"));
    let before = recordings();
    anna.ask(json!({"do": "dial", "account": "1001", "target": "609"}));
    anna.wait("the far side plays something", |m| {
        call_in(m, "ringing-there").filter(|c| c["progress"] == "early-media")
    });
    let heard = card.heard(Duration::from_secs(1));
    assert!(strength(&heard, 48_000.0, 1000.0) > 0.5, "the operator hears the tone");
    anna.wait("answered", |m| call_in(m, "talking"));
    let recording = recordings().difference(&before).next().cloned().unwrap();
    until(PATIENCE, "what the operator says is heard", || tail(&recording).is_some_and(|loudest| loudest > 3_000));
    // It was answered after three seconds, and the recording began before.
    let said = samples(&recording);
    let loudest = said[..2 * 8_000].iter().map(|s| s.unsigned_abs()).max();
    assert!(loudest < Some(30), "said before the answer: {loudest:?}");
}

/// Three parties with a tone of their own each: everybody hears the others and never himself.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_conference_is_heard_by_everybody() {
    const TONES: [(&str, f64); 3] = [("611", 500.0), ("612", 800.0), ("613", 1100.0)];
    let mut anna = Console::start(&[]);
    let mut plain = configure("1001");
    plain["media"]["codecs"] = json!(["pcma"]);
    anna.ask(plain);
    anna.wait("registered", |m| registration(m, "registered"));
    let before = recordings();
    let calls = TONES.map(|(target, _)| {
        let call = anna.ask(json!({"do": "dial", "account": "1001", "target": target}))["call"]["id"].clone();
        anna.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == call));
        call
    });
    let hears = |who: f64, whom: &[f64]| {
        let mut found = String::new();
        until(PATIENCE, &format!("{who} Hz hears {whom:?} alone"), || {
            let new = recordings();
            let mine = new.difference(&before).find(|path| path.to_string_lossy().contains(&format!("rx-{who}-")));
            let last = mine.map(|path| samples(path)).unwrap_or_default();
            let Some(last) = last.len().checked_sub(4_000).map(|from| last[from..].to_vec()) else { return false };
            let level = |hertz: f64| strength(&last, 8_000.0, hertz);
            found = format!("{:?}", TONES.map(|(_, hertz)| level(hertz)));
            TONES.iter().all(|(_, hertz)| if whom.contains(hertz) { level(*hertz) > 0.2 } else { level(*hertz) < 0.02 })
        });
    };

    anna.ask(json!({"do": "conference", "calls": calls}));
    hears(500.0, &[800.0, 1100.0]);
    hears(800.0, &[500.0, 1100.0]);
    hears(1100.0, &[500.0, 800.0]);

    // One is dropped.
    anna.ask(json!({"do": "conference", "calls": [calls[0], calls[1]]}));
    anna.wait("the third waits", |m| call_in(m, "held").filter(|c| c["id"] == calls[2]));
    anna.ask(json!({"do": "hang-up", "call": calls[2]}));
    hears(500.0, &[800.0]);
    hears(800.0, &[500.0]);

    // The operator leaves the other two to each other.
    anna.ask(json!({"do": "leave-conference"}));
    for _ in 0..3 {
        anna.wait("a call is over", drive::ended);
    }
    hears(500.0, &[800.0]);
    hears(800.0, &[500.0]);
}

/// All of a recording.
fn samples(recording: &Path) -> Vec<i16> {
    let bytes = std::fs::read(recording).unwrap_or_default();
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// How much of the sound is a tone of this frequency: 0 none, 1 nothing else (Goertzel). Silence has no tone in it.
fn strength(samples: &[i16], rate: f64, hertz: f64) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * hertz / rate).cos();
    let (mut one, mut two, mut energy) = (0.0, 0.0, 0.0);
    for sample in samples.iter().map(|s| f64::from(*s)) {
        (one, two) = (turn * one - two + sample, one);
        energy += sample * sample;
    }
    let power = one * one + two * two - turn * one * two;
    let loud = energy / samples.len() as f64 > 100.0 * 100.0;
    if loud { 2.0 * power / (samples.len() as f64 * energy) } else { 0.0 }
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

/// A microphone that is a tone of 440 Hz, and a loudspeaker into nowhere.
struct Card {
    directory: tempfile::TempDir,
    server: Child,
}

impl Card {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        std::fs::write(
            at.join("card.pa"),
            "load-module module-native-protocol-unix auth-anonymous=1\n\
             load-module module-null-sink sink_name=spk rate=48000\n\
             load-module module-sine-source source_name=mic rate=48000 frequency=440\n\
             set-default-sink spk\n\
             set-default-source mic\n",
        )
        .unwrap();
        let server = Command::new("pulseaudio")
            .args(["-n", "-F"])
            .arg(at.join("card.pa"))
            .args(["--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no", "--disable-shm=yes"])
            .envs(["HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH"].map(|name| (name, at)))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pulseaudio is installed by cargo xtask setup");
        let card = Self { directory, server };
        until(PATIENCE, "the sound card", || {
            let mut list = Command::new("pactl");
            let list = list.args(["list", "short", "sources"]).envs(card.environment()).stderr(Stdio::null()).output();
            list.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).contains("\tmic\t"))
        });
        card
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let at = self.directory.path().to_string_lossy().into_owned();
        vec![
            ("PULSE_SERVER", format!("unix:{at}/native")),
            ("PULSE_RUNTIME_PATH", at.clone()),
            ("PULSE_STATE_PATH", at),
        ]
    }

    /// What comes out of its loudspeaker from now on, for so long.
    fn heard(&self, length: Duration) -> Vec<i16> {
        let mut parec = Command::new("parec");
        parec.args([
            "--device=spk.monitor",
            "--format=s16le",
            "--rate=48000",
            "--channels=1",
            "--latency-msec=20",
            "--raw",
        ]);
        let mut parec = parec.envs(self.environment()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut bytes = vec![0; usize::try_from(length.as_millis()).unwrap() * 48 * 2];
        std::io::Read::read_exact(&mut parec.stdout.take().unwrap(), &mut bytes).unwrap();
        parec.kill().unwrap();
        parec.wait().unwrap();
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    /// Gives its tone, or nothing at all, like one with its switch off.
    fn microphone(&self, on: bool) {
        let mut pactl = Command::new("pactl");
        pactl.args(["set-source-mute", "mic", if on { "0" } else { "1" }]).envs(self.environment());
        assert!(pactl.status().unwrap().success(), "pactl");
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
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
