//! Messages and commands that are wrong in ways nobody thought of, made out of those somebody did think of. What is written
//! over and cut is drawn from a fixed seed, so a failure comes again. A few thousand in CI; minutes with `--deep`, where the
//! softphone is built with AddressSanitizer, too.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;
mod peer;
mod torture;

use std::time::{Duration, Instant};

use drive::Console;
use peer::{Peer, USER, sdp};
use serde_json::{Value, json};

/// Longest text that a call may show of what somebody else wrote: LD_TEXT, and its replacement characters.
const LONGEST: usize = 3 * 256;

/// xorshift64*: any numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap() % end.max(1)
    }
}

/// What breaks parsers.
const SPLINTERS: &[&[u8]] = &[
    b"\"",
    b"<",
    b">",
    b"\\",
    b";",
    b",",
    b":",
    b"@",
    b"=",
    b"%",
    b"%00",
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\xff",
    b"\xc3",
    b"sip:",
    b"sips:",
    b"tel:",
    b"sip:/",
    b"/",
    b"[",
    b"[::1",
    b"-1",
    b"0",
    b"4294967296",
    b"99999999999999999999",
    b"\xe2\x80\xa8",
    b"*",
    b"\r\n ",
    b";tag=",
    b"?a=b",
    b"Q.850;cause=",
    b"a=rtpmap:",
    b"m=audio ",
    b"P-Asserted-Identity: ",
    b"Content-Length: ",
];

fn broken(dice: &mut Dice, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(6) {
            0 => drop(bytes.splice(at..at, SPLINTERS[dice.below(SPLINTERS.len())].iter().copied())),
            1 => drop(bytes.drain(at..(at + dice.below(30)).min(bytes.len()))),
            2 => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
            3 => bytes[at] ^= 1 << dice.below(8),
            4 => {
                let piece = bytes[at..(at + dice.below(60)).min(bytes.len())].to_vec();
                let to = dice.below(bytes.len());
                drop(bytes.splice(to..to, piece.repeat(1 + dice.below(20))));
            }
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'x');
        }
    }
    bytes.truncate(7900);
    bytes
}

/// What a parsed call or record shows is short and of one line; that it is UTF-8, its JSON has proved.
fn look(value: &Value) {
    match value {
        Value::String(text) => {
            assert!(text.len() <= LONGEST && !text.contains(['\r', '\n', '\0']), "{text:?}");
        }
        Value::Array(all) => all.iter().for_each(look),
        Value::Object(all) => all.values().for_each(look),
        _ => {}
    }
}

fn budget(small: usize) -> (usize, Instant) {
    let deep = std::env::var_os("LINEDESK_DEEP").is_some();
    let seconds = if deep { 80 } else { 20 };
    (if deep { usize::MAX } else { small }, Instant::now() + Duration::from_secs(seconds))
}

fn end_all(phone: &mut Console) {
    let snapshot = phone.ask(json!({"do": "snapshot"}));
    look(&snapshot);
    for call in snapshot["snapshot"]["calls"].as_array().unwrap() {
        phone.try_ask(json!({"do": "hang-up", "call": call["id"]}));
    }
    phone.look(look);
}

#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn messages() {
    let mut peer = Peer::udp();
    let mut phone = peer.phone();
    let mut dice = Dice(0x5eed_0001);
    let at = peer.at().to_string();
    let identities = "P-Asserted-Identity: \"A \\\" B\" <sip:+123%204@h;x=y>\nRemote-Party-ID: <tel:123;phone-context=+1>;party=calling\n\
                      Reason: SIP;cause=200;text=\"x\", Q.850;cause=16\nAlert-Info: <http://h>;info=alert-autoanswer;delay=0\n\
                      Call-Info: <sip:h>;answer-after=0\nX-Project: a";
    let named = format!(
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {{at}};branch=z9hG4bK{{id}}\nTo: <sip:1001@127.0.0.1>\n\
                         From: \"F\" <sip:2002@{{at}}>;tag=i{{id}}\n{identities}\nCall-ID: {{id}}@peer\nCSeq: 1 INVITE\nMax-Forwards: 70\n\
                         Contact: <sip:2002@{{at}}>\n{{sdp}}"
    );
    let (most, end) = budget(3000);
    let mut n = 0;
    while n < most && Instant::now() < end {
        // Every other one goes where names and reasons are read.
        let text = if n % 2 == 0 { named.as_str() } else { torture::MESSAGES[dice.below(torture::MESSAGES.len())].1 };
        let whole = torture::on_the_wire(text, &at, "UDP", &format!("fuzz{n}"));
        peer.say(broken(&mut dice, whole));
        n += 1;
        if n % 25 == 0 {
            let id = format!("lives{n}");
            peer.say(peer.request("OPTIONS", &id, "", ""));
            peer.hear("an answer after what was broken", |m| m.is_final("OPTIONS", &id));
            peer.forget();
            end_all(&mut phone);
        }
    }
    println!("{n} messages");
    still_a_phone(&mut peer, &mut phone);
}

