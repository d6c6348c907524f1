//! What an account may look like, and how pjlib is told of it.

use softphone_api::{Account, AddressFamily, Encryption, Media, Transport};

use super::super::network::resolve::literal;
use super::super::phone::AccountSettings;

/// Of a name in DNS, and more than any other has, bytes.
const LONGEST_NAME: usize = 253;

pub(super) fn check(accounts: &[Account], media: &Media) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for a in accounts {
        // It stands in logs and on the screen.
        if a.id.0.is_empty() || a.id.0.len() > LONGEST_NAME || a.id.0.contains(char::is_control) {
            return Err(format!(
                "account {:?}: an id has 1 to {LONGEST_NAME} bytes without control characters",
                a.id.0
            ));
        }
        if !seen.insert(&a.id) {
            return Err(format!("account {:?} is given twice", a.id.0));
        }
        let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"' | ';' | ',');
        for (what, text) in [("server", &a.server), ("domain", &a.domain), ("user", &a.user)] {
            if text.is_empty() || text.len() > LONGEST_NAME || text.contains(bad) || text.contains('@') {
                return Err(format!("account {:?}: {what} {text:?} cannot be used in a SIP address", a.id.0));
            }
        }
        if a.display_name.len() > LONGEST_NAME || a.display_name.contains(char::is_control) || a.expires_s < 10 {
            return Err(format!("account {:?}: display name or expiry cannot be used", a.id.0));
        }
        let turn = a.nat.turn.as_ref().map(|turn| &turn.server);
        let others = a.backup_servers.iter().chain(&a.outbound_proxy).chain(&a.nat.stun_servers).chain(turn);
        for server in others {
            if server.host.is_empty()
                || server.host.len() > LONGEST_NAME
                || server.host.contains(bad)
                || server.host.contains('@')
            {
                return Err(format!("account {:?}: {:?} is no name or address of a server", a.id.0, server.host));
            }
        }
        let first = std::iter::once(a.server.as_str());
        for host in first.chain(a.backup_servers.iter().map(|s| s.host.as_str())) {
            let unfit = match (literal(host), a.address_family) {
                (Some(ip), AddressFamily::Ipv4) => ip.is_ipv6(),
                (Some(ip), AddressFamily::Ipv6) => ip.is_ipv4(),
                _ => false,
            };
            if unfit {
                return Err(format!("account {:?}: {host} is not of the address family that was chosen", a.id.0));
            }
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
        if a.encryption_optional && a.encryption == Encryption::Dtls {
            // Its offer says "SAVP", which a server without DTLS refuses (488); SDES's offer can be read as a plain one.
            return Err(format!("account {:?}: DTLS cannot be optional; demand it, or choose SDES over TLS", a.id.0));
        }
        if !a.tls_ca_file.is_empty() && !std::path::Path::new(&a.tls_ca_file).is_file() {
            return Err(format!("account {:?}: the CA file {:?} is not there", a.id.0, a.tls_ca_file));
        }
    }
    if media.codecs.is_empty() {
        return Err("no codec is chosen".to_owned());
    }
    if media.sip_dscp > 63 || media.rtp_dscp > 63 {
        return Err(format!("class of service {} or {} is not within 0-63", media.sip_dscp, media.rtp_dscp));
    }
    let (first, last) = media.rtp_ports;
    // Two ports (RTP, RTCP) for each of eight calls.
    if first < 1024 || last < first.saturating_add(15) {
        return Err(format!("RTP ports {first}-{last} are too few or reserved"));
    }
    Ok(())
}

pub(super) fn settings(a: &Account) -> AccountSettings<'_> {
    let ipv6 = match a.address_family {
        AddressFamily::Ipv6 => true,
        AddressFamily::Ipv4 => false,
        AddressFamily::Any => literal(&a.server).is_some_and(|ip| ip.is_ipv6()),
    };
    let name = a.display_name.replace('\\', "").replace('"', "'");
    let display = if name.is_empty() { String::new() } else { format!("\"{name}\" ") };
    AccountSettings {
        id: format!("{display}<sip:{}@{}>", a.user, a.domain),
        registrar: format!("sip:{}", a.domain),
        auth_user: if a.auth_user.is_empty() { &a.user } else { &a.auth_user },
        password: &a.password,
        ca_file: &a.tls_ca_file,
        expires_s: a.expires_s,
        transport: a.transport,
        encryption: a.encryption,
        encryption_optional: a.encryption_optional,
        ipv6,
        nat: &a.nat,
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
        account.encryption_optional = true;
        assert!(check(std::slice::from_ref(&account), &Media::default()).is_ok());
        account.encryption = Encryption::Dtls;
        assert!(check(std::slice::from_ref(&account), &Media::default()).unwrap_err().contains("SDES"));
        account.encryption_optional = false;
        account.user = "1>\r\nX: y".to_owned();
        assert!(check(&[account], &Media::default()).is_err());
    }
    #[test]
    fn servers_are_names_or_addresses() {
        let account = |more: &str| -> Account {
            let text =
                r#"{"id":"a","server":"pbx","port":0,"transport":"udp","domain":"pbx","user":"1","password":"x"MORE}"#;
            serde_json::from_str(&text.replace("MORE", more)).unwrap()
        };
        for (more, good) in [
            ("", true),
            (r#","backup_servers":[{"host":"10.0.0.2","port":5060},{"host":"::1","port":0}]"#, true),
            (r#","backup_servers":[{"host":"a b","port":5060}]"#, false),
            (r#","outbound_proxy":{"host":"","port":5060}"#, false),
            (r#","nat":{"ice":true,"stun_servers":[{"host":"stun;x","port":0}]}"#, false),
            (r#","address_family":"ipv4","backup_servers":[{"host":"::1","port":0}]"#, false),
            (r#","address_family":"ipv6","backup_servers":[{"host":"::1","port":0}]"#, true),
        ] {
            assert_eq!(check(&[account(more)], &Media::default()).is_ok(), good, "{more}");
        }
        let loud = Media { rtp_dscp: 64, ..Media::default() };
        assert!(check(&[account("")], &loud).is_err());
    }
}
