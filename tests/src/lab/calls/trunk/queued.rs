//! A queue on one PBX, the operator on the other.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Member, Office, Queue, Scenario, Site, Stage};

const WITH_HEADER: Queue = Queue { members: &[Member::Across(1)], ..Queue::PLAIN };
const BARE: Queue = Queue { members: &[Member::AcrossBare(1)], ..Queue::PLAIN };

pub const FROM_A: Scenario = Scenario {
    name: "across-a-to-b",
    number: 80,
    story: "A customer calls a queue on PBX A, whose operator has a phone at PBX B. The trunk between them carries the header that joins \
            the halves. The operator answers; the customer hangs up.",
    office: Office { phones_b: 1, queues: &[WITH_HEADER], ..Office::NONE },
    play: |stage| Box::pin(queued(stage, Site::A)),
};

pub const FROM_A_BARE: Scenario = Scenario {
    name: "across-a-to-b-bare",
    number: 81,
    story: "As across-a-to-b, without the header: only numbers and time join the halves.",
    office: Office { phones_b: 1, queues: &[BARE], ..Office::NONE },
    play: |stage| Box::pin(queued(stage, Site::A)),
};

pub const FROM_B: Scenario = Scenario {
    name: "across-b-to-a",
    number: 82,
    story: "As across-a-to-b in the other direction: the queue is on PBX B, the operator's phone at PBX A.",
    office: Office { phones: 1, queues: &[Queue { site: Site::B, ..WITH_HEADER }], ..Office::NONE },
    play: |stage| Box::pin(queued(stage, Site::B)),
};

pub const FROM_B_BARE: Scenario = Scenario {
    name: "across-b-to-a-bare",
    number: 83,
    story: "As across-b-to-a, without the header.",
    office: Office { phones: 1, queues: &[Queue { site: Site::B, ..BARE }], ..Office::NONE },
    play: |stage| Box::pin(queued(stage, Site::B)),
};

async fn queued(stage: Arc<Stage>, site: Site) -> Result<()> {
    let (ivan, anna) = (stage.customer_of(site, 1), stage.operator_at(site.other(), 1).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_200).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("answered over the trunk between the PBXs; the customer hung up");
    Ok(())
}

pub const FAR_QUEUE: Scenario = Scenario {
    name: "across-far-queue",
    number: 84,
    story: "An operator of PBX A calls a queue of PBX B (8 and its number). There a colleague answers and hangs up.",
    office: Office { phones: 1, phones_b: 1, queues: &[Queue { site: Site::B, ..Queue::PLAIN }], ..Office::NONE },
    play: |stage| Box::pin(far_queue(stage)),
};

async fn far_queue(stage: Arc<Stage>) -> Result<()> {
    let (anna, boris) = (stage.operator(1).await?, stage.operator_at(Site::B, 1).await?);
    let number = format!("8{}", stage.queue(1));
    stage.step(format!("{} calls {number}", anna.number()));
    let call = anna.dial(&number).await?;
    call.answered().await?;
    let taken = stage.takes(&boris, &call, 1).await?;
    stage.passes(1_000).await;
    stage.ends(&taken, &[&call]).await?;
    stage.outcome("an operator called a queue of the other PBX; the colleague there hung up");
    Ok(())
}
