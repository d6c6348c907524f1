//! Blind: whoever transfers is gone before the target answers.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Scenario, Stage};

pub const TO_OPERATOR: Scenario = Scenario {
    name: "blind-to-operator",
    number: 20,
    story: "A customer of the queue talks with an operator, who sends the customer on to a colleague without a word. The \
            colleague answers, they talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(to_operator(stage)),
};

async fn to_operator(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.step(format!("{} transfers to {}", anna.number(), olga.number()));
    call.transfer(olga.number()).await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&customer, &taken).await?;
    call.ended().await?;
    stage.passes(1_300).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("transferred blind; the colleague talked; the customer hung up");
    Ok(())
}
