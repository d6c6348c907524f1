//! Events of a PBX as notes of its channels.

use ami::event::Named;
use ami::{ChannelInfo, Event, Message};

use super::before_12::OlderVariable;
use super::channel::Source;
use super::{Assembly, Channel, PbxIx};
use crate::call::JoinReason;
use crate::note::{ChannelIx, DialStatus, QueueStatus, What};

/// Variable that names a call on all PBXs it crosses; the dialplan sets it from a SIP header.
pub const CALL_VARIABLE: &str = "LINEDESK_CALL";

/// A UserEvent's fields that are not the event's own.
const OWN_FIELDS: [&str; 20] = [
    "Event",
    "Privilege",
    "Timestamp",
    "SystemName",
    "UserEvent",
    "Channel",
    "ChannelState",
    "ChannelStateDesc",
    "CallerIDNum",
    "CallerIDName",
    "ConnectedLineNum",
    "ConnectedLineName",
    "Language",
    "AccountCode",
    "Context",
    "Exten",
    "Priority",
    "Uniqueid",
    "Linkedid",
    "ChanVariable",
];

/// Of a Local channel.
fn is_first_half(channel: &str) -> bool {
    channel.starts_with("Local/") && channel.ends_with(";1")
}

impl Assembly {
    /// Takes an event. `at` is corrected for the PBX's clock, ms since the Unix epoch.
    pub fn event(&mut self, pbx: PbxIx, at: i64, event: &Event<'_>) {
        match event {
            Event::VarSet { variable, value, message } => {
                self.variable(pbx, at, message, variable, value);
            }
            Event::Newexten { channel, application, data } => {
                let Some(ix) = self.touch(pbx, at, channel, true) else { return };
                let step =
                    (channel.context.unwrap_or_default(), channel.exten.unwrap_or_default(), *application, *data);
                // Most are nobody's business.
                if self.channels.get_mut(&ix).is_some_and(|channel| channel.passes(at, step)) {
                    self.figures.repeated += 1;
                    return;
                }
                let (context, exten, application, data) = step;
                self.note(
                    ix,
                    at,
                    What::At {
                        context: context.into(),
                        exten: exten.into(),
                        application: application.into(),
                        data: data.into(),
                    },
                );
            }
            Event::Newchannel(channel) => {
                let calls_in = channel.state == Some(4);
                if let Some(ix) = self.find(pbx, channel.uniqueid) {
                    self.note(ix, at, What::Born { calls_in: Some(calls_in) });
                    self.touch(pbx, at, channel, true);
                } else {
                    self.begin(pbx, at, channel, Some(calls_in), Source::Event);
                }
            }
            Event::Newstate(channel) => drop(self.touch(pbx, at, channel, true)),
            Event::NewConnectedLine(channel) | Event::NewCallerid(channel) => drop(self.touch(pbx, at, channel, false)),
            Event::Rename { uniqueid, new_name } => {
                // On its way through a masquerade a channel has a name for a moment that nobody is told by.
                if let Some(ix) = self.find(pbx, uniqueid).filter(|_| !new_name.ends_with("<MASQ>")) {
                    self.note(ix, at, What::Renamed((*new_name).into()));
                }
            }
            Event::Hangup { channel, cause } => {
                self.explain_end(pbx, at, channel);
                self.simple(pbx, at, channel, What::Gone { cause: *cause });
            }
            Event::HangupRequest { channel, cause } => {
                self.simple(pbx, at, channel, What::HangupRequested { cause: *cause });
            }
            Event::Hold(channel) => self.simple(pbx, at, channel, What::Holds),
            Event::Unhold(channel) => self.simple(pbx, at, channel, What::Resumes),
            Event::DtmfEnd { channel, digit, received: true } => {
                if let Some(digit) = digit.chars().next() {
                    self.simple(pbx, at, channel, What::Digit(digit));
                }
            }
            Event::UserEvent { name, channel: Some(channel), message } => {
                let Some(ix) = self.touch(pbx, at, channel, false) else { return };
                let fields = message.fields().filter(|(key, _)| !OWN_FIELDS.contains(key));
                let fields: Vec<String> = fields.map(|(key, value)| format!("{key}={value}")).collect();
                let (name, value) = (format!("UserEvent:{name}").into(), fields.join("\n").into());
                self.note(ix, at, What::Attribute { name, value });
            }
            Event::RecordingStart(channel) => self.simple(pbx, at, channel, What::Recorded),
            Event::RecordingStop(channel) => self.simple(pbx, at, channel, What::NotRecorded),
            Event::RecordingMute { channel, muted } => self.simple(pbx, at, channel, What::RecordingMuted(*muted)),
            Event::BridgeEnter { bridge, bridge_type, technology, channel, .. } => {
                let Some(ix) = self.touch(pbx, at, channel, true) else { return };
                let holding = *technology == "holding_bridge" || *bridge_type == "parking";
                self.note(ix, at, What::Enters { bridge: (*bridge).into(), holding });
            }
            Event::BridgeLeave { bridge, channel, .. } => {
                self.simple(pbx, at, channel, What::Leaves { bridge: (*bridge).into() });
            }
            Event::LocalBridge { one, two } => {
                let (one, two) = (self.touch(pbx, at, one, true), self.touch(pbx, at, two, true));
                if let (Some(one), Some(two)) = (one, two) {
                    self.halves(one, two, at);
                }
            }
            Event::DialBegin { .. } | Event::DialState { .. } | Event::DialEnd { .. } => self.dial(pbx, at, event),
            Event::Linked { .. } | Event::Unlinked { .. } | Event::Masquerade { .. } | Event::Cel(_) => {
                self.before_12(pbx, at, event);
            }
            _ => self.queue_event(pbx, at, event),
        }
    }

