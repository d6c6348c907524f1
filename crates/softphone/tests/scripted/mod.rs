//! A PBX of a few lines, whose every message a test writes itself: for what no real PBX says when one wants it to.
//! One phone registers with it; nothing is sent again, and nothing happens that the test does not ask for.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::drive::{self, Console, call_in};

/// Who calls, unless a test says otherwise.
pub const FROM: &str = "\"Anna\" <sip:100@pbx.example>";
const PATIENCE: Duration = Duration::from_secs(8);

/// A message that came.
#[derive(Debug, Clone)]
pub struct Message {
    pub first: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub from: SocketAddr,
}

impl Message {
    fn parse(bytes: &[u8], from: SocketAddr) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let first = lines.next()?.to_owned();
        let split = |line: &str| line.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()));
        Some(Self { first, headers: lines.filter_map(split).collect(), body: body.to_owned(), from })
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub fn is_request(&self, method: &str) -> bool {
        self.first.split(' ').next() == Some(method)
    }

    /// Of an answer.
    pub fn status(&self) -> u16 {
        self.first.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
    }

    pub fn uri(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// Codecs of its m= line, without telephone-event.
    pub fn codecs(&self) -> Vec<String> {
        let media = self.body.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap_or_default();
        let is_event = |pt: &str| self.body.contains(&format!("a=rtpmap:{pt} telephone-event"));
        media.split_whitespace().skip(2).filter(|pt| !is_event(pt)).map(str::to_owned).collect()
    }

    /// Where its sender wants to have sound, and sends it from.
    pub fn rtp_port(&self) -> u16 {
        let media = self.body.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap_or_default();
        media.split(' ').next().and_then(|port| port.parse().ok()).unwrap_or(0)
    }

    /// `sendrecv`, `sendonly` …
    pub fn direction(&self) -> &str {
        let directions = ["sendrecv", "sendonly", "recvonly", "inactive"];
        directions.into_iter().find(|d| self.body.lines().any(|line| line == format!("a={d}"))).unwrap_or("sendrecv")
    }
}

/// The PBX.
pub struct Peer {
    socket: UdpSocket,
    pub at: SocketAddr,
    /// Where the phone is, and its contact.
    phone: Option<(SocketAddr, String)>,
    came: Vec<Message>,
    pub rtp: UdpSocket,
    next: u32,
}

/// Our half of a call.
pub struct Dialog {
    pub call_id: String,
    us: String,
    them: String,
    target: String,
    sequence: u32,
    /// Number of its last INVITE, which an ACK repeats.
    invited: u32,
    /// Its first INVITE as it was sent.
    invite: String,
    /// Where the phone sends the sound of this call from.
    pub rtp_port: u16,
}

