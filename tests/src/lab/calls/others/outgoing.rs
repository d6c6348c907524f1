//! An operator calls the world.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::Reaction;
use crate::lab::calls::{Office, Scenario, Stage};

pub const ANSWERED: Scenario = Scenario {
    name: "outgoing-answered",
    number: 66,
    story: "An operator calls a number outside over the trunk. It answers; they talk, and the operator hangs up.",
    office: Office::phones(1),
    play: |stage| Box::pin(answered(stage)),
};

async fn answered(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    let (call, called) = stage.calls(&anna, maria.number(), &maria).await?;
    stage.passes(1_200).await;
    stage.ends(&call, &[&called]).await?;
    stage.outcome("an outgoing call; the operator hung up");
    Ok(())
}

pub const BUSY: Scenario = Scenario {
    name: "outgoing-busy",
    number: 67,
    story: "An operator calls a number outside, which is busy.",
    office: Office::phones(1),
    play: |stage| Box::pin(busy(stage)),
};

async fn busy(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    maria.reacts(Reaction::Busy);
    stage.step(format!("{} calls {}", anna.number(), maria.number()));
    anna.dial(maria.number()).await?.ended().await?;
    stage.outcome("an outgoing call; busy");
    Ok(())
}

pub const UNANSWERED: Scenario = Scenario {
    name: "outgoing-unanswered",
    number: 68,
    story: "An operator calls a number outside. It rings for six seconds and nobody answers; the PBX gives up.",
    office: Office::phones(1),
    play: |stage| Box::pin(unanswered(stage)),
};

async fn unanswered(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    stage.step(format!("{} calls {}", anna.number(), maria.number()));
    let call = anna.dial(maria.number()).await?;
    maria.rings().await?.ended().await?;
    call.ended().await?;
    stage.outcome("an outgoing call that nobody answered");
    Ok(())
}

pub const GIVEN_UP: Scenario = Scenario {
    name: "outgoing-given-up",
    number: 69,
    story: "An operator calls a number outside and gives up while it rings.",
    office: Office::phones(1),
    play: |stage| Box::pin(given_up(stage)),
};

async fn given_up(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    stage.step(format!("{} calls {}", anna.number(), maria.number()));
    let call = anna.dial(maria.number()).await?;
    let ringing = maria.rings().await?;
    stage.passes(1_500).await;
    stage.ends(&call, &[&ringing]).await?;
    stage.outcome("an outgoing call; the operator gave up");
    Ok(())
}
