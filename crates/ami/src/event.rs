//! Events, typed as far as they are used. Names are Asterisk's own (12 and newer); everything else stays raw.
//!
//! A known event without a field that it must have is kept raw too: nothing is guessed.

use crate::Message;

/// A channel as events describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelInfo {
    /// Name, e.g. `PJSIP/1001-0000000d`.
    pub channel: String,
    /// Id of the channel.
    pub uniqueid: String,
    /// Id of the call as Asterisk sees it at this moment; it changes silently.
    pub linkedid: Option<String>,
    /// Asterisk's channel state: 0 down, 4 ring, 5 ringing, 6 up.
    pub state: Option<u8>,
    /// Number of whoever is at this channel.
    pub caller_number: Option<String>,
    /// Name of whoever is at this channel.
    pub caller_name: Option<String>,
    /// Number of the other side.
    pub connected_number: Option<String>,
    /// Name of the other side.
    pub connected_name: Option<String>,
    /// Where in the dialplan.
    pub context: Option<String>,
    /// Where in the dialplan.
    pub exten: Option<String>,
    /// Where in the dialplan.
    pub priority: Option<i64>,
}

/// A queue member as events describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberInfo {
    /// Queue.
    pub queue: String,
    /// What is rung.
    pub interface: String,
    /// Name in the queue.
    pub name: String,
    /// Device whose state counts.
    pub state_interface: Option<String>,
    /// `dynamic`, `static` or `realtime`.
    pub membership: String,
    /// Penalty.
    pub penalty: u32,
    /// Device state: 0 unknown, 1 not in use, 2 in use, 3 busy, 4 invalid, 5 unavailable, 6 ringing, 7 ring+in use, 8 on hold.
    pub status: u8,
    /// Paused.
    pub paused: bool,
    /// Text of the pause.
    pub paused_reason: Option<String>,
}

/// What Asterisk says by itself or as a part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "names and fields are Asterisk's own; its AMI pages describe them")]
pub enum Event {
    FullyBooted {
        uptime_s: Option<u64>,
        last_reload_s: Option<u64>,
    },
    Shutdown {
        restart: bool,
    },
    Reload {
        module: String,
    },
    QueueParams {
        queue: String,
        calls: u32,
    },
    QueueMember(MemberInfo),
    QueueEntry {
        queue: String,
        channel: String,
        uniqueid: String,
        position: u32,
        wait_s: u64,
        caller_number: Option<String>,
        caller_name: Option<String>,
    },
    QueueStatusComplete,
    QueueMemberAdded(MemberInfo),
    QueueMemberRemoved(MemberInfo),
    QueueMemberPause(MemberInfo),
    QueueMemberStatus(MemberInfo),
    QueueMemberPenalty(MemberInfo),
    QueueMemberRinginuse(MemberInfo),
    QueueCallerJoin {
        caller: ChannelInfo,
        queue: String,
        position: u32,
    },
    QueueCallerLeave {
        caller: ChannelInfo,
        queue: String,
    },
    QueueCallerAbandon {
        caller: ChannelInfo,
        queue: String,
    },
    AgentCalled(AgentCall),
    AgentConnect(AgentCall),
    AgentComplete(AgentCall),
    AgentRingNoAnswer(AgentCall),
    AgentDump(AgentCall),
    Newchannel(ChannelInfo),
    Newstate(ChannelInfo),
    Newexten(ChannelInfo),
    NewConnectedLine(ChannelInfo),
    NewCallerid(ChannelInfo),
    Rename {
        uniqueid: String,
        new_name: String,
    },
    Hangup {
        channel: ChannelInfo,
        cause: Option<u32>,
    },
    DialBegin {
        caller: Option<ChannelInfo>,
        dest: ChannelInfo,
    },
    DialEnd {
        caller: Option<ChannelInfo>,
        dest: ChannelInfo,
        status: String,
    },
    BridgeEnter {
        bridge: String,
        bridge_type: String,
        channel: ChannelInfo,
    },
    BridgeLeave {
        bridge: String,
        bridge_type: String,
        channel: ChannelInfo,
    },
    LocalBridge {
        one: ChannelInfo,
        two: ChannelInfo,
    },
    ContactStatus(Contact),
    ContactList(Contact),
    EndpointDetail {
        endpoint: String,
        device_state: String,
    },
    PeerStatus {
        peer: String,
        status: String,
    },
    DeviceStateChange {
        device: String,
        state: String,
    },
    CoreShowChannel(ShownChannel),
    CoreShowChannelsComplete,
    /// Everything else.
    Other(Message),
}

/// A member is called, takes the call, ends it, or does not take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCall {
    /// Queue.
    pub queue: String,
    /// Member's interface.
    pub interface: String,
    /// The customer.
    pub caller: ChannelInfo,
    /// The channel towards the member (`Local/…;1` for Local members).
    pub dest: ChannelInfo,
}

