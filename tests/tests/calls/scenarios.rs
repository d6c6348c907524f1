//! The scenarios of calls: all of them at the same time, on each Asterisk and with each kind of members; each must be told as its
//! file in tests/lab/calls/expected/ says, in whatever order the PBXs may have told it.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context as _, Result, ensure};
use calls::call::{Exit, Outcome};
use calls::{Call, PbxIx};
use linedesk_tests::lab::calls::expected::Heard;
use linedesk_tests::lab::calls::{
    Hall, Kind, Played, Recording, Scenario, alone, expected, ringall_for_minutes, scenarios, together,
};
use linedesk_tests::lab::{Lab, Version};

use crate::chance::Chance;
use crate::streams::Recorded;
use crate::streams::laws::{self, MOVED_MS};

/// In so many other orders the same recording is told.
const ORDERS: u64 = 20;

/// By so much that moves a time which is told, with what rounding adds.
const MOVED_S: f64 = 0.31;

/// What rounding adds.
const ROUNDED_S: f64 = 0.01;

/// So often with other events said twice.
const REPETITIONS: u64 = 5;

async fn all_at_once(version: Version, kind: Kind) -> Result<()> {
    let lab = Lab::new("calls")?;
    let all = scenarios();
    let hall = Hall::open(&lab, version, kind, &all).await?;
    let (played, recordings) = together(&hall, &all, |_| ()).await?;
    let failed: Vec<String> = played
        .iter()
        .filter_map(|played| played.told.as_ref().err().map(|error| format!("{}: {error:#}", played.scenario.name)))
        .collect();
    assert!(failed.is_empty(), "{} of {} scenarios failed:\n{}", failed.len(), all.len(), failed.join("\n"));
    assert_eq!(recordings.len(), 2, "two PBXs were recorded");
    for (_, recording) in &recordings {
        let (began, ended) = (channels(recording, "Newchannel"), channels(recording, "Hangup"));
        assert!(began.len() > 10, "a recording of calls has channels");
        assert_eq!(began, ended, "each channel that began ended within the recording");
    }
    let heard = expected::heard(&recordings)?;
    let calls = expected::told_of(&heard)?;
    rang_a_crowd(&heard, "ringall-21");
    let mut wrong = differences(&all, version, kind, &calls)?;
    let sorted = expected::by_scenario(&calls, &all);
    let stray = calls.len() - sorted.values().map(Vec::len).sum::<usize>();
    assert_eq!(
        stray,
        0,
        "calls are told that nobody made: {:#?}",
        calls.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    for Played { scenario, told, .. } in &played {
        let calls = sorted.get(scenario.name).map(Vec::as_slice).unwrap_or_default();
        wrong.extend(told.iter().flat_map(|told| expected::waits(told, calls)));
        wrong.extend(told.iter().flat_map(|told| expected::talks(told, calls)));
    }
    wrong.extend(calls.iter().filter_map(expected::impossible));
    assert!(wrong.is_empty(), "{} of {} scenarios are told wrongly:\n{}", wrong.len(), all.len(), wrong.join("\n"));

    let (seed, _) = Chance::new()?;
    let retold = |round: u64| {
        let mut chance = Chance::of(seed + round);
        let (events, seconds, how) = match round < ORDERS {
            true => (shaken(&heard, &mut chance), MOVED_S, "in another order"),
            false => (said_twice(&heard, &mut chance), ROUNDED_S, "some said twice"),
        };
        told_the_same(&all, version, kind, &expected::told_of(&events)?, (&sorted, seconds))
            .with_context(|| format!("seed {seed}, round {round}: {how}"))
    };
    let rounds = |odd: u64| (0..ORDERS + REPETITIONS).filter(move |round| round % 2 == odd).try_for_each(&retold);
    std::thread::scope(|threads| {
        let odd = threads.spawn(|| rounds(1));
        rounds(0).and(odd.join().expect("it fails by its result"))
    })?;
    lab.done();
    Ok(())
}

/// A call that was many channels and many events.
fn rang_a_crowd(heard: &[Heard], queue: &str) {
    let joins = |event: &&Heard| event.2.event() == Some("QueueCallerJoin") && event.2.get("Queue") == Some(queue);
    let linked = heard.iter().find(joins).and_then(|event| event.2.get("Linkedid")).expect("somebody waited there");
    let of_call: Vec<_> = heard.iter().filter(|event| event.2.get("Linkedid") == Some(linked)).collect();
    let channels: HashSet<_> = of_call.iter().filter_map(|event| event.2.get("Uniqueid")).collect();
    assert!(channels.len() >= 64 && of_call.len() >= 400, "{} channels, {} events", channels.len(), of_call.len());
}

/// As the files say, and with the times of another telling.
fn told_the_same(
    all: &[&'static Scenario],
    version: Version,
    kind: Kind,
    calls: &[Call],
    (first, seconds): (&BTreeMap<&'static str, Vec<&Call>>, f64),
) -> Result<()> {
    let mut wrong = differences(all, version, kind, calls)?;
    wrong.extend(calls.iter().filter_map(expected::impossible));
    for (name, calls) in expected::by_scenario(calls, all) {
        let before = first.get(name).map(Vec::as_slice).unwrap_or_default();
        wrong.extend(expected::times_apart(before, &calls, seconds).into_iter().map(|line| format!("{name}: {line}")));
    }
    ensure!(wrong.is_empty(), "{} are told otherwise:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// What is told otherwise than the files say.
fn differences(all: &[&'static Scenario], version: Version, kind: Kind, calls: &[Call]) -> Result<Vec<String>> {
    let sorted = expected::by_scenario(calls, all);
    let mut wrong = Vec::new();
    for scenario in all {
        let calls = sorted.get(scenario.name).map(Vec::as_slice).unwrap_or_default();
        wrong.extend(expected::differences(scenario.name, version, kind, calls)?);
    }
    Ok(wrong)
}

/// The same events in another order that an Asterisk might have told them in: of a channel they stay in order, otherwise they move.
fn shaken(heard: &[Heard], chance: &mut Chance) -> Vec<Heard> {
    let mut shaken = Vec::with_capacity(heard.len());
    for pbx in [PbxIx(0), PbxIx(1)] {
        let mut names = HashMap::new();
        let of_pbx = heard.iter().filter(|(_, at_pbx, _)| *at_pbx == pbx);
        let events: Vec<Recorded> =
            of_pbx.map(|(at, _, message)| Recorded::new(*at, message.clone(), &mut names)).collect();
        let moves: Vec<i64> = events.iter().map(|_| chance.among(0, MOVED_MS as u64 + 1) as i64).collect();
        let moved = laws::shaken(&events, &moves);
        shaken.extend(moved.into_iter().map(|event| (event.at, pbx, event.message)));
    }
    shaken.sort_by_key(|(at, ..)| *at);
    shaken
}

/// One event in eight once more, a little later, as two links to a PBX and a look at it may tell it; but not later than what its
/// channel says next in the same millisecond, which only the text of an event tells apart (`ami::Doubles`).
fn said_twice(heard: &[Heard], chance: &mut Chance) -> Vec<Heard> {
    let mut twice: Vec<(usize, &Heard)> = Vec::new();
    for (at, event) in heard.iter().enumerate() {
        twice.push((at * 10, event));
        if chance.among(0, 8) == 0 {
            let (moment, _, message) = event;
            let follows = |(next, _, other): &&Heard| {
                next == moment
                    && ["Uniqueid", "DestUniqueid"]
                        .iter()
                        .any(|id| other.get(id).is_some_and(|id| message.get("Uniqueid") == Some(id)))
            };
            let next = heard[at + 1..].iter().take(8).position(|event| follows(&event)).unwrap_or(8);
            twice.push(((at + 1 + (chance.among(0, 8) as usize).min(next)) * 10 - 5, event));
        }
    }
    twice.sort_by_key(|(place, _)| *place);
    twice.into_iter().map(|(_, event)| event.clone()).collect()
}

/// Uniqueids of the channels of all events of a name.
fn channels(recording: &Recording, event: &str) -> HashSet<String> {
    let text = String::from_utf8_lossy(&recording.bytes);
    let first = format!("Event: {event}\r\n");
    let events = text.split("\r\n\r\n").filter(|block| block.trim_start().starts_with(&first));
    events
        .filter_map(|block| block.lines().find_map(|line| line.strip_prefix("Uniqueid: ")).map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn all_scenarios_with_pjsip_members() -> Result<()> {
    all_at_once(Version::V22, Kind::Pjsip).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn all_scenarios_with_local_members() -> Result<()> {
    all_at_once(Version::V22, Kind::Local).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn all_scenarios_with_pjsip_members_on_asterisk_16() -> Result<()> {
    all_at_once(Version::V16, Kind::Pjsip).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn all_scenarios_with_local_members_on_asterisk_16() -> Result<()> {
    all_at_once(Version::V16, Kind::Local).await
}

/// 21 phones ring in vain for two minutes.
async fn rings_for_minutes(version: Version, kind: Kind) -> Result<()> {
    let lab = Lab::new("minutes")?;
    let scenario: &'static Scenario = ringall_for_minutes();
    let hall = Hall::open(&lab, version, kind, &[scenario]).await?;
    let (played, recordings) = alone(&hall, scenario).await?;
    let told = played.told?;
    let heard = expected::heard(&recordings)?;
    rang_a_crowd(&heard, scenario.name);
    let calls = expected::told_of(&heard)?;
    let [call] = &calls[..] else { panic!("{} calls are told", calls.len()) };
    let [visit] = &call.visits[..] else { panic!("one visit:\n{call}") };
    assert_eq!(visit.exit, Exit::Timeout, "{call}");
    assert_eq!(expected::waits(&told, &[call]), None);
    let rang = told.legs.iter().filter(|leg| leg.direction == "in").count();
    let in_vain = call.attempts.iter().filter(|attempt| attempt.outcome == Outcome::NotAnswered).count();
    assert_eq!((call.attempts.len(), in_vain), (rang, rang), "{call}");
    lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn deep_all_ring_for_minutes_with_pjsip_members() -> Result<()> {
    rings_for_minutes(Version::V22, Kind::Pjsip).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn deep_all_ring_for_minutes_with_local_members() -> Result<()> {
    rings_for_minutes(Version::V22, Kind::Local).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn deep_all_ring_for_minutes_with_pjsip_members_on_asterisk_16() -> Result<()> {
    rings_for_minutes(Version::V16, Kind::Pjsip).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn deep_all_ring_for_minutes_with_local_members_on_asterisk_16() -> Result<()> {
    rings_for_minutes(Version::V16, Kind::Local).await
}
