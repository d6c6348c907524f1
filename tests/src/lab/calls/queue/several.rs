//! Several queues, several calls.

use std::sync::Arc;

use anyhow::{Result, ensure};

use crate::lab::calls::{Member, Office, Queue, Scenario, Stage};

pub const SECOND_QUEUE: Scenario = Scenario {
    name: "second-queue",
    number: 13,
    story: "A customer waits three seconds in the first queue, where nobody answers, and goes on to the second, where somebody \
            does. The operator hangs up.",
    office: Office {
        queues: &[
            Queue { timeout: 3, after: &["Goto(numbers,7{ss}2,1)"], ..Queue::PLAIN },
            Queue { members: &[Member::Phone(2)], ..Queue::PLAIN },
        ],
        ..Office::QUEUE
    },
    play: |stage| Box::pin(second_queue(stage)),
};

async fn second_queue(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let customer = stage.join(&ivan, 1).await?;
    let in_vain = anna.rings().await?;
    let end = in_vain.ended().await?;
    stage.left(&customer, 1, "timeout", None);
    let call = olga.rings().await?;
    stage.passes(1_000).await;
    stage.step(format!("{} answers", olga.number()));
    let answered = call.answer().await?;
    stage.waited(&customer, 2, end.at, answered, "answered", Some(&olga));
    stage.meet(&customer, &call).await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&customer]).await?;
    stage.outcome("timeout in the first queue, answered in the second; the operator hung up");
    Ok(())
}

pub const TWO_QUEUES: Scenario = Scenario {
    name: "two-queues-one-operator",
    number: 14,
    story: "Two customers call two queues that have the same operator (ringinuse = yes); the phone rings with both calls. The \
            operator answers the first; the second customer hangs up while it still rings. Then the first hangs up.",
    office: Office {
        queues: &[
            Queue { options: "ringinuse = yes", ..Queue::PLAIN },
            Queue { options: "ringinuse = yes", ..Queue::PLAIN },
        ],
        ..Office::QUEUE
    },
    play: |stage| Box::pin(two_queues(stage)),
};

async fn two_queues(stage: Arc<Stage>) -> Result<()> {
    let (ivan, maria, anna) = (stage.customer(1), stage.customer(2), stage.operator(1).await?);
    let first = stage.join(&ivan, 1).await?;
    let wanted = anna.rings().await?;
    let second = stage.join(&maria, 2).await?;
    let left = anna.rings().await?;
    stage.passes(700).await;
    stage.step(format!("{} answers the first", anna.number()));
    let answered = wanted.answer().await?;
    stage.waited(&first, 1, first.answered().await?, answered, "answered", Some(&anna));
    stage.meet(&first, &wanted).await?;
    stage.passes(1_200).await;
    stage.ends(&second, &[&left]).await?;
    stage.left(&second, 2, "abandoned", None);
    stage.passes(700).await;
    stage.ends(&first, &[&wanted]).await?;
    stage.outcome("the first was answered and hung up; the second abandoned");
    Ok(())
}

pub const OPERATOR_BUSY: Scenario = Scenario {
    name: "operator-busy",
    number: 15,
    story: "The only operator talks with a colleague when a customer calls the queue (ringinuse = no): nothing rings. The colleague \
            hangs up, the phone rings, the operator answers; the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(operator_busy(stage)),
};

async fn operator_busy(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (chat, with) = stage.calls(&olga, anna.number(), &anna).await?;
    let customer = stage.join(&ivan, 1).await?;
    stage.passes(1_800).await;
    ensure!(anna.legs().len() == 1, "a busy phone does not ring");
    stage.ends(&chat, &[&with]).await?;
    let call = stage.takes(&anna, &customer, 1).await?;
    stage.passes(900).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("waited for an operator in another call; answered; the customer hung up");
    Ok(())
}
