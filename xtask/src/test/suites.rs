//! The suites, in the order in which they run: what is quick and tells most comes first, labs last.

use anyhow::Result;

use super::nextest::{self, Namespace, Selection, Which};
use super::sanitized;
use super::{Context, Counts, FEATURES, Skip, counts};
use crate::command::{tail, watched};

/// What has to be built before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    Nothing,
    /// The pages (clippy of the shell reads them).
    Pages,
    /// Everything.
    Programs,
}

/// One line of the table.
#[derive(Debug)]
pub struct Suite {
    pub name: &'static str,
    pub needs: Needs,
    pub run: fn(&Context) -> Result<Counts>,
}

pub const SUITES: &[Suite] = &[
    Suite { name: "format", needs: Needs::Nothing, run: format },
    Suite { name: "tidy", needs: Needs::Nothing, run: tidy },
    Suite { name: "clippy", needs: Needs::Pages, run: clippy },
    Suite { name: "generated", needs: Needs::Programs, run: generated },
    Suite { name: "catalogues", needs: Needs::Nothing, run: catalogues },
    Suite { name: "unit", needs: Needs::Programs, run: unit },
    Suite { name: "ui", needs: Needs::Nothing, run: ui },
    Suite { name: "pages", needs: Needs::Pages, run: pages },
    Suite { name: "central", needs: Needs::Programs, run: central },
    Suite { name: "softphone", needs: Needs::Programs, run: softphone },
    Suite { name: "lab", needs: Needs::Programs, run: lab },
    Suite { name: "calls", needs: Needs::Programs, run: calls },
    Suite { name: "first-call", needs: Needs::Programs, run: first_call },
];

fn format(context: &Context) -> Result<Counts> {
    let mut counts = one("cargo fmt", context.cargo(["fmt", "--all", "--check"]))?;
    counts.add(one("eslint and prettier", context.npm("lint"))?);
    Ok(counts)
}

fn tidy(_: &Context) -> Result<Counts> {
    let report = crate::tidy::check()?;
    Ok(Counts { passed: report.kept, failed: report.broken, skipped: Vec::new() })
}

fn clippy(context: &Context) -> Result<Counts> {
    one(
        "clippy",
        context.cargo(["clippy", "--workspace", "--all-targets", "--features", FEATURES, "--", "-D", "warnings"]),
    )
}

fn generated(_: &Context) -> Result<Counts> {
    let stale = crate::codegen::stale()?;
    for file in &stale {
        eprintln!("  ✗ {file} is not what the Rust types say: `cargo xtask codegen`");
    }
    let all = u32::try_from(crate::codegen::FILES.len())?;
    let failed = u32::try_from(stale.len())?;
    Ok(Counts { passed: all - failed, failed, skipped: Vec::new() })
}

fn catalogues(context: &Context) -> Result<Counts> {
    one("catalogues", context.npm("i18n:check"))
}

fn unit(context: &Context) -> Result<Counts> {
    let filter = format!("not {OF_SOFTPHONE}");
    nextest::run(context, &[Selection { name: "unit", filter: &filter, which: Which::NotIgnored, lab: None }])
}

fn ui(context: &Context) -> Result<Counts> {
    let mut counts = one("types of the pages", context.npm("check"))?;
    counts.add(script("state of the pages", context.npm("test"))?);
    Ok(counts)
}

fn pages(context: &Context) -> Result<Counts> {
    script("pages in Chromium", context.npm("test:pages"))
}

fn central(context: &Context) -> Result<Counts> {
    live(context, "central", "package(linedesk-central) or package(ami)", BESIDE_A_PBX)
}

/// Tests that run the softphone, whether they need a lab or not: all of them are one suite.
const OF_SOFTPHONE: &str = "((package(linedesk-softphone) or package(pjproject-sys)) and kind(test))";

