//! A server that goes mad, or is somebody else: whatever it sends, the phone lives, keeps within bounds, and the next
//! ordinary call works. `cargo xtask test --only softphone`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;
mod peer;
mod torture;

use std::time::{Duration, Instant};

use drive::{Console, call_in, ended, registration};
use peer::{Peer, USER, sdp};
use serde_json::{Value, json};
use torture::Expected;

/// Calls at once, as the engine's MAX_CALLS.
const CALLS: usize = 8;
/// What a storm may cost: transactions live for 32 s behind their answers, 511 of them at most.
const MOST_KB: u64 = 24_000;
/// Sockets of calls that are being forgotten.
const MOST_FDS: usize = 24;

/// What the phone holds of the system.
#[derive(Debug, Clone, Copy)]
struct Held {
    kb: u64,
    fds: usize,
}

fn held(phone: &Console) -> Held {
    let pid = phone.pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the phone lives");
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the phone lives").count();
    Held { kb: rss.trim().trim_end_matches(" kB").parse().unwrap(), fds }
}

fn calls(phone: &mut Console) -> Vec<Value> {
    phone.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].as_array().unwrap().clone()
}

/// Ends what rings, and waits until there is no call.
fn settle(phone: &mut Console) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let left = calls(phone);
        let Some(call) = left.first() else { return };
        assert!(Instant::now() < end, "a call is stuck: {left:#?}");
        // It may be over by itself in this moment.
        phone.try_ask(json!({"do": "hang-up", "call": call["id"]}));
        phone.wait("over", |m| ended(m).filter(|r| r["call"]["id"] == call["id"]));
    }
}

/// After each batch: an ordinary call each way, none left over, and nothing grown.
fn still_sound(peer: &mut Peer, phone: &mut Console, before: Held) {
    settle(phone);
    peer.ordinary_calls(phone);
    assert_eq!(calls(phone), Vec::<Value>::new());
    let now = held(phone);
    let grown = !drive::is_sanitized() && now.kb >= before.kb + MOST_KB;
    assert!(!grown && now.fds <= before.fds + MOST_FDS, "{before:?}, then {now:?}");
}

/// A phone that has had its first calls, so that what is made once is made.
fn begun(mut peer: Peer) -> (Peer, Console, Held) {
    let mut phone = peer.phone();
    peer.ordinary_calls(&mut phone);
    let before = held(&phone);
    (peer, phone, before)
}

fn rings(phone: &mut Console, id: &str) -> Value {
    phone.wait(id, |m| {
        call_in(m, "ringing").filter(|c| c["sip_call_id"].as_str().is_some_and(|call_id| call_id.starts_with(id)))
    })
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn torture_by_datagrams() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    for (n, (section, text, expected)) in torture::MESSAGES.iter().enumerate() {
        let id = format!("torture{n}");
        peer.say(torture::on_the_wire(text, &peer.at().to_string(), "UDP", &id));
        if *expected == Expected::Rings {
            let call = rings(&mut phone, &id);
            phone.ask(json!({"do": "reject", "call": call["id"], "reason": "busy"}));
            phone.wait(section, ended);
        }
        peer.say(peer.request("OPTIONS", &format!("lives{n}"), "", ""));
        peer.hear(section, |m| m.is_final("OPTIONS", &format!("lives{n}")));
    }
    still_sound(&mut peer, &mut phone, before);
}

/// On a connection a message that cannot be read may cost the connection; the phone comes back by itself.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn torture_by_stream() {
    let (mut peer, mut phone, before) = begun(Peer::tcp());
    for (n, (section, text, _)) in torture::MESSAGES.iter().enumerate() {
        peer.say(torture::on_the_wire(text, &peer.at().to_string(), "TCP", &format!("torture{n}")));
        anew(&mut peer, &mut phone, section);
    }
    still_sound(&mut peer, &mut phone, before);
}

