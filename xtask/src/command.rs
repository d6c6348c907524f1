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
    // What `cargo xtask` says of xtask itself. Build scripts that look at it (ring's) would run again, and half of the workspace
    // be built anew, after each build by hand.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
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
    let mut finished = watched_together(&mut [(what.to_owned(), command)])?;
    Ok(finished.remove(0))
}

/// The same for several at a time, each with a log of its own; what they left comes in their order.
pub fn watched_together(commands: &mut [(String, &mut Command)]) -> Result<Vec<Finished>> {
    let started = Instant::now();
    let (done, waiting) = mpsc::channel();
    let mut logs = Vec::new();
    for (number, (what, command)) in commands.iter_mut().enumerate() {
        let log = log_file(what)?;
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start `{}`: is it installed?", shown(command)))?;
        let done = done.clone();
        std::thread::spawn(move || done.send((number, child.wait())));
        logs.push(log);
    }
    // With the last of the threads the channel closes.
    drop(done);
    let mut statuses: Vec<Option<ExitStatus>> = vec![None; logs.len()];
    let mut line = Progress::new();
    line.show(&running(commands, &statuses), started.elapsed());
    while statuses.iter().any(Option::is_none) {
        match waiting.recv_timeout(Duration::from_secs(1)) {
            Ok((number, status)) => {
                let status = status.context("the child cannot be waited for")?;
                line.end(&commands[number].0, started.elapsed(), status.success());
                statuses[number] = Some(status);
            }
            Err(RecvTimeoutError::Timeout) => line.tick(&running(commands, &statuses), started.elapsed()),
            Err(RecvTimeoutError::Disconnected) => bail!("the threads that wait for children are gone"),
        }
    }
    Ok(logs.into_iter().zip(statuses.into_iter().flatten()).map(|(log, status)| Finished { status, log }).collect())
}

/// What has not ended yet, short enough for a line.
fn running(commands: &[(String, &mut Command)], statuses: &[Option<ExitStatus>]) -> String {
    let mut open = commands.iter().zip(statuses).filter(|(_, status)| status.is_none()).map(|((what, _), _)| what);
    let first = open.next().cloned().unwrap_or_default();
    match open.count() {
        0 => first,
        others => format!("{first} and {others} more"),
    }
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

struct Progress {
    terminal: bool,
    next_line_at: Duration,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), next_line_at: Duration::from_secs(10) }
    }

    fn show(&self, what: &str, elapsed: Duration) {
        if self.terminal {
            eprint!("\r\x1b[2K  … {what} {}", clock(elapsed));
            let _ = std::io::stderr().flush();
        }
    }

    fn tick(&mut self, what: &str, elapsed: Duration) {
        self.show(what, elapsed);
        if !self.terminal && elapsed >= self.next_line_at {
            eprintln!("  … {what} {}", clock(elapsed));
            self.next_line_at = elapsed + Duration::from_secs(30);
        }
    }

    fn end(&self, what: &str, elapsed: Duration, well: bool) {
        let start = if self.terminal { "\r\x1b[2K" } else { "" };
        eprintln!("{start}  {} {what} ({})", if well { "✓" } else { "✗" }, clock(elapsed));
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
    fn commands_at_a_time_have_a_log_each_and_end_in_their_order() {
        // The first waits for the second, so neither may be waited for before both have begun.
        let met = std::env::temp_dir().join(format!("xtask-together-{}", std::process::id()));
        let wait = format!("until [ -e {0} ]; do :; done; rm {0}; echo one", met.display());
        let meet = format!("touch {}; echo two; exit 2", met.display());
        let (mut one, mut two) = (command("sh", ["-c", &wait]), command("sh", ["-c", &meet]));
        let finished =
            watched_together(&mut [("unit test one".to_owned(), &mut one), ("unit test two".to_owned(), &mut two)])
                .unwrap();
        let ends: Vec<_> = finished.iter().map(|f| (f.output(), f.status.code())).collect();
        assert_eq!(ends, [("one\n".to_owned(), Some(0)), ("two\n".to_owned(), Some(2))]);
    }

    #[test]
    fn a_failed_command_shows_its_last_words() {
        let error = must("unit test of must", &mut command("sh", ["-c", "echo broken pipe >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("broken pipe"), "{error}");
    }
}
