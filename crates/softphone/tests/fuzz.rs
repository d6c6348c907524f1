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
    drive::until(Duration::from_secs(70), "a place for an ordinary call", || {
        end_all(&mut phone);
        let id = format!("place{}x", peer.fresh());
        peer.say(peer.invite(&id, &sdp("0", "")));
        peer.hear_within(Duration::from_millis(500), |m| m.is_answer("INVITE", &id, 180)).is_some()
    });
    end_all(&mut phone);
    phone.forget();
    peer.ordinary_calls(&mut phone);
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
