//! Queues and their members as events describe them.

use super::read::{flag, number, plain, said, text};
use super::{ChannelInfo, before_12};
use crate::Message;

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

impl MemberInfo {
    pub(super) fn read(m: &Message) -> Option<Self> {
        let interface = text(m, "Interface").or_else(|| text(m, "Location"))?;
        let name = text(m, "MemberName").or_else(|| text(m, "Name")).unwrap_or(interface);
        Some(Self {
            queue: text(m, "Queue")?.to_owned(),
            name: name.to_owned(),
            interface: interface.to_owned(),
            state_interface: said(m, "StateInterface").map(str::to_owned),
            membership: plain(m, "Membership").to_owned(),
            penalty: number(m, "Penalty").unwrap_or(0),
            status: number(m, "Status").unwrap_or(0),
            paused: m.get("Paused").is_some_and(flag),
            paused_reason: said(m, "PausedReason").or_else(|| said(m, "Reason")).map(str::to_owned),
        })
    }
}

/// A member is called, takes the call, ends it, or does not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentCall<'m> {
    /// Queue.
    pub queue: &'m str,
    /// Member's interface.
    pub interface: &'m str,
    /// Member's name.
    pub member_name: &'m str,
    /// The customer.
    pub caller: Named<'m>,
    /// The channel towards the member (`Local/…;1` for Local members).
    pub dest: Named<'m>,
    /// How long the customer had waited, s.
    pub hold_s: Option<u64>,
    /// `caller`, `agent`, `transfer` in AgentComplete; it can be wrong.
    pub reason: Option<&'m str>,
}

/// A channel as far as an event names it: some name it only, some give only its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named<'m> {
    /// Name, or empty.
    pub channel: &'m str,
    /// Id, or empty.
    pub uniqueid: &'m str,
    /// All of it, where the event describes it.
    pub info: Option<ChannelInfo<'m>>,
}

impl<'m> Named<'m> {
    pub(super) fn full(info: ChannelInfo<'m>) -> Self {
        Self { channel: info.channel, uniqueid: info.uniqueid, info: Some(info) }
    }
}

impl<'m> AgentCall<'m> {
    pub(super) fn read(m: &'m Message) -> Option<Self> {
        let (caller, dest) = match ChannelInfo::read(m, "Dest") {
            Some(dest) => (Named::full(ChannelInfo::read(m, "")?), Named::full(dest)),
            None => before_12::agent_call(m)?,
        };
        Some(Self {
            queue: text(m, "Queue")?,
            interface: text(m, "Interface").or_else(|| text(m, "AgentCalled")).or_else(|| text(m, "Member"))?,
            member_name: text(m, "MemberName").or_else(|| text(m, "AgentName")).unwrap_or_default(),
            caller,
            dest,
            hold_s: number(m, "HoldTime").or_else(|| number(m, "Holdtime")),
            reason: said(m, "Reason"),
        })
    }
}