impl Peer {
    pub fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        rtp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, at, phone: None, came: Vec::new(), rtp, next: 0 }
    }

    /// The profile of a phone here.
    pub fn account(&self) -> Value {
        json!({"id": "peer", "server": "127.0.0.1", "port": self.at.port(), "transport": "udp", "domain": "pbx.example",
            "user": "1001", "password": "x"})
    }

    /// A phone that has registered here; `more` goes into its account.
    pub fn with_phone(more: Value) -> (Self, Console) {
        let mut peer = Self::new();
        let console = peer.phone_with(&[], more);
        (peer, console)
    }

    /// The same with arguments of the program.
    pub fn phone_with(&mut self, arguments: &[&str], more: Value) -> Console {
        self.take(Console::start(arguments), more, drive::media())
    }

    /// The same with a phone that runs already.
    pub fn take(&mut self, mut console: Console, more: Value, media: Value) -> Console {
        let mut account = self.account();
        account.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        console.ask(json!({"do": "configure", "accounts": [account], "media": media}));
        self.until("REGISTER", |peer, _| peer.phone.is_some().then_some(()));
        console.wait("registered", |m| drive::registration(m, "registered"));
        console
    }

    fn until<T>(&mut self, what: &str, found: impl FnMut(&Self, &Message) -> Option<T>) -> T {
        self.until_within(PATIENCE, what, found)
    }

    fn until_within<T>(
        &mut self,
        patience: Duration,
        what: &str,
        mut found: impl FnMut(&Self, &Message) -> Option<T>,
    ) -> T {
        let end = Instant::now() + patience;
        let mut looked = 0;
        loop {
            while looked < self.came.len() {
                if let Some(t) = found(self, &self.came[looked]) {
                    self.came.remove(looked);
                    return t;
                }
                looked += 1;
            }
            let left = end.saturating_duration_since(Instant::now());
            let seen = || self.came.iter().map(|m| m.first.as_str()).collect::<Vec<_>>();
            assert!(!left.is_zero(), "did not come: {what}; came: {:?}", seen());
            self.socket.set_read_timeout(Some(left)).unwrap();
            let mut bytes = [0; 65_536];
            let Ok((length, from)) = self.socket.recv_from(&mut bytes) else { continue };
            let Some(message) = Message::parse(&bytes[..length], from) else { continue };
            if message.is_request("REGISTER") {
                let contact = message.header("Contact").to_owned();
                let uri = contact.split_once('<').and_then(|(_, r)| r.split_once('>')).map_or("", |(uri, _)| uri);
                self.phone = Some((from, uri.to_owned()));
                self.reply(&message, 200, "OK", &format!("Contact: {contact};expires=300\r\n"), "");
            }
            // What is sent again says nothing new.
            let known = |m: &Message| {
                m.first == message.first
                    && m.header("CSeq") == message.header("CSeq")
                    && m.header("Via") == message.header("Via")
            };
            if !self.came.iter().any(known) {
                self.came.push(message);
            }
        }
    }

    pub fn request(&mut self, method: &str) -> Message {
        self.until(method, |_, m| m.is_request(method).then(|| m.clone()))
    }

    /// The first request of one of these methods, however long it takes.
    pub fn patiently(&mut self, patience: Duration, methods: &[&str]) -> Message {
        self.until_within(patience, &methods.join(" or "), |_, m| {
            methods.iter().any(|method| m.is_request(method)).then(|| m.clone())
        })
    }

    /// An answer of the phone to our request of this method.
    pub fn answer(&mut self, method: &str, status: u16) -> Message {
        self.until(&format!("{status} to {method}"), |_, m| {
            (m.status() == status && m.header("CSeq").ends_with(method)).then(|| m.clone())
        })
    }

    /// Whether such a request has come up to now (after something that must have come later).
    pub fn has_come(&self, method: &str) -> bool {
        self.came.iter().any(|m| m.is_request(method))
    }

    /// Answers a request of the phone; `more` are whole header lines.
    pub fn reply(&self, request: &Message, status: u16, reason: &str, more: &str, body: &str) {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for (name, value) in &request.headers {
            match name.to_ascii_lowercase().as_str() {
                "via" | "from" | "call-id" | "cseq" => text += &format!("{name}: {value}\r\n"),
                "to" if value.contains("tag=") || status == 100 => text += &format!("To: {value}\r\n"),
                "to" => text += &format!("To: {value};tag=peer\r\n"),
                _ => {}
            }
        }
        if !more.to_ascii_lowercase().contains("contact:") {
            text += &format!("Contact: <sip:peer@{}>\r\n", self.at);
        }
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        text += &format!("{more}{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        self.socket.send_to(text.as_bytes(), request.from).unwrap();
    }

    /// Sound that we offer or answer with: payload types (8 PCMA, 0 PCMU, 9 G722), and a direction.
    pub fn sound(&mut self, codecs: &[&str], direction: &str) -> String {
        self.next += 1;
        let port = self.rtp.local_addr().unwrap().port();
        let list = codecs.join(" ");
        format!(
            "v=0\r\no=peer 1 {} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {list} 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na={direction}\r\n",
            self.next
        )
    }

    /// Calls the phone; `from` is the whole From without its tag, `more` are whole header lines.
    pub fn call(&mut self, from: &str, more: &str, body: &str) -> Dialog {
        self.next += 1;
        let (_, contact) = self.phone.clone().unwrap();
        let mut dialog = Dialog {
            call_id: format!("{}@peer-{}", self.next, self.at.port()),
            us: format!("{from};tag=peer{}", self.next),
            them: "<sip:1001@pbx.example>".to_owned(),
            target: contact,
            sequence: 0,
            invited: 0,
            invite: String::new(),
            rtp_port: 0,
        };
        self.send(&mut dialog, "INVITE", more, body);
        dialog
    }

    /// A request within a call.
    pub fn send(&mut self, dialog: &mut Dialog, method: &str, more: &str, body: &str) {
        if method != "ACK" {
            dialog.sequence += 1;
        }
        if method == "INVITE" {
            dialog.invited = dialog.sequence;
        }
        self.next += 1;
        let Dialog { call_id, us, them, target, invited, .. } = &*dialog;
        let sequence = if method == "ACK" { *invited } else { dialog.sequence };
        let kind =
            if body.is_empty() || more.contains("Content-Type") { "" } else { "Content-Type: application/sdp\r\n" };
        let contact =
            if more.contains("Contact:") { String::new() } else { format!("Contact: <sip:peer@{}>\r\n", self.at) };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{}p{};rport\r\nMax-Forwards: 70\r\nFrom: {us}\r\nTo: {them}\r\n\
             Call-ID: {call_id}\r\nCSeq: {sequence} {method}\r\n{contact}Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO\r\n\
             {more}{kind}Content-Length: {}\r\n\r\n{body}",
            self.at,
            self.next,
            self.at.port(),
            body.len()
        );
        let (phone, _) = self.phone.clone().unwrap();
        self.socket.send_to(text.as_bytes(), phone).unwrap();
        if method == "INVITE" && dialog.invite.is_empty() {
            dialog.invite = text;
        }
    }

    /// Takes our INVITE back.
    pub fn cancel(&mut self, dialog: &mut Dialog) {
        let text = dialog.invite.replace("INVITE", "CANCEL");
        let head = text.split("Allow: ").next().unwrap();
        let (phone, _) = self.phone.clone().unwrap();
        self.socket.send_to(format!("{head}Content-Length: 0\r\n\r\n").as_bytes(), phone).unwrap();
    }

    /// The next samples of a call in A-law, as many packets as these, from now on.
    pub fn hears(&self, dialog: &Dialog, packets: usize) -> Vec<i16> {
        self.rtp.set_nonblocking(true).unwrap();
        let mut packet = [0; 2048];
        while self.rtp.recv(&mut packet).is_ok() {}
        self.rtp.set_nonblocking(false).unwrap();
        let mut heard = Vec::new();
        while heard.len() < packets * 160 {
            let (length, from) = self.rtp.recv_from(&mut packet).expect("sound comes");
            if from.port() == dialog.rtp_port && packet[1] & 0x7f == 8 && length > 12 {
                heard.extend(packet[12..length].iter().map(|byte| from_alaw(*byte)));
            }
        }
        heard
    }

    /// Our half of a call that the phone made, once we have answered its INVITE.
    pub fn dialog_of(&self, invite: &Message) -> Dialog {
        let contact = invite.header("Contact");
        let target = contact.split_once('<').and_then(|(_, r)| r.split_once('>')).map_or("", |(uri, _)| uri);
        Dialog {
            call_id: invite.header("Call-ID").to_owned(),
            us: format!("{};tag=peer", invite.header("To")),
            them: invite.header("From").to_owned(),
            target: target.to_owned(),
            sequence: 0,
            invited: 0,
            invite: String::new(),
            rtp_port: invite.rtp_port(),
        }
    }
}

