//! Our half of a SIP dialog (RFC 3261, section 12).

use std::net::SocketAddr;

use crate::lab::sip::{Message, token};

/// Who speaks with whom under which Call-ID; makes our requests.
#[derive(Debug, Clone)]
pub struct Dialog {
    pub call_id: String,
    /// Our address of record with our tag.
    us: String,
    our_tag: String,
    /// Theirs, with their tag as soon as it is known.
    them: String,
    /// Where requests go.
    target: String,
    contact: String,
    local: SocketAddr,
    sequence: u32,
    privacy: &'static str,
}

impl Dialog {
    /// Of a call that we make.
    pub fn outgoing(us: &str, to: &str, contact: &str, local: SocketAddr, hidden: bool) -> Self {
        let our_tag = token();
        Self {
            call_id: format!("{}@{}", token(), local.ip()),
            us: format!("{us};tag={our_tag}"),
            our_tag,
            them: format!("<{to}>"),
            target: to.to_owned(),
            contact: contact.to_owned(),
            local,
            sequence: 0,
            privacy: if hidden { "Privacy: id\r\n" } else { "" },
        }
    }

    /// Of a registration: From and To are the same address of record, and the request goes to the registrar.
    pub fn registration(us: &str, registrar: &str, contact: &str, local: SocketAddr) -> Self {
        let dialog = Self::outgoing(us, registrar, contact, local, false);
        Self { them: us.to_owned(), ..dialog }
    }

    /// Of a call that came.
    pub fn incoming(invite: &Message, contact: &str, local: SocketAddr) -> Option<Self> {
        let our_tag = token();
        Some(Self {
            call_id: invite.header("Call-ID")?.to_owned(),
            us: format!("{};tag={our_tag}", invite.header("To")?),
            our_tag,
            them: invite.header("From")?.to_owned(),
            target: invite.contact()?,
            contact: contact.to_owned(),
            local,
            sequence: 0,
            privacy: "",
        })
    }

    /// Our tag, for responses.
    pub fn our_tag(&self) -> &str {
        &self.our_tag
    }

    /// Our Contact, in angle brackets.
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// What a response to our INVITE says of the other side.
    pub fn answered_by(&mut self, response: &Message) {
        if let Some(to) = response.header("To") {
            self.them = to.to_owned();
        }
        if let Some(contact) = response.contact() {
            self.target = contact;
        }
    }

    /// Where requests go now.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The value of Replaces that names this dialog to the other side (RFC 3891), ready for a URI.
    pub fn replaces(&self) -> String {
        let their_tag = self.them.split(";tag=").nth(1).unwrap_or_default();
        let call_id = self.call_id.replace('@', "%40");
        format!("{call_id}%3Bto-tag%3D{their_tag}%3Bfrom-tag%3D{}", self.our_tag)
    }

    /// The number of the next request.
    pub fn next(&mut self) -> u32 {
        self.sequence += 1;
        self.sequence
    }

    /// A request; ACK and CANCEL have number and branch of what they belong to. `headers` end with a line break each.
    pub fn request(&self, method: &str, sequence: u32, branch: &str, headers: &str, body: &str) -> String {
        let Self { call_id, us, them, target, contact, local, privacy, .. } = self;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let privacy = if method == "INVITE" { privacy } else { "" };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\nFrom: {us}\r\n\
             To: {them}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\nContact: {contact}\r\n\
             Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,UPDATE,REFER,NOTIFY\r\nUser-Agent: lab-phone\r\n{privacy}{headers}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_names_itself_as_the_other_side_knows_it() {
        let local = "127.1.1.1:5060".parse().unwrap();
        let mut dialog = Dialog::outgoing("<sip:1@h>", "sip:2@h", "<sip:1@127.1.1.1:5060>", local, false);
        let answer = "SIP/2.0 200 OK\r\nTo: <sip:2@h>;tag=theirs\r\nContact: <sip:2@127.0.0.1:5060>\r\n\r\n";
        dialog.answered_by(&Message::parse(answer.as_bytes()).unwrap());
        let tag = dialog.our_tag().to_owned();
        assert!(dialog.replaces().ends_with(&format!("%40127.1.1.1%3Bto-tag%3Dtheirs%3Bfrom-tag%3D{tag}")));
        let bye = Message::parse(dialog.request("BYE", 2, "b", "", "").as_bytes()).unwrap();
        assert_eq!((bye.tag("To"), bye.called()), (Some("theirs"), Some("2")));
    }
}
