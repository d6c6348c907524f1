//! 1.8 and 11: streams written from the documented shapes of their events, each with what a person would say happened.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

mod streams;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use ami::Event;
use calls::call::EndedBy;
use calls::{Assembly, Directory, Look, PbxIx, Snapshot, Who};
use proptest::prelude::*;
use streams::laws::{self, MOVED_MS};
use streams::{BEGAN_MS, House, Recorded, recorded, told};

/// A stream, and the call it is of.
#[derive(Debug)]
struct Scenario {
    /// Its file, and whether its CEL was taken out.
    name: String,
    events: Vec<Recorded>,
    told: String,
}

/// All of them, with CEL over AMI and without: only that has a linkedid there.
static SCENARIOS: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/older");
    let mut scenarios = Vec::new();
    let folders = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.join("told.txt").exists()) {
        let told = fs::read_to_string(folder.join("told.txt")).unwrap();
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.ends_with("told.txt") {
                continue;
            }
            let name = format!("{}/{}", folder.file_name().unwrap().display(), file.file_stem().unwrap().display());
            let events = recorded(&fs::read_to_string(&file).unwrap());
            let mut without = events.clone();
            without.retain(|event| event.message.event() != Some("CEL"));
            scenarios.push(Scenario { name: format!("{name} without CEL"), events: without, told: told.clone() });
            scenarios.push(Scenario { name, events, told: told.clone() });
        }
    }
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    scenarios
});

