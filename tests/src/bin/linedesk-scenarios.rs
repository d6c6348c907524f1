//! `linedesk-scenarios [--version 16] [--kind local] [--record DIR] [--alone] NAME …|all`: plays scenarios of calls and records
//! what the manager interface reports.
//!
//! It runs in a network namespace of its own:
//! `unshare -n sh -c 'ip link set lo up; target/debug/linedesk-scenarios --record /tmp/streams answered-agent-ends'`.
//!
//! With `--alone` they are played one after the other, with a recording each (`NAME.ami`, `NAME.times`, and `NAME.b.…` of a second
//! PBX); without it all at the same time into one recording (`together.…`). What the driver measured is in `NAME.told.json`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use linedesk_tests::lab::calls::{Hall, Kind, Recorder, Scenario, Site, Stage, Told, scenarios, write_whole};
use linedesk_tests::lab::{Lab, Version};

#[derive(Debug, Parser)]
struct Arguments {
    /// 22 or 16.
    #[arg(long, default_value = "22", value_parser = ["22", "16"])]
    version: String,
    /// How queues ring: pjsip or local.
    #[arg(long, default_value = "pjsip", value_parser = ["pjsip", "local"])]
    kind: String,
    /// Where recordings go.
    #[arg(long)]
    record: Option<PathBuf>,
    /// One at a time.
    #[arg(long)]
    alone: bool,
    /// Which, or `all`.
    #[arg(required = true)]
    names: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let chosen = choose(&arguments.names)?;
    let version = if arguments.version == "16" { Version::V16 } else { Version::V22 };
    let kind = if arguments.kind == "local" { Kind::Local } else { Kind::Pjsip };
    if let Some(directory) = &arguments.record {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let lab = Lab::new("scenarios")?;
    let hall = Hall::open(&lab, version, kind, &chosen).await?;
    let directory = arguments.record.as_deref();
    let failed = if arguments.alone {
        alone(&hall, &chosen, directory).await?
    } else {
        together(&hall, &chosen, directory).await?
    };
    eprintln!("{} of {} scenarios went as they should", chosen.len() - failed, chosen.len());
    if failed == 0 {
        lab.done();
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn choose(names: &[String]) -> Result<Vec<&'static Scenario>> {
    let all = scenarios();
    if names.iter().any(|name| name == "all") {
        return Ok(all);
    }
    names
        .iter()
        .map(|name| {
            let found = all.iter().find(|scenario| scenario.name == name).copied();
            found.with_context(|| {
                let known: Vec<&str> = all.iter().map(|scenario| scenario.name).collect();
                format!("there is no scenario {name}; there are: {}", known.join(" "))
            })
        })
        .collect()
}

/// One after the other; gives how many failed.
async fn alone(hall: &Arc<Hall>, chosen: &[&'static Scenario], directory: Option<&Path>) -> Result<usize> {
    let mut failed = 0;
    for scenario in chosen {
        let recorders = record(hall, scenario.office.needs_b()).await?;
        let started = Instant::now();
        let played = async {
            let told = Stage::play(scenario, hall).await?;
            for (site, recorder) in &recorders {
                finish(hall, *site, recorder).await?;
            }
            Ok(told)
        };
        let played: Result<Told> = played.await;
        failed += usize::from(played.is_err());
        report(scenario, &played, started);
        if let (Some(directory), Ok(told)) = (directory, played) {
            for (site, recorder) in recorders {
                recorder.finish().write(directory, &recording_name(scenario.name, site))?;
            }
            write_told(directory, &told)?;
        }
    }
    Ok(failed)
}

/// All at the same time; gives how many failed.
async fn together(hall: &Arc<Hall>, chosen: &[&'static Scenario], directory: Option<&Path>) -> Result<usize> {
    let recorders = record(hall, true).await?;
    let plays: Vec<_> = chosen
        .iter()
        .map(|scenario| {
            let (scenario, hall) = (*scenario, hall.clone());
            tokio::spawn(async move {
                let started = Instant::now();
                let played = Stage::play(scenario, &hall).await;
                report(scenario, &played, started);
                played
            })
        })
        .collect();
    let mut failed = 0;
    for play in plays {
        match (play.await?, directory) {
            (Err(_), _) => failed += 1,
            (Ok(told), Some(directory)) => write_told(directory, &told)?,
            (Ok(_), None) => {}
        }
    }
    for (site, recorder) in recorders {
        finish(hall, site, &recorder).await?;
        if let Some(directory) = directory {
            recorder.finish().write(directory, &recording_name("together", site))?;
        }
    }
    Ok(failed)
}

async fn record(hall: &Hall, both: bool) -> Result<Vec<(Site, Recorder)>> {
    let mut recorders = Vec::new();
    for (site, house) in hall.houses().filter(|(site, _)| both || *site == Site::A) {
        recorders.push((site, house.record().await?));
    }
    Ok(recorders)
}

/// Waits until a PBX has nothing more to report.
async fn finish(hall: &Hall, site: Site, recorder: &Recorder) -> Result<()> {
    for (_, house) in hall.houses().filter(|(other, _)| *other == site) {
        house.empty().await?;
        house.mark("all", "over").await?;
        recorder.until("Phase: over\r\n").await?;
    }
    Ok(())
}

fn recording_name(name: &str, site: Site) -> String {
    if site == Site::A { name.to_owned() } else { format!("{name}.{}", site.word()) }
}

fn write_told(directory: &Path, told: &Told) -> Result<()> {
    let path = directory.join(format!("{}.told.json", told.scenario));
    write_whole(&path, (serde_json::to_string_pretty(told)? + "\n").as_bytes())
}

fn report(scenario: &Scenario, played: &Result<Told>, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    match played {
        Ok(told) => eprintln!("✓ {} ({seconds:.1} s): {}", scenario.name, told.outcome),
        Err(error) => eprintln!("✗ {} ({seconds:.1} s): {error:#}", scenario.name),
    }
}
