//! Hand over when answered: the operator holds, calls the target, and joins the two in the moment of the answer.

use std::sync::Arc;

use anyhow::Result;

use super::SECOND_QUEUE;
use crate::lab::Call;
use crate::lab::calls::{Office, Scenario, Stage};

pub const TO_OPERATOR: Scenario = Scenario {
    name: "hand-over",
    number: 35,
    story: "Hand over when answered: a customer of the queue talks with an operator, whose phone holds, rings a colleague, and joins the \
            two in the moment of the answer. They talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(to_operator(stage)),
};

async fn to_operator(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    stage.step(format!("{} calls {}", anna.number(), olga.number()));
    let asked = anna.dial(olga.number()).await?;
    let taken = stage.answers(&olga).await?;
    asked.answered().await?;
    hands_over(&stage, [&call, &asked], &customer, &taken).await?;
    stage.passes(1_300).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("handed over at the answer; the customer hung up");
    Ok(())
}

pub const TO_QUEUE: Scenario = Scenario {
    name: "hand-over-to-queue",
    number: 29,
    story: "As hand-over, to the second queue: it plays music to the operator, a colleague answers, and in that moment the two are joined.",
    office: SECOND_QUEUE,
    play: |stage| Box::pin(to_queue(stage)),
};

async fn to_queue(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    let asked = stage.join(&anna, 2).await?;
    let taken = stage.takes(&olga, &asked, 2).await?;
    hands_over(&stage, [&call, &asked], &customer, &taken).await?;
    stage.passes(1_300).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("handed over to a queue at the answer; the customer hung up");
    Ok(())
}

pub const OUTSIDE: Scenario = Scenario {
    name: "hand-over-outside",
    number: 91,
    story: "As hand-over, to a number outside over the trunk.",
    office: Office::QUEUE,
    play: |stage| Box::pin(outside(stage)),
};

async fn outside(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, courier) = (stage.customer(1), stage.operator(1).await?, stage.subscriber(1));
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    stage.step(format!("{} calls {}", anna.number(), courier.number()));
    let asked = anna.dial(courier.number()).await?;
    let taken = stage.answers(&courier).await?;
    asked.answered().await?;
    hands_over(&stage, [&call, &asked], &customer, &taken).await?;
    stage.passes(1_300).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("handed over at the answer to a number outside; the customer hung up");
    Ok(())
}

async fn hands_over(stage: &Stage, [call, asked]: [&Call; 2], customer: &Call, taken: &Call) -> Result<()> {
    // Whoever joins within the first milliseconds after the answer, while Asterisk (16 and 22) still connects the two, is in
    // one call out of five not joined at all: both sit in a bridge without sound, and BridgeEnter is never reported.
    stage.passes(100).await;
    stage.joins(call, asked, customer, taken).await
}
