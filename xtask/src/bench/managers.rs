//! The AMI clients of other languages beside which the bench `collector` measures ours. Both in the cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::python;
use crate::command::{command, must};
use crate::paths;
use crate::setup::Stamp;

/// Where the checkout says which.
const PEERS: &str = "tests/src/bench/collector/peers";

/// The variables by which the bench finds them. One that cannot be had is said and then reported as missing by the bench: a peer is
/// no reason not to measure ours.
pub fn environment() -> Result<Vec<(&'static str, PathBuf)>> {
    let cache = paths::cache()?.join("collector");
    std::fs::create_dir_all(&cache)?;
    let requirements = format!("{PEERS}/requirements.txt");
    let peers = [
        ("LINEDESK_PEER_NODE", node(&cache.join("node"))),
        ("LINEDESK_PEER_PYTHON", python::environment("panoramisk", &cache.join("python"), &requirements)),
    ];
    let mut found = Vec::new();
    for (variable, peer) in peers {
        match peer {
            Ok(path) => found.push((variable, path)),
            Err(error) => eprintln!("  ! a peer cannot be had, its comparison is missing: {error:#}"),
        }
    }
    Ok(found)
}

/// `node_modules` of asterisk-manager.
fn node(directory: &Path) -> Result<PathBuf> {
    let peers = paths::root().join(PEERS);
    let (package, lock) = (peers.join("package.json"), peers.join("package-lock.json"));
    let stamp = Stamp::new(directory.join("node_modules/.set-up"), &[&package, &lock])?;
    if !stamp.is_current() {
        std::fs::create_dir_all(directory)?;
        for file in [&package, &lock] {
            let name = file.file_name().context("a file has a name")?;
            std::fs::copy(file, directory.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
        }
        let mut install = command("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
        must("asterisk-manager", install.current_dir(directory))?;
        stamp.write()?;
    }
    Ok(directory.join("node_modules"))
}
