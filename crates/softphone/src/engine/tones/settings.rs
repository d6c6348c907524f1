//! What was chosen about sound, as far as tones need it.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use softphone_api::sound::{MOST_VOLUME, volume_key};
use softphone_api::{CommandError, CommandErrorCode, RingTone, SoundSettings};

use super::super::{Loop, refuse};
use crate::ring_tone::{self, Tone, WavError};

/// A minute of music from a disk that has to spin up.
const READ_WITHIN: Duration = Duration::from_secs(1);

impl Loop {
    pub(in super::super) fn sound_settings(&self) -> &SoundSettings {
        &self.sound.settings
    }

    /// As a factor.
    pub(super) fn output_volume(&self, device: &str) -> f32 {
        let percent = self.sound_settings().volumes.get(&volume_key(device, false)).copied().unwrap_or(100);
        f32::from(percent.min(MOST_VOLUME)) / 100.0
    }
}

/// Refuses what cannot ring, before it is kept.
pub(in super::super) fn check_ring_tone(tone: &RingTone) -> Result<(), CommandError> {
    read(tone, ring_tone::check)
}

/// A tone, now.
pub(super) fn ring_tone_now(tone: &RingTone) -> Result<Tone, CommandError> {
    read(tone, ring_tone::tone)
}

/// By a thread of its own: a disk that went away with its server holds whoever reads from it for ever.
fn read<T: Send + 'static>(tone: &RingTone, read: fn(&RingTone) -> Result<T, WavError>) -> Result<T, CommandError> {
    let (send, is_read) = sync_channel(1);
    let of_thread = tone.clone();
    let thread = std::thread::Builder::new().name("ring-tone".into()).spawn(move || {
        // Nobody waits any more when it took too long.
        let _ = send.send(read(&of_thread));
    });
    let bad = |message: String| refuse(CommandErrorCode::BadArgument, message);
    thread.map_err(|e| bad(format!("the ring tone cannot be read, because no thread could be started: {e}")))?;
    match is_read.recv_timeout(READ_WITHIN) {
        Ok(result) => result.map_err(|e| bad(e.to_string())),
        Err(_) => Err(bad(format!(
            "the ring tone cannot be read: its disk does not answer for {} s; copy the file to this machine",
            READ_WITHIN.as_secs()
        ))),
    }
}
