//! What is heard of a call that rings, and where: with a real Asterisk and sinks of PulseAudio.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod card;
mod drive;

use std::path::Path;
use std::time::{Duration, Instant};

use card::{Card, Ear, Recordings, loudest, recorded};
use drive::{Console, call_in, configure, registration, until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);
/// −12 dB below full scale, and what rounding adds.
const LIMIT: u16 = 8_232;

fn settings(change: impl FnOnce(&mut Value)) -> Value {
    let mut settings = json!({"ring_volume": 100});
    change(&mut settings);
    json!({"do": "set-sound", "settings": settings})
}

fn by_name(name: &str) -> Value {
    json!({"use": "device", "name": name})
}

fn registered(console: &mut Console, user: &str) {
    let mut plain = configure(user);
    // Asterisk's recordings: not every build of it can decode Opus.
    plain["media"]["codecs"] = json!(["pcma"]);
    console.ask(plain);
    console.wait("registered", |m| registration(m, "registered"));
}

/// An operator at the desk, whose headset and loudspeaker ring.
fn anna(desk: &Card) -> Console {
    let mut anna = desk.console();
    let both = ["headset", "loud"].map(by_name);
    anna.ask(settings(|s| s["ring"] = json!(both)));
    registered(&mut anna, "1001");
    anna
}

fn rings(anna: &mut Console) -> Value {
    anna.wait("ringing", |m| call_in(m, "ringing"))["id"].clone()
}

fn calls_anna(boris: &mut Console) -> Value {
    boris.ask(json!({"do": "dial", "account": "1002", "target": "1001"}))["call"]["id"].clone()
}

