//! A call is handed to somebody from the window: refused, it is back with the reason; taken, it is theirs.

use anyhow::{Result, ensure};
use linedesk_tests::lab::{Caller, Customer};

use crate::line::Line;

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

async fn hand_over(line: &Line, to: &str) -> Result<()> {
    line.desk.click("[data-do=hand-over]").await?;
    line.desk.fill("[data-part=transfer-target]", to).await?;
    line.desk.click("[data-do=hand-over-when-answered]").await
}
