//! A call waits in a parking lot.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Scenario, Stage};

pub const TAKEN: Scenario = Scenario {
    name: "park-and-take",
    number: 43,
    story: "A customer of the queue talks with an operator, who parks the call (blind transfer to the lot's number). A colleague dials the \
            place and takes it. They talk, and the customer hangs up.",
    office: Office { lot: Some(30), ..Office::QUEUE },
    play: |stage| Box::pin(taken(stage)),
};

async fn taken(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    let place = stage.parks(&call).await?;
    call.ended().await?;
    stage.passes(1_200).await;
    stage.step(format!("{} takes {place}", olga.number()));
    let taken = olga.dial(&place).await?;
    taken.answered().await?;
    stage.meet(&customer, &taken).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("parked, taken by a colleague; the customer hung up");
    Ok(())
}

pub const COMES_BACK: Scenario = Scenario {
    name: "park-comes-back",
    number: 44,
    story: "A customer of the queue talks with an operator, who parks the call. Nobody takes it; after three seconds it comes back to the \
            operator, who answers. They talk, and the operator hangs up.",
    office: Office { lot: Some(3), ..Office::QUEUE },
    play: |stage| Box::pin(comes_back(stage)),
};

async fn comes_back(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.parks(&call).await?;
    call.ended().await?;
    let back = stage.answers(&anna).await?;
    stage.meet(&customer, &back).await?;
    stage.passes(1_000).await;
    stage.ends(&back, &[&customer]).await?;
    stage.outcome("parked, back at the operator, who hung up");
    Ok(())
}
