//! A SIP server of the tests' own, which answers REGISTER and otherwise says what a test makes it say: what no sound server
//! would. It speaks UDP or one TCP connection. BYE, CANCEL and refusals it settles by itself, or calls would hang for the
//! 32 s of SIP's timers.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::drive::{Console, registration};

mod message;

pub use message::{Message, sdp};

const PATIENCE: Duration = Duration::from_secs(12);
/// What the phone is registered as.
pub const USER: &str = "1001";

/// What the server says to a REGISTER: status line and more headers. Gets the request and how many came before.
pub type Registrar = Box<dyn FnMut(&Message, usize) -> (String, String) + Send>;

/// How messages get to the phone.
enum Line {
    Udp(UdpSocket, Option<SocketAddr>),
    Tcp(Option<TcpStream>),
}

struct Shared {
    line: Line,
    registers: usize,
    registrar: Registrar,
    /// BYE and CANCEL are answered, and refusals acknowledged, without the test.
    polite: bool,
}

pub struct Peer {
    at: SocketAddr,
    tcp: bool,
    shared: Arc<Mutex<Shared>>,
    messages: Receiver<Message>,
    seen: Vec<Message>,
    next: usize,
}

impl Peer {
    pub fn udp() -> Self {
        Self::over(false, "127.0.0.1")
    }

    pub fn tcp() -> Self {
        Self::over(true, "127.0.0.1")
    }

    /// Elsewhere: then whoever is on 127.0.0.1 is a stranger.
    pub fn tcp_on(address: &str) -> Self {
        Self::over(true, address)
    }

