//! A user agent's voice and ears: RTP (RFC 3550) with PCMA, keys by RFC 4733.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::hearing::{Voices, marked};
use super::rtp::{FRAME, Header, Key, PCMA, TELEPHONE_EVENT, digit};
use super::token;
use crate::lab::sound::{Speech, decode, encode};

/// Between packets of sound.
const PACE: Duration = Duration::from_millis(20);
/// Between packets that only carry a mark: many phones at once must be light.
const LIGHT_PACE: Duration = Duration::from_millis(100);

/// What somebody says.
#[derive(Debug, Clone)]
pub enum Voice {
    /// Nothing, in fifty packets a second.
    Silence,
    /// This, over and over.
    Speech(Speech),
    /// Ten packets a second that carry this word; what is heard is only looked at for such words.
    Mark(String),
}

/// Which way sound flows, as we see it (RFC 8866, section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Both,
    /// We hold the other side.
    SendOnly,
    /// The other side holds us.
    ReceiveOnly,
    Neither,
}

impl Direction {
    /// The line of SDP.
    pub fn word(self) -> &'static str {
        match self {
            Self::Both => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Neither => "inactive",
        }
    }
}

/// A packet of sound, as it arrived.
#[derive(Debug, Clone)]
pub struct Packet {
    /// When.
    pub at: Instant,
    /// RTP sequence number.
    pub sequence: u16,
    /// Who sent it.
    pub source: u32,
    /// Its sound.
    pub samples: Vec<i16>,
}

/// What was heard.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// In the order of arrival.
    pub packets: Vec<Packet>,
    /// Keys the far end pressed, in order.
    pub keys: String,
}

impl Heard {
    /// The sound, one packet after the other.
    pub fn samples(&self) -> Vec<i16> {
        self.packets.iter().flat_map(|packet| packet.samples.iter().copied()).collect()
    }

    /// Only what arrived from `moment` on.
    pub fn from(&self, moment: Instant) -> Self {
        let packets = self.packets.iter().filter(|packet| packet.at >= moment).cloned().collect();
        Self { packets, keys: self.keys.clone() }
    }

    /// The longest time in which no packet came; 20 ms is perfect.
    pub fn longest_gap(&self) -> Duration {
        self.packets.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap_or(Duration::MAX)
    }
}

/// Where sound goes, and whether it goes now.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    remote: Option<SocketAddr>,
    muted: bool,
}

/// One call's sound, both ways.
#[derive(Debug)]
pub struct Media {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    voice: Voice,
    heard: Arc<Mutex<Heard>>,
    voices: Voices,
    line: watch::Sender<Line>,
    keys: mpsc::UnboundedSender<u8>,
    others: mpsc::UnboundedSender<Vec<u8>>,
    relay: Arc<Mutex<Option<mpsc::UnboundedSender<Vec<u8>>>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Held by the task that speaks; after a stop the next one takes it.
    mouth: Arc<AsyncMutex<Mouth>>,
}

