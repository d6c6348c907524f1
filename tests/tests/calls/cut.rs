//! The link between central and the PBXs breaks in the middle of calls: what is told of them is what can be known.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use linedesk_tests::lab::calls::gap::{Gap, contradictions};
use linedesk_tests::lab::calls::{Collected, Hall, Kind, Site, expected, named, scenarios, together};
use linedesk_tests::lab::{AmiEvent, Lab, SHORT, Version};

use crate::chance::Chance;

/// What the PBX said so shortly before the cut may be lost on its way: a busy machine reads late.
const BEFORE_MS: i64 = 1_000;

/// The lists have come so long after the link stands.
const AFTER_MS: i64 = 1_500;

/// All scenarios at the same time, and beside them several centrals, each of which hears nothing for a while.
async fn cut_in_the_middle(version: Version, kind: Kind) -> Result<()> {
    const CUTS: u64 = 3;
    let (seed, mut chance) = Chance::new()?;
    let lab = Lab::new("cut")?;
    let all = scenarios();
    let hall = Hall::open(&lab, version, kind, &all).await?;
    let mut centrals = Vec::new();
    for number in 0..CUTS {
        centrals.push(Collected::start(&lab, &format!("central-{number}"), &hall, &all).await?);
    }
    let cuts: Vec<(u64, u64)> = (0..CUTS)
        .map(|number| (chance.among(500 + number * 2_500, 3_000 + number * 2_500), chance.among(1_000, 3_000)))
        .collect();
    let cutting = async {
        let cut = centrals.iter().zip(&cuts).map(|(collected, (after, lasts))| cut(collected, *after, *lasts));
        futures_util::future::try_join_all(cut).await
    };
    let (gaps, played) = tokio::join!(cutting, together(&hall, &all, |_| ()));
    let (gaps, (played, recordings)) = (gaps?, played?);
    assert!(played.iter().all(|played| played.told.is_ok()), "all went as it should");
    let was = expected::told(&recordings)?;
    let mut wrong = Vec::new();
    for ((collected, gap), (after, lasts)) in centrals.iter().zip(gaps).zip(&cuts) {
        let found = contradictions(&was, &collected.calls(&hall).await?, gap);
        eprintln!("cut {after} ms after the begin for {lasts} ms: {} calls are told wrongly", found.len());
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "seed {seed}: {} calls are told wrongly:\n{}", wrong.len(), wrong.join("\n"));
    lab.done();
    Ok(())
}

/// Cuts at one moment of one scenario, and how it is told then: tests/lab/calls/disturbed/.
struct Fixed {
    file: &'static str,
    scenario: &'static str,
    /// The event upon which the link breaks.
    when: &'static str,
    /// So long after it,
    after_ms: u64,
    /// and for so long.
    lasts_ms: u64,
}

const FIXED: [Fixed; 4] = [
    // It is back while it still rings: nothing of it is missing.
    Fixed { file: "cut-while-it-rings", scenario: "abandoned", when: "AgentCalled", after_ms: 200, lasts_ms: 500 },
    Fixed {
        file: "cut-before-the-answer",
        scenario: "answered-customer-ends",
        when: "AgentCalled",
        after_ms: 200,
        lasts_ms: 5_000,
    },
    Fixed { file: "cut-on-hold", scenario: "hold-by-operator", when: "Hold", after_ms: 300, lasts_ms: 5_000 },
    Fixed {
        file: "cut-after-a-transfer",
        scenario: "blind-to-operator",
        when: "BlindTransfer",
        after_ms: 200,
        lasts_ms: 5_000,
    },
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn a_call_is_told_as_far_as_it_was_heard() -> Result<()> {
    let lab = Lab::new("fixed")?;
    let offices = named(&FIXED.map(|fixed| fixed.scenario));
    let hall = Hall::open(&lab, Version::V22, Kind::Pjsip, &offices).await?;
    let mut centrals = Vec::new();
    for fixed in &FIXED {
        centrals.push(Collected::start(&lab, fixed.file, &hall, &offices).await?);
    }
    let tap = hall.a.pbx.tap();
    let mark = tap.mark();
    let cutting = centrals.iter().zip(&FIXED).map(async |(collected, fixed)| {
        let of_scenario = |event: &AmiEvent| {
            let own = offices.iter().find(|scenario| scenario.name == fixed.scenario).expect("it was found above");
            let number = own.phone(Site::A, 1);
            let channel = format!("PJSIP/{number}-");
            let queue = event.has("Queue", fixed.scenario);
            let named = |key| event.get(key).is_some_and(|name| name.starts_with(&channel));
            event.is(fixed.when) && (queue || named("TransfererChannel") || named("Channel"))
        };
        tap.event_after(mark, SHORT, fixed.when, of_scenario).await?;
        cut(collected, fixed.after_ms, fixed.lasts_ms).await
    });
    let (cut, played) = tokio::join!(futures_util::future::try_join_all(cutting), together(&hall, &offices, |_| ()));
    cut?;
    assert!(played?.0.iter().all(|played| played.told.is_ok()), "all went as it should");
    let mut wrong = Vec::new();
    for (collected, fixed) in centrals.iter().zip(&FIXED) {
        let stored = collected.calls(&hall).await?;
        let sorted = expected::by_scenario(&stored, &offices);
        let calls = sorted.get(fixed.scenario).map(Vec::as_slice).unwrap_or_default();
        wrong.extend(expected::differences_from(
            &format!("disturbed/{}", fixed.file),
            Version::V22,
            Kind::Pjsip,
            calls,
        )?);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    lab.done();
    Ok(())
}

/// Cuts both links at some time after now and joins them again; when nothing was heard.
async fn cut(collected: &Collected, after_ms: u64, lasts_ms: u64) -> Result<Gap> {
    tokio::time::sleep(Duration::from_millis(after_ms)).await;
    let from_ms = now_ms()? - BEFORE_MS;
    collected.cut(&Site::BOTH);
    tokio::time::sleep(Duration::from_millis(lasts_ms)).await;
    collected.mend(&Site::BOTH);
    collected.linked().await?;
    Ok(Gap { from_ms, to_ms: now_ms()? + AFTER_MS })
}

fn now_ms() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn deep_a_cut_link_makes_no_call_wrong_with_pjsip_members() -> Result<()> {
    cut_in_the_middle(Version::V22, Kind::Pjsip).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn deep_a_cut_link_makes_no_call_wrong_with_local_members_on_asterisk_16() -> Result<()> {
    cut_in_the_middle(Version::V16, Kind::Local).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn deep_a_cut_link_makes_no_call_wrong_with_local_members() -> Result<()> {
    cut_in_the_middle(Version::V22, Kind::Local).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only calls"]
async fn deep_a_cut_link_makes_no_call_wrong_with_pjsip_members_on_asterisk_16() -> Result<()> {
    cut_in_the_middle(Version::V16, Kind::Pjsip).await
}
