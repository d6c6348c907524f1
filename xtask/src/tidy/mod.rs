//! `cargo xtask tidy`: the invariants of the workspace, each with its reason.

use anyhow::Result;

/// How many rules hold.
#[derive(Debug)]
pub struct Report {
    pub kept: u32,
    pub broken: u32,
}

pub fn run() -> Result<()> {
    check().map(drop)
}

pub fn check() -> Result<Report> {
    Ok(Report { kept: 0, broken: 0 })
}