/// A new connection, as a server makes the phone open by its end.
fn anew(peer: &mut Peer, phone: &mut Console, what: &str) {
    peer.hang_up_line();
    let before = peer.registers();
    drive::until(Duration::from_secs(12), what, || {
        phone.try_ask(json!({"do": "register", "account": USER}));
        peer.registers() > before
    });
    phone.wait(what, |m| registration(m, "registered"));
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn a_malformed_offer_is_refused_or_rings() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    for (n, offer) in torture::descriptions::descriptions().iter().enumerate() {
        let id = format!("offer{n}x");
        peer.say(peer.invite(&id, offer));
        // In one datagram that is too large it is not heard at all.
        let heard = peer.hear_within(Duration::from_secs(if offer.len() > 7000 { 1 } else { 6 }), |m| {
            (m.code() >= 180 && m.header("Call-ID").starts_with(&id)).then(|| m.code())
        });
        assert!(heard.is_some() || offer.len() > 7000, "no answer to {offer:?}");
        if heard == Some(180) {
            // Also answering it has to end somewhere.
            let call = rings(&mut phone, &id);
            phone.try_ask(json!({"do": "answer", "call": call["id"]}));
            settle(&mut phone);
        }
    }
    still_sound(&mut peer, &mut phone, before);
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn a_malformed_answer_ends_the_call() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    for answer in torture::descriptions::descriptions().iter().filter(|d| d.len() < 7000) {
        phone.ask(json!({"do": "dial", "account": USER, "target": "2002"}));
        let invite = peer.hear_request("INVITE");
        peer.say(peer.answer(&invite, "183 Session Progress", "b", "Content-Type: application/sdp\r\n", answer));
        peer.say(peer.answer(&invite, "200 OK", "b", "Content-Type: application/sdp\r\n", answer));
        peer.hear_request("ACK");
        settle(&mut phone);
        peer.forget();
    }
    still_sound(&mut peer, &mut phone, before);
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn what_is_too_large_is_dropped() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    let mut n = 0;
    let mut say = |peer: &mut Peer, headers: String, body: &str| {
        n += 1;
        let text = peer.request("OPTIONS", &format!("large{n}"), &headers, body);
        peer.say(text);
        peer.say(peer.request("OPTIONS", &format!("small{n}"), "", ""));
        peer.hear("the next answer", |m| m.is_final("OPTIONS", &format!("small{n}")));
    };
    for size in [1000, 7000, 7990, 8010, 20_000, 60_000] {
        say(&mut peer, format!("X-Large: {}\r\n", "x".repeat(size)), "");
        say(&mut peer, format!("P-Asserted-Identity: \"{}\" <sip:1@x>\r\n", "x".repeat(size)), "");
        say(&mut peer, format!("Route: <sip:{}@x;lr>\r\n", "x".repeat(size)), "");
        say(&mut peer, "X-A: b\r\n".repeat(size / 8), "");
        say(&mut peer, "a:\r\n".repeat(size / 4), "");
        say(&mut peer, "Via: SIP/2.0/UDP a;branch=b\r\n".repeat(size / 29), "");
        say(&mut peer, "Contact: <sip:a@b>;q=0.1\r\n".repeat(size / 27), "");
        say(&mut peer, format!("Contact: {}<sip:a@b>\r\n", "<sip:a@b>,".repeat(size / 10)), "");
        say(&mut peer, format!("Contact: <sip:a@b>{}\r\n", ";a=b".repeat(size / 4)), "");
        say(&mut peer, format!("Accept: {}a/b\r\n", "a/b,".repeat(size / 4)), "");
        say(&mut peer, format!("X-Folded: a\r\n{}", " b\r\n".repeat(size / 4)), "");
        say(&mut peer, String::new(), &"x".repeat(size));
        say(&mut peer, "Content-Type: multipart/mixed;boundary=b\r\n".to_owned(), &"--b\r\n\r\n".repeat(size / 7));
        let id = format!("invite{size}");
        peer.say(peer.request("INVITE", &id, &format!("Subject: {}\r\n", "s".repeat(size)), &sdp("0", "")));
    }
    still_sound(&mut peer, &mut phone, before);
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn dialogs_out_of_order() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    // Of dialogs that there are not.
    for method in
        ["BYE", "CANCEL", "ACK", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY", "MESSAGE", "SUBSCRIBE", "PUBLISH"]
    {
        let text = peer.request(method, &format!("unknown{method}"), "", "");
        peer.say(text.replace("<sip:1001@127.0.0.1>\r\nCall-ID", "<sip:1001@127.0.0.1>;tag=nobody\r\nCall-ID"));
        peer.say(peer.request(
            method,
            &format!("outside{method}"),
            "Event: x\r\nRefer-To: <sip:/>\r\nRAck: 1 1 x\r\n",
            "",
        ));
    }
    // A call that is in order, and then everything that is not.
    peer.say(peer.invite("order", &sdp("0", "")));
    let call = rings(&mut phone, "order");
    phone.ask(json!({"do": "answer", "call": call["id"]}));
    let answer = peer.hear("200", |m| m.is_answer("INVITE", "order", 200));
    for cseq in [1, 1, 9] {
        peer.say(peer.within(&answer, "ACK", cseq, "", ""));
    }
    phone.wait("talking", |m| call_in(m, "talking"));
    let tag = answer.header("To").split("tag=").nth(1).unwrap().to_owned();
    for (method, cseq) in
        [("INFO", 0), ("BYE", 0), ("INVITE", 0), ("BYE", 2_147_483_648), ("OPTIONS", 1), ("UPDATE", 1)]
    {
        peer.say(peer.within(&answer, method, cseq, "", ""));
        let foreign = peer.within(&answer, method, 5, "", "").replace(&tag, "replaced");
        peer.say(foreign);
    }
    peer.hear("that the call of another tag is unknown", |m| m.is_answer("BYE", "order", 481));
    for reinvite in ["", "v=0\r\n", &sdp("96", "a=rtpmap:96 nothing/1\r\n"), &sdp("0", "a=inactive\r\n"), &sdp("0", "")]
    {
        for (n, method) in ["INVITE", "UPDATE"].iter().enumerate() {
            let cseq = 100 + 10 * u32::try_from(reinvite.len()).unwrap() + u32::try_from(n).unwrap();
            peer.say(peer.within(&answer, method, cseq, "Content-Type: application/sdp\r\n", reinvite));
            if peer.hear_within(Duration::from_secs(2), |m| m.is_answer(method, "order", 200)).is_some() {
                peer.say(peer.within(&answer, "ACK", cseq, "", ""));
            }
        }
    }
    // Two at once; the second has to wait or is refused.
    peer.say(peer.within(&answer, "INVITE", 90_000, "Content-Type: application/sdp\r\n", &sdp("0", "")));
    peer.say(peer.within(&answer, "INVITE", 90_001, "Content-Type: application/sdp\r\n", &sdp("0", "")));
    // The same datagram again and again, and a late one.
    let bye = peer.within(&answer, "BYE", 90_002, "", "");
    for _ in 0..20 {
        peer.say(&bye);
    }
    phone.wait("over", |m| ended(m).filter(|r| r["call"]["id"] == call["id"]));
    peer.say(peer.within(&answer, "INFO", 90_003, "", ""));
    peer.hear("that it is over", |m| m.is_answer("INFO", "order", 481));
    still_sound(&mut peer, &mut phone, before);
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn answers_out_of_order() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    let body = sdp("8", "a=rtpmap:8 PCMA/8000\r\n");
    let sound = "Content-Type: application/sdp\r\n";
    // A flood of provisional answers, of many forks, in wrong order, with rising and falling RSeq.
    let dialled = phone.ask(json!({"do": "dial", "account": USER, "target": "2002"}))["call"]["id"].clone();
    let invite = peer.hear_request("INVITE");
    for n in 0..600 {
        let status =
            ["180 Ringing", "183 Session Progress", "181 Call Is Being Forwarded", "199 Early Dialog Terminated"]
                [n % 4];
        let reliable = if n % 5 == 0 { format!("Require: 100rel\r\nRSeq: {}\r\n", 600 - n) } else { String::new() };
        peer.say(peer.answer(&invite, status, &format!("fork{}", n % 50), &format!("{reliable}{sound}"), &body));
    }
    // One answers, again and again until it is heard; then another; then everybody refuses.
    let ok = peer.answer(&invite, "200 OK", "fork1", sound, &body);
    drive::until(Duration::from_secs(10), "ACK", || {
        peer.say(&ok);
        peer.hear_within(Duration::from_millis(200), |m| (m.method() == "ACK").then_some(())).is_some()
    });
    for fork in ["fork7", "stranger", "fork1"] {
        peer.say(peer.answer(&invite, "200 OK", fork, sound, &body));
    }
    for status in ["486 Busy Here", "100 Trying", "302 Moved Temporarily", "404 Not Found", "200 OK", "999 What"] {
        peer.say(peer.answer(&invite, status, "fork1", "", ""));
    }
    phone.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == dialled));
    assert_eq!(calls(&mut phone).len(), 1, "one call, however many forks");
    settle(&mut phone);

    // Redirections and challenges that lead nowhere, round and round.
    for (status, headers) in [
        ("302 Moved Temporarily", "Contact: <sip:/>\r\n"),
        ("302 Moved Temporarily", "Contact: <sip:2002@127.0.0.1:1>;q=9\r\n"),
        ("300 Multiple Choices", "Contact: *\r\n"),
        ("305 Use Proxy", ""),
        ("407 Proxy Authentication Required", ""),
        ("407 Proxy Authentication Required", "Proxy-Authenticate: Digest\r\n"),
        ("401 Unauthorized", "WWW-Authenticate: Digest realm=\"x\", nonce=\"\", algorithm=NONE, qop=\"none\"\r\n"),
        ("401 Unauthorized", "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", stale=true\r\n"),
        ("422 Session Interval Too Small", "Min-SE: 4294967295\r\n"),
        ("422 Session Interval Too Small", "Min-SE: -1\r\n"),
        ("421 Extension Required", "Require: nothing\r\n"),
        ("491 Request Pending", ""),
        ("503 Service Unavailable", "Retry-After: 99999999999\r\n"),
        ("600 Busy Everywhere", "Reason: Q.850;cause=99999999999999\r\n"),
        ("699 X", "Content-Type: application/sdp\r\n"),
    ] {
        let call = phone.ask(json!({"do": "dial", "account": USER, "target": "2002"}))["call"]["id"].clone();
        let (mut tries, mut heard) = (0, false);
        while let Some(invite) = peer.hear_within(Duration::from_millis(if tries == 0 { 5000 } else { 300 }), |m| {
            (m.method() == "INVITE").then(|| m.clone())
        }) {
            tries += 1;
            assert!(tries <= 10, "no end of INVITEs after {status} {headers}");
            peer.say(peer.answer(&invite, status, "b", headers, ""));
            heard = peer
                .hear_within(Duration::from_millis(300), |m| {
                    (m.method() == "ACK" && m.header("Call-ID") == invite.header("Call-ID")).then_some(())
                })
                .is_some();
        }
        assert!(tries >= 1);
        if heard {
            phone.wait(status, |m| ended(m).filter(|r| r["call"]["id"] == call));
        } else {
            // What cannot be read was never said: it rings on until somebody has enough.
            settle(&mut phone);
        }
        peer.forget();
    }
    still_sound(&mut peer, &mut phone, before);
}

