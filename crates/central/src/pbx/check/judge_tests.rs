//! What a PBX told, and what is named as missing.

use std::collections::BTreeSet;

use super::State;
use super::gather::{Evidence, Files, QueueSeen};
use super::judge::judge;
use super::needs::{READ, WRITE};

const USER: &str = "linedesk";

/// A PBX as docs/admin/pbx-setup.md makes it.
fn well() -> Evidence {
    let queue = |files: Files, key, value| files.with("queues.conf", "support", key, value);
    let files = Files::default()
        .with("manager.conf", "general", "timestampevents", "yes")
        .with("manager.conf", "general", "channelvars", "LINEDESK_CALL")
        .with("manager.conf", USER, "read", "system,call,agent,user,dialplan,dtmf")
        .with("manager.conf", USER, "writetimeout", "5000")
        .with("queues.conf", "general", "persistentmembers", "yes")
        .with("queues.conf", "general", "shared_lastcall", "yes");
    let files = [
        ("ringinuse", "no"),
        ("autopause", "no"),
        ("wrapuptime", "3"),
        ("joinempty", "unavailable,invalid,unknown"),
        ("leavewhenempty", "unavailable,invalid,unknown"),
        ("strategy", "rrmemory"),
    ]
    .into_iter()
    .fold(files, |files, (key, value)| queue(files, key, value));
    Evidence {
        version: Some("22.10.1+dfsg".to_owned()),
        actions: Some(
            WRITE.iter().flat_map(|need| need.actions).chain(&["QueueStatus"]).map(|name| (*name).to_owned()).collect(),
        ),
        clock: Some(ami::Clock { offset_us: -20_000, round_trip_us: 800, measured_us: 0 }),
        files: Some(files),
        queues: vec![QueueSeen {
            name: "support".to_owned(),
            strategy: Some("rrmemory".to_owned()),
            ..QueueSeen::default()
        }],
        ..Evidence::default()
    }
}

fn codes(found: &Evidence, state: State) -> BTreeSet<&'static str> {
    judge(USER, true, found).iter().filter(|finding| finding.state == state).map(|finding| finding.code).collect()
}

fn written(file: &str, section: &str, key: &str, value: &str) -> Evidence {
    let found = well();
    Evidence { files: found.files.map(|files| files.with(file, section, key, value)), ..found }
}

#[test]
fn a_well_made_pbx_lacks_nothing() {
    for state in [State::Missing, State::Unknown, State::TooMuch] {
        assert_eq!(codes(&well(), state), BTreeSet::new(), "{state:?}");
    }
    let findings = judge(USER, true, &well());
    assert!(findings.iter().all(|finding| finding.paste.is_none()));
}

#[test]
fn each_fault_is_named_and_no_other() {
    for (file, section, key, value, code) in [
        ("manager.conf", "general", "timestampevents", "no", "timestampevents"),
        ("manager.conf", "general", "channelvars", "OTHER", "channelvars"),
        ("manager.conf", USER, "read", "system,call,agent,user,dtmf", "read.dialplan"),
        ("manager.conf", USER, "read", "call,agent,user,dialplan,dtmf", "read.system"),
        ("manager.conf", USER, "writetimeout", "100", "writetimeout"),
        ("manager.conf", USER, "eventfilter,0", "!Event: Newexten", "eventfilter"),
        ("manager.conf", USER, "eventfilter,0", "Event: Queue", "eventfilter"),
        ("manager.conf", USER, "eventfilter,0", "!Channel: PJSIP/1", "eventfilter"),
        ("queues.conf", "general", "persistentmembers", "no", "queue.persistentmembers"),
        ("queues.conf", "general", "shared_lastcall", "no", "queue.shared_lastcall"),
        ("queues.conf", "support", "ringinuse", "yes", "queue.ringinuse"),
        ("queues.conf", "support", "autopause", "all", "queue.autopause"),
        ("queues.conf", "support", "wrapuptime", "0", "queue.wrapuptime"),
        ("queues.conf", "support", "wrapuptime", "60", "queue.wrapuptime"),
        ("queues.conf", "support", "joinempty", "strict", "queue.joinempty"),
        ("queues.conf", "support", "joinempty", "no", "queue.joinempty"),
        ("queues.conf", "support", "leavewhenempty", "yes", "queue.leavewhenempty"),
        ("queues.conf", "support", "leavewhenempty", "paused,invalid", "queue.leavewhenempty"),
    ] {
        let found = written(file, section, key, value);
        assert_eq!(codes(&found, State::Missing), BTreeSet::from([code]), "{key} = {value}");
        let finding = judge(USER, true, &found).into_iter().find(|finding| finding.code == code).unwrap();
        let paste = finding.paste.unwrap_or_else(|| panic!("{code} has nothing to paste"));
        assert_eq!((paste.file, paste.section.as_str()), (file, section));
    }
    for (key, value) in [("eventfilter,0", "!Event: RTCPSent"), ("read", "all")] {
        assert_eq!(
            codes(&written("manager.conf", USER, key, value), State::Missing),
            BTreeSet::new(),
            "{key} = {value}"
        );
    }
    for (key, value) in [("joinempty", "yes"), ("leavewhenempty", "no"), ("joinempty", "loose")] {
        assert_eq!(
            codes(&written("queues.conf", "support", key, value), State::Missing),
            BTreeSet::new(),
            "{key} = {value}"
        );
    }
}

