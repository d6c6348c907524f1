//! What a registrar says, and whether the phone counts as registered by it. No lab is needed.
#![cfg(unix)]

mod drive;
mod peer;

use std::sync::mpsc::channel;
use std::time::Duration;

use drive::{Console, registration};
use peer::{Peer, USER};
use serde_json::{Value, json};

/// A registrar that confirms somebody else's address has not registered us.
#[test]
fn a_contact_that_is_not_ours_is_no_registration() {
    let peer = Peer::scripted();
    peer.on_register(|_, _| ("200 OK".to_owned(), "Contact: <sip:somebody@192.0.2.9:5060>;expires=120\r\n".to_owned()));
    let mut phone = Console::start(&[]);
    phone.ask(peer.configure());
    let failed =
        phone.wait("what becomes of it", |m| registration(m, "failed").or_else(|| registration(m, "registered")));
    assert_eq!((&failed["state"], &failed["contact"]), (&json!("failed"), &Value::Null), "{failed}");
    assert!(failed["reason"].as_str().unwrap().contains("does not name our contact"), "{failed}");
}

/// The goodbye comes while a REGISTER waits for its answer: whoever is confirmed after it takes that back.
#[test]
fn nobody_stays_registered_who_has_said_goodbye() {
    let peer = Peer::scripted();
    let (slow, goes_on) = channel::<()>();
    let (saw, asked) = channel();
    peer.on_register(move |request, n| {
        saw.send(request.header("Expires").to_owned()).unwrap();
        if n == 0 {
            goes_on.recv().unwrap();
        }
        ("200 OK".to_owned(), String::new())
    });
    let mut phone = Console::start(&[]);
    phone.ask(peer.configure());
    let patience = Duration::from_secs(8);
    assert_ne!(asked.recv_timeout(patience).unwrap(), "0");
    phone.ask(json!({"do": "unregister", "account": USER}));
    phone.wait("off", |m| registration(m, "off"));
    slow.send(()).unwrap();
    drive::until(patience, "it is taken back", || asked.try_recv().is_ok_and(|expires| expires == "0"));
    let now = phone.ask(json!({"do": "snapshot"}))["snapshot"]["registrations"][0].clone();
    assert_eq!(now["state"], "off", "{now}");
}
