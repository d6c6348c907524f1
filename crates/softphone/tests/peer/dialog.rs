//! Whole calls, message by message: the peer's half of a dialog, and what it says within.

use serde_json::{Value, json};

use super::said::Within;
use super::{DOMAIN, Message, Peer, USER};
use crate::drive::{Console, call_in};

/// Who calls, unless a test says otherwise.
pub const FROM: &str = "\"Anna\" <sip:100@pbx.example>";

/// Our half of a call.
pub struct Dialog {
    pub call_id: String,
    us: String,
    them: String,
    target: String,
    sequence: u32,
    /// Number of its last INVITE, which an ACK repeats.
    invited: u32,
    /// The beginning of its first INVITE.
    invite: String,
    /// Where the phone sends the sound of this call from.
    pub rtp_port: u16,
}

impl Peer {
    /// Answers a request of the phone; `more` are whole header lines.
    pub fn reply(&self, request: &Message, status: u16, reason: &str, more: &str, body: &str) {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let tag = if status == 100 { "" } else { "peer" };
        self.say(self.answer(request, &format!("{status} {reason}"), tag, &format!("{more}{kind}"), body));
    }

    /// Sound that we offer or answer with: payload types (8 PCMA, 0 PCMU, 9 G722), and a direction.
    pub fn sound(&mut self, codecs: &[&str], direction: &str) -> String {
        let (version, port) = (self.fresh(), self.rtp.local_addr().unwrap().port());
        let list = codecs.join(" ");
        format!(
            "v=0\r\no=peer 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {list} 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na={direction}\r\n"
        )
    }

    /// Calls the phone; `from` is the whole From without its tag, `more` are whole header lines.
    pub fn call(&mut self, from: &str, more: &str, body: &str) -> Dialog {
        let number = self.fresh();
        let mut dialog = Dialog {
            call_id: format!("{number}@peer-{}", self.at.port()),
            us: format!("{from};tag=peer{number}"),
            them: format!("<sip:{USER}@{DOMAIN}>"),
            target: self.shared.lock().unwrap().contact.clone(),
            sequence: 0,
            invited: 0,
            invite: String::new(),
            rtp_port: 0,
        };
        self.send(&mut dialog, "INVITE", more, body);
        dialog
    }

    /// A request within a call.
    pub fn send(&mut self, dialog: &mut Dialog, method: &str, more: &str, body: &str) {
        let text = self.compose(dialog, method, more, body);
        self.say(text);
    }

    /// The same unsaid.
    pub fn compose(&mut self, dialog: &mut Dialog, method: &str, more: &str, body: &str) -> String {
        if method != "ACK" {
            dialog.sequence += 1;
        }
        if method == "INVITE" {
            dialog.invited = dialog.sequence;
        }
        let branch = format!("{}p{}", self.fresh(), self.at.port());
        let Dialog { call_id, us, them, target, invited, .. } = &*dialog;
        let cseq = if method == "ACK" { *invited } else { dialog.sequence };
        let opening = self.opening(method, target, &branch, &Within { from: us, to: them, call_id, cseq });
        let contact = if more.contains("Contact:") { String::new() } else { self.contact() };
        let kind =
            if body.is_empty() || more.contains("Content-Type") { "" } else { "Content-Type: application/sdp\r\n" };
        let allow = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO\r\n";
        let text = format!("{opening}{contact}{allow}{more}{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        if method == "INVITE" && dialog.invite.is_empty() {
            dialog.invite = opening;
        }
        text
    }

    /// Takes our INVITE back.
    pub fn cancel(&mut self, dialog: &Dialog) {
        self.say(format!("{}Content-Length: 0\r\n\r\n", dialog.invite.replace("INVITE", "CANCEL")));
    }

    /// The next samples of a call in A-law, as many packets as these, from now on.
    pub fn listen(&self, dialog: &Dialog, packets: usize) -> Vec<i16> {
        self.rtp.set_nonblocking(true).unwrap();
        let mut packet = [0; 2048];
        while self.rtp.recv(&mut packet).is_ok() {}
        self.rtp.set_nonblocking(false).unwrap();
        let mut heard = Vec::new();
        while heard.len() < packets * 160 {
            let (length, from) = self.rtp.recv_from(&mut packet).expect("sound comes");
            if from.port() == dialog.rtp_port && packet[1] & 0x7f == 8 && length > 12 {
                heard.extend(packet[12..length].iter().map(|byte| from_alaw(*byte)));
            }
        }
        heard
    }

    /// Our half of a call that the phone made, once we have answered its INVITE.
    pub fn dialog_of(&self, invite: &Message) -> Dialog {
        Dialog {
            call_id: invite.header("Call-ID").to_owned(),
            us: format!("{};tag=peer", invite.header("To")),
            them: invite.header("From").to_owned(),
            target: invite.contact().unwrap_or_default(),
            sequence: 0,
            invited: 0,
            invite: String::new(),
            rtp_port: invite.rtp_port(),
        }
    }
}

/// ITU-T G.711.
fn from_alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = ((byte >> 4) & 7, i16::from(byte & 15));
    let magnitude = if exponent == 0 { mantissa * 16 + 8 } else { (mantissa * 16 + 264) << (exponent - 1) };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

impl Dialog {
    /// After an answer of the phone: its tag.
    pub fn answered_by(&mut self, answer: &Message) {
        self.them = answer.header("To").to_owned();
        self.rtp_port = answer.rtp_port();
    }
}

/// The phone is called and answers; our SDP is what we offered.
pub fn talking(peer: &mut Peer, phone: &mut Console, more: &str) -> (Dialog, Value, Message) {
    let offer = peer.sound(&["8", "0"], "sendrecv");
    let mut dialog = peer.call(FROM, more, &offer);
    let call = phone.wait("ringing", |m| call_in(m, "ringing"))["id"].clone();
    phone.ask(json!({"do": "answer", "call": call}));
    let answer = peer.hear_answer("INVITE", 200);
    dialog.answered_by(&answer);
    peer.send(&mut dialog, "ACK", "", "");
    phone.wait("talking", |m| call_in(m, "talking").filter(|c| c["id"] == call));
    (dialog, call, answer)
}

/// Anna's call with a customer, and with a colleague about it; both through the peer.
pub fn consulting(peer: &mut Peer, phone: &mut Console, command: &str) -> (Dialog, Value, Dialog, Value) {
    let (customer, call, _) = talking(peer, phone, "");
    let made = phone.ask(json!({"do": command, "call": call, "target": "200"}))["call"]["id"].clone();
    // The hold and the call to the colleague, in whatever order.
    let (mut colleague, mut waits) = (None, false);
    while colleague.is_none() || !waits {
        let invite = peer.hear_request("INVITE");
        let held = invite.header("To").contains("tag=");
        let sound = peer.sound(&["8"], if held { "recvonly" } else { "sendrecv" });
        peer.reply(&invite, 200, "OK", "", &sound);
        peer.hear_request("ACK");
        if held {
            waits = true;
        } else {
            colleague = Some(peer.dialog_of(&invite));
        }
    }
    (customer, call, colleague.unwrap(), made)
}

/// How a REFER of the phone fares.
pub fn notify(peer: &mut Peer, dialog: &mut Dialog, status: &str) {
    let state = if status.starts_with('1') { "active;expires=60" } else { "terminated;reason=noresource" };
    let more = format!("Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n");
    peer.send(dialog, "NOTIFY", &more, &format!("SIP/2.0 {status}\r\n"));
    peer.hear_answer("NOTIFY", 200);
}
