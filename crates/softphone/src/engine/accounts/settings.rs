//! What an account may look like, and how pjlib is told of it.

use softphone_api::Encryption;
use softphone_api::{Account, Media, Transport};

use super::super::phone::AccountSettings;

pub(super) fn check(accounts: &[Account], media: &Media) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for a in accounts {
        if !seen.insert(&a.id) {
            return Err(format!("account {:?} is given twice", a.id.0));
        }
        let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"' | ';' | ',');
        for (what, text) in [("server", &a.server), ("domain", &a.domain), ("user", &a.user)] {
            if text.is_empty() || text.contains(bad) || text.contains('@') {
                return Err(format!("account {:?}: {what} {text:?} cannot be used in a SIP address", a.id.0));
            }
        }
        if a.display_name.contains(char::is_control) || a.port == 0 || a.expires_s < 10 {
            return Err(format!("account {:?}: display name, port or expiry cannot be used", a.id.0));
        }
        let token = |name: &String| {
            !name.is_empty() && name.len() <= 64 && !name.contains(|c: char| c == ':' || !c.is_ascii_graphic())
        };
        if a.pass_headers.len() > 20 || !a.pass_headers.iter().all(token) {
            return Err(format!("account {:?}: at most 20 headers can be passed on, each by its name alone", a.id.0));
        }
        if a.encryption == Encryption::Sdes && a.transport != Transport::Tls {
            return Err(format!("account {:?}: SDES keys travel in the clear without TLS; choose TLS or DTLS", a.id.0));
        }
        if !a.tls_ca_file.is_empty() && !std::path::Path::new(&a.tls_ca_file).is_file() {
            return Err(format!("account {:?}: the CA file {} is not there", a.id.0, a.tls_ca_file));
        }
    }
    if media.codecs.is_empty() {
        return Err("no codec is chosen".to_owned());
    }
    let (first, last) = media.rtp_ports;
    // Two ports (RTP, RTCP) for each of eight calls.
    if first < 1024 || last < first.saturating_add(15) {
        return Err(format!("RTP ports {first}-{last} are too few or reserved"));
    }
    Ok(())
}

pub(super) fn settings(a: &Account) -> AccountSettings<'_> {
    let (scheme, transport) = match a.transport {
        Transport::Udp => ("sip", "udp"),
        Transport::Tcp => ("sip", "tcp"),
        Transport::Tls => ("sip", "tls"),
    };
    let host =
        if a.server.contains(':') && !a.server.starts_with('[') { format!("[{}]", a.server) } else { a.server.clone() };
    let name = a.display_name.replace('\\', "").replace('"', "'");
    let display = if name.is_empty() { String::new() } else { format!("\"{name}\" ") };
    AccountSettings {
        id: format!("{display}<sip:{}@{}>", a.user, a.domain),
        registrar: format!("sip:{}", a.domain),
        route: format!("{scheme}:{host}:{};transport={transport};lr", a.port),
        auth_user: if a.auth_user.is_empty() { &a.user } else { &a.auth_user },
        password: &a.password,
        ca_file: &a.tls_ca_file,
        expires_s: a.expires_s,
        transport: a.transport,
        encryption: a.encryption,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_named_and_few() {
        let mut account: Account = serde_json::from_str(
            r#"{"id":"a","server":"pbx","port":5060,"transport":"udp","domain":"pbx","user":"1","password":"x"}"#,
        )
        .unwrap();
        for (names, fits) in [
            (vec!["X-Project".to_owned(); 20], true),
            (vec!["X-Project".to_owned(); 21], false),
            (vec!["X-Project: a".to_owned()], false),
            (vec![String::new()], false),
        ] {
            account.pass_headers = names;
            assert_eq!(
                check(std::slice::from_ref(&account), &Media::default()).is_ok(),
                fits,
                "{:?}",
                account.pass_headers
            );
        }
    }

    #[test]
    fn sdes_needs_tls() {
        let mut account: Account = serde_json::from_str(
            r#"{"id":"a","server":"pbx","port":5060,"transport":"udp","domain":"pbx","user":"1","password":"x","encryption":"sdes"}"#,
        )
        .unwrap();
        assert!(check(std::slice::from_ref(&account), &Media::default()).unwrap_err().contains("TLS"));
        account.transport = Transport::Tls;
        assert!(check(std::slice::from_ref(&account), &Media::default()).is_ok());
        account.user = "1>\r\nX: y".to_owned();
        assert!(check(&[account], &Media::default()).is_err());
    }
}
