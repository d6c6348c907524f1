//! What Asterisk 1.8 to 11 says otherwise, and CEL, which is the only place where these name the call a channel belongs to.

use super::read::{flag, plain, said, text};
use super::{BlindTransfer, ChannelInfo, Event, Named};
use crate::Message;

/// A channel event (`cel_manager`), as far as the older ones need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CelEvent<'m> {
    /// `CHAN_START`, `ANSWER`, `HANGUP`, `BRIDGE_START`, `PICKUP`, …
    pub name: &'m str,
    /// Channel.
    pub channel: &'m str,
    /// Its id.
    pub uniqueid: &'m str,
    /// The call it belongs to.
    pub linkedid: Option<&'m str>,
    /// The other channel, where there is one.
    pub peer: Option<&'m str>,
}

pub(super) fn read<'m>(m: &'m Message, name: &str) -> Option<Event<'m>> {
    let this = || ChannelInfo::read(m, "");
    Some(match name {
        "Dial" => dial(m)?,
        // 1.4 said Link and Unlink, 1.8 and 11 Bridge with a state; 10 and 11 end with Unlink again.
        "Bridge" | "Link" | "Unlink" => {
            let (one, two) = pair(m, ("Channel1", "Uniqueid1"), ("Channel2", "Uniqueid2"))?;
            if name == "Unlink" || m.get("Bridgestate").is_some_and(|state| state.eq_ignore_ascii_case("unlink")) {
                Event::Unlinked { one, two }
            } else {
                Event::Linked { one, two }
            }
        }
        "Masquerade" => Event::Masquerade { original: text(m, "Original")?, clone: text(m, "Clone")? },
        "LocalBridge" => {
            let (one, two) = pair(m, ("Channel1", "Uniqueid1"), ("Channel2", "Uniqueid2"))?;
            let info =
                |half: Named<'m>| ChannelInfo { channel: half.channel, uniqueid: half.uniqueid, ..Default::default() };
            Event::LocalBridge { one: info(one), two: info(two) }
        }
        "Transfer" => transfer(m)?,
        "MusicOnHold" if m.get("State").is_some_and(|state| state.eq_ignore_ascii_case("start")) => {
            Event::MusicOnHoldStart(this()?)
        }
        "MusicOnHold" => Event::MusicOnHoldStop(this()?),
        "DTMF" if m.get("End").is_some_and(flag) => Event::DtmfEnd {
            channel: this()?,
            digit: text(m, "Digit")?,
            received: m.get("Direction").is_none_or(|direction| direction.eq_ignore_ascii_case("received")),
        },
        "CEL" => Event::Cel(CelEvent {
            name: text(m, "EventName")?,
            channel: plain(m, "Channel"),
            uniqueid: text(m, "UniqueID")?,
            linkedid: said(m, "LinkedID"),
            peer: said(m, "Peer"),
        }),
        _ => return None,
    })
}

fn pair<'m>(m: &'m Message, one: (&str, &str), two: (&str, &str)) -> Option<(Named<'m>, Named<'m>)> {
    let named = |(channel, uniqueid): (&str, &str)| {
        Some(Named { channel: plain(m, channel), uniqueid: text(m, uniqueid)?, info: None })
    };
    Some((named(one)?, named(two)?))
}

/// `Dial` with SubEvent; its end names only who dialled and how it went.
fn dial(m: &Message) -> Option<Event<'_>> {
    let caller = ChannelInfo {
        channel: plain(m, "Channel"),
        uniqueid: text(m, "UniqueID")?,
        caller_number: said(m, "CallerIDNum"),
        caller_name: said(m, "CallerIDName"),
        ..ChannelInfo::default()
    };
    if m.get("SubEvent").is_some_and(|part| part.eq_ignore_ascii_case("end")) {
        let dest = ChannelInfo::default();
        return Some(Event::DialEnd { caller: Some(caller), dest, status: text(m, "DialStatus")?, forward: None });
    }
    let dest = ChannelInfo {
        channel: plain(m, "Destination"),
        uniqueid: text(m, "DestUniqueID")?,
        connected_number: caller.caller_number,
        ..ChannelInfo::default()
    };
    Some(Event::DialBegin { caller: Some(caller), dest, dial_string: plain(m, "Dialstring") })
}

