//! The workplace in its window: start, end, memory.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::process;
use crate::lab::{
    Caller, Central, Customer, Desk, Desktop, Lab, Office, Pbx, PbxSettings, Process, SHORT, Speech, Version, program,
    until,
};

/// A PBX, central, a desktop; Anna works here.
#[derive(Debug)]
pub struct Workplace {
    /// Central.
    pub central: Central,
    /// PBX; 1001 is Anna's phone, 1002 and 1003 are the peers', 1004 our softphone alone.
    pub pbx: Pbx,
    /// Display, bus, sound.
    pub desktop: Desktop,
    /// Place of it all.
    pub lab: Lab,
}

/// Milliseconds since the process began, as the shell says itself.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Something of ours is painted.
    pub first_paint: f64,
    /// The frame takes a key.
    pub usable: f64,
    /// The phone is registered.
    pub registered: f64,
}

/// Memory in MB (PSS).
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// `linedesk` and what it started, without the following two.
    pub shell: f64,
    /// WebKit's own processes.
    pub webkit: f64,
    /// `linedesk-softphone`.
    pub softphone: f64,
}

impl Memory {
    /// All of it.
    pub fn sum(&self) -> f64 {
        self.shell + self.webkit + self.softphone
    }
}

impl Workplace {
    /// Starts all but the window. Not on 127.0.0.1: some peers refuse a machine that has only that.
    pub async fn start(lab: &Lab) -> Result<Self> {
        let settings = PbxSettings {
            address: [10, 77, 0, 1].into(),
            customer_address: [10, 77, 0, 2].into(),
            ..PbxSettings::default()
        };
        let pbx = Pbx::start_with(lab, Version::V22, settings).await?;
        let desktop = Desktop::start(lab).await?;
        let central = Central::start(lab, &Office::new(&pbx)).await?;
        Ok(Self { central, pbx, desktop, lab: lab.clone() })
    }

    /// Opens the window under WebDriver and signs Anna in, available in the queue support.
    pub async fn sign_in(&self) -> Result<Desk> {
        let desk = Desk::open(&self.lab, &self.desktop).await?;
        desk.sign_in(&self.central, "anna", "anna-password").await?;
        desk.see("body[data-session=signed-in]").await?;
        self.pbx.registered("1001").await?;
        desk.see("[data-part=truth-phone][data-state=ok]").await?;
        desk.click("[data-part=status]").await?;
        desk.click("[data-do=status-available]").await?;
        let chip = "[data-part=queue][data-queue=Support]";
        desk.see(chip).await?;
        if desk.attribute(chip, "data-joined").await?.as_deref() != Some("true") {
            desk.click(chip).await?;
            desk.click("[data-do=join]").await?;
        }
        let free = |member: Option<&crate::lab::Member>| member.is_some_and(|member| !member.paused);
        self.pbx.member_until("support", "PJSIP/1001", "Anna is a free member of support", free).await?;
        Ok(desk)
    }

    /// A warm start without a driver: from the cache that the last run left, by the token in the keyring.
    pub async fn warm_start(&self) -> Result<(Process, Start)> {
        let timings = self.timings();
        let _ = std::fs::remove_file(&timings);
        let mut command = self.lab.command(program("linedesk")?);
        command.envs(self.desktop.environment()).env("LINEDESK_TIMINGS", &timings).current_dir(self.desktop.home());
        let mut shell = Process::start(&self.lab, "warm-start", command)?;
        let marks = until("a usable window with a registered phone", SHORT, async || {
            let text = std::fs::read_to_string(self.timings()).unwrap_or_default();
            let mark = |name: &str| {
                let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                lines.into_iter().find(|line| line["mark"] == name)?["ms"].as_f64()
            };
            Some(Start { first_paint: mark("first-paint")?, usable: mark("usable")?, registered: mark("registered")? })
        })
        .await;
        match marks {
            Ok(marks) => Ok((shell, marks)),
            Err(error) => {
                shell.must_run()?;
                let told = std::fs::read_to_string(&timings).unwrap_or_default();
                Err(error.context(format!("it told {told:?} and printed:\n{}", shell.log())))
            }
        }
    }

    fn timings(&self) -> PathBuf {
        self.lab.path().join("timings.jsonl")
    }

    /// Asks the shell to end, as logging out does, and waits until its softphone is gone too: none is left to adopt.
    pub async fn quit(&self, shell: i32) -> Result<()> {
        kill(Pid::from_raw(shell), Signal::SIGTERM).context("the shell is gone already")?;
        let ours = ["linedesk", "linedesk-softphone"];
        until("the shell and its softphone end", SHORT, async || {
            let left = self.lab.processes().into_iter().filter_map(process::name);
            (!left.into_iter().any(|name| ours.contains(&name.as_str()))).then_some(())
        })
        .await
    }

    /// Process ids of the shell's tree: shell and helpers, WebKit, softphone.
    fn parts(&self, shell: i32) -> [Vec<i32>; 3] {
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        // A softphone may have been started by an earlier shell; it is ours all the same.
        let mut all = process::tree(shell);
        all.extend(self.lab.processes());
        all.sort_unstable();
        all.dedup();
        let tree = process::tree(shell);
        for pid in all {
            match process::name(pid) {
                Some(name) if name == "linedesk-softphone" => parts[2].push(pid),
                Some(name) if name.starts_with("WebKit") && name != "WebKitWebDriver" => parts[1].push(pid),
                Some(_) if tree.contains(&pid) => parts[0].push(pid),
                _ => {}
            }
        }
        parts
    }

    /// Memory now, once it stands still.
    pub async fn memory(&self, shell: i32) -> Result<Memory> {
        process::settled(|| self.parts(shell).concat()).await?;
        let [shell, webkit, softphone] = self.parts(shell);
        ensure!(softphone.len() == 1, "there should be one softphone, there are {}", softphone.len());
        ensure!(!webkit.is_empty(), "there is no process of WebKit");
        Ok(Memory {
            shell: process::pss_of(&shell)?,
            webkit: process::pss_of(&webkit)?,
            softphone: process::pss_of(&softphone)?,
        })
    }

    /// Memory in a call that Anna answers by the key.
    pub async fn memory_in_a_call(&self, shell: i32) -> Result<Memory> {
        let speech = Speech::new(31, std::time::Duration::from_secs(5));
        let mark = self.pbx.tap().mark();
        let mut customer = Customer::call(&self.pbx, "1001", Caller::default().saying(&speech)).await?;
        super::phone::setup_since(&self.pbx, mark, "1001").await?;
        // The window may still be drawing the card when the key comes; then it comes again.
        until("Anna answers by F9", SHORT, async || {
            for words in [&["search", "--onlyvisible", "--name", "^Linedesk$", "windowfocus"][..], &["key", "F9"]] {
                // A key to the focus, not to a window: WebKit does not believe what is sent to a window.
                let mut hand = self.lab.command("xdotool");
                hand.args(words).envs(self.desktop.environment()).output().await.ok()?;
            }
            let talking = async { customer.answered().await.ok() };
            tokio::time::timeout(std::time::Duration::from_secs(1), talking).await.ok().flatten()
        })
        .await?;
        let memory = self.memory(shell).await?;
        ensure!(customer.is_talking(), "the call ended while memory was measured");
        customer.hang_up().await?;
        Ok(memory)
    }
}
