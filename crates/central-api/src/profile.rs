//! What the softphone of the signed-in operator is to be.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{PbxId, PhoneId, Secret};

/// Answer to GET [`crate::path::ME_PROFILE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SoftphoneProfile {
    /// Grows with each change.
    #[ts(type = "number")]
    pub revision: u64,
    /// One account per PBX.
    pub accounts: Vec<SipAccount>,
    /// Codecs in order; what is not named is off.
    pub codecs: Vec<SipCodec>,
    /// Acoustic echo canceller.
    pub echo_cancellation: bool,
    /// First and last UDP port for RTP.
    pub rtp_ports: (u16, u16),
}

/// A SIP account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SipAccount {
    /// Our phone.
    pub phone: PhoneId,
    /// On this PBX.
    pub pbx: PbxId,
    /// Name of the PBX on screens.
    pub pbx_name: String,
    /// Server name or address; with TLS the name its certificate must carry.
    pub server: String,
    /// Port.
    pub port: u16,
    /// Transport.
    pub transport: SipTransport,
    /// SIP domain; apart from the server.
    pub domain: String,
    /// User part and, when `auth_user` is empty, digest user.
    pub user: String,
    /// Digest user.
    #[serde(default)]
    pub auth_user: String,
    /// Digest password.
    pub password: Secret,
    /// Shown to the other side.
    pub display_name: String,
    /// Media encryption.
    pub encryption: SipEncryption,
    /// Certification authority for TLS besides the system's, as PEM text; empty for none.
    #[serde(default)]
    pub tls_ca_pem: String,
}

/// How SIP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SipTransport {
    /// Datagrams.
    Udp,
    /// Stream.
    Tcp,
    /// Verified TLS.
    Tls,
}

/// Media encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SipEncryption {
    /// Plain RTP.
    Off,
    /// SDES, only over TLS.
    Sdes,
    /// DTLS-SRTP.
    Dtls,
}

/// Codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SipCodec {
    /// Opus.
    Opus,
    /// G.722.
    G722,
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}
