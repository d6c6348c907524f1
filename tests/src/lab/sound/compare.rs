//! Whether this sound is that sound.

use std::sync::Arc;
use std::time::Duration;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::{RATE, Speech, duration};

/// Where one sound is found in another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// 1: the same but for loudness; 0: nothing in common.
    pub score: f64,
    /// Sample of the longer sound at which the shorter begins.
    pub lag: usize,
}

impl Match {
    /// The lag as time.
    pub fn delay(&self) -> Duration {
        duration(self.lag)
    }
}

/// The best place of `needle` in `haystack` (which is not shorter), by normalised cross-correlation.
pub fn correlate(needle: &[i16], haystack: &[i16]) -> Match {
    Haystack::new(haystack, needle.len()).find(needle)
}

/// Sound in which pieces are looked for. What does not depend on the piece is computed once: it is most of the work.
struct Haystack<'a> {
    samples: &'a [i16],
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
    spectrum: Vec<Complex<f64>>,
}

impl<'a> Haystack<'a> {
    /// For pieces of at most this length.
    fn new(samples: &'a [i16], longest: usize) -> Self {
        let size = (longest + samples.len()).next_power_of_two();
        let mut planner = FftPlanner::<f64>::new();
        let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
        let spectrum = spectrum(&*forward, samples);
        Self { samples, forward, inverse, spectrum }
    }

    fn find(&self, needle: &[i16]) -> Match {
        let nothing = Match { score: 0.0, lag: 0 };
        let haystack = self.samples;
        if needle.is_empty() || haystack.len() < needle.len() {
            return nothing;
        }
        let mut product = spectrum(&*self.forward, needle);
        product.iter_mut().zip(&self.spectrum).for_each(|(short, long)| *short = long * short.conj());
        self.inverse.process(&mut product);

        let own = energy(needle);
        let mut window = energy(&haystack[..needle.len()]);
        // Below this the haystack is silent there, and a quotient of two nothings would be anything.
        let floor = needle.len() as f64 * 25.0;
        let mut best = nothing;
        for lag in 0..=haystack.len() - needle.len() {
            if lag > 0 {
                window += f64::from(haystack[lag + needle.len() - 1]).powi(2) - f64::from(haystack[lag - 1]).powi(2);
            }
            if window > floor && own > floor {
                let score = product[lag].re / self.spectrum.len() as f64 / (own * window).sqrt();
                if score > best.score {
                    best = Match { score, lag };
                }
            }
        }
        best
    }
}

fn spectrum(forward: &dyn Fft<f64>, samples: &[i16]) -> Vec<Complex<f64>> {
    let mut buffer: Vec<Complex<f64>> = samples.iter().map(|sample| Complex::new(f64::from(*sample), 0.0)).collect();
    buffer.resize(forward.len(), Complex::default());
    forward.process(&mut buffer);
    buffer
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// The best place of a steady tone of this length. Another tone, or speech, stays below 0.8.
pub fn find_tone(hz: f64, length: Duration, heard: &[i16]) -> Match {
    correlate(Speech::tone(hz, length).samples(), heard)
}

/// How much of what was heard is what was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Median over the windows that are not silent; above 0.7 it is that sound, other speech stays below 0.4.
    pub score: f64,
    /// The worst window.
    pub worst: f64,
    /// Windows that were not silent.
    pub windows: usize,
    /// Windows that are that sound beyond doubt.
    pub right: usize,
    /// Share of silent windows.
    pub silent: f64,
}

/// Takes what was heard in pieces of half a second and looks for each in what was sent (over and over again).
pub fn compare(sent: &Speech, heard: &[i16]) -> Comparison {
    let piece = RATE as usize / 2;
    let mut reference = sent.samples().to_vec();
    reference.extend_from_slice(&sent.samples()[..piece.min(sent.samples().len())]);
    let sent = Haystack::new(&reference, piece);
    let mut scores = Vec::new();
    let pieces: Vec<&[i16]> = heard.chunks_exact(piece).collect();
    for window in &pieces {
        if loudness(window) > SILENCE {
            scores.push(sent.find(window).score);
        }
    }
    scores.sort_by(f64::total_cmp);
    Comparison {
        score: scores.get(scores.len() / 2).copied().unwrap_or(0.0),
        worst: scores.first().copied().unwrap_or(0.0),
        windows: scores.len(),
        right: scores.iter().filter(|score| **score > 0.7).count(),
        silent: if pieces.is_empty() { 1.0 } else { 1.0 - scores.len() as f64 / pieces.len() as f64 },
    }
}

