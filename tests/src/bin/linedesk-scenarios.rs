//! `linedesk-scenarios [--version 16] [--kind local] [--record DIR] [--alone] NAME …|all`: plays scenarios of calls and records
//! what the manager interface reports.
//!
//! It runs in a network namespace of its own:
//! `unshare -n sh -c 'ip link set lo up; target/debug/linedesk-scenarios --record DIR answered-agent-ends'`.
//!
//! With `--alone` they are played one after the other, with a recording each (`NAME.ami`, `NAME.times`, and `NAME.b.…` of a second
//! PBX); without it all at the same time into one recording (`together.…`). What the driver measured is in `NAME.told.json`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use linedesk_tests::lab::calls::{
    Hall, Kind, Played, Recordings, Scenario, Site, alone, scenarios, together, write_whole,
};
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
    let directory = arguments.record.as_deref();
    if let Some(directory) = directory {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let lab = Lab::new("scenarios")?;
    let hall = Hall::open(&lab, version, kind, &chosen).await?;
    let mut all = Vec::new();
    if arguments.alone {
        for scenario in &chosen {
            let (played, recordings) = alone(&hall, scenario).await?;
            report(&played);
            if let (Some(directory), Ok(_)) = (directory, &played.told) {
                write(directory, scenario.name, &recordings)?;
                write_told(directory, &played)?;
            }
            all.push(played);
        }
    } else {
        let (played, recordings) = together(&hall, &chosen, report).await?;
        if let Some(directory) = directory {
            write(directory, "together", &recordings)?;
            for played in &played {
                write_told(directory, played)?;
            }
        }
        all = played;
    }
    let failed = all.iter().filter(|played| played.told.is_err()).count();
    eprintln!("{} of {} scenarios went as they should", all.len() - failed, all.len());
    if failed == 0 {
        lab.done();
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(names: &[String]) -> Result<Vec<&'static Scenario>> {
    let all = scenarios();
    if names.iter().any(|name| name == "all") {
        return Ok(all);
    }
    let find = |name: &String| {
        let found = all.iter().find(|scenario| scenario.name == name).copied();
        found.with_context(|| {
            let known: Vec<&str> = all.iter().map(|scenario| scenario.name).collect();
            format!("there is no scenario {name}; there are: {}", known.join(" "))
        })
    };
    names.iter().map(find).collect()
}

fn write(directory: &Path, name: &str, recordings: &Recordings) -> Result<()> {
    for (site, recording) in recordings {
        let name = if *site == Site::A { name.to_owned() } else { format!("{name}.{}", site.word()) };
        recording.write(directory, &name)?;
    }
    Ok(())
}

fn write_told(directory: &Path, played: &Played) -> Result<()> {
    let Ok(told) = &played.told else { return Ok(()) };
    let path = directory.join(format!("{}.told.json", told.scenario));
    write_whole(&path, (serde_json::to_string_pretty(told)? + "\n").as_bytes())
}

fn report(played: &Played) {
    let (name, seconds) = (played.scenario.name, played.took.as_secs_f64());
    match &played.told {
        Ok(told) => eprintln!("✓ {name} ({seconds:.1} s): {}", told.outcome),
        Err(error) => eprintln!("✗ {name} ({seconds:.1} s): {error:#}"),
    }
}
