//! Events, typed as far as they are used. Names are Asterisk's own (12 and newer); the dialect of 1.8 and 11 is read into the
//! same events where they mean the same ([`before_12`]); everything else stays raw.
//!
//! An event borrows from its message: of the thousands a second that a busy PBX says, most are looked at and forgotten.
//! A known event without a field that it must have is kept raw too: nothing is guessed.

mod before_12;
mod channel;
mod queue;
mod read;
mod transfer;

pub use before_12::CelEvent;
pub use channel::{Bridged, ChannelInfo, ShownChannel};
pub use queue::{AgentCall, MemberInfo, Named};
pub use transfer::{AttendedTransfer, BlindTransfer, Parked};

use crate::Message;
use read::{duration, flag, number, person, plain, said, text};

/// What Asterisk says by itself or as a part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "names and fields are Asterisk's own; its AMI pages describe them")]
pub enum Event<'m> {
    FullyBooted {
        uptime_s: Option<u64>,
        last_reload_s: Option<u64>,
    },
    Shutdown {
        restart: bool,
    },
    Reload {
        module: &'m str,
    },

    QueueParams {
        queue: &'m str,
        calls: u32,
    },
    QueueMember(MemberInfo),
    QueueEntry {
        queue: &'m str,
        entry: QueueEntry<'m>,
    },
    QueueStatusComplete,
    QueueMemberAdded(MemberInfo),
    QueueMemberRemoved(MemberInfo),
    QueueMemberPause(MemberInfo),
    QueueMemberStatus(MemberInfo),
    QueueMemberPenalty(MemberInfo),
    QueueMemberRinginuse(MemberInfo),
    QueueCallerJoin {
        caller: ChannelInfo<'m>,
        queue: &'m str,
        position: u32,
    },
    QueueCallerLeave {
        caller: ChannelInfo<'m>,
        queue: &'m str,
    },
    QueueCallerAbandon {
        caller: ChannelInfo<'m>,
        queue: &'m str,
    },
    AgentCalled(AgentCall<'m>),
    AgentConnect(AgentCall<'m>),
    AgentComplete(AgentCall<'m>),
    AgentRingNoAnswer(AgentCall<'m>),
    AgentDump(AgentCall<'m>),

    Newchannel(ChannelInfo<'m>),
    Newstate(ChannelInfo<'m>),
    Newexten {
        channel: ChannelInfo<'m>,
        application: &'m str,
        data: &'m str,
    },
    NewConnectedLine(ChannelInfo<'m>),
    NewCallerid(ChannelInfo<'m>),
    Rename {
        uniqueid: &'m str,
        new_name: &'m str,
    },
    Hangup {
        channel: ChannelInfo<'m>,
        cause: Option<u32>,
    },
    /// The far side, or who runs the channel, wants it ended.
    HangupRequest {
        channel: ChannelInfo<'m>,
        cause: Option<u32>,
    },
    /// Another part of Asterisk wants it ended.
    SoftHangupRequest {
        channel: ChannelInfo<'m>,
        cause: Option<u32>,
    },
    Hold(ChannelInfo<'m>),
    Unhold(ChannelInfo<'m>),
    MusicOnHoldStart(ChannelInfo<'m>),
    MusicOnHoldStop(ChannelInfo<'m>),
    DtmfEnd {
        channel: ChannelInfo<'m>,
        digit: &'m str,
        received: bool,
    },
    /// Most of these are nobody's business: the channel is read by whoever wants it, with [`ChannelInfo::of`].
    VarSet {
        variable: &'m str,
        value: &'m str,
        message: &'m Message,
    },
    UserEvent {
        name: &'m str,
        channel: Option<ChannelInfo<'m>>,
        message: &'m Message,
    },
    OriginateResponse {
        success: bool,
        uniqueid: &'m str,
        reason: Option<u32>,
    },

    DialBegin {
        caller: Option<ChannelInfo<'m>>,
        dest: ChannelInfo<'m>,
        dial_string: &'m str,
    },
    DialState {
        dest: ChannelInfo<'m>,
        status: &'m str,
    },
    DialEnd {
        caller: Option<ChannelInfo<'m>>,
        dest: ChannelInfo<'m>,
        status: &'m str,
        forward: Option<&'m str>,
    },
    BridgeEnter {
        bridge: &'m str,
        bridge_type: &'m str,
        technology: &'m str,
        channel: ChannelInfo<'m>,
        swap: Option<&'m str>,
    },
    BridgeLeave {
        bridge: &'m str,
        bridge_type: &'m str,
        channel: ChannelInfo<'m>,
    },
    BridgeMerge {
        from: &'m str,
        to: &'m str,
    },
    /// 1.8 and 11: two channels talk from here on.
    Linked {
        one: Named<'m>,
        two: Named<'m>,
    },
    /// 1.8 and 11: they no longer do.
    Unlinked {
        one: Named<'m>,
        two: Named<'m>,
    },
    /// 1.8 and 11: the call of `clone` goes on in the channel `original`.
    Masquerade {
        original: &'m str,
        clone: &'m str,
    },
    LocalBridge {
        one: ChannelInfo<'m>,
        two: ChannelInfo<'m>,
    },
    LocalOptimizationBegin {
        one: ChannelInfo<'m>,
        two: ChannelInfo<'m>,
        source: Option<ChannelInfo<'m>>,
    },
    BlindTransfer(Box<BlindTransfer<'m>>),
    AttendedTransfer(Box<AttendedTransfer<'m>>),
    Pickup {
        channel: Named<'m>,
        target: Named<'m>,
    },
    ParkedCall(Parked<'m>),
    ParkedCallGiveUp(Parked<'m>),
    ParkedCallTimeOut(Parked<'m>),
    UnParkedCall(Parked<'m>),
    ConfbridgeJoin {
        conference: &'m str,
        channel: ChannelInfo<'m>,
    },
    ConfbridgeLeave {
        conference: &'m str,
        channel: ChannelInfo<'m>,
    },
    ChanSpyStart {
        spyer: ChannelInfo<'m>,
        spyee: ChannelInfo<'m>,
    },
    ChanSpyStop {
        spyer: ChannelInfo<'m>,
    },
    RecordingStart(ChannelInfo<'m>),
    RecordingStop(ChannelInfo<'m>),
    RecordingMute {
        channel: ChannelInfo<'m>,
        muted: bool,
    },
    Cel(CelEvent<'m>),

    ContactStatus(Contact<'m>),
    ContactList(Contact<'m>),
    EndpointDetail {
        endpoint: &'m str,
        device_state: &'m str,
    },
    PeerStatus {
        peer: &'m str,
        status: &'m str,
    },
    DeviceStateChange {
        device: &'m str,
        state: &'m str,
    },
    CoreShowChannel(ShownChannel<'m>),
    CoreShowChannelsComplete,
    BridgeListItem {
        bridge: &'m str,
        bridge_type: &'m str,
        technology: &'m str,
    },
    /// Everything else.
    Other(&'m Message),
}

/// A customer who waits, in QueueStatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueEntry<'m> {
    /// Channel.
    pub channel: &'m str,
    /// Its id.
    pub uniqueid: &'m str,
    /// Place in the queue, from 1.
    pub position: u32,
    /// Waiting for so long.
    pub wait_s: u64,
    /// Number.
    pub caller_number: Option<&'m str>,
    /// Name.
    pub caller_name: Option<&'m str>,
}

/// A PJSIP contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact<'m> {
    /// Endpoint, or the AOR where Asterisk does not name the endpoint.
    pub endpoint: &'m str,
    /// Contact URI.
    pub uri: &'m str,
    /// `Reachable`, `Unreachable`, `NonQualified`, `Created`, `Updated`, `Removed`, `Unknown`.
    pub status: &'m str,
}

impl<'m> Event<'m> {
    /// Reads an event; a message that is none, or not a known one, is kept raw.
    #[must_use]
    pub fn read(message: &'m Message) -> Self {
        known(message).unwrap_or(Self::Other(message))
    }
}

fn known(m: &Message) -> Option<Event<'_>> {
    let this = || ChannelInfo::read(m, "");
    Some(match m.event()? {
        "VarSet" => Event::VarSet { variable: text(m, "Variable")?, value: plain(m, "Value"), message: m },
        "Newexten" => {
            let mut channel = this()?;
            // What it runs stands under names of its own, which 1.8 has alone.
            channel.exten = channel.exten.or_else(|| said(m, "Extension"));
            Event::Newexten { channel, application: plain(m, "Application"), data: plain(m, "AppData") }
        }
        "Newchannel" => Event::Newchannel(this()?),
        "Newstate" => Event::Newstate(this()?),
        "NewConnectedLine" => Event::NewConnectedLine(this()?),
        "NewCallerid" => Event::NewCallerid(this()?),
        "Rename" => Event::Rename { uniqueid: text(m, "Uniqueid")?, new_name: text(m, "Newname")? },
        "Hangup" => Event::Hangup { channel: this()?, cause: number(m, "Cause") },
        "HangupRequest" => Event::HangupRequest { channel: this()?, cause: number(m, "Cause") },
        "SoftHangupRequest" => Event::SoftHangupRequest { channel: this()?, cause: number(m, "Cause") },
        "Hold" if m.get("Status").is_none_or(flag) => Event::Hold(this()?),
        "Hold" | "Unhold" => Event::Unhold(this()?),
        "MusicOnHoldStart" => Event::MusicOnHoldStart(this()?),
        "MusicOnHoldStop" => Event::MusicOnHoldStop(this()?),
        "DTMFEnd" => Event::DtmfEnd {
            channel: this()?,
            digit: text(m, "Digit")?,
            received: m.get("Direction").is_none_or(|direction| direction.eq_ignore_ascii_case("received")),
        },
        "UserEvent" => Event::UserEvent { name: text(m, "UserEvent")?, channel: this(), message: m },
        "OriginateResponse" => Event::OriginateResponse {
            success: m.is_success() && m.response().is_some_and(|said| said.eq_ignore_ascii_case("success")),
            uniqueid: text(m, "Uniqueid")?,
            reason: number(m, "Reason"),
        },

        "QueueParams" => Event::QueueParams { queue: text(m, "Queue")?, calls: number(m, "Calls").unwrap_or(0) },
        "QueueMember" => Event::QueueMember(MemberInfo::read(m)?),
        "QueueEntry" => Event::QueueEntry { queue: text(m, "Queue")?, entry: queue_entry(m)? },
        "QueueStatusComplete" => Event::QueueStatusComplete,
        "QueueMemberAdded" => Event::QueueMemberAdded(MemberInfo::read(m)?),
        "QueueMemberRemoved" => Event::QueueMemberRemoved(MemberInfo::read(m)?),
        "QueueMemberPause" | "QueueMemberPaused" => Event::QueueMemberPause(MemberInfo::read(m)?),
        "QueueMemberStatus" => Event::QueueMemberStatus(MemberInfo::read(m)?),
        "QueueMemberPenalty" => Event::QueueMemberPenalty(MemberInfo::read(m)?),
        "QueueMemberRinginuse" => Event::QueueMemberRinginuse(MemberInfo::read(m)?),
        "QueueCallerJoin" | "Join" => Event::QueueCallerJoin {
            caller: this()?,
            queue: text(m, "Queue")?,
            position: number(m, "Position").unwrap_or(0),
        },
        "QueueCallerLeave" | "Leave" => Event::QueueCallerLeave { caller: this()?, queue: text(m, "Queue")? },
        "QueueCallerAbandon" => Event::QueueCallerAbandon { caller: this()?, queue: text(m, "Queue")? },
        "AgentCalled" => Event::AgentCalled(AgentCall::read(m)?),
        "AgentConnect" => Event::AgentConnect(AgentCall::read(m)?),
        "AgentComplete" => Event::AgentComplete(AgentCall::read(m)?),
        "AgentRingNoAnswer" => Event::AgentRingNoAnswer(AgentCall::read(m)?),
        "AgentDump" => Event::AgentDump(AgentCall::read(m)?),

        "DialBegin" => Event::DialBegin {
            caller: this(),
            dest: ChannelInfo::read(m, "Dest")?,
            dial_string: plain(m, "DialString"),
        },
        "DialState" => Event::DialState { dest: ChannelInfo::read(m, "Dest")?, status: plain(m, "DialStatus") },
        "DialEnd" => Event::DialEnd {
            caller: this(),
            dest: ChannelInfo::read(m, "Dest")?,
            status: text(m, "DialStatus")?,
            forward: text(m, "Forward"),
        },
        "BridgeEnter" => Event::BridgeEnter {
            bridge: text(m, "BridgeUniqueid")?,
            bridge_type: plain(m, "BridgeType"),
            technology: plain(m, "BridgeTechnology"),
            channel: this()?,
            swap: text(m, "SwapUniqueid"),
        },
        "BridgeLeave" => Event::BridgeLeave {
            bridge: text(m, "BridgeUniqueid")?,
            bridge_type: plain(m, "BridgeType"),
            channel: this()?,
        },
        "BridgeMerge" => Event::BridgeMerge { from: text(m, "FromBridgeUniqueid")?, to: text(m, "ToBridgeUniqueid")? },
        "LocalBridge" if m.get("LocalOneChannel").is_some() => {
            Event::LocalBridge { one: ChannelInfo::read(m, "LocalOne")?, two: ChannelInfo::read(m, "LocalTwo")? }
        }
        "LocalOptimizationBegin" => Event::LocalOptimizationBegin {
            one: ChannelInfo::read(m, "LocalOne")?,
            two: ChannelInfo::read(m, "LocalTwo")?,
            source: ChannelInfo::read(m, "Source"),
        },
        "BlindTransfer" => Event::BlindTransfer(Box::new(BlindTransfer::read(m)?)),
        "AttendedTransfer" => Event::AttendedTransfer(Box::new(AttendedTransfer::read(m)?)),
        "Pickup" if m.get("Uniqueid").is_some() => {
            Event::Pickup { channel: Named::full(this()?), target: Named::full(ChannelInfo::read(m, "Target")?) }
        }
        "ParkedCall" => Event::ParkedCall(Parked::read(m)?),
        "ParkedCallGiveUp" => Event::ParkedCallGiveUp(Parked::read(m)?),
        "ParkedCallTimeOut" => Event::ParkedCallTimeOut(Parked::read(m)?),
        "UnParkedCall" | "UnparkedCall" => Event::UnParkedCall(Parked::read(m)?),
        "ConfbridgeJoin" => Event::ConfbridgeJoin { conference: text(m, "Conference")?, channel: this()? },
        "ConfbridgeLeave" => Event::ConfbridgeLeave { conference: text(m, "Conference")?, channel: this()? },
        "ChanSpyStart" => {
            Event::ChanSpyStart { spyer: ChannelInfo::read(m, "Spyer")?, spyee: ChannelInfo::read(m, "Spyee")? }
        }
        "ChanSpyStop" => Event::ChanSpyStop { spyer: ChannelInfo::read(m, "Spyer")? },
        "MixMonitorStart" | "MonitorStart" => Event::RecordingStart(this()?),
        "MixMonitorStop" | "MonitorStop" => Event::RecordingStop(this()?),
        "MixMonitorMute" => Event::RecordingMute { channel: this()?, muted: m.get("State").is_some_and(flag) },

        "ContactStatus" => Event::ContactStatus(contact(m, "ContactStatus")?),
        "ContactStatusDetail" | "ContactList" => Event::ContactList(contact(m, "Status")?),
        "EndpointDetail" => {
            Event::EndpointDetail { endpoint: text(m, "ObjectName")?, device_state: plain(m, "DeviceState") }
        }
        "PeerStatus" => Event::PeerStatus { peer: text(m, "Peer")?, status: text(m, "PeerStatus")? },
        "DeviceStateChange" => Event::DeviceStateChange { device: text(m, "Device")?, state: text(m, "State")? },
        "CoreShowChannel" => Event::CoreShowChannel(ShownChannel {
            channel: this()?,
            bridged: Bridged::read(m),
            application: said(m, "Application"),
            application_data: said(m, "ApplicationData"),
            duration_s: duration(plain(m, "Duration")),
        }),
        "CoreShowChannelsComplete" => Event::CoreShowChannelsComplete,
        "BridgeListItem" => Event::BridgeListItem {
            bridge: text(m, "BridgeUniqueid")?,
            bridge_type: plain(m, "BridgeType"),
            technology: plain(m, "BridgeTechnology"),
        },
        "FullyBooted" => Event::FullyBooted { uptime_s: number(m, "Uptime"), last_reload_s: number(m, "LastReload") },
        "Shutdown" => Event::Shutdown { restart: m.get("Restart").is_some_and(flag) },
        "Reload" => Event::Reload { module: plain(m, "Module") },
        older => return before_12::read(m, older),
    })
}

fn queue_entry(m: &Message) -> Option<QueueEntry<'_>> {
    Some(QueueEntry {
        channel: text(m, "Channel")?,
        uniqueid: text(m, "Uniqueid")?,
        position: number(m, "Position").unwrap_or(0),
        wait_s: number(m, "Wait")?,
        caller_number: person(m, "CallerIDNum"),
        caller_name: person(m, "CallerIDName"),
    })
}

fn contact<'m>(m: &'m Message, status: &str) -> Option<Contact<'m>> {
    let aor = || text(m, "AOR").or_else(|| m.get("ObjectName")?.split_once(";@").map(|(aor, _)| aor));
    Some(Contact {
        endpoint: text(m, "EndpointName").or_else(|| text(m, "Endpoint")).or_else(aor)?,
        uri: text(m, "URI")?,
        status: text(m, status)?,
    })
}

#[cfg(test)]
mod tests {
    use super::Event;
    use crate::Message;

    fn message(text: &str) -> Message {
        Message::new(text.lines().filter_map(|line| line.split_once(": ")))
    }

    #[test]
    fn a_known_event_without_its_fields_stays_raw() {
        for text in [
            "Event: Hangup\nChannel: PJSIP/1-1",
            "Event: QueueMember\nQueue: a",
            "Event: Novelty\nA: b",
            "Response: Success",
        ] {
            assert!(matches!(Event::read(&message(text)), Event::Other(_)), "{text}");
        }
    }

    #[test]
    fn unknown_callers_have_no_number() {
        let message = message("Event: Newchannel\nChannel: PJSIP/1-1\nUniqueid: 1.1\nCallerIDNum: <unknown>");
        let Event::Newchannel(channel) = Event::read(&message) else { panic!("{message:?}") };
        assert_eq!((channel.caller_number, channel.linkedid), (None, None));
    }

    #[test]
    fn fields_of_a_user_event_are_not_the_channel_s() {
        let text = "Event: UserEvent\nChannel: PJSIP/1-1\nUniqueid: 1.1\nLinkedid: 1.1\nUserEvent: Crm\nLinkedid: 9.9";
        let message = message(text);
        let Event::UserEvent { channel: Some(channel), .. } = Event::read(&message) else { panic!("{message:?}") };
        assert_eq!(channel.linkedid, Some("1.1"));
    }
}
