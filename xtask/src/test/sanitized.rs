//! The softphone's own suite once more, with a softphone of which every line of C and C++ is built with AddressSanitizer:
//! pjproject and the shim. What reads or writes where it should not ends the program, and so the test.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::nextest::{self, Namespace, Selection, Which};
use super::{Context, Counts};
use crate::command::{answer, command, must};
use crate::paths;

const FLAGS: &str = "-fsanitize=address -fno-omit-frame-pointer";
/// Memory is measured elsewhere: here it is the sanitizer's. Who dies on purpose is told of by the sanitizer in its own words.
const FILTER: &str = "package(linedesk-softphone) and kind(test) and not (binary(memory) or binary(crash))";

/// Those that take a processor for themselves; the others mostly wait.
const BUSY: &str = "binary(fuzz) or binary(hostile) or binary(loudness) or binary(messages) or binary(servers)";

/// The softphone, in a target directory of its own.
pub fn build(context: &Context) -> Result<()> {
    let script = "pjproject-sys/sanitized.sh";
    let prefix = answer(&mut command(script, [])).with_context(|| format!("{script} fails: run it to see why"))?;
    let prefix = prefix.lines().last().unwrap_or_default().to_owned();
    let host = host()?;
    // With --target the flags are for the program alone, not for cargo's own build scripts.
    let mut cargo = context.cargo(["build", "-p", "linedesk-softphone", "--bins", "--target", &host, "--target-dir"]);
    cargo.arg(directory()).env("PJPROJECT_PREFIX", prefix).env("LINEDESK_PJ_CFLAGS", FLAGS);
    must("softphone with AddressSanitizer", cargo.env("RUSTFLAGS", "-Clink-arg=-lasan")).map(drop)
}

/// Runs it.
pub fn run(context: &Context, under: &'static [&'static str]) -> Result<Counts> {
    let lab = Some(Namespace { under, ..Namespace::default() });
    let waits = format!("{FILTER} and not ({BUSY})");
    let busy = format!("{FILTER} and ({BUSY})");
    let selections = [("softphone-sanitized", &waits), ("softphone-sanitized-busy", &busy)]
        .map(|(name, filter)| Selection { name, filter, which: Which::All, lab });
    let program = directory().join(host()?).join("debug/linedesk-softphone");
    let runtime = answer(&mut command("cc", ["-print-file-name=libasan.so"])).unwrap_or_default();
    if !program.is_file() {
        bail!("{} was not built", program.display());
    }
    let variables: [(&str, OsString); 3] = [
        ("LINEDESK_SOFTPHONE", program.into()),
        ("LINEDESK_SOFTPHONE_PRELOAD", runtime.trim().into()),
        // Leaks are found by the memory tests: what lives until the end of the process is none. The stacks for signals are
        // the softphone's own.
        ("ASAN_OPTIONS", "detect_leaks=0:use_sigaltstack=0".into()),
    ];
    nextest::run_with(context, &selections, &variables)
}

fn directory() -> PathBuf {
    paths::root().join("target/asan")
}

fn host() -> Result<String> {
    let told = answer(&mut command("rustc", ["-vV"])).context("rustc does not say what it builds for")?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}
