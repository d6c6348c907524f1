//! When sound is open and how loud it is: nothing is held while idle, the first words of an answered call are there in both
//! directions, volumes and boost, noise suppression and gain control; with a real Asterisk, measured.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod card;
mod drive;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use card::{CARD_RATE, Card, Ear, RATE, Recordings, decibels, loudness, recorded, tone};
use drive::{Console, call_in, configure, ended, registration, until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);

/// So much of the echo must go.
const GONE_DB: f64 = 15.0;

fn registered(card: &Card, media: Value) -> Console {
    registered_as("1001", card, media)
}

fn registered_as(user: &str, card: &Card, media: Value) -> Console {
    let mut anna = Console::start_with(&[], &card.environment());
    let mut wanted = configure(user);
    for (name, value) in media.as_object().unwrap() {
        wanted["media"][name] = value.clone();
    }
    anna.ask(wanted);
    anna.wait("registered", |m| registration(m, "registered"));
    anna
}

fn plain() -> Value {
    json!({"codecs": ["pcma"], "echo_cancellation": false})
}

/// Streams that our process has open.
fn held(card: &Card, what: &str) -> usize {
    card.pactl(&["list", what]).matches("ALSA plug-in [linedesk-softphone]").count()
}

/// Asterisk calls 1001 and says this as soon as it is answered.
fn originate(speech: &Path) -> TcpStream {
    let (host, port) = drive::lab_at("LINEDESK_LAB_AMI");
    let mut stream = TcpStream::connect((host, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let speech = speech.with_extension("");
    write!(
        stream,
        "Action: Login\r\nUsername: lab\r\nSecret: lab-ami\r\nEvents: off\r\n\r\n\
         Action: Originate\r\nChannel: PJSIP/1001\r\nContext: operators\r\nExten: 610\r\nPriority: 1\r\nAsync: true\r\n\
         Codecs: alaw\r\nVariable: SPEECH={}\r\n\r\n",
        speech.display()
    )
    .unwrap();
    let answers = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let mut responses = answers.filter(|line| line.starts_with("Response:"));
    for _ in 0..2 {
        assert_eq!(responses.next().unwrap(), "Response: Success");
    }
    stream
}

const STEPS: [u32; 10] = [500, 700, 900, 1100, 1300, 1500, 1700, 1900, 2100, 2300];

/// Ten tones, a tenth of a second each: what is missing at the beginning is known exactly.
fn ladder() -> Vec<i16> {
    let step = |hertz: u32| {
        (0..RATE / 10)
            .map(move |i| ((std::f64::consts::TAU * f64::from(hertz * i) / f64::from(RATE)).sin() * 12_000.0) as i16)
    };
    STEPS.into_iter().flat_map(step).collect()
}

/// Milliseconds of each tone of the ladder that are heard.
fn steps_heard(samples: &[i16]) -> Vec<usize> {
    // Windows of 10 ms that overlap: 100 Hz apart is what they can tell.
    let windows: Vec<&[i16]> = samples.windows(RATE as usize / 50).step_by(RATE as usize / 200).collect();
    let is = |w: &[i16], hertz| tone(w, hertz) > 4_000.0;
    STEPS.iter().map(|hertz| windows.iter().filter(|w| is(w, *hertz)).count() * 5).collect()
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn the_microphone_is_free_until_it_rings_and_the_first_words_are_heard() {
    let card = Card::start();
    let directory = tempfile::tempdir().unwrap();
    let speech = directory.path().join("ladder.sln");
    std::fs::write(&speech, ladder().iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let mut anna = registered(&card, plain());
    for at_once in [false, true] {
        let (ear, recordings) = (card.ear("spk"), Recordings::from_now());
        assert_eq!((held(&card, "source-outputs"), held(&card, "sink-inputs")), (0, 0), "nothing is held while idle");
        let _asterisk = originate(&speech);
        let call = anna.wait("rings", |m| call_in(m, "ringing"))["id"].clone();
        if !at_once {
            // On the loudspeaker it rings besides.
            until(PATIENCE, "both are open while it rings", || {
                held(&card, "source-outputs") == 1 && held(&card, "sink-inputs") == 2
            });
        }
        anna.ask(json!({"do": "answer", "call": call}));
        anna.wait("talking", |m| call_in(m, "talking"));
        until(PATIENCE, "the end of the speech", || steps_heard(&ear.all())[9] >= 50);
        let steps = steps_heard(&ear.all());
        println!("answered at once: {at_once}; heard of each 100 ms: {steps:?}");
        assert!(steps.iter().take(3).all(|ms| *ms >= 80), "the first words were clipped: {steps:?}");
        anna.ask(json!({"do": "hang-up", "call": call}));
        anna.wait("over", ended);

        let said = recordings.said();
        let mut samples = Vec::new();
        until(PATIENCE, "the recording", || {
            samples = recorded(&said);
            samples.len() > RATE as usize / 2
        });
        let onset = samples.windows(160).step_by(40).position(|w| tone(w, 440) > 4_000.0).map_or(usize::MAX, |n| n * 5);
        println!("what we say begins {onset} ms after Asterisk began to listen");
        assert!(onset <= 100, "what was said first is missing: {onset} ms");
        until(PATIENCE, "nothing is held afterwards", || {
            held(&card, "source-outputs") == 0 && held(&card, "sink-inputs") == 0
        });
    }
}

/// Amplitude of what comes back from the echo, once it has settled.
fn settled(ear: &Ear, what: &str, expected: f64) -> Vec<i16> {
    ear.forget();
    let mut last = Vec::new();
    until(PATIENCE, what, || {
        last = ear.last(500);
        !last.is_empty() && decibels(tone(&last, 440), expected).abs() < 1.0
    });
    last
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn volumes_are_of_devices_and_boost_does_not_clip() {
    let card = Card::start();
    card.loudspeaker("head");
    let mut anna = registered(&card, plain());
    anna.ask(json!({"do": "dial", "account": "1001", "target": "600"}));
    anna.wait("talking", |m| call_in(m, "talking"));
    let (desk, head) = (card.ear("spk"), card.ear("head"));
    let full = 16_384.0;
    settled(&desk, "as it comes", full);
    let mut set = |volumes: Value, playback: Value| {
        anna.ask(json!({"do": "set-sound", "settings": {"volumes": volumes, "playback": playback}}));
    };
    let system = json!({"use": "system"});
    set(json!({"out:spk": 25}), system.clone());
    settled(&desk, "a quarter", full / 4.0);
    set(json!({"out:spk": 25, "in:mic": 50, "out:head": 200}), system.clone());
    settled(&desk, "an eighth", full / 8.0);
    set(json!({"out:spk": 25, "in:mic": 50, "out:head": 200}), json!({"use": "device", "name": "head"}));
    settled(&head, "another device has its own", full);
    set(json!({"out:spk": 400}), system);
    // Four times as much would be twice full scale.
    let loud = settled(&desk, "as loud as there is room", 29_204.0);
    let distortion = [1320, 2200, 3080].map(|overtone| tone(&loud, overtone)).iter().sum::<f64>() / tone(&loud, 440);
    println!("boosted beyond full scale: distortion {:.1} %", distortion * 100.0);
    assert!(distortion < 0.03, "it clips: {distortion}");
}

/// Something like speech: a voice of 140 Hz with two formants that comes and goes, in steady noise. Root mean squares.
fn voice(speech: f64, noise: f64) -> Vec<i16> {
    let rate = f64::from(CARD_RATE);
    let mut seed = 1_u32;
    let mut hiss = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 8) / f64::from(1 << 24) * 2.0 - 1.0
    };
    let weights: Vec<(f64, f64)> = (1..24)
        .map(|n| {
            let hertz = 140.0 * f64::from(n);
            let formant = |at: f64, width: f64| (-((hertz - at) / width).powi(2)).exp();
            (hertz, 0.05 + formant(600.0, 250.0) + 0.6 * formant(1700.0, 350.0))
        })
        .collect();
    let power: f64 = weights.iter().map(|(_, w)| w * w / 2.0).sum();
    (0..CARD_RATE * 4)
        .map(|i| {
            let t = f64::from(i) / rate;
            // Syllables of 250 ms, five of them, then a pause of 750 ms.
            let in_phrase = t % 2.0;
            let loud =
                if in_phrase < 1.25 { (std::f64::consts::PI * (in_phrase % 0.25) / 0.25).sin().powi(2) } else { 0.0 };
            let pitch = 1.0 + 0.03 * (std::f64::consts::TAU * 1.3 * t).sin();
            let tone: f64 = weights.iter().map(|(hz, w)| w * (std::f64::consts::TAU * hz * pitch * t).sin()).sum();
            let sample = tone / power.sqrt() * loud * speech * 1.6 + hiss() * noise * 1.73;
            sample.clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

/// Level in the pauses and of the voice, of the last four seconds that the far side heard, by media and settings of the sound.
/// All speak into the same microphone at the same time.
fn levels<const N: usize>(card: &Card, wanted: [(Value, Value); N]) -> [(f64, f64); N] {
    let mut users = ["1001", "1002", "1003", "1004"].into_iter();
    let calls = wanted.map(|(media, settings)| {
        let user = users.next().expect("as many users as the lab has");
        let mut phone = registered_as(user, card, media);
        phone.ask(json!({"do": "set-sound", "settings": settings}));
        let recordings = Recordings::from_now();
        phone.ask(json!({"do": "dial", "account": user, "target": "604"}));
        (phone, recordings.said())
    });
    calls.each_ref().map(|(_, said)| {
        until(Duration::from_secs(20), "ten seconds of it", || recorded(said).len() > 10 * RATE as usize);
        let last = card::tail(&recorded(said), 4000).unwrap();
        let mut windows: Vec<f64> = last.chunks_exact(160).map(loudness).collect();
        windows.sort_by(f64::total_cmp);
        (windows[windows.len() / 6], windows[windows.len() * 9 / 10])
    })
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn noise_goes_and_the_voice_stays() {
    let card = Card::speaking(voice(5_000.0, 500.0));
    // By the profile, and by the person; without the echo canceller, and with it.
    let by_profile = json!({"codecs": ["pcma"], "echo_cancellation": false, "noise_suppression": true});
    let with_echo = json!({"codecs": ["pcma"], "echo_cancellation": true});
    let by_person = json!({"noise_suppression": true});
    let [(noise, speech), one, other] =
        levels(&card, [(plain(), json!({})), (by_profile, json!({})), (with_echo, by_person)]);
    for (less, still) in [one, other] {
        let (gone, lost) = (decibels(noise, less), decibels(speech, still));
        println!("noise down by {gone:.1} dB, voice by {lost:.1} dB");
        assert!(gone >= 6.0 && lost.abs() < 3.0, "noise down by {gone:.1} dB, voice by {lost:.1} dB");
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn a_low_voice_is_brought_up() {
    let card = Card::speaking(voice(400.0, 3.0));
    let gain = |echo: bool| json!({"codecs": ["pcma"], "echo_cancellation": echo, "gain_control": true});
    let [(_, before), (_, up), (_, up_with_echo), (_, as_it_was)] = levels(
        &card,
        [
            (plain(), json!({})),
            (gain(false), json!({})),
            (gain(true), json!({})),
            (gain(false), json!({"gain_control": false})),
        ],
    );
    for after in [up, up_with_echo] {
        let up = decibels(after, before);
        println!("a low voice up by {up:.1} dB");
        assert!(up >= 6.0, "up by {up:.1} dB");
    }
    assert!(decibels(as_it_was, before).abs() < 2.0, "a person's wish goes before the profile");
}

/// How loud the far side hears itself in four seconds, out of a room where the microphone stands before the loudspeaker: the ten
/// seconds that it has to get used to the room are over, or it is as low as this, which may take longer where time is short.
fn echo_heard_there(card: &Card, speech: &Path, canceller: bool, low: f64) -> f64 {
    let mut anna = registered(card, json!({"codecs": ["pcma"], "echo_cancellation": canceller}));
    let recordings = Recordings::from_now();
    let _asterisk = originate(speech);
    let call = anna.wait("rings", |m| call_in(m, "ringing"))["id"].clone();
    anna.ask(json!({"do": "answer", "call": call}));
    anna.wait("talking", |m| call_in(m, "talking"));
    let said = recordings.said();
    let last = || card::tail(&recorded(&said), 4000).map(|last| loudness(&last));
    until(Duration::from_secs(20), "ten seconds of it", || recorded(&said).len() > 10 * RATE as usize);
    let end = Instant::now() + Duration::from_secs(30);
    until(Duration::from_secs(60), "its last four seconds", || last().unwrap() <= low || Instant::now() >= end);
    let last = last().unwrap();
    anna.ask(json!({"do": "hang-up", "call": call}));
    anna.wait("over", ended);
    last
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn the_far_side_does_not_hear_itself() {
    let card = Card::start();
    card.pactl(&["load-module", "module-remap-source", "source_name=room", "master=spk.monitor"]);
    card.pactl(&["set-default-source", "room"]);
    let directory = tempfile::tempdir().unwrap();
    let speech = directory.path().join("speech.sln");
    // A minute at the telephone's rate.
    let samples = voice(5_000.0, 3.0).into_iter().step_by((CARD_RATE / RATE) as usize);
    let once: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    std::fs::write(&speech, once.repeat(15)).unwrap();
    let all = echo_heard_there(&card, &speech, false, f64::INFINITY);
    let left = echo_heard_there(&card, &speech, true, all / 10_f64.powf(GONE_DB / 20.0));
    let gone = decibels(all, left);
    println!("echo down by {gone:.1} dB");
    assert!(all > 1_000.0 && gone >= GONE_DB, "echo of {all:.0} down by {gone:.1} dB");
}
