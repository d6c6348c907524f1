//! The scenarios of calls: all of them at the same time, on each Asterisk and with each kind of members; each must be told as its
//! file in tests/lab/calls/expected/ says.

use std::collections::HashSet;

use anyhow::Result;
use linedesk_tests::lab::calls::{Hall, Kind, Recording, expected, scenarios, together};
use linedesk_tests::lab::{Lab, Version};

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
    let calls = expected::told(&recordings)?;
    let sorted = expected::by_scenario(&calls, &all);
    let mut wrong = Vec::new();
    for scenario in &all {
        let calls = sorted.get(scenario.name).map(Vec::as_slice).unwrap_or_default();
        wrong.extend(expected::differences(scenario.name, version, kind, calls)?);
        let played = played.iter().find(|played| played.scenario.name == scenario.name);
        if let Some(Ok(told)) = played.map(|played| &played.told) {
            wrong.extend(expected::waits(told, calls));
        }
    }
    assert!(wrong.is_empty(), "{} of {} scenarios are told wrongly:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    lab.done();
    Ok(())
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
