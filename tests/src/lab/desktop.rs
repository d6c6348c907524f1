//! What a desktop program finds around it: a display with a window manager, a session bus with a keyring, a sound card, a
//! home. It belongs to the lab and outlives the programs under test.

use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::sys::stat::Mode;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Lab, Process, SHORT, Sound, until};

/// All of it.
#[derive(Debug)]
pub struct Desktop {
    /// Display.
    pub display: Display,
    /// Bus and keyring.
    pub bus: Bus,
    /// Sound card.
    pub sound: Sound,
    home: PathBuf,
    runtime: PathBuf,
}

impl Desktop {
    /// Starts one named `desktop`.
    pub async fn start(lab: &Lab) -> Result<Self> {
        Self::start_named(lab, "desktop").await
    }

    /// Starts another, with its own home, e.g. for the second machine of the same operator.
    pub async fn start_named(lab: &Lab, name: &str) -> Result<Self> {
        let home = lab.directory(&format!("{name}/home"))?;
        let runtime = lab.directory(&format!("{name}/run"))?;
        nix::sys::stat::fchmodat(
            nix::fcntl::AT_FDCWD,
            &runtime,
            Mode::S_IRWXU,
            nix::sys::stat::FchmodatFlags::FollowSymlink,
        )?;
        // ALSA's programs go to PulseAudio, as on a desktop.
        std::fs::write(home.join(".asoundrc"), "pcm.!default { type pulse }\nctl.!default { type pulse }\n")?;
        let sound = Sound::start(lab, name).await?;
        let display = Display::start(lab, name).await?;
        let mut desktop = Self { display, bus: Bus::absent(), sound, home, runtime };
        desktop.bus = Bus::start(lab, name, &desktop).await?;
        Ok(desktop)
    }

    /// The variables of a program on this desktop.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all = self.sound.environment();
        all.extend([
            ("HOME", self.home.to_string_lossy().into_owned()),
            ("XDG_RUNTIME_DIR", self.runtime.to_string_lossy().into_owned()),
            ("DISPLAY", self.display.name.clone()),
            ("NO_AT_BRIDGE", "1".to_owned()),
        ]);
        all.extend(self.bus.address.iter().map(|address| ("DBUS_SESSION_BUS_ADDRESS", address.clone())));
        all
    }

    /// Its home directory.
    pub fn home(&self) -> &std::path::Path {
        &self.home
    }

    /// Its runtime directory (0700).
    pub fn runtime(&self) -> &std::path::Path {
        &self.runtime
    }
}

/// An X display in memory, with a window manager.
#[derive(Debug)]
pub struct Display {
    /// `:N`.
    pub name: String,
    _server: Process,
    _windows: Process,
}

impl Display {
    /// The server chooses a free number itself and says it.
    async fn start(lab: &Lab, name: &str) -> Result<Self> {
        let mut xvfb = lab.command("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
            .stdout(std::process::Stdio::piped());
        let log = std::fs::File::create(lab.log(&format!("{name}-xvfb")))?;
        xvfb.stderr(log);
        let mut server = Process::start_piped(lab, &format!("{name}-xvfb"), xvfb)?;
        let mut lines = BufReader::new(server.take_stdout().context("Xvfb has a pipe")?).lines();
        let number = tokio::time::timeout(SHORT, lines.next_line()).await.context("Xvfb says no display")??;
        let display = format!(":{}", number.context("Xvfb ended at once")?.trim());
        let mut openbox = lab.command("openbox");
        openbox.env("DISPLAY", &display).env("HOME", lab.path());
        let windows = Process::start(lab, &format!("{name}-openbox"), openbox)?;
        Ok(Self { name: display, _server: server, _windows: windows })
    }
}

/// A session bus and an unlocked keyring on it.
#[derive(Debug)]
pub struct Bus {
    address: Option<String>,
    _daemon: Option<Process>,
    keyring: Option<Process>,
}

impl Bus {
    fn absent() -> Self {
        Self { address: None, _daemon: None, keyring: None }
    }

    async fn start(lab: &Lab, name: &str, desktop: &Desktop) -> Result<Self> {
        let environment = desktop.environment();
        let mut dbus = lab.command("dbus-daemon");
        dbus.args(["--session", "--nofork", "--nopidfile", "--print-address=1"]).stdout(std::process::Stdio::piped());
        // Without an address it would choose /tmp, and leave its socket there when it is killed.
        dbus.arg(format!("--address=unix:path={}", desktop.runtime().join("bus").display()));
        dbus.envs(environment.iter().map(|(key, value)| (*key, value)));
        let mut daemon = Process::start_piped(lab, &format!("{name}-dbus"), dbus)?;
        let mut lines = BufReader::new(daemon.take_stdout().context("dbus-daemon has a pipe")?).lines();
        let address = tokio::time::timeout(SHORT, lines.next_line()).await.context("dbus-daemon says no address")??;
        let address = address.context("dbus-daemon ended at once")?;

        // An empty line is the password that unlocks the new keyring.
        let mut keyring = lab.command("sh");
        keyring.args(["-c", "printf '\\n' | exec gnome-keyring-daemon --foreground --unlock --components=secrets"]);
        keyring.envs(environment.iter().map(|(key, value)| (*key, value))).env("DBUS_SESSION_BUS_ADDRESS", &address);
        let keyring = Process::start(lab, &format!("{name}-keyring"), keyring)?;
        until("the keyring on the session bus", SHORT, async || {
            let mut ask = lab.command("dbus-send");
            ask.args([
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.DBus",
                "/",
                "org.freedesktop.DBus.NameHasOwner",
                "string:org.freedesktop.secrets",
            ]);
            let answer = ask.env("DBUS_SESSION_BUS_ADDRESS", &address).output().await.ok()?;
            String::from_utf8_lossy(&answer.stdout).contains("boolean true").then_some(())
        })
        .await?;
        Ok(Self { address: Some(address), _daemon: Some(daemon), keyring: Some(keyring) })
    }

    /// Takes the keyring away, for what happens without one.
    pub async fn remove_keyring(&mut self) -> Result<()> {
        match self.keyring.as_mut() {
            Some(keyring) => keyring.stop(SHORT).await,
            None => Ok(()),
        }
    }
}
