//! Blind: whoever transfers is gone before the target answers.

use std::sync::Arc;

use anyhow::Result;

use super::SECOND_QUEUE;
use crate::lab::calls::{Office, Scenario, Stage};

pub const TO_OPERATOR: Scenario = Scenario {
    name: "blind-to-operator",
    number: 20,
    story: "A customer of the queue talks with an operator, who sends the customer on to a colleague without a word. The \
            colleague answers, they talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(to_operator(stage)),
};

async fn to_operator(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&call, olga.number()).await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&customer, &taken).await?;
    call.ended().await?;
    stage.passes(1_300).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("transferred blind; the colleague talked; the customer hung up");
    Ok(())
}

pub const TO_QUEUE: Scenario = Scenario {
    name: "blind-to-queue",
    number: 21,
    story: "A customer of the first queue talks with an operator, who sends the customer on to the second queue. There the customer \
            waits again, a colleague answers, they talk, and the colleague hangs up.",
    office: SECOND_QUEUE,
    play: |stage| Box::pin(to_queue(stage)),
};

async fn to_queue(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&call, &stage.queue(2)).await?;
    let end = call.ended().await?;
    let taken = stage.answers(&olga).await?;
    stage.waited(&customer, 2, end.at, taken.answered().await?, "answered", Some(&olga));
    stage.meet(&customer, &taken).await?;
    stage.passes(1_300).await;
    stage.ends(&taken, &[&customer]).await?;
    stage.outcome("transferred blind to a queue; answered there; the colleague hung up");
    Ok(())
}

pub const OUTSIDE: Scenario = Scenario {
    name: "blind-outside",
    number: 22,
    story: "A customer of the queue talks with an operator, who sends the customer on to a number outside, over the trunk. It \
            answers, they talk, and whoever was called outside hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(outside(stage)),
};

async fn outside(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, courier) = (stage.customer(1), stage.operator(1).await?, stage.subscriber(1));
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&call, courier.number()).await?;
    let taken = stage.answers(&courier).await?;
    stage.meet(&customer, &taken).await?;
    call.ended().await?;
    stage.passes(1_200).await;
    stage.ends(&taken, &[&customer]).await?;
    stage.outcome("transferred blind to a number outside, which hung up");
    Ok(())
}

pub const BY_KEYS: Scenario = Scenario {
    name: "blind-by-keys",
    number: 26,
    story: "As blind-to-operator, but the operator transfers by keys in the call (features.conf: #1, then the number) instead of by \
            the phone.",
    office: Office::QUEUE,
    play: |stage| Box::pin(by_keys(stage)),
};

async fn by_keys(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.step(format!("{} presses #1 and {}", anna.number(), olga.number()));
    call.press("#1").await?;
    // The PBX says "transfer" and wants a number then.
    stage.passes(900).await;
    call.press(olga.number()).await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&customer, &taken).await?;
    call.ended().await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("transferred blind by keys; the colleague talked; the customer hung up");
    Ok(())
}

pub const REDIRECT: Scenario = Scenario {
    name: "redirect",
    number: 27,
    story: "A customer of the queue talks with an operator. Somebody at a panel takes the customer's call and sends it to a colleague \
            (AMI Redirect). The colleague answers, they talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(redirect(stage)),
};

async fn redirect(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    let channel = stage.channel_of(&ivan).await?;
    stage.step(format!("a panel redirects {channel} to {}", olga.number()));
    let fields = [("Channel", &*channel), ("Context", "operators"), ("Exten", olga.number()), ("Priority", "1")];
    stage.asks("Redirect", &fields).await?;
    call.ended().await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&customer, &taken).await?;
    stage.passes(1_100).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("redirected by the manager interface; the colleague talked; the customer hung up");
    Ok(())
}
