//! What most tests begin with: a PBX, central, and Anna at her desk.

use std::time::Duration;

use anyhow::{Context, Result};
use linedesk_tests::lab::sound::compare;
use linedesk_tests::lab::{AmiEvent, Central, Desk, Desktop, Lab, Office, Pbx, SHORT, Speech, Version, until};

/// Anna's number.
pub const ANNA: &str = "1001";
/// The interface by which queues ring her.
pub const ANNA_INTERFACE: &str = "PJSIP/1001";

/// Everything between a customer and an operator.
pub struct Line {
    pub desk: Desk,
    pub central: Central,
    pub pbx: Pbx,
    pub desktop: Desktop,
    pub lab: Lab,
}

impl Line {
    /// Nobody has signed in yet.
    pub async fn idle(name: &str) -> Result<Self> {
        Self::idle_in(name, Version::V22, |_| {}).await
    }

    async fn idle_in(name: &str, version: Version, set_up: impl FnOnce(&mut Office)) -> Result<Self> {
        let lab = Lab::new(name)?;
        let pbx = Pbx::start(&lab, version).await?;
        let desktop = Desktop::start(&lab).await?;
        let mut office = Office::new(&pbx);
        set_up(&mut office);
        let central = Central::start(&lab, &office).await?;
        let desk = Desk::open(&lab, &desktop).await?;
        Ok(Self { desk, central, pbx, desktop, lab })
    }

    /// Anna has signed in, her phone is registered, and she is available in the queue support.
    pub async fn available(name: &str) -> Result<Self> {
        Self::available_in(name, Version::V22, |_| {}).await
    }

    /// The same at another Asterisk, with an office that is set up otherwise.
    pub async fn available_in(name: &str, version: Version, set_up: impl FnOnce(&mut Office)) -> Result<Self> {
        let line = Self::idle_in(name, version, set_up).await?;
        line.sign_in().await?;
        line.choose_status("available").await?;
        line.join("Support").await?;
        line.pbx
            .member_until("support", ANNA_INTERFACE, "Anna is a free member of support", |member| {
                member.is_some_and(|member| !member.paused)
            })
            .await?;
        Ok(line)
    }

    /// Through the sign-in screen, until the desk shows a registered phone.
    pub async fn sign_in(&self) -> Result<()> {
        self.desk.sign_in(&self.central, "anna", "anna-password").await?;
        self.desk.see("body[data-session=signed-in]").await?;
        self.pbx.registered(ANNA).await?;
        self.desk.see("[data-part=truth-phone][data-state=ok]").await?;
        self.desk.see("[data-part=truth-central][data-state=ok]").await
    }

    /// By the status menu; `kind` as in `data-do="status-…"`.
    pub async fn choose_status(&self, kind: &str) -> Result<()> {
        self.desk.click("[data-part=status]").await?;
        self.desk.click(&format!("[data-do=\"status-{kind}\"]")).await
    }

    /// The status button says so.
    pub async fn status_is(&self, kind: &str) -> Result<()> {
        self.desk.see(&format!("[data-part=status][data-kind={kind}]")).await
    }

    /// By the queue's chip.
    pub async fn join(&self, queue: &str) -> Result<()> {
        self.membership(queue, "join", true).await
    }

    /// By the queue's chip.
    pub async fn leave(&self, queue: &str) -> Result<()> {
        self.membership(queue, "leave", false).await
    }

    async fn membership(&self, queue: &str, action: &str, joined: bool) -> Result<()> {
        let chip = format!("[data-part=queue][data-queue=\"{queue}\"]");
        self.desk.see(&chip).await?;
        if self.desk.attribute(&chip, "data-joined").await?.as_deref() != Some(if joined { "true" } else { "false" }) {
            self.desk.click(&chip).await?;
            self.desk.click(&format!("[data-do={action}]")).await?;
        }
        self.desk.see(&format!("{chip}[data-joined={joined}][data-applied=applied]")).await
    }

    /// Waits for the card and answers by a click; talking when it returns.
    pub async fn answer(&self) -> Result<()> {
        self.desk.see("[data-part=call][data-phase=ringing]").await?;
        self.desk.click("[data-do=answer]").await?;
        self.desk.see("[data-part=call][data-phase=talking]").await
    }

    /// Hangs up by a click; no card is left when it returns.
    pub async fn hang_up(&self) -> Result<()> {
        self.desk.click("[data-do=hangup]").await?;
        self.desk.see_no("[data-part=call]").await
    }

    /// Milliseconds on the duration of the call card.
    pub async fn shown_duration(&self) -> Result<Duration> {
        let text = self.desk.text("[data-part=call] [data-part=duration]").await?;
        let mut seconds = 0;
        for part in text.split(':') {
            seconds = seconds * 60 + part.trim().parse::<u64>().with_context(|| format!("not a duration: {text:?}"))?;
        }
        Ok(Duration::from_secs(seconds))
    }
}

/// Waits until two seconds of this speech have been heard. A machine that does something else besides tears the rest, and no
/// other speech has as much as one such half second.
pub async fn hears(what: &str, speech: &Speech, heard: impl Fn() -> Result<Vec<i16>>) -> Result<()> {
    let mut last = None;
    let found = until(what, SHORT, async || {
        let comparison = compare(speech, &heard().ok()?);
        let enough = comparison.right >= 4;
        last = Some(comparison);
        enough.then_some(())
    })
    .await;
    found.with_context(|| format!("{what}: {last:?}"))
}

/// Anna's channel began to ring.
pub fn rings_anna(event: &AmiEvent) -> bool {
    event.is("Newstate")
        && event.get("ChannelStateDesc") == Some("Ringing")
        && event.get("Channel").is_some_and(|channel| channel.starts_with("PJSIP/1001-"))
}
