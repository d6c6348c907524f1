//! `cargo xtask run`: the demo.

use anyhow::{Result, bail};

/// Sets up, builds, and hands over to the demo.
pub fn run(_no_window: bool) -> Result<()> {
    bail!("not there yet")
}
