//! The life of one call: what the test wants, what the PBX says, and what follows (RFC 3261, RFC 3515, RFC 3891).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

use super::Reaction;
use super::dialog::Dialog;
use super::leg::{End, Leg, Transfer, mark};
use super::requests::{Outcome, Requests, Wire};
use crate::lab::sip::{Direction, Media, Message};

/// What the test wants.
#[derive(Debug)]
pub enum Wish {
    Answer,
    Refuse { status: u16, reason: &'static str, contact: Option<String> },
    HangUp,
    Sound { direction: Direction, reply: oneshot::Sender<Result<()>> },
    Refer { number: String, replaces: Option<String>, reply: oneshot::Sender<Result<u16>> },
    Pressed(String),
}

/// What one of our requests is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Call,
    Sound,
    Refer,
    End,
}

/// After both sides asked for the same at once (491).
const AFTER_GLARE: Duration = Duration::from_millis(300);
/// How many of our responses are kept for requests that come again.
const KEPT: usize = 12;

/// Lives as long as its station, because words about a transfer come after the call.
pub struct Agent {
    wire: Wire,
    dialog: Dialog,
    replaces: watch::Sender<String>,
    media: Arc<Media>,
    leg: watch::Sender<Leg>,
    requests: Requests<Purpose>,
    /// Of a call that came and is not answered.
    invite: Option<Message>,
    /// Our 200 to it, until it is acknowledged: when it was said first, and when it is said again.
    answer: Option<(String, Instant, tokio::time::Instant)>,
    responses: VecDeque<(String, String)>,
    acknowledged: Option<(u32, String)>,
    version: u32,
    holding: bool,
    giving_up: bool,
    sound: Option<(Direction, oneshot::Sender<Result<()>>)>,
    sound_again: Option<tokio::time::Instant>,
    refer: Option<oneshot::Sender<Result<u16>>>,
}

impl Agent {
    pub fn new(
        wire: Wire,
        dialog: Dialog,
        replaces: watch::Sender<String>,
        media: Arc<Media>,
        leg: watch::Sender<Leg>,
        invite: Option<Message>,
    ) -> Self {
        Self {
            requests: Requests::new(wire.clone()),
            wire,
            dialog,
            replaces,
            media,
            leg,
            invite,
            answer: None,
            responses: VecDeque::new(),
            acknowledged: None,
            version: 0,
            holding: false,
            giving_up: false,
            sound: None,
            sound_again: None,
            refer: None,
        }
    }

    pub async fn run(
        mut self,
        reaction: Reaction,
        mut messages: mpsc::UnboundedReceiver<Message>,
        mut wishes: mpsc::UnboundedReceiver<Wish>,
    ) {
        let mut went = self.begin(reaction).await;
        while went.is_ok() {
            let due = [self.requests.due(), self.sound_again, self.answer.as_ref().map(|(_, _, again)| *again)];
            let due = due.into_iter().flatten().min();
            went = tokio::select! {
                Some(message) = messages.recv() => self.take(message).await,
                Some(wish) = wishes.recv() => self.obey(wish).await,
                () = sleep_until(due.unwrap_or_else(tokio::time::Instant::now)), if due.is_some() => self.again().await,
                else => return,
            };
        }
        if let Err(error) = went {
            tracing::warn!(%error, call_id = self.dialog.call_id, "a phone's call broke");
            self.end(false, None, None);
        }
    }

    async fn begin(&mut self, reaction: Reaction) -> Result<()> {
        if self.invite.is_none() {
            let offer = self.describe(Direction::Both);
            return self.requests.ask(&mut self.dialog, "INVITE", "", &offer, Purpose::Call).await;
        }
        self.replaces.send_replace(self.dialog.replaces());
        match reaction {
            Reaction::Ring => {
                self.respond_to_invite(180, "Ringing", "").await?;
                self.leg.send_modify(|leg| leg.ringing = Some(Instant::now()));
                Ok(())
            }
            Reaction::Busy => self.refuse(486, "Busy Here", None).await,
            Reaction::Redirect(number) => self.refuse(302, "Moved Temporarily", Some(number)).await,
        }
    }