/// More INVITEs than there may be calls: the rest is refused at once, and nothing is left of it.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn a_storm_of_calls_rings_eight_times() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    for round in 0..2 {
        let ids = (0..200).map(|n| format!("storm{round}x{n}x"));
        let codes = peer.storm("INVITE", ids, |peer, id| peer.invite(id, &sdp("0", "")));
        assert_eq!(codes.iter().filter(|code| **code == 180).count(), CALLS, "{codes:?}");
        assert!(codes.iter().all(|code| matches!(code, 180 | 486)), "{codes:?}");
        assert_eq!(calls(&mut phone).len(), CALLS);
        settle(&mut phone);
        peer.forget();
    }
    still_sound(&mut peer, &mut phone, before);
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn storms_of_other_requests() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    let mut grown = Vec::new();
    for round in 0..3 {
        for (method, code) in [
            ("OPTIONS", 200),
            ("NOTIFY", 489),
            ("REFER", 405),
            ("MESSAGE", 405),
            ("SUBSCRIBE", 489),
            ("INFO", 405),
            ("REGISTER", 405),
            ("PUBLISH", 405),
            ("NOSUCH", 405),
        ] {
            let headers = "Event: presence\r\nSubscription-State: active\r\nRefer-To: <sip:2002@127.0.0.1>\r\n";
            let ids = (0..300).map(|n| format!("{method}{round}x{n}x"));
            let codes = peer.storm(method, ids, |peer, id| peer.request(method, id, headers, ""));
            assert!(codes.iter().all(|got| *got == code), "{method}: {codes:?}");
        }
        still_sound(&mut peer, &mut phone, before);
        grown.push(held(&phone).kb);
    }
    assert!(drive::is_sanitized() || grown[2] < grown[0] + 1000, "it grows with each storm: {before:?}, {grown:?}");
}

