//! linedesk-central: the server.

use clap::Parser as _;
use std::process::ExitCode;

/// Events are allocated where they are read and freed where calls are told, which costs glibc's allocator a third of the processor.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // Two providers in one process would be a panic at the first connection; ring is the one.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("linedesk-central: another TLS provider is installed; this is a fault of the build, report it");
        return ExitCode::FAILURE;
    }
    match linedesk_central::cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linedesk-central: {error:#}");
            ExitCode::FAILURE
        }
    }
}
