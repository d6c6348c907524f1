//! How long the start took: a line in the log, and a JSON line in the file that `LINEDESK_TIMINGS` names.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Marks, each once.
#[derive(Debug)]
pub struct Timings {
    began: Instant,
    /// Between the process's start and `began`.
    before: Duration,
    file: Option<PathBuf>,
    marked: Mutex<HashSet<String>>,
}

impl Timings {
    /// At the very start of main.
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            before: since_process_start().unwrap_or_default(),
            file: std::env::var_os("LINEDESK_TIMINGS").map(PathBuf::from),
            marked: Mutex::default(),
        }
    }

    /// This point is reached; the first time counts.
    pub fn mark(&self, name: &str) {
        let mut marked = self.marked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if marked.len() >= 16 || !marked.insert(name.to_owned()) {
            return;
        }
        let ms = (self.before + self.began.elapsed()).as_secs_f64() * 1000.0;
        tracing::info!(name, ms, "{name} after {ms:.0} ms");
        let Some(path) = &self.file else { return };
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let line = serde_json::json!({ "mark": name, "ms": ms, "at_ms": at_ms, "pid": std::process::id() });
        let written = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| writeln!(file, "{line}"));
        if let Err(error) = written {
            tracing::warn!(%error, "a timing cannot be written to {}", path.display());
        }
    }
}

/// The kernel knows when the process began, in hundredths of a second.
#[cfg(target_os = "linux")]
fn since_process_start() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name in parentheses, which may hold blanks: field 3 is the first, field 22 the start in clock ticks.
    let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let up: f64 = std::fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()?;
    // USER_HZ is 100 on every Linux that we know.
    Duration::try_from_secs_f64(up - ticks / 100.0).ok()
}

#[cfg(not(target_os = "linux"))]
fn since_process_start() -> Option<Duration> {
    None
}
