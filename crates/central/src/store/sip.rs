//! How softphones reach a PBX: what a file says of it, checked, and what the database holds.

mod check;

use central_api::{FeatureCodes, Secret, SipAddressFamily, SipDtmf, SipEncryption, SipServer, SipTransport};
use serde::Deserialize;

use super::engine::{Row, Transaction, query};
use super::{SealingKey, StoreError, codec};
use check::{checked_codes, checked_encryption, checked_family, checked_headers, checked_port, checked_server};

/// Port of STUN and TURN where none is given (RFC 8489, RFC 8656).
const STUN_PORT: u16 = 3478;
/// Port of TURN over TLS where none is given.
const TURN_TLS_PORT: u16 = 5349;

/// How softphones reach a PBX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sip {
    /// Server name or address.
    pub server: String,
    /// Port; 0 for SRV.
    pub port: u16,
    /// Where to go when it does not answer.
    pub backup_servers: Vec<SipServer>,
    /// All SIP goes through it.
    pub outbound_proxy: Option<SipServer>,
    /// Transport.
    pub transport: SipTransport,
    /// SIP domain.
    pub domain: String,
    /// Media encryption.
    pub encryption: SipEncryption,
    /// A server without it is talked to all the same.
    pub encryption_optional: bool,
    /// Which addresses may be used.
    pub address_family: SipAddressFamily,
    /// Connectivity checks.
    pub ice: bool,
    /// Servers that tell the public address.
    pub stun_servers: Vec<SipServer>,
    /// Server that carries sound.
    pub turn: Option<Turn>,
    /// How digits travel.
    pub dtmf: SipDtmf,
    /// Headers shown with a call.
    pub pass_headers: Vec<String>,
    /// What the PBX does for a dialled code.
    pub codes: FeatureCodes,
    /// Certification authority besides the system's, PEM text.
    pub tls_ca_pem: String,
}

/// A TURN server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Where.
    pub server: SipServer,
    /// How.
    pub transport: SipTransport,
    /// Name.
    pub user: String,
    /// Sealed for [`Turn::purpose`].
    pub secret: Vec<u8>,
}

impl Turn {
    /// What its secret is sealed for.
    #[must_use]
    pub fn purpose(pbx: &str) -> String {
        format!("turn:{pbx}")
    }
}

/// `[pbx.sip]`; what is absent is the default. Servers are written `name`, `name:port` or `[address]:port`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipInput {
    /// Server name or address; absent: the host of the manager interface.
    pub server: Option<String>,
    /// Port, 0 for SRV; absent: 5061 with TLS, else 5060.
    pub port: Option<u16>,
    /// Where to go, in this order, when the server does not answer.
    #[serde(default)]
    pub backup_servers: Vec<String>,
    /// All SIP goes through it.
    pub outbound_proxy: Option<String>,
    /// Transport; absent: udp.
    pub transport: Option<SipTransport>,
    /// SIP domain; absent: the server.
    pub domain: Option<String>,
    /// Media encryption; absent: off.
    pub encryption: Option<SipEncryption>,
    /// A server that offers plain RTP alone is talked to all the same.
    #[serde(default)]
    pub encryption_optional: bool,
    /// Which addresses may be used; absent: any.
    #[serde(default)]
    pub address_family: SipAddressFamily,
    /// Connectivity checks.
    #[serde(default)]
    pub ice: bool,
    /// Servers that tell the public address.
    #[serde(default)]
    pub stun_servers: Vec<String>,
    /// Server that carries sound where nothing else gets through.
    pub turn: Option<TurnInput>,
    /// How digits travel; absent: rfc4733.
    #[serde(default)]
    pub dtmf: SipDtmf,
    /// Headers of an INVITE that are shown with the call.
    #[serde(default)]
    pub pass_headers: Vec<String>,
    /// Certification authority besides the system's, PEM text.
    pub tls_ca_pem: Option<String>,
}

/// `[pbx.sip.turn]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnInput {
    /// Where.
    pub server: String,
    /// How; absent: udp.
    pub transport: Option<SipTransport>,
    /// Name.
    pub user: String,
    /// Secret; kept when absent.
    pub secret: Option<Secret>,
}

/// `[pbx.codes]`; what is absent the PBX does not do.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodesInput {
    /// Parks a call that is handed to it.
    pub park: Option<String>,
    /// Takes a call that rings at a colleague.
    pub pickup: Option<String>,
    /// Calls the last number again.
    pub redial: Option<String>,
    /// Says everything back.
    pub echo_test: Option<String>,
}

