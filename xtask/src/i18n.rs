//! `cargo xtask i18n`: the catalogues in locales/.

use anyhow::Result;

use crate::command::{command, must};
use crate::{paths, setup};

/// Gathers the words into the catalogues, or only checks them.
pub fn run(check: bool) -> Result<()> {
    setup::run()?;
    let script = if check { "i18n:check" } else { "i18n:extract" };
    must("catalogues", command("npm", ["run", "--silent", script]).current_dir(paths::root().join("ui"))).map(drop)
}
