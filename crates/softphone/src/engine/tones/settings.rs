//! What was chosen about sound, as far as tones need it.

use softphone_api::sound::{MOST_VOLUME, volume_key};
use softphone_api::{CommandErrorCode, Reply, SoundSettings};

use super::super::{Done, Loop, refuse};
use crate::ring_tone;

impl Loop {
    pub(in super::super) fn sound_settings(&self) -> &SoundSettings {
        &self.tones.settings
    }

    /// As a factor.
    pub(super) fn output_volume(&self, device: &str) -> f32 {
        let percent = self.sound_settings().volumes.get(&volume_key(device, false)).copied().unwrap_or(100);
        f32::from(percent.min(MOST_VOLUME)) / 100.0
    }

    pub(in super::super) fn set_sound(&mut self, settings: SoundSettings) -> Done {
        if settings.ring_tone != self.tones.settings.ring_tone {
            ring_tone::check(&settings.ring_tone).map_err(|e| refuse(CommandErrorCode::BadArgument, e.to_string()))?;
        }
        self.tones.settings = settings;
        Ok(Reply::Done)
    }
}
