//! Rust tests through nextest, in the open or inside a namespace of the lab.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Context, Counts, FEATURES, Skip, counts};
use crate::command::{Finished, answer, command, tail, watched_together};

/// Some of the workspace's tests.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// Name of the suite, for the log.
    pub name: &'a str,
    /// nextest filter expression.
    pub filter: &'a str,
    /// Which of them.
    pub which: Which,
    /// Inside a network namespace of its own.
    pub lab: Option<Namespace>,
}

/// Tests that need a lab are marked as ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Ignored,
    NotIgnored,
    All,
}

impl Which {
    /// For `--run-ignored`.
    fn word(self) -> &'static str {
        match self {
            Self::Ignored => "only",
            Self::NotIgnored => "default",
            Self::All => "all",
        }
    }
}

/// How the tests of a lab have their namespace.
#[derive(Debug, Clone, Copy, Default)]
pub struct Namespace {
    /// A program to run the tests under, e.g. the lab's PBX.
    pub under: &'static [&'static str],
    /// Beside each other: tests that share no port, no PBX and no clock. The others are one at a time.
    pub beside_each_other: bool,
    /// After everything else, when the processors are short: sound that runs meanwhile must not stutter.
    pub yields: bool,
}

/// Tests of this name part need Asterisk 16, which is past its support.
const NEEDS_ASTERISK_16: &str = "test(asterisk_16)";
/// These run programs that are built with AddressSanitizer.
const NEEDS_SANITIZER: &str = "binary_id(pjproject-sys::lifetimes)";
/// Tests of these name parts need two namespaces joined with each other, and IPv6.
const NEEDS_VETH: &str = "test(_veth)";
const NEEDS_IPV6: &str = "test(_ipv6)";
/// Tests of this name part start a server.
const NEEDS_POSTGRES: &str = "test(on_postgres)";
/// Tests of this name part take longer than the time budget.
const DEEP: &str = "test(deep_)";

/// Inside the namespace: loopback up, addresses of the 10.x net that no host route may have; `sh` stays as process 1, so
/// that orphans (a softphone whose shell was killed) are reaped and seen to be gone.
pub const ENTER: &str =
    r#"ip link set lo up && for a in 1 2 3 4; do ip addr add 10.77.0.$a/32 dev lo || exit 1; done; "$@"; exit $?"#;

/// Compiles all tests.
pub fn build(context: &Context) -> Command {
    nextest(context, &["run", "--no-run"])
}

/// Runs the selections, all at the same time, and counts.
pub fn run(context: &Context, selections: &[Selection]) -> Result<Counts> {
    run_with(context, selections, &[])
}

/// With more variables.
pub fn run_with(context: &Context, selections: &[Selection], variables: &[(&str, OsString)]) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut commands = Vec::new();
    for selection in selections {
        let (tests, skipped) = prepare(context, *selection);
        for Skip { count, why } in skipped {
            match counts.skipped.iter_mut().find(|known| known.why == why) {
                Some(known) => known.count += count,
                None => counts.skipped.push(Skip { count, why }),
            }
        }
        commands.extend(tests.map(|mut tests| {
            tests.envs(variables.iter().map(|(name, value)| (name, value)));
            (format!("{} tests", selection.name), tests)
        }));
    }
    if commands.is_empty() {
        return Ok(counts);
    }
    let mut borrowed: Vec<_> = commands.iter_mut().map(|(what, tests)| (what.clone(), tests)).collect();
    let finished = watched_together(&mut borrowed)?;
    for ((what, _), finished) in commands.iter().zip(&finished) {
        // One that broke off hides nothing of the others.
        counts.add(count(what, finished).unwrap_or_else(|error| {
            eprintln!("  ✗ {error:#}");
            Counts { failed: 1, ..Counts::default() }
        }));
    }
    Ok(counts)
}

