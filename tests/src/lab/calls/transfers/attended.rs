//! Attended: whoever transfers calls the target first.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;

use super::SECOND_QUEUE;
use crate::lab::calls::{Office, Scenario, Stage};

pub const TO_OPERATOR: Scenario = Scenario {
    name: "attended-to-operator",
    number: 30,
    story: "A customer of the queue talks with an operator, who holds, calls a colleague, talks with her and then joins the two. \
            They talk, and the colleague hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(to_operator(stage)),
};

async fn to_operator(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    let (asked, taken) = stage.calls(&anna, olga.number(), &olga).await?;
    stage.passes(800).await;
    stage.joins(&call, &asked, &customer, &taken).await?;
    stage.passes(1_400).await;
    stage.ends(&taken, &[&customer]).await?;
    stage.outcome("transferred after a word; the colleague talked and hung up");
    Ok(())
}

pub const TO_QUEUE: Scenario = Scenario {
    name: "attended-to-queue",
    number: 31,
    story: "A customer of the first queue talks with an operator, who holds and calls the second queue. A colleague answers there; they \
            talk, and the operator joins the two. The customer hangs up.",
    office: SECOND_QUEUE,
    play: |stage| Box::pin(to_queue(stage)),
};

async fn to_queue(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    let asked = stage.join(&anna, 2).await?;
    let taken = stage.takes(&olga, &asked, 2).await?;
    stage.passes(800).await;
    stage.joins(&call, &asked, &customer, &taken).await?;
    stage.passes(1_200).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("transferred to a colleague whom a queue found; the customer hung up");
    Ok(())
}

pub const TO_WAITING_QUEUE: Scenario = Scenario {
    name: "attended-to-waiting-queue",
    number: 32,
    story: "As attended-to-queue, but the operator joins the customer with the second queue while that still plays music: from then on \
            the customer waits there. A colleague answers; they talk, and the colleague hangs up.",
    office: SECOND_QUEUE,
    play: |stage| Box::pin(to_waiting_queue(stage)),
};

async fn to_waiting_queue(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    let asked = stage.join(&anna, 2).await?;
    let ringing = olga.rings().await?;
    stage.passes(700).await;
    stage.step(format!("{} joins {} with the queue", anna.number(), ivan.number()));
    let joined = Instant::now();
    call.transfer_to(&asked).await?;
    call.ended().await?;
    asked.ended().await?;
    stage.passes(1_000).await;
    stage.step(format!("{} answers", olga.number()));
    let answered = ringing.answer().await?;
    stage.waited(&asked, 2, asked.answered().await?, joined, "handed-over", None);
    stage.waited(&customer, 2, joined, answered, "answered", Some(&olga));
    stage.meet(&customer, &ringing).await?;
    stage.passes(1_200).await;
    stage.ends(&ringing, &[&customer]).await?;
    stage.outcome("transferred into a queue that had not answered; a colleague answered and hung up");
    Ok(())
}

pub const OUTSIDE: Scenario = Scenario {
    name: "attended-outside",
    number: 33,
    story: "A customer of the queue talks with an operator, who holds, calls a number outside, talks and joins the two. The customer \
            hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(outside(stage)),
};

async fn outside(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, courier) = (stage.customer(1), stage.operator(1).await?, stage.subscriber(1));
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    let (asked, taken) = stage.calls(&anna, courier.number(), &courier).await?;
    stage.passes(800).await;
    stage.joins(&call, &asked, &customer, &taken).await?;
    stage.passes(1_200).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("transferred after a word to a number outside; the customer hung up");
    Ok(())
}

pub const WHILE_RINGING: Scenario = Scenario {
    name: "attended-while-ringing",
    number: 74,
    story: "A customer of the queue talks with an operator, who holds, calls a colleague, and joins the two while her phone still rings. She answers; they talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(while_ringing(stage)),
};

async fn while_ringing(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    stage.step(format!("{} calls {}", anna.number(), olga.number()));
    let asked = anna.dial(olga.number()).await?;
    let ringing = olga.rings().await?;
    asked.ringing().await?;
    stage.passes(900).await;
    stage.step(format!("{} joins {} with the call that rings", anna.number(), ivan.number()));
    call.transfer_to(&asked).await?;
    call.ended().await?;
    asked.ended().await?;
    stage.passes(1_000).await;
    stage.step(format!("{} answers", olga.number()));
    ringing.answer().await?;
    stage.meet(&customer, &ringing).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&ringing]).await?;
    stage.outcome("transferred while it rang; the colleague answered; the customer hung up");
    Ok(())
}
