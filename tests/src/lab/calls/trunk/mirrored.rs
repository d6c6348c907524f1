//! One phone at both PBXs.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Member, Office, Queue, Scenario, Site, Stage};

pub const TWICE: Scenario = Scenario {
    name: "mirrored-phone",
    number: 90,
    story: "An operator's phone is registered at both PBXs by the same number. A customer of PBX A's queue is answered and hangs up, then \
            one of PBX B's queue.",
    office: Office {
        phones: 1,
        twins: 1,
        queues: &[Queue::PLAIN, Queue { site: Site::B, members: &[Member::Twin(1)], ..Queue::PLAIN }],
        ..Office::NONE
    },
    play: |stage| Box::pin(twice(stage)),
};

async fn twice(stage: Arc<Stage>) -> Result<()> {
    let (anna, twin) = (stage.operator(1).await?, stage.twin(1).await?);
    let (ivan, maria) = (stage.customer(1), stage.customer_of(Site::B, 2));
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&call]).await?;
    let customer = stage.join(&maria, 2).await?;
    let call = stage.takes(&twin, &customer, 2).await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&customer]).await?;
    stage.outcome("the same operator answered at both PBXs");
    Ok(())
}
