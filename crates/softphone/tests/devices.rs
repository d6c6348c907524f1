//! Sound devices that come, go and hang, while the softphone waits and in a running call; with a real Asterisk and
//! PulseAudio's virtual devices. Sound is measured on the far side and on the loudspeaker.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod card;
mod drive;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use card::{Card, NOT_THERE, RATE, Recordings, THERE, recorded, tail, tone};
use drive::{Console, call_in, ended, media, registration, until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);
/// Arrival and loss of a device are noticed within.
const NOTICED: Duration = Duration::from_secs(2);

fn with_sound(card: &Card) -> Console {
    Console::start_with(&[], &card.environment())
}

/// Without an echo canceller: what these tests hear is their own voice coming back.
fn registered(card: &Card) -> Console {
    let mut anna = with_sound(card);
    let mut plain = drive::configure("1001");
    plain["media"] = media();
    plain["media"]["codecs"] = json!(["pcma"]);
    plain["media"]["echo_cancellation"] = json!(false);
    anna.ask(plain);
    anna.wait("registered", |m| registration(m, "registered"));
    anna
}

fn call(anna: &mut Console, target: &str) -> Value {
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": target}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    call
}

fn sound(m: &Value) -> Option<&Value> {
    (m["event"]["event"] == "sound").then(|| &m["event"]["sound"])
}

/// A moment from which on something is to happen.
#[derive(Clone, Copy)]
struct Moment {
    instant: Instant,
    utc_ms: u64,
}

impl Moment {
    fn now() -> Self {
        let utc_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        Self { instant: Instant::now(), utc_ms: utc_ms.try_into().unwrap() }
    }

    fn in_time(self, what: &str) {
        let took = self.instant.elapsed();
        println!("{what}: {} ms", took.as_millis());
        assert!(took <= NOTICED, "{what}: not within {NOTICED:?}");
    }
}

/// The first state of sound since then that is so; it must come in time.
fn sound_is(anna: &mut Console, what: &str, since: Moment, is: impl Fn(&Value) -> bool) -> Value {
    let later = |m: &Value| m["at_ms"].as_u64().is_some_and(|at| at >= since.utc_ms);
    let state = anna.wait(what, |m| sound(m).filter(|s| later(m) && is(s)).cloned());
    since.in_time(what);
    state
}

/// Something that is heard has changed, in time.
fn heard(what: &str, since: Moment, is: impl FnMut() -> bool) {
    until(PATIENCE, what, is);
    since.in_time(what);
}

fn names(state: &Value, capture: bool) -> Vec<String> {
    let all = state["devices"].as_array().cloned().unwrap_or_default();
    all.iter().filter(|d| d["capture"] == capture).map(|d| d["name"].as_str().unwrap().to_owned()).collect()
}

fn uses(state: &Value, capture: Option<&str>, playback: Option<&str>) -> bool {
    let is = |device: &Value, name: Option<&str>| device["name"].as_str() == name;
    is(&state["capture_device"], capture) && is(&state["playback_device"], playback)
}

fn state_now(anna: &mut Console) -> Value {
    anna.ask(json!({"do": "snapshot"}))["snapshot"]["sound"].clone()
}

/// The longest that the far side has heard neither tone since it first heard one, milliseconds. Asterisk writes two seconds
/// at once, so that what is heard is known late, but exactly.
fn longest_gap(recording: &Path) -> usize {
    let samples = recorded(recording);
    let windows = samples.chunks_exact(RATE as usize / 50).map(|w| tone(w, 440) > THERE || tone(w, 880) > THERE);
    let (mut longest, mut gap) = (0, 0);
    for heard in windows.skip_while(|heard| !heard) {
        gap = if heard { 0 } else { gap + 20 };
        longest = longest.max(gap);
    }
    longest
}

fn no_gap_over(recording: &Path, most: Duration) {
    let gap = longest_gap(recording);
    println!("longest gap for the far side: {gap} ms");
    assert!(gap <= most.as_millis() as usize, "silent for {gap} ms");
}

