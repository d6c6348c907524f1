//! Channels as events describe them.

use crate::Message;
use crate::frame::{names_somebody, says_something};

/// A channel as an event describes it, at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelInfo<'m> {
    /// Name, e.g. `PJSIP/1001-0000000d`.
    pub channel: &'m str,
    /// Id of the channel.
    pub uniqueid: &'m str,
    /// Id of the call as Asterisk sees it at this moment; it changes silently. Absent before a 13.x of mid-2015.
    pub linkedid: Option<&'m str>,
    /// Asterisk's channel state: 0 down, 4 ring, 5 ringing, 6 up.
    pub state: Option<u8>,
    /// Number of whoever is at this channel.
    pub caller_number: Option<&'m str>,
    /// Name of whoever is at this channel.
    pub caller_name: Option<&'m str>,
    /// Number of the other side.
    pub connected_number: Option<&'m str>,
    /// Name of the other side.
    pub connected_name: Option<&'m str>,
    /// Account code.
    pub account: Option<&'m str>,
    /// Where in the dialplan.
    pub context: Option<&'m str>,
    /// Where in the dialplan.
    pub exten: Option<&'m str>,
    /// Where in the dialplan.
    pub priority: Option<i64>,
}

impl<'m> ChannelInfo<'m> {
    /// The channel that an event is of.
    #[must_use]
    pub fn of(message: &'m Message) -> Option<Self> {
        Self::read(message, "")
    }

    /// The channel whose fields begin with `prefix`: LocalBridge writes `LocalOneChannel`, dial events `DestChannel`, most
    /// events `Channel`. One pass over the message, since there are some twenty fields and a dozen are wanted.
    pub(super) fn read(m: &'m Message, prefix: &str) -> Option<Self> {
        let mut info = Self::default();
        for (key, value) in m.fields() {
            let Some(name) = key.strip_prefix(prefix) else { continue };
            let said = || says_something(value).then_some(value);
            let person = || names_somebody(value).then_some(value);
            // The first counts: the fields of a UserEvent come after the channel's own, and may have their names.
            match name {
                "Channel" if info.channel.is_empty() => info.channel = value,
                "Uniqueid" | "UniqueID" | "UniqueId" if info.uniqueid.is_empty() => info.uniqueid = value,
                "Linkedid" | "LinkedID" => info.linkedid = info.linkedid.or_else(said),
                "ChannelState" => info.state = info.state.or_else(|| value.parse().ok()),
                // Before 12 CoreShowChannels has a small letter there.
                "CallerIDNum" | "CallerIDnum" => info.caller_number = info.caller_number.or_else(person),
                "CallerIDName" | "CallerIDname" => info.caller_name = info.caller_name.or_else(person),
                "ConnectedLineNum" => info.connected_number = info.connected_number.or_else(person),
                "ConnectedLineName" => info.connected_name = info.connected_name.or_else(person),
                "AccountCode" => info.account = info.account.or_else(said),
                "Context" => info.context = info.context.or_else(said),
                "Exten" => info.exten = info.exten.or_else(said),
                "Priority" => info.priority = info.priority.or_else(|| value.parse().ok()),
                _ => {}
            }
        }
        (!info.uniqueid.is_empty()).then_some(info)
    }
}

/// A line of CoreShowChannels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownChannel<'m> {
    /// The channel.
    pub channel: ChannelInfo<'m>,
    /// Whether it is in a bridge.
    pub bridged: Bridged<'m>,
    /// Dialplan application it runs.
    pub application: Option<&'m str>,
    /// Its arguments.
    pub application_data: Option<&'m str>,
    /// Age.
    pub duration_s: u64,
}

/// What a line of CoreShowChannels says of a bridge. Up to 11 there are none, and it says whom a channel talks with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bridged<'m> {
    /// Nothing.
    Unsaid,
    /// It is in no bridge, or talks with nobody.
    No,
    /// It is in the bridge of this id.
    In(&'m str),
    /// It talks with the channel of this id, through Local channels; only before 12.
    With(&'m str),
}

impl<'m> Bridged<'m> {
    pub(super) fn read(m: &'m Message) -> Self {
        let value = |key| m.get(key).map(|value| Some(value).filter(|value| says_something(value)));
        match (value("BridgeId"), value("BridgedUniqueID")) {
            (Some(Some(bridge)), _) => Self::In(bridge),
            (_, Some(Some(other))) => Self::With(other),
            (None, None) => Self::Unsaid,
            _ => Self::No,
        }
    }

    /// Id of the bridge, where it is in one.
    #[must_use]
    pub fn bridge(self) -> Option<&'m str> {
        if let Self::In(bridge) = self { Some(bridge) } else { None }
    }
}
