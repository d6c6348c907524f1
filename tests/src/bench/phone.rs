//! Calls from a customer to a phone directly, whatever phone it is.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::process;
use crate::lab::{AmiEvent, Caller, Customer, Pbx, SHORT, Speech};

/// From the start of a phone to its registration.
#[derive(Debug)]
pub(super) struct Watch {
    started: Instant,
    mark: usize,
}

impl Watch {
    /// Just before the phone is started.
    pub(super) fn begin(pbx: &Pbx) -> Self {
        Self { started: Instant::now(), mark: pbx.tap().mark() }
    }

    /// Milliseconds until the PBX has its contact.
    pub(super) async fn registered(&self, pbx: &Pbx, number: &str) -> Result<f64> {
        let has_contact = |event: &AmiEvent| {
            let status = event.get("ContactStatus").unwrap_or_default();
            event.is("ContactStatus") && event.has("AOR", number) && !["Removed", "Unreachable"].contains(&status)
        };
        let event = pbx.tap().event_after(self.mark, SHORT, "the phone registers", has_contact).await?;
        Ok((event.at - self.started).as_secs_f64() * 1000.0)
    }
}

/// The channel of this phone.
pub(super) fn of_phone(event: &AmiEvent, number: &str) -> bool {
    event.get("Channel").is_some_and(|channel| channel.starts_with(&format!("PJSIP/{number}-")))
}

/// Milliseconds from the phone's new channel to its ring, as the PBX saw it since `mark`.
pub(super) async fn setup_since(pbx: &Pbx, mark: usize, number: &str) -> Result<f64> {
    let new = |event: &AmiEvent| event.is("Newchannel") && of_phone(event, number);
    let rings =
        |event: &AmiEvent| event.is("Newstate") && event.has("ChannelStateDesc", "Ringing") && of_phone(event, number);
    let begun = pbx.tap().event_after(mark, SHORT, "a channel to the phone", new).await?;
    let rung = pbx.tap().event_after(mark, SHORT, "the phone rings", rings).await?;
    Ok((rung.at - begun.at).as_secs_f64() * 1000.0)
}

/// Waits until the PBX has no channel of this phone any more.
pub(super) async fn hung_up_since(pbx: &Pbx, mark: usize, number: &str) -> Result<()> {
    let over = |event: &AmiEvent| event.is("Hangup") && of_phone(event, number);
    pbx.tap().event_after(mark, SHORT, "the phone's channel is gone", over).await.map(drop)
}

/// Call set-up of a registered phone that rings and does not answer.
pub async fn setups(pbx: &Pbx, number: &str, times: usize) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for _ in 0..times {
        let mark = pbx.tap().mark();
        let mut customer = Customer::call(pbx, number, Caller::default()).await?;
        all.push(setup_since(pbx, mark, number).await?);
        customer.hang_up().await?;
        hung_up_since(pbx, mark, number).await?;
    }
    Ok(all)
}

/// Lets a customer talk to a phone that answers by itself or by `answer`; gives its share of a core, after two seconds of
/// talk.
pub async fn talk(pbx: &Pbx, number: &str, pid: i32, answer: impl AsyncFnOnce() -> Result<()>) -> Result<f64> {
    let speech = Speech::new(21, Duration::from_secs(5));
    let mark = pbx.tap().mark();
    let mut customer = Customer::call(pbx, number, Caller::default().saying(&speech)).await?;
    answer().await?;
    customer.answered().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = customer.heard().packets.len();
    let share = process::cpu_share(pid).await?;
    let packets = customer.heard().packets.len() - before;
    anyhow::ensure!(packets > 400, "there was no sound: the customer heard {packets} packets in ten seconds, not 500");
    customer.hang_up().await?;
    hung_up_since(pbx, mark, number).await.context("after the call")?;
    Ok(share)
}
