//! Phones that ring in vain.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::lab::calls::{Member, Office, Queue, Scenario, Stage};

pub const THEN_ANOTHER: Scenario = Scenario {
    name: "attempts-then-another",
    number: 10,
    story: "The queue rings one operator after the other, two seconds each: the first, the second, the first again. Nobody \
            answers. The second time the second one does; they talk, and the operator hangs up.",
    office: Office {
        queues: &[Queue {
            options: "timeout = 2\nretry = 1",
            members: &[Member::Phone(1), Member::Phone(2)],
            ..Queue::PLAIN
        }],
        ..Office::QUEUE
    },
    play: |stage| Box::pin(then_another(stage)),
};

async fn then_another(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let customer = stage.join(&ivan, 1).await?;
    for in_vain in [&anna, &olga, &anna] {
        let call = in_vain.rings().await?;
        stage.step(format!("{} rings", in_vain.number()));
        call.ended().await?;
    }
    let call = stage.takes(&olga, &customer, 1).await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&customer]).await?;
    stage.outcome("three attempts in vain, answered at the fourth; the operator hung up");
    Ok(())
}

pub const DECLINED: Scenario = Scenario {
    name: "declined-then-answered",
    number: 11,
    story: "The queue rings the first operator, who declines; it rings the second, who answers. The customer hangs up.",
    office: Office {
        queues: &[Queue { strategy: "linear", members: &[Member::Phone(1), Member::Phone(2)], ..Queue::PLAIN }],
        ..Office::QUEUE
    },
    play: |stage| Box::pin(declined(stage)),
};

async fn declined(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna, olga) = (stage.customer(1), stage.operator(1).await?, stage.operator(2).await?);
    let customer = stage.join(&ivan, 1).await?;
    let unwanted = anna.rings().await?;
    stage.passes(700).await;
    stage.step(format!("{} declines", anna.number()));
    unwanted.decline().await?;
    let call = stage.takes(&olga, &customer, 1).await?;
    stage.passes(1_000).await;
    stage.ends(&customer, &[&call]).await?;
    stage.outcome("declined by the first, answered by the second; the customer hung up");
    Ok(())
}

const CROWD: u8 = 21;

const EVERYBODY: [Member; CROWD as usize] = {
    let mut members = [Member::Phone(0); CROWD as usize];
    let mut index = 0;
    while index < CROWD {
        members[index as usize] = Member::Phone(index + 1);
        index += 1;
    }
    members
};

pub const RINGALL: Scenario = Scenario {
    name: "ringall-21",
    number: 12,
    story: "The queue rings all of 21 operators at once, for three seconds, and again, and again. Nobody answers. After fifteen \
            seconds the customer is sent away.",
    office: Office {
        phones: CROWD,
        queues: &[Queue {
            strategy: "ringall",
            options: "timeout = 3\nretry = 1",
            members: &EVERYBODY,
            timeout: 15,
            ..Queue::PLAIN
        }],
        ..Office::NONE
    },
    play: |stage| Box::pin(ringall(stage, Duration::from_secs(15), 3..=5)),
};

/// Too long for a suite that is run each time.
pub const RINGALL_MINUTES: Scenario = Scenario {
    name: "ringall-for-minutes",
    number: 92,
    story: "The queue rings all of 21 operators at once, for fifteen seconds, again and again. Nobody answers. After two minutes the \
            customer is sent away.",
    office: Office {
        phones: CROWD,
        queues: &[Queue { strategy: "ringall", members: &EVERYBODY, timeout: 120, ..Queue::PLAIN }],
        ..Office::NONE
    },
    play: |stage| Box::pin(ringall(stage, Duration::from_secs(120), 7..=12)),
};

async fn ringall(stage: Arc<Stage>, lasts: Duration, rounds: RangeInclusive<usize>) -> Result<()> {
    let ivan = stage.customer(1);
    let mut crowd = Vec::new();
    for index in 1..=CROWD {
        crowd.push(stage.operator(index).await?);
    }
    let customer = stage.join(&ivan, 1).await?;
    customer.ended_within(lasts + Duration::from_secs(10)).await?;
    stage.left(&customer, 1, "timeout", None);
    for operator in &crowd {
        let rang = operator.legs().len();
        ensure!(rounds.contains(&rang), "{} was to ring {rounds:?} times, and did {rang} times", operator.number());
        for _ in 0..rang {
            operator.rings().await?.ended().await?;
        }
    }
    stage.outcome("21 phones rang in vain, again and again; hung up by the PBX");
    Ok(())
}

pub const RINGALL_ANSWERED: Scenario = Scenario {
    name: "ringall-answered",
    number: 75,
    story: "The queue rings three operators at once. The second answers, and the others stop ringing. The operator hangs up.",
    office: Office {
        phones: 3,
        queues: &[Queue {
            strategy: "ringall",
            members: &[Member::Phone(1), Member::Phone(2), Member::Phone(3)],
            ..Queue::PLAIN
        }],
        ..Office::NONE
    },
    play: |stage| Box::pin(ringall_answered(stage)),
};

async fn ringall_answered(stage: Arc<Stage>) -> Result<()> {
    let (ivan, anna) = (stage.customer(1), stage.operator(1).await?);
    let (olga, boris) = (stage.operator(2).await?, stage.operator(3).await?);
    let customer = stage.join(&ivan, 1).await?;
    let (one, other) = (anna.rings().await?, boris.rings().await?);
    let call = stage.takes(&olga, &customer, 1).await?;
    one.ended().await?;
    other.ended().await?;
    stage.passes(1_000).await;
    stage.ends(&call, &[&customer]).await?;
    stage.outcome("three rang, the second answered and hung up");
    Ok(())
}
