//! A call that is answered by itself, and those that are not.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use linedesk_tests::lab::sound::{RATE, find_tone};
use linedesk_tests::lab::{AmiEvent, Caller, Customer, SHORT, Speech, Version, until};

use crate::line::{ANNA, Line, hears, rings_anna};
use crate::sound_settings;

/// Long for a workstation that answers within a moment of knowing what it has to.
const NEVER: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_queue_call_is_answered_by_itself_and_says_so() -> Result<()> {
    let line = under_the_rule("by-itself").await?;
    choose_the_microphone(&line).await?;
    let (his, hers) = (Speech::new(31, Duration::from_secs(7)), Speech::new(32, Duration::from_secs(12)));
    // He is silent while it beeps, then speaks, then she does.
    let mut waits = vec![0; 3 * RATE as usize];
    waits.extend(his.samples());
    waits.resize(20 * RATE as usize, 0);

    let ears = line.desktop.sound.listen().await?;
    let mark = line.pbx.tap().mark();
    let caller = Caller::default().saying(&Speech::from_samples(waits));
    let mut customer = Customer::call(&line.pbx, "700", caller).await?;
    let rings = line.pbx.tap().event_after(mark, SHORT, "Anna's phone rings", rings_anna).await?;
    let answered = line.pbx.tap().event_after(mark, SHORT, "it is answered", answers).await?;
    println!("answered by itself after {} ms", answered.wall.duration_since(rings.wall)?.as_millis());
    line.desk.see("[data-part=call][data-phase=talking] [data-part=by-itself]").await?;

    until("Anna hears the beep", SHORT, async || {
        let heard = ears.so_far().ok()?;
        let (low, high) = (find_tone(660.0, LOW, &heard), find_tone(990.0, HIGH, &heard));
        (low.score > 0.8 && high.score > 0.8 && low.lag < high.lag).then_some(())
    })
    .await?;
    drop(ears);
    let ears = line.desktop.sound.listen().await?;
    hears("Anna hears the customer", &his, || ears.so_far()).await?;
    let (speaks, _mouth) = (Instant::now(), line.desktop.sound.say(&hers)?);
    hears("the customer hears Anna", &hers, || Ok(customer.heard().from(speaks).samples())).await?;
    line.hang_up().await?;
    customer.ended(SHORT).await?;

    // One that does not come by a queue is for her to answer.
    let mark = line.pbx.tap().mark();
    let mut friend = Customer::call(&line.pbx, ANNA, Caller::default().named("Friend")).await?;
    line.desk.see_text("[data-part=call][data-phase=ringing] [data-part=caller]", "Friend").await?;
    rings_on(&line, mark, "a direct call").await?;
    line.answer().await?;
    line.desk.see_no("[data-part=by-itself]").await?;
    friend.hang_up().await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn nobody_is_heard_unawares() -> Result<()> {
    let line = under_the_rule("unawares").await?;
    let mark = line.pbx.tap().mark();
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    // Now the workstation knows all it needs, and the microphone is whatever the system prefers.
    line.desk.see_text("[data-part=call][data-phase=ringing] [data-part=queue-name]", "Support").await?;
    rings_on(&line, mark, "a call to the system's microphone").await?;

    // The right microphone, but she has gone away meanwhile.
    line.desk.click("[data-part=status]").await?;
    line.desk.click("[data-do^=\"status-break-\"]").await?;
    line.status_is("break").await?;
    choose_the_microphone(&line).await?;
    rings_on(&line, mark, "a call in a break").await?;

    // Back at her desk there is nothing left that speaks against it.
    line.choose_status("available").await?;
    line.desk.see("[data-part=call][data-phase=talking] [data-part=by-itself]").await?;
    customer.hang_up().await?;
    line.lab.done();
    Ok(())
}

/// Of the beep's two tones; each begins and ends softly.
const LOW: Duration = Duration::from_millis(90);
const HIGH: Duration = Duration::from_millis(140);

/// The administrator wants queue calls to be answered by themselves.
async fn under_the_rule(name: &str) -> Result<Line> {
    let rule = "\n[tenant.softphone]\nauto_answer = \"queue-calls\"\n";
    Line::available_in(name, Version::V22, |office| office.more = rule.to_owned()).await
}

/// Until the softphone says that it is chosen.
async fn choose_the_microphone(line: &Line) -> Result<()> {
    sound_settings::open(line).await?;
    line.desk.see("[data-part=auto-answer-note]").await?;
    line.desk.choose("[data-part=capture]", sound_settings::MICROPHONE).await?;
    line.desk.see_no("[data-part=auto-answer-note]").await
}

fn answers(event: &AmiEvent) -> bool {
    event.is("Newstate")
        && event.has("ChannelStateDesc", "Up")
        && event.get("Channel").is_some_and(|channel| channel.starts_with("PJSIP/1001-"))
}

async fn rings_on(line: &Line, mark: usize, what: &str) -> Result<()> {
    let answered = line.pbx.tap().event_after(mark, NEVER, "an answer", answers).await;
    ensure!(answered.is_err(), "{what} was answered by itself");
    line.desk.see("[data-part=call][data-phase=ringing]").await
}
