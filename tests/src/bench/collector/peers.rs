//! AMI clients of other languages on the same stream. `cargo xtask bench` installs them from their registries.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

use super::action::{SECRET, USER};
use super::generator::Generator;
use super::measure::Pass;
use super::pbx::Sent;
use super::stream::Settings;
use crate::lab::{Lab, Process};

/// A peer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// A client of another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// npm's `asterisk-manager`, for Node.
    AsteriskManager,
    /// PyPI's `panoramisk`, for Python.
    Panoramisk,
}

/// What a peer prints at the end.
#[derive(Debug, Deserialize)]
struct Counted {
    events: u64,
    seconds: f64,
    processor: f64,
}

impl Peer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::AsteriskManager, Self::Panoramisk];

    /// As its registry calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsteriskManager => "asterisk-manager",
            Self::Panoramisk => "panoramisk",
        }
    }

    /// Receives a stream and counts its events.
    pub async fn count(self, lab: &Lab, generator: &mut Generator, settings: &Settings) -> Result<(Pass, Sent)> {
        let arguments = [generator.port.to_string(), settings.events().to_string()];
        let mut running = self.start(lab, &arguments)?;
        let ready = running.line().await?;
        ensure!(ready == "ready", "{} says {ready:?} instead of being logged in", self.name());
        generator.go().await?;
        let pass = running.counted(settings.events()).await?;
        Ok((pass, generator.sent().await?))
    }

    /// Counts the events of a file by its parser alone, as far as it can be had alone.
    pub async fn parse(self, lab: &Lab, file: &Path, events: u64) -> Result<Pass> {
        let path = file.to_str().context("the path of the lab is no text")?.to_owned();
        self.start(lab, &["file".to_owned(), path])?.counted(events).await
    }

    fn start(self, lab: &Lab, arguments: &[String]) -> Result<Running> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bench/collector/peers");
        let mut command = match self {
            Self::AsteriskManager => {
                let mut command = lab.command("node");
                command.arg(scripts.join("count.js")).env("NODE_PATH", installed(self, "LINEDESK_PEER_NODE")?);
                command
            }
            Self::Panoramisk => {
                let mut command = lab.command(installed(self, "LINEDESK_PEER_PYTHON")?.join("bin/python"));
                command.arg(scripts.join("count.py"));
                command
            }
        };
        command.args(arguments).envs([("AMI_USER", USER), ("AMI_SECRET", SECRET)]);
        Running::start(lab, self, command)
    }
}

/// Where `cargo xtask bench` has put it.
fn installed(peer: Peer, variable: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.with_context(|| format!("{} was not installed: `cargo xtask bench collector` says why", peer.name()))
}

struct Running {
    peer: Peer,
    process: Process,
    output: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(lab: &Lab, peer: Peer, mut command: Command) -> Result<Self> {
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(lab.log(peer.name()))?);
        let mut process = Process::start_piped(lab, peer.name(), command)?;
        let output = BufReader::new(process.take_stdout().context("a pipe was asked for")?).lines();
        Ok(Self { peer, process, output })
    }

    async fn line(&mut self) -> Result<String> {
        let line = timeout(PATIENCE, self.output.next_line()).await;
        match line.with_context(|| format!("{} needs more than {PATIENCE:?}", self.peer.name()))?? {
            Some(line) => Ok(line),
            None => bail!("{} has ended: {}", self.peer.name(), self.process.log()),
        }
    }

    async fn counted(&mut self, events: u64) -> Result<Pass> {
        let counted: Counted = serde_json::from_str(&self.line().await?)?;
        ensure!(counted.events == events, "{} counted {} of {events} events", self.peer.name(), counted.events);
        Ok(Pass {
            events,
            bytes: 0,
            processor: Duration::from_secs_f64(counted.processor),
            wall: Duration::from_secs_f64(counted.seconds),
        })
    }
}