    async fn obey(&mut self, wish: Wish) -> Result<()> {
        let (is_up, is_over) = (self.leg.borrow().is_up(), self.leg.borrow().end.is_some());
        match wish {
            Wish::Answer if self.invite.is_some() && self.answer.is_none() => self.pick_up().await?,
            Wish::Refuse { status, reason, contact } => self.refuse(status, reason, contact).await?,
            Wish::HangUp if is_up => self.requests.ask(&mut self.dialog, "BYE", "", "", Purpose::End).await?,
            Wish::HangUp if self.invite.is_some() => self.refuse(603, "Decline", None).await?,
            Wish::HangUp if !is_over => {
                self.giving_up = true;
                self.requests.cancel(&self.dialog, &Purpose::Call).await?;
            }
            Wish::Sound { direction, reply } if is_up => {
                self.sound = Some((direction, reply));
                self.ask_sound().await?;
            }
            Wish::Refer { number, replaces, reply } if is_up => {
                let to = format!("sip:{number}@{}", self.wire.pbx);
                let attended = replaces.is_some();
                let target = replaces.map_or_else(|| to.clone(), |replaces| format!("{to}?Replaces={replaces}"));
                let headers = format!("Refer-To: <{target}>\r\nReferred-By: {}\r\n", self.dialog.contact());
                let transfer = Transfer { at: Instant::now(), to: number, attended, accepted: None, result: None };
                self.leg.send_modify(|leg| leg.transfers.push(transfer));
                self.refer = Some(reply);
                self.requests.ask(&mut self.dialog, "REFER", &headers, "", Purpose::Refer).await?;
            }
            Wish::Pressed(keys) => self.leg.send_modify(|leg| leg.keys.push((Instant::now(), keys))),
            // The call ended meanwhile; whoever waits for an answer hears that it was dropped.
            Wish::Answer | Wish::HangUp | Wish::Sound { .. } | Wish::Refer { .. } => {}
        }
        Ok(())
    }

    async fn take(&mut self, message: Message) -> Result<()> {
        let Some(method) = message.method().map(str::to_owned) else { return self.responded(&message).await };
        if method == "ACK" {
            if let Some((_, at, _)) = self.answer.take() {
                self.invite = None;
                self.leg.send_modify(|leg| leg.answered = leg.answered.or(Some(at)));
            }
            return Ok(());
        }
        let key = key(&message, &method);
        if let Some((_, text)) = self.responses.iter().find(|(known, _)| *known == key) {
            return self.wire.send(text).await;
        }
        match method.as_str() {
            "INVITE" | "UPDATE" => self.changed(&message, &method).await?,
            "CANCEL" => {
                self.respond(&message, 200, "OK", "").await?;
                if self.answer.is_none() && self.invite.is_some() {
                    self.respond_to_invite(487, "Request Terminated", "").await?;
                    self.invite = None;
                    self.end(false, Some(487), message.header("Reason"));
                }
            }
            "BYE" => {
                self.respond(&message, 200, "OK", "").await?;
                self.end(false, None, message.header("Reason"));
            }
            "NOTIFY" => {
                self.respond(&message, 200, "OK", "").await?;
                self.referred(&message).await?;
            }
            _ => self.respond(&message, 200, "OK", "").await?,
        }
        Ok(())
    }