/// Most of the time they wait, so they do it in namespaces beside each other: two have sound, two have calls without, and one,
/// which takes what processor the others leave, is harassed.
fn softphone(context: &Context) -> Result<Counts> {
    const SOUND: &str =
        "binary(devices) or binary(heard) or binary(loudness) or binary(ringing) or binary(sound_tests)";
    const NETWORK: &str = "binary(moved) or binary(network) or binary(servers) or binary(turn)";
    const HARASSED: &str = "binary(hostile) or binary(fuzz) or binary(logs) or binary(crash) or binary(messages) or binary(measured) or binary(registrar)";
    let of_softphone = |which: &str| format!("{OF_SOFTPHONE} and package(linedesk-softphone) and ({which})");
    let beside_a_pbx = Some(Namespace { under: BESIDE_A_PBX, ..Namespace::default() });
    // They are their own PBX, each of them.
    let without_pbx = Some(Namespace { beside_each_other: true, yields: true, ..Namespace::default() });
    let all = [
        ("softphone-sound", of_softphone(SOUND), beside_a_pbx),
        ("softphone-voice", "package(linedesk-tests) and binary(voice)".to_owned(), Some(Namespace::default())),
        ("softphone-network", of_softphone(NETWORK), beside_a_pbx),
        ("softphone-calls", of_softphone(&format!("not ({SOUND} or {NETWORK} or {HARASSED})")), beside_a_pbx),
        (
            "softphone-harassed",
            format!("{} or {OF_SOFTPHONE} and package(pjproject-sys)", of_softphone(HARASSED)),
            without_pbx,
        ),
    ];
    let all = all.each_ref().map(|(name, filter, lab)| Selection { name, filter, which: Which::All, lab: *lab });
    let mut counts = nextest::run(context, &all)?;
    match &context.capabilities.sanitizer {
        _ if !context.deep => {}
        Ok(_) => counts.add(sanitized::run(context, BESIDE_A_PBX)?),
        Err(why) => {
            eprintln!("  ! the suite under AddressSanitizer SKIPPED: {why}");
            counts.skipped.push(Skip { count: 1, why: why.clone() });
        }
    }
    Ok(counts)
}

fn lab(context: &Context) -> Result<Counts> {
    live(context, "lab", "package(linedesk-tests) and (binary(lab) or binary(links))", &[])
}

fn calls(context: &Context) -> Result<Counts> {
    live(context, "calls", "package(linedesk-tests) and binary(calls)", &[])
}

fn first_call(context: &Context) -> Result<Counts> {
    let filter = "package(linedesk-tests) and binary(first_call) or package(workstation) or package(linedesk)";
    live(context, "first-call", filter, &[])
}

/// For packages that know nothing of the lab: a PBX is there, and variables say where.
const BESIDE_A_PBX: &[&str] = &["linedesk-lab", "--"];

/// Ignored tests of a package, inside a namespace of the lab.
fn live(context: &Context, name: &'static str, filter: &'static str, under: &'static [&'static str]) -> Result<Counts> {
    let lab = Some(Namespace { under, ..Namespace::default() });
    nextest::run(context, &[Selection { name, filter, which: Which::Ignored, lab }])
}

/// A command that is one check.
fn one(what: &str, mut command: std::process::Command) -> Result<Counts> {
    let finished = watched(what, &mut command)?;
    if !finished.status.success() {
        eprintln!("{}  whole log: {}", tail(&finished.output(), 60), finished.log.display());
    }
    Ok(Counts::one(finished.status.success()))
}

/// A command that counts for itself.
fn script(what: &str, mut command: std::process::Command) -> Result<Counts> {
    let finished = watched(what, &mut command)?;
    let output = finished.output();
    let mut counts = counts::script(&output).unwrap_or_else(|| Counts::one(finished.status.success()));
    if counts.failed > 0 || !finished.status.success() {
        counts.failed = counts.failed.max(1);
        eprintln!("{}  whole log: {}", tail(&output, 100), finished.log.display());
    }
    Ok(counts)
}
