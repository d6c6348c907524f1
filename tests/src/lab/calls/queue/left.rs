//! The customer leaves the queue without an answer.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Queue, Scenario, Stage};

pub const ABANDONED: Scenario = Scenario {
    name: "abandoned",
    number: 3,
    story: "A customer calls the queue. The operator's phone rings and nobody answers; after a while the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(abandoned(stage)),
};

async fn abandoned(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let customer = stage.join(&ivan, 1).await?;
    let call = anna.rings().await?;
    stage.passes(3_000).await;
    stage.ends(&customer, &[&call]).await?;
    stage.left(&customer, 1, "abandoned", None);
    stage.outcome("abandoned after some three seconds");
    Ok(())
}

pub const TIMEOUT: Scenario = Scenario {
    name: "timeout",
    number: 5,
    story: "A customer calls the queue. The operator's phone rings and nobody answers. After four seconds Queue() gives up, an \
            announcement is played, and the PBX hangs up.",
    office: Office {
        queues: &[Queue {
            timeout: 4,
            options: "timeout = 10",
            after: &["Playback(all-circuits-busy-now)"],
            ..Queue::PLAIN
        }],
        ..Office::QUEUE
    },
    play: |stage| Box::pin(timeout(stage)),
};

async fn timeout(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let customer = stage.join(&ivan, 1).await?;
    let call = anna.rings().await?;
    call.ended().await?;
    stage.left(&customer, 1, "timeout", None);
    stage.step("the queue gives up");
    customer.ended().await?;
    stage.outcome("timeout; an announcement; hung up by the PBX");
    Ok(())
}
