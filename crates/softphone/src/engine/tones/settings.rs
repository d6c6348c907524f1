//! What was chosen about sound, as far as tones need it.

use softphone_api::SoundSettings;
use softphone_api::sound::{MOST_VOLUME, volume_key};

use super::super::Loop;

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
