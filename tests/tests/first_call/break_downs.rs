//! The window dies, the softphone dies, central dies: nobody loses a call by it, and the window says what happened.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use linedesk_tests::lab::sound::compare;
use linedesk_tests::lab::{Caller, Customer, SHORT, Speech, until};

use crate::line::{ANNA, ANNA_INTERFACE, Line};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn the_window_dies_in_a_call_and_the_customer_hears_no_gap() -> Result<()> {
    let mut line = Line::available("window-dies").await?;
    let hers = Speech::new(21, Duration::from_secs(30));
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.answer().await?;
    let answered = customer.answered().await?;
    let mouth = line.desktop.sound.say(&hers)?;
    until("the customer hears Anna", SHORT, async || {
        (compare(&hers, &customer.heard().from(answered).samples()).windows >= 4).then_some(())
    })
    .await?;
    let phone = line.desk.softphones();

    let crashed = Instant::now();
    line.desk.crash().await?;
    until("the window is started again", Duration::from_secs(5), async || {
        (!line.desk.shells().is_empty()).then_some(())
    })
    .await?;
    ensure!(crashed.elapsed() < Duration::from_secs(4), "the window came back after {:?}", crashed.elapsed());
    line.desk.attach_again().await?;
    line.desk.see("[data-part=call][data-phase=talking]").await?;
    ensure!(line.desk.softphones() == phone, "the call's softphone is not the same any more");
    let shown = line.shown_duration().await?;
    let true_one = answered.elapsed();
    ensure!(
        shown.abs_diff(true_one) <= Duration::from_secs(2),
        "the window shows {shown:?}, the customer has talked for {true_one:?}"
    );
    ensure!(customer.is_talking(), "the customer was hung up");
    // From before the crash; the gap between the music and the first word, while the sound device opens, is another matter.
    let heard = customer.heard().from(crashed - Duration::from_secs(1));
    println!("longest gap: {} ms", heard.longest_gap().as_millis());
    ensure!(heard.longest_gap() < Duration::from_millis(150), "the customer heard a gap of {:?}", heard.longest_gap());
    let sound = compare(&hers, &customer.heard().from(crashed).samples());
    ensure!(sound.score > 0.7, "what the customer heard meanwhile is not what Anna said: {sound:?}");

    line.hang_up().await?;
    customer.ended(SHORT).await?;
    drop(mouth);
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn the_softphone_dies_and_is_registered_again() -> Result<()> {
    let line = Line::available("softphone-dies").await?;
    let mark = line.pbx.tap().mark();
    let died = Instant::now();
    let first = line.desk.crash_softphone().await?;
    line.desk.see("[data-part=notice][data-notice=softphone-restarted]").await?;
    line.pbx
        .tap()
        .event_after(mark, SHORT, "a new contact", |event| {
            event.is("ContactStatus") && event.has("AOR", ANNA) && event.has("ContactStatus", "NonQualified")
                || event.is("ContactStatus") && event.has("AOR", ANNA) && event.has("ContactStatus", "Reachable")
        })
        .await?;
    let back = died.elapsed();
    println!("softphone killed to registered: {} ms", back.as_millis());
    ensure!(back < Duration::from_secs(2), "registered again after {back:?}");
    line.desk.see("[data-part=truth-phone][data-state=ok]").await?;
    ensure!(!line.desk.softphones().contains(&first), "the dead softphone still runs");
    // One contact, the new one: a queue rings only what is there.
    let contacts = line.pbx.cli("pjsip show contacts").await?;
    let hers = contacts.lines().filter(|row| row.contains("Contact:") && row.contains("1001/")).count();
    ensure!(hers == 1, "there should be one contact of 1001:\n{contacts}");

    // A call that it carries: the customer is back in the queue, first.
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.answer().await?;
    let mark = line.pbx.tap().mark();
    line.desk.crash_softphone().await?;
    line.pbx
        .tap()
        .event_after(mark, SHORT, "the customer is in the queue again", |event| {
            event.is("QueueCallerJoin") && event.has("Queue", "support") && event.has("Position", "1")
        })
        .await?;
    line.desk.see("[data-part=notice][data-notice=customer-returned]").await?;
    ensure!(customer.is_talking(), "the customer was hung up");
    line.answer().await?;

    // The third death within five minutes: no endless loop, but a way out.
    line.desk.crash_softphone().await?;
    line.desk.see("[data-part=problem][data-problem=softphone-failed]").await?;
    ensure!(line.desk.softphones().is_empty(), "it was started again all the same");
    line.desk.click("[data-do=restart-softphone]").await?;
    line.desk.see("[data-part=truth-phone][data-state=ok]").await?;
    customer.hang_up().await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn central_restarts_and_the_phone_stays() -> Result<()> {
    let mut line = Line::available("central-restarts").await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.answer().await?;
    line.central.crash().await?;
    line.desk.see("[data-part=truth-central][data-state=trouble]").await?;
    line.desk.see("[data-part=problem]").await?;
    line.desk.see("[data-part=truth-phone][data-state=ok]").await?;
    line.desk.see("[data-part=call][data-phase=talking]").await?;
    ensure!(customer.is_talking(), "the customer was hung up");
    line.central.start_again().await?;
    line.desk.see_within("[data-part=truth-central][data-state=ok]", Duration::from_secs(20)).await?;
    line.status_is("available").await?;
    line.desk.see_text("[data-part=queue-name]", "Support").await?;
    line.hang_up().await?;
    customer.ended(SHORT).await?;
    line.pbx.member_until("support", ANNA_INTERFACE, "Anna is still a member", |member| member.is_some()).await?;
    line.lab.done();
    Ok(())
}
