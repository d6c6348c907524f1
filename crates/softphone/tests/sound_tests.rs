//! The tests for people, with sinks of PulseAudio and a microphone that is a tone.
#![cfg(unix)]

mod card;
mod drive;

use std::time::Duration;

use card::{CARD_RATE, Card, MICROPHONE_HERTZ, loudest};
use drive::{Console, call_in, configure, registration, until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);

fn start(test: &str) -> Value {
    json!({"do": "start-test", "test": test})
}

/// The steps of tests, one after the other. The state of sound is told for other reasons, too.
#[derive(Default)]
struct Steps {
    told: u64,
}

impl Steps {
    fn next(&mut self, console: &mut Console, is: &str) -> Value {
        self.find(console, is, |test| (test["step"] == is).then(|| test.clone()))
    }

    fn over(&mut self, console: &mut Console) {
        self.find(console, "over", |test| test.is_null().then_some(()));
    }

    fn find<T>(&mut self, console: &mut Console, what: &str, is: impl Fn(&Value) -> Option<T>) -> T {
        let (found, number) = console.wait(&format!("the test: {what}"), |m| {
            let number = m["number"].as_u64().filter(|number| *number > self.told)?;
            let of_sound = m["event"]["event"] == "sound";
            of_sound.then(|| is(&m["event"]["sound"]["test"])).flatten().map(|found| (found, number))
        });
        self.told = number;
        found
    }
}

