//! A transfer of a transfer.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Queue, Scenario, Stage};

/// A queue with one operator, and two colleagues.
const THREE: Office = Office { phones: 3, queues: &[Queue::PLAIN], ..Office::NONE };

pub const BLIND_THEN_ATTENDED: Scenario = Scenario {
    name: "blind-then-attended",
    number: 39,
    story: "A customer of the queue talks with an operator, who sends the customer on to a colleague. That one holds, calls a third, \
            talks, and joins the two. The customer hangs up.",
    office: THREE,
    play: |stage| Box::pin(blind_then_attended(stage)),
};

async fn blind_then_attended(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (olga, boris) = (stage.operator(2).await?, stage.operator(3).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(800).await;
    stage.sends_on(&call, olga.number()).await?;
    let second = stage.answers(&olga).await?;
    stage.meet(&customer, &second).await?;
    call.ended().await?;
    stage.passes(800).await;
    stage.holds(&second).await?;
    let (asked, third) = stage.calls(&olga, boris.number(), &boris).await?;
    stage.passes(700).await;
    stage.joins(&second, &asked, &customer, &third).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&third]).await?;
    stage.outcome("transferred blind, then after a word; the customer hung up");
    Ok(())
}

pub const ATTENDED_TWICE: Scenario = Scenario {
    name: "attended-twice",
    number: 40,
    story: "A customer of the queue is transferred after a word to a colleague, and by her after a word to a third, who hangs up.",
    office: THREE,
    play: |stage| Box::pin(attended_twice(stage)),
};

async fn attended_twice(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (olga, boris) = (stage.operator(2).await?, stage.operator(3).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(800).await;
    stage.holds(&call).await?;
    let (first_asked, second) = stage.calls(&anna, olga.number(), &olga).await?;
    stage.passes(600).await;
    stage.joins(&call, &first_asked, &customer, &second).await?;
    stage.passes(800).await;
    stage.holds(&second).await?;
    let (second_asked, third) = stage.calls(&olga, boris.number(), &boris).await?;
    stage.passes(600).await;
    stage.joins(&second, &second_asked, &customer, &third).await?;
    stage.passes(1_000).await;
    stage.ends(&third, &[&customer]).await?;
    stage.outcome("transferred after a word, twice; the third hung up");
    Ok(())
}
