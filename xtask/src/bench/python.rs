//! Python packages of a bench, in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{command, must};
use crate::paths;
use crate::setup::Stamp;

/// Makes an environment with what `requirements` names, a file of the checkout, unless it is there.
pub fn environment(what: &str, environment: &Path, requirements: &str) -> Result<PathBuf> {
    let wanted = paths::root().join(requirements);
    let stamp = Stamp::new(environment.join(".set-up"), &[&wanted])?;
    if !stamp.is_current() {
        if environment.exists() {
            std::fs::remove_dir_all(environment)?;
        }
        let mut make = command("python3", ["-m", "venv"]);
        must("python environment", make.arg(environment)).with_context(|| {
            format!("{what} needs python with venv and its headers: apt-get install python3-venv python3-dev")
        })?;
        let mut install = Command::new(environment.join("bin/pip"));
        must(what, install.args(["install", "--quiet", "-r"]).arg(&wanted))?;
        stamp.write()?;
    }
    Ok(environment.to_owned())
}