    /// The Call-ID of a channel's SIP dialog, which was asked for.
    pub fn sip_call_id(&mut self, pbx: PbxIx, at: i64, uniqueid: &str, call_id: &str) {
        let Some(ix) = self.find(pbx, uniqueid) else { return };
        self.note_of_look(ix, at, What::SipCallId(call_id.into()));
        self.key(ix, at, JoinReason::SipCallId, call_id);
    }

    pub(super) fn simple(&mut self, pbx: PbxIx, at: i64, channel: &ChannelInfo<'_>, what: What) {
        if let Some(ix) = self.touch(pbx, at, channel, false) {
            self.note(ix, at, what);
        }
    }

    /// A variable that somebody wants to know of; nothing is read of the others, which are most of all events.
    fn variable(&mut self, pbx: PbxIx, at: i64, event: &Message, variable: &str, value: &str) -> Option<()> {
        let channel = || ChannelInfo::of(event);
        // What a channel hands on to those it dials has underscores.
        match variable.trim_start_matches('_') {
            "QUEUESTATUS" => self.simple(pbx, at, &channel()?, What::QueueStatus(QueueStatus::read(value)?)),
            CALL_VARIABLE => {
                let ix = self.touch(pbx, at, &channel()?, false)?;
                self.key(ix, at, JoinReason::CallHeader, value);
            }
            // Who transfers by keys dials through a Local channel that no dial is told of.
            "TRANSFERERNAME" if event.get("Channel").is_some_and(is_first_half) => {
                let dest = self.touch(pbx, at, &channel()?, false)?;
                let by = self.find_named(pbx, value)?;
                self.note(by, at, What::Dials { dest, dialled: Box::default() });
                self.join(by, dest, JoinReason::Dial, at);
            }
            name if self.attributes.contains(name) && !value.is_empty() => {
                let what = What::Attribute { name: name.into(), value: value.into() };
                self.simple(pbx, at, &channel()?, what);
            }
            name => {
                let older = OlderVariable::read(name)?;
                self.older_variable(pbx, at, &channel()?, older, value);
            }
        }
        Some(())
    }

    fn dial(&mut self, pbx: PbxIx, at: i64, event: &Event<'_>) {
        match event {
            Event::DialBegin { caller, dest, dial_string } => {
                if self.is_past(pbx, at, dest) {
                    return;
                }
                let Some(dest) = self.touch(pbx, at, dest, true) else { return };
                // An Originate dials without a caller.
                let Some(caller) = caller.and_then(|caller| self.touch(pbx, at, &caller, true)) else { return };
                self.note(caller, at, What::Dials { dest, dialled: (*dial_string).into() });
                self.join(caller, dest, JoinReason::Dial, at);
            }
            Event::DialState { dest, .. } => drop(self.touch(pbx, at, dest, false)),
            Event::DialEnd { caller: Some(caller), dest, status, .. } if dest.uniqueid.is_empty() => {
                self.dialled(pbx, at, caller, status);
            }
            Event::DialEnd { dest, status, forward, .. } => {
                let what = What::DialEnds { status: DialStatus::read(status), forward: forward.map(Box::from) };
                self.simple(pbx, at, dest, what);
            }
            _ => {}
        }
    }

    /// A channel that an event names, one way or the other.
    pub(super) fn named(&mut self, pbx: PbxIx, at: i64, named: &Named<'_>, live: bool) -> Option<ChannelIx> {
        match &named.info {
            Some(info) => self.touch(pbx, at, info, live),
            None => self.find(pbx, named.uniqueid).or_else(|| self.find_named(pbx, named.channel)),
        }
    }

