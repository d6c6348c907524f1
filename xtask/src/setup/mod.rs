//! `cargo xtask setup`: everything that is needed and not there. Idempotent; quick when there is nothing to do.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::{answer, clock, command, is_there, must, tail, watched};
use crate::paths;

mod packages;
mod stamp;

use packages::Probe;
pub use stamp::Stamp;

/// The test runner, if the machine has none.
const NEXTEST: &str = "0.9.143";

/// What the set-up found or made.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// pjproject's installed prefix.
    pub pjproject: PathBuf,
    /// Asterisk 22, unpacked.
    pub asterisk_22: PathBuf,
    /// Asterisk 16, or why it is not to be had.
    pub asterisk_16: Result<PathBuf, String>,
    /// A TURN server, unpacked.
    pub coturn: PathBuf,
    /// Programs installed by cargo.
    pub tools: PathBuf,
}

impl SetUp {
    /// The variables by which builds and the lab find it all.
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let mut all = vec![
            ("PJPROJECT_PREFIX", self.pjproject.clone()),
            ("LINEDESK_ASTERISK_22", self.asterisk_22.clone()),
            ("LINEDESK_COTURN", self.coturn.clone()),
            ("LINEDESK_TOOLS", self.tools.clone()),
        ];
        if let Ok(asterisk) = &self.asterisk_16 {
            all.push(("LINEDESK_ASTERISK_16", asterisk.clone()));
        }
        all
    }
}

/// Does it, and says what it does.
pub fn run() -> Result<SetUp> {
    let started = Instant::now();
    eprintln!("Set-up");
    let cache = paths::cache()?;
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot make the cache {}", cache.display()))?;
    // Two set-ups at once would unpack over each other.
    let lock = std::fs::File::create(cache.join("setup.lock"))?;
    fs4::FileExt::lock(&lock).context("cannot lock the cache")?;

    system_packages()?;
    npm_packages()?;
    let pjproject = pjproject()?;
    let asterisk_22 = unpacked(&cache, "asterisk/22", "sid", "asterisk")?;
    // Debian 11 is past its support and may leave the mirrors; the tests of this version then count as skipped.
    let asterisk_16 = unpacked(&cache, "asterisk/16", "bullseye", "asterisk").map_err(|error| {
        let reason = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
        eprintln!("  ! Asterisk 16 cannot be had, its tests will be skipped: {reason}");
        reason
    });
    let coturn = unpacked(&cache, "coturn", "bookworm", "coturn")?;
    let tools = cache.join("tools");
    if !is_there("cargo-nextest") {
        cargo_tool(&tools, "cargo-nextest", NEXTEST)?;
    }
    eprintln!("  ✓ set-up is complete ({})", clock(started.elapsed()));
    Ok(SetUp { pjproject, asterisk_22, asterisk_16, coturn, tools })
}

fn system_packages() -> Result<()> {
    let missing = missing_packages();
    if missing.is_empty() {
        return Ok(());
    }
    let root = nix::unistd::geteuid().is_root();
    let debian = is_there("apt-get") && is_there("dpkg-query");
    if !(root && debian) {
        bail!("{}", what_is_needed(&missing, debian));
    }
    eprintln!("  installing {} system packages: {}", missing.len(), missing.join(" "));
    must("package lists", &mut command("apt-get", ["update", "-qq"]))?;
    let before = database_clusters();
    let mut install = command("apt-get", ["install", "-y", "-qq", "--no-install-recommends"]);
    install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    must("system packages", &mut install)?;
    // Debian makes and starts a server for the whole system with the package; nobody here asked for one.
    for cluster in database_clusters().into_iter().filter(|cluster| !before.contains(cluster)) {
        let (version, name) = cluster;
        must("no database server of the system", &mut command("pg_dropcluster", ["--stop", &version, &name]))?;
    }
    let still = missing_packages();
    if !still.is_empty() {
        bail!("apt-get says it is done, but these are still missing: {}", still.join(" "));
    }
    Ok(())
}

/// Version and name of the database servers that Debian knows of.
fn database_clusters() -> Vec<(String, String)> {
    let listed = answer(&mut command("pg_lsclusters", ["--no-header"])).unwrap_or_default();
    let words = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.next()?))
    };
    listed.lines().filter_map(words).collect()
}

fn missing_packages() -> Vec<&'static str> {
    let installed = answer(&mut command("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n"]));
    match installed {
        Some(list) => {
            let installed: HashSet<&str> = list.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
            packages::all().map(|(name, _)| name).filter(|name| !installed.contains(name)).collect()
        }
        // Not Debian: look for what the packages bring.
        None => packages::all().filter(|(_, probe)| !is_met(*probe)).map(|(name, _)| name).collect(),
    }
}

