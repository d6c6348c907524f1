//! A person's own WAV file. It may be anything at all: a program that was renamed, cut off, or an hour long.

use std::path::Path;

use hound::{SampleFormat, WavReader};

/// Seconds; longer nobody lets a phone ring.
const LONGEST_S: u32 = 60;
/// Bytes: a minute of stereo at 96 kHz has 23 million, at 48 kHz half of it.
const BIGGEST: u64 = 20_000_000;
/// Each has a small ratio to 48 kHz.
const RATES: [u32; 11] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000];

/// Why a file cannot ring: what failed, why, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file:?} cannot be a ring tone: {why}; {remedy}")]
pub struct WavError {
    /// Its name without folders: a path may say more of a person than a log should.
    file: String,
    why: String,
    remedy: &'static str,
}

const ANOTHER: &str = "choose another WAV file";
const CONVERT: &str = "save it as WAV, PCM of 16 bits, mono or stereo, or choose another";

impl WavError {
    fn new(path: &Path, why: impl Into<String>, remedy: &'static str) -> Self {
        let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self { file, why: why.into(), remedy }
    }

    pub(super) fn silent(path: &Path) -> Self {
        Self::new(path, "it is silent", ANOTHER)
    }
}

/// Samples of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recording {
    pub(super) rate: u32,
    pub(super) samples: Vec<i16>,
}

/// Reads it; of stereo the mean of both sides.
pub(super) fn read(path: &Path) -> Result<Recording, WavError> {
    let refuse = |why: String, remedy| Err(WavError::new(path, why, remedy));
    if !path.is_absolute() {
        return refuse("its whole path is needed".to_owned(), ANOTHER);
    }
    // A pipe or a device would be read for ever.
    let about = std::fs::metadata(path).map_err(|e| WavError::new(path, e.to_string(), ANOTHER))?;
    if !about.is_file() {
        return refuse("it is not a file".to_owned(), ANOTHER);
    }
    if about.len() > BIGGEST {
        return refuse(format!("it has {} MB, more than {}", about.len() / 1_000_000, BIGGEST / 1_000_000), ANOTHER);
    }
    let broken = |e: hound::Error| match e {
        // Of the system; an end that comes too early is hound's own.
        hound::Error::IoError(e) if e.raw_os_error().is_some() => WavError::new(path, e.to_string(), ANOTHER),
        hound::Error::Unsupported => WavError::new(path, "its encoding is not PCM", CONVERT),
        e => WavError::new(path, format!("it is no whole WAV file ({e})"), CONVERT),
    };
    let reader = WavReader::open(path).map_err(broken)?;
    let spec = reader.spec();
    if spec.sample_format != SampleFormat::Int || spec.bits_per_sample != 16 {
        return refuse(format!("its samples have {} bits or are not integers", spec.bits_per_sample), CONVERT);
    }
    if !matches!(spec.channels, 1 | 2) {
        return refuse(format!("it has {} channels", spec.channels), CONVERT);
    }
    if !RATES.contains(&spec.sample_rate) {
        return refuse(format!("its rate of {} Hz is not usual", spec.sample_rate), CONVERT);
    }
    if reader.duration() > LONGEST_S * spec.sample_rate {
        return refuse(format!("it lasts longer than {LONGEST_S} s"), ANOTHER);
    }
    if reader.duration() == 0 {
        return refuse("it is empty".to_owned(), ANOTHER);
    }
    let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().map_err(broken)?;
    let samples = if spec.channels == 1 {
        samples
    } else {
        samples.chunks_exact(2).map(|pair| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16).collect()
    };
    Ok(Recording { rate: spec.sample_rate, samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(spec: hound::WavSpec, count: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("own.wav");
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        (0..count).for_each(|i| match spec.sample_format {
            SampleFormat::Int => writer.write_sample((i % 100) as i32).unwrap(),
            SampleFormat::Float => writer.write_sample(0.5_f32).unwrap(),
        });
        writer.finalize().unwrap();
        (directory, path)
    }

    const PLAIN: hound::WavSpec =
        hound::WavSpec { channels: 1, sample_rate: 8_000, bits_per_sample: 16, sample_format: SampleFormat::Int };

    #[test]
    fn refusals_say_what_why_and_what_to_do() {
        for (spec, count, why) in [
            (hound::WavSpec { bits_per_sample: 24, ..PLAIN }, 100, "24 bits"),
            (hound::WavSpec { bits_per_sample: 32, sample_format: SampleFormat::Float, ..PLAIN }, 100, "not integers"),
            (hound::WavSpec { channels: 3, ..PLAIN }, 300, "3 channels"),
            (hound::WavSpec { sample_rate: 8_001, ..PLAIN }, 100, "8001 Hz"),
            (PLAIN, 8_000 * 60 + 1, "longer than 60 s"),
            (PLAIN, 0, "empty"),
        ] {
            let (_keep, path) = written(spec, count);
            let error = read(&path).unwrap_err().to_string();
            assert!(error.starts_with("\"own.wav\" cannot be a ring tone: "), "{error}");
            assert!(error.contains(why) && error.contains("choose another"), "{error}");
        }
        let (_keep, path) = written(PLAIN, 8_000 * 60);
        assert_eq!(read(&path).unwrap().samples.len(), 480_000);
    }

    #[test]
    fn what_is_no_wav_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.wav");
        let (_keep, good) = written(PLAIN, 8_000);
        let whole = std::fs::read(good).unwrap();
        for broken in [&b""[..], b"#!/bin/sh\n", b"RIFF", &whole[..20], &whole[..whole.len() - 100]] {
            std::fs::write(&path, broken).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("no whole WAV file"), "{error}");
        }
        assert!(read(directory.path()).unwrap_err().to_string().contains("not a file"));
        assert!(read(&directory.path().join("gone.wav")).is_err());
        assert!(read(Path::new("own.wav")).unwrap_err().to_string().contains("whole path"));
        std::fs::File::create(&path).unwrap().set_len(BIGGEST + 1_000_000).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("21 MB"));
    }

    #[test]
    fn stereo_is_the_mean_of_both_sides() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.wav");
        let mut writer = hound::WavWriter::create(&path, hound::WavSpec { channels: 2, ..PLAIN }).unwrap();
        [100_i16, 300, i16::MIN, i16::MIN].iter().for_each(|s| writer.write_sample(*s).unwrap());
        writer.finalize().unwrap();
        assert_eq!(read(&path).unwrap().samples, [200, i16::MIN]);
    }
}
