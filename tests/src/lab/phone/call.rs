//! A call of a phone, in the test's hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::{mpsc, oneshot, watch};

use super::agent::Wish;
use super::leg::{End, Leg};
use crate::lab::SHORT;
use crate::lab::sip::{Direction, Heard, Media};

/// A call. It goes on when this is dropped, and ends with its station.
#[derive(Debug, Clone)]
pub struct Call {
    leg: watch::Receiver<Leg>,
    wishes: mpsc::UnboundedSender<Wish>,
    media: Arc<Media>,
    replaces: watch::Receiver<String>,
}

impl Call {
    pub(super) fn new(
        leg: watch::Receiver<Leg>,
        wishes: mpsc::UnboundedSender<Wish>,
        media: Arc<Media>,
        replaces: watch::Receiver<String>,
    ) -> Self {
        Self { leg, wishes, media, replaces }
    }

    /// SIP Call-ID.
    pub fn call_id(&self) -> String {
        self.leg.borrow().call_id.clone()
    }

    /// What happened up to now.
    pub fn leg(&self) -> Leg {
        Leg { heard: self.media.voices().all(), ..self.leg.borrow().clone() }
    }

    /// Waits until it rings at the other side.
    pub async fn ringing(&self) -> Result<Instant> {
        self.until("rings", SHORT, |leg| leg.ringing).await
    }

    /// Waits until the other side answers.
    pub async fn answered(&self) -> Result<Instant> {
        self.until("is answered", SHORT, |leg| leg.answered).await
    }

    /// Waits for the end.
    pub async fn ended(&self) -> Result<End> {
        self.ended_within(SHORT).await
    }

    /// Waits for an end that takes its time.
    pub async fn ended_within(&self, deadline: Duration) -> Result<End> {
        self.until("ends", deadline, |leg| leg.end.clone()).await
    }

    /// Waits until somebody (a number) is heard from now on.
    pub async fn hears(&self, whom: &str) -> Result<Instant> {
        let heard = self.media.voices().hear(whom, SHORT).await;
        heard.with_context(|| format!("at {}", self.leg.borrow().phone))
    }

    /// Answers a call that came, and waits until the PBX has the answer.
    pub async fn answer(&self) -> Result<Instant> {
        self.wish(Wish::Answer)?;
        self.answered().await
    }

    /// Does not want it (603).
    pub async fn decline(&self) -> Result<End> {
        self.refuse(603, "Decline").await
    }

    /// Is busy (486).
    pub async fn busy(&self) -> Result<End> {
        self.refuse(486, "Busy Here").await
    }

    /// Refuses with a status.
    pub async fn refuse(&self, status: u16, reason: &'static str) -> Result<End> {
        self.wish(Wish::Refuse { status, reason, contact: None })?;
        self.ended().await
    }

    /// Sends the caller on (302).
    pub async fn redirect(&self, number: &str) -> Result<End> {
        self.wish(Wish::Refuse { status: 302, reason: "Moved Temporarily", contact: Some(number.to_owned()) })?;
        self.ended().await
    }

    /// Hangs up, gives up or does not answer; waits until the PBX has agreed.
    pub async fn hang_up(&self) -> Result<End> {
        self.wish(Wish::HangUp)?;
        self.ended().await
    }

    /// Holds the other side.
    pub async fn hold(&self) -> Result<()> {
        self.sound(Direction::SendOnly).await
    }

    /// Comes back.
    pub async fn resume(&self) -> Result<()> {
        self.sound(Direction::Both).await
    }

    /// Asks the PBX to connect the other side with a number (REFER), and waits until it says how that went. The call ends by
    /// that, or stays when the PBX does not do it. Gives the status of its last word.
    pub async fn transfer(&self, number: &str) -> Result<u16> {
        self.refer(number, None).await
    }

    /// Asks the PBX to connect the other side with the other side of another call of this phone (REFER with Replaces).
    pub async fn transfer_to(&self, other: &Self) -> Result<u16> {
        let replaces = other.replaces.borrow().clone();
        ensure!(
            !replaces.is_empty(),
            "a call can be joined with another only after the PBX has said something in that"
        );
        let number = other.leg.borrow().far.clone();
        self.refer(&number, Some(replaces)).await
    }

    /// Presses keys (RFC 4733).
    pub async fn press(&self, digits: &str) -> Result<()> {
        self.media.press(digits).await?;
        self.wish(Wish::Pressed(digits.to_owned()))
    }

    /// The sound up to now and the keys that the other side pressed. A phone that sends marks keeps no sound.
    pub fn heard(&self) -> Heard {
        self.media.heard()
    }

    /// Joins two calls in the phone: everybody hears everybody.
    pub fn join(&self, other: &Self) {
        self.media.relay_to(&other.media);
        other.media.relay_to(&self.media);
    }

    async fn refer(&self, number: &str, replaces: Option<String>) -> Result<u16> {
        let (reply, answer) = oneshot::channel();
        self.wish(Wish::Refer { number: number.to_owned(), replaces, reply })?;
        tokio::time::timeout(SHORT, answer).await.context("the PBX says nothing about a transfer")??
    }

    async fn sound(&self, direction: Direction) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.wish(Wish::Sound { direction, reply })?;
        tokio::time::timeout(SHORT, answer).await.context("the PBX does not answer a re-INVITE")??
    }

    fn wish(&self, wish: Wish) -> Result<()> {
        self.wishes.send(wish).ok().context("the phone was unplugged")
    }

    async fn until<T>(&self, what: &str, deadline: Duration, wanted: impl Fn(&Leg) -> Option<T>) -> Result<T> {
        let mut leg = self.leg.clone();
        // An end is the last thing that happens: whoever waits for something else waits in vain then.
        let there = leg.wait_for(|leg| wanted(leg).is_some() || leg.end.is_some());
        let there = tokio::time::timeout(deadline, there).await.map(|there| there.map(|leg| wanted(&leg)));
        let leg = self.leg.borrow();
        let call = format!("the call {} of {} with {}", leg.call_id, leg.phone, leg.far);
        match there {
            Ok(Ok(Some(found))) => Ok(found),
            Ok(Ok(None)) => bail!("{call} is over before it {what}: {:?}", leg.end),
            Ok(Err(_)) => bail!("{call} is gone with its phone before it {what}"),
            Err(_) => bail!("waited {deadline:?} in vain: {call} {what}; {leg:?}"),
        }
    }
}