    async fn responded(&mut self, response: &Message) -> Result<()> {
        let status = response.status().unwrap_or_default();
        let (sequence, method) = response.sequence().context("a response has a CSeq")?;
        if let Some((known, acknowledge)) = &self.acknowledged
            && (200..300).contains(&status)
            && (sequence, method) == (*known, "INVITE")
        {
            return self.wire.send(acknowledge).await;
        }
        let success = (200..300).contains(&status);
        match self.requests.take(&mut self.dialog, response).await? {
            Outcome::Provisional(180 | 183) => {
                let mut early = self.dialog.clone();
                early.answered_by(response);
                self.replaces.send_replace(early.replaces());
                self.leg.send_modify(|leg| leg.ringing = leg.ringing.or(Some(Instant::now())));
            }
            Outcome::Provisional(_) | Outcome::Stray => {}
            Outcome::Final(Purpose::Call, _) if success => {
                self.dialog.answered_by(response);
                self.replaces.send_replace(self.dialog.replaces());
                self.acknowledge(sequence).await?;
                self.media.start(response.media_address().context("an answer has an address for sound")?);
                self.leg.send_modify(|leg| leg.answered = Some(Instant::now()));
                if self.giving_up {
                    self.requests.ask(&mut self.dialog, "BYE", "", "", Purpose::End).await?;
                }
            }
            Outcome::Final(Purpose::Call, status) => self.end(self.giving_up, Some(status), response.header("Reason")),
            Outcome::Final(Purpose::Sound, 491) => self.sound_again = Some(tokio::time::Instant::now() + AFTER_GLARE),
            Outcome::Final(Purpose::Sound, _) => {
                let asked = self.sound.take();
                if success {
                    self.acknowledge(sequence).await?;
                    if let Some(address) = response.media_address() {
                        self.media.start(address);
                    }
                }
                if let Some((direction, reply)) = asked {
                    if success {
                        self.holding = direction != Direction::Both;
                        self.media.mute(self.holding);
                        let holding = self.holding;
                        self.leg.send_modify(|leg| mark(&mut leg.holds, holding));
                    }
                    let _ = reply.send(if success { Ok(()) } else { Err(anyhow!("the PBX refuses a hold: {status}")) });
                }
            }
            Outcome::Final(Purpose::Refer, _) => {
                self.leg.send_modify(|leg| {
                    if let Some(transfer) = leg.transfers.last_mut() {
                        transfer.accepted = Some(status);
                    }
                });
                if !success {
                    self.settled(status);
                }
            }
            Outcome::Final(Purpose::End, _) => self.end(true, None, None),
        }
        Ok(())
    }

    /// A re-INVITE or an UPDATE: the sound or the name of the other side changes.
    async fn changed(&mut self, request: &Message, method: &str) -> Result<()> {
        if method == "INVITE" && self.requests.waits(&Purpose::Sound) {
            return self.respond(request, 491, "Request Pending", "").await;
        }
        if let Some(shown) = request.user("P-Asserted-Identity").map(str::to_owned) {
            self.leg.send_modify(|leg| leg.shown = Some(shown));
        }
        if method == "UPDATE" && !request.has_body() {
            return self.respond(request, 200, "OK", "").await;
        }
        let direction = match (request.direction(), self.holding) {
            (Direction::Both, false) => Direction::Both,
            (Direction::Both, true) | (Direction::ReceiveOnly, _) => Direction::SendOnly,
            (Direction::SendOnly, false) => Direction::ReceiveOnly,
            (Direction::SendOnly, true) | (Direction::Neither, _) => Direction::Neither,
        };
        if let Some(address) = request.media_address() {
            self.media.start(address);
        }
        let held = matches!(request.direction(), Direction::SendOnly | Direction::Neither);
        self.media.mute(self.holding || held);
        self.leg.send_modify(|leg| mark(&mut leg.held, held));
        let answer = self.describe(direction);
        self.respond(request, 200, "OK", &answer).await
    }

    /// A word about a transfer (RFC 3515): a status line in the body.
    async fn referred(&mut self, notify: &Message) -> Result<()> {
        let Some(status) = notify.body().strip_prefix("SIP/2.0 ").and_then(|line| line.get(..3)?.parse::<u16>().ok())
        else {
            return Ok(());
        };
        if status < 200 {
            return Ok(());
        }
        self.leg.send_modify(|leg| {
            if let Some(transfer) = leg.transfers.last_mut() {
                transfer.result = Some((Instant::now(), status));
            }
        });
        self.settled(status);
        let is_up = self.leg.borrow().is_up();
        // The other side is with somebody else now. Asterisk mostly hangs up before it says so.
        if status < 300 && is_up && !self.requests.waits(&Purpose::End) {
            self.requests.ask(&mut self.dialog, "BYE", "", "", Purpose::End).await?;
        }
        Ok(())
    }

    async fn pick_up(&mut self) -> Result<()> {
        let offer = self.invite.as_ref().and_then(Message::media_address);
        let answer = self.describe(Direction::Both);
        let text = self.respond_to_invite(200, "OK", &answer).await?;
        if let Some(address) = offer {
            self.media.start(address);
        }
        self.answer = Some((text, Instant::now(), tokio::time::Instant::now() + Duration::from_millis(500)));
        Ok(())
    }