/// What hangs in the air keeps its place for SIP's 32 s.
fn still_a_phone(peer: &mut Peer, phone: &mut Console) {
    drive::until(Duration::from_secs(70), "a place for an ordinary call", || {
        end_all(phone);
        let id = format!("place{}x", peer.fresh());
        peer.say(peer.invite(&id, &sdp("0", "")));
        peer.hear_within(Duration::from_millis(500), |m| m.is_answer("INVITE", &id, 180)).is_some()
    });
    end_all(phone);
    phone.forget();
    peer.forget();
    peer.ordinary_calls(phone);
}

/// All behind the line that says to what it belongs.
fn broken_behind(dice: &mut Dice, text: &str) -> Vec<u8> {
    let at = text.find("\r\nCSeq:").unwrap() + 2;
    let at = at + text[at..].find("\r\n").unwrap() + 2;
    let mut bytes = text.as_bytes()[..at].to_vec();
    bytes.extend(broken(dice, text.as_bytes()[at..].to_vec()));
    bytes
}

/// What a far side answers to our call, and says within it.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn calls() {
    const ANSWERS: &[(&str, &str)] = &[
        ("180 Ringing", "Require: 100rel\r\nRSeq: 7\r\nP-Asserted-Identity: \"B\" <sip:2002@h>\r\n"),
        ("183 Session Progress", "Record-Route: <sip:127.0.0.1:9;lr>, <sip:[::1];lr;transport=tcp>\r\n"),
        ("181 Call Is Being Forwarded", "Diversion: <sip:a@b>;reason=unconditional;counter=1\r\n"),
        ("200 OK", "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\nSupported: replaces, norefersub\r\n"),
        ("302 Moved Temporarily", "Contact: \"A\" <sip:2003@127.0.0.1:9?X=y>;q=0.5, <sips:a@b>, <tel:12>, *\r\n"),
        (
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\", algorithm=SHA-256, qop=\"auth\", userhash=true\r\n",
        ),
        ("422 Session Interval Too Small", "Min-SE: 3600;x=y\r\nRetry-After: 5\r\n"),
        ("486 Busy Here", "Reason: Q.850;cause=17;text=\"User \\\"busy\", SIP;cause=486\r\nWarning: 399 h \"x\"\r\n"),
    ];
    const WITHIN: &[(&str, &str)] = &[
        ("INVITE", "Session-Expires: 90;refresher=uas\r\nMin-SE: 90\r\nReplaces: a@b;to-tag=1;from-tag=2\r\n"),
        ("UPDATE", "Session-Expires: 1800\r\nP-Asserted-Identity: \"C\" <sip:2003@h;user=phone>, <tel:+12>\r\n"),
        ("REFER", "Refer-To: <sip:2004@h?Replaces=a%40b%3Bto-tag%3D1>;method=INVITE\r\nReferred-By: <sip:2002@h>\r\n"),
        (
            "NOTIFY",
            "Event: refer;id=2\r\nSubscription-State: active;expires=60;reason=x\r\nContent-Type: message/sipfrag;version=2.0\r\n",
        ),
        ("INFO", "Content-Type: application/dtmf-relay\r\nInfo-Package: x\r\n"),
        ("PRACK", "RAck: 7 1 INVITE\r\n"),
        ("OPTIONS", "Accept: application/sdp;q=0.2, */*\r\n"),
        ("BYE", "Reason: Q.850;cause=16\r\n"),
    ];
    let mut peer = Peer::udp();
    let mut phone = peer.phone();
    let mut dice = Dice(0x5eed_0004);
    let (most, end) = budget(60);
    let mut n = 0;
    while n < most && Instant::now() < end {
        n += 1;
        phone.try_ask(json!({"do": "dial", "account": USER, "target": "2002"}));
        let Some(invite) = peer.hear_within(Duration::from_secs(1), |m| (m.method() == "INVITE").then(|| m.clone()))
        else {
            end_all(&mut phone);
            continue;
        };
        let description = peer.sound(&["8", "0"], "sendrecv");
        for _ in 0..dice.below(3) {
            let (status, headers) = ANSWERS[dice.below(ANSWERS.len())];
            let headers = format!("{headers}Content-Type: application/sdp\r\n");
            let answer = peer.answer(&invite, status, "peer", &headers, &description);
            peer.say(broken_behind(&mut dice, &answer));
        }
        let mut dialog = peer.dialog_of(&invite);
        if dice.below(3) > 0 {
            peer.reply(&invite, 200, "OK", "", &description);
            for _ in 0..dice.below(4) {
                let (method, headers) = WITHIN[dice.below(WITHIN.len())];
                let body = if dice.below(2) == 0 { description.as_str() } else { "Signal=1\r\nDuration=160\r\n" };
                let request = peer.compose(&mut dialog, method, headers, body);
                peer.say(broken_behind(&mut dice, &request));
            }
        }
        end_all(&mut phone);
        // So that what was taken back is over, and its place free.
        peer.reply(&invite, 487, "Request Terminated", "", "");
        peer.forget();
        if n % 20 == 0 {
            let id = format!("lives{n}");
            peer.say(peer.request("OPTIONS", &id, "", ""));
            peer.hear("an answer after what was broken", |m| m.is_final("OPTIONS", &id));
            peer.forget();
        }
    }
    println!("{n} calls");
    still_a_phone(&mut peer, &mut phone);
}