/// Root mean square below which nobody speaks; [`Speech`] is above 1000.
const SILENCE: f64 = 60.0;

fn loudness(samples: &[i16]) -> f64 {
    (energy(samples) / samples.len().max(1) as f64).sqrt()
}

/// Silences of at least this length: when each begins and how long it is.
pub fn silences(samples: &[i16], at_least: Duration) -> Vec<(Duration, Duration)> {
    let frame = RATE as usize / 100;
    let mut found = Vec::new();
    let mut quiet_from = None;
    let frames = samples.chunks(frame).map(|chunk| loudness(chunk) <= SILENCE).chain([false]);
    for (index, quiet) in frames.enumerate() {
        match (quiet, quiet_from) {
            (true, None) => quiet_from = Some(index),
            (false, Some(from)) => {
                let (start, length) = (duration(from * frame), duration((index - from) * frame));
                if length >= at_least {
                    found.push((start, length));
                }
                quiet_from = None;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::sound::{decode, encode};

    fn speech(seed: u64) -> Speech {
        Speech::new(seed, Duration::from_secs(6))
    }

    #[test]
    fn a_piece_is_found_where_it_was_cut_out() {
        let speech = speech(1);
        let found = correlate(&speech.samples()[12_345..20_345], speech.samples());
        assert_eq!(found.lag, 12_345);
        assert!(found.score > 0.999, "{found:?}");
    }

    #[test]
    fn loudness_codec_and_noise_do_not_hide_it() {
        let sent = speech(2);
        let heard: Vec<i16> = sent.samples()[4_000..36_000]
            .iter()
            .enumerate()
            .map(|(index, sample)| decode(encode(sample / 3)).saturating_add((index * 7919 % 401) as i16 - 200))
            .collect();
        let comparison = compare(&sent, &heard);
        assert!(comparison.score > 0.9 && comparison.worst > 0.8, "{comparison:?}");
        assert_eq!(comparison.silent, 0.0);
    }

    #[test]
    fn another_voice_is_not_it() {
        let comparison = compare(&speech(3), speech(4).samples());
        assert!(comparison.score < 0.4 && comparison.right == 0, "{comparison:?}");
    }

    #[test]
    fn a_tone_is_found_where_it_begins_and_in_nothing_else() {
        let second = Duration::from_secs(1);
        let tone = |hz: f64, count: usize| (0..count).map(move |i| ((i as f64 * hz * 0.000_785_4).sin() * 3e3) as i16);
        let mut heard = vec![0; 4_000];
        heard.extend(tone(660.0, 960).chain(tone(990.0, 1_440)));
        let (low, high) = (find_tone(660.0, second / 10, &heard), find_tone(990.0, second / 10, &heard));
        assert!(low.score > 0.9 && low.delay().abs_diff(second / 2) < second / 40, "{low:?}");
        assert!(high.score > 0.9 && high.delay() > low.delay(), "{high:?}");
        let other: Vec<i16> = tone(440.0, 8_000).chain(speech(8).samples().iter().copied()).collect();
        assert!(find_tone(660.0, second / 10, &other).score < 0.8, "{:?}", find_tone(660.0, second / 10, &other));
    }

    #[test]
    fn silence_is_not_it_either() {
        let comparison = compare(&speech(5), &[0; 16_000]);
        assert_eq!((comparison.score, comparison.silent), (0.0, 1.0));
    }

    #[test]
    fn speech_has_no_silence_and_a_gap_is_found() {
        let mut samples = speech(6).samples().to_vec();
        assert_eq!(silences(&samples, Duration::from_millis(20)), []);
        samples[16_000..17_600].fill(0);
        assert_eq!(
            silences(&samples, Duration::from_millis(60)),
            [(Duration::from_secs(2), Duration::from_millis(200))]
        );
    }
}