    fn over(tcp: bool, address: &str) -> Self {
        let registrar: Registrar = Box::new(|_, _| ("200 OK".to_owned(), String::new()));
        let (send, messages) = channel();
        let (at, shared) = if tcp {
            let listener = TcpListener::bind((address, 0)).unwrap();
            let at = listener.local_addr().unwrap();
            let line = Line::Tcp(None);
            let shared = Arc::new(Mutex::new(Shared { line, registers: 0, registrar, polite: true }));
            let theirs = Arc::clone(&shared);
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    theirs.lock().unwrap().line = Line::Tcp(Some(stream.try_clone().unwrap()));
                    let (theirs, send) = (Arc::clone(&theirs), send.clone());
                    std::thread::spawn(move || read_stream(stream, &theirs, &send));
                }
            });
            (at, shared)
        } else {
            let socket = UdpSocket::bind((address, 0)).unwrap();
            let at = socket.local_addr().unwrap();
            let reader = socket.try_clone().unwrap();
            let line = Line::Udp(socket, None);
            let shared = Arc::new(Mutex::new(Shared { line, registers: 0, registrar, polite: true }));
            let theirs = Arc::clone(&shared);
            std::thread::spawn(move || {
                let mut buffer = vec![0; 65_536];
                while let Ok((length, from)) = reader.recv_from(&mut buffer) {
                    if let Line::Udp(_, phone) = &mut theirs.lock().unwrap().line {
                        *phone = Some(from);
                    }
                    if let Some(message) = Message::parse(&buffer[..length])
                        && !settled(&message, &theirs)
                        && send.send(message).is_err()
                    {
                        break;
                    }
                }
            });
            (at, shared)
        };
        Self { at, tcp, shared, messages, seen: Vec::new(), next: 0 }
    }

    pub fn at(&self) -> SocketAddr {
        self.at
    }

    pub fn account(&self) -> Value {
        json!({"id": USER, "server": self.at.ip().to_string(), "port": self.at.port(),
            "transport": if self.tcp { "tcp" } else { "udp" }, "domain": self.at.ip().to_string(), "user": USER, "password": "pw"})
    }

    pub fn configure(&self) -> Value {
        let media = json!({"codecs": ["pcma", "pcmu"], "echo_cancellation": false, "rtp_ports": [41000, 41999]});
        json!({"do": "configure", "accounts": [self.account()], "media": media})
    }

    /// A phone that is registered here.
    pub fn phone(&self) -> Console {
        let mut phone = Console::start(&["--media-timeout", "0"]);
        phone.ask(self.configure());
        phone.wait("registered", |m| registration(m, "registered"));
        phone
    }

    pub fn on_register(&self, registrar: impl FnMut(&Message, usize) -> (String, String) + Send + 'static) {
        self.shared.lock().unwrap().registrar = Box::new(registrar);
    }

    pub fn registers(&self) -> usize {
        self.shared.lock().unwrap().registers
    }

    pub fn polite(&self, polite: bool) {
        self.shared.lock().unwrap().polite = polite;
    }

    /// As it is, to where the phone sends from.
    pub fn say(&self, text: impl AsRef<[u8]>) {
        self.shared.lock().unwrap().line.send(text.as_ref());
    }

    /// The connection ends; the phone makes another.
    pub fn hang_up_line(&self) {
        if let Line::Tcp(stream) = &mut self.shared.lock().unwrap().line
            && let Some(stream) = stream.take()
        {
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        }
    }

    pub fn hear<T>(&mut self, what: &str, found: impl FnMut(&Message) -> Option<T>) -> T {
        self.hear_within(PATIENCE, found).unwrap_or_else(|| {
            let seen: Vec<&str> = self.seen.iter().map(|m| m.start.as_str()).collect();
            panic!("the phone did not say: {what}; it said {seen:#?}")
        })
    }

    /// Nothing when it does not come in time.
    pub fn hear_within<T>(&mut self, patience: Duration, mut found: impl FnMut(&Message) -> Option<T>) -> Option<T> {
        let end = Instant::now() + patience;
        let mut from = 0;
        loop {
            for i in from..self.seen.len() {
                if let Some(t) = found(&self.seen[i]) {
                    self.seen.remove(i);
                    return Some(t);
                }
            }
            from = self.seen.len();
            let message = self.messages.recv_timeout(end.saturating_duration_since(Instant::now())).ok()?;
            self.seen.push(message);
        }
    }

    /// What came and was not asked for is of no interest any more.
    pub fn forget(&mut self) {
        while self.messages.try_recv().is_ok() {}
        self.seen.clear();
    }

    pub fn fresh(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// Beginning of a request, up to and with CSeq, in a dialog of its own that is named by `id`.
    pub fn head(&self, method: &str, id: &str) -> String {
        let (at, way) = (self.at, if self.tcp { "TCP" } else { "UDP" });
        let transport = if self.tcp { ";transport=tcp" } else { "" };
        format!(
            "{method} sip:{USER}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}-{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"Peer\" <sip:2002@{at}>;tag=p{id}\r\nTo: <sip:{USER}@127.0.0.1>\r\nCall-ID: {id}@peer\r\n\
             Contact: <sip:2002@{at}{transport}>\r\nCSeq: 1 {method}\r\n"
        )
    }

    /// A whole request out of its dialog.
    pub fn request(&self, method: &str, id: &str, headers: &str, body: &str) -> String {
        format!("{}{headers}Content-Length: {}\r\n\r\n{body}", self.head(method, id), body.len())
    }

    pub fn invite(&self, id: &str, body: &str) -> String {
        self.request("INVITE", id, "Content-Type: application/sdp\r\n", body)
    }

    /// A request within the dialog that the phone's answer to our INVITE made.
    pub fn within(&self, answer: &Message, method: &str, cseq: u32, headers: &str, body: &str) -> String {
        let (at, way) = (self.at, if self.tcp { "TCP" } else { "UDP" });
        let id = answer.header("Call-ID");
        // '@' is in no token.
        let branch = id.replace('@', "-");
        let target = answer.contact().unwrap_or_else(|| format!("sip:{USER}@127.0.0.1"));
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{branch}-{method}-{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            answer.header("From"),
            answer.header("To"),
            body.len()
        )
    }

    /// An answer to a request of the phone.
    pub fn answer(&self, request: &Message, status: &str, tag: &str, headers: &str, body: &str) -> String {
        let mut to = request.header("To").to_owned();
        if !tag.is_empty() && !to.contains("tag=") {
            to = format!("{to};tag={tag}");
        }
        let (at, transport) = (self.at, if self.tcp { ";transport=tcp" } else { "" });
        format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:2002@{at}{transport}>\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            request.header("Via"),
            request.header("From"),
            request.header("Call-ID"),
            request.header("CSeq"),
            body.len()
        )
    }

    /// Many requests as fast as they are answered, each sent again until it is, as UDP demands. The answers' codes.
    pub fn storm(
        &mut self,
        method: &str,
        ids: impl Iterator<Item = String>,
        text: impl Fn(&Self, &str) -> String,
    ) -> Vec<u16> {
        let mut open: Vec<String> = ids.collect();
        let mut codes = Vec::new();
        for _ in 0..20 {
            for few in open.clone().chunks(20) {
                few.iter().for_each(|id| self.say(text(self, id)));
                while let Some((id, code)) = self.hear_within(Duration::from_millis(100), |m| {
                    let id = few.iter().find(|id| m.header("Call-ID") == format!("{id}@peer") && open.contains(id))?;
                    (m.code() >= 180 && m.header("CSeq").ends_with(method)).then(|| (id.clone(), m.code()))
                }) {
                    open.retain(|other| *other != id);
                    codes.push(code);
                    if few.iter().all(|id| !open.contains(id)) {
                        break;
                    }
                }
                self.forget();
            }
            if open.is_empty() {
                return codes;
            }
        }
        panic!("{} of the storm were not answered: {open:?}", open.len());
    }

    /// One call each way, from its beginning to its end.
    pub fn ordinary_calls(&mut self, phone: &mut Console) {
        self.forget();
        let id = format!("sound{}", self.fresh());
        self.say(self.invite(&id, &sdp("0", "a=rtpmap:0 PCMU/8000\r\n")));
        let rings = phone.wait("an ordinary call rings", |m| {
            let call = super::drive::call_in(m, "ringing")?;
            (call["sip_call_id"] == format!("{id}@peer")).then_some(call)
        });
        phone.ask(json!({"do": "answer", "call": rings["id"]}));
        let answer = self.hear("200 to INVITE", |m| m.is_answer("INVITE", &id, 200));
        self.say(self.within(&answer, "ACK", 1, "", ""));
        phone
            .wait("an ordinary call talks", |m| super::drive::call_in(m, "talking").filter(|c| c["id"] == rings["id"]));
        self.say(self.within(&answer, "BYE", 2, "", ""));
        self.hear("200 to BYE", |m| m.is_answer("BYE", &id, 200));
        phone.wait("an ordinary call is over", |m| super::drive::ended(m).filter(|r| r["call"]["id"] == rings["id"]));

        let dialled = phone.ask(json!({"do": "dial", "account": USER, "target": "2002"}))["call"]["id"].clone();
        let invite = self.hear("INVITE", |m| (m.method() == "INVITE").then(|| m.clone()));
        self.say(self.answer(&invite, "180 Ringing", "b", "", ""));
        let body = sdp("8", "a=rtpmap:8 PCMA/8000\r\n");
        self.say(self.answer(&invite, "200 OK", "b", "Content-Type: application/sdp\r\n", &body));
        self.hear("ACK", |m| (m.method() == "ACK").then_some(()));
        phone.wait("ours talks", |m| super::drive::call_in(m, "talking").filter(|c| c["id"] == dialled));
        phone.ask(json!({"do": "hang-up", "call": dialled}));
        phone.wait("ours is over", |m| super::drive::ended(m).filter(|r| r["call"]["id"] == dialled));
    }
}

