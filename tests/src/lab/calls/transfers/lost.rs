//! The customer is lost on the way.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Scenario, Stage};

pub const ON_HOLD: Scenario = Scenario {
    name: "lost-on-hold",
    number: 76,
    story: "A customer of the queue talks with an operator, who holds and talks with a colleague. The customer hears music and hangs up. The \
            operators notice, and the first hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(on_hold(stage)),
};

async fn on_hold(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    let (asked, taken) = stage.calls(&anna, olga.number(), &olga).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&call]).await?;
    stage.passes(700).await;
    stage.ends(&asked, &[&taken]).await?;
    stage.outcome("the customer hung up on hold, while the operators talked");
    Ok(())
}

pub const WHILE_RINGING: Scenario = Scenario {
    name: "lost-in-transfer",
    number: 77,
    story: "A customer of the queue talks with an operator, who sends the customer on to a colleague. While her phone rings, the customer \
            hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(while_ringing(stage)),
};

async fn while_ringing(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&call, olga.number()).await?;
    let ringing = olga.rings().await?;
    call.ended().await?;
    stage.passes(1_500).await;
    stage.ends(&customer, &[&ringing]).await?;
    stage.outcome("transferred blind; the customer hung up while the colleague's phone rang");
    Ok(())
}
