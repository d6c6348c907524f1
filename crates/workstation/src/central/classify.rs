//! From an error of the network to a problem that a person can act upon.

use rustls::CertificateError;
use std::error::Error;

use super::Server;
use crate::view::ConnectProblem;

/// Finds the cause in a chain of errors.
///
/// The names of the resolver's errors differ by system and language, so an unknown host is found by asking the resolver.
pub(crate) fn classify(
    server: &Server,
    error: &(dyn Error + 'static),
    timed_out: bool,
) -> impl Future<Output = ConnectProblem> + Send + use<> {
    let mut facts = Facts { timed_out, ..Facts::default() };
    walk(error, &mut facts);
    let (host, port) = server.host_and_port();
    async move {
        if let Some(problem) = facts.tls {
            return problem;
        }
        if facts.timed_out {
            return ConnectProblem::Timeout;
        }
        if !facts.connected
            && host.parse::<std::net::IpAddr>().is_err()
            && let Err(error) = tokio::net::lookup_host((host.as_str(), port)).await
        {
            return ConnectProblem::UnknownHost { detail: error.to_string() };
        }
        ConnectProblem::Unreachable { detail: facts.last }
    }
}

#[derive(Default)]
struct Facts {
    tls: Option<ConnectProblem>,
    timed_out: bool,
    connected: bool,
    /// The innermost words.
    last: String,
}

fn walk(error: &(dyn Error + 'static), facts: &mut Facts) {
    facts.last = error.to_string();
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        facts.connected = true;
        facts.tls = Some(tls_problem(error));
        return;
    }
    if let Some(io) = error.downcast_ref::<std::io::Error>() {
        match io.kind() {
            std::io::ErrorKind::TimedOut => facts.timed_out = true,
            std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::ConnectionReset => facts.connected = true,
            _ => {}
        }
        // `source()` of an io::Error is the source of what it carries, so what it carries is looked at by itself.
        if let Some(inner) = io.get_ref() {
            walk(inner, facts);
            return;
        }
    }
    if let Some(source) = error.source() {
        walk(source, facts);
    }
}

fn tls_problem(error: &rustls::Error) -> ConnectProblem {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            ConnectProblem::TlsName { detail: presented.join(", ") }
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidForName) => {
            ConnectProblem::TlsName { detail: error.to_string() }
        }
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            ConnectProblem::TlsUntrusted { detail: error.to_string() }
        }
        // It answered, but not with TLS that we can speak.
        other => ConnectProblem::NotCentral { detail: other.to_string() },
    }
}
