//! As much of a SIP message as the tests look at.

/// A request or an answer.
#[derive(Debug, Clone)]
pub struct Message {
    pub start: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Message {
    /// Nothing for what is no message (keep-alives).
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.trim_start_matches(['\r', '\n']).split_once("\r\n\r\n")?;
        let (start, rest) = head.split_once("\r\n")?;
        let headers = rest
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { start: start.to_owned(), headers, body: body.to_owned() })
    }

    /// "" for an answer.
    pub fn method(&self) -> &str {
        if self.start.starts_with("SIP/2.0 ") { "" } else { self.start.split(' ').next().unwrap_or_default() }
    }

    /// 0 for a request.
    pub fn code(&self) -> u16 {
        self.start.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
    }

    /// The first of this name, "" when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// Of a request.
    pub fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The URI of Contact; a name before it may have brackets, too.
    pub fn contact(&self) -> Option<String> {
        let contact = self.header("Contact");
        let (_, uri) = contact[contact.rfind('"').unwrap_or(0)..].split_once('<')?;
        Some(uri.split_once('>')?.0.to_owned())
    }

    /// Of its m= line: the port, the transport, the formats.
    fn media(&self) -> std::str::SplitWhitespace<'_> {
        self.body.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap_or_default().split_whitespace()
    }

    /// Codecs of its m= line, without telephone-event.
    pub fn codecs(&self) -> Vec<String> {
        let is_event = |pt: &str| self.body.contains(&format!("a=rtpmap:{pt} telephone-event"));
        self.media().skip(2).filter(|pt| !is_event(pt)).map(str::to_owned).collect()
    }

    /// Where its sender wants to have sound, and sends it from.
    pub fn rtp_port(&self) -> u16 {
        self.media().next().and_then(|port| port.parse().ok()).unwrap_or(0)
    }

    /// `sendrecv`, `sendonly` …
    pub fn direction(&self) -> &str {
        let directions = ["sendrecv", "sendonly", "recvonly", "inactive"];
        directions.into_iter().find(|d| self.body.lines().any(|line| line == format!("a={d}"))).unwrap_or("sendrecv")
    }

    /// The phone's answer to a request of ours.
    pub fn is_answer(&self, method: &str, id: &str, code: u16) -> Option<Self> {
        (self.code() == code && self.header("CSeq").ends_with(method) && self.header("Call-ID").starts_with(id))
            .then(|| self.clone())
    }

    /// Any final answer.
    pub fn is_final(&self, method: &str, id: &str) -> Option<Self> {
        (self.code() >= 200 && self.header("CSeq").ends_with(method) && self.header("Call-ID").starts_with(id))
            .then(|| self.clone())
    }
}

/// Length of the first whole message of a stream.
pub fn whole(stream: &[u8]) -> Option<usize> {
    let lead = stream.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let end = stream[lead..].windows(4).position(|w| w == b"\r\n\r\n")? + lead + 4;
    let head = String::from_utf8_lossy(&stream[..end]).to_ascii_lowercase();
    let length = head.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next()?.trim().parse().ok());
    let all = end + length.unwrap_or(0);
    (stream.len() >= all).then_some(all)
}

/// A description with one line of sound, and lines of it.
pub fn sdp(formats: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4100 RTP/AVP {formats}\r\n{lines}"
    )
}
