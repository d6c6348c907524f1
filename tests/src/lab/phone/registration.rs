//! Being reachable (RFC 3261, section 10).

use anyhow::{Result, bail};
use tokio::sync::mpsc;

use super::dialog::Dialog;
use super::requests::{Outcome, Requests, Wire};
use crate::lab::SHORT;
use crate::lab::sip::{Login, Message};

/// Long enough for every test: nobody registers twice.
const EXPIRES: u32 = 3_600;

/// A registration that holds.
#[derive(Debug)]
pub struct Registration {
    dialog: Dialog,
    requests: Requests<()>,
    messages: mpsc::UnboundedReceiver<Message>,
}

impl Registration {
    /// The dialog of a registration; its Call-ID is needed before anything is sent.
    pub fn dialog(wire: &Wire, login: &Login) -> Dialog {
        let us = format!("<sip:{}@{}>", login.user, wire.pbx);
        let contact = format!("<sip:{}@{}>", login.user, wire.local);
        Dialog::registration(&us, &format!("sip:{}", wire.pbx), &contact, wire.local)
    }

    /// Registers.
    pub async fn new(wire: Wire, dialog: Dialog, messages: mpsc::UnboundedReceiver<Message>) -> Result<Self> {
        let mut registration = Self { dialog, requests: Requests::new(wire), messages };
        registration.ask(EXPIRES).await?;
        Ok(registration)
    }

    /// Takes it back.
    pub async fn end(&mut self) -> Result<()> {
        self.ask(0).await
    }

    async fn ask(&mut self, expires: u32) -> Result<()> {
        let headers = format!("Expires: {expires}\r\n");
        self.requests.ask(&mut self.dialog, "REGISTER", &headers, "", ()).await?;
        let deadline = tokio::time::Instant::now() + SHORT;
        loop {
            let due = self.requests.due().unwrap_or(deadline).min(deadline);
            tokio::select! {
                message = self.messages.recv() => {
                    let Some(message) = message else { bail!("the phone was unplugged") };
                    match self.requests.take(&mut self.dialog, &message).await? {
                        Outcome::Final((), 200) => return Ok(()),
                        Outcome::Final((), status) => bail!("the PBX refuses the registration: {status}"),
                        Outcome::Provisional(_) | Outcome::Stray => {}
                    }
                }
                () = tokio::time::sleep_until(due) => {
                    if tokio::time::Instant::now() >= deadline {
                        bail!("the PBX does not answer a REGISTER");
                    }
                    self.requests.again().await?;
                }
            }
        }
    }
}