#[test]
fn each_scenario_is_told_as_its_file_says() {
    assert!(SCENARIOS.len() > 100, "scenarios are missing");
    let mut wrong = String::new();
    for Scenario { name, events, told: expected } in SCENARIOS.iter() {
        let found: String = told(events).iter().map(ToString::to_string).collect();
        if found != *expected {
            wrong += &format!("{name} is told as\n{found}but should be\n{expected}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A stream without the events that one does not want.
fn without(name: &str, unwanted: impl Fn(&Recorded) -> bool) -> Vec<Recorded> {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
    scenario.events.iter().filter(|event| !unwanted(event)).cloned().collect()
}

/// Where variables are not heard and nobody asks for an end, it is not known who wanted it: that is no end by the PBX.
#[test]
fn an_end_that_nobody_explains_is_told_as_unknown() {
    let silent = |event: &Recorded| matches!(event.message.event(), Some("VarSet" | "HangupRequest"));
    let calls = told(&without("queue-operator-ends/1.8-sip", silent));
    assert!(calls.iter().all(|call| call.ended_by == EndedBy::Unknown) && !calls.is_empty());
}

/// What is told when the link was away for a while; after it the PBX listed its channels.
fn told_with_a_gap(name: &str, (from, to): (i64, i64), list: &str) -> String {
    let (from, to) = (BEGAN_MS + from, BEGAN_MS + to);
    let list = recorded(list);
    let channels = list.iter().filter_map(|event| match event.read() {
        Event::CoreShowChannel(shown) => Some(shown),
        _ => None,
    });
    let snapshot = Snapshot { channels: Some(channels.collect()), ..Snapshot::default() };
    let mut assembly = Assembly::new();
    assembly.give_ids(1..1000);
    let events = without(name, |event| (from..to).contains(&event.at));
    let (before, after): (Vec<&Recorded>, Vec<&Recorded>) = events.iter().partition(|event| event.at < from);
    for event in before {
        assembly.event(PbxIx(0), event.at, &event.read());
    }
    assembly.resync(Look { pbx: PbxIx(0), gap_ms: Some(from), asked_ms: to, now_ms: to }, &snapshot);
    for event in after {
        assembly.event(PbxIx(0), event.at, &event.read());
    }
    // Who is only in the list has no end of his own.
    let end = to.max(events.last().unwrap().at) + 1_000;
    assembly.heard(PbxIx(0), end);
    assembly.give_up(PbxIx(0), end);
    let ended = assembly.take_ended(i64::MAX, &House);
    ended.iter().map(|ended| ended.call.to_string()).collect()
}

fn of_file(folder: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/older");
    fs::read_to_string(data.join(folder).join("told.txt")).unwrap()
}

/// Lists of 1.8 and 11 name whom a channel talks with, not a bridge.
#[test]
fn a_talk_outlasts_a_gap() {
    let list = include_str!("data/older/lists/queue-operator-ends.txt");
    let found = told_with_a_gap("queue-operator-ends/11-local", (9_000, 10_000), list);
    assert_eq!(found, of_file("queue-operator-ends"));
    // It was answered while the link was away: the talk is known from its return on.
    let found = told_with_a_gap("queue-operator-ends/11-local", (5_000, 10_000), list);
    assert!(found.contains("talk +74951234567 (line) + 101 at 10.0: 15.5 s"), "{found}");
}

/// It says so by an empty field. A list without it says nothing.
#[test]
fn a_talk_ends_with_a_list_that_says_so() {
    let list = include_str!("data/older/lists/queue-operator-ends.txt");
    let lines =
        |of: fn(&str) -> Option<&str>| list.lines().filter_map(of).fold(String::new(), |list, line| list + line + "\n");
    let alone = lines(|line| Some(if line.starts_with("BridgedUniqueID") { "BridgedUniqueID: " } else { line }));
    let found = told_with_a_gap("queue-operator-ends/11-local", (9_000, 10_000), &alone);
    assert!(found.contains("talk +74951234567 (line) + 101 at 5.5: 4.5 s"), "{found}");
    let silent = lines(|line| (!line.starts_with("Bridged")).then_some(line));
    let found = told_with_a_gap("queue-operator-ends/11-local", (9_000, 10_000), &silent);
    assert_eq!(found, of_file("queue-operator-ends"));
}

/// He talked through a Local channel before the link was away, and with somebody else after.
#[test]
fn a_new_talk_is_found_in_a_list() {
    let list = include_str!("data/older/lists/talks-with-another.txt");
    let found = told_with_a_gap("queue-operator-ends/11-local", (9_000, 30_000), list);
    assert!(found.contains("talk +74951234567 (line) + 102 at 30.0: "), "{found}");
}

/// After a masquerade a channel is listed with the id that it has since.
#[test]
fn who_changed_places_is_found_in_a_list() {
    let list = include_str!("data/older/lists/attended-by-refer.txt");
    let found = told_with_a_gap("attended-by-refer/1.8-sip", (29_000, 30_000), list);
    assert_eq!(found, of_file("attended-by-refer"));
}

/// A dump that is read after the journal that it replaces says again who has which id.
#[test]
fn a_dump_over_a_journal_gives_the_same_call() {
    let events = without("attended-by-refer/1.8-sip", |_| false);
    for cut in 0..events.len() {
        let mut first = Assembly::new();
        first.keep_journal();
        for event in &events[..cut] {
            first.event(PbxIx(0), event.at, &event.read());
        }
        let mut again = Assembly::new();
        again.give_ids(1..1000);
        for journal in [first.take_journal(), first.dump()] {
            again.replay(&journal).unwrap();
        }
        for event in &events[cut..] {
            again.event(PbxIx(0), event.at, &event.read());
        }
        let ended = again.take_ended(i64::MAX, &House);
        let told: String = ended.iter().map(|ended| ended.call.to_string()).collect();
        assert_eq!(told, of_file("attended-by-refer"), "cut at event {cut}");
    }
}

/// 101 dials a number of the other PBX, and it rings there. chan_sip says of both ends of a call between two PBXs that they are
/// down, and only then that one of them rings in.
#[test]
fn a_call_over_two_pbxs_is_one() {
    let near = recorded(include_str!("data/older/two-pbxs/near.txt"));
    let far = recorded(include_str!("data/older/two-pbxs/far.txt"));
    let mut assembly = Assembly::new();
    assembly.give_ids(1..1000);
    let mut both: Vec<(u32, &Recorded)> =
        near.iter().map(|event| (0, event)).chain(far.iter().map(|event| (1, event))).collect();
    both.sort_by_key(|(_, event)| event.at);
    for (pbx, event) in both {
        assembly.event(PbxIx(pbx), event.at, &event.read());
        // Somebody looks on, so both ends are looked at before all is known of them.
        assembly.take_ended(event.at, &TwoHouses);
    }
    let ended = assembly.take_ended(i64::MAX, &TwoHouses);
    let told: Vec<String> = ended.iter().map(|ended| ended.call.to_string()).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    let told = &told[0];
    assert!(told.starts_with("internal call from 101 to 28202\n  try 202 at 0.0: given up after 9.0 s\n"), "{told}");
}

/// Two houses with a line between them.
#[derive(Debug)]
struct TwoHouses;

impl Directory for TwoHouses {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        if endpoint == "SIP/station" { Who::OtherPbx } else { Who::Phone }
    }
}

/// One of them at a time; there are many.
fn any_scenario() -> impl Strategy<Value = &'static Scenario> {
    (0..SCENARIOS.len()).prop_map(|at| &SCENARIOS[at])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_permitted_order_gives_the_same_calls(
        scenario in any_scenario(),
        moves in prop::collection::vec(0..=MOVED_MS, 40..200),
    ) {
        laws::order(&scenario.name, &scenario.events, &moves);
    }

    #[test]
    fn what_is_said_twice_changes_nothing(
        scenario in any_scenario(),
        which in prop::collection::vec(any::<bool>(), 10..100),
        later in prop::collection::vec(1_usize..8, 10..50),
    ) {
        // Why two channels are one call is told by whichever sign came first; here a repetition may be it.
        let [once, twice] = laws::repetition(&scenario.events, &which, &later).map(|mut calls| {
            calls.iter_mut().for_each(|call| call.joins.clear());
            calls
        });
        assert_eq!(once, twice, "{}", scenario.name);
    }

    #[test]
    fn half_of_a_stream_breaks_nothing(
        scenario in any_scenario(),
        keep in prop::collection::vec(any::<bool>(), 10..100),
    ) {
        laws::part(&scenario.name, &scenario.events, &keep);
    }

    #[test]
    fn a_journal_gives_the_same_calls(
        scenario in any_scenario(),
        killed in 0_usize..10_000,
        dumped in 0_usize..10_000,
    ) {
        laws::journal(&scenario.name, &scenario.events, killed, dumped);
    }
}
