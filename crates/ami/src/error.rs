//! What can go wrong with a manager connection: what failed, why, what to do.

use crate::{InvalidField, ParseError};

/// Why a connection or an action failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmiError {
    /// No connection.
    #[error(
        "no connection to the Asterisk manager at {address}: {why}. Check host and port, that manager.conf has enabled=yes \
         and a bindaddr reachable from here, and the firewall between"
    )]
    Unreachable {
        /// host:port.
        address: String,
        /// The system's words.
        why: String,
    },
    /// TLS did not come about.
    #[error(
        "the TLS connection to the Asterisk manager at {address} failed: {why}. Check tlsenable, tlsbindaddr and tlscertfile in \
         manager.conf, and that the certificate names this host and comes from an authority trusted here"
    )]
    Tls {
        /// host:port.
        address: String,
        /// The library's words.
        why: String,
    },
    /// Somebody else answers there.
    #[error(
        "what answers at {address} is not the Asterisk manager: {why}. Check the port (5038 by default, 5039 with TLS; not the \
         HTTP port)"
    )]
    NotAmi {
        /// host:port.
        address: String,
        /// What was wrong.
        why: String,
    },
    /// Wrong user or secret, or not allowed from here.
    #[error(
        "Asterisk refused the manager user \"{username}\": {why}. Check the name and secret in manager.conf, that its permit= \
         lines allow this server, then run `manager reload` in Asterisk's console"
    )]
    AuthRefused {
        /// The user.
        username: String,
        /// Asterisk's words.
        why: String,
    },
    /// No answer in time.
    #[error(
        "Asterisk did not answer to {what} within {seconds} s. If it goes on, look at the load of the PBX and the network"
    )]
    Timeout {
        /// What was asked.
        what: String,
        /// How long we waited.
        seconds: u64,
    },
    /// The connection ended.
    #[error("the connection to the Asterisk manager ended: {why}. It is made again by itself")]
    Closed {
        /// Why.
        why: String,
    },
    /// The stream is wrong.
    #[error("what Asterisk sent cannot be read: {0}. The connection is made again by itself")]
    Wrong(#[from] ParseError),
    /// Asterisk says no.
    #[error("Asterisk refused {action}: {why}")]
    Refused {
        /// Name of the action.
        action: String,
        /// Asterisk's words.
        why: String,
    },
    /// A value that cannot be sent.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
}

impl AmiError {
    /// Whether the connection is over (else only one action failed).
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Timeout { .. } | Self::Refused { .. } | Self::Invalid(_))
    }
}