/// Levels until one fits.
fn level(console: &mut Console, what: &str, fits: impl Fn(u64) -> bool) -> u64 {
    console.wait(what, |m| {
        let level = m["event"]["microphone"].as_u64()?;
        (m["event"]["event"] == "level" && fits(level)).then_some(level)
    })
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn the_level_follows_the_voice() {
    let desk = Card::desk();
    let mut anna = desk.console();
    let mut steps = Steps::default();
    assert!(!desk.microphone_is_open());
    anna.ask(start("level"));
    let test = steps.next(&mut anna, "listening");
    assert_eq!(test["test"], "level");
    assert!(test["left_ms"].is_null(), "{test}");
    let loud = level(&mut anna, "a loud voice", |l| l > 60);
    // Of PulseAudio's scale, which is cubic: 20 % are −42 dB.
    desk.pactl(&["set-source-volume", "mic", "20%"]);
    level(&mut anna, "a low voice", |l| l > 0 && l < loud - 40);
    desk.switch_microphone(false);
    level(&mut anna, "nothing", |l| l == 0);
    desk.switch_microphone(true);
    desk.pactl(&["set-source-volume", "mic", "100%"]);
    level(&mut anna, "the loud voice again", |l| l.abs_diff(loud) <= 2);
    anna.ask(json!({"do": "stop-test"}));
    steps.over(&mut anna);
    until(PATIENCE, "the microphone is let go", || !desk.microphone_is_open());
    assert!(anna.ask(json!({"do": "snapshot"}))["snapshot"]["sound"]["test"].is_null());
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn what_was_recorded_is_played() {
    let desk = Card::desk();
    let mut anna = desk.console();
    let mut steps = Steps::default();
    let (headset, loud) = (desk.sharp_ear("headset"), desk.sharp_ear("loud"));
    anna.ask(start("record-and-play"));
    let test = steps.next(&mut anna, "recording");
    assert!((4_000..=5_000).contains(&test["left_ms"].as_u64().unwrap()), "{test}");
    level(&mut anna, "the level while it records", |l| l > 60);
    steps.next(&mut anna, "playing");
    assert!(loudest(&headset.all()) < 10, "one's own voice is heard while it is recorded");
    until(PATIENCE, "the microphone is let go while it plays", || !desk.microphone_is_open());
    until(PATIENCE, "it is played", || loudest(&headset.last(100)) > 3_000);
    steps.over(&mut anna);
    headset.until_silent(500);
    let heard: Vec<i16> = headset.all().into_iter().skip_while(|s| s.unsigned_abs() < 100).collect();
    let (length, second) = (heard.iter().rposition(|s| s.unsigned_abs() > 100).unwrap(), CARD_RATE as usize);
    assert!(length.abs_diff(5 * second) < second / 4, "{length} samples were played");
    // The bridge stretches a little where the clocks of two devices differ: the pitch is that of the microphone, the phase is not.
    let pitch = heard[second..4 * second].windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count() as f64 / 3.0;
    assert!((pitch - f64::from(MICROPHONE_HERTZ)).abs() < 5.0, "{pitch} Hz");
    assert!(loudest(&heard) > 3_000, "{}", loudest(&heard));
    assert!(loudest(&loud.all()) < 10, "another device plays it");
    until(PATIENCE, "the player is closed", || desk.players() == 0);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_tone_on_one_device_and_a_ring_on_all() {
    let desk = Card::desk();
    let mut anna = desk.console();
    let mut steps = Steps::default();
    let (headset, loud) = (desk.sharp_ear("headset"), desk.sharp_ear("loud"));
    let error = anna.refused(json!({"do": "start-test", "test": "tone", "device": "nowhere"}));
    assert_eq!(error["code"], "bad-argument", "{error}");

    anna.ask(json!({"do": "start-test", "test": "tone", "device": "loud"}));
    let test = steps.next(&mut anna, "playing");
    assert_eq!(test["device"], "loud");
    loud.until_hears(440, 500);
    steps.over(&mut anna);
    assert!(loudest(&headset.all()) < 10);

    // What calls are heard with; the later test takes the place of the earlier.
    anna.ask(json!({"do": "start-test", "test": "tone", "device": "loud"}));
    anna.ask(start("tone"));
    headset.until_hears(440, 500);
    loud.until_silent(500);

    let both = json!([{"use": "device", "name": "headset"}, {"use": "device", "name": "loud"}]);
    anna.ask(json!({"do": "set-sound", "settings": {"ring": both, "ring_volume": 100}}));
    anna.ask(start("ring"));
    until(PATIENCE, "both ring", || [&headset, &loud].iter().all(|ears| loudest(&ears.last(100)) > 6_000));
    // Once.
    headset.until_silent(2_500);
    loud.until_silent(2_500);
    steps.over(&mut anna);
    assert!(loudest(&loud.all()) <= 8_232);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_call_ends_a_test_and_rings_at_once() {
    let desk = Card::desk();
    let mut anna = desk.console();
    let mut steps = Steps::default();
    let mut plain = configure("1001");
    plain["media"]["codecs"] = json!(["pcma"]);
    anna.ask(plain);
    anna.wait("registered", |m| registration(m, "registered"));
    let mut boris = Console::registered("1002");
    let headset = desk.sharp_ear("headset");
    anna.ask(start("record-and-play"));
    steps.next(&mut anna, "recording");
    boris.ask(json!({"do": "dial", "account": "1002", "target": "1001"}));
    let call = anna.wait("ringing", |m| call_in(m, "ringing"))["id"].clone();
    until(Duration::from_secs(1), "it rings at once", || loudest(&headset.last(100)) > 3_500);
    steps.over(&mut anna);

    for refused in ["ring", "record-and-play", "tone"] {
        let error = anna.refused(start(refused));
        assert_eq!(error["code"], "wrong-phase", "{error}");
    }
    anna.ask(json!({"do": "answer", "call": call}));
    anna.wait("talking", |m| call_in(m, "talking"));
    assert_eq!(anna.refused(start("ring"))["code"], "wrong-phase");
    anna.ask(start("level"));
    level(&mut anna, "the level in a call", |l| l > 60);
    anna.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", drive::ended);
    // It goes on, until it is stopped.
    level(&mut anna, "silence of an instant, perhaps, and then the voice", |l| l > 60);
    anna.ask(json!({"do": "stop-test"}));
    until(PATIENCE, "the microphone is let go", || !desk.microphone_is_open());
}

#[test]
fn without_sound_there_is_nothing_to_test() {
    let mut anna = Console::start(&[]);
    for test in ["level", "tone", "ring", "record-and-play"] {
        assert_eq!(anna.refused(start(test))["code"], "engine");
    }
    anna.ask(json!({"do": "stop-test"}));
}
