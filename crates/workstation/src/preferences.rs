//! What the person at this machine prefers; kept as a small JSON file, apart from the session.

use serde::{Deserialize, Serialize};
use std::path::Path;
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
}

impl Preferences {
    /// Reads them; what is missing or cannot be read is the default, since nobody should be kept from work by this file.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "the preferences cannot be read, taking the defaults");
                Self::default()
            }),
            Err(_) => Self::default(),
        }
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
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
