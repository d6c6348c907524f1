//! Our softphone alone, by its console: what a peer that is only a softphone is compared with.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};

use super::phone::Watch;
use super::process;
use crate::lab::{Desktop, Lab, Pbx, Process, SHORT, program, sip_password};

/// `linedesk-softphone console` with one account.
#[derive(Debug)]
pub struct Console {
    process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    next: u64,
}

impl Console {
    /// Starts it and waits until it is registered; gives also the milliseconds that took, as the PBX saw it.
    pub async fn start(
        lab: &Lab,
        desktop: &Desktop,
        pbx: &Pbx,
        number: &str,
        codecs: &[&str],
        echo_cancellation: bool,
    ) -> Result<(Self, f64)> {
        let start = Watch::begin(pbx);
        let media = json!({ "codecs": codecs, "echo_cancellation": echo_cancellation, "rtp_ports": [42_000, 42_099] });
        let console =
            Self::open(lab, "console", desktop.environment(), desktop.home(), &[(number, pbx.sip())], media).await?;
        let ready = start.registered(pbx, number).await?;
        Ok((console, ready))
    }

    /// Starts one named `name` with an account for each number and server, and waits until it is registered at the last.
    pub async fn open(
        lab: &Lab,
        name: &str,
        environment: Vec<(&'static str, String)>,
        home: &Path,
        accounts: &[(&str, SocketAddr)],
        media: Value,
    ) -> Result<Self> {
        Self::open_with(lab, name, environment, home, accounts, media, &[]).await
    }

    /// The same, with further arguments.
    pub async fn open_with(
        lab: &Lab,
        name: &str,
        environment: Vec<(&'static str, String)>,
        home: &Path,
        accounts: &[(&str, SocketAddr)],
        media: Value,
        arguments: &[&str],
    ) -> Result<Self> {
        let mut command = process::as_a_person(lab);
        command.arg(program("linedesk-softphone")?).arg("console").args(arguments).envs(environment).current_dir(home);
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(lab.log(name))?);
        let mut process = Process::start_with_input(lab, name, command)?;
        let input = process.take_stdin().context("a pipe was asked for")?;
        let output = BufReader::new(process.take_stdout().context("a pipe was asked for")?).lines();
        let mut console = Self { process, input, output, next: 0 };
        let accounts: Vec<Value> = accounts
            .iter()
            .map(|(number, at)| {
                let (server, port) = (at.ip().to_string(), at.port());
                json!({
                    "id": number, "server": server, "port": port, "transport": "udp", "domain": server,
                    "user": number, "password": sip_password(number),
                })
            })
            .collect();
        console.say(json!({ "do": "configure", "accounts": accounts, "media": media })).await?;
        for _ in &accounts {
            console.hear("registered", |message| message["event"]["registration"]["state"] == "registered").await?;
        }
        Ok(console)
    }

    /// Waits for a call and answers it.
    pub async fn answer(&mut self) -> Result<()> {
        let rings = self.hear("a ringing call", |message| message["event"]["call"]["phase"] == "ringing").await?;
        self.say(json!({ "do": "answer", "call": rings["event"]["call"]["id"] })).await
    }

    /// Codec of the running call.
    pub async fn codec(&mut self) -> Result<String> {
        let told = self
            .hear("quality of the call", |message| message["event"]["call"]["quality"]["codec"].is_string())
            .await?;
        Ok(told["event"]["call"]["quality"]["codec"].as_str().unwrap_or_default().to_ascii_lowercase())
    }

    /// Its id.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Unregisters and ends.
    pub async fn end(mut self) -> Result<()> {
        self.say(json!({ "do": "shutdown", "when_idle": false })).await?;
        drop(self.input);
        // Its words must be read, or it would wait for us.
        let reading = async { while let Ok(Some(_)) = self.output.next_line().await {} };
        tokio::time::timeout(SHORT, reading).await.context("the console does not end")?;
        self.process.ended(SHORT).await.map(drop)
    }

    /// Says a command.
    pub async fn say(&mut self, command: Value) -> Result<()> {
        self.next += 1;
        let line = format!("{}\n", json!({ "id": self.next, "command": command }));
        Ok(self.input.write_all(line.as_bytes()).await?)
    }

    /// Reads on until a message is the wanted one.
    pub async fn hear(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let search = async {
            loop {
                let line = self.output.next_line().await?.context("the softphone ended")?;
                let message: Value = serde_json::from_str(&line)?;
                if !message["result"]["error"].is_null() || message["type"] == "refused" {
                    bail!("the softphone refuses: {message}");
                }
                if wanted(&message) {
                    return Ok(message);
                }
            }
        };
        tokio::time::timeout(SHORT, search).await.with_context(|| format!("the softphone never said: {what}"))?
    }
}
