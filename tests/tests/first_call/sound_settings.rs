//! The page of sound: what it lists, what it tries, and what it keeps.

use std::time::Duration;

use anyhow::Result;
use linedesk_tests::lab::sound::find_tone;
use linedesk_tests::lab::{Desk, Ears, SHORT, Speech, until};
use serde_json::json;

use crate::line::Line;

/// The devices of the lab's card, as people read them.
pub const MICROPHONE: &str = "VirtualMic";
const LOUDSPEAKER: &str = "VirtualSpeaker";
const SECOND_LOUDSPEAKER: &str = "MicFeed";
const PLUGGED_IN: &str = "PluggedIn";

/// By the menu with her name.
pub async fn open(line: &Line) -> Result<()> {
    open_in(&line.desk).await
}

async fn open_in(desk: &Desk) -> Result<()> {
    desk.click("[data-part=me]").await?;
    desk.click("[data-do=sound-devices]").await?;
    desk.see("[data-part=sound-devices]").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn sound_is_tried_before_the_first_call() -> Result<()> {
    let line = Line::available("sound-tests").await?;
    let (desk, sound) = (&line.desk, &line.desktop.sound);
    open(&line).await?;
    // What comes back is what she says: the canceller would take it for what it is.
    desk.choose("[data-part=echo]", "Off").await?;

    desk.click("[data-do=test-level]").await?;
    desk.see("[data-part=level]").await?;
    level(&line, "nobody speaks", "level < 25").await?;
    let mouth = sound.say(&Speech::new(41, Duration::from_secs(10)))?;
    level(&line, "she is heard", "level > 60").await?;
    desk.see_text("[data-part=sound-speaking]", "Heard well").await?;
    drop(mouth);
    level(&line, "she is silent again", "level < 25").await?;
    desk.click("[data-do=test-level]").await?;
    desk.see_no("[data-part=level]").await?;

    let ears = sound.listen().await?;
    desk.click("[data-do=test-tone]").await?;
    hears_the_tone(&ears, 440.0).await?;
    ears.stop().await?;

    let ears = sound.listen().await?;
    desk.click("[data-do=test-record]").await?;
    desk.see("[data-part=record-steps][data-step=recording]").await?;
    let mouth = sound.say(&Speech::tone(780.0, Duration::from_secs(8)))?;
    desk.see("[data-part=record-steps][data-step=playing]").await?;
    drop(mouth);
    hears_the_tone(&ears, 780.0).await?;
    desk.see_no("[data-part=record-steps]").await?;
    ears.stop().await?;

    desk.click("[data-do=echo-call]").await?;
    desk.see("[data-part=call][data-phase=talking]").await?;
    let ears = sound.listen().await?;
    let _mouth = sound.say(&Speech::tone(620.0, Duration::from_secs(12)))?;
    hears_the_tone(&ears, 620.0).await?;
    line.hang_up().await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn the_devices_are_those_of_this_machine_and_the_choice_outlives_the_program() -> Result<()> {
    let line = Line::available("sound-devices").await?;
    open(&line).await?;
    let system = |device: &str| format!("As the system chooses: {device}");
    offers(&line, "capture", &[&system(MICROPHONE), MICROPHONE]).await?;
    let loudspeakers = [&system(LOUDSPEAKER), LOUDSPEAKER, SECOND_LOUDSPEAKER, PLUGGED_IN];
    offers(&line, "playback", &loudspeakers[..3]).await?;
    line.desktop.sound.plug_loudspeaker(PLUGGED_IN).await?;
    offers(&line, "playback", &loudspeakers).await?;

    line.desk.choose("[data-part=capture]", MICROPHONE).await?;
    line.desk.choose("[data-part=playback]", SECOND_LOUDSPEAKER).await?;
    plays_on_the_second(&line, &line.desk).await?;

    line.desk.click("[data-part=me]").await?;
    line.desk.click("[data-do=quit]").await?;
    until("the shell has ended", SHORT, async || line.desk.shells().is_empty().then_some(())).await?;
    until("the softphone has ended", SHORT, async || line.desk.softphones().is_empty().then_some(())).await?;
    let desk = Desk::open(&line.lab, &line.desktop).await?;
    desk.see("[data-part=truth-phone][data-state=ok]").await?;
    open_in(&desk).await?;
    for (part, device) in [("capture", MICROPHONE), ("playback", SECOND_LOUDSPEAKER)] {
        let chosen = "return document.querySelector(arguments[0])?.selectedOptions[0]?.text === arguments[1]";
        let part = format!("[data-part={part}]");
        desk.page_until(&format!("{device} is still chosen"), SHORT, chosen, vec![json!(part), json!(device)]).await?;
    }
    plays_on_the_second(&line, &desk).await?;
    line.lab.done();
    Ok(())
}

/// The meter of the microphone comes to show this.
async fn level(line: &Line, what: &str, is: &str) -> Result<()> {
    let script = format!(
        "const level = Number(document.querySelector('[data-part=level]')?.getAttribute('aria-valuenow') ?? NaN); \
         return {is}"
    );
    line.desk.page_until(&format!("the level says that {what}"), SHORT, &script, vec![]).await.map(drop)
}

/// Exactly these, in whatever order the sound server tells them, the system's first.
async fn offers(line: &Line, part: &str, devices: &[&str]) -> Result<()> {
    let script = "const [first, ...others] = [...document.querySelectorAll(`[data-part=${arguments[0]}] option`)].map(o => o.text); \
                  return JSON.stringify([first, ...others.sort()]) === JSON.stringify(arguments[1])";
    let mut sorted = devices.to_vec();
    sorted[1..].sort_unstable();
    let what = format!("{part} offers {sorted:?}");
    line.desk.page_until(&what, SHORT, script, vec![json!(part), json!(sorted)]).await.map(drop)
}

/// The tone of the test, into what calls are heard with.
async fn plays_on_the_second(line: &Line, desk: &Desk) -> Result<()> {
    let ears = line.desktop.sound.listen_to("micsink.monitor").await?;
    desk.click("[data-do=test-tone]").await?;
    hears_the_tone(&ears, 440.0).await
}

async fn hears_the_tone(ears: &Ears, hz: f64) -> Result<()> {
    until("the tone is heard", SHORT, async || {
        (find_tone(hz, Duration::from_millis(300), &ears.so_far().ok()?).score > 0.8).then_some(())
    })
    .await
}
