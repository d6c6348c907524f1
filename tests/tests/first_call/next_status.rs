//! A *next* status chosen in a call keeps further calls away, however many wait.

use std::time::Duration;

use anyhow::{Result, ensure};
use linedesk_tests::lab::{Caller, Customer, SHORT};

use crate::line::{ANNA_INTERFACE, Line, rings_anna};

/// Calls that Anna takes; each time others wait.
const CALLS: usize = 5;
const WAITING: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn no_call_is_offered_between_a_call_and_the_next_status() -> Result<()> {
    let line = Line::available("next-status").await?;
    let mut waiting = Vec::new();
    for number in 0..WAITING {
        waiting
            .push(Customer::call(&line.pbx, "700", Caller::default().numbered(&format!("+7495000{number:04}"))).await?);
    }
    for _ in 0..CALLS {
        line.answer().await?;
        let answered = line.pbx.tap().mark();
        line.desk.click("[data-part=status]").await?;
        line.desk.click("[data-do^=\"status-break-\"]").await?;
        line.desk.see("[data-part=status][data-next=break]").await?;
        line.status_is("available").await?;
        line.hang_up().await?;
        line.status_is("break").await?;
        line.pbx
            .member_until("support", ANNA_INTERFACE, "Anna is paused", |member| {
                member.is_some_and(|member| member.paused)
            })
            .await?;
        // A call that was offered would ring within Asterisk's retry of a second.
        let offered = line.pbx.tap().event_after(answered, Duration::from_secs(2), "an offer", rings_anna).await;
        ensure!(offered.is_err(), "a call was offered although a break was to follow");
        line.choose_status("available").await?;
    }
    line.answer().await?;
    line.choose_status("preparing").await?;
    line.hang_up().await?;
    line.status_is("preparing").await?;
    for customer in &mut waiting {
        if customer.is_talking() {
            customer.hang_up().await?;
            customer.ended(SHORT).await?;
        }
    }
    line.lab.done();
    Ok(())
}
