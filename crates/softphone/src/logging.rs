//! Logs: what pjlib says goes through `tracing`, too, and what must not be in a log is taken out of every line at the place
//! where lines are written ([`mask`]).

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use softphone_api::LogLevel;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

pub mod mask;

/// Log files that are kept (one a day).
const KEEP: usize = 7;
/// What one run writes into its log at most: a peer that makes us talk must not fill the disk.
const LARGEST: u64 = 256 << 20;
/// In the shim's callback: not a line of pjlib but a whole SIP message.
pub(crate) const SIP_MESSAGE: i32 = pjproject_sys::LD_LOG_SIP as i32;

static NUMBERS: AtomicBool = AtomicBool::new(false);
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// To rotated files below `dir`.
///
/// # Errors
/// When the directory cannot be made or written.
pub fn to_files(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("the log directory {} cannot be made", dir.display()))?;
    let files = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("softphone")
        .filename_suffix("log")
        .max_log_files(KEEP)
        .build(dir)
        .with_context(|| format!("the log directory {} cannot be written", dir.display()))?;
    begin(files);
    Ok(())
}

/// To stderr, for the console: stdout belongs to the protocol.
pub fn to_stderr() {
    begin(std::io::stderr());
}

fn begin(to: impl Write + Send + 'static) {
    let wish = std::env::var("LINEDESK_LOG").ok().and_then(|wish| wish.parse().ok());
    let first = wish.unwrap_or_else(|| filter(LogLevel::Info));
    let (filter, handle) = reload::Layer::new(first);
    let lines = fmt::layer().with_ansi(false).with_writer(std::sync::Mutex::new(Masked { to, written: 0 }));
    tracing_subscriber::registry().with(filter).with(lines).init();
    let _ = FILTER.set(handle);
}

/// Whole messages are asked for apart from the level, so they pass at each.
fn filter(level: LogLevel) -> Targets {
    let (ours, pjlib) = match level {
        LogLevel::Error => (Level::ERROR, Level::ERROR),
        LogLevel::Warn => (Level::WARN, Level::WARN),
        LogLevel::Info => (Level::INFO, Level::WARN),
        LogLevel::Debug => (Level::DEBUG, Level::DEBUG),
        LogLevel::Trace => (Level::TRACE, Level::TRACE),
    };
    Targets::new().with_default(ours).with_target("pjlib", pjlib).with_target("sip", Level::INFO)
}

/// From now on.
pub(crate) fn set(level: LogLevel, numbers: bool) {
    NUMBERS.store(numbers, Ordering::Relaxed);
    if let Some(handle) = FILTER.get()
        && let Err(e) = handle.reload(filter(level))
    {
        tracing::warn!("the log's level stays as it was: {e}");
    }
    tracing::info!(?level, numbers, "the log's level is {level:?}");
}

/// How much pjlib is to say: lines that would be thrown away need not be made.
pub(crate) fn pjlib_level(level: LogLevel) -> i32 {
    match level {
        LogLevel::Error => 1,
        LogLevel::Warn | LogLevel::Info => 2,
        LogLevel::Debug => 4,
        LogLevel::Trace => 5,
    }
}

/// One line of pjlib, or one whole SIP message when the trace is on.
pub(crate) fn pjlib(level: i32, text: &str) {
    let text = text.trim_end();
    match level {
        SIP_MESSAGE => tracing::info!(target: "sip", "{text}"),
        i32::MIN..=1 => tracing::error!(target: "pjlib", "{text}"),
        2 => tracing::warn!(target: "pjlib", "{text}"),
        3 => tracing::info!(target: "pjlib", "{text}"),
        4 => tracing::debug!(target: "pjlib", "{text}"),
        _ => tracing::trace!(target: "pjlib", "{text}"),
    }
}

/// As it may stand in a log now.
#[must_use]
pub fn masked(text: &str) -> String {
    mask::masked(text, NUMBERS.load(Ordering::Relaxed))
}

/// `tracing` hands over each line whole, with one call.
struct Masked<W> {
    to: W,
    written: u64,
}

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if self.written >= LARGEST {
            return Ok(line.len());
        }
        let text = masked(&String::from_utf8_lossy(line));
        self.written += text.len() as u64;
        self.to.write_all(text.as_bytes())?;
        if self.written >= LARGEST {
            self.to.write_all(b"the log is full: nothing more is written until the softphone is started again\n")?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_masked_and_a_full_log_stays_so() {
        let mut log = Masked { to: Vec::new(), written: 0 };
        log.write_all(b"INFO called sip:74951234567@pbx\n").unwrap();
        assert_eq!(String::from_utf8_lossy(&log.to), "INFO called sip:\u{2026}67@pbx\n");
        log.written = LARGEST - 1;
        log.write_all(b"the last\n").unwrap();
        let length = log.to.len();
        log.write_all(b"one more\n").unwrap();
        assert_eq!(log.to.len(), length);
        assert!(String::from_utf8_lossy(&log.to).contains("the log is full"));
    }
}