    fn queue_event(&mut self, pbx: PbxIx, at: i64, event: &Event<'_>) {
        match event {
            Event::QueueCallerJoin { caller, queue, position } => {
                let Some(ix) = self.touch(pbx, at, caller, true) else { return };
                self.note(ix, at, What::JoinsQueue { queue: (*queue).into(), position: *position });
            }
            Event::QueueCallerLeave { caller, queue } => {
                self.simple(pbx, at, caller, What::LeavesQueue { queue: (*queue).into() });
            }
            Event::QueueCallerAbandon { caller, queue } => {
                self.simple(pbx, at, caller, What::Abandons { queue: (*queue).into() });
            }
            Event::AgentCalled(call) => {
                let caller = self.named(pbx, at, &call.caller, true);
                let dest = self.named(pbx, at, &call.dest, true);
                let (Some(caller), Some(dest)) = (caller, dest) else { return };
                if self.channel(dest).is_none_or(Channel::is_offered) {
                    return;
                }
                self.join(caller, dest, JoinReason::Dial, at);
                let (queue, interface, member) = (call.queue.into(), call.interface.into(), call.member_name.into());
                self.note(caller, at, What::Offered { queue, interface, member, dest });
            }
            Event::AgentConnect(call) | Event::AgentRingNoAnswer(call) | Event::AgentDump(call) => {
                let Some(caller) = self.named(pbx, at, &call.caller, false) else { return };
                let mut dest = self.named(pbx, at, &call.dest, false);
                if let Event::AgentRingNoAnswer(_) = event {
                    dest = dest.or_else(|| self.offered_to(caller, call.interface));
                }
                let (queue, interface) = (call.queue.into(), call.interface.into());
                let what = match event {
                    Event::AgentConnect(_) => What::Taken { queue, interface, dest },
                    Event::AgentRingNoAnswer(_) => What::NotTaken { queue, interface, dest },
                    _ => What::Dumped { dest },
                };
                self.note(caller, at, what);
            }
            _ => self.moved(pbx, at, event),
        }
    }

    /// Transfers, pickup, parking, conferences, listening.
    fn moved(&mut self, pbx: PbxIx, at: i64, event: &Event<'_>) {
        match event {
            Event::BlindTransfer(transfer) => {
                let Some(transferer) = self.touch(pbx, at, &transfer.transferer, false) else { return };
                let transferee = transfer.transferee.and_then(|other| self.touch(pbx, at, &other, false));
                if let Some(transferee) = transferee {
                    self.join(transferer, transferee, JoinReason::BlindTransfer, at);
                }
                let (context, exten) = (transfer.context.into(), transfer.exten.into());
                self.note(
                    transferer,
                    at,
                    What::TransfersBlind { success: transfer.success, transferee, context, exten },
                );
            }
            Event::AttendedTransfer(transfer) => {
                let Some(original) = self.touch(pbx, at, &transfer.original, false) else { return };
                let Some(second) = self.touch(pbx, at, &transfer.second, false) else { return };
                let transferee = transfer.transferee.and_then(|other| self.touch(pbx, at, &other, false));
                let target = transfer.target.and_then(|other| self.touch(pbx, at, &other, false));
                if transfer.success {
                    for other in [Some(second), transferee, target].into_iter().flatten() {
                        self.join(original, other, JoinReason::AttendedTransfer, at);
                    }
                }
                let application = transfer.dest_app.map(Box::from);
                let success = transfer.success;
                self.note(original, at, What::TransfersAttended { success, second, transferee, target, application });
            }
            Event::Pickup { channel, target } => {
                let (one, two) = (self.named(pbx, at, channel, false), self.named(pbx, at, target, false));
                if let (Some(ix), Some(target)) = (one, two) {
                    self.join(ix, target, JoinReason::Pickup, at);
                    self.note(ix, at, What::PicksUp { target });
                }
            }
            Event::ParkedCall(parked) if !parked.listed => {
                let Some(ix) = self.touch(pbx, at, &parked.parkee, false) else { return };
                self.note(
                    ix,
                    at,
                    What::Parked { parker: parked.parker.map(Box::from), space: parked.space.map(Box::from) },
                );
            }
            Event::UnParkedCall(parked) => {
                let Some(ix) = self.touch(pbx, at, &parked.parkee, false) else { return };
                let retriever = parked.retriever.and_then(|other| self.named(pbx, at, &other, false));
                if let Some(retriever) = retriever {
                    self.join(ix, retriever, JoinReason::Parking, at);
                }
                self.note(ix, at, What::Unparked { retriever });
            }
            Event::ParkedCallTimeOut(parked) => self.simple(pbx, at, &parked.parkee, What::ParkTimesOut),
            Event::ConfbridgeJoin { conference, channel } => {
                self.simple(pbx, at, channel, What::InConference((*conference).into()));
            }
            Event::ConfbridgeLeave { conference, channel } => {
                self.simple(pbx, at, channel, What::OutOfConference((*conference).into()));
            }
            Event::ChanSpyStart { spyer, spyee } => {
                let (one, two) = (self.touch(pbx, at, spyer, false), self.touch(pbx, at, spyee, false));
                if let (Some(ix), Some(target)) = (one, two.and_then(|target| self.channel(target))) {
                    let uniqueid = target.uniqueid.clone();
                    self.note(ix, at, What::ListensTo { uniqueid });
                }
            }
            Event::ChanSpyStop { spyer } => self.simple(pbx, at, spyer, What::ListensNoMore),
            _ => {}
        }
    }
}
