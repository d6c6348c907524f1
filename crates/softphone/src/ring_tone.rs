//! Ring tones as samples: the built-in ones by computation, the person's own out of a WAV file. Pure, but for that file.
//!
//! The loudest sample of each is full scale, so that one factor ([`gain`]) keeps all of them below the same limit.

mod resample;
mod wav;

use std::f32::consts::TAU;
use std::path::Path;

use softphone_api::sound::RING_LIMIT_DBFS;
use softphone_api::sound::RingTone;

pub use wav::WavError;

/// Samples a second of everything that is played.
pub const RATE: u32 = 48_000;
/// Between two rounds of a person's own tone.
const OWN_PAUSE_MS: u32 = 1_000;
/// Below this (−40 dBFS) a recording is noise, and would be made loud noise.
const ALMOST_SILENT: u16 = 328;
/// Begins and ends without a click.
const RAMP_MS: u32 = 5;

/// One round of a tone, and the silence before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tone {
    /// 48 kHz, one channel.
    pub samples: Vec<i16>,
    /// Samples of silence.
    pub pause: u32,
}

/// What a loudness of so many per cent makes of full scale.
#[must_use]
pub fn gain(ring_volume: u8) -> f32 {
    10.0_f32.powf(f32::from(RING_LIMIT_DBFS) / 20.0) * f32::from(ring_volume.min(100)) / 100.0
}

/// Whether this can ring; for a choice before it is kept.
///
/// # Errors
/// Why a person's own file cannot.
pub fn check(tone: &RingTone) -> Result<(), WavError> {
    match tone {
        RingTone::File { path } => wav::read(Path::new(path)).and_then(|recording| audible(path, &recording.samples)),
        RingTone::Classic | RingTone::Soft | RingTone::Bright => Ok(()),
    }
}

/// The tone. Reading a file takes as long as its disk does.
///
/// # Errors
/// Why a person's own file cannot be played.
pub fn tone(tone: &RingTone) -> Result<Tone, WavError> {
    match tone {
        RingTone::Classic => Ok(classic()),
        RingTone::Soft => Ok(soft()),
        RingTone::Bright => Ok(bright()),
        RingTone::File { path } => own(path),
    }
}

/// Two tones, a second on, two off.
#[must_use]
pub fn classic() -> Tone {
    let length = samples_in(1_000);
    let sound = (0..length).map(|i| sine(440.0, i) + sine(480.0, i)).collect();
    finished(sound, samples_in(2_000))
}

/// Three notes of a major chord that fade like a struck bar.
fn soft() -> Tone {
    let step = samples_in(350) as usize;
    let mut sound = vec![0.0; step * 2 + samples_in(1_200) as usize];
    for (n, hz) in [523.25, 659.25, 783.99].into_iter().enumerate() {
        let from = n * step;
        for (i, sample) in sound.iter_mut().skip(from).enumerate() {
            let t = i as f32 / RATE as f32;
            // The octave above is what makes it a bar and not a whistle.
            *sample += (sine(hz, i as u32) + 0.25 * sine(2.0 * hz, i as u32)) * (-4.0 * t).exp() * (t * 100.0).min(1.0);
        }
    }
    finished(sound, samples_in(2_000))
}

/// Four short changes between two high tones.
fn bright() -> Tone {
    let piece = samples_in(70);
    let sound = (0..8 * piece)
        .map(|i| {
            let within = i % piece;
            let edge = (within.min(piece - within) as f32 / samples_in(3) as f32).min(1.0);
            edge * sine(if (i / piece).is_multiple_of(2) { 1_046.5 } else { 1_318.5 }, i)
        })
        .collect();
    finished(sound, samples_in(900))
}

/// So many beeps of one tone, for what no file describes.
#[must_use]
pub fn beeps(hz: f32, on_ms: u32, off_ms: u32, count: usize) -> Vec<i16> {
    let mut one = finished((0..samples_in(on_ms)).map(|i| sine(hz, i)).collect(), 0).samples;
    one.extend(std::iter::repeat_n(0, samples_in(off_ms) as usize));
    one.repeat(count)
}

fn own(path: &str) -> Result<Tone, WavError> {
    let recording = wav::read(Path::new(path))?;
    audible(path, &recording.samples)?;
    Ok(finished(resample::to_48k(&recording.samples, recording.rate), samples_in(OWN_PAUSE_MS)))
}

