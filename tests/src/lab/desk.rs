//! An operator's workstation: the real shell in a real window, or the core without one.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};

use super::driver::{Driver, automation, free_port};
use super::{Central, Desktop, Lab, Process, SHORT, program, until};

/// What a shell is started with.
#[derive(Debug, Clone, Default)]
pub struct DeskSettings {
    /// Name of its logs.
    pub name: String,
    /// Arguments of `linedesk`.
    pub arguments: Vec<String>,
    /// Variables besides those of the desktop.
    pub environment: Vec<(String, String)>,
}

/// The shell in its window. Words of the window (`click`, `see`, …) come from [`Driver`] through deref.
#[derive(Debug)]
pub struct Desk {
    lab: Lab,
    /// `None`: the one that was started here is gone; the softphone's is another's child.
    shell: Option<Process>,
    driver: Driver,
    inspector: u16,
}

impl std::ops::Deref for Desk {
    type Target = Driver;

    fn deref(&self) -> &Driver {
        &self.driver
    }
}

impl Desk {
    /// Opens the window on a desktop.
    pub async fn open(lab: &Lab, desktop: &Desktop) -> Result<Self> {
        Self::open_with(lab, desktop, DeskSettings { name: "shell".to_owned(), ..DeskSettings::default() }).await
    }

    /// Opens it with arguments and variables of its own.
    pub async fn open_with(lab: &Lab, desktop: &Desktop, settings: DeskSettings) -> Result<Self> {
        let inspector = free_port()?;
        let mut command = lab.command(program("linedesk")?);
        command.args(&settings.arguments).envs(desktop.environment()).envs(automation(inspector));
        command.envs(settings.environment).current_dir(desktop.home());
        let mut shell = Process::start(lab, &settings.name, command)?;
        let driver = match Driver::attach(lab, inspector).await {
            Ok(driver) => driver,
            Err(error) => {
                shell.must_run()?;
                return Err(error.context(shell.log()));
            }
        };
        Ok(Self { lab: lab.clone(), shell: Some(shell), driver, inspector })
    }

    /// Fills the sign-in screen and sends it; what comes of it is for the test to see.
    pub async fn sign_in(&self, central: &Central, username: &str, password: &str) -> Result<()> {
        self.fill("#server", &central.url()).await?;
        self.fill("#username", username).await?;
        self.fill("#password", password).await?;
        self.click("[data-do=sign-in]").await
    }

    /// Process id of the shell that was started by [`Desk::open`].
    pub fn pid(&self) -> Result<i32> {
        self.shell.as_ref().map(Process::pid).context("the shell that was started here is gone")
    }

    /// SIGKILL to the shell, as a crash. The window is gone; [`Desk::attach_again`] finds the next one.
    pub async fn crash(&mut self) -> Result<()> {
        self.shell.take().context("the shell that was started here is gone already")?.crash().await
    }

    /// Attaches to the shell that was started by the softphone (or by whoever) on the same desktop.
    pub async fn attach_again(&mut self) -> Result<()> {
        self.driver = Driver::attach(&self.lab, self.inspector).await?;
        Ok(())
    }

    /// Ids of the softphone processes of this lab.
    pub fn softphones(&self) -> Vec<i32> {
        self.lab.processes().into_iter().filter(|pid| runs(*pid, "linedesk-softphone")).collect()
    }

    /// Ids of the shells of this lab, whoever started them.
    pub fn shells(&self) -> Vec<i32> {
        self.lab.processes().into_iter().filter(|pid| runs(*pid, "linedesk")).collect()
    }

    /// SIGKILL to the softphone, as a crash; an error unless there is exactly one.
    pub async fn crash_softphone(&self) -> Result<i32> {
        match self.softphones()[..] {
            [pid] => {
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)?;
                until("the softphone is gone", SHORT, async || (!self.softphones().contains(&pid)).then_some(()))
                    .await?;
                Ok(pid)
            }
            ref all => bail!("there should be one softphone, there are {all:?}"),
        }
    }
}

fn runs(pid: i32, name: &str) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.file_name().is_some_and(|file| file == name))
}

/// `linedesk-headless`: the workstation without a window, by JSON lines.
#[derive(Debug)]
pub struct Headless {
    process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Headless {
    /// Starts it with these arguments.
    pub async fn start(lab: &Lab, desktop: &Desktop, name: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = lab.command(program("linedesk-headless")?);
        command.args(arguments).envs(desktop.environment()).current_dir(desktop.home());
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(lab.log(name))?);
        let mut process = Process::start_with_input(lab, name, command)?;
        let input = process.take_stdin().context("a pipe was asked for")?;
        let output = BufReader::new(process.take_stdout().context("a pipe was asked for")?).lines();
        Ok(Self { process, input, output })
    }

    /// Says one line.
    pub async fn say(&mut self, command: &Value) -> Result<()> {
        self.input
            .write_all(format!("{command}\n").as_bytes())
            .await
            .map_err(|error| anyhow::Error::new(error).context(self.process.log()))
    }

    /// Reads lines until one is wanted.
    pub async fn hear(&mut self, deadline: Duration, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let search = async {
            loop {
                let line = self.output.next_line().await?.context("linedesk-headless ended")?;
                let value: Value = serde_json::from_str(&line).with_context(|| format!("not a JSON line: {line}"))?;
                if wanted(&value) {
                    return anyhow::Ok(value);
                }
            }
        };
        tokio::time::timeout(deadline, search).await.with_context(|| format!("linedesk-headless never said: {what}"))?
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
