//! What Asterisk 1.8 to 11 says otherwise, and CEL, which is the only place where these name the call a channel belongs to.

use super::read::{flag, number, person, plain, said, text};
use super::{AttendedTransfer, BlindTransfer, ChannelInfo, Event, Named, Parked};
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
        "Pickup" => {
            let named = |key: &str| text(m, key).map(|channel| Named { channel, ..Named::default() });
            Event::Pickup { channel: named("Channel")?, target: named("TargetChannel")? }
        }
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
        caller_number: person(m, "CallerIDNum"),
        caller_name: person(m, "CallerIDName"),
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

/// chan_sip's `Transfer`. A blind one names who is handed over as its target; an attended one names only the two channels of who
/// hands over, and a Masquerade follows that makes it. That a call was parked by it, ParkedCall says better.
fn transfer(m: &Message) -> Option<Event<'_>> {
    let transferer = ChannelInfo::read(m, "")?;
    let other = ChannelInfo {
        channel: plain(m, "TargetChannel"),
        uniqueid: plain(m, "TargetUniqueid"),
        ..ChannelInfo::default()
    };
    if m.get("Transfer2Parking").is_some_and(flag) {
        return None;
    }
    match text(m, "TransferType")?.to_ascii_lowercase().as_str() {
        "blind" => Some(Event::BlindTransfer(Box::new(BlindTransfer {
            success: true,
            transferer,
            transferee: (!other.uniqueid.is_empty()).then_some(other),
            bridge: None,
            context: plain(m, "TransferContext"),
            exten: plain(m, "TransferExten"),
        }))),
        "attended" if !other.uniqueid.is_empty() => Some(Event::AttendedTransfer(Box::new(AttendedTransfer {
            success: true,
            original: transferer,
            second: other,
            transferee: None,
            target: None,
            dest_type: "",
            dest_bridge: None,
            dest_app: None,
            original_bridge: None,
            second_bridge: None,
        }))),
        _ => None,
    }
}

/// `Uniqueid` is the customer's, and the member's channel is named in each event in another way: `DestinationChannel` of
/// AgentCalled; `Channel` of AgentConnect, whose `BridgedChannel` is its id; `Channel` of AgentDump and AgentComplete. `Channel` of
/// AgentRingNoAnswer is the customer's own: only the interface says who did not answer.
pub(super) fn agent_call(m: &Message) -> Option<(Named<'_>, Named<'_>)> {
    let uniqueid = text(m, "Uniqueid")?;
    let channel = |key: &str| Named { channel: plain(m, key), ..Named::default() };
    let customer = |channel| Named { channel, uniqueid, info: None };
    Some(match (text(m, "ChannelCalling"), m.event()?) {
        (Some(calling), _) => (customer(calling), channel("DestinationChannel")),
        (None, "AgentRingNoAnswer") => (customer(plain(m, "Channel")), Named::default()),
        (None, _) => (customer(""), Named { uniqueid: plain(m, "BridgedChannel"), ..channel("Channel") }),
    })
}

/// The parked channel stands without a prefix. `From` is the name of another channel: who parked it, or who takes it.
pub(super) fn parked(m: &Message, listed: bool) -> Option<Parked<'_>> {
    let from = said(m, "From");
    let taken = m.event()?.eq_ignore_ascii_case("UnParkedCall");
    let endpoint = |name: &'_ str| name.rsplit_once('-').map_or(name.len(), |(endpoint, _)| endpoint.len());
    Some(Parked {
        parkee: ChannelInfo::read(m, "")?,
        parker: from.filter(|_| !taken).map(|name| &name[..endpoint(name)]),
        retriever: from.filter(|_| taken).map(|channel| Named { channel, ..Named::default() }),
        lot: said(m, "Parkinglot"),
        space: said(m, "Exten"),
        timeout_s: number(m, "Timeout"),
        listed,
    })
}

#[cfg(test)]
mod tests {
    use super::Parked;
    use crate::{Event, Message};

    fn message(text: &str) -> Message {
        Message::new(text.lines().filter_map(|line| line.split_once(": ")))
    }

    fn told(parked: &Parked<'_>) -> String {
        let (by, taker) = (parked.parker.unwrap_or("nobody"), parked.retriever.map_or("nobody", |other| other.channel));
        format!("{} at {} by {by} taken by {taker}", parked.parkee.uniqueid, parked.space.unwrap())
    }