/// Within a call each request has a transaction for 32 s: there is an end of them, and of the call all the same.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn a_storm_within_a_call() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    peer.say(peer.invite("inner", &sdp("0", "")));
    let call = rings(&mut phone, "inner");
    phone.ask(json!({"do": "answer", "call": call["id"]}));
    let answer = peer.hear("200", |m| m.is_answer("INVITE", "inner", 200));
    phone.wait("talking", |m| call_in(m, "talking"));
    for cseq in 2..4000 {
        peer.say(peer.within(
            &answer,
            ["INFO", "OPTIONS", "MESSAGE", "NOTIFY", "REFER"][cseq % 5],
            u32::try_from(cseq).unwrap(),
            "",
            "",
        ));
        // No faster than they are taken in, or it is the socket that drops them.
        if cseq % 20 == 0 {
            peer.hear_within(Duration::from_millis(200), |m| (m.code() > 0).then_some(()));
            peer.forget();
        }
    }
    // Again and again, as over UDP, for the socket may have been full.
    drive::until(Duration::from_secs(10), "200 to BYE", || {
        peer.say(peer.within(&answer, "BYE", 5000, "", ""));
        peer.hear_within(Duration::from_millis(500), |m| m.is_answer("BYE", "inner", 200)).is_some()
    });
    phone.wait("over", ended);
    // What begins and ends a call is heard all the same.
    still_sound(&mut peer, &mut phone, before);
}

