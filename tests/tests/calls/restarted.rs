//! A PBX ends in the middle of calls and is started again: nobody heard how they ended, and channels have their old names again.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use linedesk_tests::lab::calls::{Collected, Hall, Kind, Scenario, Stage, expected, named};
use linedesk_tests::lab::{Lab, Version};

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// As by a power failure.
    Crash,
    /// In order: it hangs up everybody before.
    Stop,
}

async fn restarted(how: How) -> Result<()> {
    let lab = Lab::new("restarted")?;
    let offices = named(&["answered-customer-ends", "abandoned", "answered-agent-ends"]);
    let office = |name: &str| -> Result<&'static Scenario> {
        offices.iter().copied().find(|scenario| scenario.name == name).context("a scenario has another name now")
    };
    let mut hall = Hall::open(&lab, Version::V22, Kind::Pjsip, &offices).await?;
    let collected = Collected::start(&lab, "central", &hall, &offices).await?;

    let talk = Stage::open(office("answered-customer-ends")?, &hall);
    let (ivan, anna) = (talk.customer(1), talk.operator(1).await?);
    let _talking = talk.connects(&ivan, &anna).await?;
    let wait = Stage::open(office("abandoned")?, &hall);
    let (petr, olga) = (wait.customer(1), wait.operator(1).await?);
    let _waiting = wait.join(&petr, 1).await?;
    olga.rings().await?;
    wait.passes(1_000).await;
    // All of it was heard.
    collected.caught_up(&hall).await?;
    drop((talk, wait));

    let pbx = &mut Arc::get_mut(&mut hall).context("somebody else holds the hall")?.a.pbx;
    match how {
        How::Crash => pbx.crash().await?,
        How::Stop => pbx.restart().await?,
    }
    let ended_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    if how == How::Crash {
        pbx.start_again().await?;
    }
    collected.caught_up(&hall).await?;
    Stage::play(office("answered-agent-ends")?, &hall).await?;

    let stored = collected.calls(&hall).await?;
    let sorted = expected::by_scenario(&stored, &offices);
    let mut wrong = Vec::new();
    for scenario in &offices {
        let calls = sorted.get(scenario.name).map(Vec::as_slice).unwrap_or_default();
        let word = if how == How::Crash { "crash" } else { "stop" };
        // The call after it is told as ever.
        wrong.extend(match scenario.name {
            name @ "answered-agent-ends" => expected::differences(name, Version::V22, Kind::Pjsip, calls)?,
            name => expected::differences_from(&format!("disturbed/{word}-{name}"), Version::V22, Kind::Pjsip, calls)?,
        });
        if scenario.name != "answered-agent-ends" {
            wrong.extend(
                calls
                    .iter()
                    .filter(|call| call.ended_ms.is_none_or(|ended| ended > ended_ms))
                    .map(|call| format!("ended after the PBX did:\n{call}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(stored.len(), 3, "no call was joined with another, and none was told twice");
    lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn a_pbx_that_crashes_ends_its_calls_when_it_was_heard_last() -> Result<()> {
    restarted(How::Crash).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn a_pbx_that_is_restarted_in_order_ends_its_calls() -> Result<()> {
    restarted(How::Stop).await
}