fn is_met(probe: Probe) -> bool {
    match probe {
        Probe::Program(name) => is_there(name),
        Probe::PkgConfig(module) => answer(&mut command("pkg-config", ["--exists", module])).is_some(),
        Probe::File(path) => Path::new(path).exists(),
    }
}

/// One screen for a machine where we may not install: what, why, how to get it.
fn what_is_needed(missing: &[&str], debian: bool) -> String {
    let mut text =
        String::from("Linedesk needs system packages that are not here, and nothing was started or changed.\n\n");
    for group in packages::GROUPS {
        let wanted: Vec<&str> =
            group.packages.iter().map(|(name, _)| *name).filter(|name| missing.contains(name)).collect();
        if !wanted.is_empty() {
            text += &format!("  {}:\n      {}\n", group.why, wanted.join(" "));
        }
    }
    if debian {
        text += &format!(
            "\nHow to get them (as root, then start this again as yourself):\n  sudo apt-get update && sudo apt-get install --no-install-recommends {}\n",
            missing.join(" ")
        );
    } else {
        text += "\nThis is not Debian 12, so the names above are only a guide: install what carries the same content with this \
                 system's own packages, or work in a Debian 12 container. Programs and pkg-config modules are looked for, so \
                 this goes on as soon as they are there.\n";
    }
    text
}

fn npm_packages() -> Result<()> {
    let ui = paths::root().join("ui");
    let lock = ui.join("package-lock.json");
    if !is_there("npm") {
        bail!("npm is not on the PATH: install Node.js 20 or newer, then start this again");
    }
    let stamp = Stamp::new(ui.join("node_modules/.set-up"), &[&lock])?;
    if stamp.is_current() {
        return Ok(());
    }
    let mut install = command("npm", ["ci", "--no-audit", "--no-fund"]);
    must("npm packages", install.current_dir(&ui))?;
    stamp.write()
}

fn pjproject() -> Result<PathBuf> {
    let mut prepare = Command::new(paths::root().join("pjproject-sys/prepare.sh"));
    // What it says goes to a log with everything else; the prefix is the last line.
    let finished = watched("pjproject", prepare.current_dir(paths::root()))?;
    let output = finished.output();
    let prefix = output.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(PathBuf::from);
    match prefix {
        Some(prefix) if finished.status.success() && prefix.join("lib").is_dir() => {
            for notice in output.lines().filter(|line| line.to_lowercase().contains("notice")) {
                eprintln!("    {notice}");
            }
            Ok(prefix)
        }
        _ => bail!("pjproject could not be prepared; whole log: {}\n{}", finished.log.display(), tail(&output, 30)),
    }
}

/// A package of a Debian suite with all its libraries, unpacked under the cache; nothing is installed.
fn unpacked(cache: &Path, name: &str, suite: &str, package: &str) -> Result<PathBuf> {
    let directory = cache.join(name);
    let scripts = paths::root();
    let unpack = scripts.join("tests/lab/unpack.sh");
    let stamp = Stamp::new(directory.join(".set-up"), &[&unpack])?;
    if stamp.is_current() {
        return Ok(directory);
    }
    let fresh = cache.join(format!("{name}.new"));
    for old in [&fresh, &directory] {
        if old.exists() {
            std::fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    let mut command = Command::new(&unpack);
    command.args([suite, package]).arg(&fresh).current_dir(scripts);
    must(name, &mut command)?;
    std::fs::rename(&fresh, &directory)?;
    stamp.write()?;
    Ok(directory)
}

fn cargo_tool(tools: &Path, name: &str, version: &str) -> Result<()> {
    let installed = std::fs::read_to_string(tools.join(".crates.toml")).unwrap_or_default();
    if tools.join("bin").join(name).is_file() && installed.contains(&format!("\"{name} {version} ")) {
        return Ok(());
    }
    let mut install = command("cargo", ["install", "--locked", "--quiet", "--root"]);
    install.arg(tools).arg(format!("{name}@{version}"));
    must(&format!("{name} {version}"), &mut install).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_names_the_reason_and_the_command() {
        let text = what_is_needed(&["libopus-dev", "xvfb"], true);
        assert!(text.contains("softphone") && text.contains("apt-get install") && text.contains("libopus-dev xvfb"));
        assert!(!text.contains("libgsm1-dev"), "only what is missing is named");
        assert!(text.lines().count() < 25, "one screen");
    }

    #[test]
    fn no_package_is_listed_twice() {
        let mut seen = HashSet::new();
        for (name, _) in packages::all() {
            assert!(seen.insert(name), "{name}");
        }
    }
}
