//! A PostgreSQL of a lab's own: its socket in a directory of its own, no port.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Lab, Process, SHORT, until};
use crate::bench::process;

const SCRIPT: &str = include_str!("../../../crates/central/tests/databases/cluster.sh");
/// As a server that must not lose anything is set up, and not as the tests' own.
const LASTING: &str = "fsync = on\nfull_page_writes = on\nsynchronous_commit = on\nshared_buffers = 128MB\n";

/// A running server with an empty database; deleted with this value.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    /// Not in the lab's directory, which its user may not enter. Short, since a socket's path has 104 bytes.
    home: tempfile::TempDir,
}

impl Postgres {
    /// Makes and starts it.
    pub async fn start(lab: &Lab) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("ld-pg-").tempdir()?;
        let made = Self::script(lab, "make", home.path())?.output().await?;
        if !made.status.success() {
            let log = std::fs::read_to_string(home.path().join("initdb.log")).unwrap_or_default();
            bail!("PostgreSQL makes no data: {log}{}", String::from_utf8_lossy(&made.stderr));
        }
        let settings = home.path().join("data/postgresql.conf");
        let text = std::fs::read_to_string(&settings)?;
        std::fs::write(&settings, text + LASTING)?;
        let mut run = Self::script(lab, "run", home.path())?;
        run.env_remove("PGDATA");
        let mut postgres = Self { process: Process::start(lab, "postgres", run)?, home };
        let log = postgres.home.path().join("server.log");
        until("PostgreSQL is ready", SHORT, async || {
            std::fs::read_to_string(&log).ok()?.contains("ready to accept connections").then_some(())
        })
        .await?;
        postgres.process.must_run()?;
        Ok(postgres)
    }

    /// Of its database, as central is told it.
    pub fn url(&self) -> String {
        format!("postgres://linedesk@/postgres?host={}", self.home.path().display())
    }

    /// Processor time that it used so far, with all who work for it.
    pub fn used(&self) -> Result<Duration> {
        process::used_by_family(self.process.pid())
    }

    /// Ends it in order.
    pub async fn stop(mut self) -> Result<()> {
        self.process.signal(nix::sys::signal::Signal::SIGINT)?;
        self.process.ended(SHORT).await.map(drop)
    }

    fn script(lab: &Lab, verb: &str, home: &Path) -> Result<tokio::process::Command> {
        let mut command = lab.command("sh");
        command.args(["-c", SCRIPT, "cluster", verb]).arg(programs()?).arg(home);
        if nix::unistd::geteuid().is_root() {
            // initdb refuses root.
            command.args(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        } else {
            command.arg("env");
        }
        Ok(command)
    }
}

/// Where initdb and postgres are: the newest of Debian's, or on the PATH.
fn programs() -> Result<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    // 9 before 10.
    found.sort_by_key(|programs| (programs.as_os_str().len(), programs.clone()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.splice(0..0, std::env::split_paths(&path));
    let found = found.into_iter().rev().find(|directory| directory.join("initdb").is_file());
    found.context("there is no PostgreSQL here: install the package postgresql")
}
