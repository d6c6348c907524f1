//! `cargo xtask shots`: pictures of the pages, for README and for a person's eye.

use anyhow::Result;

use crate::command::{command, must};
use crate::{paths, setup};

/// Builds the pages and makes the pictures.
pub fn run() -> Result<()> {
    setup::run()?;
    let ui = paths::root().join("ui");
    for script in ["build", "shots"] {
        must(script, command("npm", ["run", "--silent", script]).current_dir(&ui))?;
    }
    Ok(())
}
