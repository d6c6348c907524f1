//! `cargo xtask bench NAME`: release builds, measured inside a namespace of the lab, beside a peer where there is one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::build::{self, FEATURES};
use crate::command::{answer, command, is_there, must, shown};
use crate::paths;
use crate::setup::{self, SetUp};
use crate::test::{Capabilities, ENTER};

mod managers;
mod python;
mod speech;

/// A bench is a program of tests/src/bin/ named `bench-NAME`.
struct Bench {
    name: &'static str,
    /// Peers and what else it needs: package, program.
    needs: &'static [(&'static str, &'static str)],
    /// What is built for it.
    builds: Builds,
    /// What else it needs, by the variables that say where that is.
    finds: fn() -> Result<Vec<(&'static str, PathBuf)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Builds {
    /// All programs and the pages.
    Workplace,
    /// The softphone and the benches.
    Softphone,
    /// The server and the benches.
    Central,
}

const BARESIP: (&str, &str) = ("baresip-core", "baresip");

const BENCHES: &[Bench] = &[
    Bench {
        name: "first-call",
        needs: &[BARESIP, ("linphone-desktop", "linphone")],
        builds: Builds::Workplace,
        finds: nothing,
    },
    Bench { name: "softphone", needs: &[BARESIP], builds: Builds::Softphone, finds: nothing },
    Bench {
        name: "voice",
        needs: &[BARESIP, ("opus-tools", "opusenc")],
        builds: Builds::Softphone,
        finds: speech::environment,
    },
    Bench { name: "collector", needs: &[], builds: Builds::Central, finds: managers::environment },
];

/// Its own directory: a release build beside the tests' keeps neither waiting for the other.
const TARGET: &str = "target/bench";

/// Builds, measures, prints the table and writes the JSON.
pub fn run(name: &str, json: Option<&Path>, full: bool) -> Result<()> {
    let Some(wanted) = BENCHES.iter().find(|bench| bench.name == name) else {
        let all: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        bail!("there is no bench {name:?}; there are: {}", all.join(", "));
    };
    let set_up = setup::run()?;
    let capabilities = Capabilities::probe();
    let flags = match &capabilities.namespace {
        Ok(flags) => *flags,
        Err(why) => bail!("a bench needs a namespace of its own: {why}"),
    };
    install(wanted.needs)?;
    let found = (wanted.finds)()?;
    eprintln!("Builds");
    if wanted.builds == Builds::Workplace {
        build::pages(&set_up)?;
    }
    programs(&set_up, wanted)?;
    neighbours();
    eprintln!("{name}");
    let mut bench = command("unshare", flags.iter().copied());
    bench.args(["sh", "-c", ENTER, "bench"]).arg(directory().join(format!("bench-{name}")));
    bench.args(["--commit", &commit()]).envs(set_up.environment()).envs(found);
    bench.args(full.then_some("--full"));
    if let Some(path) = json {
        // As the person sees it; the bench runs in the checkout.
        bench.arg("--json").arg(std::path::absolute(path)?);
    }
    let status = bench.status().with_context(|| format!("cannot start `{}`", shown(&bench)))?;
    if !status.success() {
        bail!("the bench ended with {status}; it says above what failed and where its logs are");
    }
    Ok(())
}

/// What is missing is said and then reported as missing by the bench: a peer is no reason not to measure ours.
fn install(needs: &[(&'static str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        needs.iter().filter(|(_, program)| !is_there(program)).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !(nix::unistd::geteuid().is_root() && is_there("apt-get")) {
        eprintln!("  ! without {} the comparison is missing: sudo apt-get install", missing.join(" and "));
        return Ok(());
    }
    let mut install = command("apt-get", ["install", "-y", "-qq", "--no-install-recommends"]);
    install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    must("peers", &mut install).map(drop)
}

/// For a bench that needs nothing more.
fn nothing() -> Result<Vec<(&'static str, PathBuf)>> {
    Ok(Vec::new())
}

/// Says what else runs that makes the figures untrue: compilers take time, another WebKit shares pages with ours.
fn neighbours() {
    let disturbing = ["rustc", "node", "WebKitWebProcess", "linedesk", "linedesk-softphone", "linphone", "chromium"];
    let mut seen: Vec<String> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path().join("exe")).ok())
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .filter(|name| disturbing.contains(&name.as_str()))
        .collect();
    seen.sort();
    seen.dedup();
    if !seen.is_empty() {
        eprintln!("  ! beside the bench run {}: its figures will not be true", seen.join(", "));
    }
}

fn programs(set_up: &SetUp, bench: &Bench) -> Result<()> {
    let own = format!("bench-{}", bench.name);
    let what: &[&str] = match bench.builds {
        Builds::Workplace => &["--workspace", "--bins", "--features", FEATURES],
        Builds::Softphone => &["-p", "linedesk-softphone", "-p", "linedesk-tests", "--bins"],
        Builds::Central => {
            &["-p", "linedesk-central", "-p", "linedesk-tests", "--bin", "linedesk-central", "--bin", &own]
        }
    };
    let mut build = command("cargo", ["build", "--release", "--target-dir", TARGET]);
    must("release build", build.args(what).envs(set_up.environment())).map(drop)
}

fn directory() -> PathBuf {
    paths::root().join(TARGET).join("release")
}

/// Commit, with a mark when the tree is not it.
fn commit() -> String {
    let said = answer(&mut command("git", ["describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]));
    said.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
