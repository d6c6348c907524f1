//! Central's profile in the softphone's words.

use central_api::{SipAccount, SipCodec, SipEncryption, SipTransport, SoftphoneProfile};
use softphone_api::{
    Account, AccountId, AddressFamily, Codec, Command, DtmfMethod, Encryption, Media, Nat, Secret, Transport,
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
        ..Media::default()
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
        backup_servers: Vec::new(),
        outbound_proxy: None,
        transport: match account.transport {
            SipTransport::Udp => Transport::Udp,
            SipTransport::Tcp => Transport::Tcp,
            SipTransport::Tls => Transport::Tls,
        },
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
        encryption_optional: false,
        address_family: AddressFamily::Any,
        nat: Nat::default(),
        dtmf: DtmfMethod::Rfc4733,
        pass_headers: Vec::new(),
        tls_ca_file,
    })
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}
