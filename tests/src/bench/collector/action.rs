//! What a manager client asks, and what the PBX of a stream answers.

use std::fmt::Write as _;

use md5::{Digest, Md5};

use super::stream::Stream;

/// The manager user. The PBX lives for a minute on loopback, and what it says is invented: the secret protects nothing.
pub const USER: &str = "collector";
/// See [`USER`].
pub const SECRET: &str = "collector-ami";

/// What the digest of the secret is made with.
const CHALLENGE: &str = "284653021";

/// One action.
#[derive(Debug, Default)]
pub(super) struct Asked {
    fields: Vec<(String, String)>,
}

/// What a session is after an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Same,
    LoggedIn,
    Over,
}

impl Asked {
    /// The actions that are complete in `bytes`; they are taken out.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Vec<Self> {
        let mut asked = Vec::new();
        while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let fields = text.lines().filter_map(|line| line.split_once(':'));
            let fields = fields.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
            asked.push(Self { fields: fields.collect() });
            bytes.drain(..end + 4);
        }
        asked
    }

    fn get(&self, name: &str) -> &str {
        let of_name = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.fields.iter().find(of_name).map_or("", |(_, value)| value)
    }

    /// Appends the answer; the lists say what the stream has said up to now.
    pub(super) fn answer(&self, stream: &Stream, logged_in: bool, now_us: i64, into: &mut Vec<u8>) -> After {
        let action = self.get("Action").to_ascii_lowercase();
        let mut answer = Answer { id: self.get("ActionID"), text: String::new() };
        let mut after = After::Same;
        match action.as_str() {
            "challenge" => answer.success(&format!("Challenge: {CHALLENGE}\r\n")),
            "login" if self.is_user() => {
                answer.success("Message: Authentication accepted\r\n");
                answer.text += "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 86400\r\nLastReload: 86400\r\n\
                                Status: Fully Booted\r\n\r\n";
                after = After::LoggedIn;
            }
            "login" => answer.error("Authentication failed"),
            _ if !logged_in => answer.error("Permission denied"),
            "ping" => {
                let (seconds, micros) = (now_us / 1_000_000, now_us % 1_000_000);
                answer.success(&format!("Ping: Pong\r\nTimestamp: {seconds}.{micros:06}\r\n"));
            }
            "coreshowchannels" => answer.channels(stream, now_us),
            "bridgelist" => answer.bridges(stream),
            "queuestatus" => answer.queues(stream, now_us),
            "corestatus" => answer.success(
                "CoreStartupDate: 2026-11-21\r\nCoreStartupTime: 06:00:00\r\nCoreReloadDate: 2026-11-21\r\n\
                 CoreReloadTime: 06:00:00\r\nCoreCurrentCalls: 0\r\n",
            ),
            "getvar" => {
                let (channel, variable) = (self.get("Channel"), self.get("Variable"));
                // The Call-ID of each dialog is one of its own.
                let value = if variable.contains("call-id") { format!("{channel}@pbx") } else { String::new() };
                answer.success(&format!("Variable: {variable}\r\nValue: {value}\r\n"));
            }
            "logoff" => {
                answer.text += "Response: Goodbye\r\n";
                answer.end();
                after = After::Over;
            }
            _ => answer.error("Invalid/unknown command"),
        }
        into.extend_from_slice(answer.text.as_bytes());
        after
    }

    fn is_user(&self) -> bool {
        let digest = Md5::new().chain_update(CHALLENGE).chain_update(SECRET).finalize();
        let key = digest.iter().fold(String::new(), |mut key, byte| {
            // Writing into a String cannot fail.
            let _ = write!(key, "{byte:02x}");
            key
        });
        self.get("Username") == USER && (self.get("Secret") == SECRET || self.get("Key").eq_ignore_ascii_case(&key))
    }
}

struct Answer<'a> {
    id: &'a str,
    text: String,
}

