//! Attended, and the target does not want or is not there: the operator takes the customer back. And attended by keys.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Scenario, Stage};

pub const REFUSED: Scenario = Scenario {
    name: "attended-refused",
    number: 36,
    story: "A customer of the queue talks with an operator, who holds and calls a colleague. She declines. The operator takes the \
            customer back; they talk, and the customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(refused(stage)),
};

async fn refused(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    stage.step(format!("{} calls {}", anna.number(), olga.number()));
    let asked = anna.dial(olga.number()).await?;
    let unwanted = olga.rings().await?;
    stage.passes(800).await;
    stage.step(format!("{} declines", olga.number()));
    unwanted.decline().await?;
    asked.ended().await?;
    stage.resumes(&call, &customer).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("the colleague declined; back to the operator; the customer hung up");
    Ok(())
}

pub const UNANSWERED: Scenario = Scenario {
    name: "attended-unanswered",
    number: 37,
    story: "A customer of the queue talks with an operator, who holds and calls a colleague. She does not answer; the operator gives up \
            after two seconds and takes the customer back; they talk, and the operator hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(unanswered(stage)),
};

async fn unanswered(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    stage.step(format!("{} calls {}", anna.number(), olga.number()));
    let asked = anna.dial(olga.number()).await?;
    let in_vain = olga.rings().await?;
    stage.passes(2_000).await;
    stage.ends(&asked, &[&in_vain]).await?;
    stage.resumes(&call, &customer).await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&customer]).await?;
    stage.outcome("the colleague did not answer; back to the operator, who hung up");
    Ok(())
}

pub const BY_KEYS: Scenario = Scenario {
    name: "attended-by-keys",
    number: 38,
    story: "As attended-to-operator, but the operator transfers by keys in the call (features.conf: *2, the number, and hanging up when \
            the colleague has answered). The customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(by_keys(stage)),
};

async fn by_keys(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.step(format!("{} presses *2 and {}", anna.number(), olga.number()));
    call.press("*2").await?;
    // The PBX says "transfer" and wants a number then.
    stage.passes(900).await;
    call.press(olga.number()).await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&call, &taken).await?;
    stage.passes(900).await;
    stage.step(format!("{} hangs up, which joins {} and {}", anna.number(), ivan.number(), olga.number()));
    call.hang_up().await?;
    stage.meet(&customer, &taken).await?;
    stage.passes(1_100).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("transferred by keys after a word; the colleague talked; the customer hung up");
    Ok(())
}