fn audible(path: &str, samples: &[i16]) -> Result<(), WavError> {
    let loudest = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    if loudest < ALMOST_SILENT { Err(WavError::silent(Path::new(path))) } else { Ok(()) }
}

fn samples_in(ms: u32) -> u32 {
    RATE / 1_000 * ms
}

fn sine(hz: f32, sample: u32) -> f32 {
    (TAU * (hz * sample as f32 / RATE as f32).fract()).sin()
}

/// Ramps at both ends, and the loudest sample at full scale.
fn finished(mut sound: Vec<f32>, pause: u32) -> Tone {
    let ramp = samples_in(RAMP_MS) as usize;
    let last = sound.len().saturating_sub(1);
    for i in 0..ramp.min(sound.len()) {
        let factor = i as f32 / ramp as f32;
        sound[i] *= factor;
        sound[last - i] *= factor;
    }
    let loudest = sound.iter().fold(0.0_f32, |most, s| most.max(s.abs()));
    let factor = if loudest > 0.0 { f32::from(i16::MAX) / loudest } else { 0.0 };
    Tone { samples: sound.iter().map(|s| (s * factor).round() as i16).collect(), pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT_IN: [RingTone; 3] = [RingTone::Classic, RingTone::Soft, RingTone::Bright];

    fn loudest(samples: &[i16]) -> u16 {
        samples.iter().map(|s| s.unsigned_abs()).max().unwrap()
    }

    #[test]
    fn each_is_as_loud_as_the_limit_and_no_louder() {
        for ring in BUILT_IN {
            let tone = tone(&ring).unwrap();
            assert_eq!(loudest(&tone.samples), 32_767, "{ring:?}");
            let dbfs = 20.0 * (f32::from(loudest(&tone.samples)) * gain(100) / 32_768.0).log10();
            assert!((dbfs - f32::from(RING_LIMIT_DBFS)).abs() < 0.1, "{ring:?}: {dbfs}");
        }
        assert_eq!(gain(0), 0.0);
        assert_eq!(gain(255), gain(100));
    }

    #[test]
    fn none_begins_or_ends_with_a_click() {
        for ring in BUILT_IN {
            let tone = tone(&ring).unwrap();
            assert_eq!((tone.samples[0], tone.samples.last().copied()), (0, Some(0)), "{ring:?}");
            assert!(tone.samples.len() < 3 * RATE as usize, "{ring:?}");
        }
    }

    #[test]
    fn classic_is_a_second_on_and_two_off() {
        let tone = classic();
        assert_eq!((tone.samples.len(), tone.pause), (48_000, 96_000));
    }

    fn file(rate: u32, channels: u16, samples: &[i16]) -> (tempfile::TempDir, RingTone) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("own.wav");
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        samples.iter().for_each(|s| writer.write_sample(*s).unwrap());
        writer.finalize().unwrap();
        let path = path.to_string_lossy().into_owned();
        (directory, RingTone::File { path })
    }

    #[test]
    fn an_own_file_is_as_loud_as_the_others_and_as_long_as_it_was() {
        for (rate, channels) in [(8_000, 1), (11_025, 2), (44_100, 2), (48_000, 1), (96_000, 1)] {
            let quiet: Vec<i16> = (0..rate)
                .flat_map(|i| {
                    let s = (3_000.0 * (TAU * 500.0 * i as f32 / rate as f32).sin()) as i16;
                    vec![s; usize::from(channels)]
                })
                .collect();
            let (_keep, ring) = file(rate, channels, &quiet);
            assert!(check(&ring).is_ok());
            let tone = tone(&ring).unwrap();
            assert_eq!(loudest(&tone.samples), 32_767, "{rate}");
            assert!(tone.samples.len().abs_diff(48_000) < 10, "{rate}: {}", tone.samples.len());
            let crossings = tone.samples.windows(2).filter(|w| w[0] < 0 && w[1] >= 0).count();
            assert!((499..=501).contains(&crossings), "{rate}: {crossings} Hz");
        }
    }

    #[test]
    fn silence_is_no_ring_tone() {
        let (_keep, ring) = file(8_000, 1, &[5; 8_000]);
        let why = check(&ring).unwrap_err().to_string();
        assert!(why.contains("silent") && why.contains("choose another"), "{why}");
        assert!(tone(&ring).is_err());
    }
}
