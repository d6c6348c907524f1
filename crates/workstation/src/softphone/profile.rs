//! Central's profile in the softphone's words.

use central_api::{
    SipAccount, SipAddressFamily, SipCodec, SipDtmf, SipEncryption, SipNat, SipServer, SipTransport, SipTurn,
    SoftphoneProfile,
};
use softphone_api::{
    Account, AccountId, AddressFamily, Codec, Command, DtmfMethod, Encryption, Media, Nat, Secret, ServerAddress,
    Transport, Turn,
};
use std::io::Write;
use std::path::Path;

/// What the softphone is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// Accounts.
    pub accounts: Vec<Account>,
    /// Media.
    pub media: Media,
}

impl Configuration {
    /// As a command.
    pub(crate) fn command(&self) -> Command {
        Command::Configure { accounts: self.accounts.clone(), media: self.media.clone() }
    }
}

/// Translates; authorities for TLS are written below the runtime directory, since pjsua2 wants files.
///
/// # Errors
/// When such a file cannot be written.
pub(crate) fn configuration(profile: &SoftphoneProfile, runtime_dir: &Path) -> std::io::Result<Configuration> {
    let accounts =
        profile.accounts.iter().map(|account| translate(account, runtime_dir)).collect::<std::io::Result<_>>()?;
    let codecs = profile.codecs.iter().map(|codec| match codec {
        SipCodec::Opus => Codec::Opus,
        SipCodec::G722 => Codec::G722,
        SipCodec::Pcma => Codec::Pcma,
        SipCodec::Pcmu => Codec::Pcmu,
    });
    let media = Media {
        codecs: codecs.collect(),
        echo_cancellation: profile.echo_cancellation,
        rtp_ports: profile.rtp_ports,
        noise_suppression: profile.noise_suppression,
        gain_control: profile.gain_control,
        sip_dscp: profile.sip_dscp,
        rtp_dscp: profile.rtp_dscp,
    };
    Ok(Configuration { accounts, media })
}

fn translate(account: &SipAccount, runtime_dir: &Path) -> std::io::Result<Account> {
    let tls_ca_file = if account.tls_ca_pem.is_empty() {
        String::new()
    } else {
        let path = runtime_dir.join(format!("ca-{}.pem", account.phone));
        write_private(&path, account.tls_ca_pem.as_bytes())?;
        path.to_string_lossy().into_owned()
    };
    Ok(Account {
        id: AccountId(account.phone.to_string()),
        server: account.server.clone(),
        port: account.port,
        backup_servers: account.backup_servers.iter().map(address).collect(),
        outbound_proxy: account.outbound_proxy.as_ref().map(address),
        transport: transport(account.transport),
        domain: account.domain.clone(),
        user: account.user.clone(),
        auth_user: account.auth_user.clone(),
        // Goes over the private local socket to the softphone.
        password: Secret::new(account.password.expose()),
        display_name: account.display_name.clone(),
        expires_s: 120,
        encryption: match account.encryption {
            SipEncryption::Off => Encryption::Off,
            SipEncryption::Sdes => Encryption::Sdes,
            SipEncryption::Dtls => Encryption::Dtls,
        },
        encryption_optional: account.encryption_optional,
        address_family: match account.address_family {
            SipAddressFamily::Any => AddressFamily::Any,
            SipAddressFamily::Ipv4 => AddressFamily::Ipv4,
            SipAddressFamily::Ipv6 => AddressFamily::Ipv6,
        },
        nat: nat(&account.nat),
        dtmf: match account.dtmf {
            SipDtmf::Rfc4733 => DtmfMethod::Rfc4733,
            SipDtmf::Info => DtmfMethod::Info,
            SipDtmf::InBand => DtmfMethod::InBand,
        },
        pass_headers: account.pass_headers.clone(),
        tls_ca_file,
    })
}

fn address(server: &SipServer) -> ServerAddress {
    ServerAddress { host: server.host.clone(), port: server.port }
}

fn transport(transport: SipTransport) -> Transport {
    match transport {
        SipTransport::Udp => Transport::Udp,
        SipTransport::Tcp => Transport::Tcp,
        SipTransport::Tls => Transport::Tls,
    }
}

fn nat(nat: &SipNat) -> Nat {
    let turn = |turn: &SipTurn| Turn {
        server: address(&turn.server),
        transport: transport(turn.transport),
        user: turn.user.clone(),
        // As the account's password.
        password: Secret::new(turn.password.expose()),
    };
    Nat {
        ice: nat.ice,
        stun_servers: nat.stun_servers.iter().map(address).collect(),
        turn: nat.turn.as_ref().map(turn),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Configuration, configuration};

    fn translated(profile: &serde_json::Value) -> Configuration {
        let dir = tempfile::tempdir().expect("a directory");
        let profile = serde_json::from_value(profile.clone()).expect("a profile");
        configuration(&profile, dir.path()).expect("translated")
    }

    #[test]
    fn all_of_a_profile_reaches_the_softphone() {
        let profile = json!({
            "revision": 3, "codecs": ["pcma"], "echo_cancellation": false, "rtp_ports": [16384, 16500],
            "noise_suppression": true, "gain_control": true, "sip_dscp": 0, "rtp_dscp": 34, "auto_answer": "queue-calls",
            "accounts": [{
                "phone": 7, "pbx": 1, "pbx_name": "Office", "server": "pbx.example", "port": 0, "transport": "tls",
                "backup_servers": [{"host": "pbx2.example", "port": 5061}],
                "outbound_proxy": {"host": "edge.example", "port": 5081}, "domain": "example", "user": "101",
                "auth_user": "a101", "password": "sip", "display_name": "Anna", "encryption": "sdes",
                "encryption_optional": true, "address_family": "ipv6", "dtmf": "in-band", "pass_headers": ["X-Order"],
                "nat": {"ice": true, "stun_servers": [{"host": "stun.example", "port": 3478}],
                    "turn": {"server": {"host": "turn.example", "port": 5349}, "transport": "tls", "user": "desk",
                        "password": "turn"}},
                "codes": {"park": "700"}
            }]
        });
        let Configuration { accounts, media } = translated(&profile);
        // What is called alike in both contracts is equal.
        let expected = profile["accounts"][0].as_object().expect("an account");
        let account = serde_json::to_value(&accounts[0]).expect("json");
        for (name, value) in
            expected.iter().filter(|(name, _)| !["phone", "pbx", "pbx_name", "codes"].contains(&name.as_str()))
        {
            assert_eq!(&account[name], value, "{name}");
        }
        assert_eq!(account["id"], "7");
        let media = serde_json::to_value(media).expect("json");
        for name in
            ["codecs", "echo_cancellation", "rtp_ports", "noise_suppression", "gain_control", "sip_dscp", "rtp_dscp"]
        {
            assert_eq!(media[name], profile[name], "{name}");
        }
    }

    #[test]
    fn an_older_central_says_less() {
        let profile = json!({
            "revision": 3, "codecs": ["pcma"], "echo_cancellation": true, "rtp_ports": [16384, 16500],
            "accounts": [{
                "phone": 7, "pbx": 1, "pbx_name": "Office", "server": "pbx.example", "port": 5060, "transport": "udp",
                "domain": "example", "user": "101", "password": "sip", "display_name": "Anna", "encryption": "off"
            }]
        });
        let Configuration { accounts, media } = translated(&profile);
        assert_eq!((media.sip_dscp, media.rtp_dscp), (24, 46));
        assert_eq!((accounts[0].nat.turn.as_ref(), accounts[0].encryption_optional), (None, false));
    }
}
