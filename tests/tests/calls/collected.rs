//! The real collector beside the PBXs: what it stores of all scenarios is what the assembly tells of a recording of the same minute.

use std::time::Duration;

use anyhow::{Context as _, Result};
use calls::{Call, JoinReason};
use linedesk_tests::lab::calls::{Collected, HOLDERS, Hall, Kind, Played, Site, expected, gap, scenarios, together};
use linedesk_tests::lab::{Lab, Version};

/// Clocks are compared no better than this under load, and a text has tenths.
const CLOSE_S: f64 = 0.35;

/// Two centrals: one has a link to each PBX; for the other they are mirrors, with two links to each, of which one breaks.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn central_stores_each_call_once_as_it_was() -> Result<()> {
    let lab = Lab::new("collected")?;
    let all = scenarios();
    let hall = Hall::open(&lab, Version::V22, Kind::Pjsip, &all).await?;
    let plain = Collected::start(&lab, "central", &hall, &all).await?;
    let twice = Collected::start_by(&lab, "twice", &hall, &all, 2, true).await?;
    let cutting = async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        // Commands and lists went by this one.
        Site::BOTH.iter().for_each(|site| twice.cut_link(*site, 0));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        twice.mend(&Site::BOTH);
        twice.linked().await?;
        Site::BOTH.iter().for_each(|site| twice.cut_link(*site, 1));
        anyhow::Ok(())
    };
    let (cut, played) = tokio::join!(cutting, together(&hall, &all, |_| ()));
    cut?;
    let (played, recordings) = played?;
    assert!(played.iter().all(|played| played.told.is_ok()), "all went as it should");
    let heard = expected::told(&recordings)?;
    assert!(heard.len() >= all.len(), "there were calls");
    let (once, doubled) = (plain.calls(&hall).await?, twice.calls(&hall).await?);
    let mut wrong = differences(&heard, &once);
    wrong.extend(
        differences(&heard, &doubled).iter().map(|wrong| format!("with two links, of which one broke: {wrong}")),
    );
    assert!(wrong.is_empty(), "{} of {} calls are stored otherwise:\n{}", wrong.len(), heard.len(), wrong.join("\n"));
    let own_time = |call: &Call| {
        let clock = |pbx| call.clocks.iter().find(|clock| clock.pbx == pbx);
        call.parties.iter().all(|party| clock(party.pbx).is_some_and(|clock| clock.ahead_ms.abs() < 1_000))
    };
    assert!(once.iter().chain(&doubled).all(own_time), "the PBX's own time can be told of each call");
    // Without the header the Call-ID joins the halves, for certain: central asks for it on the lines between its PBXs.
    let probable = |call: &&Call| call.joins.iter().any(|join| join.reason == JoinReason::NumberAndTime);
    let certain = |call: &&Call| call.joins.iter().any(|join| join.reason == JoinReason::SipCallId);
    for stored in [&once, &doubled] {
        let probable: String = stored.iter().filter(probable).map(ToString::to_string).collect();
        assert!(probable.is_empty(), "joined by numbers and times:\n{probable}");
        assert!(stored.iter().filter(certain).count() >= 3, "calls without the header are joined by their Call-ID");
    }
    // For the first central the phone at the second PBX is another one, which is nobody's.
    whose(&plain, &played, 1).await?;
    whose(&twice, &played, 2).await?;
    lab.done();
    Ok(())
}

/// Calls are told as those of who has the phone, be it a softphone or on the desk; and a softphone's are found by its Call-ID. The
/// phone that is registered at both PBXs had so many.
async fn whose(stored: &Collected, played: &[Played], mirrored: usize) -> Result<()> {
    let list = stored.central.run(&["call", "list", "2000-01-01", "2100-01-01"], "").await?;
    assert_eq!(list.matches("  s@menu-58: menu\n").count(), 1, "by the rule of the house, in\n{list}");
    for holder in &HOLDERS {
        let played = played.iter().find(|played| played.scenario.name == holder.scenario).context("it was played")?;
        let number = played.scenario.phone(Site::A, 1);
        let line = format!("  at PJSIP/{number}: {}\n", holder.name);
        let calls = if holder.scenario == "mirrored-phone" { mirrored } else { 1 };
        assert_eq!(list.matches(&line).count(), calls, "{line}in\n{list}");
        let legs = played.told.iter().flat_map(|told| &told.legs).filter(|leg| leg.phone == number);
        for leg in legs.take(calls).filter(|_| holder.is_softphone) {
            let found = stored.central.run(&["call", "show", "--sip-call-id", &leg.call_id], "").await?;
            assert!(found.contains(&line) && found.matches(", revision ").count() == 1, "no {line}in\n{found}");
        }
    }
    Ok(())
}

/// Between what was heard and what is stored, in words.
fn differences(heard: &[Call], stored: &[Call]) -> Vec<String> {
    let mut wrong = Vec::new();
    for call in heard {
        match gap::of_channels(call, stored)[..] {
            [stored] if expected::told_alike(call, stored, CLOSE_S) => {}
            [] => wrong.push(format!("not stored:\n{call}")),
            ref stored => wrong.extend(stored.iter().map(|stored| format!("was\n{call}and is stored as\n{stored}"))),
        }
    }
    if stored.len() != heard.len() {
        wrong.push(format!("there were {} calls, and {} are stored", heard.len(), stored.len()));
    }
    wrong
}
