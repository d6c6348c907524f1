//! The customer is answered.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Member, Office, Queue, Scenario, Stage};

pub const AGENT_ENDS: Scenario = Scenario {
    name: "answered-agent-ends",
    number: 1,
    story: "A customer calls the queue and hears music. The operator's phone rings, the operator answers, they talk, and the \
            operator hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(agent_ends(stage)),
};

async fn agent_ends(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_500).await;
    stage.ends(&call, &[&customer]).await?;
    stage.outcome("answered; the operator hung up");
    Ok(())
}

pub const CUSTOMER_ENDS: Scenario = Scenario {
    name: "answered-customer-ends",
    number: 2,
    story: "A customer calls the queue, the operator answers, they talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(customer_ends(stage)),
};

async fn customer_ends(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_200).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("answered; the customer hung up");
    Ok(())
}

pub const FREEPBX: Scenario = Scenario {
    name: "freepbx-member",
    number: 16,
    story: "As answered-customer-ends, in a queue whose member is written as FreePBX writes it: Local/NUMBER@from-queue/n with \
            the state of hint:NUMBER@ext-local.",
    office: Office { queues: &[Queue { members: &[Member::Hint(1)], ..Queue::PLAIN }], ..Office::QUEUE },
    play: |stage| Box::pin(freepbx(stage)),
};

async fn freepbx(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("answered; the customer hung up");
    Ok(())
}
