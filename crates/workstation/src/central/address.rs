//! The address of a server, as a person types it.

use std::net::IpAddr;
use url::{Host, Url};

use crate::view::ConnectProblem;

/// A server: `https://name[:port]`, or `http://` to this very machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server(Url);

impl Server {
    /// Reads what was typed; a bare name means `https://`.
    pub(crate) fn parse(typed: &str) -> Result<Self, ConnectProblem> {
        let bad = |detail: &str| ConnectProblem::BadAddress { detail: detail.to_owned() };
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(bad("it is empty"));
        }
        let whole = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
        let url = Url::parse(&whole).map_err(|error| bad(&error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(bad("http:// is only for this very machine; elsewhere it must be https://")),
            other => return Err(bad(&format!("{other}:// is not https://"))),
        }
        if url.host().is_none() {
            return Err(bad("it names no server"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("name and password do not belong into the address"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it must be only the server, without a path"));
        }
        Ok(Self(url))
    }

    /// As shown and remembered.
    pub(crate) fn text(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether TLS is used.
    pub(crate) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// URL of a path that begins with `/`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.text())
    }

    /// The same for a WebSocket.
    pub(crate) fn live_url(&self, path: &str) -> String {
        // http → ws, https → wss.
        format!("ws{}{path}", self.text().trim_start_matches("http"))
    }

    /// Name and port, for the resolver.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let host = match self.0.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        };
        (host, self.0.port_or_known_default().unwrap_or(443))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn addresses() {
        let cases = [
            ("desk.example.com", Some("https://desk.example.com")),
            ("  https://desk.example.com:8443/ ", Some("https://desk.example.com:8443")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://localhost:8080/", Some("http://localhost:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://desk.example.com", None),
            ("http://localhost.example.com", None),
            ("ftp://desk.example.com", None),
            ("https://anna:secret@desk.example.com", None),
            ("https://desk.example.com/path", None),
            ("https://desk.example.com/?a=b", None),
            ("", None),
            ("https://", None),
            ("not a name", None),
        ];
        for (typed, expected) in cases {
            let parsed = Server::parse(typed);
            assert_eq!(parsed.as_ref().ok().map(Server::text), expected, "{typed:?}: {parsed:?}");
        }
    }

    #[test]
    fn the_live_address_has_the_same_protection() {
        let tls = Server::parse("https://a.example:1").expect("good");
        assert_eq!(tls.live_url("/x"), "wss://a.example:1/x");
        let plain = Server::parse("http://127.0.0.1:1").expect("good");
        assert_eq!(plain.live_url("/x"), "ws://127.0.0.1:1/x");
    }
}
