//! The customer's own telephone system transfers: the operator goes on to somebody else.

use std::sync::Arc;

use anyhow::Result;

use super::SECOND_QUEUE;
use crate::lab::calls::{Office, Scenario, Stage};

/// A number of the house that leads outside.
const LEADS_OUTSIDE: Office =
    Office { numbers: "exten => 5{ss}0,1,Dial(PJSIP/+78121{ss}0001@trunk,6)\n same => n,Hangup()", ..Office::QUEUE };

pub const BLIND: Scenario = Scenario {
    name: "blind-by-customer",
    number: 23,
    story: "A customer of the queue talks with an operator. The customer's own telephone system sends the operator on (REFER over the \
            trunk) to another operator's number. The two operators talk, and the second hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(blind(stage)),
};

async fn blind(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&customer, olga.number()).await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&call, &taken).await?;
    customer.ended().await?;
    stage.passes(1_000).await;
    stage.ends(&taken, &[&call]).await?;
    stage.outcome("the customer sent the operator on to another; the other hung up");
    Ok(())
}

pub const BLIND_TO_QUEUE: Scenario = Scenario {
    name: "blind-by-customer-to-queue",
    number: 17,
    story: "As blind-by-customer, to the second queue: the operator waits there, a colleague answers, they talk, and the colleague \
            hangs up.",
    office: SECOND_QUEUE,
    play: |stage| Box::pin(blind_to_queue(stage)),
};

async fn blind_to_queue(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&customer, &stage.queue(2)).await?;
    let end = customer.ended().await?;
    let taken = stage.answers(&olga).await?;
    stage.waited(&call, 2, end.at, taken.answered().await?, "answered", Some(&olga));
    stage.meet(&call, &taken).await?;
    stage.passes(1_000).await;
    stage.ends(&taken, &[&call]).await?;
    stage.outcome("the customer sent the operator on to a queue; answered there; the colleague hung up");
    Ok(())
}

pub const BLIND_OUTSIDE: Scenario = Scenario {
    name: "blind-by-customer-outside",
    number: 18,
    story: "As blind-by-customer, to a number of the house that leads outside. Whoever is called there talks with the operator, who hangs \
            up.",
    office: LEADS_OUTSIDE,
    play: |stage| Box::pin(blind_outside(stage)),
};

async fn blind_outside(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, courier) = (stage.customer(1), stage.operator(1).await?, stage.subscriber(1));
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.sends_on(&customer, &stage.number("5{ss}0")).await?;
    let taken = stage.answers(&courier).await?;
    stage.meet(&call, &taken).await?;
    customer.ended().await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&taken]).await?;
    stage.outcome("the customer sent the operator on to a number outside; the operator hung up");
    Ok(())
}

pub const ATTENDED: Scenario = Scenario {
    name: "attended-by-customer",
    number: 34,
    story: "A customer of the queue talks with an operator, holds, calls another operator directly, talks, and joins the two \
            operators (REFER with Replaces over the trunk). They talk, and the first hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(attended(stage)),
};

async fn attended(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&customer).await?;
    let (asked, taken) = stage.calls(&ivan, olga.number(), &olga).await?;
    stage.passes(800).await;
    stage.joins(&customer, &asked, &call, &taken).await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&taken]).await?;
    stage.outcome("the customer joined two operators; the first hung up");
    Ok(())
}

pub const ATTENDED_TO_QUEUE: Scenario = Scenario {
    name: "attended-by-customer-to-queue",
    number: 19,
    story: "As attended-by-customer, but the other operator is found by the second queue. The first hangs up.",
    office: SECOND_QUEUE,
    play: |stage| Box::pin(attended_to_queue(stage)),
};

async fn attended_to_queue(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&customer).await?;
    let asked = stage.join(&ivan, 2).await?;
    let taken = stage.takes(&olga, &asked, 2).await?;
    stage.passes(800).await;
    stage.joins(&customer, &asked, &call, &taken).await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&taken]).await?;
    stage.outcome("the customer joined an operator with one whom a queue found; the first hung up");
    Ok(())
}

pub const ATTENDED_OUTSIDE: Scenario = Scenario {
    name: "attended-by-customer-outside",
    number: 28,
    story: "As attended-by-customer, but the customer calls a number of the house that leads outside, and joins whoever answers there \
            with the operator. The operator hangs up.",
    office: LEADS_OUTSIDE,
    play: |stage| Box::pin(attended_outside(stage)),
};

async fn attended_outside(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, courier) = (stage.customer(1), stage.operator(1).await?, stage.subscriber(1));
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&customer).await?;
    let (asked, taken) = stage.calls(&ivan, &stage.number("5{ss}0"), &courier).await?;
    stage.passes(800).await;
    stage.joins(&customer, &asked, &call, &taken).await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&taken]).await?;
    stage.outcome("the customer joined the operator with a number outside; the operator hung up");
    Ok(())
}