#[derive(Debug)]
struct Mouth {
    keys: mpsc::UnboundedReceiver<u8>,
    others: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Media {
    /// On a free port of an address. Nothing flows before [`Media::start`].
    pub async fn open(address: IpAddr, voice: Voice) -> Result<Self> {
        let socket = Arc::new(UdpSocket::bind((address, 0)).await?);
        let local = socket.local_addr()?;
        let (keys, key_receiver) = mpsc::unbounded_channel();
        let (others, other_receiver) = mpsc::unbounded_channel();
        Ok(Self {
            socket,
            local,
            voice,
            heard: Arc::default(),
            voices: Voices::default(),
            line: watch::Sender::default(),
            keys,
            others,
            relay: Arc::default(),
            tasks: Mutex::default(),
            mouth: Arc::new(AsyncMutex::new(Mouth { keys: key_receiver, others: other_receiver })),
        })
    }

    /// Our SDP; a later one of the same call has a higher version.
    pub fn description(&self, version: u32, direction: Direction) -> String {
        let (address, port, direction) = (self.local.ip(), self.local.port(), direction.word());
        format!(
            "v=0\r\no=lab 1 {version} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP {PCMA} {TELEPHONE_EVENT}\r\n\
             a=rtpmap:{PCMA} PCMA/8000\r\na=rtpmap:{TELEPHONE_EVENT} telephone-event/8000\r\na=fmtp:{TELEPHONE_EVENT} 0-15\r\na=ptime:20\r\na={direction}\r\n"
        )
    }

    /// Speaks to and listens from `remote`; a later start replaces the address.
    pub fn start(&self, remote: SocketAddr) {
        self.line.send_modify(|line| line.remote = Some(remote));
        let mut tasks = self.tasks.lock().expect("no holder panics");
        if !tasks.is_empty() {
            return;
        }
        let (socket, line, voice, mouth) =
            (self.socket.clone(), self.line.subscribe(), self.voice.clone(), self.mouth.clone());
        tasks.push(tokio::spawn(speak(socket, line, voice, mouth)));
        let light = matches!(self.voice, Voice::Mark(_));
        let ears = Ears { heard: self.heard.clone(), voices: self.voices.clone(), relay: self.relay.clone(), light };
        tasks.push(tokio::spawn(listen(self.socket.clone(), ears)));
    }

    /// Says nothing while muted, as a phone that holds the other side.
    pub fn mute(&self, muted: bool) {
        self.line.send_modify(|line| line.muted = muted);
    }

    /// The call is over.
    pub fn stop(&self) {
        for task in self.tasks.lock().expect("no holder panics").drain(..) {
            task.abort();
        }
    }

    /// Everything up to now. Light ears keep no sound.
    pub fn heard(&self) -> Heard {
        self.heard.lock().expect("no holder panics").clone()
    }

    /// Whose marks were heard.
    pub fn voices(&self) -> &Voices {
        &self.voices
    }

    /// Presses keys, one after the other.
    pub async fn press(&self, digits: &str) -> Result<()> {
        self.line.borrow().remote.context("keys can be pressed only in a call")?;
        for digit in digits.bytes() {
            self.keys.send(digit)?;
        }
        Ok(())
    }

    /// What is heard here is said there too, from now on, as a phone does that joins two of its calls.
    pub fn relay_to(&self, other: &Self) {
        *self.relay.lock().expect("no holder panics") = Some(other.others.clone());
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn speak(socket: Arc<UdpSocket>, line: watch::Receiver<Line>, voice: Voice, mouth: Arc<AsyncMutex<Mouth>>) {
    let mut mouth = mouth.lock().await;
    let pace = if matches!(voice, Voice::Mark(_)) { LIGHT_PACE } else { PACE };
    let source = source();
    let (mut sequence, mut timestamp, mut position, mut first) = (1_u16, 0_u32, 0_usize, true);
    let mut key: Option<Key> = None;
    let mut next = tokio::time::Instant::now();
    loop {
        let said = tokio::select! {
            () = sleep_until(next) => None,
            Some(other) = mouth.others.recv() => Some(other),
        };
        let line = *line.borrow();
        let mut send = async |marker, kind, timestamp, payload: &[u8]| {
            let header = Header { marker, kind, sequence, timestamp, source };
            sequence = sequence.wrapping_add(1);
            let packet = [&header.bytes()[..], payload].concat();
            if let Some(remote) = line.remote {
                // A PBX that was just killed refuses; the call's own signalling says so.
                let _ = socket.send_to(&packet, remote).await;
            }
        };
        if let Some(said) = said {
            send(false, PCMA, timestamp, &said).await;
            continue;
        }
        if key.is_none() {
            key = mouth.keys.try_recv().ok().and_then(|digit| Key::new(digit, timestamp));
        }
        let step = match &mut key {
            Some(pressed) => {
                let (payload, begins, last) = pressed.next();
                send(begins, TELEPHONE_EVENT, pressed.began, &payload).await;
                if last {
                    key = None;
                    // A finger needs a moment until the next key.
                    PACE * 4
                } else {
                    PACE
                }
            }
            None if line.muted => pace,
            None => {
                let payload = match &voice {
                    Voice::Mark(mark) => marked(mark),
                    Voice::Silence => vec![encode(0); FRAME],
                    Voice::Speech(speech) => {
                        let samples = speech.samples().iter().cycle().skip(position % speech.samples().len().max(1));
                        position += FRAME;
                        samples.take(FRAME).map(|sample| encode(*sample)).collect()
                    }
                };
                send(first, PCMA, timestamp, &payload).await;
                first = false;
                pace
            }
        };
        timestamp = timestamp.wrapping_add(FRAME as u32 * (step.as_millis() / PACE.as_millis()) as u32);
        // What is late is sent at once: the far end's jitter buffer counts on the number of packets.
        next += step;
    }
}

/// A number of this stream's own.
fn source() -> u32 {
    let word = token();
    word.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

struct Ears {
    heard: Arc<Mutex<Heard>>,
    voices: Voices,
    relay: Arc<Mutex<Option<mpsc::UnboundedSender<Vec<u8>>>>>,
    light: bool,
}

async fn listen(socket: Arc<UdpSocket>, ears: Ears) {
    let mut buffer = [0; 2048];
    let mut last_key = None;
    while let Ok((length, _)) = socket.recv_from(&mut buffer).await {
        let at = Instant::now();
        let Some((header, payload)) = Header::read(&buffer[..length]) else { continue };
        match header.kind {
            PCMA => {
                if ears.light {
                    ears.voices.arrived(at, payload);
                } else {
                    let samples = payload.iter().map(|code| decode(*code)).collect();
                    let packet = Packet { at, sequence: header.sequence, source: header.source, samples };
                    ears.heard.lock().expect("no holder panics").packets.push(packet);
                }
                if let Some(other) = ears.relay.lock().expect("no holder panics").as_ref() {
                    let _ = other.send(payload.to_vec());
                }
            }
            // All packets of a key carry the timestamp of its begin.
            TELEPHONE_EVENT if last_key != Some(header.timestamp) => {
                last_key = Some(header.timestamp);
                ears.heard.lock().expect("no holder panics").keys.extend(digit(payload));
            }
            _ => {}
        }
    }
}
