//! `linedesk-softphone serve`: one session's softphone on a local socket.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;

use crate::engine::{self, Options};
use crate::hub::{Hub, HubEvent};
use crate::wire::{self, Admission};
use crate::{attach, platform};

/// Messages of the engine and of connections that may wait for the hub, which never waits itself.
const QUEUE: usize = 1024;

/// What `serve` needs to know.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Private directory for socket and attach file.
    pub runtime_dir: PathBuf,
    /// The session that may attach.
    pub session: String,
    /// Of the engine.
    pub engine: Options,
}

/// Runs until the engine ends: by `shutdown`, by a signal, or unattached and idle for long enough.
///
/// # Errors
/// When the directory, the socket or pjlib cannot be had; each says what to do.
pub async fn run(options: ServeOptions) -> Result<()> {
    platform::private_dir(&options.runtime_dir)?;
    attach::clear_stale(&options.runtime_dir)?;
    let (to_hub, inbox) = mpsc::channel(QUEUE);
    let (engine_out, from_engine) = mpsc::channel(QUEUE);
    let engine = engine::spawn(options.engine, engine_out)?;
    let admission = Admission { token: attach::new_token()?, session: options.session };
    let socket = attach::socket_path(&options.runtime_dir)?;
    let listener = listen(&socket)?;
    // Last, when everything that it promises is there.
    let published = attach::publish(&options.runtime_dir, &socket, &admission.token, &admission.session)?;
    tracing::info!(pid = std::process::id(), "softphone {} serves", env!("CARGO_PKG_VERSION"));
    let accepting = tokio::spawn(accept(listener, admission, to_hub.clone()));
    let stopping = tokio::spawn(stop_on_signal(to_hub));
    Hub::new(engine).run(inbox, from_engine).await;
    accepting.abort();
    stopping.abort();
    drop(published);
    tracing::info!("softphone ends");
    Ok(())
}

#[cfg(unix)]
fn listen(socket: &std::path::Path) -> Result<tokio::net::UnixListener> {
    tokio::net::UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))
}

#[cfg(unix)]
async fn accept(listener: tokio::net::UnixListener, admission: Admission, hub: mpsc::Sender<HubEvent>) {
    let us = nix::unistd::geteuid().as_raw();
    for id in 1u64.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(e) => {
                tracing::error!("accepting a client: {e}");
                // Out of descriptors; trying at once would spin.
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                continue;
            }
        };
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == us => {
                let pid = peer.pid().and_then(|p| u32::try_from(p).ok());
                tokio::spawn(wire::connection(stream, id, pid, admission.clone(), hub.clone()));
            }
            Ok(peer) => tracing::warn!(uid = peer.uid(), "another user's connection was closed"),
            Err(e) => tracing::warn!("who is at the other end is not known: {e}"),
        }
    }
}

/// Untried: a named pipe; the default security of a pipe lets only the owner and administrators write to it.
#[cfg(windows)]
fn listen(socket: &std::path::Path) -> Result<String> {
    let name = socket.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(format!(r"\\.\pipe\linedesk-{name}"))
}

/// Untried.
#[cfg(windows)]
async fn accept(name: String, admission: Admission, hub: mpsc::Sender<HubEvent>) {
    use tokio::net::windows::named_pipe::ServerOptions;
    for id in 1u64.. {
        let Ok(server) = ServerOptions::new().first_pipe_instance(id == 1).reject_remote_clients(true).create(&name)
        else {
            tracing::error!("the pipe {name} cannot be made");
            return;
        };
        if server.connect().await.is_ok() {
            tokio::spawn(wire::connection(server, id, None, admission.clone(), hub.clone()));
        }
    }
}

#[cfg(unix)]
pub(crate) async fn stop_on_signal(hub: mpsc::Sender<HubEvent>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        return;
    };
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            // A terminal that closes is no reason to end a call.
            _ = hup.recv() => {}
        }
    }
    let _ = hub.send(HubEvent::Stop).await;
}

#[cfg(not(unix))]
pub(crate) async fn stop_on_signal(hub: mpsc::Sender<HubEvent>) {
    let _ = tokio::signal::ctrl_c().await;
    let _ = hub.send(HubEvent::Stop).await;
}
