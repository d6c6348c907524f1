//! The place of a lab, and the promise that nothing outlives it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::Command;

/// Each process of a lab carries this with the lab's directory, so that also one that left its parent and session (a
/// softphone whose shell was killed) is found and ended.
const MARK: &str = "LINEDESK_LAB_DIRECTORY";

/// A directory of its own with a short path (sockets have 104 bytes), logs, and all processes started in it.
#[derive(Debug, Clone)]
pub struct Lab(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: Option<TempDir>,
    done: AtomicBool,
}

impl Lab {
    /// A lab for a test; it must be in a network namespace of its own.
    pub fn new(name: &str) -> Result<Self> {
        require_netns()?;
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        Self::in_the_open(name)
    }

    /// A lab in the user's own namespace, on loopback and free ports (the demo).
    pub fn in_the_open(name: &str) -> Result<Self> {
        let short = Path::new("/tmp");
        let directory = tempfile::Builder::new().prefix("ld-").rand_bytes(5).tempdir_in(short)?;
        std::fs::create_dir(directory.path().join("logs"))?;
        std::fs::write(directory.path().join("name"), name)?;
        Ok(Self(Arc::new(Inner { directory: Some(directory), done: AtomicBool::new(false) })))
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.0.directory.as_ref().expect("the directory is given up only in drop").path()
    }

    /// A directory in it, made if need be.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// Where a program's output goes.
    pub fn log(&self, name: &str) -> PathBuf {
        self.path().join("logs").join(format!("{name}.log"))
    }

    /// A command whose process belongs to this lab and knows nothing of the desktop of the person who runs the test.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for variable in
            ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PULSE_SERVER", "XDG_RUNTIME_DIR", "LANGUAGE"]
        {
            command.env_remove(variable);
        }
        command.env(MARK, self.path()).env("LC_ALL", "C.UTF-8");
        command
    }

    /// The test came to its end: nothing needs to be kept. Without this the directory stays, and its path is printed.
    pub fn done(&self) {
        self.0.done.store(true, Ordering::Relaxed);
    }

    /// Ids of the processes that belong to this lab.
    pub fn processes(&self) -> Vec<i32> {
        processes_with(&format!("{MARK}={}", self.path().display()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some(directory) = self.directory.take() else { return };
        let mark = format!("{MARK}={}", directory.path().display());
        let started = Instant::now();
        // A process may be starting another while we look, so look until there is none.
        loop {
            let left = processes_with(&mark);
            if left.is_empty() || started.elapsed() > Duration::from_secs(3) {
                break;
            }
            for pid in left {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            std::thread::yield_now();
        }
        let keep = !self.done.load(Ordering::Relaxed) || std::thread::panicking();
        if keep {
            let path = directory.keep();
            eprintln!("the lab's logs are kept: {}", path.join("logs").display());
        }
    }
}

/// Processes other than this one whose environment has the line; zombies have none.
fn processes_with(mark: &str) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| u32::try_from(*pid).is_ok_and(|pid| pid != std::process::id()))
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
            })
        })
        .collect()
}

/// An error unless this process is in a network namespace that only has a loopback: with fixed ports and 10.x addresses a
/// test must not run in the machine's own.
pub fn require_netns() -> Result<()> {
    let devices = std::fs::read_to_string("/proc/net/dev").context("cannot read /proc/net/dev")?;
    let others: Vec<&str> = devices
        .lines()
        .skip(2)
        .filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()))
        .filter(|name| *name != "lo")
        .collect();
    if !others.is_empty() {
        bail!(
            "this test needs a network namespace of its own, and here is {}: start it by `cargo xtask test --only SUITE`, or `unshare -n`",
            others.join(", ")
        );
    }
    Ok(())
}

/// Path of one of the workspace's programs, built before by `cargo xtask test` or by hand.
pub fn program(name: &str) -> Result<PathBuf> {
    let me = std::env::current_exe().context("where is this test?")?;
    // target/debug/deps/test-hash, or target/debug/program.
    let found = me.ancestors().skip(1).take(2).map(|directory| directory.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("there is no program {name} beside this test: `cargo build --workspace --bins --features linedesk/custom-protocol`"))
}