/// chan_sip's `Transfer`. An attended one is told by the Masquerade that makes it.
fn transfer(m: &Message) -> Option<Event<'_>> {
    if !m.get("TransferType").is_some_and(|kind| kind.eq_ignore_ascii_case("blind")) {
        return None;
    }
    let other = ChannelInfo {
        channel: plain(m, "TargetChannel"),
        uniqueid: plain(m, "TargetUniqueid"),
        ..ChannelInfo::default()
    };
    Some(Event::BlindTransfer(Box::new(BlindTransfer {
        success: true,
        transferer: ChannelInfo::read(m, "")?,
        transferee: (!other.uniqueid.is_empty()).then_some(other),
        bridge: None,
        context: plain(m, "TransferContext"),
        exten: plain(m, "TransferExten"),
    })))
}

#[cfg(test)]
mod tests {
    use crate::{Event, Message};

    fn message(text: &str) -> Message {
        Message::new(text.lines().filter_map(|line| line.split_once(": ")))
    }

    /// What 1.8 and 11 say of a queue call, told in one line each.
    #[test]
    fn older_names_mean_the_same() {
        let lines = [
            ("Event: Join\nChannel: SIP/t-1\nQueue: q\nPosition: 1\nUniqueid: 1.1", "join q 1.1"),
            ("Event: Leave\nChannel: SIP/t-1\nQueue: q\nUniqueid: 1.1", "leave q 1.1"),
            (
                "Event: AgentCalled\nQueue: q\nAgentCalled: SIP/101\nAgentName: Anna\nChannelCalling: SIP/t-1\n\
                 DestinationChannel: SIP/101-2\nUniqueid: 1.1",
                "called q SIP/101 Anna 1.1 SIP/101-2",
            ),
            (
                "Event: AgentConnect\nQueue: q\nUniqueid: 1.1\nChannel: SIP/101-2\nMember: SIP/101\nMemberName: Anna\nHoldtime: 7",
                "connect q SIP/101 Anna 1.1 SIP/101-2 7",
            ),
            (
                "Event: Dial\nSubEvent: Begin\nChannel: SIP/t-1\nDestination: SIP/101-2\nUniqueID: 1.1\nDestUniqueID: 1.2",
                "dial 1.1 1.2",
            ),
            ("Event: Dial\nSubEvent: End\nChannel: SIP/t-1\nUniqueID: 1.1\nDialStatus: BUSY", "dialled 1.1 BUSY"),
            (
                "Event: Bridge\nBridgestate: Link\nBridgetype: core\nChannel1: SIP/t-1\nChannel2: SIP/101-2\nUniqueid1: 1.1\n\
                 Uniqueid2: 1.2",
                "linked 1.1 1.2",
            ),
            ("Event: Unlink\nChannel1: a\nChannel2: b\nUniqueid1: 1.1\nUniqueid2: 1.2", "unlinked 1.1 1.2"),
            ("Event: CEL\nEventName: CHAN_START\nChannel: SIP/t-1\nUniqueID: 1.1\nLinkedID: 1.0", "cel 1.1 1.0"),
            (
                "Event: DTMF\nChannel: SIP/t-1\nUniqueid: 1.1\nDigit: 5\nDirection: Received\nBegin: No\nEnd: Yes",
                "digit 5",
            ),
            ("Event: Hold\nStatus: Off\nChannel: SIP/t-1\nUniqueid: 1.1", "unhold 1.1"),
        ];
        for (text, expected) in lines {
            let message = message(text);
            let told = match Event::read(&message) {
                Event::QueueCallerJoin { caller, queue, .. } => format!("join {queue} {}", caller.uniqueid),
                Event::QueueCallerLeave { caller, queue } => format!("leave {queue} {}", caller.uniqueid),
                Event::AgentCalled(call) => format!(
                    "called {} {} {} {} {}",
                    call.queue, call.interface, call.member_name, call.caller.uniqueid, call.dest.channel
                ),
                Event::AgentConnect(call) => format!(
                    "connect {} {} {} {} {} {}",
                    call.queue,
                    call.interface,
                    call.member_name,
                    call.caller.uniqueid,
                    call.dest.channel,
                    call.hold_s.unwrap()
                ),
                Event::DialBegin { caller, dest, .. } => format!("dial {} {}", caller.unwrap().uniqueid, dest.uniqueid),
                Event::DialEnd { caller, status, .. } => format!("dialled {} {status}", caller.unwrap().uniqueid),
                Event::Linked { one, two } => format!("linked {} {}", one.uniqueid, two.uniqueid),
                Event::Unlinked { one, two } => format!("unlinked {} {}", one.uniqueid, two.uniqueid),
                Event::Cel(cel) => format!("cel {} {}", cel.uniqueid, cel.linkedid.unwrap()),
                Event::DtmfEnd { digit, .. } => format!("digit {digit}"),
                Event::Unhold(channel) => format!("unhold {}", channel.uniqueid),
                other => format!("{other:?}"),
            };
            assert_eq!(told, expected);
        }
    }
}
