//! A bad network: a UDP relay that drops by the packet's index and delays by a seeded sequence, the same for whoever
//! listens behind it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// What becomes of the packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wire {
    /// Share that is lost, 0 to 1.
    pub loss: f64,
    /// Each packet is delayed by up to so much, evenly spread. As in a queue none overtakes another.
    pub jitter: Duration,
    /// Another seed, another pattern.
    pub seed: u64,
}

impl Wire {
    /// What happens to the packet with this index: lost, or delayed by so much.
    pub fn fate(&self, index: u64) -> Option<Duration> {
        let lost = unit(self.seed, index * 2) < self.loss;
        (!lost).then(|| self.jitter.mul_f64(unit(self.seed, index * 2 + 1)))
    }
}

/// Splitmix64 of seed and index: no state, so that the fate of a packet does not depend on those before it.
fn unit(seed: u64, index: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A relay in one direction.
#[derive(Debug)]
pub struct Relay {
    /// Where the talker sends.
    pub entry: SocketAddr,
    task: JoinHandle<()>,
}

/// The relay's side towards the phone, before it is known where that listens: its address stands in the offer.
#[derive(Debug)]
pub struct Exit {
    socket: UdpSocket,
    /// Bound, so that the phone's reports do not come back as errors.
    _reports: Option<UdpSocket>,
}

impl Exit {
    /// A free even port of this address.
    pub async fn open(address: IpAddr) -> Result<Self> {
        loop {
            let socket = UdpSocket::bind((address, 0)).await?;
            let port = socket.local_addr()?.port();
            if port % 2 == 0 {
                let reports = UdpSocket::bind((address, port + 1)).await.ok();
                return Ok(Self { socket, _reports: reports });
            }
        }
    }

    /// Its address.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

impl Relay {
    /// Relays RTP to `phone`; the first packet has index 0, by its sequence number.
    pub async fn start(exit: Exit, phone: SocketAddr, wire: Wire) -> Result<Self> {
        let entry = UdpSocket::bind((exit.address()?.ip(), 0)).await?;
        let address = entry.local_addr()?;
        let task = tokio::spawn(async move {
            let mut waiting: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
            let (mut packet, mut reply) = ([0; 2048], [0; 2048]);
            let mut first = None;
            loop {
                let due = waiting.front().map(|(at, _)| *at);
                tokio::select! {
                    biased;
                    () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                        if let Some((_, bytes)) = waiting.pop_front() {
                            let _ = exit.socket.send_to(&bytes, phone).await;
                        }
                    }
                    Ok(length) = entry.recv(&mut packet) => {
                        let now = Instant::now();
                        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
                        let index = u64::from(sequence.wrapping_sub(*first.get_or_insert(sequence)));
                        let Some(delay) = wire.fate(index) else { continue };
                        if delay.is_zero() && waiting.is_empty() {
                            let _ = exit.socket.send_to(&packet[..length], phone).await;
                            continue;
                        }
                        let at = waiting.back().map_or(now + delay, |(last, _)| (now + delay).max(*last));
                        waiting.push_back((at, packet[..length].to_vec()));
                    }
                    // What the phone says is not of interest here.
                    _ = exit.socket.recv(&mut reply) => {}
                }
            }
        });
        Ok(Self { entry: address, task })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_loses_what_it_is_told_to_and_the_same_again() {
        let wire = Wire { loss: 0.05, jitter: Duration::from_millis(30), seed: 3 };
        let fates: Vec<_> = (0..10_000).map(|index| wire.fate(index)).collect();
        let lost = fates.iter().filter(|fate| fate.is_none()).count();
        assert!((400..600).contains(&lost), "{lost}");
        let delays: Vec<Duration> = fates.iter().flatten().copied().collect();
        let mean = delays.iter().sum::<Duration>() / u32::try_from(delays.len()).unwrap();
        assert!(mean > Duration::from_millis(14) && mean < Duration::from_millis(16), "{mean:?}");
        assert!(delays.iter().all(|delay| *delay <= wire.jitter));
        assert_eq!(fates, (0..10_000).map(|index| wire.fate(index)).collect::<Vec<_>>());
        let other = Wire { seed: 4, ..wire };
        assert_ne!(fates[..100], (0..100).map(|index| other.fate(index)).collect::<Vec<_>>());
    }

    #[test]
    fn a_clean_wire_does_nothing() {
        let wire = Wire { loss: 0.0, jitter: Duration::ZERO, seed: 1 };
        assert!((0..1000).all(|index| wire.fate(index) == Some(Duration::ZERO)));
    }
}