#[test]
fn actions_that_are_not_allowed_name_their_class() {
    for need in WRITE {
        let mut found = well();
        let allowed = found.actions.get_or_insert_default();
        for action in need.actions {
            allowed.remove(*action);
        }
        assert_eq!(codes(&found, State::Missing), BTreeSet::from([need.code]));
    }
    let mut found = well();
    found.actions.get_or_insert_default().insert("Command".to_owned());
    assert_eq!(codes(&found, State::TooMuch), BTreeSet::from(["write.only"]));
}

#[test]
fn what_cannot_be_known_is_unknown_and_what_is_seen_counts_more_than_what_is_written() {
    let mut found = Evidence { files: None, ..well() };
    found.seen.classes.insert("system".to_owned());
    assert_eq!(codes(&found, State::Missing), BTreeSet::new());
    let unknown = codes(&found, State::Unknown);
    for code in ["read.dialplan", "timestampevents", "writetimeout", "queue.wrapuptime", "queue.persistentmembers"] {
        assert!(unknown.contains(code), "{code}: {unknown:?}");
    }
    for need in READ {
        found.seen.classes.insert(need.class.to_owned());
    }
    (found.seen.stamped, found.seen.variable) = (Some(true), Some(true));
    let unknown = codes(&found, State::Unknown);
    assert!(!unknown.iter().any(|code| code.starts_with("read.") || *code == "timestampevents"), "{unknown:?}");

    // The file was changed, and nobody told Asterisk.
    let mut found = well();
    (found.seen.stamped, found.seen.variable) = (Some(false), Some(false));
    found.seen.due.insert("dialplan");
    let expected = BTreeSet::from(["timestampevents", "channelvars", "read.dialplan"]);
    assert_eq!(codes(&found, State::Missing), expected);
}

#[test]
fn clocks_that_are_apart_and_slow_answers_are_named() {
    let clock = |offset_us, round_trip_us| ami::Clock { offset_us, round_trip_us, measured_us: 0 };
    let with = |clock| Evidence { clock: Some(clock), ..well() };
    assert_eq!(codes(&with(clock(2_500_000, 100)), State::Missing), BTreeSet::from(["clock"]));
    assert_eq!(codes(&with(clock(-2_500_000, 100)), State::Missing), BTreeSet::from(["clock"]));
    assert_eq!(codes(&with(clock(0, 3_000_000)), State::Missing), BTreeSet::from(["lag"]));
}

#[test]
fn versions_are_read_in_all_their_dresses() {
    for (version, state) in [
        ("22.10.1+dfsg+~cs6", State::Ok),
        ("16.28.0", State::Ok),
        ("certified/18.9-cert13", State::Ok),
        ("GIT-20-abc", State::Ok),
        ("13.38.3", State::Unknown),
        ("1.8.32.3", State::Unknown),
        ("UNKNOWN", State::Unknown),
    ] {
        let found = Evidence { version: Some(version.to_owned()), ..well() };
        let finding = judge(USER, true, &found).into_iter().find(|finding| finding.code == "version");
        assert_eq!(finding.map(|finding| finding.state), Some(state), "{version}");
    }
}
