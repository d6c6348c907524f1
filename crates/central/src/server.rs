//! Listens: plain HTTP on loopback, TLS everywhere; prints one line when it is ready, stops gracefully.

use axum_server::tls_rustls::RustlsConfig;
use axum_server::{Handle, Server as HttpServer};
use hyper_util::rt::TokioTimer;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, ConfigError, TlsFiles};
use crate::first_bytes::FirstBytes;
use crate::http;
use crate::links::Links;
use crate::tenant::{Running, TenantError};

/// How long running requests may take when the server stops.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// How long a client may take to say what it asks, and how long a connection may be idle: whoever opens connections and
/// says nothing must not use them up. Live connections are guarded by their own silence.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Of the config file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Of the tenant.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// Somebody else listens there.
    #[error(
        "cannot listen on {0}: another program uses this port, perhaps a linedesk-central that is still running; stop it, or \
         choose another port with the key `listen`"
    )]
    InUse(SocketAddr),
    /// Another reason.
    #[error("cannot listen on {address}: {source}; choose an address of this machine with the key `listen`")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Certificate or key.
    #[error(
        "cannot use the TLS certificate {certificate} with the key {key}: {source}; both must be PEM files that belong together"
    )]
    Tls {
        /// Which.
        certificate: String,
        /// Which.
        key: String,
        /// Why.
        source: std::io::Error,
    },
    /// While serving.
    #[error("the server stopped by itself: {0}; see the log")]
    Serve(std::io::Error),
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    /// Its address.
    pub address: SocketAddr,
    /// With TLS?
    pub tls: bool,
    running: Running,
    handle: Handle<SocketAddr>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Listens and serves.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start(config: &Config, links: Arc<dyn Links>) -> Result<Self, ServeError> {
        let tls = config.tls()?;
        // First the port, so that a second server does not touch the first one's database or PBX.
        let listener = listen(config.listen)?;
        let address = listener.local_addr().map_err(|source| ServeError::Listen { address: config.listen, source })?;
        let rustls = match &tls {
            Some(files) => Some(rustls_config(files).await?),
            None => None,
        };
        let running = Running::start(config.tenant(), links).await?;
        let service = http::router(running.tenant.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        let serving = match rustls {
            Some(rustls) => {
                let server = axum_server::from_tcp_rustls(listener, rustls).map_err(ServeError::Serve)?;
                tokio::spawn(guarded(server).handle(handle.clone()).serve(service))
            }
            None => {
                let server = axum_server::from_tcp(listener).map_err(ServeError::Serve)?;
                tokio::spawn(guarded(server).handle(handle.clone()).serve(service))
            }
        };
        Ok(Self { address, tls: tls.is_some(), running, handle, serving })
    }

    /// URL under which it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.address)
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &crate::tenant::Tenant {
        &self.running.tenant
    }

    /// Serves until `stop`, then ends gracefully.
    ///
    /// # Errors
    /// When it ends by itself.
    pub async fn serve_until(mut self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let early = tokio::select! {
            () = stop => None,
            ended = &mut self.serving => Some(ended),
        };
        tracing::info!("stopping");
        self.handle.graceful_shutdown(Some(LAST_REQUESTS));
        // Live connections are told to go, or they would hold the server up.
        self.running.tenant.stop.cancel();
        let ended = match early {
            Some(ended) => ended,
            None => self.serving.await,
        };
        self.running.stop().await;
        ended.map_err(|error| ServeError::Serve(std::io::Error::other(error)))?.map_err(ServeError::Serve)
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => ServeError::InUse(address),
        _ => ServeError::Listen { address, source },
    })?;
    listener.set_nonblocking(true).map_err(|source| ServeError::Listen { address, source })?;
    Ok(listener)
}

fn guarded<Accept>(server: HttpServer<SocketAddr, Accept>) -> HttpServer<SocketAddr, FirstBytes<Accept>> {
    let mut server = server.map(|inner| FirstBytes { inner, within: HEADERS_WITHIN });
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    server
}

async fn rustls_config(files: &TlsFiles) -> Result<RustlsConfig, ServeError> {
    RustlsConfig::from_pem_file(&files.certificate, &files.key).await.map_err(|source| ServeError::Tls {
        certificate: files.certificate.display().to_string(),
        key: files.key.display().to_string(),
        source,
    })
}