/// Where our own side gives text to the shim: addresses to call and to transfer to, and headers.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn commands() {
    let mut peer = Peer::udp();
    let mut phone = peer.phone();
    let mut dice = Dice(0x5eed_0002);
    let (most, end) = budget(1500);
    // One call that is talked in: what is transferred.
    let call = phone.ask(json!({"do": "dial", "account": USER, "target": "2002"}))["call"]["id"].clone();
    let invite = peer.hear_request("INVITE");
    peer.say(peer.answer(&invite, "200 OK", "b", "Content-Type: application/sdp\r\n", &sdp("8", "")));
    phone.wait("talking", |m| drive::call_in(m, "talking"));
    let targets =
        ["+7 (495) 123-45-67", "sip:anna@example.org;transport=tcp", "sips:a@[::1]:5061", "*8#", "sip:a:b@h;x=y;lr"];
    let mut n = 0;
    while n < most && Instant::now() < end {
        let mut text = |from: &str| String::from_utf8_lossy(&broken(&mut dice, from.as_bytes().to_vec())).into_owned();
        let target = text(targets[n % targets.len()]);
        let (name, value, digits) = (text("X-Project"), text("a value; with=parts, and \"quotes\""), text("12#*A"));
        let answer =
            phone.try_ask(json!({"do": "dial", "account": USER, "target": target, "headers": [[name, value]]}));
        if let Some(id) = answer["ok"]["call"]["id"].as_u64() {
            phone.try_ask(json!({"do": "hang-up", "call": id}));
        }
        phone.try_ask(json!({"do": "blind-transfer", "call": call, "target": target}));
        phone.try_ask(json!({"do": "dtmf", "call": call, "digits": digits}));
        phone.look(look);
        // Whatever was called is declined, or the places would be taken.
        while let Some(invite) = peer.hear_within(Duration::ZERO, |m| (m.method() == "INVITE").then(|| m.clone())) {
            peer.say(peer.answer(&invite, "603 Decline", "x", "", ""));
        }
        peer.forget();
        n += 1;
    }
    println!("{n} rounds of commands");
    phone.ask(json!({"do": "snapshot"}));
}

