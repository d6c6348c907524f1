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

pub const ABANDONED_SHORT: Scenario = Scenario {
    name: "abandoned-short",
    number: 4,
    story: "A customer calls the queue and hangs up after less than a second.",
    office: Office::QUEUE,
    play: |stage| Box::pin(abandoned_short(stage)),
};

async fn abandoned_short(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let customer = stage.join(&ivan, 1).await?;
    let call = anna.rings().await?;
    stage.passes(400).await;
    stage.ends(&customer, &[&call]).await?;
    stage.left(&customer, 1, "abandoned", None);
    stage.outcome("abandoned after less than a second");
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

pub const BY_KEY: Scenario = Scenario {
    name: "left-by-key",
    number: 6,
    story: "A customer waits in the queue, with the operator's phone ringing, and presses 1, which leads out of the queue to an \
            announcement; then the PBX hangs up.",
    office: Office {
        queues: &[Queue { options: "context = leave-{ss}", ..Queue::PLAIN }],
        contexts: "[leave-{ss}]\nexten => 1,1,Playback(vm-goodbye)\n same => n,Hangup()",
        ..Office::QUEUE
    },
    play: |stage| Box::pin(by_key(stage)),
};

async fn by_key(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let customer = stage.join(&ivan, 1).await?;
    let call = anna.rings().await?;
    stage.passes(1_200).await;
    stage.step(format!("{} presses 1", ivan.number()));
    customer.press("1").await?;
    call.ended().await?;
    stage.left(&customer, 1, "key", None);
    customer.ended().await?;
    stage.outcome("left by the key 1; an announcement; hung up by the PBX");
    Ok(())
}

pub const FULL: Scenario = Scenario {
    name: "full",
    number: 7,
    story: "One customer may wait in the queue, and one does. A second calls, is not let in, hears an announcement and is hung \
            up. Then the first gives up.",
    office: Office {
        queues: &[Queue { options: "maxlen = 1", after: &["Playback(vm-goodbye)"], ..Queue::PLAIN }],
        ..Office::QUEUE
    },
    play: |stage| Box::pin(full(stage)),
};

async fn full(stage: Arc<Stage>) -> Result<()> {
    let (ivan, maria, anna) = (stage.customer(1), stage.customer(2), stage.operator(1).await?);
    let first = stage.join(&ivan, 1).await?;
    let call = anna.rings().await?;
    stage.passes(800).await;
    let second = stage.join(&maria, 1).await?;
    stage.left(&second, 1, "full", None);
    second.ended().await?;
    stage.passes(500).await;
    stage.ends(&first, &[&call]).await?;
    stage.left(&first, 1, "abandoned", None);
    stage.outcome("the second found the queue full; the first abandoned");
    Ok(())
}

pub const EMPTY_AT_ENTRY: Scenario = Scenario {
    name: "empty-at-entry",
    number: 8,
    story: "Nobody is in the queue (joinempty = no). A customer calls, is not let in, hears an announcement and is hung up.",
    office: Office {
        queues: &[Queue { options: "joinempty = no", members: &[], after: &["Playback(vm-goodbye)"], ..Queue::PLAIN }],
        ..Office::QUEUE
    },
    play: |stage| Box::pin(empty_at_entry(stage)),
};

async fn empty_at_entry(stage: Arc<Stage>) -> Result<()> {
    let ivan = stage.customer(1);
    let customer = stage.join(&ivan, 1).await?;
    stage.left(&customer, 1, "empty", None);
    customer.ended().await?;
    stage.outcome("not let in: nobody is in the queue");
    Ok(())
}

pub const EMPTY_WHILE_WAITING: Scenario = Scenario {
    name: "empty-while-waiting",
    number: 9,
    story: "A customer waits and the operator's phone rings. The phone is unplugged, so that nobody is left; the queue sends the \
            customer away with an announcement.",
    office: Office {
        queues: &[Queue {
            options: "timeout = 2\nleavewhenempty = unavailable,invalid",
            after: &["Playback(vm-goodbye)"],
            ..Queue::PLAIN
        }],
        ..Office::QUEUE
    },
    play: |stage| Box::pin(empty_while_waiting(stage)),
};

async fn empty_while_waiting(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let customer = stage.join(&ivan, 1).await?;
    let call = anna.rings().await?;
    stage.step(format!("{} is not registered any more", anna.number()));
    anna.unregister().await?;
    call.ended().await?;
    let end = customer.ended().await?;
    // The announcement is one and a half seconds long.
    let sent_away = end.at - std::time::Duration::from_millis(1_500);
    stage.waited(&customer, 1, customer.answered().await?, sent_away, "empty", None);
    stage.outcome("sent away: nobody was left in the queue");
    Ok(())
}
