//! What we asked and what came back (RFC 3261, section 17): sent again until somebody hears it, with the password when that is
//! asked for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::dialog::Dialog;
use crate::lab::sip::{Challenge, Login, Message, token};

/// T1 and timer B.
const T1: Duration = Duration::from_millis(500);
const GIVE_UP: Duration = Duration::from_secs(32);

/// The way to the PBX and the password for it.
#[derive(Debug, Clone)]
pub struct Wire {
    pub socket: Arc<UdpSocket>,
    pub local: SocketAddr,
    pub pbx: SocketAddr,
    pub login: Arc<Mutex<Option<Login>>>,
}

impl Wire {
    pub async fn send(&self, text: &str) -> Result<()> {
        self.socket.send_to(text.as_bytes(), self.pbx).await.context("the phone's network is gone")?;
        Ok(())
    }
}

/// A response, and what it means for one of our requests.
#[derive(Debug)]
pub enum Outcome<P> {
    /// Work goes on: status.
    Provisional(u16),
    /// This is the answer; 408 when none ever came.
    Final(P, u16),
    /// Nobody waits for it.
    Stray,
}

#[derive(Debug)]
struct Pending<P> {
    method: &'static str,
    sequence: u32,
    branch: String,
    headers: String,
    body: String,
    purpose: P,
    text: String,
    heard: bool,
    authorized: bool,
    give_up: bool,
    started: Instant,
    again: Instant,
    pause: Duration,
}

/// All requests of a dialog that are not answered.
#[derive(Debug)]
pub struct Requests<P> {
    wire: Wire,
    pending: Vec<Pending<P>>,
}

impl<P: Clone + PartialEq> Requests<P> {
    pub fn new(wire: Wire) -> Self {
        Self { wire, pending: Vec::new() }
    }

    /// Sends a request.
    pub async fn ask(
        &mut self,
        dialog: &mut Dialog,
        method: &'static str,
        headers: &str,
        body: &str,
        purpose: P,
    ) -> Result<()> {
        self.ask_as(dialog, method, headers, body, purpose, None).await
    }

    async fn ask_as(
        &mut self,
        dialog: &mut Dialog,
        method: &'static str,
        headers: &str,
        body: &str,
        purpose: P,
        authorization: Option<String>,
    ) -> Result<()> {
        let (sequence, branch) = (dialog.next(), token());
        let with = authorization.as_ref().map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        let text = dialog.request(method, sequence, &branch, &format!("{headers}{with}"), body);
        self.wire.send(&text).await?;
        let now = Instant::now();
        self.pending.push(Pending {
            method,
            sequence,
            branch,
            headers: headers.to_owned(),
            body: body.to_owned(),
            purpose,
            text,
            heard: false,
            authorized: authorization.is_some(),
            give_up: false,
            started: now,
            again: now + T1,
            pause: T1,
        });
        Ok(())
    }

    /// Whether one of this purpose waits.
    pub fn waits(&self, purpose: &P) -> bool {
        self.pending.iter().any(|pending| pending.purpose == *purpose)
    }

    /// Takes an INVITE back: at once when somebody heard it, else as soon as somebody does (RFC 3261, section 9.1).
    pub async fn cancel(&mut self, dialog: &Dialog, purpose: &P) -> Result<()> {
        let Some(pending) = self.pending.iter_mut().find(|pending| pending.purpose == *purpose) else { return Ok(()) };
        pending.give_up = true;
        if pending.heard {
            let text = dialog.request("CANCEL", pending.sequence, &pending.branch, "", "");
            self.wire.send(&text).await?;
        }
        Ok(())
    }

    /// Hands a response to the request it is for. An answer to an INVITE that is no success is acknowledged here.
    pub async fn take(&mut self, dialog: &mut Dialog, response: &Message) -> Result<Outcome<P>> {
        let (Some(status), Some((_, method))) = (response.status(), response.sequence()) else {
            return Ok(Outcome::Stray);
        };
        let branch = response.branch().and_then(|branch| branch.strip_prefix("z9hG4bK")).unwrap_or_default();
        let found = self.pending.iter().position(|pending| pending.branch == branch && pending.method == method);
        let Some(index) = found else { return Ok(Outcome::Stray) };
        if status < 200 {
            let pending = &mut self.pending[index];
            let first = !std::mem::replace(&mut pending.heard, true);
            if first && pending.give_up {
                let purpose = pending.purpose.clone();
                self.cancel(dialog, &purpose).await?;
            }
            return Ok(Outcome::Provisional(status));
        }
        let pending = self.pending.swap_remove(index);
        if method == "INVITE" && status >= 300 {
            let mut refused = dialog.clone();
            refused.answered_by(response);
            let acknowledge = refused.request("ACK", pending.sequence, &pending.branch, "", "");
            self.wire.send(&acknowledge).await?;
        }
        if status == 401 && !pending.authorized {
            let login = self.wire.login.lock().expect("no holder panics").clone();
            let challenge = response.header("WWW-Authenticate").and_then(Challenge::parse);
            if let (Some(login), Some(challenge)) = (login, challenge) {
                let answer = challenge.answer(&login, pending.method, dialog.target(), &token());
                let Pending { method, headers, body, purpose, .. } = pending;
                self.ask_as(dialog, method, &headers, &body, purpose, Some(answer)).await?;
                return Ok(Outcome::Provisional(status));
            }
        }
        Ok(Outcome::Final(pending.purpose, status))
    }

    /// When [`Requests::again`] is due; never, with nothing to send.
    pub fn due(&self) -> Option<Instant> {
        self.pending.iter().filter(|pending| !pending.heard).map(|pending| pending.again).min()
    }

    /// Sends again what nobody has heard, and gives back what nobody ever will.
    pub async fn again(&mut self) -> Result<Option<P>> {
        let now = Instant::now();
        let lost = self.pending.iter().position(|pending| !pending.heard && now - pending.started > GIVE_UP);
        if let Some(index) = lost {
            return Ok(Some(self.pending.swap_remove(index).purpose));
        }
        for pending in self.pending.iter_mut().filter(|pending| !pending.heard && pending.again <= now) {
            self.wire.send(&pending.text).await?;
            pending.pause = (pending.pause * 2).min(T1 * 8);
            pending.again = now + pending.pause;
        }
        Ok(None)
    }
}
