//! One address on the wire, and who is called there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};

use super::agent::Agent;
use super::call::Call;
use super::dialog::Dialog;
use super::leg::Leg;
use super::registration::Registration;
use super::requests::Wire;
use super::{Phone, Reaction, Shared, Who};
use crate::lab::sip::{Login, Media, Message, Voice, Voices, token};

/// A socket at which phones live. It ends with the last of them.
#[derive(Debug)]
pub struct Station {
    wire: Wire,
    /// By Call-ID: calls and the registration.
    dialogs: Mutex<HashMap<String, mpsc::UnboundedSender<Message>>>,
    lines: Mutex<HashMap<String, Line>>,
    registration: AsyncMutex<Option<Registration>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// What a number has at its station.
#[derive(Debug, Clone)]
pub struct Line {
    pub(super) number: String,
    pub(super) reaction: Shared<Reaction>,
    pub(super) voice: Shared<Voice>,
    pub(super) legs: Shared<Vec<(watch::Receiver<Leg>, Voices)>>,
    calls: mpsc::UnboundedSender<Call>,
}

impl Station {
    /// Takes an address; everything goes to and comes from one PBX.
    pub async fn open(at: SocketAddr, pbx: SocketAddr) -> Result<Arc<Self>> {
        let socket = UdpSocket::bind(at).await.with_context(|| format!("a phone needs {at}, and somebody has it"))?;
        let local = socket.local_addr()?;
        let socket = Arc::new(socket);
        let station = Arc::new(Self {
            wire: Wire { socket: socket.clone(), local, pbx, login: Arc::default() },
            dialogs: Mutex::default(),
            lines: Mutex::default(),
            registration: AsyncMutex::default(),
            tasks: Mutex::default(),
        });
        // It holds the socket and not the station, which would else never be dropped.
        let whose = Arc::downgrade(&station);
        let listening: JoinHandle<()> = tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            loop {
                let received = socket.recv_from(&mut buffer).await;
                let Some(station) = whose.upgrade() else { return };
                let Ok((length, _)) = received else { continue };
                if let Some(message) = Message::parse(&buffer[..length]) {
                    station.take(message).await;
                }
            }
        });
        station.keep(listening.abort_handle());
        Ok(station)
    }

    /// A number at this station. A station with one number takes every call for it; one with several takes only theirs.
    pub fn number(self: &Arc<Self>, who: Who) -> Phone {
        let (calls, receiver) = mpsc::unbounded_channel();
        let voice = Arc::new(Mutex::new(Voice::Mark(who.number.clone())));
        let line =
            Line { number: who.number.clone(), reaction: Shared::default(), voice, legs: Shared::default(), calls };
        self.lines.lock().expect("no holder panics").insert(who.number.clone(), line.clone());
        Phone::at(self.clone(), who, line, receiver)
    }

    /// Ends what lives at it: nothing is answered any more.
    pub fn unplug(&self) {
        for task in self.tasks.lock().expect("no holder panics").drain(..) {
            task.abort();
        }
    }

    fn keep(&self, task: AbortHandle) {
        self.tasks.lock().expect("no holder panics").push(task);
    }

    pub(super) async fn register(&self, login: Login) -> Result<()> {
        *self.wire.login.lock().expect("no holder panics") = Some(login.clone());
        let dialog = Registration::dialog(&self.wire, &login);
        let messages = self.listen_for(&dialog);
        let registration = Registration::new(self.wire.clone(), dialog, messages).await?;
        *self.registration.lock().await = Some(registration);
        Ok(())
    }

    pub(super) async fn unregister(&self) -> Result<()> {
        match self.registration.lock().await.as_mut() {
            Some(registration) => registration.end().await,
            None => Ok(()),
        }
    }

    pub(super) async fn dial(self: &Arc<Self>, line: &Line, number: &str, shown: &Who) -> Result<Call> {
        let host = shown.host.clone().unwrap_or_else(|| self.wire.local.to_string());
        let us = format!("\"{}\" <sip:{}@{host}>", shown.name, shown.number);
        let contact = format!("<sip:{}@{}>", line.number, self.wire.local);
        let to = format!("sip:{number}@{}", self.wire.pbx);
        let dialog = Dialog::outgoing(&us, &to, &contact, self.wire.local, shown.host.is_some());
        let leg = Leg::new(&line.number, &dialog.call_id, false, number, "");
        self.begin(line, dialog, leg, None).await
    }

    /// Sends a message to whom it concerns.
    async fn take(self: &Arc<Self>, message: Message) {
        let known =
            message.header("Call-ID").and_then(|id| self.dialogs.lock().expect("no holder panics").get(id).cloned());
        if let Some(dialog) = known {
            let _ = dialog.send(message);
            return;
        }
        let answer = match message.method() {
            None | Some("ACK") => return,
            Some("INVITE") if message.tag("To").is_none() => match self.invited(&message).await {
                Ok(true) => return,
                Ok(false) => (404, "Not Found"),
                Err(error) => {
                    tracing::warn!(%error, "a phone could not take a call");
                    (500, "Server Internal Error")
                }
            },
            Some("OPTIONS" | "NOTIFY") => (200, "OK"),
            Some(_) => (481, "Call/Transaction Does Not Exist"),
        };
        let contact = format!("<sip:phone@{}>", self.wire.local);
        let _ = self.wire.send(&message.answer(answer.0, answer.1, &token(), &contact, "")).await;
    }

    async fn invited(self: &Arc<Self>, invite: &Message) -> Result<bool> {
        let line = {
            let lines = self.lines.lock().expect("no holder panics");
            let called = invite.called().and_then(|number| lines.get(number));
            called.or_else(|| (lines.len() == 1).then(|| lines.values().next()).flatten()).cloned()
        };
        let Some(line) = line else { return Ok(false) };
        let contact = format!("<sip:{}@{}>", line.number, self.wire.local);
        let dialog = Dialog::incoming(invite, &contact, self.wire.local).context("the PBX's INVITE is not whole")?;
        let from = invite.user("P-Asserted-Identity").or(invite.user("From")).unwrap_or_default();
        let name = invite.header("From").and_then(|from| from.split('"').nth(1)).unwrap_or_default();
        let leg = Leg::new(&line.number, &dialog.call_id, true, from, name);
        let call = self.begin(&line, dialog, leg, Some(invite.clone())).await?;
        let _ = line.calls.send(call);
        Ok(true)
    }

    async fn begin(self: &Arc<Self>, line: &Line, dialog: Dialog, leg: Leg, invite: Option<Message>) -> Result<Call> {
        let voice = line.voice.lock().expect("no holder panics").clone();
        let media = Arc::new(Media::open(self.wire.local.ip(), voice).await?);
        let messages = self.listen_for(&dialog);
        let (leg, told) = watch::channel(leg);
        line.legs.lock().expect("no holder panics").push((told.clone(), media.voices().clone()));
        let reaction = line.reaction.lock().expect("no holder panics").clone();
        let (wishes, wish_receiver) = mpsc::unbounded_channel();
        let (name, replaces) = watch::channel(String::new());
        let agent = Agent::new(self.wire.clone(), dialog, name, media.clone(), leg, invite);
        self.keep(tokio::spawn(agent.run(reaction, messages, wish_receiver)).abort_handle());
        Ok(Call::new(told, wishes, media, replaces))
    }

    /// What comes under a Call-ID from now on.
    fn listen_for(&self, dialog: &Dialog) -> mpsc::UnboundedReceiver<Message> {
        let (messages, receiver) = mpsc::unbounded_channel();
        self.dialogs.lock().expect("no holder panics").insert(dialog.call_id.clone(), messages);
        receiver
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.unplug();
    }
}
