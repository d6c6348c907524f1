//! A stream in a process of its own, so that what it costs is not taken for the reader's.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::pbx::{Pace, Said, Sent};
use super::stream::Settings;
use crate::lab::{Lab, Process};

/// A peer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running PBX of a stream.
#[derive(Debug)]
pub struct Generator {
    process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Where its manager interface is.
    pub port: u16,
}

impl Generator {
    /// Starts this program again with `serve`.
    pub async fn start(lab: &Lab, settings: &Settings, pace: Pace, core: Option<usize>) -> Result<Self> {
        let name = format!("pbx-{}", settings.mix.name);
        let mut command = lab.command(std::env::current_exe()?);
        command.args(["serve", "--mix", settings.mix.name, "--rounds", &settings.rounds.to_string()]);
        command.args(["--at-once", &settings.at_once.to_string()]);
        match pace {
            Pace::AsTaken => {}
            Pace::Live => drop(command.arg("--live")),
            Pace::Times(speed) => drop(command.args(["--times", &speed.to_string()])),
        }
        if let Some(core) = core {
            command.args(["--core", &core.to_string()]);
        }
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(lab.log(&name))?);
        let mut process = Process::start_with_input(lab, &name, command)?;
        let input = process.take_stdin().context("a pipe was asked for")?;
        let output = BufReader::new(process.take_stdout().context("a pipe was asked for")?).lines();
        let mut generator = Self { process, input, output, port: 0 };
        let Said::Listens { port } = generator.said().await? else { bail!("the stream began before it was wanted") };
        generator.port = port;
        Ok(generator)
    }

    /// Begins the stream; somebody must have logged in.
    pub async fn go(&mut self) -> Result<()> {
        self.input.write_all(b"go\n").await.context("the process of the stream is gone")
    }

    /// Waits until all is sent.
    pub async fn sent(&mut self) -> Result<Sent> {
        match self.said().await? {
            Said::Sent(sent) => Ok(sent),
            other @ Said::Listens { .. } => bail!("{other:?} instead of what was sent"),
        }
    }

    /// Ends it.
    pub async fn end(mut self) -> Result<()> {
        drop(self.input);
        self.process.ended(Duration::from_secs(5)).await.map(drop)
    }

    async fn said(&mut self) -> Result<Said> {
        let line = timeout(PATIENCE, self.output.next_line()).await.context("the stream is not read to its end")??;
        let line = line.with_context(|| format!("the process of the stream has ended: {}", self.process.log()))?;
        Ok(serde_json::from_str(&line)?)
    }
}
