//! The PBX speaks with the customer.

use std::sync::Arc;

use anyhow::{Result, ensure};

use crate::lab::calls::{Office, Scenario, Stage};

pub const MENU_BACKGROUND: Scenario = Scenario {
    name: "menu-background",
    number: 58,
    story: "A customer calls a number with a menu (Background, WaitExten), presses 2 while it speaks, and comes to the queue. An operator \
            answers; the customer hangs up.",
    office: Office {
        numbers: "exten => 5{ss}0,1,Goto(menu-{ss},s,1)",
        contexts: "[menu-{ss}]\nexten => s,1,Answer()\n same => n,Background(basic-pbx-ivr-main)\n same => n,WaitExten(5)\n\
                   exten => 2,1,Goto(numbers,7{ss}1,1)\nexten => i,1,Goto(s,1)\nexten => t,1,Hangup()",
        ..Office::QUEUE
    },
    play: |stage| Box::pin(menu(stage, "2")),
};

pub const MENU_READ: Scenario = Scenario {
    name: "menu-read",
    number: 59,
    story: "A customer calls a number that asks for two digits (Read), dials 31, and comes to the queue. An operator answers; the customer \
            hangs up.",
    office: Office {
        numbers: "exten => 5{ss}0,1,Answer()\n same => n,Read(CHOICE,vm-press,2,,1,5)\n\
                  same => n,GotoIf($[\"${CHOICE}\" = \"31\"]?numbers,7{ss}1,1)\n same => n,Hangup()",
        ..Office::QUEUE
    },
    play: |stage| Box::pin(menu(stage, "31")),
};

async fn menu(stage: Arc<Stage>, keys: &'static str) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let number = stage.number("5{ss}0");
    stage.step(format!("{} calls {number}", ivan.number()));
    let customer = ivan.dial(&number).await?;
    customer.answered().await?;
    stage.passes(1_000).await;
    stage.step(format!("{} presses {keys}", ivan.number()));
    customer.press(keys).await?;
    let call = anna.rings().await?;
    let joined = call.leg().began;
    stage.passes(800).await;
    stage.step(format!("{} answers", anna.number()));
    let answered = call.answer().await?;
    stage.waited(&customer, 1, joined, answered, "answered", Some(&anna));
    stage.meet(&customer, &call).await?;
    stage.passes(900).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("through a menu into the queue; answered; the customer hung up");
    Ok(())
}

pub const CLOSED: Scenario = Scenario {
    name: "closed-hours",
    number: 60,
    story: "A customer calls outside the hours of business: a branch with a context of its own says so and hangs up.",
    office: Office {
        numbers: "exten => 5{ss}0,1,Goto(closed-{ss},s,1)",
        contexts: "[closed-{ss}]\nexten => s,1,Answer()\n same => n,Playback(vm-goodbye)\n same => n,Hangup()",
        ..Office::NONE
    },
    play: |stage| Box::pin(listens(stage, "5{ss}0", "an announcement of the closed branch; hung up by the PBX")),
};

pub const ANNOUNCEMENT: Scenario = Scenario {
    name: "announcement-only",
    number: 62,
    story: "A customer calls a number that only speaks, as an answering machine without a tape does, and hangs up before it is done.",
    office: Office {
        numbers: "exten => 5{ss}0,1,Answer()\n same => n,Playback(vm-intro)\n same => n,Hangup()",
        ..Office::NONE
    },
    play: |stage| Box::pin(announcement(stage)),
};

async fn announcement(stage: Arc<Stage>) -> Result<()> {
    let (ivan, number) = (stage.customer(1), stage.number("5{ss}0"));
    stage.step(format!("{} calls {number}", ivan.number()));
    let customer = ivan.dial(&number).await?;
    customer.answered().await?;
    stage.passes(1_500).await;
    stage.ends(&customer, &[]).await?;
    stage.outcome("spoken to by a machine; the customer hung up");
    Ok(())
}

async fn listens(stage: Arc<Stage>, number: &'static str, outcome: &'static str) -> Result<()> {
    let (ivan, number) = (stage.customer(1), stage.number(number));
    stage.step(format!("{} calls {number}", ivan.number()));
    let customer = ivan.dial(&number).await?;
    customer.answered().await?;
    ensure!(!customer.ended().await?.by_us, "the PBX was to hang up");
    stage.outcome(outcome);
    Ok(())
}

pub const CALLBACK: Scenario = Scenario {
    name: "callback-request",
    number: 61,
    story: "A customer calls a number that offers to call back, presses 1, is thanked and hung up. The request is a UserEvent.",
    office: Office {
        numbers: "exten => 5{ss}0,1,Answer()\n same => n,Read(CHOICE,vm-press,1,,1,5)\n same => n,GotoIf($[\"${CHOICE}\" != \"1\"]?done)\n\
                  same => n,UserEvent(CallbackRequest,Number: ${CALLERID(num)},Queue: {name},Reason: pressed 1)\n\
                  same => n,Playback(vm-goodbye)\n same => n(done),Hangup()",
        ..Office::NONE
    },
    play: |stage| Box::pin(callback(stage)),
};

async fn callback(stage: Arc<Stage>) -> Result<()> {
    let (ivan, number) = (stage.customer(1), stage.number("5{ss}0"));
    stage.step(format!("{} calls {number}", ivan.number()));
    let customer = ivan.dial(&number).await?;
    customer.answered().await?;
    stage.passes(900).await;
    stage.step(format!("{} presses 1", ivan.number()));
    customer.press("1").await?;
    ensure!(!customer.ended().await?.by_us, "the PBX was to hang up");
    stage.outcome("asked to be called back; hung up by the PBX");
    Ok(())
}

pub const WRONG_NUMBER: Scenario = Scenario {
    name: "wrong-number",
    number: 71,
    story: "A customer dials a number that the dialplan knows as wrong: an announcement without an answer, then 404.",
    office: Office {
        numbers: "exten => _9{ss}X,1,Progress()\n same => n,Playback(pbx-invalid,noanswer)\n same => n,Hangup(1)",
        ..Office::NONE
    },
    play: |stage| Box::pin(wrong_number(stage)),
};

async fn wrong_number(stage: Arc<Stage>) -> Result<()> {
    let (ivan, number) = (stage.customer(1), stage.number("9{ss}7"));
    stage.step(format!("{} calls {number}", ivan.number()));
    let customer = ivan.dial(&number).await?;
    let end = customer.ended().await?;
    ensure!(end.status == Some(404) && customer.leg().answered.is_none(), "a wrong number is not answered: {end:?}");
    stage.outcome("a wrong number, announced, never answered");
    Ok(())
}
