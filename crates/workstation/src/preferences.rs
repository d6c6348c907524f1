//! What the person at this machine prefers; kept as a small JSON file, apart from the session.

use serde::{Deserialize, Deserializer, Serialize};
use softphone_api::SoundSettings;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ts_rs::TS;

/// Colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// Preferences.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default, rename_all = "camelCase")]
pub struct Preferences {
    /// Language tag (`en`, `ru`); absent: the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub language: Option<String>,
    /// Colours.
    pub theme: Theme,
    /// The words "it goes on in the tray" were said.
    pub told_about_tray: bool,
    /// Devices and loudness. The window reads and changes them by the softphone, which says what it took.
    #[serde(deserialize_with = "as_far_as_known")]
    #[ts(skip)]
    pub sound: SoundSettings,
}

/// What a newer program wrote about sound must not cost the rest.
fn as_far_as_known<'de, D: Deserializer<'de>>(input: D) -> Result<SoundSettings, D::Error> {
    let value = serde_json::Value::deserialize(input)?;
    Ok(serde_json::from_value(value).unwrap_or_else(|error| {
        tracing::warn!(%error, "the sound settings cannot be read, taking the defaults");
        SoundSettings::default()
    }))
}

impl Preferences {
    /// Reads them; what is missing or cannot be read is the default, since nobody should be kept from work by this file.
    fn load(path: &Path) -> Self {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "the preferences cannot be read, taking the defaults");
                Self::default()
            }),
            Err(_) => Self::default(),
        }
    }

    fn save(&self, path: &Path) -> std::io::Result<()> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::other)?;
        // Renamed into place: a crash in between must not leave half a file.
        let fresh = path.with_extension("json.new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, path)
    }
}

/// The file and what is in it: one owner, since both the shell and the workstation change it.
#[derive(Debug, Clone)]
pub struct PreferencesFile {
    path: PathBuf,
    now: Arc<Mutex<Preferences>>,
}

impl PreferencesFile {
    /// Reads it.
    #[must_use]
    pub fn open(path: PathBuf) -> Self {
        let now = Arc::new(Mutex::new(Preferences::load(&path)));
        Self { path, now }
    }

    /// What is preferred now.
    #[must_use]
    pub fn now(&self) -> Preferences {
        self.lock().clone()
    }

    /// Changes them and writes the file.
    ///
    /// # Errors
    /// When the file cannot be written; what was changed counts all the same, until the program ends.
    pub fn change(&self, change: impl FnOnce(&mut Preferences)) -> std::io::Result<()> {
        let mut now = self.lock();
        let before = now.clone();
        change(&mut now);
        // Written under the lock: of two changes the later one must be the one in the file.
        if *now == before { Ok(()) } else { now.save(&self.path) }
    }

    fn lock(&self) -> MutexGuard<'_, Preferences> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{PreferencesFile, Theme};

    #[test]
    fn two_owners_lose_nothing_of_each_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("deep").join("preferences.json");
        let shell = PreferencesFile::open(path.clone());
        let workstation = shell.clone();
        shell.change(|now| now.theme = Theme::Dark).expect("written");
        workstation.change(|now| now.sound.ring_volume = 25).expect("written");
        shell.change(|now| now.told_about_tray = true).expect("written");
        let again = PreferencesFile::open(path).now();
        assert_eq!((again.theme, again.sound.ring_volume, again.told_about_tray), (Theme::Dark, 25, true));
    }

    #[test]
    fn what_a_newer_program_wrote_about_sound_costs_no_more_than_that() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("preferences.json");
        let text = r#"{"theme": "dark", "sound": {"ring_tone": {"tone": "harp"}, "ring_volume": 5}}"#;
        std::fs::write(&path, text).expect("written");
        let now = PreferencesFile::open(path).now();
        assert_eq!((now.theme, now.sound.ring_volume), (Theme::Dark, 60));
    }
}
