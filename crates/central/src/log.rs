//! The log: standard error, and a file a day when wanted. Never logged: passwords, tokens, secrets, what customers say.

use anyhow::Context as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::Config;

/// Writes what is left when it is dropped.
#[derive(Debug)]
pub struct LogGuard {
    _file: Option<tracing_appender::non_blocking::WorkerGuard>,
}

/// Begins to log.
///
/// # Errors
/// When the filter or the directory cannot be used.
pub fn start(config: &Config) -> anyhow::Result<LogGuard> {
    let filter = EnvFilter::try_new(&config.log).with_context(|| {
        format!("the key `log` is not a filter: {:?}; write error, warn, info or debug", config.log)
    })?;
    let (file, guard) = match &config.log_dir {
        None => (None, None),
        Some(dir) => {
            let appender = tracing_appender::rolling::Builder::new()
                .rotation(tracing_appender::rolling::Rotation::DAILY)
                .filename_prefix("central")
                .filename_suffix("log")
                .max_log_files(14)
                .build(dir)
                .with_context(|| format!("cannot write logs to {}; choose another `log_dir`", dir.display()))?;
            let (writer, guard) = tracing_appender::non_blocking(appender);
            (Some(fmt::layer().with_ansi(false).with_writer(writer)), Some(guard))
        }
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(fmt::layer().with_ansi(false).with_writer(std::io::stderr))
        .with(file)
        .try_init()
        .context("the log is already started")?;
    Ok(LogGuard { _file: guard })
}
