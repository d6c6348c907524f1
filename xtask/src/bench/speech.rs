//! What the bench `voice` hears with: PESQ in a python environment of its own, and real speech. Both in the cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::python;
use crate::command::{command, must};
use crate::paths;

/// Debian's package with speech at 16 kHz, and what is taken of it: a minute of a person who reads.
const PACKAGE: &str = "asterisk-core-sounds-en-g722";
const SPEECH: &str = "usr/share/asterisk/sounds/en_US_f_Allison/demo-instruct.g722";

/// The variables by which the bench finds them.
pub fn environment() -> Result<Vec<(&'static str, PathBuf)>> {
    let cache = paths::cache()?.join("voice");
    std::fs::create_dir_all(&cache)?;
    let scores = python::environment("PESQ", &cache.join("python"), "tests/lab/voice/requirements.txt")?;
    Ok(vec![("LINEDESK_VOICE", scores), ("LINEDESK_SPEECH", speech(&cache.join("speech"))?)])
}

fn speech(directory: &Path) -> Result<PathBuf> {
    let file = directory.join(SPEECH);
    if !file.is_file() {
        std::fs::create_dir_all(directory)?;
        must("speech", command("apt-get", ["download", "-qq", PACKAGE]).current_dir(directory))?;
        let package = std::fs::read_dir(directory)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .with_context(|| format!("apt-get has not put {PACKAGE} into {}", directory.display()))?;
        must("speech", command("dpkg-deb", ["-x"]).arg(&package).arg(directory))?;
        std::fs::remove_file(package)?;
    }
    if !file.is_file() {
        bail!(
            "{PACKAGE} has no {SPEECH} any more: choose another file of speech at 16 kHz in xtask/src/bench/speech.rs"
        );
    }
    Ok(file)
}