    /// What 1.8 and 11 say of calls, told in one line each.
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
                "connect q SIP/101 Anna 1.1 SIP/101-2 7 ",
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
            (
                "Event: AgentConnect\nQueue: q\nUniqueid: 1.1\nChannel: SIP/101-2\nMember: SIP/101\nHoldtime: 7\nBridgedChannel: 1.2",
                "connect q SIP/101  1.1 SIP/101-2 7 1.2",
            ),
            (
                "Event: AgentRingNoAnswer\nQueue: q\nUniqueid: 1.1\nChannel: SIP/t-1\nMember: SIP/101\nMemberName: Anna\nRingtime: 15000",
                "not taken q SIP/101 1.1 SIP/t-1 ''",
            ),
            (
                "Event: Transfer\nTransferMethod: SIP\nTransferType: Blind\nChannel: SIP/101-2\nUniqueid: 1.2\nTargetChannel: SIP/t-1\n\
                 TargetUniqueid: 1.1\nTransferExten: 102\nTransferContext: x",
                "blind 1.2 1.1 102@x",
            ),
            (
                "Event: Transfer\nTransferMethod: SIP\nTransferType: Attended\nChannel: SIP/101-2\nUniqueid: 1.2\n\
                 TargetChannel: SIP/101-3\nTargetUniqueid: 1.3",
                "attended 1.2 1.3",
            ),
            (
                "Event: Transfer\nTransferType: Blind\nChannel: SIP/101-2\nUniqueid: 1.2\nTransferExten: 700\nTransfer2Parking: Yes",
                "raw",
            ),
            ("Event: Pickup\nChannel: SIP/103-4\nTargetChannel: SIP/102-2", "pickup SIP/103-4 SIP/102-2"),
            (
                "Event: ParkedCall\nExten: 701\nChannel: SIP/t-1\nFrom: SIP/10-1-0000002\nTimeout: 45\nUniqueid: 1.1",
                "parked 1.1 at 701 by SIP/10-1 taken by nobody",
            ),
            (
                "Event: UnParkedCall\nExten: 701\nChannel: SIP/t-1\nFrom: SIP/102-3\nUniqueid: 1.1",
                "unparked 1.1 at 701 by nobody taken by SIP/102-3",
            ),
            (
                "Event: Newstate\nChannel: SIP/t-1\nUniqueid: 1.1\nChannelState: 4\nCallerIDNum: unknown\nCallerIDName: <unknown>",
                "newstate 1.1 4 None None",
            ),
            (
                "Event: CoreShowChannel\nChannel: SIP/t-1\nUniqueID: 1.1\nCallerIDnum: 5\nBridgedUniqueID: 1.2",
                "shown 1.1 5 With(\"1.2\")",
            ),
            (
                "Event: CoreShowChannel\nChannel: SIP/t-1\nUniqueID: 1.1\nCallerIDnum: 5\nBridgedUniqueID: ",
                "shown 1.1 5 No",
            ),
            ("Event: CoreShowChannel\nChannel: SIP/t-1\nUniqueID: 1.1\nCallerIDnum: 5", "shown 1.1 5 Unsaid"),
            ("Event: CoreShowChannel\nUniqueid: 1.1\nCallerIDNum: 5\nBridgeId: b1", "shown 1.1 5 In(\"b1\")"),
            ("Event: CoreShowChannel\nUniqueid: 1.1\nCallerIDNum: 5\nBridgeId: ", "shown 1.1 5 No"),
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
                    "connect {} {} {} {} {} {} {}",
                    call.queue,
                    call.interface,
                    call.member_name,
                    call.caller.uniqueid,
                    call.dest.channel,
                    call.hold_s.unwrap(),
                    call.dest.uniqueid
                ),
                Event::AgentRingNoAnswer(call) => format!(
                    "not taken {} {} {} {} '{}'",
                    call.queue, call.interface, call.caller.uniqueid, call.caller.channel, call.dest.channel
                ),
                Event::BlindTransfer(moved) => format!(
                    "blind {} {} {}@{}",
                    moved.transferer.uniqueid,
                    moved.transferee.unwrap().uniqueid,
                    moved.exten,
                    moved.context
                ),
                Event::AttendedTransfer(moved) => {
                    format!("attended {} {}", moved.original.uniqueid, moved.second.uniqueid)
                }
                Event::Other(_) => "raw".to_owned(),
                Event::Pickup { channel, target } => format!("pickup {} {}", channel.channel, target.channel),
                Event::ParkedCall(parked) => format!("parked {}", told(&parked)),
                Event::UnParkedCall(parked) => format!("unparked {}", told(&parked)),
                Event::Newstate(channel) => format!(
                    "newstate {} {} {:?} {:?}",
                    channel.uniqueid,
                    channel.state.unwrap(),
                    channel.caller_number,
                    channel.caller_name
                ),
                Event::CoreShowChannel(shown) => {
                    format!(
                        "shown {} {} {:?}",
                        shown.channel.uniqueid,
                        shown.channel.caller_number.unwrap(),
                        shown.bridged
                    )
                }
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
