//! What the far side hears, with a real Asterisk and a sound card of PulseAudio that sounds all the time.
//! `LINEDESK_LAB_PBX` is Asterisk's directory (its recordings), `LINEDESK_LAB_AMI` its manager interface.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod card;
mod drive;
mod peer;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use card::{Card, Ear, NOT_THERE, Recordings, THERE, loudest, recorded, tail, tone, tone_of};
use drive::{Console, call_in, configure, registration, until};
use peer::Peer;
use peer::dialog::{consulting, notify};
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
    let recordings = Recordings::from_now();
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "604"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    let recording = recordings.said();
    until(PATIENCE, "the tone is heard", || loudest_now(&recording).is_some_and(|loudest| loudest > 3_000));
    anna.ask(json!({"do": "mute", "call": call, "muted": true}));
    anna.wait("shown as muted", |m| call_in(m, "talking").filter(|c| c["muted"] == true));
    until(PATIENCE, "silence is heard", || loudest_now(&recording).is_some_and(|loudest| loudest < 30));
    anna.ask(json!({"do": "mute", "call": call, "muted": false}));
    until(PATIENCE, "the tone is heard again", || loudest_now(&recording).is_some_and(|loudest| loudest > 3_000));
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

/// Thirty digits in one burst over several commands, none lost, none doubled; each endpoint understands one way alone.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn digits_typed_fast_arrive_each_way() {
    const DIGITS: &str = "1122334455667788990011**##ABCD";
    // The microphone sounds all the time: it must make way for the tones.
    let card = Card::start();
    let mut ami = Manager::log_in();
    let mut calls = [("1001", "rfc4733"), ("1022", "info"), ("1021", "in-band")].map(|(user, method)| {
        let mut phone = Console::start_with(&[], &card.environment());
        let mut profile = configure(user);
        profile["accounts"][0]["dtmf"] = json!(method);
        phone.ask(profile);
        phone.wait("registered", |m| registration(m, "registered"));
        let call = phone.ask(json!({"do": "dial", "account": user, "target": "604"}))["call"]["id"].clone();
        phone.wait("talking", |m| call_in(m, "talking"));
        for burst in [&DIGITS[..1], &DIGITS[1..7], &DIGITS[7..8], &DIGITS[8..22], &DIGITS[22..]] {
            phone.ask(json!({"do": "dtmf", "call": call, "digits": burst}));
        }
        (user, method, phone, call, String::new())
    });
    // One that was doubled would come before the one that is sent when all are there.
    let expected = format!("{DIGITS}5");
    while calls.iter().any(|(.., received)| received.len() < expected.len()) {
        let event = ami.next("DTMFEnd");
        let of =
            |user: &str| event["Direction"] == "Received" && event["Channel"].starts_with(&format!("PJSIP/{user}-"));
        let Some((_, _, phone, call, received)) = calls.iter_mut().find(|(user, ..)| of(user)) else { continue };
        received.push_str(&event["Digit"]);
        if received.len() == DIGITS.len() {
            phone.ask(json!({"do": "dtmf", "call": call, "digits": "5"}));
        }
    }
    for (_, method, _, _, received) in &calls {
        assert_eq!(*received, expected, "{method}");
    }
}

/// The colleague who takes a call that is handed over hears nothing until the customer is there; who is consulted hears the
/// operator.
#[test]
#[ignore = "needs a sound card: cargo xtask test --only softphone"]
fn who_is_handed_a_call_does_not_hear_the_operator() {
    let card = Card::start();
    let mut peer = Peer::scripted();
    let mut media = drive::media();
    media["codecs"] = json!(["pcma"]);
    let mut anna = peer.take(Console::start_with(&[], &card.environment()), json!({}), media);

    let (mut customer, call, mut colleague, made) = consulting(&mut peer, &mut anna, "hand-over");
    let refer = peer.hear_request("REFER");
    peer.reply(&refer, 202, "Accepted", "", "");
    let heard = loudest(&peer.listen(&colleague, 50));
    assert!(heard < 30, "the colleague hears the operator: {heard}");
    // It comes to nothing: the customer has the operator again.
    notify(&mut peer, &mut customer, "603 Decline");
    let bye = peer.hear_request("BYE");
    peer.reply(&bye, 200, "OK", "", "");
    anna.wait("the colleague is gone", |m| drive::ended(m).filter(|r| r["call"]["id"] == made));
    let back = peer.hear_request("INVITE");
    let sound = peer.sound(&["8"], "sendrecv");
    peer.reply(&back, 200, "OK", "", &sound);
    peer.hear_request("ACK");
    anna.wait("back", |m| call_in(m, "talking").filter(|c| c["id"] == call));
    until(PATIENCE, "the customer hears the operator", || loudest(&peer.listen(&customer, 10)) > 3_000);
    peer.send(&mut customer, "BYE", "", "");
    anna.wait("over", drive::ended);

    (_, _, colleague, _) = consulting(&mut peer, &mut anna, "consult");
    until(PATIENCE, "the colleague hears the operator", || loudest(&peer.listen(&colleague, 10)) > 3_000);
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
    let (recordings, ear) = (Recordings::from_now(), card.ear("spk"));
    anna.ask(json!({"do": "dial", "account": "1001", "target": "609"}));
    anna.wait("the far side plays something", |m| {
        call_in(m, "ringing-there").filter(|c| c["progress"] == "early-media")
    });
    until(PATIENCE, "the operator hears the tone", || ear.hears(1000));
    anna.wait("answered", |m| call_in(m, "talking"));
    let recording = recordings.said();
    until(PATIENCE, "what the operator says is heard", || {
        loudest_now(&recording).is_some_and(|loudest| loudest > 3_000)
    });
    // It was answered after three seconds, and the recording began before.
    let loudest = loudest(&recorded(&recording)[..2 * 8_000]);
    assert!(loudest < 30, "said before the answer: {loudest:?}");
}

