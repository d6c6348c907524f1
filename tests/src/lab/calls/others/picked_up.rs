//! Somebody takes what rings at a colleague.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Scenario, Stage};

pub const DIRECTED: Scenario = Scenario {
    name: "pickup-directed",
    number: 41,
    story: "A customer waits in the queue and the operator's phone rings. A colleague, who is not in the queue, takes the call from there \
            (*8 and the operator's number). They talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(directed(stage)),
};

async fn directed(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let customer = stage.join(&ivan, 1).await?;
    let ringing = anna.rings().await?;
    stage.passes(1_000).await;
    stage.step(format!("{} picks up what rings at {}", olga.number(), anna.number()));
    let taken = olga.dial(&format!("*8{}", anna.number())).await?;
    let at = taken.answered().await?;
    stage.waited(&customer, 1, customer.answered().await?, at, "picked-up", Some(&olga));
    ringing.ended().await?;
    stage.meet(&customer, &taken).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("picked up by a colleague; the customer hung up");
    Ok(())
}

pub const GROUP: Scenario = Scenario {
    name: "pickup-group",
    number: 42,
    story: "A customer calls an operator directly. A colleague of the same group takes the call while it rings (*8). They talk, and the \
            colleague hangs up.",
    office: Office::phones(2),
    play: |stage| Box::pin(group(stage)),
};

async fn group(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    stage.step(format!("{} calls {}", ivan.number(), anna.number()));
    let customer = ivan.dial(anna.number()).await?;
    let ringing = anna.rings().await?;
    stage.passes(1_000).await;
    stage.step(format!("{} picks up what rings in the group", olga.number()));
    let taken = olga.dial("*8").await?;
    taken.answered().await?;
    ringing.ended().await?;
    stage.meet(&customer, &taken).await?;
    stage.passes(1_000).await;
    stage.ends(&taken, &[&customer]).await?;
    stage.outcome("picked up by a colleague of the group, who hung up");
    Ok(())
}
