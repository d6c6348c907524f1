//! Customers: a plain SIP phone at the far end of the trunk, driven by the test.
//!
//! SIPp plays a scenario that is fixed before; a test wants to hang up *now*, to know when each packet of sound arrived and
//! to compare what was heard. So this is a small user agent of our own: UDP, PCMA, RFC 4733, no authentication (the trunk
//! is known by its address). Asterisk stands between it and everything under test.

mod subscriber;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::sip::{Direction, Heard, Media, Message, Voice, token};
use super::sound::Speech;
use super::{Pbx, SHORT};
pub use subscriber::Subscriber;

/// Who calls, and what they say.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Number as the PBX sees it.
    pub number: String,
    /// Name as the PBX sees it.
    pub name: String,
    /// Spoken from the answer on, over and over.
    pub speech: Option<Speech>,
}

impl Default for Caller {
    fn default() -> Self {
        Self { number: "+74951234567".to_owned(), name: "Customer Ivanov".to_owned(), speech: None }
    }
}

impl Caller {
    /// With this number.
    pub fn numbered(mut self, number: &str) -> Self {
        self.number = number.to_owned();
        self
    }

    /// With this name.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Who says this.
    pub fn saying(mut self, speech: &Speech) -> Self {
        self.speech = Some(speech.clone());
        self
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerEnd {
    /// The customer hung up.
    Customer,
    /// The PBX did (the operator hung up, or the queue gave up).
    FarEnd,
    /// It was never answered: SIP status.
    Refused(u16),
    /// The PBX does not answer at all.
    Silence,
}

/// Where a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Calling,
    Talking(Instant),
    Ended(Instant, CustomerEnd),
}

#[derive(Debug)]
enum Wish {
    HangUp,
}

/// A customer in a call.
#[derive(Debug)]
pub struct Customer {
    call_id: String,
    phase: watch::Receiver<Phase>,
    wishes: mpsc::UnboundedSender<Wish>,
    media: Arc<Media>,
    task: JoinHandle<()>,
}

impl Customer {
    /// Calls a number of the PBX: `700` (queue support), `701` (sales), `702` (night), `1001` (an operator directly).
    pub async fn call(pbx: &Pbx, number: &str, caller: Caller) -> Result<Self> {
        let own = pbx.settings().customer_address;
        let socket = UdpSocket::bind((own, 0)).await.with_context(|| format!("a customer needs a port on {own}"))?;
        socket.connect(pbx.sip()).await?;
        let media = Arc::new(Media::open(own, voice(caller.speech.clone())).await?);
        let dialog = Dialog {
            call_id: format!("{}@customer", token()),
            us: format!("\"{}\" <sip:{}@{}>;tag={}", caller.name, caller.number, socket.local_addr()?, token()),
            them: format!("<sip:{number}@{}>", pbx.sip()),
            target: format!("sip:{number}@{}", pbx.sip()),
            contact: format!("<sip:customer@{}>", socket.local_addr()?),
            local: socket.local_addr()?,
            sequence: 1,
        };
        let (phase_sender, phase) = watch::channel(Phase::Calling);
        let (wishes, wish_receiver) = mpsc::unbounded_channel();
        let call_id = dialog.call_id.clone();
        let agent = Agent { socket, dialog, media: media.clone(), phase: phase_sender };
        let task = tokio::spawn(agent.run(wish_receiver));
        Ok(Self { call_id, phase, wishes, media, task })
    }

    /// SIP Call-ID of the customer's side.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Waits until the PBX takes the call (a queue answers at once, with music); gives the moment.
    pub async fn answered(&mut self) -> Result<Instant> {
        let phase = tokio::time::timeout(SHORT, self.phase.wait_for(|phase| *phase != Phase::Calling)).await;
        match &*phase.context("the PBX does not take the customer's call")?? {
            Phase::Talking(at) => Ok(*at),
            other => bail!("the customer's call was not taken: {other:?}"),
        }
    }

    /// Hangs up (or gives up before the answer) and waits until the PBX agrees.
    pub async fn hang_up(&mut self) -> Result<()> {
        let _ = self.wishes.send(Wish::HangUp);
        self.ended(SHORT).await.map(drop)
    }

    /// Waits for the end: when, and by whom.
    pub async fn ended(&mut self, deadline: Duration) -> Result<(Instant, CustomerEnd)> {
        let over = self.phase.wait_for(|phase| matches!(phase, Phase::Ended(..)));
        match &*tokio::time::timeout(deadline, over).await.context("the customer's call goes on")?? {
            Phase::Ended(at, end) => Ok((*at, end.clone())),
            other => bail!("not over: {other:?}"),
        }
    }

    /// Whether the call is up now.
    pub fn is_talking(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Talking(_))
    }

    /// Everything the customer heard up to now.
    pub fn heard(&self) -> Heard {
        self.media.heard()
    }

    /// Presses keys (RFC 4733).
    pub async fn press(&self, digits: &str) -> Result<()> {
        self.media.press(digits).await
    }
}