/// A PJSIP contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Endpoint, or the AOR where Asterisk does not name the endpoint.
    pub endpoint: String,
    /// Contact URI.
    pub uri: String,
    /// `Reachable`, `Unreachable`, `NonQualified`, `Created`, `Updated`, `Removed`, `Unknown`.
    pub status: String,
}

/// A line of CoreShowChannels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownChannel {
    /// The channel.
    pub channel: ChannelInfo,
    /// Bridge it is in.
    pub bridge: Option<String>,
    /// Dialplan application it runs.
    pub application: Option<String>,
    /// Its arguments.
    pub application_data: Option<String>,
    /// Age.
    pub duration_s: u64,
}

impl Event {
    /// Reads an event; a message that is none, or not a known one, is kept raw.
    #[must_use]
    pub fn read(message: Message) -> Self {
        match known(&message) {
            Some(event) => event,
            None => Self::Other(message),
        }
    }
}

fn known(m: &Message) -> Option<Event> {
    Some(match m.event()? {
        "FullyBooted" => Event::FullyBooted { uptime_s: number(m, "Uptime"), last_reload_s: number(m, "LastReload") },
        "Shutdown" => Event::Shutdown { restart: m.get("Restart").is_some_and(flag) },
        "Reload" => Event::Reload { module: m.get("Module").unwrap_or_default().to_owned() },
        "QueueParams" => Event::QueueParams { queue: text(m, "Queue")?, calls: number(m, "Calls").unwrap_or(0) },
        "QueueMember" => Event::QueueMember(member(m)?),
        "QueueEntry" => Event::QueueEntry {
            queue: text(m, "Queue")?,
            channel: text(m, "Channel")?,
            uniqueid: text(m, "Uniqueid")?,
            position: number(m, "Position").unwrap_or(0),
            wait_s: number(m, "Wait")?,
            caller_number: said(m, "CallerIDNum"),
            caller_name: said(m, "CallerIDName"),
        },
        "QueueStatusComplete" => Event::QueueStatusComplete,
        "QueueMemberAdded" => Event::QueueMemberAdded(member(m)?),
        "QueueMemberRemoved" => Event::QueueMemberRemoved(member(m)?),
        "QueueMemberPause" | "QueueMemberPaused" => Event::QueueMemberPause(member(m)?),
        "QueueMemberStatus" => Event::QueueMemberStatus(member(m)?),
        "QueueMemberPenalty" => Event::QueueMemberPenalty(member(m)?),
        "QueueMemberRinginuse" => Event::QueueMemberRinginuse(member(m)?),
        "QueueCallerJoin" => Event::QueueCallerJoin {
            caller: channel(m, "")?,
            queue: text(m, "Queue")?,
            position: number(m, "Position").unwrap_or(0),
        },
        "QueueCallerLeave" => Event::QueueCallerLeave { caller: channel(m, "")?, queue: text(m, "Queue")? },
        "QueueCallerAbandon" => Event::QueueCallerAbandon { caller: channel(m, "")?, queue: text(m, "Queue")? },
        "AgentCalled" => Event::AgentCalled(agent_call(m)?),
        "AgentConnect" => Event::AgentConnect(agent_call(m)?),
        "AgentComplete" => Event::AgentComplete(agent_call(m)?),
        "AgentRingNoAnswer" => Event::AgentRingNoAnswer(agent_call(m)?),
        "AgentDump" => Event::AgentDump(agent_call(m)?),
        "Newchannel" => Event::Newchannel(channel(m, "")?),
        "Newstate" => Event::Newstate(channel(m, "")?),
        "Newexten" => Event::Newexten(channel(m, "")?),
        "NewConnectedLine" => Event::NewConnectedLine(channel(m, "")?),
        "NewCallerid" => Event::NewCallerid(channel(m, "")?),
        "Rename" => Event::Rename { uniqueid: text(m, "Uniqueid")?, new_name: text(m, "Newname")? },
        "Hangup" => Event::Hangup { channel: channel(m, "")?, cause: number(m, "Cause") },
        "DialBegin" => Event::DialBegin { caller: channel(m, ""), dest: channel(m, "Dest")? },
        "DialEnd" => {
            Event::DialEnd { caller: channel(m, ""), dest: channel(m, "Dest")?, status: text(m, "DialStatus")? }
        }
        "BridgeEnter" => Event::BridgeEnter {
            bridge: text(m, "BridgeUniqueid")?,
            bridge_type: plain(m, "BridgeType"),
            channel: channel(m, "")?,
        },
        "BridgeLeave" => Event::BridgeLeave {
            bridge: text(m, "BridgeUniqueid")?,
            bridge_type: plain(m, "BridgeType"),
            channel: channel(m, "")?,
        },
        "LocalBridge" => Event::LocalBridge { one: channel(m, "LocalOne")?, two: channel(m, "LocalTwo")? },
        "ContactStatus" => Event::ContactStatus(contact(m, "ContactStatus")?),
        "ContactStatusDetail" | "ContactList" => Event::ContactList(contact(m, "Status")?),
        "EndpointDetail" => {
            Event::EndpointDetail { endpoint: text(m, "ObjectName")?, device_state: plain(m, "DeviceState") }
        }
        "PeerStatus" => Event::PeerStatus { peer: text(m, "Peer")?, status: text(m, "PeerStatus")? },
        "DeviceStateChange" => Event::DeviceStateChange { device: text(m, "Device")?, state: text(m, "State")? },
        "CoreShowChannel" => Event::CoreShowChannel(ShownChannel {
            channel: channel(m, "")?,
            bridge: said(m, "BridgeId"),
            application: said(m, "Application"),
            application_data: said(m, "ApplicationData"),
            duration_s: duration(m.get("Duration").unwrap_or_default()),
        }),
        "CoreShowChannelsComplete" => Event::CoreShowChannelsComplete,
        _ => return None,
    })
}

