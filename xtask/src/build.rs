//! Builds that more than one task needs, always with the same features, or cargo would make everything twice.

use std::path::PathBuf;

use anyhow::Result;
use walkdir::WalkDir;

use crate::command::{command, must};
use crate::paths;
use crate::setup::{SetUp, Stamp};

/// The shell serves the built pages under the production CSP.
pub const FEATURES: &str = "linedesk/custom-protocol";

/// `ui/dist`, unless it is made of exactly these sources already.
pub fn pages(set_up: &SetUp) -> Result<()> {
    let mut sources: Vec<PathBuf> = ["ui", "locales"]
        .into_iter()
        .flat_map(|directory| {
            WalkDir::new(paths::root().join(directory))
                .into_iter()
                .filter_entry(|entry| !matches!(entry.file_name().to_str(), Some("node_modules" | "dist")))
        })
        .filter_map(|entry| entry.ok().filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path))
        .collect();
    sources.sort();
    let inputs: Vec<_> = sources.iter().map(PathBuf::as_path).collect();
    let stamp = Stamp::new(paths::root().join("target/pages.stamp"), &inputs)?;
    if stamp.is_current() && paths::root().join("ui/dist/index.html").is_file() {
        return Ok(());
    }
    let mut npm = command("npm", ["run", "--silent", "build"]);
    must("pages", npm.current_dir(paths::root().join("ui")).envs(set_up.environment()))?;
    stamp.write()
}

/// All programs of the workspace.
pub fn programs(set_up: &SetUp) -> Result<()> {
    let mut build = command("cargo", ["build", "--workspace", "--bins", "--features", FEATURES]);
    must("programs", build.envs(set_up.environment())).map(drop)
}