/// Which of the tones the far side hears.
fn said(recording: &Path, hertz: u32, not: u32) -> bool {
    tail(&recorded(recording), 300).is_some_and(|last| tone(&last, hertz) > THERE && tone(&last, not) < NOT_THERE)
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn devices_are_listed_while_they_come_and_go() {
    let mut card = Card::start();
    let start = Moment::now();
    let mut anna = with_sound(&card);
    let state = sound_is(&mut anna, "first list", start, |s| uses(s, Some("mic"), Some("spk")));
    assert_eq!((names(&state, true), names(&state, false)), (vec!["mic".into()], vec!["spk".into()]), "no monitors");
    assert!(state["devices"][0]["label"].as_str().unwrap().starts_with("Unix FIFO source"), "{state}");
    assert_eq!(state["ring_devices"][0]["name"], "spk");
    assert_eq!(state["problem"], "");

    let start = Moment::now();
    card.loudspeaker("head");
    let state = sound_is(&mut anna, "arrival", start, |s| names(s, false) == ["spk", "head"]);
    assert!(uses(&state, Some("mic"), Some("spk")), "{state}");
    let start = Moment::now();
    card.pactl(&["set-default-sink", "head"]);
    sound_is(&mut anna, "another default", start, |s| uses(s, Some("mic"), Some("head")));
    let start = Moment::now();
    card.unload("head");
    sound_is(&mut anna, "loss", start, |s| names(s, false) == ["spk"] && uses(s, Some("mic"), Some("spk")));

    let start = Moment::now();
    card.stop();
    let state = sound_is(&mut anna, "loss of the server", start, |s| names(s, true).is_empty());
    assert!(state["problem"].as_str().unwrap().contains("there is no sound device"), "{state}");
    card.restart();
    let start = Moment::now();
    sound_is(&mut anna, "the server again", start, |s| uses(s, Some("mic"), Some("spk")));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn what_was_chosen_is_kept_and_what_cannot_be_is_refused() {
    let card = Card::start();
    let mut anna = with_sound(&card);
    anna.wait("devices", |m| sound(m).filter(|s| uses(s, Some("mic"), Some("spk"))).cloned());
    let mut settings = state_now(&mut anna)["settings"].clone();
    settings["playback"] = json!({"use": "device", "name": "head"});
    settings["volumes"] = json!({"out:head": 150});
    anna.ask(json!({"do": "set-sound", "settings": settings}));
    let state = state_now(&mut anna);
    assert_eq!(state["settings"], settings);
    assert_eq!(state["playback"]["name"], "head");
    assert!(uses(&state, Some("mic"), Some("spk")), "{state}");
    card.loudspeaker("head");
    anna.wait("the chosen one", |m| sound(m).filter(|s| uses(s, Some("mic"), Some("head"))).cloned());

    for (bad, why) in [
        (json!({"volumes": {"out:head": 500}}), "at most 400 %"),
        (json!({"capture": {"use": "device", "name": "a\u{7}b"}}), "cannot be the name"),
        (json!({"hold_reminder_s": 2}), "would never stop"),
    ] {
        let error = anna.refused(json!({"do": "set-sound", "settings": bad}));
        assert!(error["code"] == "bad-argument" && error["message"].as_str().unwrap().contains(why), "{error}");
    }
    anna.ask(json!({"do": "choose-devices", "capture": {"use": "system"}, "playback": {"use": "system"}}));
    let state = state_now(&mut anna);
    assert_eq!(state["settings"]["volumes"], json!({"out:head": 150}), "the short form leaves the rest");
    assert_eq!(state["settings"]["playback"]["use"], "system");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_outlives_its_devices_and_gets_them_back() {
    let mut card = Card::start();
    card.microphone("mic2", 880);
    card.loudspeaker("head");
    let (desk, mut ear) = (card.ear("spk"), card.ear("head"));
    let mut anna = registered(&card);
    let chosen = |name| json!({"use": "device", "name": name});
    anna.ask(json!({"do": "choose-devices", "capture": chosen("mic2"), "playback": chosen("head")}));
    let recordings = Recordings::from_now();
    // What we say comes back.
    call(&mut anna, "600");
    let recording = recordings.said();
    until(PATIENCE, "the chosen microphone", || said(&recording, 880, 440));

    for _ in 0..2 {
        until(PATIENCE, "the chosen loudspeaker", || ear.hears(880));
        assert!(!desk.hears(880), "nothing is heard elsewhere");
        let start = Moment::now();
        card.unload("mic2");
        sound_is(&mut anna, "microphone lost", start, |s| uses(s, Some("mic"), Some("head")));
        until(PATIENCE, "the other microphone", || said(&recording, 440, 880));
        let start = Moment::now();
        card.unload("head");
        sound_is(&mut anna, "loudspeaker lost", start, |s| uses(s, Some("mic"), Some("spk")));
        heard("the other loudspeaker", start, || desk.hears(440));

        let start = Moment::now();
        card.microphone("mic2", 880);
        card.loudspeaker("head");
        sound_is(&mut anna, "both back", start, |s| uses(s, Some("mic2"), Some("head")));
        ear = card.ear("head");
        until(PATIENCE, "the chosen microphone again", || said(&recording, 880, 440));
    }
    until(PATIENCE, "the chosen loudspeaker again", || ear.hears(880));
    no_gap_over(&recording, NOTICED);
    let calls = anna.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].clone();
    assert_eq!((calls[0]["phase"].as_str(), calls.as_array().unwrap().len()), (Some("talking"), 1));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_goes_on_without_any_device() {
    let mut card = Card::start();
    let mut anna = registered(&card);
    let recordings = Recordings::from_now();
    call(&mut anna, "600");
    let recording = recordings.said();
    until(PATIENCE, "the microphone", || said(&recording, 440, 880));
    let start = Moment::now();
    for device in ["mic", "spk"] {
        card.unload(device);
    }
    let state = sound_is(&mut anna, "nothing is left", start, |s| uses(s, None, None));
    assert!(state["problem"].as_str().unwrap().contains("calls carry silence"), "{state}");
    // RTP goes on, else Asterisk's recording would stand still.
    let before = recorded(&recording).len();
    until(PATIENCE, "silence", || {
        let now = recorded(&recording);
        now.len() > before + 8000 && tail(&now, 300).is_some_and(|s| tone(&s, 440) < NOT_THERE)
    });
    let start = Moment::now();
    card.microphone("late", 880);
    sound_is(&mut anna, "a microphone alone", start, |s| uses(s, Some("late"), None));
    until(PATIENCE, "heard without a loudspeaker", || said(&recording, 880, 440));
    card.loudspeaker("lately");
    let ear = card.ear("lately");
    until(PATIENCE, "the loudspeaker", || ear.hears(880));
    assert_eq!(state_now(&mut anna)["problem"], "");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_outlives_the_sound_server() {
    let mut card = Card::start();
    let mut anna = registered(&card);
    let recordings = Recordings::from_now();
    call(&mut anna, "600");
    let recording = recordings.said();
    until(PATIENCE, "the microphone", || said(&recording, 440, 880));
    for _ in 0..2 {
        let start = Moment::now();
        card.stop();
        sound_is(&mut anna, "the server is lost", start, |s| uses(s, None, None));
        until(PATIENCE, "silence", || tail(&recorded(&recording), 300).is_some_and(|s| tone(&s, 440) < NOT_THERE));
        card.restart();
        let start = Moment::now();
        sound_is(&mut anna, "it is back", start, |s| uses(s, Some("mic"), Some("spk")));
        until(PATIENCE, "the microphone again", || said(&recording, 440, 880));
        let ear = card.ear("spk");
        until(PATIENCE, "the loudspeaker again", || ear.hears(440));
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_sound_server_that_hangs_holds_up_nobody() {
    let card = Card::start();
    let ear = card.ear("spk");
    let mut anna = registered(&card);
    let recordings = Recordings::from_now();
    let first = call(&mut anna, "600");
    let recording = recordings.said();
    until(PATIENCE, "the microphone", || said(&recording, 440, 880));
    until(PATIENCE, "the loudspeaker", || ear.hears(440));
    let start = Moment::now();
    card.hangs(true);
    sound_is(&mut anna, "it hangs", start, |s| uses(s, None, None));
    let before = recorded(&recording).len();
    until(PATIENCE, "RTP goes on", || recorded(&recording).len() > before + 4000);
    let start = Moment::now();
    anna.ask(json!({"do": "hang-up", "call": first}));
    anna.wait("over", ended);
    let second = call(&mut anna, "600");
    start.in_time("another call while it hangs");

    card.hangs(false);
    anna.wait("sound again", |m| sound(m).filter(|s| uses(s, Some("mic"), Some("spk"))).cloned());
    ear.forget();
    until(PATIENCE, "the loudspeaker again", || ear.hears(440));
    anna.ask(json!({"do": "hang-up", "call": second}));
    anna.wait("over", ended);
    drop(ear);
    until(PATIENCE, "nothing is held", || card.list("source-outputs").trim().is_empty());
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_begins_while_the_sound_server_hangs() {
    let card = Card::start();
    let mut anna = registered(&card);
    until(PATIENCE, "devices", || uses(&state_now(&mut anna), Some("mic"), Some("spk")));
    card.hangs(true);
    let recordings = Recordings::from_now();
    let start = Moment::now();
    let first = call(&mut anna, "600");
    start.in_time("a call while it hangs");
    let recording = recordings.said();
    let before = recorded(&recording).len();
    until(PATIENCE, "RTP goes on", || recorded(&recording).len() > before + 4000);
    let told = anna.wait("it is told", |m| sound(m).filter(|s| uses(s, None, None)).cloned());
    // Who asks the server for its devices in that moment finds none.
    let problem = told["problem"].as_str().unwrap();
    let hangs = "(it does not open: its sound server does not answer), calls carry silence";
    assert!(problem.contains(hangs) || problem.starts_with("there is no sound device"), "{problem}");
    // Who hangs is left behind; the next call tries anew, and so does this one.
    anna.ask(json!({"do": "hang-up", "call": first}));
    anna.wait("over", ended);
    let recordings = Recordings::from_now();
    let second = call(&mut anna, "600");
    anna.wait("it is told again", |m| sound(m).filter(|s| uses(s, None, None)).cloned());
    let recording = recordings.said();

    card.hangs(false);
    anna.wait("sound", |m| sound(m).filter(|s| uses(s, Some("mic"), Some("spk"))).cloned());
    until(PATIENCE, "the microphone", || said(&recording, 440, 880));
    let ear = card.ear("spk");
    until(PATIENCE, "the loudspeaker", || ear.hears(440));
    assert_eq!(state_now(&mut anna)["problem"], "");
    anna.ask(json!({"do": "hang-up", "call": second}));
    anna.wait("over", ended);
    drop(ear);
    until(PATIENCE, "nothing is held", || card.list("source-outputs").trim().is_empty() && card.players() == 0);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn another_device_is_taken_without_a_gap() {
    let mut card = Card::start();
    card.microphone("mic2", 880);
    card.loudspeaker("head");
    let mut anna = registered(&card);
    let recordings = Recordings::from_now();
    call(&mut anna, "600");
    let recording = recordings.said();
    until(PATIENCE, "the microphone", || said(&recording, 440, 880));
    for (mic, spk, hertz, not) in [("mic2", "head", 880, 440), ("mic", "spk", 440, 880), ("mic2", "head", 880, 440)] {
        let chosen = |name| json!({"use": "device", "name": name});
        anna.ask(json!({"do": "choose-devices", "capture": chosen(mic), "playback": chosen(spk)}));
        until(PATIENCE, "the other microphone", || said(&recording, hertz, not));
        let ear = card.ear(spk);
        until(PATIENCE, "the other loudspeaker", || ear.hears(hertz));
    }
    no_gap_over(&recording, Duration::from_millis(60));
}
