//! Attended: whoever transfers talks with the target first.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Scenario, Stage};

pub const TO_OPERATOR: Scenario = Scenario {
    name: "attended-to-operator",
    number: 30,
    story: "A customer of the queue talks with an operator, who holds, calls a colleague, talks with her and then joins the two. \
            They talk, and the colleague hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(to_operator(stage)),
};

async fn to_operator(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.step(format!("{} holds", anna.number()));
    call.hold().await?;
    let (asked, taken) = stage.calls(&anna, olga.number(), &olga).await?;
    stage.passes(800).await;
    stage.step(format!("{} joins {} and {}", anna.number(), ivan.number(), olga.number()));
    call.transfer_to(&asked).await?;
    stage.meet(&customer, &taken).await?;
    call.ended().await?;
    asked.ended().await?;
    stage.passes(1_400).await;
    stage.ends(&taken, &[&customer]).await?;
    stage.outcome("transferred after a word; the colleague talked and hung up");
    Ok(())
}
