//! Logs: what pjlib says goes through `tracing`; digests and secrets never get there.

use std::path::Path;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Log files that are kept (one a day).
const KEEP: usize = 7;

fn filter() -> EnvFilter {
    EnvFilter::try_from_env("LINEDESK_LOG").unwrap_or_else(|_| EnvFilter::new("info,pjlib=warn"))
}

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
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(files))
        .init();
    Ok(())
}

/// To stderr, for the console: stdout belongs to the protocol.
pub fn to_stderr() {
    tracing_subscriber::fmt().with_env_filter(filter()).with_ansi(false).with_writer(std::io::stderr).init();
}

/// One line of pjlib, or one whole SIP message when the trace is on.
pub(crate) fn pjlib(level: i32, text: &str) {
    let text = masked(text.trim_end());
    match level {
        i32::MIN..=1 => tracing::error!(target: "pjlib", "{text}"),
        2 => tracing::warn!(target: "pjlib", "{text}"),
        3 => tracing::info!(target: "pjlib", "{text}"),
        _ => tracing::debug!(target: "pjlib", "{text}"),
    }
}

/// Replaces the values of headers and SDP lines that carry secrets: digests, and SRTP keys (`a=crypto`).
pub(crate) fn masked(text: &str) -> String {
    const SECRET: [&str; 6] = [
        "authorization:",
        "proxy-authorization:",
        "www-authenticate:",
        "proxy-authenticate:",
        "a=crypto:",
        "a=ice-pwd:",
    ];
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let lower = line.trim_start().to_ascii_lowercase();
        match SECRET.iter().find(|s| lower.starts_with(*s)) {
            Some(s) => {
                out.push_str(s);
                out.push_str(" …\n");
            }
            None => out.push_str(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn secrets_are_masked() {
        let text = "REGISTER sip:pbx SIP/2.0\r\nAuthorization: Digest response=\"abc\"\r\nCSeq: 1 REGISTER\r\na=crypto:1 AES inline:key\r\n";
        let out = masked(text);
        assert!(!out.contains("abc") && !out.contains("inline"), "{out}");
        assert!(out.contains("CSeq: 1 REGISTER"));
    }
}