impl Line {
    fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Udp(socket, Some(phone)) => {
                // What does not fit into a datagram is not sent by anybody.
                let _ = socket.send_to(bytes, *phone);
            }
            // The phone may have hung up on us, which is one of the answers.
            Self::Tcp(Some(stream)) => drop(stream.write_all(bytes)),
            // It has just been hung up.
            Self::Tcp(None) => {}
            Self::Udp(_, None) => panic!("the phone has not been heard yet"),
        }
    }
}

/// What the server does by itself.
fn settled(message: &Message, shared: &Mutex<Shared>) -> bool {
    let mut shared = shared.lock().unwrap();
    let reply = |status: &str, more: &str| {
        let to = message.header("To");
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=registrar") };
        format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: 0\r\n\r\n",
            message.header("Via"),
            message.header("From"),
            message.header("Call-ID"),
            message.header("CSeq")
        )
    };
    match message.method() {
        "REGISTER" => {
            let before = shared.registers;
            shared.registers += 1;
            let (status, more) = (shared.registrar)(message, before);
            if status.is_empty() {
                return true;
            }
            let contact = message.header("Contact");
            let expires = message.header("Expires");
            let named = if status.starts_with('2') && !contact.is_empty() {
                format!("Contact: {contact};expires={expires}\r\nExpires: {expires}\r\n")
            } else {
                String::new()
            };
            shared.line.send(reply(&status, &format!("{named}{more}")).as_bytes());
            true
        }
        "BYE" | "CANCEL" if shared.polite => {
            shared.line.send(reply("200 OK", "").as_bytes());
            false
        }
        "" if shared.polite && message.code() >= 200 && message.header("CSeq").ends_with("INVITE") => {
            let number = message.header("CSeq").split(' ').next().unwrap_or("1");
            let target = message.contact().unwrap_or_else(|| format!("sip:{USER}@127.0.0.1"));
            // Of a success it is a transaction of its own (RFC 3261, 13.2.2.4).
            let branch = if message.code() < 300 { "branch=z9hG4bKack" } else { "branch=z9hG4bK" };
            let ack = format!(
                "ACK {target} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
                 CSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
                message.header("Via").replace("branch=z9hG4bK", branch),
                message.header("From"),
                message.header("To"),
                message.header("Call-ID")
            );
            shared.line.send(ack.as_bytes());
            false
        }
        _ => false,
    }
}

fn read_stream(mut stream: TcpStream, shared: &Mutex<Shared>, send: &Sender<Message>) {
    let (mut all, mut buffer) = (Vec::new(), [0; 16_384]);
    while let Ok(length) = stream.read(&mut buffer) {
        if length == 0 {
            return;
        }
        all.extend_from_slice(&buffer[..length]);
        while let Some(length) = message::whole(&all) {
            let bytes: Vec<u8> = all.drain(..length).collect();
            if let Some(message) = Message::parse(&bytes)
                && !settled(&message, shared)
                && send.send(message).is_err()
            {
                return;
            }
        }
    }
}
