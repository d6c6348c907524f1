//! The whole state of a softphone.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{AccountId, Call, HeadsetState, SoundState, Transport};

/// Where a registration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationState {
    /// Not wanted.
    Off,
    /// Asked, no answer yet.
    Trying,
    /// Our own Contact stands in the 200 OK.
    Registered,
    /// Refused or unreachable; it is tried again at `retry_in_ms`.
    Failed,
}

/// Why a registration failed; a consumer branches on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationProblem {
    /// The registrar refused name or password (401, 403, 407).
    WrongSecret,
    /// The registrar knows no such account (404).
    UnknownAccount,
    /// No answer in time.
    Timeout,
    /// The way to the registrar ends before it, or behind it: no address, no connection, out of service.
    Unreachable,
    /// The server's certificate is for another name.
    TlsName,
    /// The server's certificate is not to be trusted.
    TlsUntrusted,
    /// Another program uses our port.
    PortInUse,
    /// The registrar refused for another reason.
    Refused,
    /// pjsua2 could not make the account, or even ask.
    Engine,
    /// A newer softphone said something this build does not know.
    #[serde(other)]
    Unknown,
}

/// Registration of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Registration {
    /// Of which account.
    pub account: AccountId,
    /// Where it is.
    pub state: RegistrationState,
    /// The Contact URI that the registrar confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub contact: Option<String>,
    /// The server that confirmed it, as `host:port`, since version 1.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub server: Option<String>,
    /// How SIP travels to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub transport: Option<Transport>,
    /// Since when it is in this state (ms since the Unix epoch).
    #[ts(type = "number")]
    pub since_ms: i64,
    /// Seconds until the registrar forgets us, at the time of this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub expires_s: Option<u32>,
    /// Last SIP status of REGISTER; 0 when none came.
    pub sip_status: u16,
    /// With [`RegistrationState::Failed`], since version 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<RegistrationProblem>,
    /// Reason phrase or the transport's error, for the details line alone.
    #[serde(default)]
    pub reason: String,
    /// Milliseconds until the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub retry_in_ms: Option<u64>,
}

/// Everything, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// Number of the last event that is contained in it.
    #[ts(type = "number")]
    pub event_number: u64,
    /// The softphone's UTC clock, ms since the Unix epoch, when it was taken.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// All accounts' registrations.
    pub registrations: Vec<Registration>,
    /// All calls that are not over.
    pub calls: Vec<Call>,
    /// Sound.
    pub sound: SoundState,
    /// The headset whose buttons are heard, since version 1.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub headset: Option<HeadsetState>,
}
