//! The scenarios of calls: all of them at the same time, on each Asterisk and with each kind of members; each must be told as its
//! file in tests/lab/calls/expected/ says, in whatever order the PBXs may have told it.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context as _, Result, ensure};
use calls::{Call, PbxIx};
use linedesk_tests::lab::calls::expected::Heard;
use linedesk_tests::lab::calls::{Hall, Kind, Played, Recording, Scenario, expected, scenarios, together};
use linedesk_tests::lab::{Lab, Version};

use crate::chance::Chance;
use crate::streams::Recorded;
use crate::streams::laws::{self, MOVED_MS};

/// In so many other orders the same recording is told.
const ORDERS: usize = 20;

/// By so much that moves a time which is told, with what rounding adds.
const MOVED_S: f64 = 0.31;

/// So often with other events said twice.
const REPETITIONS: usize = 5;

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
    assert!(wrong.is_empty(), "{} of {} scenarios are told wrongly:\n{}", wrong.len(), all.len(), wrong.join("\n"));

    let (seed, mut chance) = Chance::new()?;
    for order in 1..=ORDERS {
        let told = expected::told_of(&shaken(&heard, &mut chance))?;
        told_the_same(&all, version, kind, &told, (&sorted, MOVED_S))
            .with_context(|| format!("seed {seed}, order {order}"))?;
    }
    for round in 1..=REPETITIONS {
        let told = expected::told_of(&said_twice(&heard, &mut chance))?;
        told_the_same(&all, version, kind, &told, (&sorted, 0.01))
            .with_context(|| format!("seed {seed}, some said twice, round {round}"))?;
    }
    lab.done();
    Ok(())
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

/// One event in eight once more, a little later, as two links to a PBX and a look at it may tell it.
fn said_twice(heard: &[Heard], chance: &mut Chance) -> Vec<Heard> {
    let mut twice: Vec<(usize, &Heard)> = Vec::new();
    for (at, event) in heard.iter().enumerate() {
        twice.push((at * 10, event));
        if chance.among(0, 8) == 0 {
            twice.push(((at + 1 + chance.among(0, 8) as usize) * 10 - 5, event));
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
