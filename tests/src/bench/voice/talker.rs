//! Speech as packets, and who sends them.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::lab::Speech;
use crate::lab::sound::{encode, read_raw};

/// A codec of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceCodec {
    /// G.711 A-law.
    Pcma,
    /// Opus with in-band FEC.
    Opus,
}

impl VoiceCodec {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Opus => "Opus",
        }
    }

    fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Opus => 96,
        }
    }

    /// Clock of RTP for 20 ms.
    fn step(self) -> u32 {
        match self {
            Self::Pcma => 160,
            Self::Opus => 960,
        }
    }

    /// An offer of this codec alone.
    pub fn offer(self, media: SocketAddr) -> String {
        let kind = self.payload_type();
        let format = match self {
            Self::Pcma => "a=rtpmap:8 PCMA/8000\r\n".to_owned(),
            Self::Opus => format!("a=rtpmap:{kind} opus/48000/2\r\na=fmtp:{kind} useinbandfec=1;minptime=20\r\n"),
        };
        let (address, port) = (media.ip(), media.port());
        format!(
            "v=0\r\no=line 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP {kind} 101\r\n\
             {format}a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        )
    }

    /// The payloads of a piece of speech (20 ms each).
    pub fn payloads(self, directory: &Path, piece: usize) -> Result<Vec<Vec<u8>>> {
        match self {
            Self::Pcma => {
                let samples = read_raw(&directory.join(format!("{piece}.8k.raw")))?;
                let frames = samples.chunks_exact(160);
                Ok(frames.map(|frame| frame.iter().map(|sample| encode(*sample)).collect()).collect())
            }
            Self::Opus => ogg_packets(&std::fs::read(directory.join(format!("{piece}.opus")))?),
        }
    }
}

/// Sends one packet each 20 ms to `to`; gives the moment at which the first went.
pub async fn talk(
    codec: VoiceCodec,
    payloads: &[Vec<u8>],
    from: SocketAddr,
    to: SocketAddr,
) -> Result<std::time::Instant> {
    let socket = UdpSocket::bind((from.ip(), 0)).await?;
    let start = Instant::now();
    for (index, payload) in payloads.iter().enumerate() {
        let number = u32::try_from(index)?;
        sleep_until(start + Duration::from_millis(20) * number).await;
        let packet = rtp(codec, number, 0x1234_5678, payload);
        socket.send_to(&packet, to).await?;
    }
    Ok(start.into_std())
}

/// Speaks without an end, and listens: the far end of a call whose sound is not judged.
#[derive(Debug)]
pub struct Talker {
    socket: Arc<UdpSocket>,
    codec: VoiceCodec,
    heard: watch::Receiver<(u32, Option<std::time::Instant>)>,
    tasks: Vec<JoinHandle<()>>,
}

impl Talker {
    /// A free port of this address.
    pub async fn open(address: IpAddr, codec: VoiceCodec) -> Result<Self> {
        let socket = Arc::new(UdpSocket::bind((address, 0)).await?);
        let (sender, heard) = watch::channel((0, None));
        let ears = socket.clone();
        let listening = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok(length) = ears.recv(&mut buffer).await {
                if length > 12 && buffer[0] >> 6 == 2 && buffer[1] & 0x7f == codec.payload_type() {
                    sender.send_modify(|(count, first)| {
                        *count += 1;
                        first.get_or_insert_with(std::time::Instant::now);
                    });
                }
            }
        });
        Ok(Self { socket, codec, heard, tasks: vec![listening] })
    }

    /// Its address.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Speaks to `remote` from now on: speech for G.711, its silence for Opus.
    pub fn start(mut self, remote: SocketAddr) -> Self {
        let (socket, codec) = (self.socket.clone(), self.codec);
        self.tasks.push(tokio::spawn(async move {
            let speech = Speech::new(21, Duration::from_secs(5));
            let frames: Vec<Vec<u8>> = match codec {
                VoiceCodec::Pcma => {
                    let frames = speech.samples().chunks_exact(160);
                    frames.map(|frame| frame.iter().map(|sample| encode(*sample)).collect()).collect()
                }
                // A mono frame of 20 ms without content (RFC 6716, 3.1).
                VoiceCodec::Opus => vec![vec![0xf8, 0xff, 0xfe]],
            };
            let source = u32::from(remote.port()) << 8;
            let start = Instant::now();
            for (number, frame) in (0_u32..).zip(frames.iter().cycle()) {
                sleep_until(start + Duration::from_millis(20) * number).await;
                let packet = rtp(codec, number, source, frame);
                let _ = socket.send_to(&packet, remote).await;
            }
        }));
        self
    }

    /// Packets heard up to now.
    pub fn heard(&self) -> u32 {
        self.heard.borrow().0
    }

    /// When the first packet came.
    pub async fn first(&self) -> Result<std::time::Instant> {
        let mut heard = self.heard.clone();
        let come = heard.wait_for(|(_, first)| first.is_some());
        let come = tokio::time::timeout(crate::lab::SHORT, come).await.context("no sound comes")??;
        come.1.context("it has come")
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn rtp(codec: VoiceCodec, number: u32, source: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, codec.payload_type() | if number == 0 { 0x80 } else { 0 }];
    // The lower half, as a sequence number wraps.
    packet.extend(((number + 1000) as u16).to_be_bytes());
    packet.extend((number.wrapping_mul(codec.step())).wrapping_add(5000).to_be_bytes());
    packet.extend(source.to_be_bytes());
    packet.extend(payload);
    packet
}

/// The packets of an Ogg stream (RFC 3533), without the two headers of Opus (RFC 7845).
fn ogg_packets(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let (mut packets, mut open, mut rest) = (Vec::new(), Vec::new(), bytes);
    while !rest.is_empty() {
        ensure!(rest.len() >= 27 && rest.starts_with(b"OggS"), "not an Ogg page");
        let segments = usize::from(rest[26]);
        let lacing = rest.get(27..27 + segments).context("a page without its segments")?;
        let mut body = &rest[27 + segments..];
        for length in lacing {
            let (segment, after) = body.split_at_checked(usize::from(*length)).context("a page that is cut off")?;
            open.extend_from_slice(segment);
            body = after;
            // A segment of 255 goes on in the next.
            if *length < 255 {
                packets.push(std::mem::take(&mut open));
            }
        }
        rest = body;
    }
    ensure!(packets.len() > 2 && packets[0].starts_with(b"OpusHead"), "not an Opus file");
    packets.drain(..2);
    Ok(packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_ogg_may_span_pages() {
        let page = |lacing: &[u8], body: &[u8]| {
            let mut page = b"OggS".to_vec();
            page.extend([0; 22]);
            page.push(lacing.len() as u8);
            page.extend(lacing);
            page.extend(body);
            page
        };
        let mut file = page(&[8], b"OpusHead");
        file.extend(page(&[4], b"tags"));
        file.extend(page(&[3, 255], &[&[1; 3][..], &[2; 255]].concat()));
        file.extend(page(&[5], &[2; 5]));
        assert_eq!(ogg_packets(&file).unwrap(), [vec![1; 3], vec![2; 260]]);
        assert!(ogg_packets(&file[..file.len() - 1]).is_err());
    }
}
