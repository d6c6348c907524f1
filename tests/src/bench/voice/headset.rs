//! A virtual headset: a sound server of its own for each phone, so that none hears another.

use std::path::PathBuf;

use anyhow::Result;

use crate::lab::{Lab, Sound};

/// A sound card and the home of the program that uses it.
#[derive(Debug)]
pub struct Headset {
    name: String,
    sound: Sound,
    home: PathBuf,
}

impl Headset {
    /// Starts its sound server.
    pub async fn start(lab: &Lab, name: &str) -> Result<Self> {
        let home = lab.directory(&format!("{name}/home"))?;
        // ALSA's programs go to PulseAudio, as on a desktop.
        std::fs::write(home.join(".asoundrc"), "pcm.!default { type pulse }\nctl.!default { type pulse }\n")?;
        let sound = Sound::start(lab, name).await?;
        Ok(Self { name: name.to_owned(), sound, home })
    }

    /// As it was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its sound server.
    pub fn sound(&self) -> &Sound {
        &self.sound
    }

    /// What a program needs to find it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all = self.sound.environment();
        let home = self.home.to_string_lossy().into_owned();
        all.extend([("HOME", home.clone()), ("XDG_RUNTIME_DIR", home)]);
        all
    }

    /// Where the program starts.
    pub fn home(&self) -> &std::path::Path {
        &self.home
    }
}
