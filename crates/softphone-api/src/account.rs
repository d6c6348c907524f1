//! What a client configures: accounts, and media for all of them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Secret;

/// Names an account within the softphone; chosen by whoever configures it (central's id of the phone).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
pub struct AccountId(pub String);

/// How SIP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Plain datagrams.
    Udp,
    /// Plain stream.
    Tcp,
    /// TLS; the server's certificate is verified against the configured server name, there is no bypass.
    Tls,
}

/// SRTP of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Plain RTP.
    #[default]
    Off,
    /// SDES keys in SDP; only over TLS.
    Sdes,
    /// DTLS-SRTP.
    Dtls,
}

/// One SIP account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Account {
    /// Its name here.
    pub id: AccountId,
    /// Server (name or address) that takes REGISTER; for TLS the name that its certificate must carry.
    pub server: String,
    /// Port of the server; 0: DNS says servers and ports (SRV, RFC 3263), else the transport's usual port.
    pub port: u16,
    /// Where to go, in this order, when the server does not answer. Same transport, domain and secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<ServerAddress>>")]
    pub backup_servers: Vec<ServerAddress>,
    /// All SIP goes through this proxy, whatever the server is; absent: straight to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub outbound_proxy: Option<ServerAddress>,
    /// How SIP travels.
    pub transport: Transport,
    /// SIP domain of the address of record; a domain is not a server address.
    pub domain: String,
    /// User part of the address of record.
    pub user: String,
    /// User of the digest; the same as `user` when empty.
    #[serde(default)]
    pub auth_user: String,
    /// Password of the digest.
    pub password: Secret,
    /// What the other side sees as our name.
    #[serde(default)]
    pub display_name: String,
    /// Seconds a registration is asked for.
    #[serde(default = "default_expires")]
    pub expires_s: u32,
    /// Media encryption.
    #[serde(default)]
    pub encryption: Encryption,
    /// With [`Encryption::Sdes`]: a server that has plain RTP alone is talked to all the same. Else such a call is refused. DTLS
    /// cannot be optional, because its offer cannot be read as a plain one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub encryption_optional: bool,
    /// Which addresses may be used.
    #[serde(default, skip_serializing_if = "AddressFamily::is_any")]
    #[ts(optional, as = "Option<AddressFamily>")]
    pub address_family: AddressFamily,
    /// How sound finds its way through NAT.
    #[serde(default, skip_serializing_if = "Nat::is_none")]
    #[ts(optional, as = "Option<Nat>")]
    pub nat: Nat,
    /// How digits travel.
    #[serde(default, skip_serializing_if = "DtmfMethod::is_rfc4733")]
    #[ts(optional, as = "Option<DtmfMethod>")]
    pub dtmf: DtmfMethod,
    /// Headers of an incoming INVITE that are passed on in [`crate::Call::headers`], by name; case does not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub pass_headers: Vec<String>,
    /// PEM file of a certification authority for TLS besides the system's; empty for none.
    #[serde(default)]
    pub tls_ca_file: String,
}

/// A server by name or address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
pub struct ServerAddress {
    /// Name or address.
    pub host: String,
    /// Port; 0 as in [`Account::port`].
    pub port: u16,
}

/// Which addresses may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum AddressFamily {
    /// What the server has; IPv6 where it has both and we have a way there.
    #[default]
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl AddressFamily {
    fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

/// How digits travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum DtmfMethod {
    /// Events in RTP (RFC 4733).
    #[default]
    Rfc4733,
    /// SIP INFO with `application/dtmf-relay`.
    Info,
    /// Tones in the sound.
    InBand,
}

impl DtmfMethod {
    fn is_rfc4733(&self) -> bool {
        *self == Self::Rfc4733
    }
}

/// How sound finds its way through NAT.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct Nat {
    /// Connectivity checks (RFC 8445).
    #[serde(default)]
    pub ice: bool,
    /// Servers that tell our public address (RFC 8489).
    #[serde(default)]
    pub stun_servers: Vec<ServerAddress>,
    /// Server that carries our sound where nothing else gets through (RFC 8656).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub turn: Option<Turn>,
}

impl Nat {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Turn {
    /// Where.
    pub server: ServerAddress,
    /// How we speak to it.
    pub transport: Transport,
    /// Name.
    pub user: String,
    /// Secret.
    pub password: Secret,
}

fn default_expires() -> u32 {
    120
}

/// A codec in the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// Opus, 48 kHz.
    Opus,
    /// G.722, 16 kHz.
    G722,
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}

/// Media settings for all accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Media {
    /// Codecs in order; what is not named is off.
    pub codecs: Vec<Codec>,
    /// Acoustic echo canceller (WebRTC AEC3).
    pub echo_cancellation: bool,
    /// First and last UDP port for RTP.
    pub rtp_ports: (u16, u16),
    /// Takes steady noise out of what the microphone hears.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub noise_suppression: bool,
    /// Brings a low or loud voice to one loudness.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub gain_control: bool,
    /// Class of service of SIP packets (RFC 2474), 0-63; default CS3.
    #[serde(default = "default_sip_dscp", skip_serializing_if = "is_default_sip_dscp")]
    #[ts(optional, as = "Option<u8>")]
    pub sip_dscp: u8,
    /// Class of service of RTP packets, 0-63; default EF.
    #[serde(default = "default_rtp_dscp", skip_serializing_if = "is_default_rtp_dscp")]
    #[ts(optional, as = "Option<u8>")]
    pub rtp_dscp: u8,
}

const CS3: u8 = 24;
const EF: u8 = 46;

fn default_sip_dscp() -> u8 {
    CS3
}

fn default_rtp_dscp() -> u8 {
    EF
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_default_sip_dscp(dscp: &u8) -> bool {
    *dscp == CS3
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_default_rtp_dscp(dscp: &u8) -> bool {
    *dscp == EF
}

impl Default for Media {
    fn default() -> Self {
        Self {
            codecs: vec![Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu],
            echo_cancellation: true,
            rtp_ports: (40_000, 40_999),
            noise_suppression: false,
            gain_control: false,
            sip_dscp: CS3,
            rtp_dscp: EF,
        }
    }
}