fn text(m: &Message, key: &str) -> Option<String> {
    m.get(key).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn plain(m: &Message, key: &str) -> String {
    m.get(key).unwrap_or_default().to_owned()
}

fn said(m: &Message, key: &str) -> Option<String> {
    m.said(key).map(str::to_owned)
}

fn number<T: std::str::FromStr>(m: &Message, key: &str) -> Option<T> {
    m.get(key)?.trim().parse().ok()
}

fn flag(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

/// `HH:MM:SS`.
fn duration(text: &str) -> u64 {
    text.split(':')
        .try_fold(0_u64, |sum, part| part.parse::<u64>().ok().map(|n| sum.saturating_mul(60).saturating_add(n)))
        .unwrap_or(0)
}

fn member(m: &Message) -> Option<MemberInfo> {
    let interface = text(m, "Interface").or_else(|| text(m, "Location"))?;
    Some(MemberInfo {
        queue: text(m, "Queue")?,
        name: text(m, "MemberName").or_else(|| text(m, "Name")).unwrap_or_else(|| interface.clone()),
        interface,
        state_interface: said(m, "StateInterface"),
        membership: plain(m, "Membership"),
        penalty: number(m, "Penalty").unwrap_or(0),
        status: number(m, "Status").unwrap_or(0),
        paused: m.get("Paused").is_some_and(flag),
        paused_reason: said(m, "PausedReason").or_else(|| said(m, "Reason")),
    })
}

/// LocalBridge writes `LocalOneChannel`, dial events `DestChannel`, all others `Channel`.
fn channel(m: &Message, prefix: &str) -> Option<ChannelInfo> {
    let key = |name: &str| format!("{prefix}{name}");
    Some(ChannelInfo {
        channel: text(m, &key("Channel"))?,
        uniqueid: text(m, &key("Uniqueid"))?,
        linkedid: said(m, &key("Linkedid")),
        state: number(m, &key("ChannelState")),
        caller_number: said(m, &key("CallerIDNum")),
        caller_name: said(m, &key("CallerIDName")),
        connected_number: said(m, &key("ConnectedLineNum")),
        connected_name: said(m, &key("ConnectedLineName")),
        context: said(m, &key("Context")),
        exten: said(m, &key("Exten")),
        priority: number(m, &key("Priority")),
    })
}

fn agent_call(m: &Message) -> Option<AgentCall> {
    Some(AgentCall {
        queue: text(m, "Queue")?,
        interface: text(m, "Interface")?,
        caller: channel(m, "")?,
        dest: channel(m, "Dest")?,
    })
}

fn contact(m: &Message, status: &str) -> Option<Contact> {
    let aor = || text(m, "AOR").or_else(|| m.get("ObjectName")?.split_once(";@").map(|(aor, _)| aor.to_owned()));
    Some(Contact {
        endpoint: text(m, "EndpointName").or_else(|| text(m, "Endpoint")).or_else(aor)?,
        uri: text(m, "URI")?,
        status: text(m, status)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Event, duration};
    use crate::Message;

    fn message(text: &str) -> Message {
        Message::new(
            text.lines().filter_map(|l| l.split_once(": ")).map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        )
    }

    #[test]
    fn a_known_event_without_its_fields_stays_raw() {
        for text in [
            "Event: Hangup\nChannel: PJSIP/1-1",
            "Event: QueueMember\nQueue: a",
            "Event: Novelty\nA: b",
            "Response: Success",
        ] {
            assert!(matches!(Event::read(message(text)), Event::Other(_)), "{text}");
        }
    }

    #[test]
    fn unknown_callers_have_no_number() {
        let event =
            Event::read(message("Event: Newchannel\nChannel: PJSIP/1-1\nUniqueid: 1.1\nCallerIDNum: <unknown>"));
        let Event::Newchannel(channel) = event else { panic!("{event:?}") };
        assert_eq!((channel.caller_number, channel.linkedid), (None, None));
    }

    #[test]
    fn durations() {
        assert_eq!(duration("01:02:03"), 3723);
        assert_eq!(duration("12"), 12);
        assert_eq!(duration("x"), 0);
    }
}
