//! Known sound, a virtual sound card, and the proof that what was heard is what was sent.
//!
//! Samples are 16-bit, mono, 8 kHz throughout.

mod alaw;
mod card;
mod compare;
mod speech;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

pub use alaw::{decode, encode};
pub use card::{Ears, Sound};
pub use compare::{Comparison, Match, compare, correlate, find_tone, silences};
pub use speech::Speech;

/// Samples in a second.
pub const RATE: u32 = 8_000;

/// How long so many samples last.
pub fn duration(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(RATE))
}

/// Writes a WAV file.
pub fn write_wav(path: &Path, samples: &[i16]) -> Result<()> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer =
        hound::WavWriter::create(path, spec).with_context(|| format!("cannot write {}", path.display()))?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()?;
    Ok(())
}

/// Reads samples without a header (Asterisk's .sln, parec's --raw).
pub fn read_raw(path: &Path) -> Result<Vec<i16>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}
