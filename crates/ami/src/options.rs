//! Where a manager interface is, and how to talk to it.

use std::sync::Arc;
use std::time::Duration;

use crate::Secret;

/// TLS to the PBX.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Trust and versions.
    pub config: Arc<rustls::ClientConfig>,
    /// Name in the certificate when it is not the host.
    pub server_name: Option<String>,
}

/// Where and as whom.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS.
    pub tls: Option<Tls>,
    /// Manager user.
    pub username: String,
    /// Its secret.
    pub secret: Secret,
    /// Classes of events to receive (`Events` of Login), e.g. `system,call,agent`. `dialplan` is 70 % of all events.
    pub events: String,
    /// For the connection with banner and login, and for each action.
    pub timeout: Duration,
    /// Time between pings.
    pub ping: Duration,
}

impl ConnectOptions {
    /// With the defaults: no TLS, all events, 5 s.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, username: impl Into<String>, secret: Secret) -> Self {
        let five = Duration::from_secs(5);
        let (host, username) = (host.into(), username.into());
        Self { host, port, tls: None, username, secret, events: "on".to_owned(), timeout: five, ping: five }
    }

    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}
