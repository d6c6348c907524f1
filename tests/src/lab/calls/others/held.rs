//! Music.

use std::sync::Arc;

use anyhow::{Result, ensure};

use crate::lab::calls::{Kind, Office, Scenario, Stage};

pub const BY_OPERATOR: Scenario = Scenario {
    name: "hold-by-operator",
    number: 55,
    story: "A customer of the queue talks with an operator, who holds for a second, comes back, holds again for half a second, and comes \
            back. The customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(by_operator(stage)),
};

async fn by_operator(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(700).await;
    for held in [1_000, 500] {
        stage.holds(&call).await?;
        stage.passes(held).await;
        stage.resumes(&call, &customer).await?;
        stage.passes(800).await;
    }
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("held twice by the operator; the customer hung up");
    Ok(())
}

pub const BY_CUSTOMER: Scenario = Scenario {
    name: "hold-by-customer",
    number: 56,
    story: "A customer of the queue talks with an operator, holds for a second (the operator hears music), comes back, and hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(by_customer(stage)),
};

async fn by_customer(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(700).await;
    stage.holds(&customer).await?;
    stage.passes(1_000).await;
    ensure!(call.leg().held.is_empty(), "without moh_passthrough the PBX plays the music and tells the phone nothing");
    stage.resumes(&customer, &call).await?;
    stage.passes(800).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("held by the customer, who hung up");
    Ok(())
}

pub const TOLD: Scenario = Scenario {
    name: "hold-told",
    number: 57,
    story: "As hold-by-customer, but the operator's phone is told of the hold (moh_passthrough) and the PBX plays no music. (With Local \
            members the Local channel plays it all the same.)",
    office: Office { phone_options: &[(1, "moh_passthrough = yes")], ..Office::QUEUE },
    play: |stage| Box::pin(told(stage)),
};

async fn told(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(700).await;
    stage.holds(&customer).await?;
    stage.passes(1_000).await;
    // A Local channel plays the music itself (unless it has the option m), and the phone behind it hears of nothing.
    let is_told = stage.kind() == Kind::Pjsip;
    ensure!(call.leg().held.is_empty() != is_told, "with moh_passthrough the PBX tells the phone that it is held");
    stage.resumes(&customer, &call).await?;
    stage.passes(800).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("held by the customer, told to the phone; the customer hung up");
    Ok(())
}