impl Answer<'_> {
    fn success(&mut self, fields: &str) {
        self.text += "Response: Success\r\n";
        self.text += fields;
        self.end();
    }

    fn error(&mut self, why: &str) {
        let _ = write!(self.text, "Response: Error\r\nMessage: {why}\r\n");
        self.end();
    }

    /// The id of the action, and the end of the message.
    fn end(&mut self) {
        if !self.id.is_empty() {
            let _ = write!(self.text, "ActionID: {}\r\n", self.id);
        }
        self.text += "\r\n";
    }

    /// Events, and the one that completes them.
    fn list(&mut self, events: Vec<String>, complete: &str) {
        self.success("EventList: start\r\nMessage: A list follows\r\n");
        let count = events.len();
        for event in events {
            self.text += &event;
            self.end();
        }
        let _ = write!(self.text, "Event: {complete}\r\nEventList: Complete\r\nListItems: {count}\r\n");
        self.end();
    }

    fn channels(&mut self, stream: &Stream, now_us: i64) {
        let mut events = Vec::new();
        for call in stream.shown() {
            events.extend(call.channels.iter().map(|channel| call.core_show_channel(channel, now_us)));
        }
        self.list(events, "CoreShowChannelsComplete");
    }

    fn bridges(&mut self, stream: &Stream) {
        let mut events = Vec::new();
        for call in stream.shown() {
            events.extend(call.bridges().into_iter().map(|bridge| {
                format!(
                    "Event: BridgeListItem\r\nBridgeUniqueid: {bridge}\r\nBridgeType: basic\r\n\
                     BridgeTechnology: simple_bridge\r\nBridgeCreator: <unknown>\r\nBridgeName: <unknown>\r\n"
                )
            }));
        }
        self.list(events, "BridgeListComplete");
    }

    fn queues(&mut self, stream: &Stream, now_us: i64) {
        let events = stream.shown().enumerate().filter_map(|(at, call)| call.queue_entry(at + 1, now_us));
        self.list(events.collect(), "QueueStatusComplete");
    }
}

#[cfg(test)]
mod tests {
    use ami::{Event, Frame, Parser};
    use anyhow::Result;

    use super::super::{Mix, Settings};
    use super::*;

    fn answered(stream: &Stream, action: &str) -> Result<Vec<ami::Message>> {
        let mut bytes = action.replace('\n', "\r\n").into_bytes();
        let mut answer = b"Asterisk Call Manager/11.0.0\r\n".to_vec();
        for asked in Asked::take(&mut bytes) {
            asked.answer(stream, true, stream.next_us().unwrap_or_default(), &mut answer);
        }
        assert!(bytes.is_empty());
        let mut parser = Parser::new();
        parser.push(&answer);
        let mut messages = Vec::new();
        while let Some(frame) = parser.next_frame()? {
            if let Frame::Message(message) = frame {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    #[test]
    fn only_who_knows_the_secret_logs_in() -> Result<()> {
        let stream = Stream::new(Settings::new(Mix::QUIET, 1, 0))?;
        let login = |secret: &str| {
            let mut bytes = format!("Action: login\r\nUsername: {USER}\r\nSecret: {secret}\r\n\r\n").into_bytes();
            Asked::take(&mut bytes)[0].answer(&stream, false, 0, &mut Vec::new())
        };
        assert_eq!((login(SECRET), login("guess")), (After::LoggedIn, After::Same));
        Ok(())
    }

    /// In the middle of a stream the lists hold the channels that were born and are not gone, and no others.
    #[test]
    fn lists_say_what_the_stream_has_said() -> Result<()> {
        let mut stream = Stream::new(Settings::new(Mix::QUIET, 2, 1_795_390_905_000_000))?;
        let mut bytes = b"Asterisk Call Manager/11.0.0\r\n".to_vec();
        for _ in 0..5_000 {
            stream.say(&mut bytes, None);
        }
        let mut parser = Parser::new();
        parser.push(&bytes);
        let (mut there, mut waiting) = (Vec::new(), Vec::new());
        while let Some(frame) = parser.next_frame()? {
            let Frame::Message(message) = frame else { continue };
            match Event::read(&message) {
                Event::Newchannel(channel) => there.push(channel.uniqueid.to_owned()),
                Event::Hangup { channel, .. } => there.retain(|uniqueid| uniqueid != channel.uniqueid),
                Event::QueueCallerJoin { caller, .. } => waiting.push(caller.uniqueid.to_owned()),
                Event::QueueCallerLeave { caller, .. } => waiting.retain(|uniqueid| uniqueid != caller.uniqueid),
                _ => {}
            }
        }
        let uniqueids = |messages: &[ami::Message], name: &str| {
            let of_name = messages.iter().filter(|message| message.event() == Some(name));
            let mut all: Vec<String> =
                of_name.filter_map(|message| message.get("Uniqueid")).map(str::to_owned).collect();
            all.sort();
            all
        };
        there.sort();
        waiting.sort();
        assert!(there.len() > 100 && waiting.len() > 20, "{} {}", there.len(), waiting.len());
        let channels = answered(&stream, "Action: CoreShowChannels\nActionID: 7\n\n")?;
        assert!(channels.iter().all(|message| message.action_id() == Some("7")));
        assert_eq!(uniqueids(&channels, "CoreShowChannel"), there);
        assert_eq!(uniqueids(&answered(&stream, "Action: QueueStatus\n\n")?, "QueueEntry"), waiting);
        Ok(())
    }
}
