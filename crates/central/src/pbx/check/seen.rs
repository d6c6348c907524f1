//! What events say about the configuration that made them.

use std::collections::{BTreeMap, BTreeSet};

use ami::Message;

use super::needs::CALL_VARIABLE;

/// What was seen of a PBX's events and lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Classes of events that came, from their `Privilege`.
    pub(super) classes: BTreeSet<String>,
    /// Whether events had a time. None: no event came that would have one.
    pub(super) stamped: Option<bool>,
    /// Whether channels had the call's variable. None: there was no channel.
    pub(super) variable: Option<bool>,
    /// Something happened of which an event of this class must have told.
    pub(super) due: BTreeSet<&'static str>,
    /// Channels that appeared in a list although other events of class `call` came, and none told of them.
    pub(super) unannounced: bool,
    /// Uniqueid → priority in the dialplan where it was first seen.
    channels: BTreeMap<String, String>,
    /// Channels of the first list, and those that were told of since.
    known: BTreeSet<String>,
    queueing: BTreeSet<String>,
    listed: bool,
}

/// More channels than this are not followed: the test is over in seconds.
const MOST: usize = 10_000;

impl Seen {
    /// Takes an event.
    pub(super) fn event(&mut self, message: &Message) {
        let Some(name) = message.event() else { return };
        // An event of several classes comes by any of them, and so proves none.
        let classes: Vec<&str> =
            message.get("Privilege").unwrap_or_default().split(',').filter(|class| *class != "all").collect();
        if let [class] = classes[..] {
            self.classes.insert(class.to_owned());
        }
        // This one is written to the one who logs in, by other code than events.
        if name != "FullyBooted" {
            self.stamped = Some(self.stamped.unwrap_or(true) && message.timestamp_us().is_some());
        }
        if let Some(device) = message.get("Device")
            && device.starts_with("Queue:")
            && message.get("State") == Some("RINGING")
        {
            self.due.insert("agent");
        }
        self.channel(message);
    }

    /// A channel that moved on in the dialplan has run an application there.
    fn channel(&mut self, message: &Message) {
        let Some(uniqueid) = message.said("Uniqueid").filter(|_| message.get("Channel").is_some()) else { return };
        let variable = message.get_all("ChanVariable").any(|line| line.split('=').next() == Some(CALL_VARIABLE));
        self.variable = Some(self.variable.unwrap_or(true) && variable);
        self.known.insert(uniqueid.to_owned());
        if let Some(priority) = message.said("Priority")
            && self.channels.len() < MOST
        {
            let first = self.channels.entry(uniqueid.to_owned()).or_insert_with(|| priority.to_owned());
            if first != priority {
                self.due.insert("dialplan");
            }
        }
    }

    /// Takes a list of channels: what is new in it must have been told of.
    pub(super) fn list(&mut self, channels: &[Message]) {
        for channel in channels.iter().filter(|channel| channel.event() == Some("CoreShowChannel")) {
            let Some(uniqueid) = channel.said("Uniqueid") else { continue };
            if self.listed && !self.known.contains(uniqueid) {
                self.due.insert("call");
                self.unannounced |= self.classes.contains("call");
            }
            let queues = channel.said("Application").is_some_and(|name| name.eq_ignore_ascii_case("Queue"));
            if queues && self.queueing.insert(uniqueid.to_owned()) && self.listed {
                self.due.insert("agent");
            }
            self.channel(channel);
        }
        self.listed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;
    use ami::Message;

    fn event(name: &str, class: &str, fields: &[(&str, &str)]) -> Message {
        let head = [("Event", name), ("Privilege", class)];
        Message::new(head.into_iter().chain(fields.iter().copied()))
    }

    #[test]
    fn an_event_tells_its_class_its_time_and_its_variables() {
        let mut seen = Seen::default();
        seen.event(&event("FullyBooted", "system,all", &[]));
        assert_eq!((seen.stamped, seen.variable), (None, None));
        assert!(seen.classes.contains("system"));
        let fields =
            [("Timestamp", "1.5"), ("Channel", "PJSIP/1-1"), ("Uniqueid", "1.1"), ("ChanVariable", "LINEDESK_CALL=")];
        seen.event(&event("Newchannel", "call,all", &fields));
        assert_eq!((seen.stamped, seen.variable), (Some(true), Some(true)));
        seen.event(&event("Newchannel", "call,all", &fields[1..3]));
        assert_eq!((seen.stamped, seen.variable), (Some(false), Some(false)));
    }

    #[test]
    fn what_moved_on_in_the_dialplan_was_due() {
        let mut seen = Seen::default();
        let at =
            |priority| event("Newstate", "call,all", &[("Channel", "a"), ("Uniqueid", "1.1"), ("Priority", priority)]);
        seen.event(&at("1"));
        seen.event(&at("1"));
        assert!(seen.due.is_empty());
        seen.event(&at("2"));
        assert!(seen.due.contains("dialplan"));
    }

    #[test]
    fn a_new_channel_that_nobody_told_of_was_due() {
        let channel = |uniqueid, application| {
            Message::new([
                ("Event", "CoreShowChannel"),
                ("Channel", "a"),
                ("Uniqueid", uniqueid),
                ("Application", application),
            ])
        };
        let mut seen = Seen::default();
        seen.list(&[channel("1.1", "Queue")]);
        assert!(seen.due.is_empty());
        seen.list(&[channel("1.1", "Queue"), channel("1.2", "Queue")]);
        assert!(seen.due.contains("call") && seen.due.contains("agent") && !seen.unannounced);
        seen.event(&event("Newchannel", "call,all", &[("Channel", "b"), ("Uniqueid", "1.3")]));
        seen.list(&[channel("1.3", ""), channel("1.4", "")]);
        assert!(seen.unannounced);
    }
}
