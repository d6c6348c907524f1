//! The lab itself: what the other tests believe of it. Suite `lab`.

use std::time::Duration;

use anyhow::Result;
use linedesk_tests::lab::{Caller, Customer, CustomerEnd, Desktop, Lab, Pbx, Sound, Speech, Version, sound};

const SECOND: Duration = Duration::from_secs(1);

async fn queue_call_and_abandon(version: Version) -> Result<()> {
    let lab = Lab::new("abandon")?;
    let pbx = Pbx::start(&lab, version).await?;
    assert!(pbx.cli("core show version").await?.contains("Asterisk"));
    assert_eq!(pbx.members("support").await?, [], "support begins without members");
    assert_eq!(pbx.members("sales").await?.len(), 3, "sales has static ones");

    let speech = Speech::new(1, 5 * SECOND);
    let mark = pbx.tap().mark();
    let mut customer = Customer::call(&pbx, "700", Caller::default().saying(&speech)).await?;
    customer.answered().await?;
    let joined =
        pbx.tap().event_after(mark, 5 * SECOND, "the customer waits", |event| event.is("QueueCallerJoin")).await?;
    assert_eq!(joined.get("Queue"), Some("support"));
    assert_eq!(joined.get("CallerIDNum"), Some("+74951234567"));
    let uniqueid = joined.get("Uniqueid").expect("an event of a channel").to_owned();

    // Three seconds of the call itself are what is measured.
    tokio::time::sleep(3 * SECOND).await;
    customer.press("42").await?;
    pbx.tap()
        .event_after(mark, 5 * SECOND, "the second key", |event| event.is("DTMFEnd") && event.has("Digit", "2"))
        .await?;
    customer.hang_up().await?;
    assert_eq!(customer.ended(SECOND).await?.1, CustomerEnd::Customer);
    pbx.tap().event_after(mark, 5 * SECOND, "given up", |event| event.is("QueueCallerAbandon")).await?;

    let (said, _) = pbx.recording(&uniqueid)?;
    let comparison = sound::compare(&speech, &said[..24_000.min(said.len())]);
    assert!(comparison.score > 0.9, "what the PBX heard is what the customer said: {comparison:?}");
    let heard = customer.heard();
    assert!(heard.packets.len() > 100, "music while waiting: {} packets", heard.packets.len());
    assert!(heard.longest_gap() < Duration::from_millis(200), "{:?}", heard.longest_gap());
    let music = sound::compare(&Speech::new(0, 20 * SECOND), &heard.samples());
    assert!(music.score > 0.8, "what waits hears the music: {music:?}");
    assert!(sound::compare(&speech, &heard.samples()).score < 0.5, "and not itself");
    pbx.stop().await?;
    lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn a_customer_waits_and_gives_up() -> Result<()> {
    queue_call_and_abandon(Version::V22).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn a_customer_waits_and_gives_up_on_asterisk_16() -> Result<()> {
    queue_call_and_abandon(Version::V16).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn a_pbx_comes_back_after_a_crash() -> Result<()> {
    let lab = Lab::new("crash")?;
    let mut pbx = Pbx::start(&lab, Version::V22).await?;
    pbx.tap().action("QueueAdd", &[("Queue", "support"), ("Interface", "PJSIP/1001"), ("Paused", "true")]).await?;
    let member = pbx
        .member_until("support", "PJSIP/1001", "added and paused", |member| member.is_some_and(|member| member.paused))
        .await?;
    assert_eq!(member.map(|member| member.membership).as_deref(), Some("dynamic"));
    pbx.crash().await?;
    pbx.start_again().await?;
    assert_eq!(pbx.members("support").await?, [], "dynamic members do not survive");
    lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn what_is_said_into_the_card_comes_out_of_it() -> Result<()> {
    let lab = Lab::new("sound")?;
    let sound = Sound::start(&lab, "desktop").await?;
    let speech = Speech::new(7, 4 * SECOND);
    // A recorder on the microphone's side stands for the softphone.
    let ears = sound.listen_to("mic").await?;
    let mut mouth = sound.say(&speech)?;
    mouth.ended(10 * SECOND).await?;
    let heard = ears.stop().await?;
    let found = sound::correlate(&speech.samples()[8_000..24_000], &heard);
    assert!(found.score > 0.95, "{found:?}");
    lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: cargo xtask test --only lab"]
async fn a_desktop_has_a_display_and_a_keyring_and_leaves_nothing_behind() -> Result<()> {
    let lab = Lab::new("desktop")?;
    let directory = lab.path().to_owned();
    let desktop = Desktop::start(&lab).await?;
    let mut look = lab.command("xwininfo");
    assert!(look.arg("-root").envs(desktop.environment()).output().await?.status.success());
    assert!(lab.processes().len() >= 5, "{:?}", lab.processes());
    let bus = desktop.environment().into_iter().find(|(name, _)| *name == "DBUS_SESSION_BUS_ADDRESS");
    let (_, bus) = bus.expect("a desktop has a bus");
    assert!(
        bus.starts_with(&format!("unix:path={}/", directory.display())),
        "its socket stays when it is killed: {bus}"
    );
    lab.done();
    drop((desktop, lab));
    assert!(!directory.exists());
    Ok(())
}
