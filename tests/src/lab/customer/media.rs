//! A customer's voice and ears: RTP (RFC 3550) with PCMA, keys by RFC 4733.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use std::sync::Arc;

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::lab::sound::{Speech, decode, encode};

/// Samples of a packet: 20 ms.
const FRAME: usize = 160;
const PCMA: u8 = 8;
const TELEPHONE_EVENT: u8 = 101;

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

/// What a customer heard.
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

#[derive(Debug)]
pub struct Media {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    speech: Option<Speech>,
    heard: Arc<Mutex<Heard>>,
    keys: Mutex<Option<mpsc::UnboundedSender<u8>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Media {
    pub async fn open(address: IpAddr, speech: Option<Speech>) -> Result<Self> {
        let socket = Arc::new(UdpSocket::bind((address, 0)).await?);
        let local = socket.local_addr()?;
        Ok(Self { socket, local, speech, heard: Arc::default(), keys: Mutex::default(), tasks: Mutex::default() })
    }

    /// Our SDP.
    pub fn description(&self) -> String {
        let (address, port) = (self.local.ip(), self.local.port());
        format!(
            "v=0\r\no=customer 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP {PCMA} {TELEPHONE_EVENT}\r\n\
             a=rtpmap:{PCMA} PCMA/8000\r\na=rtpmap:{TELEPHONE_EVENT} telephone-event/8000\r\na=fmtp:{TELEPHONE_EVENT} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        )
    }

    /// Speaks to and listens from `remote`; a later start replaces the address.
    pub fn start(&self, remote: SocketAddr) {
        self.stop();
        let (keys, key_receiver) = mpsc::unbounded_channel();
        *self.keys.lock().expect("no holder panics") = Some(keys);
        let samples = self.speech.as_ref().map(|speech| speech.samples().to_vec()).unwrap_or_default();
        let mut tasks = self.tasks.lock().expect("no holder panics");
        tasks.push(tokio::spawn(speak(self.socket.clone(), remote, samples, key_receiver)));
        tasks.push(tokio::spawn(listen(self.socket.clone(), self.heard.clone())));
    }

    pub fn stop(&self) {
        for task in self.tasks.lock().expect("no holder panics").drain(..) {
            task.abort();
        }
    }

    pub fn heard(&self) -> Heard {
        self.heard.lock().expect("no holder panics").clone()
    }

    pub async fn press(&self, digits: &str) -> Result<()> {
        let keys = self.keys.lock().expect("no holder panics").clone();
        let keys = keys.ok_or_else(|| anyhow::anyhow!("keys can be pressed only in a call"))?;
        for digit in digits.bytes() {
            keys.send(digit)?;
        }
        Ok(())
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.stop();
    }
}

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

async fn speak(socket: Arc<UdpSocket>, remote: SocketAddr, samples: Vec<i16>, mut keys: mpsc::UnboundedReceiver<u8>) {
    let mut tick = interval(Duration::from_millis(20));
    // What is late is sent at once: the far end's jitter buffer counts on the number of packets.
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let source = std::process::id() ^ u32::from(remote.port()) << 16;
    let (mut sequence, mut timestamp, mut position, mut first) = (1_u16, 0_u32, 0_usize, true);
    // A key is 5 packets of its state and 3 of its end.
    let mut key: Option<(u8, u16, u32)> = None;
    loop {
        tick.tick().await;
        if key.is_none() {
            let pressed = keys.try_recv().ok().and_then(|digit| KEYS.iter().position(|known| *known == digit));
            key = pressed.and_then(|code| u8::try_from(code).ok()).map(|code| (code, 0, timestamp));
        }
        let mut packet = Vec::with_capacity(12 + FRAME);
        let (kind, stamp) = match key {
            Some((_, step, began)) => (TELEPHONE_EVENT | if step == 0 { 0x80 } else { 0 }, began),
            None => (PCMA | if first { 0x80 } else { 0 }, timestamp),
        };
        packet.extend([0x80, kind]);
        packet.extend(sequence.to_be_bytes());
        packet.extend(stamp.to_be_bytes());
        packet.extend(source.to_be_bytes());
        match &mut key {
            Some((code, step, _)) => {
                let end = *step >= 5;
                packet.extend([*code, 10 | if end { 0x80 } else { 0 }]);
                packet.extend(((*step).min(5) * FRAME as u16 + FRAME as u16).to_be_bytes());
                *step += 1;
                if *step == 8 {
                    key = None;
                }
            }
            None => {
                for _ in 0..FRAME {
                    packet.push(encode(if samples.is_empty() { 0 } else { samples[position % samples.len()] }));
                    position += 1;
                }
            }
        }
        first = false;
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(FRAME as u32);
        // A PBX that was just killed refuses; the call's own signalling says so.
        let _ = socket.send_to(&packet, remote).await;
    }
}

async fn listen(socket: Arc<UdpSocket>, heard: Arc<Mutex<Heard>>) {
    let mut buffer = [0; 2048];
    let mut last_key = None;
    while let Ok((length, _)) = socket.recv_from(&mut buffer).await {
        let at = Instant::now();
        let packet = &buffer[..length];
        if length < 12 || packet[0] >> 6 != 2 {
            continue;
        }
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let stamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let source = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let mut heard = heard.lock().expect("no holder panics");
        match packet[1] & 0x7f {
            PCMA => {
                let samples = packet[12..].iter().map(|code| decode(*code)).collect();
                heard.packets.push(Packet { at, sequence, source, samples });
            }
            // All packets of a key carry the timestamp of its begin.
            TELEPHONE_EVENT if length >= 16 && last_key != Some(stamp) => {
                last_key = Some(stamp);
                heard.keys.extend(KEYS.get(usize::from(packet[12])).map(|key| char::from(*key)));
            }
            _ => {}
        }
    }
}