/// ITU-T G.711.
fn from_alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = ((byte >> 4) & 7, i16::from(byte & 15));
    let magnitude = if exponent == 0 { mantissa * 16 + 8 } else { (mantissa * 16 + 264) << (exponent - 1) };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

impl Dialog {
    /// After an answer of the phone: its tag.
    pub fn answered_by(&mut self, answer: &Message) {
        self.them = answer.header("To").to_owned();
        self.rtp_port = answer.rtp_port();
    }
}

/// The phone is called and answers; our SDP is what we offered.
pub fn talking(peer: &mut Peer, phone: &mut Console, more: &str) -> (Dialog, Value, Message) {
    let offer = peer.sound(&["8", "0"], "sendrecv");
    let mut dialog = peer.call(FROM, more, &offer);
    let call = phone.wait("ringing", |m| call_in(m, "ringing"))["id"].clone();
    phone.ask(json!({"do": "answer", "call": call}));
    let answer = peer.answer("INVITE", 200);
    dialog.answered_by(&answer);
    peer.send(&mut dialog, "ACK", "", "");
    phone.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == call));
    (dialog, call, answer)
}

/// Anna's call with a customer, and with a colleague about it; both through the peer.
pub fn consulting(peer: &mut Peer, phone: &mut Console, command: &str) -> (Dialog, Value, Dialog, Value) {
    let (customer, call, _) = talking(peer, phone, "");
    let made = phone.ask(json!({"do": command, "call": call, "target": "200"}))["call"]["id"].clone();
    // The hold and the call to the colleague, in whatever order.
    let (mut colleague, mut waits) = (None, false);
    while colleague.is_none() || !waits {
        let invite = peer.request("INVITE");
        let held = invite.header("To").contains("tag=");
        let sound = peer.sound(&["8"], if held { "recvonly" } else { "sendrecv" });
        peer.reply(&invite, 200, "OK", "", &sound);
        peer.request("ACK");
        if held {
            waits = true;
        } else {
            colleague = Some(peer.dialog_of(&invite));
        }
    }
    (customer, call, colleague.unwrap(), made)
}

/// How a REFER of the phone fares.
pub fn notify(peer: &mut Peer, dialog: &mut Dialog, status: &str) {
    let state = if status.starts_with('1') { "active;expires=60" } else { "terminated;reason=noresource" };
    let more = format!("Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n");
    peer.send(dialog, "NOTIFY", &more, &format!("SIP/2.0 {status}\r\n"));
    peer.answer("NOTIFY", 200);
}
