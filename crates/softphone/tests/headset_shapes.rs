//! Headsets of known shapes, as tables in `tests/headsets`: descriptor, map, and a talk of bytes and actions.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;
use std::time::{Duration, Instant};

use linedesk_softphone::headset::controls::Controls;
use linedesk_softphone::headset::session::{Action, Effects, Line, Session};

#[test]
fn every_shape_is_read_and_talks_as_it_should() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/headsets");
    let mut shapes = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            shape(&name, &std::fs::read_to_string(&path).unwrap());
            shapes += 1;
        }
    }
    assert_eq!(shapes, 6);
}

/// What a device may send must never harm, whatever the phone does meanwhile.
#[test]
fn any_bytes_are_survived() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/headsets");
    let start = Instant::now();
    // A multiplicative generator: the same bytes each time.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (state >> 33) as usize
    };
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let Some(whole) = section(&text, "descriptor").map(|lines| bytes(&lines.join(" "))) else { continue };
        for _ in 0..400 {
            let mut descriptor = whole.clone();
            for _ in 0..next() % 4 {
                let at = next() % descriptor.len();
                descriptor[at] = next() as u8;
            }
            let Ok(Some(controls)) = Controls::read(&descriptor) else { continue };
            let (mut session, _) = Session::open(controls, Line::default(), start);
            for step in 0..40 {
                let now = start + Duration::from_millis(step * 150);
                let line = Line { ringing: next() % 2 == 0, talking: next() % 2 == 0, ..Line::default() };
                session.phone(line, next() % 2 == 0, now);
                let report: Vec<u8> = (0..next() % 70).map(|_| next() as u8).collect();
                session.device(&report, now);
            }
            assert!(session.close().iter().all(|report| !report.is_empty()));
        }
    }
}

/// The lines of a section, without comments and blank ones.
fn section<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    const NAMES: [&str; 3] = ["descriptor", "controls", "talk"];
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap().trim());
    lines.find(|line| *line == name)?;
    Some(lines.take_while(|line| !NAMES.contains(line)).filter(|line| !line.is_empty()).collect())
}

fn bytes(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn shape(name: &str, text: &str) {
    let descriptor = bytes(&section(text, "descriptor").unwrap().join(" "));
    let controls = Controls::read(&descriptor).unwrap().unwrap();
    let buttons = controls.buttons.iter().map(ToString::to_string);
    let found: Vec<String> = buttons.chain(controls.lamps.iter().map(ToString::to_string)).collect();
    assert_eq!(found, section(text, "controls").unwrap(), "{name}");
    talk(name, controls, &section(text, "talk").unwrap());
}

fn talk(name: &str, controls: Controls, lines: &[&str]) {
    let start = Instant::now();
    let mut controls = Some(controls);
    let mut session = None;
    for line in lines {
        let (before, after) = line.split_once("=>").unwrap_or_else(|| panic!("{name}: no => in {line}"));
        let (at, what) = before.trim().split_once(char::is_whitespace).unwrap();
        let now = start + Duration::from_millis(at.parse().unwrap());
        let (verb, rest) = what.trim().split_once(char::is_whitespace).unwrap();
        let effects = match (verb, &mut session) {
            ("phone", None) => {
                let (opened, effects) = Session::open(controls.take().unwrap(), phone(rest).0, now);
                session = Some(opened);
                effects
            }
            ("phone", Some(session)) => {
                let (line, is_settled) = phone(rest);
                session.phone(line, is_settled, now)
            }
            ("says", Some(session)) => session.device(&bytes(rest), now),
            _ => panic!("{name}: {line}"),
        };
        assert_eq!(effects, expected(after), "{name}: {line}");
    }
}

fn phone(words: &str) -> (Line, bool) {
    let (mut line, mut is_settled) = (Line::default(), false);
    for word in words.split_whitespace() {
        match word {
            "idle" => {}
            "ringing" => line.ringing = true,
            "talking" => line.talking = true,
            "held" => line.held = true,
            "muted" => line.muted = true,
            "testing" => line.testing = true,
            "settled" => is_settled = true,
            other => panic!("no such state: {other}"),
        }
    }
    (line, is_settled)
}

fn expected(text: &str) -> Effects {
    let mut effects = Effects::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part {
            "answer" => effects.actions.push(Action::Answer),
            "hang-up" => effects.actions.push(Action::HangUp),
            "refuse" => effects.actions.push(Action::Refuse),
            "mute" => effects.actions.push(Action::Mute(true)),
            "unmute" => effects.actions.push(Action::Mute(false)),
            "stop-test" => effects.actions.push(Action::StopTest),
            write => effects.write.push(bytes(write.strip_prefix("write ").unwrap_or_else(|| panic!("{write}")))),
        }
    }
    effects
}
