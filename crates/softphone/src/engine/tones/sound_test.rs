//! Tests for people: does the microphone hear me, do I hear this device, does it ring, how do I sound.
//!
//! An incoming call ends them, and so does a shell that goes away: the microphone is never held for nobody.

use std::time::{Duration, Instant};

use softphone_api::{CommandErrorCode, Event, Reply, SoundTest, TestStep};

use super::super::calls::Audible;
use super::super::phone::Sounding;
use super::super::sound::TestShown;
use super::super::{Done, Loop, refuse};
use super::players::{Output, Purpose};
use super::settings::ring_tone_now;
use crate::ring_tone::{self, RATE};

const LEVEL_EVERY: Duration = Duration::from_millis(100);
const RECORDED: Duration = Duration::from_secs(5);
/// A device takes its time to open, and then has to be given up.
const OPENS_WITHIN: Duration = Duration::from_secs(3);
/// Nobody wants to hear a minute of music as a test.
const RINGS_AT_MOST: Duration = Duration::from_secs(5);
const TONE_HZ: f32 = 440.0;
const TONE_MS: u32 = 1_500;
/// −20 dB below full scale, about as loud as a voice.
const TONE_GAIN: f32 = 0.1;
/// The scale of levels begins so far below full scale: the noise of a quiet room.
const SCALE_DB: f32 = 60.0;

#[derive(Debug)]
pub(super) struct Test {
    test: SoundTest,
    step: TestStep,
    /// When this step is over; of a recording, when it is given up if nothing came.
    until: Option<Instant>,
    level_at: Option<Instant>,
}

impl Test {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until.into_iter().chain(self.level_at).min()
    }

    pub(super) fn listens(&self) -> bool {
        self.level_at.is_some()
    }
}

/// Per cent of the scale, for a loudest sample.
fn level(peak: u16) -> u8 {
    let db = 20.0 * (f32::from(peak.max(1)) / 32_768.0).log10();
    (((db + SCALE_DB) / SCALE_DB).clamp(0.0, 1.0) * 100.0).round() as u8
}

fn lasts(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(RATE))
}

fn samples_in(time: Duration) -> usize {
    (time.as_secs_f64() * f64::from(RATE)) as usize
}

impl Loop {
    pub(in super::super) fn start_test(&mut self, test: SoundTest) -> Done {
        if self.sound.is_null() {
            return Err(refuse(CommandErrorCode::Engine, "sound cannot be tested: started with --null-audio"));
        }
        if !self.calls.is_empty() && test != SoundTest::Level {
            let message = "sound cannot be tested in a call, but for the microphone's level: end the call first";
            return Err(refuse(CommandErrorCode::WrongPhase, message));
        }
        self.end_test();
        let now = Instant::now();
        let (step, until) = match &test {
            SoundTest::Level => {
                self.begin_to_listen(0)?;
                (TestStep::Listening, None)
            }
            SoundTest::RecordAndPlay => {
                self.begin_to_listen(samples_in(RECORDED))?;
                (TestStep::Recording, Some(now + RECORDED))
            }
            SoundTest::Tone { device } => {
                let output = self.output_named(device.as_deref())?;
                let samples = ring_tone::beeps(TONE_HZ, TONE_MS, 0, 1);
                self.play_test(&output, &samples, TONE_GAIN * self.output_volume(&output.name))?;
                (TestStep::Playing, Some(now + lasts(samples.len())))
            }
            SoundTest::Ring => (TestStep::Playing, Some(now + self.ring_once()?)),
        };
        let listens = matches!(step, TestStep::Listening | TestStep::Recording);
        self.tones.test = Some(Test { test, step, until, level_at: listens.then(|| now + LEVEL_EVERY) });
        self.tell_test();
        Ok(Reply::Done)
    }

    pub(in super::super) fn stop_test(&mut self) -> Done {
        self.end_test();
        self.tell_test();
        Ok(Reply::Done)
    }

    pub(super) fn settle_test(&mut self, now: Instant) {
        let Some(test) = &self.tones.test else { return };
        let is_level = test.test == SoundTest::Level;
        let rings = self.calls.values().any(|c| c.audible() == Audible::Ringing);
        if !self.attached || rings || (!is_level && !self.calls.is_empty()) {
            self.end_test();
            self.tell_test();
            return;
        }
        if test.level_at.is_some_and(|at| at <= now) {
            self.tell_level(now);
        }
        if self.tones.test.as_ref().is_some_and(|test| test.until.is_some_and(|at| at <= now)) {
            self.step_over(now);
        }
    }

