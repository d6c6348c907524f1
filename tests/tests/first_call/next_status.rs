//! A *next* status chosen in a call keeps further calls away, however many wait.

use std::time::Duration;

use anyhow::{Result, ensure};
use linedesk_tests::lab::{Caller, Customer, SHORT, Version};

use crate::line::{ANNA_INTERFACE, Line, rings_anna};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn asterisk_22_no_call_is_offered_between_a_call_and_the_next_status() -> Result<()> {
    no_call_is_offered_in_between(Version::V22, 5, 10).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn asterisk_16_no_call_is_offered_between_a_call_and_the_next_status() -> Result<()> {
    no_call_is_offered_in_between(Version::V16, 5, 10).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call --deep"]
async fn deep_asterisk_22_thirty_calls_with_fifty_waiting() -> Result<()> {
    no_call_is_offered_in_between(Version::V22, 30, 50).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call --deep"]
async fn deep_asterisk_16_thirty_calls_with_fifty_waiting() -> Result<()> {
    no_call_is_offered_in_between(Version::V16, 30, 50).await
}

/// Anna takes `calls` calls one after the other and chooses a break in each, while others go on waiting.
async fn no_call_is_offered_in_between(version: Version, calls: usize, customers: usize) -> Result<()> {
    let line = Line::available_in("next-status", version, |_| {}).await?;
    let mut waiting = Vec::new();
    for number in 0..customers {
        waiting
            .push(Customer::call(&line.pbx, "700", Caller::default().numbered(&format!("+7495000{number:04}"))).await?);
    }
    for _ in 0..calls {
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
