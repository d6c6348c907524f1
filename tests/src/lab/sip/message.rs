//! As much of SIP (RFC 3261) and SDP (RFC 8866) as the lab's user agents need.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Direction;

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Message {
    first: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Message {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let first = lines.next()?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { first, headers, body: body.to_owned() })
    }

    /// Of a response.
    pub fn status(&self) -> Option<u16> {
        self.first.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Of a request.
    pub fn method(&self) -> Option<&str> {
        (!self.first.starts_with("SIP/")).then(|| self.first.split(' ').next()).flatten()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// User part of the Request-URI: the number that is called.
    pub fn called(&self) -> Option<&str> {
        user_part(self.first.split(' ').nth(1)?)
    }

    /// User part of the URI in From, To, P-Asserted-Identity, …
    pub fn user(&self, header: &str) -> Option<&str> {
        user_part(self.header(header)?)
    }

    /// The tag in From or To.
    pub fn tag(&self, header: &str) -> Option<&str> {
        self.header(header)?.split(';').find_map(|part| part.trim().strip_prefix("tag="))
    }

    /// Which request of a dialog this is or answers: its number and its method.
    pub fn sequence(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.split_once(' ')?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// Branch of the topmost Via: the transaction.
    pub fn branch(&self) -> Option<&str> {
        self.header("Via")?.split([';', ',']).find_map(|part| part.trim().strip_prefix("branch="))
    }

    pub fn body(&self) -> &str {
        &self.body
    }

    pub fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// URI of the Contact.
    pub fn contact(&self) -> Option<String> {
        let contact = self.header("Contact")?;
        let (_, rest) = contact.split_once('<')?;
        rest.split_once('>').map(|(uri, _)| uri.to_owned())
    }

    /// Where the other side wants its sound.
    pub fn media_address(&self) -> Option<SocketAddr> {
        let line = |start: &str| self.body.lines().find_map(|line| line.strip_prefix(start).map(str::trim));
        let address = line("c=IN IP4 ")?.parse().ok()?;
        let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
        Some(SocketAddr::new(address, port))
    }

    /// Which way sound flows, as whoever sent this sees it.
    pub fn direction(&self) -> Direction {
        let known = [Direction::SendOnly, Direction::ReceiveOnly, Direction::Neither];
        let said = |direction: &Direction| {
            self.body.lines().any(|line| line.trim().strip_prefix("a=") == Some(direction.word()))
        };
        known.into_iter().find(said).unwrap_or(Direction::Both)
    }

    /// A response to this request. `tag` is added to To when there is none.
    pub fn answer(&self, status: u16, reason: &str, tag: &str, contact: &str, body: &str) -> String {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for (name, value) in &self.headers {
            match name.to_ascii_lowercase().as_str() {
                "via" | "from" | "call-id" | "cseq" | "record-route" => text += &format!("{name}: {value}\r\n"),
                "to" if tag.is_empty() || value.contains(";tag=") => text += &format!("{name}: {value}\r\n"),
                "to" => text += &format!("{name}: {value};tag={tag}\r\n"),
                _ => {}
            }
        }
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        text + &format!("Contact: {contact}\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

fn user_part(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("sip:")?;
    rest.split_once('@').map(|(user, _)| user)
}

/// A word nobody else uses: for tags, branches and Call-IDs.
pub fn token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:x}x{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.2:1;branch=z\r\nTo: <sip:700@h>;tag=b\r\nCSeq: 1 INVITE\r\n\
                          Contact: <sip:127.0.0.1:5060>\r\n\r\nv=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 10010 RTP/AVP 8 101\r\n";

    #[test]
    fn an_answer_says_where_sound_goes() {
        let message = Message::parse(ANSWER.as_bytes()).unwrap();
        assert_eq!((message.status(), message.method()), (Some(200), None));
        assert_eq!(message.media_address(), Some("127.0.0.1:10010".parse().unwrap()));
        assert_eq!(message.contact().as_deref(), Some("sip:127.0.0.1:5060"));
    }

    #[test]
    fn a_message_names_its_call() {
        let message = Message::parse(ANSWER.as_bytes()).unwrap();
        assert_eq!((message.tag("To"), message.user("To")), (Some("b"), Some("700")));
        assert_eq!((message.branch(), message.sequence()), (Some("z"), Some((1, "INVITE"))));
        assert_eq!(message.direction(), Direction::Both);
        let request =
            Message::parse(b"INVITE sip:1001@127.0.0.1:5060;ob SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\na=sendonly\r\n")
                .unwrap();
        assert_eq!((request.called(), request.direction()), (Some("1001"), Direction::SendOnly));
    }

    #[test]
    fn a_response_gets_a_tag_once() {
        let request = "BYE sip:c@h SIP/2.0\r\nFrom: <sip:a@h>\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 2 BYE\r\n\r\n";
        let request = Message::parse(request.as_bytes()).unwrap();
        assert_eq!(request.method(), Some("BYE"));
        let answer = Message::parse(request.answer(200, "OK", "t1", "<sip:c@h>", "").as_bytes()).unwrap();
        assert_eq!(answer.header("to"), Some("<sip:b@h>;tag=t1"));
    }
}
