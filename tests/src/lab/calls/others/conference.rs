//! More than two in a call.

use std::sync::Arc;

use anyhow::Result;

use crate::lab::calls::{Office, Scenario, Stage};

/// A room that everybody may dial: 6SS0.
const ROOM_NUMBER: &str = "exten => 6{ss}0,1,Answer()\n same => n,ConfBridge(room-{ss})\n same => n,Hangup()";

/// The same a moment later, 6SS1: of two who enter an empty room in the same instant, one may take Asterisk 22 along with him, which
/// then answers nobody any more.
const ROOM_LATER: &str = "exten => 6{ss}0,1,Answer()\n same => n,ConfBridge(room-{ss})\n same => n,Hangup()\n\
                          exten => 6{ss}1,1,Wait(0.4)\n same => n,Goto(6{ss}0,1)";

pub const ROOM: Scenario = Scenario {
    name: "conference-room",
    number: 48,
    story: "A customer and two operators dial a conference room, one after the other, and talk. The first operator leaves, then the \
            customer, then the second operator. (What the PBX mixes carries no marks.)",
    office: Office { numbers: ROOM_NUMBER, ..Office::phones(2) },
    play: |stage| Box::pin(room(stage)),
};

async fn room(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let number = stage.number("6{ss}0");
    let mut calls = Vec::new();
    for who in [&ivan, &anna, &olga] {
        stage.step(format!("{} enters the room", who.number()));
        let call = who.dial(&number).await?;
        call.answered().await?;
        stage.passes(600).await;
        calls.push(call);
    }
    stage.passes(1_000).await;
    for index in [1, 0, 2] {
        stage.ends(&calls[index], &[]).await?;
        stage.passes(500).await;
    }
    stage.outcome("three in a room; left by the first operator, the customer, the second operator");
    Ok(())
}

pub const BY_REDIRECT: Scenario = Scenario {
    name: "conference-by-redirect",
    number: 49,
    story: "A customer of the queue talks with an operator. A panel sends both into a conference room (AMI Redirect with ExtraChannel), \
            and a colleague dials in. The customer hangs up, then the others.",
    office: Office { numbers: ROOM_LATER, ..Office::QUEUE },
    play: |stage| Box::pin(by_redirect(stage)),
};

async fn by_redirect(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    let (room, later) = (stage.number("6{ss}0"), stage.number("6{ss}1"));
    let (one, other) = (stage.channel_of(&ivan).await?, stage.phone_channel(&anna).await?);
    stage.step(format!("a panel sends {one} and {other} into the room"));
    let fields = [
        ("Channel", &*one),
        ("Context", "numbers"),
        ("Exten", &*room),
        ("Priority", "1"),
        ("ExtraChannel", &*other),
        ("ExtraContext", "numbers"),
        ("ExtraExten", &*later),
        ("ExtraPriority", "1"),
    ];
    stage.asks("Redirect", &fields).await?;
    stage.passes(1_000).await;
    stage.step(format!("{} enters the room", olga.number()));
    let third = olga.dial(&room).await?;
    third.answered().await?;
    stage.passes(1_200).await;
    for one in [&customer, &third, &call] {
        stage.ends(one, &[]).await?;
        stage.passes(400).await;
    }
    stage.outcome("a call that became a conference of three; the customer left first");
    Ok(())
}

pub const IN_PHONE: Scenario = Scenario {
    name: "conference-in-phone",
    number: 50,
    story: "A customer of the queue talks with an operator, who holds, calls a colleague, and joins both calls in the phone: all three hear \
            each other, and the PBX sees two calls. The colleague hangs up, then the customer.",
    office: Office::QUEUE,
    play: |stage| Box::pin(in_phone(stage)),
};

async fn in_phone(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(1_000).await;
    stage.holds(&call).await?;
    let (asked, taken) = stage.calls(&anna, olga.number(), &olga).await?;
    stage.passes(700).await;
    stage.step(format!("{} joins both calls in the phone", anna.number()));
    call.join(&asked);
    stage.resumes(&call, &customer).await?;
    stage.meet(&customer, &taken).await?;
    stage.passes(1_200).await;
    stage.ends(&taken, &[&asked]).await?;
    stage.passes(800).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("a conference in the operator's phone; the colleague hung up, then the customer");
    Ok(())
}

pub const WHISPER: Scenario = Scenario {
    name: "whisper",
    number: 73,
    story: "A customer of the queue talks with an operator. A supervisor listens and whispers (ChanSpy on the operator's phone), and stops. \
            The customer hangs up.",
    office: Office::QUEUE,
    play: |stage| Box::pin(whisper(stage)),
};

async fn whisper(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, irina) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let (customer, call) = stage.connects(&ivan, &anna).await?;
    stage.passes(800).await;
    stage.step(format!("{} listens to {}", irina.number(), anna.number()));
    let listening = irina.dial(&format!("*22{}", anna.number())).await?;
    listening.answered().await?;
    stage.passes(1_500).await;
    stage.ends(&listening, &[]).await?;
    stage.passes(600).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("answered; a supervisor whispered for one and a half seconds; the customer hung up");
    Ok(())
}
