//! A line without a PBX: as much of a registrar and of a caller as a phone needs to be called. Nothing stands between the
//! sound that is sent and the phone under test, and each moment of signalling is seen where it happens.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::lab::{Message, SHORT, token};

/// The phone that has registered.
#[derive(Debug, Clone, PartialEq)]
struct Phone {
    at: SocketAddr,
    contact: String,
    since: Instant,
}

/// One registrar for one phone, on one address.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    socket: Arc<UdpSocket>,
    phone: watch::Receiver<Option<Phone>>,
    answers: mpsc::UnboundedReceiver<(Instant, Message)>,
    offers: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// A call that was answered.
#[derive(Debug)]
pub struct Answered {
    /// INVITE sent.
    pub asked: Instant,
    /// 180 heard.
    pub rang: Option<Instant>,
    /// 200 heard.
    pub at: Instant,
    /// Where the phone wants its sound.
    pub media: SocketAddr,
    /// Its SDP.
    pub description: String,
    request: Request,
}

#[derive(Debug, Clone)]
struct Request {
    call_id: String,
    from: String,
    to: String,
    target: String,
    at: SocketAddr,
}

impl Line {
    /// Port 5060 of this address.
    pub async fn open(address: IpAddr) -> Result<Self> {
        let socket = Arc::new(UdpSocket::bind((address, 5060)).await.with_context(|| format!("a line on {address}"))?);
        let (phone_sender, phone) = watch::channel(None);
        let (answer_sender, answers) = mpsc::unbounded_channel();
        let offers = Arc::new(AtomicUsize::new(0));
        let own = (socket.clone(), offers.clone());
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            while let Ok((length, from)) = own.0.recv_from(&mut buffer).await {
                let Some(message) = Message::parse(&buffer[..length]) else { continue };
                let Some(method) = message.method().map(str::to_owned) else {
                    let _ = answer_sender.send((Instant::now(), message));
                    continue;
                };
                let contact = match message.contact() {
                    Some(uri) if method == "REGISTER" => {
                        // To unregister is to have no contact in the answer.
                        let gone = message.header("Expires") == Some("0")
                            || message.header("Contact").is_some_and(|contact| contact.ends_with("expires=0"));
                        let found = (!gone).then(|| Phone { at: from, contact: uri.clone(), since: Instant::now() });
                        phone_sender.send_replace(found);
                        if gone { String::new() } else { format!("<{uri}>;expires=3600") }
                    }
                    _ => format!("<sip:line@{address}:5060>"),
                };
                if method == "ACK" {
                    continue;
                }
                if message.has_body() && ["INVITE", "UPDATE"].contains(&method.as_str()) {
                    own.1.fetch_add(1, Ordering::Relaxed);
                }
                let answer = message.answer(200, "OK", "line", &contact, "").replace("Contact: \r\n", "");
                let _ = own.0.send_to(answer.as_bytes(), from).await;
            }
        });
        let address = socket.local_addr()?;
        Ok(Self { address, socket, phone, answers, offers, task })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the phone's contact; gives the moment it came.
    pub async fn registered(&mut self) -> Result<Instant> {
        let there = self.phone.wait_for(Option::is_some);
        let phone = tokio::time::timeout(SHORT, there).await.context("the phone does not register")??;
        phone.as_ref().map(|phone| phone.since).context("it is there")
    }

    /// Waits until the phone has taken its contact away.
    pub async fn unregistered(&mut self) -> Result<()> {
        let gone = self.phone.wait_for(Option::is_none);
        tokio::time::timeout(SHORT, gone).await.context("the phone does not unregister")??;
        Ok(())
    }

    /// INVITEs and UPDATEs with an offer that the phone has sent: a phone that is called needs none.
    pub fn offers(&self) -> usize {
        self.offers.load(Ordering::Relaxed)
    }

    /// Calls the phone, and waits until it answers by itself or because `ring` makes it. The offer's address is where the
    /// phone shall send its sound.
    pub async fn call(&mut self, offer: &str, ring: impl AsyncFnOnce() -> Result<()>) -> Result<Answered> {
        let phone = self.phone.borrow().clone().context("no phone is registered")?;
        let local = self.address;
        let mut request = Request {
            call_id: format!("{}@line", token()),
            from: format!("<sip:line@{local}>;tag={}", token()),
            to: format!("<{}>", phone.contact),
            target: phone.contact,
            at: phone.at,
        };
        // What came late belongs to an earlier call.
        while self.answers.try_recv().is_ok() {}
        let branch = token();
        let asked = Instant::now();
        self.send(&request, "INVITE", 1, &branch, offer).await?;
        let (mut rang, mut ring) = (None, Some(ring));
        loop {
            let (at, answer) = self.answer_to(&request, "INVITE").await?;
            let status = answer.status().unwrap_or_default();
            if status == 180 || status == 183 {
                rang.get_or_insert(at);
                if let Some(ring) = ring.take() {
                    ring().await?;
                }
            }
            if status < 200 {
                continue;
            }
            answer.header("To").context("an answer without To")?.clone_into(&mut request.to);
            if status >= 300 {
                self.send(&request, "ACK", 1, &branch, "").await?;
                bail!("the phone answered {status}");
            }
            if let Some(contact) = answer.contact() {
                request.target = contact;
            }
            self.send(&request, "ACK", 1, &token(), "").await?;
            let media = answer.media_address().context("the answer names no address for sound")?;
            return Ok(Answered { asked, rang, at, media, description: answer.body().to_owned(), request });
        }
    }

    /// Ends a call.
    pub async fn hang_up(&mut self, call: &Answered) -> Result<()> {
        self.send(&call.request, "BYE", 2, &token(), "").await?;
        self.answer_to(&call.request, "BYE").await.map(drop)
    }

    async fn answer_to(&mut self, request: &Request, method: &str) -> Result<(Instant, Message)> {
        loop {
            let next = tokio::time::timeout(SHORT, self.answers.recv()).await;
            let (at, answer) =
                next.with_context(|| format!("the phone does not answer {method}"))?.context("the line is closed")?;
            let of = answer.header("CSeq").unwrap_or_default();
            if answer.header("Call-ID") == Some(&request.call_id) && of.ends_with(method) {
                return Ok((at, answer));
            }
        }
    }

    async fn send(&self, request: &Request, method: &str, sequence: u32, branch: &str, body: &str) -> Result<()> {
        let Request { call_id, from, to, target, at } = request;
        let local = self.address;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\nFrom: {from}\r\n\
             To: {to}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\nContact: <sip:line@{local}>\r\n\
             Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,UPDATE\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send_to(text.as_bytes(), at).await?;
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}