/// Writes what a file says of a PBX that is there already. `host` is its manager interface.
pub(super) async fn apply(
    tx: &mut Transaction,
    key: &SealingKey,
    pbx: &str,
    host: &str,
    input: &SipInput,
    codes: &CodesInput,
) -> Result<(), StoreError> {
    let server = input.server.as_deref().unwrap_or(host);
    let transport = input.transport.unwrap_or(SipTransport::Tcp);
    let usual = usual_port(transport);
    let of = |name: &str, text: &str, port| checked_server(&format!("{name} of the PBX {pbx}"), text, port);
    let backup_servers: Vec<SipServer> =
        input.backup_servers.iter().map(|text| of("backup_servers", text, usual)).collect::<Result<_, _>>()?;
    let outbound_proxy = input.outbound_proxy.as_deref().map(|text| of("outbound_proxy", text, usual)).transpose()?;
    let stun_servers: Vec<SipServer> = input
        .stun_servers
        .iter()
        .map(|text| of("stun_servers", text, STUN_PORT).and_then(|server| checked_port(pbx, "stun_servers", server)))
        .collect::<Result<_, _>>()?;
    let encryption = input.encryption.unwrap_or(SipEncryption::Off);
    checked_encryption(pbx, encryption, input.encryption_optional)?;
    let hosts = backup_servers.iter().chain(&outbound_proxy).map(|server| server.host.as_str());
    checked_family(pbx, input.address_family, hosts.chain([server]))?;
    let turn = match &input.turn {
        None => None,
        Some(turn) => Some(checked_turn(tx, key, pbx, turn).await?),
    };
    let codes = checked_codes(pbx, codes)?;
    query(
        "UPDATE pbxs SET sip_server = $2, sip_port = $3, sip_backup_servers = $4, sip_outbound_proxy = $5, \
         sip_transport = $6, sip_domain = $7, sip_encryption = $8, sip_encryption_optional = $9, sip_address_family = $10, \
         sip_ice = $11, sip_stun_servers = $12, sip_turn_server = $13, sip_turn_transport = $14, sip_turn_user = $15, \
         sip_turn_secret = $16, sip_dtmf = $17, sip_pass_headers = $18, code_park = $19, code_pickup = $20, \
         code_redial = $21, code_echo_test = $22, tls_ca_pem = $23 WHERE name = $1",
    )
    .bind(pbx)
    .bind(server)
    .bind(i64::from(input.port.unwrap_or(usual)))
    .bind(codec::json(&backup_servers)?)
    .bind(outbound_proxy.as_ref().map(codec::json).transpose()?)
    .bind(codec::word(&transport)?)
    .bind(input.domain.as_deref().unwrap_or(server))
    .bind(codec::word(&encryption)?)
    .bind(i64::from(input.encryption_optional))
    .bind(codec::word(&input.address_family)?)
    .bind(i64::from(input.ice))
    .bind(codec::json(&stun_servers)?)
    .bind(turn.as_ref().map(|turn| codec::json(&turn.server)).transpose()?)
    .bind(turn.as_ref().map(|turn| codec::word(&turn.transport)).transpose()?)
    .bind(turn.as_ref().map(|turn| turn.user.as_str()))
    .bind(turn.as_ref().map(|turn| turn.secret.as_slice()))
    .bind(codec::word(&input.dtmf)?)
    .bind(codec::json(&checked_headers(pbx, &input.pass_headers)?)?)
    .bind(codes.park)
    .bind(codes.pickup)
    .bind(codes.redial)
    .bind(codes.echo_test)
    .bind(input.tls_ca_pem.as_deref().unwrap_or_default())
    .execute(tx)
    .await?;
    Ok(())
}

/// Where SIP is spoken unless somebody says otherwise.
pub(super) fn usual_port(transport: SipTransport) -> u16 {
    if transport == SipTransport::Tls { 5061 } else { 5060 }
}

async fn checked_turn(tx: &mut Transaction, key: &SealingKey, pbx: &str, turn: &TurnInput) -> Result<Turn, StoreError> {
    let transport = turn.transport.unwrap_or(SipTransport::Udp);
    let port = if transport == SipTransport::Tls { TURN_TLS_PORT } else { STUN_PORT };
    let server = checked_server(&format!("turn.server of the PBX {pbx}"), &turn.server, port)?;
    let server = checked_port(pbx, "turn.server", server)?;
    let known: Option<Vec<u8>> = query("SELECT sip_turn_secret FROM pbxs WHERE name = $1")
        .bind(pbx)
        .fetch_scalar_optional::<Option<Vec<u8>>>(tx)
        .await?
        .flatten();
    let secret = match (&turn.secret, known) {
        (Some(secret), _) => key.seal(&Turn::purpose(pbx), secret)?,
        (None, Some(known)) => known,
        (None, None) => {
            return Err(StoreError::Input(format!(
                "the new TURN server of the PBX {pbx} has no `secret`, so it would carry nothing; add it below [pbx.sip.turn]"
            )));
        }
    };
    Ok(Turn { server, transport, user: turn.user.clone(), secret })
}

/// A row of `pbxs`.
pub(super) fn read(row: &Row) -> Result<Sip, StoreError> {
    let turn = match row.get::<Option<String>>("sip_turn_server")? {
        None => None,
        Some(server) => Some(Turn {
            server: codec::from_json(&server)?,
            transport: codec::from_word(row.get("sip_turn_transport")?)?,
            user: row.get("sip_turn_user")?,
            secret: row.get("sip_turn_secret")?,
        }),
    };
    let outbound_proxy: Option<String> = row.get("sip_outbound_proxy")?;
    Ok(Sip {
        server: row.get("sip_server")?,
        port: row.get("sip_port")?,
        backup_servers: codec::from_json(row.get("sip_backup_servers")?)?,
        outbound_proxy: outbound_proxy.as_deref().map(codec::from_json).transpose()?,
        transport: codec::from_word(row.get("sip_transport")?)?,
        domain: row.get("sip_domain")?,
        encryption: codec::from_word(row.get("sip_encryption")?)?,
        encryption_optional: row.get("sip_encryption_optional")?,
        address_family: codec::from_word(row.get("sip_address_family")?)?,
        ice: row.get("sip_ice")?,
        stun_servers: codec::from_json(row.get("sip_stun_servers")?)?,
        turn,
        dtmf: codec::from_word(row.get("sip_dtmf")?)?,
        pass_headers: codec::from_json(row.get("sip_pass_headers")?)?,
        codes: FeatureCodes {
            park: row.get("code_park")?,
            pickup: row.get("code_pickup")?,
            redial: row.get("code_redial")?,
            echo_test: row.get("code_echo_test")?,
        },
        tls_ca_pem: row.get("tls_ca_pem")?,
    })
}
