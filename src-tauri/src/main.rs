//! The desktop shell: a window, a tray, and thin commands over a workstation.

// A release build for Windows opens no console beside the window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod attention;
mod call_window;
mod commands;
mod logging;
mod paths;
mod platform;
mod shell;
mod timings;
mod tray;
mod window;

use clap::Parser;

/// The workplace of a call-centre operator.
#[derive(Debug, Parser)]
#[command(name = "linedesk", version)]
struct Arguments {
    /// Sign in at the start with a JSON line of the input: {"server","username","password","takeOver"}
    #[arg(long)]
    sign_in_from_stdin: bool,
}

fn main() -> anyhow::Result<()> {
    let timings = timings::Timings::begin();
    let arguments = Arguments::parse();
    platform::prepare();
    // A second provider cannot have been installed before main.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let paths = paths::Paths::find()?;
    let _log = logging::begin(&paths.data_dir)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "linedesk starts");
    shell::run(arguments.sign_in_from_stdin, paths, timings)
}
