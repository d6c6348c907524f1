//! `linedesk-softphone`: see the crate's first page, and docs/softphone-protocol.md.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use linedesk_softphone::engine::{Options, probe};
use linedesk_softphone::serve::ServeOptions;
use linedesk_softphone::{console, crash, doc, logging, platform, serve};
use softphone_api::attach::UNATTACHED_IDLE_MS;

/// The softphone of Linedesk: a process of its own, so that neither it nor the window takes the other down.
#[derive(Debug, Parser)]
#[command(name = "linedesk-softphone", version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Serve one session on a local socket.
    Serve {
        /// Private directory for the socket and the attach file; made with 0700.
        #[arg(long)]
        runtime_dir: PathBuf,
        /// The session that may attach.
        #[arg(long)]
        session: String,
        /// Where rotated logs go.
        #[arg(long)]
        log_dir: PathBuf,
        #[command(flatten)]
        engine: EngineArguments,
    },
    /// Take commands as JSON lines on stdin, answer on stdout.
    Console {
        #[command(flatten)]
        engine: EngineArguments,
    },
    /// Look for sound devices and print them as JSON (Linux); the softphone itself asks this way, too.
    #[command(name = probe::SUBCOMMAND)]
    Devices,
    /// Print docs/softphone-protocol.md.
    ProtocolDoc,
}

#[derive(Debug, Args)]
struct EngineArguments {
    /// Never open a sound device; calls carry silence.
    #[arg(long)]
    null_audio: bool,
    /// Local SIP port; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    sip_port: u16,
    /// Whole SIP messages in the log; digests and keys are masked.
    #[arg(long)]
    sip_trace: bool,
    /// Seconds without RTP after which a talking call is probed; 0: never.
    #[arg(long, default_value_t = 30)]
    media_timeout: u64,
    /// For measuring: calls do not hold each other.
    #[arg(long, hide = true)]
    all_talk: bool,
}

impl EngineArguments {
    fn options(&self, unattached_idle: Option<Duration>) -> Options {
        Options {
            sip_port: self.sip_port,
            null_audio: self.null_audio,
            sip_trace: self.sip_trace,
            unattached_idle,
            all_talk: self.all_talk,
            media_timeout: (self.media_timeout > 0).then(|| Duration::from_secs(self.media_timeout)),
        }
    }
}

/// Tests shorten it.
fn unattached_idle() -> Duration {
    let ms =
        std::env::var("LINEDESK_UNATTACHED_IDLE_MS").ok().and_then(|v| v.parse().ok()).unwrap_or(UNATTACHED_IDLE_MS);
    Duration::from_millis(ms)
}

fn main() -> Result<()> {
    match Arguments::parse().what {
        What::Serve { runtime_dir, session, log_dir, engine } => {
            logging::to_files(&log_dir)?;
            let crash = crash::watch(&log_dir);
            if let Err(e) = &crash {
                tracing::warn!("a crash will leave no report: {e:#}");
            }
            let path = log_dir.join("softphone-output.log");
            let output = std::fs::File::create(&path).with_context(|| format!("writing {}", path.display()))?;
            platform::lead_own_session();
            let options = ServeOptions { runtime_dir, session, engine: engine.options(Some(unattached_idle())) };
            // From here on nobody reads our output; a start that failed is still told to the starter's stderr.
            let result = block_on(async move {
                platform::private_dir(&options.runtime_dir)?;
                platform::output_to(&output);
                serve::run(options).await
            });
            if let Err(e) = &result {
                tracing::error!("the softphone cannot serve: {e:#}");
            }
            result
        }
        What::Console { engine } => {
            logging::to_stderr();
            block_on(console::run(engine.options(None)))
        }
        What::Devices => probe::print(),
        What::ProtocolDoc => {
            print!("{}", doc::protocol());
            Ok(())
        }
    }
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the event loop")?;
    let result = runtime.block_on(work);
    // A read of stdin that never returns must not keep us.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}
