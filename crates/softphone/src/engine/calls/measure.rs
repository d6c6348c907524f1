//! What is measured while a call is talked: the stream once a second, levels ten times a second; and whether anybody is there.

use std::time::{Duration, Instant};

use softphone_api::{CallId, CallPhase, EndedBy, Quality, Reply};

use super::super::phone::Counters;
use super::super::{Done, Loop};
use super::{MEASURE_EVERY, is_dead};
use crate::mos;
use crate::warnings::{LEVELS_EVERY, Levels, Packets};

/// How long a probe waits for its answer.
const PROBE: Duration = Duration::from_secs(8);

fn percent(lost: u32, all: u32) -> f32 {
    if lost == 0 { 0.0 } else { (f64::from(lost) * 100.0 / (f64::from(all) + f64::from(lost))) as f32 }
}

/// What a person is shown, out of pjmedia's counters. What the jitter buffer throws away is as lost as what never came.
fn quality_of(c: &Counters) -> Quality {
    let rx_loss_percent = percent(c.rx_lost.saturating_add(c.rx_discarded), c.rx_packets);
    let rtt_ms = (c.rtt_us > 0).then_some(c.rtt_us as f32 / 1_000.0);
    // 20 ms of packetisation and the jitter buffer come on top of the network's half.
    let one_way = rtt_ms.unwrap_or(0.0) / 2.0 + 20.0 + c.buffer_delay_ms as f32;
    Quality {
        codec: c.codec.clone(),
        clock_rate: c.clock_rate,
        rx_packets: c.rx_packets.into(),
        tx_packets: c.tx_packets.into(),
        rx_loss_percent,
        rx_discard_percent: Some(percent(c.rx_discarded, c.rx_packets.saturating_add(c.rx_lost))),
        buffer_delay_ms: Some(c.buffer_delay_ms as f32),
        tx_loss_percent: percent(c.tx_lost, c.tx_packets.saturating_sub(c.tx_lost)),
        rx_jitter_ms: c.rx_jitter_us as f32 / 1_000.0,
        rtt_ms,
        mos: mos::mos(mos::r_factor(mos::robustness(&c.codec), rx_loss_percent, one_way)),
    }
}

fn packets_of(c: &Counters) -> Packets {
    let lost = c.rx_lost.saturating_add(c.rx_discarded);
    Packets { received: c.rx_packets, lost, sent: c.tx_packets, lost_there: c.tx_lost }
}

impl Loop {
    pub(in super::super) fn statistics(&mut self, id: CallId) -> Done {
        self.call(id)?;
        Ok(Reply::Statistics { quality: self.phone.counters(id).as_ref().map(quality_of) })
    }

    pub(in super::super) fn call_probe(&mut self, id: CallId, code: u16) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.probe_until.take().is_none() {
            return;
        }
        if is_dead(code) {
            self.lose(id);
        } else {
            // Silence, but somebody is there: a menu that waits, a held queue without music.
            call.received_at = Instant::now();
        }
    }

    pub(super) fn lose(&mut self, id: CallId) {
        tracing::warn!(call = id.0, "no sound and no answer: ending call {}", id.0);
        let _ = self.finish(id, EndedBy::Loss, 0);
    }

    pub(super) fn look_at_levels(&mut self, id: CallId, now: Instant) {
        let hears_us = self.sound.hears_us();
        let levels = self.phone.levels(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.level_at = Some(now + LEVELS_EVERY);
        match levels {
            Some((microphone, heard)) if call.phase() == CallPhase::Talking && !call.want_hold => {
                let microphone = hears_us.then_some(microphone);
                call.watch.levels(now, Levels { microphone, heard }, call.muted);
            }
            _ => call.watch.rest(),
        }
        let warnings = call.watch.warnings();
        if warnings != call.warnings {
            tracing::info!(call = id.0, ?warnings, "what is wrong with the sound has changed");
            call.warnings = warnings;
            self.emit_call(id);
        }
    }

    pub(super) fn measure(&mut self, id: CallId, now: Instant) {
        let counters = self.phone.counters(id);
        let timeout = self.media_timeout;
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.measure_at = Some(now + MEASURE_EVERY);
        let Some(counters) = counters else { return };
        call.encrypted = counters.encrypted;
        if call.phase() == CallPhase::Talking && !call.want_hold {
            call.watch.packets(now, packets_of(&counters));
        }
        if counters.rx_packets != call.received || call.phase() != CallPhase::Talking {
            call.received = counters.rx_packets;
            call.received_at = now;
        }
        let silent = timeout.is_some_and(|t| now.saturating_duration_since(call.received_at) >= t);
        let probe = silent && call.probe_until.is_none();
        let quality = Some(quality_of(&counters));
        let tell = call.phase() == CallPhase::Talking && quality != call.quality;
        call.quality = quality;
        if probe {
            call.probe_until = Some(now + PROBE);
            if let Err(e) = self.phone.probe(id) {
                tracing::debug!(call = id.0, "probing a silent call: {e}");
            }
        }
        if tell {
            self.emit_call(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters() -> Counters {
        Counters {
            encrypted: false,
            codec: "PCMA".into(),
            clock_rate: 8000,
            rx_packets: 95,
            tx_packets: 100,
            rx_lost: 4,
            rx_discarded: 1,
            tx_lost: 0,
            rx_jitter_us: 1500,
            rtt_us: 0,
            buffer_delay_ms: 40,
        }
    }

    #[test]
    fn shares() {
        let q = quality_of(&counters());
        assert!((q.rx_loss_percent - 5.0).abs() < 0.01);
        assert_eq!(q.tx_loss_percent, 0.0);
        assert_eq!(q.rtt_ms, None);
        assert_eq!(q.rx_jitter_ms, 1.5);
        assert!(q.mos > 3.7 && q.mos < 4.1, "{}", q.mos);
        assert_eq!(percent(0, 0), 0.0);
    }
}
