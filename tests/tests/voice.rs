//! What is heard of a call with each codec, and which codec a call has. Suite `softphone`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use linedesk_tests::bench::Console;
use linedesk_tests::bench::voice::Headset;
use linedesk_tests::lab::sound::{self, Speech};
use linedesk_tests::lab::{Caller, Customer, Lab, Pbx, SHORT, Version, until};
use serde_json::json;

const NUMBER: &str = "1001";
/// The PBX answers it with several codecs: with one alone that would be the PBX's own first.
const SEVERAL: &str = "1024";
/// Plays music, and records what the phone says.
const MUSIC: &str = "614";
/// What is listened to, behind a first second that may hold what was there before the call.
const HEARD: usize = sound::RATE as usize * 5;

async fn phone(lab: &Lab, pbx: &Pbx, headset: &Headset, number: &str, codecs: &[&str]) -> Result<Console> {
    let media = json!({ "codecs": codecs, "echo_cancellation": false, "rtp_ports": [42_000, 42_099] });
    let account = [(number, pbx.sip())];
    let environment = headset.environment();
    Console::open_with(lab, "phone", environment, headset.home(), &account, media, &["--sip-trace"]).await
}

async fn dial(phone: &mut Console, number: &str, target: &str) -> Result<()> {
    phone.say(json!({ "do": "dial", "account": number, "target": target })).await?;
    phone.hear("talking", |m| m["event"]["call"]["phase"] == "talking").await.map(drop)
}

/// The recording of the phone's latest call: what it said.
fn said(recordings: &Path) -> Option<Vec<i16>> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(recordings).ok()?.flatten().map(|entry| entry.path()).collect();
    all.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rx-")));
    all.sort_by_key(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok());
    sound::read_raw(all.last()?).ok()
}

async fn heard_both_ways(version: Version, codec: &str) -> Result<()> {
    let lab = Lab::new("codec")?;
    let pbx = Pbx::start(&lab, version).await?;
    let headset = Headset::start(&lab, "headset").await?;
    let mut phone = phone(&lab, &pbx, &headset, NUMBER, &[codec]).await?;

    let speech = Speech::new(31, Duration::from_secs(20));
    let _mouth = headset.sound().say(&speech)?;
    dial(&mut phone, NUMBER, MUSIC).await?;
    let ears = headset.sound().listen().await?;
    ensure!(phone.codec().await? == codec, "another codec");
    let (said, heard) = until("four seconds are heard both ways", SHORT, async || {
        let said = said(&pbx.recordings()).filter(|samples| samples.len() > HEARD)?;
        ears.so_far().ok().filter(|samples| samples.len() > HEARD).map(|heard| (said, heard))
    })
    .await?;
    let what = sound::compare(&speech, &said[sound::RATE as usize..]);
    ensure!(what.score > 0.8, "what the PBX heard is not what was said: {what:?}");
    let what = sound::compare(&Speech::new(0, Duration::from_secs(20)), &heard[sound::RATE as usize..]);
    ensure!(what.score > 0.8, "what was heard is not the music: {what:?}");
    phone.end().await?;
    pbx.stop().await?;
    lab.done();
    Ok(())
}

/// Codec of a call that is made, where the PBX's own order (`allow=`) decides, and of one that comes from a trunk which would
/// rather have PCMA, where ours does.
async fn order(codecs: &[&str], dialled: &str, called: &str) -> Result<()> {
    let lab = Lab::new("order")?;
    let pbx = Pbx::start(&lab, Version::V22).await?;
    let headset = Headset::start(&lab, "headset").await?;
    let mut phone = phone(&lab, &pbx, &headset, SEVERAL, codecs).await?;
    dial(&mut phone, SEVERAL, MUSIC).await?;
    let made = phone.codec().await?;
    ensure!(made == dialled, "{codecs:?}, dialled: {made}");
    phone.say(json!({ "do": "hang-up", "call": 1 })).await?;
    phone.hear("the end", |m| m["event"]["event"] == "call-ended").await?;

    let mut customer = Customer::call(&pbx, SEVERAL, Caller::default()).await?;
    phone.answer().await?;
    customer.answered().await?;
    let came = phone.codec().await?;
    ensure!(came == called, "{codecs:?}, called: {came}");
    customer.hang_up().await?;
    phone.hear("the end", |m| m["event"]["event"] == "call-ended").await?;
    phone.end().await?;
    pbx.stop().await?;

    // Each call is settled by one offer and one answer.
    let trace = std::fs::read_to_string(lab.log("phone")).context("the trace")?;
    let sent = |method: &str| trace.lines().filter(|line| line.starts_with(&format!("{method} sip:"))).count();
    ensure!(sent("INVITE") > 0, "the trace holds no INVITE");
    ensure!(sent("UPDATE") == 0, "an UPDATE after the answer:\n{trace}");
    lab.done();
    Ok(())
}

macro_rules! heard {
    ($($name:ident: $version:expr, $codec:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "needs a lab: cargo xtask test --only softphone"]
        async fn $name() -> Result<()> {
            heard_both_ways($version, $codec).await
        }
    )*};
}

heard! {
    opus_is_heard_both_ways: Version::V22, "opus";
    g722_is_heard_both_ways: Version::V22, "g722";
    pcma_is_heard_both_ways: Version::V22, "pcma";
    pcmu_is_heard_both_ways: Version::V22, "pcmu";
    g722_is_heard_both_ways_on_asterisk_16: Version::V16, "g722";
    pcma_is_heard_both_ways_on_asterisk_16: Version::V16, "pcma";
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only softphone"]
async fn wideband_first_is_wideband_both_ways() -> Result<()> {
    order(&["g722", "pcma"], "g722", "g722").await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only softphone"]
async fn pcmu_first_is_pcmu_for_who_calls() -> Result<()> {
    order(&["pcmu", "pcma", "g722"], "g722", "pcmu").await
}