    async fn refuse(&mut self, status: u16, reason: &str, contact: Option<String>) -> Result<()> {
        let Some(invite) = self.invite.take() else { return Ok(()) };
        let contact = contact.map(|number| format!("<sip:{number}@{}>", self.wire.pbx));
        let contact = contact.as_deref().unwrap_or(self.dialog.contact()).to_owned();
        let text = invite.answer(status, reason, self.dialog.our_tag(), &contact, "");
        self.wire.send(&text).await?;
        self.keep(key(&invite, "INVITE"), text);
        self.end(true, Some(status), None);
        Ok(())
    }

    async fn ask_sound(&mut self) -> Result<()> {
        self.sound_again = None;
        let Some(direction) = self.sound.as_ref().map(|(direction, _)| *direction) else { return Ok(()) };
        let offer = self.describe(direction);
        self.requests.ask(&mut self.dialog, "INVITE", "", &offer, Purpose::Sound).await
    }

    async fn again(&mut self) -> Result<()> {
        let now = tokio::time::Instant::now();
        if self.sound_again.is_some_and(|at| at <= now) {
            self.ask_sound().await?;
        }
        if let Some((text, _, again)) = &mut self.answer
            && *again <= now
        {
            *again = now + Duration::from_millis(500);
            let text = text.clone();
            self.wire.send(&text).await?;
        }
        match self.requests.again().await? {
            Some(Purpose::Call) => self.end(false, Some(408), None),
            Some(Purpose::End) => self.end(true, None, None),
            Some(Purpose::Sound) => drop(self.sound.take()),
            Some(Purpose::Refer) => drop(self.refer.take()),
            None => {}
        }
        Ok(())
    }

    async fn acknowledge(&mut self, sequence: u32) -> Result<()> {
        let text = self.dialog.request("ACK", sequence, &crate::lab::token(), "", "");
        self.wire.send(&text).await?;
        self.acknowledged = Some((sequence, text));
        Ok(())
    }

    async fn respond_to_invite(&mut self, status: u16, reason: &str, body: &str) -> Result<String> {
        let invite = self.invite.clone().context("a call that came has its INVITE until it is answered")?;
        let text = invite.answer(status, reason, self.dialog.our_tag(), self.dialog.contact(), body);
        self.wire.send(&text).await?;
        self.keep(key(&invite, "INVITE"), text.clone());
        Ok(text)
    }

    async fn respond(&mut self, request: &Message, status: u16, reason: &str, body: &str) -> Result<()> {
        let text = request.answer(status, reason, self.dialog.our_tag(), self.dialog.contact(), body);
        self.wire.send(&text).await?;
        self.keep(key(request, request.method().unwrap_or_default()), text);
        Ok(())
    }

    fn keep(&mut self, key: String, text: String) {
        self.responses.retain(|(known, _)| *known != key);
        self.responses.push_back((key, text));
        if self.responses.len() > KEPT {
            self.responses.pop_front();
        }
    }

    fn describe(&mut self, direction: Direction) -> String {
        self.version += 1;
        self.media.description(self.version, direction)
    }

    /// A transfer is decided as far as this phone is concerned.
    fn settled(&mut self, status: u16) {
        if let Some(reply) = self.refer.take() {
            let _ = reply.send(Ok(status));
        }
    }

    fn end(&mut self, by_us: bool, status: Option<u16>, reason: Option<&str>) {
        self.media.stop();
        let end = End { at: Instant::now(), by_us, status, reason: reason.map(str::to_owned) };
        self.leg.send_if_modified(|leg| {
            let first = leg.end.is_none();
            if first {
                leg.end = Some(end);
                mark(&mut leg.holds, false);
                mark(&mut leg.held, false);
            }
            first
        });
        // The PBX may hang up before its last word about a transfer, which comes when the target answers.
        let said = self.leg.borrow().transfers.last().and_then(|transfer| transfer.accepted);
        self.settled(said.unwrap_or(202));
        self.sound = None;
    }
}

fn key(request: &Message, method: &str) -> String {
    format!("{} {method}", request.branch().unwrap_or_default())
}
