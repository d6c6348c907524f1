//! Sign in, take a call, hold it, press keys, hang up, take the next; breaks and queues.

use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use linedesk_tests::lab::{Caller, Customer, SHORT, Speech, Version, until};

use crate::line::{ANNA_INTERFACE, Line, hears, rings_anna};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn asterisk_22_an_operator_takes_calls_from_a_queue() -> Result<()> {
    takes_calls_from_a_queue(Version::V22).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn asterisk_16_an_operator_takes_calls_from_a_queue() -> Result<()> {
    takes_calls_from_a_queue(Version::V16).await
}

async fn takes_calls_from_a_queue(version: Version) -> Result<()> {
    let line = Line::available_in("queue-call", version, |office| office.after_call_s = 15).await?;
    let shown = line.pbx.cli("queue show support").await?;
    ensure!(shown.contains("PJSIP/1001"), "`queue show support` does not list Anna:\n{shown}");

    // He speaks first, then she does: what an echo canceller does when both speak at once is not the question here.
    let his = Speech::new(12, Duration::from_secs(4));
    let hers = Speech::new(11, Duration::from_secs(8));
    let mut then_silent = his.samples().to_vec();
    then_silent.resize(then_silent.len() * 5, 0);
    let ears = line.desktop.sound.listen().await?;
    let mark = line.pbx.tap().mark();
    let caller = Caller::default().saying(&Speech::from_samples(then_silent));
    let mut customer = Customer::call(&line.pbx, "700", caller).await?;
    rings_in_time(&line, mark).await?;
    line.desk.see_text("[data-part=queue-name]", "Support").await?;
    line.desk.see("[data-part=waited]").await?;
    line.desk.see_text("[data-part=caller]", "Customer Ivanov").await?;

    // Music on hold is not what he is to be compared with.
    let answered = line.pbx.tap().mark();
    line.answer().await?;
    line.pbx.tap().event_after(answered, SHORT, "both are in one bridge", |event| event.is("BridgeEnter")).await?;
    hears("Anna hears the customer", &his, || ears.so_far()).await?;
    drop(ears);

    let speaks = Instant::now();
    let mouth = line.desktop.sound.say(&hers)?;
    hears("the customer hears Anna", &hers, || Ok(customer.heard().from(speaks).samples())).await?;
    drop(mouth);

    hold_and_resume(&line).await?;
    keys_arrive(&line, &customer).await?;
    line.hang_up().await?;
    customer.ended(SHORT).await?;

    // The next call, once the after-call work is cut short.
    line.status_is("after-call").await?;
    line.choose_status("available").await?;
    line.status_is("available").await?;
    let mut next = Customer::call(&line.pbx, "700", Caller::default().numbered("+74957654321").named("Next")).await?;
    line.answer().await?;
    line.desk.see_text("[data-part=caller]", "Next").await?;
    next.hang_up().await?;
    line.desk.see_no("[data-part=call]").await?;
    line.lab.done();
    Ok(())
}

/// The card is rendered within 300 ms of Asterisk's ring: the PBX's event on the same machine's clock, against the page's.
async fn rings_in_time(line: &Line, mark: usize) -> Result<()> {
    let ring = line.pbx.tap().event_after(mark, SHORT, "Anna's phone rings", rings_anna).await?;
    line.desk.see("[data-part=call][data-phase=ringing]").await?;
    let script = "const marks = performance.getEntriesByName('ringing'); \
                  return marks.length ? performance.timeOrigin + marks[marks.length - 1].startTime : null";
    let rendered = line.desk.page_until("the page's mark of the ring", SHORT, script, vec![]).await?;
    let rendered = rendered.as_f64().context("a time")?;
    let rang = ring.wall.duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0;
    let latency = rendered - rang;
    println!("ring latency: {latency:.0} ms");
    ensure!(latency < 300.0, "the window rang {latency:.0} ms after the PBX");
    Ok(())
}

async fn hold_and_resume(line: &Line) -> Result<()> {
    let mark = line.pbx.tap().mark();
    line.desk.click("[data-do=hold]").await?;
    line.desk.see("[data-part=call][data-phase=held]").await?;
    line.pbx.tap().event_after(mark, SHORT, "the hold at the PBX", |event| event.is("Hold")).await?;
    line.desk.click("[data-do=resume]").await?;
    line.desk.see("[data-part=call][data-phase=talking]").await?;
    line.pbx.tap().event_after(mark, SHORT, "the end of the hold at the PBX", |event| event.is("Unhold")).await?;
    Ok(())
}

async fn keys_arrive(line: &Line, customer: &Customer) -> Result<()> {
    let mark = line.pbx.tap().mark();
    line.desk.click("[data-do=keypad]").await?;
    for digit in ["4", "2", "7"] {
        line.desk.click(&format!("[data-do=\"digit-{digit}\"]")).await?;
    }
    for digit in ["4", "2", "7"] {
        line.pbx
            .tap()
            .event_after(mark, SHORT, &format!("the key {digit} at the PBX"), |event| {
                event.is("DTMFEnd") && event.has("Digit", digit) && event.has("Direction", "Received")
            })
            .await?;
    }
    until("the customer hears the keys", SHORT, async || (customer.heard().keys == "427").then_some(()))
        .await
        .map_err(|error| error.context(format!("heard {:?}", customer.heard().keys)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_break_is_a_pause_with_its_reason_and_ends() -> Result<()> {
    let line = Line::available("break").await?;
    line.desk.click("[data-part=status]").await?;
    line.desk.see("[data-do^=\"status-break-\"]").await?;
    line.desk.click("[data-do^=\"status-break-\"]").await?;
    line.status_is("break").await?;
    let member = line
        .pbx
        .member_until("support", ANNA_INTERFACE, "Anna is paused with a reason", |member| {
            member.is_some_and(|member| member.paused && !member.reason.is_empty())
        })
        .await?;
    let shown = line.desk.text("[data-part=status]").await?;
    let reason = member.map(|member| member.reason).unwrap_or_default();
    ensure!(shown.contains(&reason), "the PBX says {reason:?}, the window {shown:?}");
    line.choose_status("available").await?;
    line.pbx
        .member_until("support", ANNA_INTERFACE, "Anna is free again", |member| {
            member.is_some_and(|member| !member.paused)
        })
        .await?;
    line.status_is("available").await?;
    line.lab.done();
    Ok(())
}

/// Dynamic members go and come; a static one cannot be removed, so leaving is a pause; a Local member rings by its Local
/// channel and is judged by the phone behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn queues_are_left_and_joined_by_each_kind_of_member() -> Result<()> {
    let line = Line::available("membership").await?;
    let local = "Local/1001@operators/n";
    for (screen, queue, interface, fixed) in [
        ("Support", "support", ANNA_INTERFACE, false),
        ("Sales", "sales", ANNA_INTERFACE, true),
        ("Night line", "night", local, false),
    ] {
        line.join(screen).await?;
        line.pbx
            .member_until(queue, interface, "joined and free", |member| member.is_some_and(|member| !member.paused))
            .await?;
        line.leave(screen).await?;
        line.pbx
            .member_until(queue, interface, "left", |member| match member {
                None => !fixed,
                Some(member) => fixed && member.paused,
            })
            .await?;
    }
    for (screen, number) in [("Sales", "701"), ("Night line", "702")] {
        line.join(screen).await?;
        let mut customer = Customer::call(&line.pbx, number, Caller::default()).await?;
        line.desk.see("[data-part=call][data-phase=ringing]").await?;
        line.desk.see_text("[data-part=queue-name]", screen).await?;
        line.answer().await?;
        customer.hang_up().await?;
        line.desk.see_no("[data-part=call]").await?;
        line.choose_status("available").await?;
        line.status_is("available").await?;
        line.leave(screen).await?;
    }
    line.lab.done();
    Ok(())
}

/// Out of the window to a number, with sound; the far end is busy; a number that cannot be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn an_operator_dials_a_number() -> Result<()> {
    let line = Line::available("dial").await?;
    line.desk.fill("[data-part=dial]", "600").await?;
    line.desk.click("[data-do=dial]").await?;
    line.desk.see("[data-part=call][data-phase=talking]").await?;
    line.desk.click("[data-do=mute]").await?;
    line.desk.see("[data-do=unmute]").await?;
    line.desk.click("[data-do=unmute]").await?;
    line.hang_up().await?;
    line.desk.fill("[data-part=dial]", "606").await?;
    line.desk.click("[data-do=dial]").await?;
    line.desk.see("[data-part=notice][data-notice=call-ended]").await?;
    line.lab.done();
    Ok(())
}
