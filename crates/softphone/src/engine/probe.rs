//! What sound devices there are, seen by a child process of our own program.
//!
//! Only opening a device shows whether it is there, and that loads plugins: libpulse cannot be unloaded, and costs several
//! megabytes for as long as the softphone waits for calls. A plugin or a sound server that hangs takes the child, not us.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::phone::{self, NativeDevice};

/// Name of the subcommand.
pub const SUBCOMMAND: &str = "devices";
/// A sound server answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// The child's part: looks, and writes what it found as JSON.
///
/// # Errors
/// When stdout cannot be written.
pub fn print() -> Result<()> {
    let found = phone::probe_devices();
    serde_json::to_writer(std::io::stdout().lock(), &found).context("writing the list of sound devices")?;
    println!();
    Ok(())
}

/// Asks a child.
pub(super) fn ask() -> Result<Vec<NativeDevice>> {
    // Also when an upgrade has replaced the file: this is the program that runs.
    let mut child = Command::new("/proc/self/exe")
        .arg(SUBCOMMAND)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting the look for sound devices")?;
    let Some(mut stdout) = child.stdout.take() else { bail!("the look for sound devices has no output") };
    let (send, read) = sync_channel(1);
    let reader = std::thread::Builder::new().name("devices".into()).stack_size(1 << 16).spawn(move || {
        let mut text = String::new();
        let result = stdout.read_to_string(&mut text).map(|_| text);
        let _ = send.send(result);
    });
    let answer = match &reader {
        Ok(_) => read.recv_timeout(PATIENCE).ok(),
        Err(_) => None,
    };
    if answer.is_none() {
        let _ = child.kill();
    }
    let status = child.wait().context("waiting for the look for sound devices")?;
    reader.context("starting a thread")?;
    let Some(text) = answer else { bail!("the sound system did not answer for {} s", PATIENCE.as_secs()) };
    if !status.success() {
        bail!("the look for sound devices ended with {status}");
    }
    serde_json::from_str(&text?).context("reading the list of sound devices")
}