/// Headers of the answer to the REGISTER of this number.
type Challenge = fn(usize) -> String;

/// A registrar that is never content is asked a few times, not for ever.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn no_storm_of_registers() {
    let challenges: [(&str, Challenge); 6] = [
        ("401 Unauthorized", |n| format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{n}\", stale=true\r\n")),
        ("401 Unauthorized", |_| "WWW-Authenticate: Digest realm=\"r\", nonce=\"same\", stale=true\r\n".to_owned()),
        ("401 Unauthorized", |n| format!("WWW-Authenticate: Digest realm=\"r{n}\", nonce=\"{n}\"\r\n")),
        ("407 Proxy Authentication Required", |n| {
            format!("Proxy-Authenticate: Digest realm=\"r\", nonce=\"{n}\", stale=TRUE\r\n")
        }),
        ("423 Interval Too Brief", |n| format!("Min-Expires: {}\r\n", 200 + n)),
        ("200 OK", |_| "Contact: <sip:somebody@else>;expires=0\r\nExpires: 0\r\n".to_owned()),
    ];
    let mut all = challenges.map(|(status, headers)| {
        let peer = Peer::udp();
        peer.on_register(move |request, n| {
            // Also the answer to our goodbye, or the end would take its time.
            if request.header("Expires") == "0" {
                ("200 OK".to_owned(), String::new())
            } else {
                (status.to_owned(), headers(n))
            }
        });
        let mut phone = Console::start(&[]);
        phone.ask(peer.configure());
        (status, peer, phone)
    });
    let told = all.each_mut().map(|(status, _, phone)| {
        phone.wait("what becomes of it", |m| {
            registration(m, "failed").or_else(|| registration(m, "registered").filter(|_| status.starts_with('2')))
        })
    });
    // As long as the first pauses of the back-off.
    let end = Instant::now() + Duration::from_secs(3);
    drive::until(Duration::from_secs(4), "three seconds", || Instant::now() > end);
    for ((status, peer, _), told) in all.iter().zip(told) {
        assert!(peer.registers() <= 20, "{} REGISTERs after {status}: {told}", peer.registers());
    }
}

/// What a registrar heard once must not be good for a second call: the phone never answers with what it is sent.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn replayed_digests_get_nothing() {
    let (mut peer, mut phone, before) = begun(Peer::udp());
    let digest = "Authorization: Digest username=\"1001\", realm=\"r\", nonce=\"n\", uri=\"sip:127.0.0.1\", response=\"00000000000000000000000000000000\"\r\n";
    for (n, method) in ["REGISTER", "OPTIONS", "MESSAGE", "REFER", "SUBSCRIBE"].iter().enumerate() {
        for _ in 0..20 {
            peer.say(peer.request(method, &format!("replay{n}"), digest, ""));
        }
        let answer = peer.hear(method, |m| m.is_final(method, &format!("replay{n}")));
        assert!(*method == "OPTIONS" || answer.code() >= 400, "{method}: {}", answer.start);
        assert_eq!(answer.header("Authorization"), "");
    }
    still_sound(&mut peer, &mut phone, before);
}

