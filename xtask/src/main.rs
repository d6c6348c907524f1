//! The project's own tasks: `cargo xtask setup`, `run`, `test`, … One door for a newcomer and for the build machine.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod build;
mod codegen;
mod command;
mod i18n;
mod paths;
mod run;
mod setup;
mod shots;
mod test;
mod tidy;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The tasks of Linedesk.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what is missing: system and npm packages, pjproject, Asterisk for the lab.
    Setup,
    /// Build all and open the workstation with a demo: central, a real Asterisk, queues, and customers who call on request.
    Run {
        /// Only start central and the PBX, and leave the window to you.
        #[arg(long)]
        no_window: bool,
    },
    /// Every check, or one suite of them; ends with a table and `N passed, N failed, N skipped`.
    Test {
        /// One suite: format, clippy, tidy, generated, catalogues, unit, ui, pages, central, softphone, lab, calls, first-call.
        #[arg(long)]
        only: Option<String>,
        /// Also what takes longer than the time budget.
        #[arg(long)]
        deep: bool,
    },
    /// Measure a release build, beside a peer where there is one: first-call, softphone, voice.
    Bench {
        /// Which.
        name: String,
        /// Write the figures to this file too.
        #[arg(long)]
        json: Option<std::path::PathBuf>,
        /// All of it, where a part is measured otherwise (collector: a whole record day).
        #[arg(long)]
        full: bool,
    },
    /// Prove the invariants of the workspace.
    Tidy,
    /// Write the files that are generated from Rust types.
    Codegen {
        /// Only say whether they are current.
        #[arg(long)]
        check: bool,
    },
    /// Gather the words of ui/ and Rust code into locales/*.po.
    I18n {
        /// Only say whether the catalogues are complete.
        #[arg(long)]
        check: bool,
    },
    /// Make the pictures of the pages.
    Shots,
}

fn main() -> ExitCode {
    match run_task(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Words for a person; where in xtask it happened helps nobody.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_task(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Setup => setup::run().map(drop),
        Task::Run { no_window } => run::run(no_window),
        Task::Test { only, deep } => test::run(only.as_deref(), deep),
        Task::Bench { name, json, full } => bench::run(&name, json.as_deref(), full),
        Task::Tidy => tidy::run(),
        Task::Codegen { check } => codegen::run(check),
        Task::I18n { check } => i18n::run(check),
        Task::Shots => shots::run(),
    }
}
