//! The PBX restarts, and people change things at the PBX.

use std::time::Duration;

use anyhow::Result;
use linedesk_tests::lab::{Caller, Customer};

use crate::line::{ANNA, ANNA_INTERFACE, Line};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn asterisk_restarts_and_all_is_as_the_operator_set_it() -> Result<()> {
    let mut line = Line::available("pbx-restarts").await?;
    line.leave("Sales").await?;
    line.pbx.restart().await?;
    line.pbx
        .member_until("support", ANNA_INTERFACE, "Anna is in support again, free", |member| {
            member.is_some_and(|member| !member.paused)
        })
        .await?;
    line.pbx
        .member_until("sales", ANNA_INTERFACE, "Anna is out of sales again", |member| {
            member.is_some_and(|member| member.paused)
        })
        .await?;
    line.pbx.registered(ANNA).await?;
    line.desk.see_within("[data-part=truth-phone][data-state=ok]", Duration::from_secs(20)).await?;
    line.status_is("available").await?;
    let mut customer = Customer::call(&line.pbx, "700", Caller::default()).await?;
    line.answer().await?;
    customer.hang_up().await?;
    line.lab.done();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: cargo xtask test --only first-call"]
async fn a_change_at_the_pbx_is_adopted_and_shown_as_such() -> Result<()> {
    let line = Line::available("pbx-changes").await?;
    line.pbx.cli("queue pause member PJSIP/1001 queue support").await?;
    line.status_is("break").await?;
    line.desk.click("[data-part=status]").await?;
    line.desk.see_text("[role=menu]", "PBX").await?;
    line.desk.click("[data-do=\"status-available\"]").await?;
    line.pbx
        .member_until("support", ANNA_INTERFACE, "Anna's wish is newer and holds", |member| {
            member.is_some_and(|member| !member.paused)
        })
        .await?;
    line.status_is("available").await?;

    line.pbx.cli("queue remove member PJSIP/1001 from support").await?;
    line.desk.see("[data-part=queue][data-queue=Support][data-joined=false]").await?;
    line.desk.see_text("[data-part=queue][data-queue=Support]", "PBX").await?;
    line.pbx.cli("queue add member PJSIP/1001 to support").await?;
    line.desk.see("[data-part=queue][data-queue=Support][data-joined=true]").await?;
    line.lab.done();
    Ok(())
}
