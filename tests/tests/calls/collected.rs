//! The real collector beside the PBXs: what it stores of all scenarios is what the assembly tells of a recording of the same minute.

use std::time::Duration;

use anyhow::Result;
use calls::{Call, JoinReason};
use linedesk_tests::lab::calls::{Collected, Hall, Kind, Site, expected, gap, scenarios, together};
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
    let (plain, twice) = (plain.calls(&hall).await?, twice.calls(&hall).await?);
    let mut wrong = differences(&heard, &plain);
    wrong
        .extend(differences(&heard, &twice).iter().map(|wrong| format!("with two links, of which one broke: {wrong}")));
    assert!(wrong.is_empty(), "{} of {} calls are stored otherwise:\n{}", wrong.len(), heard.len(), wrong.join("\n"));
    // Without the header the Call-ID joins the halves, for certain: central asks for it on the lines between its PBXs.
    let probable = |call: &&Call| call.joins.iter().any(|join| join.reason == JoinReason::NumberAndTime);
    let certain = |call: &&Call| call.joins.iter().any(|join| join.reason == JoinReason::SipCallId);
    for stored in [&plain, &twice] {
        let probable: String = stored.iter().filter(probable).map(ToString::to_string).collect();
        assert!(probable.is_empty(), "joined by numbers and times:\n{probable}");
        assert!(stored.iter().filter(certain).count() >= 3, "calls without the header are joined by their Call-ID");
    }
    lab.done();
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
