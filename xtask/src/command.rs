//! Running programs: quietly with a log and a running clock, or loudly.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths;

/// `program arguments…` in the checkout.
pub fn command<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(paths::root());
    command
}

/// As a person would type it.
pub fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let _ = write!(text, " {}", argument.to_string_lossy());
    }
    text
}

/// What a quiet command left behind.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub log: PathBuf,
}

impl Finished {
    /// Everything it printed.
    pub fn output(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

/// Runs with the output in a log file and a line on the terminal that says what is going on and for how long.
pub fn watched(what: &str, command: &mut Command) -> Result<Finished> {
    let log = log_file(what)?;
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot start `{}`: is it installed?", shown(command)))?;
    let (done, waiting) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait()));
    let mut line = Progress::new(what);
    let status = loop {
        match waiting.recv_timeout(Duration::from_secs(1)) {
            Ok(status) => break status.context("the child cannot be waited for")?,
            Err(RecvTimeoutError::Timeout) => line.tick(started.elapsed()),
            Err(RecvTimeoutError::Disconnected) => bail!("the thread that waits for `{}` is gone", shown(command)),
        }
    };
    line.end(started.elapsed(), status.success());
    Ok(Finished { status, log })
}

/// [`watched`], and a failure is an error that shows the end of the log.
pub fn must(what: &str, command: &mut Command) -> Result<Finished> {
    let finished = watched(what, command)?;
    if !finished.status.success() {
        bail!(
            "{what} failed ({}).\n  command: {}\n  whole log: {}\n{}",
            finished.status,
            shown(command),
            finished.log.display(),
            tail(&finished.output(), 40)
        );
    }
    Ok(finished)
}

/// Standard output of a quick command; `None` when it cannot be started or fails.
pub fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name is on the PATH.
pub fn is_there(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| format!("  | {line}\n")).collect()
}

fn log_file(what: &str) -> Result<PathBuf> {
    let name: String =
        what.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let directory = paths::root().join("target/xtask-logs");
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(Path::new(&directory).join(format!("{}.log", name.trim_matches('-'))))
}

struct Progress<'a> {
    what: &'a str,
    terminal: bool,
    next_line_at: Duration,
}

impl<'a> Progress<'a> {
    fn new(what: &'a str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        if terminal {
            eprint!("  … {what}");
        }
        Self { what, terminal, next_line_at: Duration::from_secs(10) }
    }

    fn tick(&mut self, elapsed: Duration) {
        if self.terminal {
            eprint!("\r\x1b[2K  … {} {}", self.what, clock(elapsed));
            let _ = std::io::stderr().flush();
        } else if elapsed >= self.next_line_at {
            eprintln!("  … {} {}", self.what, clock(elapsed));
            self.next_line_at = elapsed + Duration::from_secs(30);
        }
    }

    fn end(&mut self, elapsed: Duration, well: bool) {
        let start = if self.terminal { "\r\x1b[2K" } else { "" };
        eprintln!("{start}  {} {} ({})", if well { "✓" } else { "✗" }, self.what, clock(elapsed));
    }
}

/// `1:05` for 65 seconds, `0.4 s` below ten.
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds < 10 {
        format!("{:.1} s", elapsed.as_secs_f64())
    } else {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_short_for_short_times() {
        assert_eq!(clock(Duration::from_millis(420)), "0.4 s");
        assert_eq!(clock(Duration::from_secs(65)), "1:05");
    }

    #[test]
    fn a_failed_command_shows_its_last_words() {
        let error = must("unit test of must", &mut command("sh", ["-c", "echo broken pipe >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("broken pipe"), "{error}");
    }
}
