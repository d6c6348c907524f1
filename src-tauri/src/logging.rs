//! The log: a file a day, a week of them, no secrets (secrets print nothing of themselves).

use anyhow::Context as _;
use std::path::Path;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{Builder, Rotation};
use tracing_subscriber::EnvFilter;

/// Begins to log; what waits is written when the guard is dropped.
pub fn begin(data_dir: &Path) -> anyhow::Result<WorkerGuard> {
    let dir = data_dir.join("logs");
    std::fs::create_dir_all(&dir)
        .with_context(|| format!("{} cannot be made; is the disk writable?", dir.display()))?;
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("linedesk")
        .filename_suffix("log")
        .max_log_files(7)
        .build(&dir)
        .with_context(|| format!("no log can be written into {}", dir.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let filter =
        EnvFilter::try_from_env("LINEDESK_LOG").unwrap_or_else(|_| "warn,linedesk=info,workstation=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).init();
    Ok(guard)
}