/// Three parties with a tone of their own each, two of them people with a headset: everybody hears the others and never
/// himself; and the two go on hearing each other when the operator leaves.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_conference_is_heard_by_everybody() {
    const TONES: [u32; 3] = [500, 800, 1100];
    let hears = |who: u32, whom: &[u32], listen: &mut dyn FnMut() -> Option<Vec<i16>>| {
        until(PATIENCE, &format!("{who} Hz hears {whom:?} alone"), || {
            let Some(heard) = listen() else { return false };
            TONES.iter().all(|hertz| {
                let level = tone(&heard, *hertz);
                if whom.contains(hertz) { level > THERE } else { level < NOT_THERE }
            })
        });
    };
    let person_hears = |who: u32, whom: &[u32], ear: &Ear| {
        ear.forget();
        hears(who, whom, &mut || Some(ear.last(500)));
    };
    let plain = |user: &str| {
        let mut plain = configure(user);
        plain["media"]["codecs"] = json!(["pcma"]);
        plain["media"]["echo_cancellation"] = json!(false);
        plain
    };
    let mut anna = Console::start(&[]);
    anna.ask(plain("1001"));
    anna.wait("registered", |m| registration(m, "registered"));
    let parties = [("1002", 500), ("1003", 800)].map(|(user, hertz)| {
        let card = Card::speaking(tone_of(hertz));
        let mut phone = Console::start_with(&[], &card.environment());
        phone.ask(plain(user));
        phone.wait("registered", |m| registration(m, "registered"));
        let call = anna.ask(json!({"do": "dial", "account": "1001", "target": user}))["call"]["id"].clone();
        let rings = phone.wait("ringing", |m| call_in(m, "ringing"))["id"].clone();
        phone.ask(json!({"do": "answer", "call": rings}));
        anna.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == call));
        let ear = card.ear("spk");
        (card, phone, call, ear)
    });
    let recordings = Recordings::from_now();
    let third = anna.ask(json!({"do": "dial", "account": "1001", "target": "613"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == third));
    let [(_, _, first, one), (_, _, second, two)] = &parties;

    anna.ask(json!({"do": "conference", "calls": [first, second, third]}));
    person_hears(500, &[800, 1100], one);
    person_hears(800, &[500, 1100], two);
    let said = recordings.said();
    hears(1100, &[500, 800], &mut || tail(&recorded(&said), 500));

    // One is dropped.
    anna.ask(json!({"do": "conference", "calls": [first, second]}));
    anna.wait("the third waits", |m| call_in(m, "held").filter(|c| c["id"] == third));
    anna.ask(json!({"do": "hang-up", "call": third}));
    anna.wait("the third is gone", drive::ended);
    person_hears(500, &[800], one);
    person_hears(800, &[500], two);

    // The operator leaves the other two to each other.
    anna.ask(json!({"do": "leave-conference"}));
    for _ in 0..2 {
        anna.wait("a call of the operator is over", drive::ended);
    }
    person_hears(500, &[800], one);
    person_hears(800, &[500], two);
}

/// Loudest sample of the last 400 ms; `None` while the recording is shorter.
fn loudest_now(recording: &Path) -> Option<u16> {
    tail(&recorded(recording), 400).map(|last| loudest(&last))
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
