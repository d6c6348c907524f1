//! Transports and encryption against a real Asterisk, with the lab's certificate: `LINEDESK_LAB_TLS` is where it listens
//! with TLS (names: localhost, 127.0.0.1), `LINEDESK_LAB_CA` the authority. 1011 takes SDES only, 1012 DTLS only.
#![cfg(unix)]

mod drive;

use drive::{Console, account, call_in, ended, over_tls, registration};
use serde_json::{Value, json};

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn registers_over_tcp() {
    let mut phone = Console::start(&[]);
    let mut tcp = account("1001", "pw1001");
    tcp["transport"] = json!("tcp");
    phone.ask(json!({"do": "configure", "accounts": [tcp], "media": drive::media()}));
    let r = phone.wait("registered", |m| registration(m, "registered"));
    assert!(r["contact"].as_str().unwrap().to_lowercase().contains("transport=tcp"), "{r}");
    echo(&mut phone, "1001", false);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn registers_over_tls_and_knows_the_server() {
    let mut phone = Console::start(&[]);
    phone.ask(json!({"do": "configure", "accounts": [over_tls("1001")], "media": drive::media()}));
    let r = phone.wait("registered", |m| registration(m, "registered"));
    assert!(r["contact"].as_str().unwrap().to_lowercase().contains("transport=tls"), "{r}");
}

/// The lab's authority as one that the system trusts, and no file in the account.
#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn what_the_system_trusts_is_trusted() {
    let authority = std::env::var("LINEDESK_LAB_CA").expect("LINEDESK_LAB_CA is set by cargo xtask test");
    let mut account = over_tls("1001");
    account["tls_ca_file"] = json!("");
    let mut phone = Console::start_with(&["--null-audio"], &[("SSL_CERT_FILE", authority)]);
    phone.ask(json!({"do": "configure", "accounts": [account], "media": drive::media()}));
    phone.wait("registered", |m| registration(m, "registered"));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn another_name_is_not_the_server() {
    // Somebody in between: passes everything on to the PBX, under an address that its certificate does not have.
    let (host, tls) = drive::lab_at("LINEDESK_LAB_TLS");
    let between = drive::between("127.0.0.9", &host, tls);
    let mut phone = Console::start(&[]);
    let mut wrong = over_tls("1001");
    (wrong["server"], wrong["port"]) = (json!("127.0.0.9"), json!(between));
    phone.ask(json!({"do": "configure", "accounts": [wrong], "media": drive::media()}));
    let r = phone.wait("failed", |m| never_registered(m, "failed"));
    assert_eq!(r["problem"], "tls-name", "{r}");
    let reason = r["reason"].as_str().unwrap();
    assert!(reason.contains("127.0.0.9"), "whom we asked for is named: {reason}");
    assert!(reason.contains("localhost"), "whom the certificate is for is named: {reason}");
    assert!(r["retry_in_ms"].is_u64(), "{r}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn an_unknown_authority_is_not_trusted() {
    let mut phone = Console::start(&[]);
    let mut unknown = over_tls("1001");
    unknown["tls_ca_file"] = json!("");
    phone.ask(json!({"do": "configure", "accounts": [unknown], "media": drive::media()}));
    let r = phone.wait("failed", |m| never_registered(m, "failed"));
    assert_eq!(r["problem"], "tls-untrusted", "{r}");
    let reason = r["reason"].as_str().unwrap().to_lowercase();
    assert!(reason.contains("tls") && reason.contains("certificate"), "{reason}");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn sdes_encrypts_the_sound() {
    let mut phone = Console::start(&[]);
    let mut sdes = over_tls("1011");
    sdes["encryption"] = json!("sdes");
    phone.ask(json!({"do": "configure", "accounts": [sdes], "media": drive::media()}));
    phone.wait("registered", |m| registration(m, "registered"));
    echo(&mut phone, "1011", true);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --only softphone"]
fn dtls_encrypts_the_sound() {
    let mut phone = Console::start(&[]);
    let mut dtls = account("1012", "pw1012");
    dtls["encryption"] = json!("dtls");
    phone.ask(json!({"do": "configure", "accounts": [dtls], "media": drive::media()}));
    phone.wait("registered", |m| registration(m, "registered"));
    echo(&mut phone, "1012", true);
}

/// Calls the echo, until packets have come back and the encryption is as it should be.
fn echo(phone: &mut Console, account: &str, encrypted: bool) {
    let call = phone.ask(json!({"do": "dial", "account": account, "target": "600"}))["call"]["id"].clone();
    let heard = phone.wait("the echo is heard", |m| {
        call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64().is_some_and(|n| n > 50))
    });
    assert_eq!(heard["encrypted"], encrypted, "{heard}");
    phone.ask(json!({"do": "hang-up", "call": call}));
    phone.wait("over", ended);
}

/// As [`registration`], and fails at once when it registers.
fn never_registered(message: &Value, state: &str) -> Option<Value> {
    assert!(registration(message, "registered").is_none(), "registered with a server that is not verified: {message}");
    registration(message, state)
}
