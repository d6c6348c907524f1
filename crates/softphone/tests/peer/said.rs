//! What the server says, as text that a test may spoil before it is sent.

use std::time::Duration;

use serde_json::json;

use super::{Message, Peer, USER, sdp};
use crate::drive::{Console, call_in, ended, until};

/// Whose dialog a request is in, and as which request of it.
pub struct Within<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
}

impl Peer {
    /// Where the phone is to send requests of a dialog.
    pub fn contact(&self) -> String {
        format!("Contact: <sip:2002@{}{}>\r\n", self.at, if self.tcp { ";transport=tcp" } else { "" })
    }

    /// Beginning of a request, up to and with CSeq.
    pub fn opening(&self, method: &str, target: &str, branch: &str, within: &Within) -> String {
        let (at, way) = (self.at, if self.tcp { "TCP" } else { "UDP" });
        let Within { from, to, call_id, cseq } = within;
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
        )
    }

    /// Beginning of a request in a dialog of its own that is named by `id`.
    pub fn head(&self, method: &str, id: &str) -> String {
        let from = format!("\"Peer\" <sip:2002@{}>;tag=p{id}", self.at);
        let to = format!("<sip:{USER}@127.0.0.1>");
        let within = Within { from: &from, to: &to, call_id: &format!("{id}@peer"), cseq: 1 };
        self.opening(method, &format!("sip:{USER}@127.0.0.1"), &format!("{id}-{method}"), &within) + &self.contact()
    }

    /// A whole request out of its dialog.
    pub fn request(&self, method: &str, id: &str, headers: &str, body: &str) -> String {
        format!("{}{headers}Content-Length: {}\r\n\r\n{body}", self.head(method, id), body.len())
    }

    pub fn invite(&self, id: &str, body: &str) -> String {
        self.request("INVITE", id, "Content-Type: application/sdp\r\n", body)
    }

    /// A request within the dialog that the phone's answer to our INVITE made.
    pub fn within(&self, answer: &Message, method: &str, cseq: u32, headers: &str, body: &str) -> String {
        let call_id = answer.header("Call-ID");
        // '@' is in no token.
        let branch = format!("{}-{method}-{cseq}", call_id.replace('@', "-"));
        let target = answer.contact().unwrap_or_else(|| format!("sip:{USER}@127.0.0.1"));
        let within = Within { from: answer.header("From"), to: answer.header("To"), call_id, cseq };
        let opening = self.opening(method, &target, &branch, &within);
        format!("{opening}{headers}Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// An answer to a request of the phone.
    pub fn answer(&self, request: &Message, status: &str, tag: &str, headers: &str, body: &str) -> String {
        let mut to = request.header("To").to_owned();
        if !tag.is_empty() && !to.contains("tag=") {
            to = format!("{to};tag={tag}");
        }
        let contact = if headers.contains("Contact:") { String::new() } else { self.contact() };
        format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{contact}\
             {headers}Content-Length: {}\r\n\r\n{body}",
            request.header("Via"),
            request.header("From"),
            request.header("Call-ID"),
            request.header("CSeq"),
            body.len()
        )
    }

    /// Many requests as fast as they are answered, each sent again until it is, as UDP demands. The answers' codes.
    pub fn storm(
        &mut self,
        method: &str,
        ids: impl Iterator<Item = String>,
        text: impl Fn(&Self, &str) -> String,
    ) -> Vec<u16> {
        let mut open: Vec<String> = ids.collect();
        let mut codes = Vec::new();
        for _ in 0..20 {
            for few in open.clone().chunks(20) {
                few.iter().for_each(|id| self.say(text(self, id)));
                while let Some((id, code)) = self.hear_within(Duration::from_millis(100), |m| {
                    let id = few.iter().find(|id| m.header("Call-ID") == format!("{id}@peer") && open.contains(id))?;
                    (m.code() >= 180 && m.header("CSeq").ends_with(method)).then(|| (id.clone(), m.code()))
                }) {
                    open.retain(|other| *other != id);
                    codes.push(code);
                    if few.iter().all(|id| !open.contains(id)) {
                        break;
                    }
                }
                self.forget();
            }
            if open.is_empty() {
                return codes;
            }
        }
        panic!("{} of the storm were not answered: {open:?}", open.len());
    }

    /// One call each way, from its beginning to its end.
    pub fn ordinary_calls(&mut self, phone: &mut Console) {
        self.forget();
        let id = format!("sound{}", self.fresh());
        self.say(self.invite(&id, &sdp("0", "a=rtpmap:0 PCMU/8000\r\n")));
        let rings = phone.wait("an ordinary call rings", |m| {
            let call = call_in(m, "ringing")?;
            (call["sip_call_id"] == format!("{id}@peer")).then_some(call)
        });
        phone.ask(json!({"do": "answer", "call": rings["id"]}));
        let answer = self.hear("200 to INVITE", |m| m.is_answer("INVITE", &id, 200));
        self.say(self.within(&answer, "ACK", 1, "", ""));
        phone.wait("an ordinary call talks", |m| call_in(m, "talking").filter(|c| c["id"] == rings["id"]));
        self.say(self.within(&answer, "BYE", 2, "", ""));
        self.hear("200 to BYE", |m| m.is_answer("BYE", &id, 200));
        phone.wait("an ordinary call is over", |m| ended(m).filter(|r| r["call"]["id"] == rings["id"]));

        // A connection that was lost a moment ago may cost the registration once more.
        until(Duration::from_secs(12), "registered", || {
            phone.ask(json!({"do": "snapshot"}))["snapshot"]["registrations"][0]["state"] == "registered"
        });
        let dialled = phone.ask(json!({"do": "dial", "account": USER, "target": "2002"}))["call"]["id"].clone();
        let invite = self.hear_request("INVITE");
        self.say(self.answer(&invite, "180 Ringing", "b", "", ""));
        let body = sdp("8", "a=rtpmap:8 PCMA/8000\r\n");
        self.say(self.answer(&invite, "200 OK", "b", "Content-Type: application/sdp\r\n", &body));
        self.hear_request("ACK");
        phone.wait("ours talks", |m| call_in(m, "talking").filter(|c| c["id"] == dialled));
        phone.ask(json!({"do": "hang-up", "call": dialled}));
        phone.wait("ours is over", |m| ended(m).filter(|r| r["call"]["id"] == dialled));
    }
}
