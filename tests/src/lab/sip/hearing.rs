//! Whose voice is heard, and from when to when.
//!
//! A light phone does not speak: each of its packets carries its number where the sound would be. A PBX that bridges two
//! phones with the same codec hands the bytes on as they are, so whoever receives them knows whom the caller is connected with,
//! by the line itself and by nothing that the PBX reports. What the PBX plays or mixes carries no number.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::rtp::FRAME;

const BEGIN: &[u8] = b"linedesk:";
const END: u8 = b';';
/// Silence in A-law.
const PADDING: u8 = 0xd5;
/// Light phones send ten packets a second; who was not heard for so long was away.
const AWAY: Duration = Duration::from_millis(700);

/// Somebody was heard without a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// Mark of the speaker.
    pub whom: String,
    /// Arrival of the first packet.
    pub from: Instant,
    /// Arrival of the last one.
    pub to: Instant,
    /// How many there were.
    pub packets: u32,
}

/// All that was heard in a call, in order of the beginnings.
#[derive(Debug, Clone)]
pub struct Voices(Arc<watch::Sender<Vec<Hearing>>>);

impl Default for Voices {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Vec::new())))
    }
}

impl Voices {
    /// Up to now.
    pub fn all(&self) -> Vec<Hearing> {
        self.0.borrow().clone()
    }

    /// Waits until somebody is heard from now on; gives the moment.
    pub async fn hear(&self, whom: &str, deadline: Duration) -> Result<Instant> {
        let since = Instant::now();
        let mut voices = self.0.subscribe();
        let heard = voices.wait_for(|voices| voices.iter().any(|voice| voice.whom == whom && voice.to >= since));
        tokio::time::timeout(deadline, heard)
            .await
            .with_context(|| {
                let others: Vec<String> = self.all().into_iter().map(|voice| voice.whom).collect();
                format!("{whom} is not heard; before were {others:?}")
            })?
            .context("the call is over")?;
        Ok(Instant::now())
    }

    /// A packet of sound arrived.
    pub(super) fn arrived(&self, at: Instant, payload: &[u8]) {
        let Some(whom) = read(payload) else { return };
        self.0.send_modify(|voices| {
            let known = voices.iter_mut().rev().find(|voice| voice.whom == whom && at - voice.to < AWAY);
            match known {
                Some(voice) => (voice.to, voice.packets) = (at, voice.packets + 1),
                None => voices.push(Hearing { whom: whom.to_owned(), from: at, to: at, packets: 1 }),
            }
        });
    }
}

/// The payload of a packet that carries a mark.
pub(super) fn marked(mark: &str) -> Vec<u8> {
    let mut payload = [BEGIN, mark.as_bytes(), &[END]].concat();
    payload.resize(FRAME, PADDING);
    payload
}

fn read(payload: &[u8]) -> Option<&str> {
    let rest = payload.strip_prefix(BEGIN)?;
    let end = rest.iter().position(|byte| *byte == END)?;
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_parts_two_hearings_and_a_second_voice_does_not() {
        let (voices, begin) = (Voices::default(), Instant::now());
        for (ms, whom) in [(0, "1001"), (100, "1001"), (150, "+7"), (200, "1001"), (1_200, "1001")] {
            voices.arrived(begin + Duration::from_millis(ms), &marked(whom));
        }
        voices.arrived(begin, &[PADDING; FRAME]);
        let told: Vec<_> = voices.all().into_iter().map(|voice| (voice.whom, voice.packets)).collect();
        assert_eq!(told, [("1001".to_owned(), 3), ("+7".to_owned(), 1), ("1001".to_owned(), 1)]);
    }
}
