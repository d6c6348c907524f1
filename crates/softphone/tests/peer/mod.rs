//! A SIP server of the tests' own, which answers REGISTER and otherwise says what a test makes it say: what no real PBX says
//! when one wants it to, and what no sound one would at all. It speaks UDP or one TCP connection; nothing is sent again.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::drive::{self, Console, registration};

pub mod dialog;
mod message;
mod said;

pub use message::{Message, sdp};

const PATIENCE: Duration = Duration::from_secs(12);
/// What the phone is registered as, and where.
pub const USER: &str = "1001";
const DOMAIN: &str = "pbx.example";

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
    /// The phone's contact, once it has registered.
    contact: String,
    /// BYE and CANCEL are answered, and refusals acknowledged, without the test.
    polite: bool,
    /// What was heard before: what the phone sends again says nothing new.
    heard: HashSet<Vec<u8>>,
}

pub struct Peer {
    at: SocketAddr,
    tcp: bool,
    shared: Arc<Mutex<Shared>>,
    messages: Receiver<Message>,
    seen: Vec<Message>,
    next: usize,
    /// Where the sound of [`Peer::sound`] is sent to.
    pub rtp: UdpSocket,
}

impl Peer {
    /// BYE, CANCEL and refusals it settles by itself, or calls would hang for the 32 s of SIP's timers.
    pub fn udp() -> Self {
        Self::over(false, "127.0.0.1", true)
    }

    pub fn tcp() -> Self {
        Self::over(true, "127.0.0.1", true)
    }

    /// Elsewhere: then whoever is on 127.0.0.1 is a stranger.
    pub fn tcp_on(address: &str) -> Self {
        Self::over(true, address, true)
    }

    /// One of which a test writes every message but the answer to REGISTER.
    pub fn scripted() -> Self {
        Self::over(false, "127.0.0.1", false)
    }

    fn over(tcp: bool, address: &str, polite: bool) -> Self {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        rtp.set_read_timeout(Some(PATIENCE)).unwrap();
        let shared = |line| {
            let registrar: Registrar = Box::new(|_, _| ("200 OK".to_owned(), String::new()));
            let (contact, heard) = (String::new(), HashSet::new());
            Arc::new(Mutex::new(Shared { line, registers: 0, registrar, contact, polite, heard }))
        };
        let (send, messages) = channel();
        let (at, shared) = if tcp {
            let listener = TcpListener::bind((address, 0)).unwrap();
            let at = listener.local_addr().unwrap();
            let shared = shared(Line::Tcp(None));
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
            let shared = shared(Line::Udp(socket, None));
            let theirs = Arc::clone(&shared);
            std::thread::spawn(move || {
                let mut buffer = vec![0; 65_536];
                while let Ok((length, from)) = reader.recv_from(&mut buffer) {
                    if let Line::Udp(_, phone) = &mut theirs.lock().unwrap().line {
                        *phone = Some(from);
                    }
                    if !take_in(&buffer[..length], &theirs, &send) {
                        break;
                    }
                }
            });
            (at, shared)
        };
        Self { at, tcp, shared, messages, seen: Vec::new(), next: 0, rtp }
    }

    pub fn at(&self) -> SocketAddr {
        self.at
    }

    pub fn account(&self) -> Value {
        json!({"id": USER, "server": self.at.ip().to_string(), "port": self.at.port(),
            "transport": if self.tcp { "tcp" } else { "udp" }, "domain": DOMAIN, "user": USER, "password": "pw"})
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

    /// A scripted one, and a phone that has registered there; `more` goes into its account.
    pub fn with_phone(more: Value) -> (Self, Console) {
        let peer = Self::scripted();
        let phone = peer.take(Console::start(&[]), more, drive::media());
        (peer, phone)
    }

    /// The same with a phone that runs already.
    pub fn take(&self, mut phone: Console, more: Value, media: Value) -> Console {
        let mut account = self.account();
        account.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        phone.ask(json!({"do": "configure", "accounts": [account], "media": media}));
        phone.wait("registered", |m| registration(m, "registered"));
        phone
    }

    pub fn on_register(&self, registrar: impl FnMut(&Message, usize) -> (String, String) + Send + 'static) {
        self.shared.lock().unwrap().registrar = Box::new(registrar);
    }

    pub fn registers(&self) -> usize {
        self.shared.lock().unwrap().registers
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

    /// The next request of this method.
    pub fn hear_request(&mut self, method: &str) -> Message {
        self.hear(method, |m| (m.method() == method).then(|| m.clone()))
    }

    /// An answer of the phone to our request of this method.
    pub fn hear_answer(&mut self, method: &str, code: u16) -> Message {
        self.hear(&format!("{code} to {method}"), |m| m.is_answer(method, "", code))
    }

    /// Whether such a request has come up to now (after something that must have come later).
    pub fn has_come(&mut self, method: &str) -> bool {
        self.seen.extend(self.messages.try_iter());
        self.seen.iter().any(|m| m.method() == method)
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
            let contact = message.header("Contact").to_owned();
            if let Some(uri) = message.contact() {
                shared.contact = uri;
            }
            let expires = message.header("Expires");
            // A test may name another.
            let named = if status.starts_with('2') && !contact.is_empty() && !more.contains("Contact:") {
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

/// One message, and whether there is anybody who wants the next.
fn take_in(bytes: &[u8], shared: &Mutex<Shared>, send: &Sender<Message>) -> bool {
    let Some(message) = Message::parse(bytes) else { return true };
    if settled(&message, shared) || !shared.lock().unwrap().heard.insert(bytes.to_vec()) {
        return true;
    }
    send.send(message).is_ok()
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
            if !take_in(&bytes, shared, send) {
                return;
            }
        }
    }
}
