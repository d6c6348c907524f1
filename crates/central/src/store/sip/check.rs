//! What a file may say of servers, headers and codes; what is wrong is refused before anything is written.

use central_api::{FeatureCodes, SipAddressFamily, SipEncryption, SipServer};
use std::net::{IpAddr, Ipv6Addr};

use super::{CodesInput, StoreError};

/// More headers than anybody reads on a card only cost.
const MOST_HEADERS: usize = 20;

/// `name`, `name:port`, `address`, `[address]:port`; `usual` where no port is given.
pub(super) fn checked_server(what: &str, text: &str, usual: u16) -> Result<SipServer, StoreError> {
    let wrong = || {
        StoreError::Input(format!(
            "{what} cannot be {text:?}, which is no server; write a name or address, and a port if it is not the usual one, \
             for example \"pbx2.example:5061\" or \"[2001:db8::7]:5061\""
        ))
    };
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(SipServer { host: text.to_owned(), port: usual });
    }
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']').ok_or_else(wrong)).transpose()? {
        Some((host, rest)) => {
            host.parse::<Ipv6Addr>().map_err(|_| wrong())?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(wrong)?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let of_a_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let is_a_name = !host.is_empty() && host.chars().all(of_a_name);
    if !is_a_name && host.parse::<Ipv6Addr>().is_err() {
        return Err(wrong());
    }
    let port = port.map(|port| port.parse().map_err(|_| wrong())).transpose()?.unwrap_or(usual);
    Ok(SipServer { host: host.to_owned(), port })
}

/// STUN and TURN have no SRV here.
pub(super) fn checked_port(pbx: &str, what: &str, server: SipServer) -> Result<SipServer, StoreError> {
    if server.port == 0 {
        return Err(StoreError::Input(format!(
            "{what} of the PBX {pbx} names port 0, where nothing listens; write its port, or leave it out for the usual one"
        )));
    }
    Ok(server)
}

pub(super) fn checked_encryption(pbx: &str, encryption: SipEncryption, optional: bool) -> Result<(), StoreError> {
    if optional && encryption == SipEncryption::Off {
        return Err(StoreError::Input(format!(
            "encryption_optional of the PBX {pbx} is set, but its encryption is off; set encryption to \"sdes\" or \"dtls\", \
             or leave encryption_optional out"
        )));
    }
    Ok(())
}

pub(super) fn checked_family<'a>(
    pbx: &str,
    family: SipAddressFamily,
    hosts: impl IntoIterator<Item = &'a str>,
) -> Result<(), StoreError> {
    let wrong = |host: &&str| match (host.parse(), family) {
        (Ok(IpAddr::V4(_)), SipAddressFamily::Ipv6) | (Ok(IpAddr::V6(_)), SipAddressFamily::Ipv4) => true,
        (_, SipAddressFamily::Any | SipAddressFamily::Ipv4 | SipAddressFamily::Ipv6) => false,
    };
    match hosts.into_iter().find(wrong) {
        Some(host) => Err(StoreError::Input(format!(
            "address_family of the PBX {pbx} forbids its own server {host}; set address_family to \"any\", or give the server \
             an address of that family"
        ))),
        None => Ok(()),
    }
}

/// Names of headers as RFC 3261 has them. What carries a digest is not shown to anybody.
pub(super) fn checked_headers<'a>(pbx: &str, headers: &'a [String]) -> Result<&'a [String], StoreError> {
    if headers.len() > MOST_HEADERS {
        return Err(StoreError::Input(format!(
            "pass_headers of the PBX {pbx} names {} headers, and at most {MOST_HEADERS} are shown; leave some out",
            headers.len()
        )));
    }
    let of_a_token = |character: char| character.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(character);
    for header in headers {
        if header.is_empty() || !header.chars().all(of_a_token) {
            return Err(StoreError::Input(format!(
                "pass_headers of the PBX {pbx} cannot name {header:?}, which is no name of a header; write it as it stands \
                 before the colon, for example \"X-Order\""
            )));
        }
        if ["authorization", "proxy-authorization"].contains(&header.to_ascii_lowercase().as_str()) {
            return Err(StoreError::Input(format!(
                "pass_headers of the PBX {pbx} names {header}, which carries a digest; leave it out"
            )));
        }
    }
    Ok(headers)
}

pub(super) fn checked_codes(pbx: &str, input: &CodesInput) -> Result<FeatureCodes, StoreError> {
    let checked = |what: &str, code: &Option<String>| match code {
        Some(code) if !can_be_dialled(code) => Err(StoreError::Input(format!(
            "codes.{what} of the PBX {pbx} cannot be {code:?}, which nobody can dial; write digits, *, # and +, 20 at most"
        ))),
        code => Ok(code.clone()),
    };
    Ok(FeatureCodes {
        park: checked("park", &input.park)?,
        pickup: checked("pickup", &input.pickup)?,
        redial: checked("redial", &input.redial)?,
        echo_test: checked("echo_test", &input.echo_test)?,
    })
}

fn can_be_dialled(code: &str) -> bool {
    (1..=20).contains(&code.len()) && code.chars().all(|key| key.is_ascii_digit() || matches!(key, '*' | '#' | '+'))
}

#[cfg(test)]
mod tests {
    use super::{can_be_dialled, checked_family, checked_headers, checked_server};
    use central_api::SipAddressFamily::{Any, Ipv4, Ipv6};

    #[test]
    fn servers() {
        for (text, host, port) in [
            ("pbx2.example", "pbx2.example", 5061),
            ("pbx2.example:5080", "pbx2.example", 5080),
            ("pbx.example:0", "pbx.example", 0),
            ("192.0.2.7:5060", "192.0.2.7", 5060),
            ("2001:db8::7", "2001:db8::7", 5061),
            ("[2001:db8::7]", "2001:db8::7", 5061),
            ("[2001:db8::7]:5080", "2001:db8::7", 5080),
        ] {
            let server = checked_server("x", text, 5061).expect(text);
            assert_eq!((server.host.as_str(), server.port), (host, port), "{text}");
        }
        for text in ["", ":5060", "a b", "sip:pbx", "pbx:port", "pbx:70000", "[pbx]:5060", "[::1", "[::1]5060", "a;lr"]
        {
            let refused = checked_server("backup_servers", text, 5061).unwrap_err().to_string();
            assert!(refused.contains("which is no server; write"), "{text}: {refused}");
        }
    }

    #[test]
    fn families() {
        for (family, host, right) in [
            (Any, "::1", true),
            (Ipv4, "192.0.2.7", true),
            (Ipv4, "pbx.example", true),
            (Ipv4, "::1", false),
            (Ipv6, "192.0.2.7", false),
        ] {
            assert_eq!(checked_family("x", family, [host]).is_ok(), right, "{family:?} {host}");
        }
    }

    #[test]
    fn headers_and_codes() {
        let check = |name: &str| checked_headers("x", &[name.to_owned()]).is_ok();
        for (name, right) in [("X-Order", true), ("X Order", false), ("X-Order:", false), ("", false)] {
            assert_eq!(check(name), right, "{name}");
        }
        assert!(!check("proxy-Authorization"), "it carries a digest");
        assert!(checked_headers("x", &vec!["X-Order".to_owned(); 21]).is_err());
        for (code, right) in [("700", true), ("*8", true), ("#1*", true), ("", false), ("7 0", false), ("abc", false)] {
            assert_eq!(can_be_dialled(code), right, "{code}");
        }
    }
}