/// Lengths that lie, halves and then silence, headers without end: the connection goes, the phone does not.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn a_stream_that_lies() {
    let (mut peer, mut phone, before) = begun(Peer::tcp());
    let whole = peer.request("OPTIONS", "whole", "", "");
    for (n, junk) in [
        whole.replace("Content-Length: 0", "Content-Length: 5000"),
        whole.replace("Content-Length: 0", "Content-Length: -1"),
        whole.replace("Content-Length: 0", "Content-Length: 99999999999999999999"),
        whole.replace("Content-Length: 0", "Content-Length: 2147483647"),
        whole.replace("Content-Length: 0", "Content-Length: x"),
        whole.replace("Content-Length: 0\r\n", ""),
        whole.replace("Content-Length: 0", "Content-Length: 0\r\nContent-Length: 400"),
        format!("{}X-Endless: {}", peer.head("OPTIONS", "endless"), "x".repeat(100_000)),
        format!("{}{}", peer.head("OPTIONS", "many"), "X-Many: y\r\n".repeat(20_000)),
        peer.head("OPTIONS", "half"),
        "INVITE".to_owned(),
        "\r\n\r\n".repeat(20_000),
        "\0".repeat(20_000),
        "x".repeat(20_000),
        format!("{whole}{whole}{whole}").repeat(50),
    ]
    .iter()
    .enumerate()
    {
        peer.say(junk);
        // Whatever of it was heard as a call goes with the connection.
        anew(&mut peer, &mut phone, &format!("after junk {n}"));
        let id = format!("afterjunk{n}");
        peer.say(peer.request("OPTIONS", &id, "", ""));
        peer.hear("an answer on the new connection", |m| m.is_final("OPTIONS", &id));
    }
    // In pieces of one byte, in order: that is a message.
    for byte in peer.request("OPTIONS", "pieces", "", "").as_bytes() {
        peer.say([*byte]);
    }
    peer.hear("an answer to the pieces", |m| m.is_final("OPTIONS", "pieces"));
    still_sound(&mut peer, &mut phone, before);
}

/// Who is no server of ours and connects is hung up on: three hundred of them would take all handles.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn strangers_get_no_connection() {
    let (mut peer, mut phone, before) = begun(Peer::tcp_on("127.0.0.5"));
    let at = listening_at(&phone);
    let mut gone = 0;
    for _ in 0..300 {
        let mut stream = std::net::TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = std::io::Write::write_all(&mut stream, peer.request("OPTIONS", "stranger", "", "").as_bytes());
        gone += u32::from(!matches!(std::io::Read::read(&mut stream, &mut [0]), Ok(1)));
    }
    assert_eq!(gone, 300);
    still_sound(&mut peer, &mut phone, before);
}

/// Where the phone listens for TCP.
fn listening_at(phone: &Console) -> std::net::SocketAddr {
    let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", phone.pid())).unwrap();
    let inodes: Vec<String> = std::fs::read_dir(format!("/proc/{}/fd", phone.pid()))
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let port = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|words| words[3] == "0A" && inodes.iter().any(|inode| inode == words[9]))
        .map(|words| u16::from_str_radix(words[1].split(':').nth(1).unwrap(), 16).unwrap());
    ([127, 0, 0, 1], port.expect("it listens")).into()
}

/// One that begins like a format of ours was taken for it, then looked for in vain, and what lay behind the list was used.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn a_format_like_ours_is_not_ours() {
    let mut peer = Peer::udp();
    let mut phone = peer.phone();
    let lines = "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
    for (n, (formats, code)) in
        [("0_", 488), ("08", 488), ("0_ 8", 180), ("8 101_", 180), ("8 8 101 101", 180)].into_iter().enumerate()
    {
        let id = format!("odd{n}");
        peer.say(peer.invite(&id, &sdp(formats, lines)));
        let answered = |m: &peer::Message| m.is_final("INVITE", &id).or_else(|| m.is_answer("INVITE", &id, 180));
        let answer = peer.hear("an answer", answered);
        assert_eq!(answer.code(), code, "{formats}: {}", answer.start);
        for call in phone.ask(json!({"do": "snapshot"}))["snapshot"]["calls"].as_array().unwrap() {
            phone.ask(json!({"do": "hang-up", "call": call["id"]}));
            phone.wait("over", ended);
        }
    }
    peer.ordinary_calls(&mut phone);
}