impl Drop for Customer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn voice(speech: Option<Speech>) -> Voice {
    speech.map_or(Voice::Silence, Voice::Speech)
}

/// Our half of a SIP dialog.
#[derive(Debug)]
struct Dialog {
    call_id: String,
    us: String,
    them: String,
    target: String,
    contact: String,
    local: SocketAddr,
    sequence: u32,
}

impl Dialog {
    fn request(&self, method: &str, sequence: u32, branch: &str, body: &str) -> String {
        let Self { call_id, us, them, target, contact, local, .. } = self;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\nFrom: {us}\r\n\
             To: {them}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\nContact: {contact}\r\nAllow: INVITE,ACK,BYE,CANCEL,OPTIONS,UPDATE\r\n\
             User-Agent: lab-customer\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

struct Agent {
    socket: UdpSocket,
    dialog: Dialog,
    media: Arc<Media>,
    phase: watch::Sender<Phase>,
}

/// RFC 3261's T1 and timer B.
const T1: Duration = Duration::from_millis(500);
const GIVE_UP: Duration = Duration::from_secs(32);

impl Agent {
    async fn run(self, wishes: mpsc::UnboundedReceiver<Wish>) {
        let phase = self.phase.clone();
        let end = self.converse(wishes).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a customer's call broke");
            CustomerEnd::Silence
        });
        phase.send_replace(Phase::Ended(Instant::now(), end));
    }

    async fn converse(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>) -> Result<CustomerEnd> {
        let branch = token();
        let offer = self.media.description(1, Direction::Both);
        let invite = self.dialog.request("INVITE", 1, &branch, &offer);
        self.send(&invite).await?;
        let started = tokio::time::Instant::now();
        let mut again = interval(T1);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut heard_of, mut giving_up, mut ending) = (false, false, None::<String>);
        let mut buffer = vec![0; 65_536];
        loop {
            tokio::select! {
                received = self.socket.recv(&mut buffer) => {
                    let Some(message) = Message::parse(&buffer[..received?]) else { continue };
                    if let Some(method) = message.method() {
                        let method = method.to_owned();
                        self.serve(&message, &method).await?;
                        if method == "BYE" {
                            self.media.stop();
                            return Ok(CustomerEnd::FarEnd);
                        }
                        continue;
                    }
                    heard_of = true;
                    let Some(status) = message.status() else { continue };
                    let of = message.header("CSeq").unwrap_or_default();
                    if of.ends_with("BYE") && ending.is_some() {
                        return Ok(CustomerEnd::Customer);
                    }
                    if !of.ends_with("INVITE") || status < 200 {
                        continue;
                    }
                    self.dialog.them = message.header("To").context("a response has To")?.to_owned();
                    if status < 300 {
                        if let Some(contact) = message.contact() {
                            self.dialog.target = contact;
                        }
                        let acknowledge = self.dialog.request("ACK", 1, &token(), "");
                        self.send(&acknowledge).await?;
                        if *self.phase.borrow() == Phase::Calling {
                            self.media.start(message.media_address().context("the answer has an address for sound")?);
                            self.phase.send_replace(Phase::Talking(Instant::now()));
                            if giving_up {
                                ending = Some(self.bye().await?);
                            }
                        }
                    } else {
                        let acknowledge = self.dialog.request("ACK", 1, &branch, "");
                        self.send(&acknowledge).await?;
                        return Ok(if giving_up { CustomerEnd::Customer } else { CustomerEnd::Refused(status) });
                    }
                }
                Some(wish) = wishes.recv() => match wish {
                    Wish::HangUp if matches!(*self.phase.borrow(), Phase::Talking(_)) => {
                        self.media.stop();
                        ending = Some(self.bye().await?);
                    }
                    Wish::HangUp => {
                        giving_up = true;
                        let cancel = self.dialog.request("CANCEL", 1, &branch, "");
                        self.send(&cancel).await?;
                    }
                },
                _ = again.tick() => {
                    if let Some(bye) = &ending {
                        self.send(bye).await?;
                    } else if !heard_of {
                        self.send(&invite).await?;
                    }
                }
                () = sleep_until(started + GIVE_UP), if !heard_of => return Ok(CustomerEnd::Silence),
            }
        }
    }

    async fn bye(&mut self) -> Result<String> {
        self.dialog.sequence += 1;
        let bye = self.dialog.request("BYE", self.dialog.sequence, &token(), "");
        self.send(&bye).await?;
        Ok(bye)
    }

    /// Answers what the PBX asks within the call.
    async fn serve(&self, request: &Message, method: &str) -> Result<()> {
        if method == "ACK" {
            return Ok(());
        }
        let body = if method == "INVITE" || method == "UPDATE" && request.has_body() {
            if let Some(address) = request.media_address() {
                self.media.start(address);
            }
            self.media.description(1, Direction::Both)
        } else {
            String::new()
        };
        self.send(&request.answer(200, "OK", "", &self.dialog.contact, &body)).await
    }

    async fn send(&self, text: &str) -> Result<()> {
        self.socket.send(text.as_bytes()).await?;
        Ok(())
    }
}
