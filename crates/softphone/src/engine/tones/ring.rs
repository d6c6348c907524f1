//! Ringing: on all devices that were chosen, from the INVITE until the answer or the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use softphone_api::{DeviceChoice, RingTone};

use super::super::phone::Sounding;
use super::super::{Event, Loop};
use super::players::{Output, Purpose};
use crate::ring_tone::{self, Tone, WavError};

/// A file on a disk that sleeps, or that is gone with its server: the call rings with our own tone meanwhile.
const FILE_WITHIN: Duration = Duration::from_millis(400);
/// A device that did not open, or went away, is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
enum State {
    #[default]
    Silent,
    /// The tone is being read.
    Reading {
        since: Instant,
    },
    Rings(Tone),
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    state: State,
    /// Of the tone that was asked for last.
    number: u64,
    gain: f32,
    /// Devices that failed, why, and when they are tried again.
    failed: BTreeMap<String, (Instant, String)>,
    tone_problem: Option<String>,
    /// Where a call was not heard; another place may be better.
    silent_on: Option<Vec<Output>>,
}

impl Ring {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Silent => None,
            State::Reading { since } => Some(since + FILE_WITHIN),
            State::Rings(_) => self.failed.values().map(|(at, _)| *at).min(),
        }
    }
}

impl Loop {
    pub(super) fn settle_ring(&mut self, wanted: bool, now: Instant) {
        if !wanted {
            if !matches!(self.tones.ring.state, State::Silent) {
                self.tones.ring.state = State::Silent;
                self.stop_players(|purpose, _| purpose == Purpose::Ring);
                self.tones.ring.failed.clear();
            }
            if self.tones.ring.silent_on.as_ref().is_some_and(|silent| *silent != self.ring_outputs()) {
                self.tell_whether_it_rings();
            }
            return;
        }
        match self.tones.ring.state {
            State::Silent => {
                if self.sound.is_null() {
                    return;
                }
                self.read_tone(now);
            }
            State::Reading { since } if now >= since + FILE_WITHIN => {
                tracing::warn!("the ring tone's file is slow: ringing with the classic tone");
                self.tones.ring.state = State::Rings(ring_tone::classic());
            }
            State::Reading { .. } | State::Rings(_) => {}
        }
        self.ring_on_devices(now);
    }

    /// Built-in tones are there at once.
    fn read_tone(&mut self, now: Instant) {
        let tone = self.sound_settings().ring_tone.clone();
        self.tones.ring.number += 1;
        let number = self.tones.ring.number;
        self.tones.ring.state = State::Reading { since: now };
        if !matches!(tone, RingTone::File { .. }) {
            self.ring_tone_came(number, ring_tone::tone(&tone));
            return;
        }
        let events = self.events.clone();
        let read = std::thread::Builder::new().name("ring-tone".into()).spawn(move || {
            // When the engine has ended meanwhile nobody needs it.
            let _ = events.try_send(Event::RingTone { number, tone: ring_tone::tone(&tone) });
        });
        if let Err(e) = read {
            tracing::warn!("starting a thread for the ring tone: {e}");
            self.tones.ring.state = State::Rings(ring_tone::classic());
        }
    }

    pub(in super::super) fn ring_tone_came(&mut self, number: u64, tone: Result<Tone, WavError>) {
        if number != self.tones.ring.number || !matches!(self.tones.ring.state, State::Reading { .. }) {
            return;
        }
        let tone = match tone {
            Ok(tone) => {
                self.tones.ring.tone_problem = None;
                tone
            }
            Err(e) => {
                tracing::warn!("ringing with the classic tone: {e}");
                self.tones.ring.tone_problem = Some(e.to_string());
                ring_tone::classic()
            }
        };
        self.tones.ring.state = State::Rings(tone);
        self.tell_whether_it_rings();
    }

    fn ring_on_devices(&mut self, now: Instant) {
        if !matches!(self.tones.ring.state, State::Rings(_)) {
            return;
        }
        // Taken out for the while, because playing needs the rest.
        let State::Rings(tone) = std::mem::take(&mut self.tones.ring.state) else { return };
        self.tones.ring.failed.retain(|_, (at, _)| *at > now);
        let outputs = self.ring_outputs();
        self.stop_players(|purpose, device| purpose == Purpose::Ring && outputs.iter().all(|o| o.name != device));
        let gain = ring_tone::gain(self.sound_settings().ring_volume);
        if gain != self.tones.ring.gain {
            self.tones.ring.gain = gain;
            for (id, _) in self.tones.players.of(Purpose::Ring) {
                self.phone.set_player_gain(id, gain);
            }
        }
        for output in outputs {
            if self.tones.ring.failed.contains_key(&output.name)
                || self.tones.players.is_on(Purpose::Ring, &output.name)
            {
                continue;
            }
            let sounding = Sounding { samples: &tone.samples, pause: Some(tone.pause), gain };
            if !self.play_on(&output, Purpose::Ring, sounding) {
                self.does_not_ring_on(&output.name, "it could not be started");
            }
        }
        self.tones.ring.state = State::Rings(tone);
    }

    /// Those that were chosen; and what the system prefers, when none of them works.
    pub(super) fn ring_outputs(&self) -> Vec<Output> {
        let mut outputs: Vec<Output> = Vec::new();
        let add = |outputs: &mut Vec<Output>, choice: &DeviceChoice| {
            let found = self.output(choice).filter(|found| outputs.iter().all(|o| o.index != found.index));
            outputs.extend(found);
        };
        for choice in &self.sound_settings().ring {
            add(&mut outputs, choice);
        }
        if outputs.iter().all(|o| self.tones.ring.failed.contains_key(&o.name)) {
            add(&mut outputs, &DeviceChoice::System);
        }
        outputs
    }

    pub(super) fn rings_on(&mut self, device: &str) {
        self.tones.ring.failed.remove(device);
        self.tell_whether_it_rings();
    }

    pub(super) fn does_not_ring_on(&mut self, device: &str, why: &str) {
        self.tones.ring.failed.insert(device.to_owned(), (Instant::now() + TRY_AGAIN, why.to_owned()));
        self.tell_whether_it_rings();
    }

    /// What was chosen has changed.
    pub(in super::super) fn ring_anew(&mut self) {
        self.tones.ring.failed.clear();
        self.tones.ring.tone_problem = None;
        self.tell_whether_it_rings();
    }

    /// Nothing to be heard of a call is worse than a wrong tone, and that than nothing.
    fn tell_whether_it_rings(&mut self) {
        let failed = self.tones.ring.failed.iter().next().filter(|_| self.rings_nowhere());
        let problem = match failed {
            Some((device, (_, why))) => {
                format!("calls ring nowhere: {device}: {why}; choose another device for ringing")
            }
            None => self.tones.ring.tone_problem.clone().unwrap_or_default(),
        };
        self.tones.ring.silent_on = failed.is_some().then(|| self.ring_outputs());
        self.tell_ringing_problem(problem);
    }

    /// Whether a call rings on no device at all; it beeps in the ear then.
    pub(super) fn rings_nowhere(&self) -> bool {
        !self.tones.ring.failed.is_empty() && self.tones.players.of(Purpose::Ring).next().is_none()
    }
}
