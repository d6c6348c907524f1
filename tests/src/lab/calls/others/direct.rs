//! Without a queue.

use std::sync::Arc;

use anyhow::{Result, ensure};

use crate::lab::Who;
use crate::lab::calls::{Office, Scenario, Stage};

pub const ANSWERED: Scenario = Scenario {
    name: "direct-call",
    number: 63,
    story: "A customer calls an operator's own number. The operator answers; the customer hangs up.",
    office: Office::phones(1),
    play: |stage| Box::pin(answered(stage)),
};

async fn answered(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (customer, call) = stage.calls(&ivan, anna.number(), &anna).await?;
    stage.passes(1_200).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("a direct call; the customer hung up");
    Ok(())
}

pub const UNANSWERED: Scenario = Scenario {
    name: "direct-unanswered",
    number: 64,
    story: "A customer calls an operator's own number. Nobody answers, and the customer gives up after two seconds.",
    office: Office::phones(1),
    play: |stage| Box::pin(unanswered(stage)),
};

async fn unanswered(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    stage.step(format!("{} calls {}", ivan.number(), anna.number()));
    let customer = ivan.dial(anna.number()).await?;
    let call = anna.rings().await?;
    stage.passes(2_000).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("a direct call that nobody answered; the customer gave up");
    Ok(())
}

pub const INTERNAL: Scenario = Scenario {
    name: "internal-call",
    number: 65,
    story: "An operator calls a colleague, who answers and hangs up.",
    office: Office::phones(2),
    play: |stage| Box::pin(internal(stage)),
};

async fn internal(stage: Arc<Stage>) -> Result<()> {
    let (anna, olga) = (stage.operator(1).await?, stage.operator(2).await?);
    let (call, taken) = stage.calls(&anna, olga.number(), &olga).await?;
    stage.passes(1_200).await;
    stage.ends(&taken, &[&call]).await?;
    stage.outcome("an internal call; the colleague hung up");
    Ok(())
}

pub const ANONYMOUS: Scenario = Scenario {
    name: "anonymous",
    number: 70,
    story: "Somebody who shows no number calls the queue. The operator answers; the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(anonymous(stage)),
};

async fn anonymous(stage: Arc<Stage>) -> Result<()> {
    let (nobody, anna) = (stage.customer(1), stage.operator(1).await?);
    stage.step(format!("{} calls queue {} and hides the number", nobody.number(), stage.queue(1)));
    let customer = nobody.dial_as(&stage.queue(1), &Who::anonymous()).await?;
    customer.answered().await?;
    let call = stage.takes(&anna, &customer, 1).await?;
    ensure!(call.leg().far == "anonymous", "the number is hidden, and the phone shows {}", call.leg().far);
    stage.passes(1_000).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("an anonymous caller; answered; the customer hung up");
    Ok(())
}

pub const UNKNOWN_NUMBER: Scenario = Scenario {
    name: "unknown-number",
    number: 72,
    story: "A customer dials a number that the dialplan does not know at all: 404, no channel, and nothing for a manager to hear.",
    office: Office::NONE,
    play: |stage| Box::pin(unknown_number(stage)),
};

async fn unknown_number(stage: Arc<Stage>) -> Result<()> {
    let (ivan, number) = (stage.customer(1), stage.number("3{ss}99"));
    stage.step(format!("{} calls {number}", ivan.number()));
    let customer = ivan.dial(&number).await?;
    let end = customer.ended().await?;
    ensure!(end.status == Some(404), "an unknown number is not found: {end:?}");
    stage.outcome("no such number: the PBX has no call at all");
    Ok(())
}
