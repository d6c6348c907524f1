//! Click-to-call: the PBX calls the operator, and then whom the operator wants (AMI Originate).

use std::sync::Arc;

use anyhow::Result;

use crate::lab::Phone;
use crate::lab::calls::{Kind, Office, Scenario, Stage};

pub const ANSWERED: Scenario = Scenario {
    name: "click-to-call",
    number: 51,
    story: "An operator clicks on a number. The operator's phone rings and is answered; then the number outside is called and answers. They \
            talk, and the operator hangs up.",
    office: Office::phones(1),
    play: |stage| Box::pin(answered(stage)),
};

async fn answered(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    click(&stage, &anna, maria.number()).await?;
    let call = stage.answers(&anna).await?;
    let called = stage.answers(&maria).await?;
    stage.meet(&call, &called).await?;
    stage.passes(1_200).await;
    stage.ends(&call, &[&called]).await?;
    stage.outcome("called by a click; both answered; the operator hung up");
    Ok(())
}

pub const REFUSED: Scenario = Scenario {
    name: "click-refused",
    number: 52,
    story: "An operator clicks on a number, and declines the call that comes of it. Nobody outside is called.",
    office: Office::phones(1),
    play: |stage| Box::pin(refused(stage)),
};

async fn refused(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    click(&stage, &anna, maria.number()).await?;
    let unwanted = anna.rings().await?;
    stage.passes(800).await;
    stage.step(format!("{} declines", anna.number()));
    unwanted.decline().await?;
    stage.outcome("called by a click; the operator declined");
    Ok(())
}

pub const UNANSWERED: Scenario = Scenario {
    name: "click-unanswered",
    number: 53,
    story: "An operator clicks on a number and is gone: the phone rings for three seconds in vain. Nobody outside is called.",
    office: Office::phones(1),
    play: |stage| Box::pin(unanswered(stage)),
};

async fn unanswered(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    click(&stage, &anna, maria.number()).await?;
    anna.rings().await?.ended().await?;
    stage.outcome("called by a click; the operator did not answer");
    Ok(())
}

pub const CUSTOMER_UNANSWERED: Scenario = Scenario {
    name: "click-customer-unanswered",
    number: 54,
    story: "An operator clicks on a number and answers the own phone. The number outside rings for six seconds and nobody answers; the PBX \
            hangs up.",
    office: Office::phones(1),
    play: |stage| Box::pin(customer_unanswered(stage)),
};

async fn customer_unanswered(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    click(&stage, &anna, maria.number()).await?;
    let call = stage.answers(&anna).await?;
    maria.rings().await?.ended().await?;
    call.ended().await?;
    stage.outcome("called by a click; the operator answered, the customer did not");
    Ok(())
}

async fn click(stage: &Stage, operator: &Phone, number: &str) -> Result<()> {
    stage.step(format!("{} clicks on {number}", operator.number()));
    let channel = match stage.kind() {
        Kind::Pjsip => format!("PJSIP/{}", operator.number()),
        Kind::Local => format!("Local/{}@operators/n", operator.number()),
    };
    let fields = [
        ("Channel", &*channel),
        ("Context", "operators"),
        ("Exten", number),
        ("Priority", "1"),
        ("Timeout", "3000"),
        ("CallerID", number),
        ("Async", "true"),
    ];
    stage.asks("Originate", &fields).await
}
