//! Blind, and nobody takes it: the caller comes back, because the dialplan says so ([transfers]).

use std::sync::Arc;

use anyhow::Result;

use crate::lab::Reaction;
use crate::lab::calls::{Office, Scenario, Stage};

pub const UNANSWERED: Scenario = Scenario {
    name: "blind-unanswered-back",
    number: 24,
    story: "A customer of the queue talks with an operator, who sends the customer on to a colleague. The colleague's phone rings four \
            seconds and nobody answers. The customer comes back to the operator, who answers; they talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(unanswered(stage)),
};

async fn unanswered(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&call, olga.number()).await?;
    let in_vain = olga.rings().await?;
    call.ended().await?;
    in_vain.ended().await?;
    let back = stage.answers(&anna).await?;
    stage.meet(&customer, &back).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&back]).await?;
    stage.outcome("transferred blind, not answered, back at the operator; the customer hung up");
    Ok(())
}

pub const REFUSED: Scenario = Scenario {
    name: "blind-refused-back",
    number: 25,
    story: "As blind-unanswered-back, but the colleague is busy, so that the customer comes back at once; the operator hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(refused(stage)),
};

async fn refused(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    olga.reacts(Reaction::Busy);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&call, olga.number()).await?;
    call.ended().await?;
    let back = stage.answers(&anna).await?;
    stage.meet(&customer, &back).await?;
    stage.passes(1_000).await;
    stage.ends(&back, &[&customer]).await?;
    stage.outcome("transferred blind, busy, back at the operator, who hung up");
    Ok(())
}
