//! A sound that codecs treat like speech and that is like no other.

use std::f64::consts::TAU;
use std::time::Duration;

use super::RATE;

/// Speech of a voice that exists only here. The same seed gives the same samples, another seed gives sound that does not
/// correlate with it. It never pauses, so each silence in what was heard is a gap on the way.
#[derive(Debug, Clone)]
pub struct Speech {
    samples: Vec<i16>,
}

/// Length of a syllable: pitch and formants change with each.
const SYLLABLE: usize = RATE as usize / 5;
const HARMONICS: usize = 14;

impl Speech {
    /// A voice by its seed.
    pub fn new(seed: u64, length: Duration) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let count = (length.as_secs_f64() * f64::from(RATE)) as usize;
        let mut samples = Vec::with_capacity(count);
        let mut phase = 0.0;
        let (mut pitch, mut weights) = (150.0, [0.0; HARMONICS]);
        let (mut next_pitch, mut next_weights) = syllable(&mut random);
        for index in 0..count {
            let within = index % SYLLABLE;
            if within == 0 {
                (pitch, weights) = (next_pitch, next_weights);
                (next_pitch, next_weights) = syllable(&mut random);
            }
            let share = within as f64 / SYLLABLE as f64;
            phase += (pitch + (next_pitch - pitch) * share) / f64::from(RATE);
            let voice: f64 = (0..HARMONICS)
                .map(|harmonic| {
                    let weight = weights[harmonic] + (next_weights[harmonic] - weights[harmonic]) * share;
                    weight * (TAU * phase * (harmonic + 1) as f64).sin()
                })
                .sum();
            // The loudness of a syllable rises and falls, but never to nothing.
            let loudness = 0.45 + 0.55 * (std::f64::consts::PI * share).sin();
            let breath = (random.unit() - 0.5) * 0.08;
            samples.push(((voice * loudness + breath) * 7_000.0).clamp(-30_000.0, 30_000.0) as i16);
        }
        Self { samples }
    }

    /// A steady tone: a whistle.
    pub fn tone(hz: f64, length: Duration) -> Self {
        let count = (length.as_secs_f64() * f64::from(RATE)) as usize;
        let sample = |index: usize| (TAU * hz * index as f64 / f64::from(RATE)).sin() * 10_000.0;
        Self { samples: (0..count).map(|index| sample(index) as i16).collect() }
    }

    /// Sound of one's own.
    pub fn from_samples(samples: Vec<i16>) -> Self {
        Self { samples }
    }

    /// Its samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }
}

fn syllable(random: &mut Random) -> (f64, [f64; HARMONICS]) {
    let pitch = 110.0 + 110.0 * random.unit();
    let formant = 1.0 + random.unit() * 9.0;
    let mut weights = std::array::from_fn(|harmonic| {
        let distance = (harmonic as f64 - formant) / 2.5;
        0.15 * random.unit() + (-distance * distance).exp() * (random.unit() - 0.5).signum()
    });
    let power: f64 = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    weights.iter_mut().for_each(|weight| *weight /= power);
    (pitch, weights)
}

/// xorshift64*: enough for sound, and the same everywhere.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
