//! A child of the lab.

use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::Lab;

/// A running program with its own process group; its output is in a log. It is killed with its group on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    pid: i32,
    log: PathBuf,
}

impl Process {
    /// Starts `command` (made by [`Lab::command`]); `name` is that of its log.
    pub fn start(lab: &Lab, name: &str, mut command: Command) -> Result<Self> {
        let log = lab.log(name);
        // A second start of the same name goes on in the same log.
        let output = File::options().create(true).append(true).open(&log)?;
        command.stdout(output.try_clone()?).stderr(output);
        Self::start_piped(lab, name, command)
    }

    /// As [`Process::start`], but what the caller set for standard output stays (a pipe).
    pub fn start_piped(lab: &Lab, name: &str, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::spawn(lab, name, command)
    }

    /// As [`Process::start_piped`], with a pipe to its standard input too.
    pub fn start_with_input(lab: &Lab, name: &str, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped());
        Self::spawn(lab, name, command)
    }

    fn spawn(lab: &Lab, name: &str, mut command: Command) -> Result<Self> {
        let shown = format!("{:?}", command.as_std().get_program());
        let child =
            command.process_group(0).kill_on_drop(true).spawn().with_context(|| {
                format!("cannot start {name} ({shown}): `cargo xtask setup` installs what is missing")
            })?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).context("a fresh child has an id")?;
        Ok(Self { name: name.to_owned(), child, pid, log: lab.log(name) })
    }

    /// Process id, also of its group.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// What it printed up to now, for messages.
    pub fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// An error with its last words if it has ended already.
    pub fn must_run(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended by itself ({status}):\n{}", self.name, self.log());
        }
        Ok(())
    }

    /// Its standard output, once.
    pub fn take_stdout(&mut self) -> Option<tokio::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard input, once.
    pub fn take_stdin(&mut self) -> Option<tokio::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid), signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// SIGKILL to the process alone, as a crash would be, and waits until it is gone.
    pub async fn crash(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait().await?;
        Ok(())
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self, deadline: Duration) -> Result<ExitStatus> {
        match tokio::time::timeout(deadline, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("{} did not end within {deadline:?}:\n{}", self.name, self.log()),
        }
    }

    /// SIGTERM; SIGKILL to the group when that has not ended it in time.
    pub async fn stop(&mut self, deadline: Duration) -> Result<()> {
        if self.is_running() {
            self.signal(Signal::SIGTERM)?;
            if tokio::time::timeout(deadline, self.child.wait()).await.is_err() {
                let _ = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
                self.child.wait().await?;
            }
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
    }
}
