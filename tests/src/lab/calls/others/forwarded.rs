//! A call goes on to another phone.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::Reaction;
use crate::lab::calls::{Office, Scenario, Stage};

pub const BY_PHONE: Scenario = Scenario {
    name: "forward-by-phone",
    number: 45,
    story: "A customer calls an operator directly. The phone sends the call on to a colleague (302), who answers. The customer hangs up.",
    office: Office::phones(2),
    play: |stage| Box::pin(by_phone(stage)),
};

async fn by_phone(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    anna.reacts(Reaction::Redirect(olga.number().to_owned()));
    let (customer, taken) = stage.calls(&ivan, anna.number(), &olga).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("forwarded by the phone; the colleague answered; the customer hung up");
    Ok(())
}

pub const BY_PHONE_IN_QUEUE: Scenario = Scenario {
    name: "forward-by-phone-in-queue",
    number: 46,
    story: "A customer calls the queue. The operator's phone sends the queue's call on to a colleague (302), who answers and hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(by_phone_in_queue(stage)),
};

async fn by_phone_in_queue(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    anna.reacts(Reaction::Redirect(olga.number().to_owned()));
    let customer = stage.join(&ivan, 1).await?;
    let taken = stage.takes(&olga, &customer, 1).await?;
    stage.passes(1_000).await;
    stage.ends(&taken, &[&customer]).await?;
    stage.outcome("forwarded by the phone out of the queue; the colleague answered and hung up");
    Ok(())
}

pub const BY_DIALPLAN: Scenario = Scenario {
    name: "forward-by-dialplan",
    number: 47,
    story: "A customer calls an operator directly. Nobody answers for two seconds, and the dialplan calls a colleague, who does. The \
            customer hangs up.",
    office: Office {
        numbers: "exten => 1{ss}01,1,Dial(PJSIP/1{ss}01,2)\n same => n,Dial(PJSIP/1{ss}02,10)\n same => n,Hangup()",
        ..Office::phones(2)
    },
    play: |stage| Box::pin(by_dialplan(stage)),
};

async fn by_dialplan(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    stage.step(format!("{} calls {}", ivan.number(), anna.number()));
    let customer = ivan.dial(anna.number()).await?;
    anna.rings().await?.ended().await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&customer, &taken).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("forwarded by the dialplan; the colleague answered; the customer hung up");
    Ok(())
}
