//! How long the window takes to ring and to answer.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::Workplace;
use super::phone::{hung_up_since, of_phone, setup_since};
use crate::lab::{Caller, Customer, Desk, SHORT, until};

/// Milliseconds, one of each call.
#[derive(Debug, Default)]
pub struct Contact {
    /// From the PBX's event of the ring to the card in the window.
    pub rings: Vec<f64>,
    /// From the click on answer to the first sound of the operator at the customer.
    pub answers: Vec<f64>,
    /// From the PBX's new channel to the ring; nobody has talked before.
    pub setups: Vec<f64>,
    /// The same in calls that come as soon as the one before is over.
    pub setups_after_a_call: Vec<f64>,
}

/// So many calls through the queue that ring and are given up, and so many direct ones that are answered by a click.
pub async fn first_contact(workplace: &Workplace, desk: &Desk, calls: usize) -> Result<Contact> {
    let mut contact = Contact::default();
    for _ in 0..calls {
        ring(workplace, desk, &mut contact).await.context("a call that rings")?;
    }
    // The first of these comes after one that only rang.
    for _ in 0..=calls {
        answer(workplace, desk, &mut contact).await.context("a call that is answered")?;
    }
    contact.setups_after_a_call.remove(0);
    Ok(contact)
}

async fn ring(workplace: &Workplace, desk: &Desk, contact: &mut Contact) -> Result<()> {
    let pbx = &workplace.pbx;
    desk.eval("performance.clearMarks('ringing')", vec![]).await?;
    let mark = pbx.tap().mark();
    let mut customer = Customer::call(pbx, "700", Caller::default()).await?;
    let rung = pbx
        .tap()
        .event_after(mark, SHORT, "Anna's phone rings", |event| {
            event.is("Newstate") && event.has("ChannelStateDesc", "Ringing") && of_phone(event, "1001")
        })
        .await?;
    contact.setups.push(setup_since(pbx, mark, "1001").await?);
    let script = "const marks = performance.getEntriesByName('ringing'); \
                  return marks.length ? performance.timeOrigin + marks[0].startTime : null";
    let shown = desk.page_until("the card of the call", SHORT, script, vec![]).await?;
    contact.rings.push(shown.as_f64().context("a time")? - milliseconds(rung.wall)?);
    customer.hang_up().await?;
    hung_up_since(pbx, mark, "1001").await?;
    desk.see_no("[data-part=call]").await
}

async fn answer(workplace: &Workplace, desk: &Desk, contact: &mut Contact) -> Result<()> {
    let pbx = &workplace.pbx;
    let listen = "window.benchClicked = null; document.addEventListener('click', \
                  () => { window.benchClicked = performance.timeOrigin + performance.now() }, { capture: true, once: true })";
    let mark = pbx.tap().mark();
    // Directly: from a queue the customer hears music already, and the first packet could not be told.
    let mut customer = Customer::call(pbx, "1001", Caller::default()).await?;
    contact.setups_after_a_call.push(setup_since(pbx, mark, "1001").await?);
    desk.see("[data-do=answer]").await?;
    desk.eval(listen, vec![]).await?;
    desk.click("[data-do=answer]").await?;
    let clicked = desk.eval("return window.benchClicked", vec![]).await?.as_f64().context("the click was not seen")?;
    customer.answered().await?;
    let first = until("the customer hears the operator", SHORT, async || {
        customer.heard().packets.first().map(|packet| packet.at)
    })
    .await?;
    let (wall, now) = (SystemTime::now(), Instant::now());
    contact.answers.push(milliseconds(wall - (now - first))? - clicked);
    customer.hang_up().await?;
    hung_up_since(pbx, mark, "1001").await?;
    desk.see_no("[data-part=call]").await
}

fn milliseconds(at: SystemTime) -> Result<f64> {
    Ok(at.duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0)
}
