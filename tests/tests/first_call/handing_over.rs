//! A call is handed to somebody from the window: refused, it is back with the reason; taken, it is theirs. And somebody is
//! asked first, made a third, and left alone with the customer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use linedesk_tests::lab::{Caller, Customer, SHORT, Speech, Subscriber};

use crate::line::{Line, hears};

const COLLEAGUE: &str = "84950001122";
const CUSTOMERS_CARD: &str = "[data-part=call]:not(:has([data-part=about]))";
const COLLEAGUES_CARD: &str = "[data-part=call]:has([data-part=about])";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_call_comes_back_from_who_is_busy_and_goes_to_who_answers() -> Result<()> {
    let line = Line::available("handing-over").await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.answer().await?;

    // 606 is always busy.
    hand_over(&line, "606").await?;
    line.desk.see("[data-part=transfer-failed]").await?;
    line.desk.see("[data-part=call][data-phase=talking]").await?;
    ensure!(customer.is_talking(), "the customer should be back");

    // 604 answers.
    hand_over(&line, "604").await?;
    line.desk.see_no("[data-part=call]").await?;
    line.desk.see_text("[role=table]", "604").await?;
    let bridged = line.pbx.cli("core show channels concise").await?;
    ensure!(!bridged.contains("PJSIP/1001"), "Anna should be out of it: {bridged}");
    ensure!(customer.is_talking(), "the customer's call should go on");
    customer.hang_up().await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_colleague_is_asked_swapped_with_and_joined_with_the_customer() -> Result<()> {
    let line = Line::available("asking-first").await?;
    let (his, theirs) = (Speech::new(21, Duration::from_secs(5)), Speech::new(22, Duration::from_secs(5)));
    let mut colleague = Subscriber::start(&line.pbx, Duration::ZERO, Some(theirs.clone())).await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default().saying(&his)).await?;
    line.answer().await?;

    consult(&line).await?;
    ensure!(colleague.called(SHORT).await?.ends_with(COLLEAGUE), "another number was called");
    line.desk.see("[data-part=transfer][data-kind=consult][data-step=consulting]").await?;
    line.desk.see(&format!("{CUSTOMERS_CARD}[data-phase=held]")).await?;

    // To the customer and back again.
    line.desk.click(&format!("{CUSTOMERS_CARD} [data-do=resume]")).await?;
    line.desk.see(&format!("{COLLEAGUES_CARD}[data-phase=held]")).await?;
    line.desk.see(&format!("{CUSTOMERS_CARD}[data-phase=talking]")).await?;
    line.desk.click(&format!("{COLLEAGUES_CARD} [data-do=resume]")).await?;
    line.desk.see(&format!("{CUSTOMERS_CARD}[data-phase=held]")).await?;

    line.desk.click("[data-do=complete]").await?;
    line.desk.see_no("[data-part=call]").await?;
    hear_each_other(&customer, &theirs, &colleague, &his).await?;
    customer.hang_up().await?;
    colleague.over(SHORT).await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn three_are_in_conference_and_two_stay() -> Result<()> {
    let line = Line::available("conference").await?;
    let (his, theirs) = (Speech::new(23, Duration::from_secs(5)), Speech::new(24, Duration::from_secs(5)));
    let mut colleague = Subscriber::start(&line.pbx, Duration::ZERO, Some(theirs.clone())).await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default().saying(&his)).await?;
    line.answer().await?;
    consult(&line).await?;
    line.desk.see("[data-part=transfer][data-kind=consult][data-step=consulting]").await?;

    line.desk.click("[data-do=conference]").await?;
    line.desk.see("[data-part=conference]").await?;
    // Anna is silent, so each of the two hears the other alone: by her softphone, which mixes.
    line.desk.see(&format!("{CUSTOMERS_CARD}[data-phase=talking]")).await?;
    hear_each_other(&customer, &theirs, &colleague, &his).await?;
    let both = line.pbx.cli("core show channels concise").await?;
    ensure!(both.matches("PJSIP/1001").count() == 2, "both calls should still be Anna's: {both}");

    line.desk.click("[data-do=leave-conference]").await?;
    line.desk.see_no("[data-part=call]").await?;
    let bridged = line.pbx.cli("core show channels concise").await?;
    ensure!(!bridged.contains("PJSIP/1001"), "Anna should be out of it: {bridged}");
    hear_each_other(&customer, &theirs, &colleague, &his).await?;
    customer.hang_up().await?;
    colleague.over(SHORT).await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_customer_who_gives_up_leaves_the_two_who_consult() -> Result<()> {
    let line = Line::available("giving-up").await?;
    let mut colleague = Subscriber::start(&line.pbx, Duration::ZERO, None).await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.answer().await?;
    consult(&line).await?;
    line.desk.see("[data-part=transfer][data-kind=consult][data-step=consulting]").await?;
    customer.hang_up().await?;
    line.desk.see_no("[data-part=transfer]").await?;
    line.desk.see("[data-part=call][data-phase=talking]").await?;
    line.hang_up().await?;
    colleague.over(SHORT).await?;
    line.lab.done();
    Ok(())
}

async fn hand_over(line: &Line, to: &str) -> Result<()> {
    line.desk.click("[data-do=hand-over]").await?;
    line.desk.fill("[data-part=transfer-target]", to).await?;
    line.desk.click("[data-do=hand-over-when-answered]").await
}

async fn consult(line: &Line) -> Result<()> {
    line.desk.click("[data-do=hand-over]").await?;
    line.desk.fill("[data-part=transfer-target]", COLLEAGUE).await?;
    line.desk.click("[data-do=consult]").await
}

/// From now on, not in what was heard before.
async fn hear_each_other(customer: &Customer, theirs: &Speech, colleague: &Subscriber, his: &Speech) -> Result<()> {
    let from = Instant::now();
    hears("the customer hears the colleague", theirs, || Ok(customer.heard().from(from).samples())).await?;
    hears("the colleague hears the customer", his, || Ok(colleague.heard().from(from).samples())).await
}