    /// A step has taken its time.
    fn step_over(&mut self, now: Instant) {
        let Some(test) = &mut self.tones.test else { return };
        if test.step != TestStep::Recording {
            // What still sounds goes on to its last sample by itself.
            self.tones.test = None;
            self.tell_test();
            return;
        }
        let samples = self.phone.recorded(samples_in(RECORDED));
        let late = test.until.is_some_and(|until| now >= until + OPENS_WITHIN);
        if samples.len() < samples_in(RECORDED) && !late {
            // The device began later than we: it is asked again with the next level.
            test.until = test.until.map(|until| until.max(now + LEVEL_EVERY));
            return;
        }
        self.stop_listening();
        let output = self.output(&self.playback_choice());
        let gain = output.as_ref().map_or(1.0, |o| self.output_volume(&o.name));
        match output.filter(|_| !samples.is_empty()).map(|output| self.play_test(&output, &samples, gain)) {
            Some(Ok(())) => {
                if let Some(test) = &mut self.tones.test {
                    (test.step, test.level_at) = (TestStep::Playing, None);
                    test.until = Some(now + lasts(samples.len()));
                }
            }
            _ => {
                tracing::warn!(recorded = samples.len(), "what was recorded cannot be played");
                self.tones.test = None;
            }
        }
        self.tell_test();
    }

    fn tell_level(&mut self, now: Instant) {
        if let Some(test) = &mut self.tones.test {
            test.level_at = Some(now + LEVEL_EVERY);
        }
        let microphone = self.phone.microphone_peak().map_or(0, level);
        self.emit(Event::Level { microphone });
    }

    fn begin_to_listen(&mut self, record: usize) -> Result<(), softphone_api::CommandError> {
        self.sound.wanted_by_test = true;
        self.settle_sound();
        let problem = self.sound.state().problem;
        if !self.sound.hears_us() && !problem.is_empty() {
            self.sound.wanted_by_test = false;
            self.settle_sound();
            return Err(refuse(CommandErrorCode::Engine, format!("the microphone cannot be tested: {problem}")));
        }
        self.phone.listen(u32::try_from(record).unwrap_or(0))?;
        Ok(())
    }

    fn stop_listening(&mut self) {
        self.phone.listen_no_more();
        self.sound.wanted_by_test = false;
        self.settle_sound();
    }

    fn end_test(&mut self) {
        let Some(test) = self.tones.test.take() else { return };
        self.stop_players(|purpose, _| purpose == Purpose::Test);
        if test.listens() {
            self.stop_listening();
        }
    }

    pub(super) fn test_failed(&mut self, device: &str, why: &str) {
        if self.tones.players.of(Purpose::Test).next().is_none() && self.tones.test.is_some() {
            tracing::warn!(device, "the test of sound is over: {why}");
            self.end_test();
            self.tell_test();
            self.tell_ringing_problem(format!("the test was not heard: {device}: {why}; choose another device"));
        }
    }

    fn output_named(&self, name: Option<&str>) -> Result<Output, softphone_api::CommandError> {
        let choice = name.map_or_else(
            || self.playback_choice(),
            |name| softphone_api::DeviceChoice::Device { name: name.to_owned() },
        );
        let found = self.output(&choice).filter(|output| name.is_none_or(|name| output.name == name));
        found.ok_or_else(|| {
            let what = name.map_or_else(String::new, |name| format!(" {name:?}"));
            refuse(
                CommandErrorCode::BadArgument,
                format!("there is no device{what} that plays: connect it, or choose another"),
            )
        })
    }

    fn play_test(&mut self, output: &Output, samples: &[i16], gain: f32) -> Result<(), softphone_api::CommandError> {
        if self.play_on(output, Purpose::Test, Sounding { samples, pause: None, gain }) {
            return Ok(());
        }
        Err(refuse(CommandErrorCode::Engine, format!("{} does not play: choose another device", output.name)))
    }

    /// One round of the ring tone, on every device that would ring; returns how long.
    fn ring_once(&mut self) -> Result<Duration, softphone_api::CommandError> {
        let settings = self.sound_settings();
        let gain = ring_tone::gain(settings.ring_volume);
        let mut samples = ring_tone_now(&settings.ring_tone)?.samples;
        samples.truncate(samples_in(RINGS_AT_MOST));
        let outputs = self.ring_outputs();
        if outputs.is_empty() {
            return Err(refuse(
                CommandErrorCode::Engine,
                "there is no device that rings: connect one, or choose another",
            ));
        }
        for output in outputs {
            self.play_test(&output, &samples, gain)?;
        }
        Ok(lasts(samples.len()))
    }

    fn tell_test(&mut self) {
        let shown = self.tones.test.as_ref().map(|t| TestShown { test: t.test.clone(), step: t.step, until: t.until });
        self.show_test(shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_decibels() {
        for (peak, percent) in [(0, 0), (1, 0), (33, 0), (328, 33), (3_277, 67), (16_384, 90), (32_768, 100)] {
            assert!(level(peak).abs_diff(percent) <= 1, "{peak}: {}", level(peak));
        }
    }
}