/// Accounts that somebody typed or a profile brought, and what a registrar answers to them.
#[test]
#[ignore = "talks SIP with itself: cargo xtask test --only softphone"]
fn accounts() {
    let mut peer = Peer::udp();
    let mut phone = peer.phone();
    let mut dice = Dice(0x5eed_0003);
    let answers = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Vec<u8>>::new()));
    let theirs = std::sync::Arc::clone(&answers);
    peer.on_register(move |request, _| {
        // Also the good account's: what is left is told only once.
        let Some(answer) = theirs.lock().unwrap().pop() else { return ("200 OK".to_owned(), String::new()) };
        let answer = String::from_utf8_lossy(&answer).replace("{contact}", request.header("Contact"));
        let (status, headers) = answer.split_once('\n').unwrap_or((&answer, ""));
        (status.to_owned(), headers.replace('\r', "").replace('\n', "\r\n") + "\r\n")
    });
    let said: [&str; 6] = [
        "401 Unauthorized\nWWW-Authenticate: Digest realm=\"pbx\", nonce=\"a\", opaque=\"b\", algorithm=MD5, qop=\"auth,auth-int\"",
        "407 Proxy Authentication Required\nProxy-Authenticate: Digest realm=\"a\\\"b\", nonce=\"\", algorithm=SHA-256, stale=true",
        "200 OK\nContact: {contact};expires=60, <sip:a@b;x=y>;expires=0;q=0.1;+sip.instance=\"<urn:uuid:1>\"\nService-Route: <sip:a;lr>",
        "302 Moved\nContact: <sip:[::1]:5060;transport=tcp?a=b>;q=1.0, *",
        "423 Interval Too Brief\nMin-Expires: 120\nRetry-After: 5 (soon);duration=3",
        "503 Service Unavailable\nRetry-After: 99999999999\nWarning: 399 pbx \"a\\\"\"",
    ];
    let names = ["id", "server", "domain", "user", "auth_user", "password", "display_name", "tls_ca_file"];
    let (most, end) = budget(800);
    let mut n = 0;
    let mut taken = 0;
    while n < most && Instant::now() < end {
        let mut text = |from: &str| String::from_utf8_lossy(&broken(&mut dice, from.as_bytes().to_vec())).into_owned();
        let mut account = peer.account();
        let name = names[n % names.len()];
        let from = account[name].as_str().unwrap_or("Anna \"A\" <sip:1001@pbx.example>").to_owned();
        account[name] = json!(text(&from));
        match n % 7 {
            5 => account["pass_headers"] = json!(["X-Project", text("X-Queue")]),
            0 => account["backup_servers"] = json!([{"host": text("10.0.0.2"), "port": n % 65_536}]),
            1 => account["outbound_proxy"] = json!({"host": text("127.0.0.1"), "port": peer.at().port()}),
            2 => account["nat"] = json!({"ice": true, "stun_servers": [{"host": text("127.0.0.1"), "port": 9}]}),
            3 => {
                account["nat"] = json!({"turn": {"server": {"host": text("127.0.0.1"), "port": 9}, "transport": "udp",
                    "user": text("anna"), "password": text("secret")}});
            }
            _ => {}
        }
        let codecs = ["opus", "pcma"];
        let media = json!({"codecs": codecs, "echo_cancellation": false, "rtp_ports": [41000, 41999]});
        answers.lock().unwrap().push(broken(&mut dice, said[n % said.len()].into()));
        let answer = phone.try_ask(json!({"do": "configure", "accounts": [account], "media": media}));
        taken += usize::from(!answer["ok"].is_null());
        let mut text = |from: &str| String::from_utf8_lossy(&broken(&mut dice, from.as_bytes().to_vec())).into_owned();
        let chosen = json!({"use": "device", "name": text("alsa_output.usb-A_B-00.analog-stereo")});
        phone.try_ask(json!({"do": "set-sound", "settings": {"capture": chosen, "ring": [chosen],
            "volumes": {text("out:headset"): n % 500}, "ring_tone": {"tone": "file", "path": text("/tmp/a.wav")}}}));
        phone.look(look);
        peer.forget();
        n += 1;
        if n % 25 == 0 {
            answers.lock().unwrap().clear();
            registers_again(&peer, &mut phone);
        }
    }
    println!("{n} accounts, {taken} of them taken");
    assert!(taken > n / 5, "too few get to where text is read: {taken} of {n}");
    answers.lock().unwrap().clear();
    registers_again(&peer, &mut phone);
    still_a_phone(&mut peer, &mut phone);
}

fn registers_again(peer: &Peer, phone: &mut Console) {
    phone.ask(peer.configure());
    drive::until(Duration::from_secs(40), "registered", || {
        let snapshot = phone.ask(json!({"do": "snapshot"}));
        snapshot["snapshot"]["registrations"][0]["state"] == "registered"
    });
    phone.forget();
}
