//! The scenarios of calls: all of them at the same time, on each Asterisk and with each kind of members; each must be told as its
//! file in tests/lab/calls/expected/ says, in whatever order the PBXs may have told it.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use calls::{Call, PbxIx};
use linedesk_tests::lab::calls::expected::Heard;
use linedesk_tests::lab::calls::{Hall, Kind, Played, Recording, Scenario, expected, scenarios, together};
use linedesk_tests::lab::{Lab, Version};

use crate::chance::Chance;
use crate::streams::Recorded;
use crate::streams::laws::{self, MOVED_MS};

/// In so many other orders the same recording is told.
const ORDERS: usize = 20;

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
    for Played { scenario, told, .. } in &played {
        let calls = sorted.get(scenario.name).map(Vec::as_slice).unwrap_or_default();
        wrong.extend(told.iter().flat_map(|told| expected::waits(told, calls)));
    }
    assert!(wrong.is_empty(), "{} of {} scenarios are told wrongly:\n{}", wrong.len(), all.len(), wrong.join("\n"));

    let (seed, mut chance) = Chance::new()?;
    for order in 1..=ORDERS {
        let calls = expected::told_of(&shaken(&heard, &mut chance))?;
        let wrong = differences(&all, version, kind, &calls)?;
        let count = wrong.len();
        assert!(wrong.is_empty(), "seed {seed}, order {order}: {count} are told otherwise:\n{}", wrong.join("\n"));
    }
    lab.done();
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
