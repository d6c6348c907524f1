//! What is measured while a call is talked: the stream once a second, levels ten times a second; and whether anybody is there.

use std::time::{Duration, Instant};

use softphone_api::{CallId, CallPhase, EndedBy, Reply};

use super::super::phone::Counters;
use super::super::{Done, Loop};
use super::{MEASURE_EVERY, is_dead};
use crate::warnings::{LEVELS_EVERY, Levels, Packets};

/// How long a probe waits for its answer.
const PROBE: Duration = Duration::from_secs(8);

fn packets_of(c: &Counters) -> Packets {
    let lost = c.rx_lost.saturating_add(c.rx_discarded);
    Packets { received: c.rx_packets, lost, sent: c.tx_packets, lost_there: c.tx_lost }
}

impl Loop {
    pub(in super::super) fn statistics(&mut self, id: CallId) -> Done {
        Ok(Reply::Statistics { quality: self.call(id)?.quality.clone() })
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
                call.course.levels(microphone, heard);
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
        let quality = Some(call.course.second(&counters));
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
