//! A customer goes from one PBX to the other.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Member, Office, Queue, Scenario, Site, Stage};

/// A queue and an operator on A, a colleague on B.
const BOTH: Office = Office { phones: 2, phones_b: 1, queues: &[Queue::PLAIN], ..Office::NONE };

pub const BLIND: Scenario = Scenario {
    name: "across-blind",
    number: 85,
    story: "A customer of a queue on PBX A talks with an operator there, who sends the customer on to a colleague at PBX B. They talk, and the \
            colleague hangs up.",
    office: BOTH,
    play: |stage| Box::pin(blind(stage, "")),
};

pub const BLIND_BARE: Scenario = Scenario {
    name: "across-blind-bare",
    number: 87,
    story: "As across-blind, without the header.",
    office: BOTH,
    play: |stage| Box::pin(blind(stage, "0")),
};

async fn blind(stage: Arc<Stage>, prefix: &'static str) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let boris = stage.operator_at(Site::B, 1).await?;
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&call, &format!("{prefix}{}", boris.number())).await?;
    let taken = stage.answers(&boris).await?;
    stage.meet(&customer, &taken).await?;
    call.ended().await?;
    stage.passes(1_200).await;
    stage.ends(&taken, &[&customer]).await?;
    stage.outcome("transferred blind to the other PBX; the colleague there hung up");
    Ok(())
}

pub const ATTENDED: Scenario = Scenario {
    name: "across-attended",
    number: 86,
    story: "A customer of a queue on PBX A talks with an operator there, who holds, calls a colleague at PBX B, talks, and joins the two. The \
            customer hangs up.",
    office: BOTH,
    play: |stage| Box::pin(attended(stage)),
};

async fn attended(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let boris = stage.operator_at(Site::B, 1).await?;
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    let (asked, taken) = stage.calls(&anna, boris.number(), &boris).await?;
    stage.passes(800).await;
    stage.joins(&call, &asked, &customer, &taken).await?;
    stage.passes(1_200).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("transferred after a word to the other PBX; the customer hung up");
    Ok(())
}

pub const HOME_AGAIN: Scenario = Scenario {
    name: "across-home-again",
    number: 88,
    story: "A customer of a queue on PBX A talks with an operator at PBX B, who sends the customer on to a colleague at PBX A: the call goes \
            over the trunk twice. The customer hangs up.",
    office: Office { queues: &[Queue { members: &[Member::Across(1)], ..Queue::PLAIN }], ..BOTH },
    play: |stage| Box::pin(home_again(stage)),
};

async fn home_again(stage: Arc<Stage>) -> Result<()> {
    let (ivan, olga) = (stage.customer(1), stage.operator(2).await?);
    let boris = stage.operator_at(Site::B, 1).await?;
    let (customer, call) = stage.connects(&ivan, &boris).await?;
    stage.passes(1_000).await;
    stage.sends_on(&call, olga.number()).await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&customer, &taken).await?;
    call.ended().await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("from A to B and back to A; the customer hung up");
    Ok(())
}
