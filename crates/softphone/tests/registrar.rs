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

/// It is told so, and asked no more.
#[test]
fn a_registrar_that_keeps_us_is_not_asked_for_ever() {
    let peer = Peer::scripted();
    let (saw, asked) = channel();
    peer.on_register(move |request, _| {
        saw.send(request.header("Expires").to_owned()).unwrap();
        ("200 OK".to_owned(), format!("Contact: {};expires=300\r\n", request.header("Contact")))
    });
    let mut phone = Console::start(&[]);
    phone.ask(peer.configure());
    phone.wait("registered", |m| registration(m, "registered"));
    phone.ask(json!({"do": "unregister", "account": USER}));
    phone.wait("off", |m| registration(m, "off"));
    let patience = Duration::from_secs(8);
    drive::until(patience, "goodbye", || asked.try_recv().is_ok_and(|expires| expires == "0"));
    // Whatever would still be asked comes before what answers this.
    phone.ask(json!({"do": "register", "account": USER}));
    assert_ne!(asked.recv_timeout(patience).unwrap(), "0", "asked again");
}

/// pjlib waits 32 s for the answer, and sends no other REGISTER meanwhile.
#[test]
fn a_goodbye_that_nobody_answers_holds_up_nobody() {
    let peer = Peer::scripted();
    peer.on_register(|request, _| {
        let silent = request.header("Expires") == "0";
        (if silent { String::new() } else { "200 OK".to_owned() }, String::new())
    });
    let mut phone = Console::start(&[]);
    phone.ask(peer.configure());
    phone.wait("registered", |m| registration(m, "registered"));
    phone.ask(json!({"do": "unregister", "account": USER}));
    phone.ask(json!({"do": "register", "account": USER}));
    phone.wait("registered again", |m| registration(m, "registered"));
}

/// Wishes that overtake their answers: what was wished last is so, however fast they come.
#[test]
fn the_last_wish_holds() {
    let peer = Peer::scripted();
    let (saw, asked) = channel();
    peer.on_register(move |request, _| {
        saw.send(request.header("Expires").to_owned()).unwrap();
        ("200 OK".to_owned(), String::new())
    });
    let mut phone = Console::start(&[]);
    phone.ask(peer.configure());
    let command = |what: &str| json!({"do": what, "account": USER});
    let mut last = String::new();
    // Both ends say so.
    let mut agreed = |phone: &mut Console, state: &str| {
        drive::until(Duration::from_secs(8), state, || {
            last = asked.try_iter().last().unwrap_or_else(|| last.clone());
            let now = phone.ask(json!({"do": "snapshot"}))["snapshot"]["registrations"][0]["state"].clone();
            now == state && (last == "0") == (state == "off")
        });
    };
    for n in 0..300 {
        // Now and then two that contradict each other.
        for _ in 0..n % 3 {
            phone.ask(command("unregister"));
            phone.ask(command("register"));
        }
        agreed(&mut phone, "registered");
        phone.ask(command("unregister"));
        agreed(&mut phone, "off");
        phone.ask(command("register"));
    }
    agreed(&mut phone, "registered");
    assert!(!phone.has_come(|m| registration(m, "failed").is_some()), "a registration failed meanwhile");
}

/// One header stood in two places of a list, which then had no end.
#[test]
fn a_proxy_may_be_the_server_itself() {
    let peer = Peer::udp();
    let (host, port) = (peer.at().ip().to_string(), peer.at().port());
    let proxy = json!({"outbound_proxy": {"host": host, "port": port}});
    let mut phone = peer.take(Console::start(&[]), proxy, drive::media());
    phone.ask(json!({"do": "unregister", "account": USER}));
    phone.wait("off", |m| registration(m, "off"));
    phone.ask(json!({"do": "register", "account": USER}));
    phone.wait("registered again", |m| registration(m, "registered"));
}

/// Each of these ended the phone, or could: pjsua has room for eight routes.
#[test]
fn a_registrar_may_answer_anything() {
    let mut peer = Peer::udp();
    let at = peer.at();
    let odd = [
        "Contact: *\r\n".to_owned(),
        "Service-Route:\r\n".to_owned(),
        format!("Service-Route: <sip:{at};lr>\r\n").repeat(8),
        format!("Service-Route: <sip:{at};lr>\r\n").repeat(9),
        format!("Service-Route: <sip:{at};lr>\r\n").repeat(100),
        "Service-Route: <tel:12>, <sips:[::1]>\r\n".to_owned(),
    ];
    let count = odd.len();
    peer.on_register(move |request, n| {
        let odd = odd.get(n).cloned().unwrap_or_default();
        let contact = if odd.starts_with("Contact") {
            String::new()
        } else {
            format!("Contact: {};expires=300\r\n", request.header("Contact"))
        };
        ("200 OK".to_owned(), contact + &odd)
    });
    let mut phone = Console::start(&[]);
    phone.ask(peer.configure());
    // The first names no contact.
    phone.wait("refused", |m| registration(m, "failed"));
    for n in 0..count {
        phone.forget();
        phone.ask(json!({"do": "register", "account": USER}));
        phone.wait(&format!("registered {n}"), |m| registration(m, "registered"));
    }
    phone.forget();
    peer.ordinary_calls(&mut phone);
}
