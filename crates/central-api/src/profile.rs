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
    /// Takes steady noise out of what the microphone hears, unless the person at the machine chose otherwise.
    #[serde(default)]
    pub noise_suppression: bool,
    /// Brings a low or loud voice to one loudness, unless the person at the machine chose otherwise.
    #[serde(default)]
    pub gain_control: bool,
    /// Class of service of SIP packets (RFC 2474), 0-63.
    #[serde(default = "default_sip_dscp")]
    pub sip_dscp: u8,
    /// Class of service of RTP packets (RFC 2474), 0-63.
    #[serde(default = "default_rtp_dscp")]
    pub rtp_dscp: u8,
    /// Which calls are answered by themselves.
    #[serde(default)]
    pub auto_answer: AutoAnswer,
}

/// Class of service of SIP packets where nothing else is said: CS3.
pub const SIP_DSCP: u8 = 24;
/// Class of service of RTP packets where nothing else is said: EF.
pub const RTP_DSCP: u8 = 46;

fn default_sip_dscp() -> u8 {
    SIP_DSCP
}

fn default_rtp_dscp() -> u8 {
    RTP_DSCP
}

/// Which calls are answered by themselves: only while the operator is available, no other call runs and the chosen headset
/// is plugged in; always with a beep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AutoAnswer {
    /// None.
    #[default]
    Off,
    /// Calls of queues.
    QueueCalls,
    /// Calls of queues whose PBX asks for it (`Alert-Info` or `Call-Info` with `answer-after`).
    ByHeader,
    /// Said by a newer central; nothing is answered by itself then.
    #[serde(other)]
    #[ts(skip)]
    Unknown,
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
    /// Port; 0: DNS says servers and ports (SRV, RFC 3263).
    pub port: u16,
    /// Where to go, in this order, when the server does not answer.
    #[serde(default)]
    pub backup_servers: Vec<SipServer>,
    /// All SIP goes through it, whatever the server is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub outbound_proxy: Option<SipServer>,
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
    /// A server that offers plain RTP alone is talked to all the same.
    #[serde(default)]
    pub encryption_optional: bool,
    /// Which addresses may be used.
    #[serde(default)]
    pub address_family: SipAddressFamily,
    /// How sound finds its way through NAT.
    #[serde(default)]
    pub nat: SipNat,
    /// How digits travel.
    #[serde(default)]
    pub dtmf: SipDtmf,
    /// Headers of an incoming INVITE that are shown with the call, by name.
    #[serde(default)]
    pub pass_headers: Vec<String>,
    /// What this PBX does for a dialled code.
    #[serde(default)]
    pub codes: FeatureCodes,
    /// Certification authority for TLS besides the system's, as PEM text; empty for none.
    #[serde(default)]
    pub tls_ca_pem: String,
}

/// A server by name or address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SipServer {
    /// Name or address.
    pub host: String,
    /// Port; 0 as in [`SipAccount::port`].
    pub port: u16,
}

/// How sound finds its way through NAT.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, ToSchema)]
pub struct SipNat {
    /// Connectivity checks (RFC 8445).
    #[serde(default)]
    pub ice: bool,
    /// Servers that tell our public address (RFC 8489).
    #[serde(default)]
    pub stun_servers: Vec<SipServer>,
    /// Server that carries our sound where nothing else gets through (RFC 8656).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub turn: Option<SipTurn>,
}

/// A TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SipTurn {
    /// Where.
    pub server: SipServer,
    /// How we speak to it.
    pub transport: SipTransport,
    /// Name.
    pub user: String,
    /// Secret.
    pub password: Secret,
}

/// Numbers by which a PBX does something; absent: it does not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, ToSchema)]
pub struct FeatureCodes {
    /// A call that is handed to it waits there until somebody fetches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub park: Option<String>,
    /// Takes a call that rings at a colleague.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub pickup: Option<String>,
    /// Calls the last number again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub redial: Option<String>,
    /// Says everything back, for a test of the whole line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub echo_test: Option<String>,
}

/// Which addresses may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SipAddressFamily {
    /// What the server has.
    #[default]
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

/// How digits travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SipDtmf {
    /// Events in RTP (RFC 4733).
    #[default]
    Rfc4733,
    /// SIP INFO.
    Info,
    /// Tones in the sound.
    InBand,
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