/// The command, and what it leaves out because it cannot be done here.
fn prepare(context: &Context, selection: Selection) -> (Option<Command>, Vec<Skip>) {
    let Selection { name: _, filter, which, lab } = selection;
    let mut filter = format!("({filter})");
    let mut skipped = Vec::new();
    let mut leave_out = |what: &str, why: String| {
        let count = list(context, &format!("{filter} and {what}"), which);
        if count > 0 {
            eprintln!("  ! {count} SKIPPED: {why}");
            skipped.push(Skip { count, why });
        }
        filter = format!("{filter} and not {what}");
    };
    if !context.deep {
        leave_out(DEEP, "only with --deep".to_owned());
    }
    if let Err(why) = &context.set_up.asterisk_16 {
        leave_out(NEEDS_ASTERISK_16, format!("Asterisk 16 cannot be had: {why}"));
    }
    if let Err(why) = &context.capabilities.postgres {
        leave_out(NEEDS_POSTGRES, why.clone());
    }
    if let Err(why) = &context.capabilities.sanitizer {
        leave_out(NEEDS_SANITIZER, why.clone());
    }
    for (what, probed) in [(NEEDS_VETH, &context.capabilities.veth), (NEEDS_IPV6, &context.capabilities.ipv6)] {
        if let Err(why) = probed {
            leave_out(what, why.clone());
        }
    }
    if let (Some(_), Err(why)) = (lab, &context.capabilities.namespace) {
        leave_out("all()", why.clone());
        return (None, skipped);
    }

    let mut arguments = vec![
        "run",
        "--no-fail-fast",
        // The log tells how long each took; what failed stands at its end once more.
        "--status-level",
        "pass",
        "--failure-output",
        "immediate-final",
        "--final-status-level",
        "flaky",
        "--hide-progress-bar",
        "-E",
        &filter,
    ];
    arguments.extend(["--run-ignored", which.word()]);
    let Some(namespace) = lab else { return (Some(nextest(context, &arguments)), skipped) };
    if !namespace.beside_each_other {
        // They share fixed ports and a clock that sound depends on.
        arguments.extend(["--test-threads", "1"]);
    }
    // They measure real time on whatever machine this is, so a failure is tried once more, and said to have been.
    arguments.extend(["--success-output", "never", "--retries", "1"]);
    let tests = nextest(context, &arguments);
    (Some(inside_namespace(context, tests, namespace)), skipped)
}

/// What was run and how it went.
fn count(what: &str, finished: &Finished) -> Result<Counts> {
    let output = finished.output();
    let Some(mut counts) = counts::nextest(&output) else {
        bail!("{what}: none was run; whole log: {}\n{}", finished.log.display(), tail(&output, 40));
    };
    for flaky in output.lines().filter(|line| line.contains("FLAKY")) {
        eprintln!("  ! passed only at the second try: {}", flaky.trim());
    }
    if counts.failed > 0 || !finished.status.success() {
        // A runner that fails although no test did must not look like a success.
        counts.failed = counts.failed.max(1);
        eprintln!("  ✗ {what}\n{}  whole log: {}", tail(&output, 120), finished.log.display());
    }
    Ok(counts)
}

/// How many tests a filter takes.
fn list(context: &Context, filter: &str, which: Which) -> u32 {
    let mut list =
        nextest(context, &["list", "--message-format", "oneline", "--run-ignored", which.word(), "-E", filter]);
    answer(&mut list).map_or(0, |lines| lines.lines().filter(|line| !line.trim().is_empty()).count() as u32)
}

fn nextest(context: &Context, arguments: &[&str]) -> Command {
    let program = context.nextest_program();
    let mut nextest = context.with_environment(command(&program.to_string_lossy(), ["nextest"]));
    // The same packages and features each time, or cargo builds the world again for a part of it.
    nextest.args(arguments).args(["--workspace", "--features", FEATURES]);
    nextest
}

fn inside_namespace(context: &Context, tests: Command, namespace: Namespace) -> Command {
    let flags = context.capabilities.namespace.as_ref().copied().unwrap_or_default();
    let enter = ["unshare"].into_iter().chain(flags.iter().copied());
    let enter: Vec<&str> = if namespace.yields { ["nice"].into_iter().chain(enter).collect() } else { enter.collect() };
    let mut inside = context.with_environment(command(enter[0], enter[1..].iter().copied()));
    inside.args(["sh", "-c", ENTER, "lab"]);
    if let Some((program, arguments)) = namespace.under.split_first() {
        inside.arg(crate::paths::programs().join(program)).args(arguments);
    }
    // Nothing can be fetched in there, and nothing is left to build.
    inside.arg(tests.get_program()).args(tests.get_args()).env("CARGO_NET_OFFLINE", "true").env("LINEDESK_LAB", "1");
    inside
}
