//! From a file's rate to ours: a windowed sinc, one filter for each place between two samples.

use super::RATE;

/// Zero crossings of the sinc on each side: the ear hears no difference beyond.
const CROSSINGS: usize = 12;

/// The same sound at 48 kHz, as numbers of the samples' scale.
pub(super) fn to_48k(samples: &[i16], from: u32) -> Vec<f32> {
    if from == RATE || samples.is_empty() {
        return samples.iter().map(|s| f32::from(*s)).collect();
    }
    let common = greatest_common_divisor(RATE, from);
    let (up, down) = ((RATE / common) as usize, (from / common) as usize);
    // When the rate falls, what lies above half of the new one is taken out first, by a wider filter.
    let cut = (up as f32 / down as f32).min(1.0);
    let half = (CROSSINGS as f32 / cut).ceil() as usize;
    let filters: Vec<Vec<f32>> = (0..up).map(|phase| filter(phase as f32 / up as f32, half, cut)).collect();
    let count = samples.len() * up / down;
    (0..count)
        .map(|n| {
            let (at, phase) = (n * down / up, n * down % up);
            let taps = filters[phase].iter().enumerate();
            // Before the first sample and after the last is silence.
            taps.map(|(k, tap)| {
                (at + k + 1).checked_sub(half).and_then(|i| samples.get(i)).map_or(0.0, |s| f32::from(*s) * tap)
            })
            .sum()
        })
        .collect()
}

/// Taps for a place `offset` (0–1) behind a sample: of the `half` samples up to it and as many behind.
fn filter(offset: f32, half: usize, cut: f32) -> Vec<f32> {
    let taps: Vec<f32> = (0..2 * half)
        .map(|k| {
            let distance = k as f32 + 1.0 - half as f32 - offset;
            let window = 0.5 + 0.5 * (std::f32::consts::PI * distance / half as f32).cos();
            cut * sinc(cut * distance) * window
        })
        .collect();
    // Equally loud at each place, else the difference is a tone of its own.
    let sum: f32 = taps.iter().sum();
    taps.into_iter().map(|tap| tap / sum).collect()
}

fn sinc(x: f32) -> f32 {
    let x = std::f32::consts::PI * x;
    if x.abs() < 1e-6 { 1.0 } else { x.sin() / x }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, rate: u32) -> Vec<i16> {
        (0..rate).map(|i| (10_000.0 * (std::f32::consts::TAU * hz * i as f32 / rate as f32).sin()) as i16).collect()
    }

    /// Share of the energy that is not the tone.
    fn rest(samples: &[f32], hz: f32) -> f32 {
        let (mut sine, mut cosine, mut all) = (0.0, 0.0, 0.0);
        for (i, s) in samples.iter().enumerate() {
            let at = std::f32::consts::TAU * (hz * i as f32 / RATE as f32).fract();
            sine += s * at.sin();
            cosine += s * at.cos();
            all += s * s;
        }
        1.0 - 2.0 * (sine * sine + cosine * cosine) / (samples.len() as f32 * all)
    }

    #[test]
    fn a_tone_stays_that_tone() {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 96_000] {
            let out = to_48k(&tone(1_000.0, rate), rate);
            assert!(out.len().abs_diff(48_000) <= 1, "{rate}: {}", out.len());
            let middle = &out[4_800..43_200];
            assert!(rest(middle, 1_000.0) < 0.001, "{rate}: {}", rest(middle, 1_000.0));
            let loudest = middle.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
            assert!((9_800.0..10_200.0).contains(&loudest), "{rate}: {loudest}");
        }
    }

    #[test]
    fn what_our_rate_cannot_carry_is_taken_out() {
        let out = to_48k(&tone(30_000.0, 96_000), 96_000);
        let loudest = out[4_800..43_200].iter().fold(0.0_f32, |m, s| m.max(s.abs()));
        assert!(loudest < 100.0, "{loudest}");
    }
}