/// Louder than anything but ringing.
fn ring_is_heard(ears: &Ear) -> bool {
    loudest(&ears.last(100)) > 6_000
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn it_rings_on_both_devices_until_it_is_answered() {
    let desk = Card::desk();
    let mut anna = anna(&desk);
    let mut boris = Console::registered("1002");
    let (headset, loud) = (desk.sharp_ear("headset"), desk.sharp_ear("loud"));
    calls_anna(&mut boris);
    let call = rings(&mut anna);
    let since = Instant::now();
    until(PATIENCE, "both ring", || ring_is_heard(&headset) && ring_is_heard(&loud));
    eprintln!("rings on both after {:?}", since.elapsed());
    anna.ask(json!({"do": "answer", "call": call}));
    anna.wait("talking", |m| call_in(m, "talking"));
    until(PATIENCE, "nothing plays but the call", || desk.players() == 1);
    headset.until_silent(300);
    loud.until_silent(300);
    for ears in [headset, loud] {
        let most = loudest(&ears.all());
        assert!((7_900..=LIMIT).contains(&most), "loudest: {most}");
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn the_volume_is_a_share_of_the_limit_and_follows_while_it_rings() {
    let desk = Card::desk();
    let mut anna = desk.console();
    anna.ask(settings(|s| s["ring_volume"] = json!(50)));
    registered(&mut anna, "1001");
    let mut boris = Console::registered("1002");
    let headset = desk.sharp_ear("headset");
    calls_anna(&mut boris);
    rings(&mut anna);
    until(PATIENCE, "half as loud", || loudest(&headset.last(200)) > 3_500);
    assert!(loudest(&headset.all()) <= LIMIT / 2 + 2);
    anna.ask(settings(|s| s["ring_volume"] = json!(100)));
    until(PATIENCE, "loud", || ring_is_heard(&headset));
    anna.ask(settings(|s| s["ring_volume"] = json!(0)));
    headset.until_silent(2_300);
}

fn write_wav(path: &Path, hz: f64) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..44_100 {
        let sample = (f64::from(i16::MAX) * (std::f64::consts::TAU * hz * f64::from(i) / 44_100.0).sin()) as i16;
        writer.write_sample(sample).unwrap();
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn an_own_tone_rings_and_another_one_when_it_is_gone() {
    let desk = Card::desk();
    let own = desk.file("own.wav");
    write_wav(&own, 1_234.0);
    let mut anna = desk.console();
    anna.ask(settings(|s| s["ring_tone"] = json!({"tone": "file", "path": own})));
    registered(&mut anna, "1001");
    let mut boris = Console::registered("1002");
    let headset = desk.sharp_ear("headset");
    let call = calls_anna(&mut boris);
    rings(&mut anna);
    headset.until_hears(1_234, 300);
    boris.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", drive::ended);
    until(PATIENCE, "the player is closed", || desk.players() == 0);
    headset.until_silent(300);
    let most = loudest(&headset.all());
    assert!((7_900..=LIMIT).contains(&most), "loudest: {most}");

    std::fs::remove_file(&own).unwrap();
    calls_anna(&mut boris);
    rings(&mut anna);
    until(PATIENCE, "the classic tone", || ring_is_heard(&headset) && !headset.hears_alone(1_234, 100));
    let problem = anna.ask(json!({"do": "snapshot"}))["snapshot"]["sound"]["problem"].clone();
    assert!(problem.as_str().unwrap().contains("own.wav"), "{problem}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_second_call_beeps_in_the_ear_and_rings_when_the_first_is_over() {
    let desk = Card::desk();
    desk.switch_microphone(false);
    let mut anna = anna(&desk);
    let mut boris = Console::registered("1002");
    let (headset, loud) = (desk.sharp_ear("headset"), desk.sharp_ear("loud"));
    let recordings = Recordings::from_now();
    let first = anna.ask(json!({"do": "dial", "account": "1001", "target": "604"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    let recording = recordings.said();
    calls_anna(&mut boris);
    rings(&mut anna);
    headset.until_hears(425, 100);
    // Until it has beeped a second time, so that the first has had time to arrive.
    headset.until_silent(1_000);
    headset.until_hears(425, 100);
    until(PATIENCE, "the far side has been recorded as long", || recorded(&recording).len() > 8_000 * 5);
    // The beep would be 3000; a bridge that begins makes a little out of nothing.
    assert!(loudest(&recorded(&recording)) < 100, "the far side hears the beep");
    assert!(loudest(&loud.all()) < 10, "the loudspeaker sounds in a conversation");

    anna.ask(json!({"do": "hang-up", "call": first}));
    until(PATIENCE, "both ring", || ring_is_heard(&headset) && ring_is_heard(&loud));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_sound_server_that_hangs_hangs_nobody_else() {
    let desk = Card::desk();
    let mut anna = anna(&desk);
    let mut boris = Console::registered("1002");
    let headset = desk.sharp_ear("headset");
    let call = calls_anna(&mut boris);
    rings(&mut anna);
    until(PATIENCE, "it rings", || ring_is_heard(&headset));
    desk.hangs(true);
    boris.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", drive::ended);
    // Both with the server away: one player that cannot be closed, and one that cannot be opened.
    let call = calls_anna(&mut boris);
    rings(&mut anna);
    let since = Instant::now();
    anna.ask(json!({"do": "snapshot"}));
    let took = since.elapsed();
    eprintln!("an answer while the sound server hangs: {took:?}");
    assert!(took < Duration::from_millis(300), "the engine waited for the sound server: {took:?}");
    // Who asks the server for its devices in that moment finds none.
    let told =
        ["calls ring nowhere: headset: it does not open: its sound server does not answer", "there is no sound device"];
    anna.wait("it is told", |m| {
        let problem = m["event"]["sound"]["problem"].as_str()?;
        told.iter().any(|told| problem.starts_with(told)).then_some(())
    });
    boris.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", drive::ended);
    desk.hangs(false);
    until(PATIENCE, "all players are closed", || desk.players() == 0);
    calls_anna(&mut boris);
    rings(&mut anna);
    until(PATIENCE, "it rings again", || ring_is_heard(&headset));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn devices_that_go_while_it_rings_ring_again_when_they_are_back() {
    let desk = Card::desk();
    let mut anna = anna(&desk);
    let mut boris = Console::registered("1002");
    let headset = desk.sharp_ear("headset");
    let call = calls_anna(&mut boris);
    rings(&mut anna);
    until(PATIENCE, "it rings", || ring_is_heard(&headset));
    drop(headset);
    for sink in ["headset", "loud"] {
        desk.unload(sink);
    }
    anna.wait("both have gone", |m| {
        let devices = m["event"]["sound"]["devices"].as_array()?;
        let there = |name: &str| devices.iter().any(|d| d["name"] == name);
        (m["event"]["event"] == "sound" && !there("headset") && !there("loud")).then_some(())
    });
    // One comes back while it still rings.
    desk.loudspeaker("loud");
    let loud = desk.sharp_ear("loud");
    until(PATIENCE, "it rings", || ring_is_heard(&loud));
    boris.ask(json!({"do": "hang-up", "call": call}));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn the_line_is_heard_in_the_ear_alone() {
    let desk = Card::desk();
    desk.switch_microphone(false);
    let mut anna = anna(&desk);
    let (headset, loud) = (desk.sharp_ear("headset"), desk.sharp_ear("loud"));
    // It rings there and nobody answers.
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "605"}))["call"]["id"].clone();
    headset.until_hears(425, 800);
    headset.until_silent(3_000);
    headset.until_hears(425, 800);
    anna.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", drive::ended);
    until(PATIENCE, "all is let go", || desk.players() == 0 && !desk.microphone_is_open());
    // Busy.
    anna.ask(json!({"do": "dial", "account": "1001", "target": "606"}));
    let record = anna.wait("over", drive::ended);
    assert_eq!(record["end"]["sip_status"], 486, "{record}");
    headset.until_hears(425, 300);
    until(PATIENCE, "the player is closed", || desk.players() == 0);
    // What the PBX plays before the answer is heard, and no tone of ours besides.
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "609"}))["call"]["id"].clone();
    headset.until_hears(1_000, 1_500);
    anna.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", drive::ended);
    assert!(loudest(&loud.all()) < 10, "the loudspeaker says what the line says");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn who_is_on_hold_is_not_forgotten() {
    let desk = Card::desk();
    desk.switch_microphone(false);
    let mut anna = desk.console();
    anna.ask(settings(|s| s["hold_reminder_s"] = json!(5)));
    registered(&mut anna, "1001");
    let headset = desk.sharp_ear("headset");
    let recordings = Recordings::from_now();
    let call = anna.ask(json!({"do": "dial", "account": "1001", "target": "604"}))["call"]["id"].clone();
    anna.wait("talking", |m| call_in(m, "talking"));
    let recording = recordings.said();
    anna.ask(json!({"do": "hold", "call": call}));
    anna.wait("held", |m| call_in(m, "held"));
    for _ in 0..2 {
        headset.until_hears(880, 60);
        headset.until_silent(1_000);
    }
    anna.ask(json!({"do": "resume", "call": call}));
    anna.wait("talking", |m| call_in(m, "talking"));
    headset.until_silent(6_500);
    assert!(loudest(&recorded(&recording)) < 100, "the far side hears the reminder");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn an_automatic_answer_beeps() {
    let desk = Card::desk();
    desk.switch_microphone(false);
    let mut anna = anna(&desk);
    let mut boris = Console::registered("1002");
    let headset = desk.sharp_ear("headset");
    calls_anna(&mut boris);
    let call = rings(&mut anna);
    anna.ask(json!({"do": "answer", "call": call, "by_itself": true}));
    headset.until_hears(990, 80);
    until(PATIENCE, "nothing plays but the call", || desk.players() == 1);
    headset.until_silent(300);
}

#[test]
fn a_broken_file_is_refused_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("broken.wav");
    std::fs::write(&broken, b"RIFF\x10\0\0\0WAVEfmt but not for long").unwrap();
    let mut anna = Console::start(&[]);
    for path in [&broken, &directory.path().join("gone.wav"), directory.path()] {
        let error = anna.refused(settings(|s| s["ring_tone"] = json!({"tone": "file", "path": path})));
        assert_eq!(error["code"], "bad-argument", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("cannot be a ring tone") && message.contains("choose another"), "{message}");
    }
}
