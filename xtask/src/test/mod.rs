//! `cargo xtask test`: all builds first, then one suite after the other, then the table.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::build::{self, FEATURES};
use crate::command::{command, is_there, must, watched};
use crate::setup::{self, SetUp};

mod counts;
mod nextest;
mod probe;
mod sanitized;
mod suites;
mod table;

pub use counts::{Counts, Skip};
pub use nextest::ENTER;
pub use probe::Capabilities;
use suites::{Needs, SUITES};

/// What every suite may use.
#[derive(Debug)]
pub struct Context {
    set_up: SetUp,
    capabilities: Capabilities,
    deep: bool,
}

impl Context {
    /// `cargo …` with the variables of the set-up.
    pub fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        self.with_environment(command("cargo", arguments))
    }

    fn with_environment(&self, mut command: Command) -> Command {
        command.envs(self.set_up.environment()).env("CARGO_TERM_COLOR", "never").env("NO_COLOR", "1");
        // An error that a test ends with says what failed; the way to it would push that out of a short log.
        command.env("RUST_LIB_BACKTRACE", "0");
        if let Ok(programs) = &self.capabilities.postgres {
            command.env("LINEDESK_POSTGRES", programs);
        }
        if self.deep {
            command.env("LINEDESK_DEEP", "1");
        }
        command
    }

    /// An npm script of ui/.
    pub fn npm(&self, script: &str) -> Command {
        let mut npm = command("npm", ["run", "--silent", script]);
        npm.current_dir(crate::paths::root().join("ui"));
        self.with_environment(npm)
    }

    fn nextest_program(&self) -> PathBuf {
        if is_there("cargo-nextest") { "cargo-nextest".into() } else { self.set_up.tools.join("bin/cargo-nextest") }
    }
}

/// Runs all suites, or the one that is named.
pub fn run(only: Option<&str>, deep: bool) -> Result<()> {
    let chosen: Vec<_> = SUITES.iter().filter(|suite| only.is_none_or(|name| suite.name == name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("there is no suite {:?}; there are: {}", only.unwrap_or_default(), names.join(", "));
    }
    let set_up = setup::run()?;
    let context = Context { set_up, capabilities: Capabilities::probe(), deep };
    context.capabilities.report();

    let needs = chosen.iter().map(|suite| suite.needs).max().unwrap_or(Needs::Nothing);
    build_all(&context, needs)?;

    let mut rows = Vec::new();
    for suite in chosen {
        eprintln!("{}", suite.name);
        let started = Instant::now();
        let counts = (suite.run)(&context).unwrap_or_else(|error| {
            eprintln!("  ✗ {error:#}");
            Counts { failed: 1, ..Counts::default() }
        });
        rows.push(table::Row { suite: suite.name, counts, took: started.elapsed() });
    }
    print!("{}", table::render(&rows));
    if rows.iter().any(|row| row.counts.failed > 0) {
        bail!("not everything passed");
    }
    Ok(())
}

fn build_all(context: &Context, needs: Needs) -> Result<()> {
    if needs == Needs::Nothing {
        return Ok(());
    }
    // Sound fails beside a compiler, so nothing is built while a suite runs.
    eprintln!("Builds");
    build::pages(&context.set_up)?;
    if needs >= Needs::Programs {
        build::programs(&context.set_up)?;
        must("tests", &mut nextest::build(context))?;
        if context.capabilities.sanitizer.is_ok() {
            // If it fails, the tests that want it say why; all others can run.
            watched("pjproject with AddressSanitizer", &mut command("pjproject-sys/tests/lifetimes/libraries.sh", []))?;
            if context.deep {
                sanitized::build(context)?;
            }
        }
    }
    Ok(())
}
