//! The PBX records a call.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Scenario, Stage};

pub const IN_PART: Scenario = Scenario {
    name: "recorded-in-part",
    number: 78,
    story: "A customer calls a number that records (MixMonitor) and leads to the queue. An operator answers. Somebody at a panel makes the \
            recording mute (AMI MixMonitorMute), and the operator sends the customer on to a colleague, with whom nothing is recorded.",
    office: Office {
        numbers: "exten => 5{ss}0,1,Answer()\n same => n,MixMonitor({name}-${UNIQUEID}.wav)\n same => n,Goto(numbers,7{ss}1,1)",
        ..Office::QUEUE
    },
    play: |stage| Box::pin(in_part(stage)),
};

async fn in_part(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let number = stage.number("5{ss}0");
    stage.step(format!("{} calls {number}", ivan.number()));
    let customer = ivan.dial(&number).await?;
    customer.answered().await?;
    let call = stage.takes(&anna, &customer, 1).await?;
    stage.passes(1_000).await;
    let channel = stage.channel_of(&ivan).await?;
    stage.step(format!("a panel makes the recording of {channel} mute"));
    stage.asks("MixMonitorMute", &[("Channel", &channel), ("Direction", "both"), ("State", "1")]).await?;
    stage.passes(300).await;
    stage.sends_on(&call, olga.number()).await?;
    let taken = stage.answers(&olga).await?;
    stage.meet(&customer, &taken).await?;
    call.ended().await?;
    stage.passes(1_200).await;
    stage.ends(&customer, &[&taken]).await?;
    stage.outcome("recorded with the first operator, not with the second; the customer hung up");
    Ok(())
}

pub const OUTGOING: Scenario = Scenario {
    name: "recorded-outgoing",
    number: 79,
    story: "An operator calls a number outside. Somebody at a panel has the operator's channel recorded (AMI MixMonitor) from the middle \
            of the talk, and ends that again (StopMixMonitor). The operator hangs up.",
    office: Office::phones(1),
    play: |stage| Box::pin(outgoing(stage)),
};

async fn outgoing(stage: Arc<Stage>) -> Result<()> {
    let (anna, maria) = (stage.operator(1).await?, stage.subscriber(1));
    let (call, called) = stage.calls(&anna, maria.number(), &maria).await?;
    stage.passes(600).await;
    let channel = stage.phone_channel(&anna).await?;
    stage.step(format!("a panel records {channel}"));
    stage.asks("MixMonitor", &[("Channel", &channel), ("File", &format!("{}.wav", anna.number()))]).await?;
    stage.passes(600).await;
    stage.asks("StopMixMonitor", &[("Channel", &channel)]).await?;
    stage.passes(300).await;
    stage.ends(&call, &[&called]).await?;
    stage.outcome("an outgoing call, recorded for a while; the operator hung up");
    Ok(())
}
