//! Channels of the PBX, as far as a watched phone's call needs them: its SIP Call-ID, the queue and customer it came by.
//!
//! A phone's channel is reached from the queue directly, or through `Local/…;1` → `;2` → Dial. Nothing waits for that: a call
//! is told as soon as its Call-ID is known, and told again when more is.

use std::collections::{BTreeSet, HashMap, HashSet};

use ami::event::ShownChannel;
use ami::{ChannelInfo, Event};

use crate::classify::NamePattern;

use super::contract::{PbxCall, PbxEvent};
use super::observed::Observed;
use super::returning::{Customer, Entry, Plan};

/// Asterisk's channel states.
const RINGING: u8 = 5;
const UP: u8 = 6;

/// Local channels may be chained (queue → follow-me → phone); more than this is a loop.
const MAX_HOPS: usize = 8;

/// What events said of a channel last.
#[derive(Debug)]
struct Said {
    channel: String,
    state: Option<u8>,
    caller_number: Option<String>,
    caller_name: Option<String>,
    connected_number: Option<String>,
    connected_name: Option<String>,
    context: Option<String>,
    exten: Option<String>,
    priority: Option<i64>,
}

impl From<&ChannelInfo<'_>> for Said {
    fn from(info: &ChannelInfo) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self {
            channel: info.channel.to_owned(),
            state: info.state,
            caller_number: own(info.caller_number),
            caller_name: own(info.caller_name),
            connected_number: own(info.connected_number),
            connected_name: own(info.connected_name),
            context: own(info.context),
            exten: own(info.exten),
            priority: info.priority,
        }
    }
}

#[derive(Debug)]
struct Channel {
    info: Said,
    bridge: Option<String>,
    /// Who dials it (uniqueid).
    dialed_by: Option<String>,
    /// It was called by a queue: (queue, uniqueid of the customer).
    offer: Option<(String, String)>,
    /// It entered a queue: where, and since when.
    entry: Option<(Entry, i64)>,
    call_id: Option<String>,
    /// Its Call-ID was asked for and the answer is not here yet.
    asked: bool,
    /// The phone dialled out.
    outgoing: bool,
    ringing_ms: Option<i64>,
    answered_ms: Option<i64>,
    told: Option<PbxCall>,
}

/// Live channels.
#[derive(Debug, Default)]
pub(super) struct Calls {
    channels: HashMap<String, Channel>,
    /// Name → uniqueid, and bridge → uniqueids: calls are followed at every event, on a PBX with hundreds of channels.
    names: HashMap<String, String>,
    bridges: HashMap<String, BTreeSet<String>>,
    /// Uniqueids of those whose Call-ID is known: only their calls are told.
    known: BTreeSet<String>,
    watched: BTreeSet<String>,
    /// Endpoints whose channels' Call-IDs are wanted, and whose calls are nobody's: named, and by pattern.
    asked: HashSet<String>,
    asked_like: Vec<NamePattern>,
    dirty: bool,
}

/// What calls want from the machine.
#[derive(Debug, PartialEq)]
pub(super) enum CallWant {
    Tell(PbxEvent),
    /// Ask for the Call-ID of (uniqueid, channel).
    Ask(String, String),
}

impl Calls {
    /// Sets whose calls are told.
    pub(super) fn watch(&mut self, endpoints: impl IntoIterator<Item = String>) -> Vec<CallWant> {
        self.watched = endpoints.into_iter().collect();
        self.dirty = true;
        self.ask_all()
    }

    /// Sets whose Call-IDs are asked for besides.
    pub(super) fn ask_dialogs(&mut self, endpoints: Vec<NamePattern>) -> Vec<CallWant> {
        let (exact, like): (Vec<_>, Vec<_>) = endpoints.into_iter().partition(NamePattern::is_exact);
        self.asked = exact.iter().map(|endpoint| endpoint.as_str().to_owned()).collect();
        self.asked_like = like;
        self.ask_all()
    }

    pub(super) fn event(&mut self, event: &Event<'_>, observed: &Observed, now_ms: i64) -> Vec<CallWant> {
        match event {
            Event::Newchannel(info)
            | Event::Newstate(info)
            | Event::NewConnectedLine(info)
            | Event::NewCallerid(info) => self.put(info, now_ms).into_iter().collect(),
            Event::DialBegin { caller, dest, .. } => {
                let wants: Vec<CallWant> = self.put(dest, now_ms).into_iter().collect();
                if let (Some(caller), Some(channel)) = (caller, self.channels.get_mut(dest.uniqueid)) {
                    channel.dialed_by = Some(caller.uniqueid.to_owned());
                    self.dirty = true;
                }
                wants
            }
            Event::AgentCalled(call) => {
                let both = [call.caller.info, call.dest.info];
                let wants = both.iter().flatten().filter_map(|info| self.put(info, now_ms)).collect();
                if let Some(channel) = self.channels.get_mut(call.dest.uniqueid) {
                    channel.offer = Some((call.queue.to_owned(), call.caller.uniqueid.to_owned()));
                    self.dirty = true;
                }
                wants
            }
            Event::QueueCallerJoin { caller, queue, .. } => {
                let wants: Vec<CallWant> = self.put(caller, now_ms).into_iter().collect();
                self.entered(caller.uniqueid, queue, observed.waiting_since(queue, caller.uniqueid).unwrap_or(now_ms));
                wants
            }
            Event::BridgeEnter { bridge, channel, .. } => {
                let wants: Vec<CallWant> = self.put(channel, now_ms).into_iter().collect();
                self.in_bridge(channel.uniqueid, Some((*bridge).to_owned()));
                wants
            }
            Event::BridgeLeave { channel, .. } => {
                self.in_bridge(channel.uniqueid, None);
                Vec::new()
            }
            Event::Rename { uniqueid, new_name } => {
                if let Some(channel) = self.channels.get_mut(*uniqueid) {
                    let old = std::mem::replace(&mut channel.info.channel, (*new_name).to_owned());
                    self.names.remove(&old);
                    self.names.insert((*new_name).to_owned(), (*uniqueid).to_owned());
                    self.dirty = true;
                }
                Vec::new()
            }
            Event::Hangup { channel, .. } => self.gone(channel.uniqueid).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Takes a whole CoreShowChannels.
    pub(super) fn snapshot(&mut self, list: &[Event<'_>], observed: &Observed, now_ms: i64) -> Vec<CallWant> {
        let mut wants = Vec::new();
        let mut here = BTreeSet::new();
        for event in list {
            let Event::CoreShowChannel(shown) = event else { continue };
            here.insert(shown.channel.uniqueid);
            wants.extend(self.put(&shown.channel, now_ms));
            self.in_bridge(shown.channel.uniqueid, shown.bridged.bridge().map(str::to_owned));
            self.seen_in_snapshot(shown, observed, now_ms);
        }
        let gone: Vec<String> = self.channels.keys().filter(|id| !here.contains(id.as_str())).cloned().collect();
        wants.extend(gone.iter().filter_map(|id| self.gone(id)));
        self.dirty = true;
        wants
    }

    fn seen_in_snapshot(&mut self, shown: &ShownChannel<'_>, observed: &Observed, now_ms: i64) {
        let age_ms = i64::try_from(shown.duration_s).unwrap_or(0) * 1000;
        let uniqueid = shown.channel.uniqueid;
        if let Some(channel) = self.channels.get_mut(uniqueid)
            && channel.info.state == Some(UP)
            && channel.told.is_none()
        {
            // The beginning of the conversation was not seen; the channel's own age is its bound.
            channel.answered_ms = Some(now_ms - age_ms);
        }
        let queue_application = shown.application.is_some_and(|name| name.eq_ignore_ascii_case("Queue"));
        let queue = shown.application_data.and_then(|data| data.split(',').next()).filter(|name| !name.is_empty());
        let known = self.channels.get(uniqueid).is_some_and(|channel| channel.entry.is_some());
        if let (true, Some(queue), false) = (queue_application, queue, known) {
            let since = observed.waiting_since(queue, uniqueid).unwrap_or(now_ms - age_ms);
            self.entered(uniqueid, queue, since);
        }
    }

    /// The link is away; the next snapshot says what is left.
    pub(super) fn lost(&mut self) {
        for channel in self.channels.values_mut() {
            channel.asked = false;
        }
    }

    /// The answer to [`CallWant::Ask`].
    pub(super) fn call_id(&mut self, uniqueid: &str, call_id: Option<String>) {
        if let Some(channel) = self.channels.get_mut(uniqueid) {
            channel.asked = false;
            channel.call_id = call_id.filter(|id| !id.is_empty());
            if channel.call_id.is_some() {
                self.known.insert(uniqueid.to_owned());
            }
            self.dirty = true;
        }
    }

    /// Calls that are new or changed since the last time.
    pub(super) fn take_changes(&mut self) -> Vec<PbxEvent> {
        if !std::mem::take(&mut self.dirty) {
            return Vec::new();
        }
        let now: Vec<(String, PbxCall)> =
            self.known.iter().filter_map(|id| Some((id.clone(), self.call(id, self.channels.get(id)?)?))).collect();
        let mut events = Vec::new();
        for (id, call) in now {
            let Some(channel) = self.channels.get_mut(&id) else { continue };
            if channel.told.as_ref() != Some(&call) {
                channel.told = Some(call.clone());
                events.push(PbxEvent::Call(call));
            }
        }
        events
    }

    /// What to do with a call whose phone died.
    pub(super) fn plan_return(&self, sip_call_id: &str, observed: &Observed) -> Result<Plan, String> {
        let phone = self.channels.iter().find(|(_, channel)| channel.call_id.as_deref() == Some(sip_call_id));
        let (id, phone) = phone.ok_or("the call has already ended at the PBX")?;
        let dead = phone.info.channel.clone();
        let talking = self.peer(id);
        let ringing = self.offered(id).map(|(_, customer)| customer);
        let customer = talking.clone().or(ringing).and_then(|id| Some((id.clone(), self.channels.get(&id)?)));
        let customer = match customer {
            Some((uniqueid, Channel { info, entry: Some((entry, _)), .. })) => Ok(Customer {
                channel: info.channel.clone(),
                still_waits: talking.is_none() && observed.waits(&entry.queue, &uniqueid),
                entry: entry.clone(),
                uniqueid,
            }),
            Some(_) => Err("the call did not come by a queue".to_owned()),
            None => Err("nobody is on the other side of the call".to_owned()),
        };
        let endpoint = endpoint(&dead).map(str::to_owned);
        Ok(Plan { dead, endpoint, answered_ms: phone.answered_ms, customer })
    }

    fn put(&mut self, info: &ChannelInfo<'_>, now_ms: i64) -> Option<CallWant> {
        let endpoint = endpoint(info.channel);
        let is_watched = endpoint.is_some_and(|endpoint| self.watched.contains(endpoint));
        let is_asked = is_asked(&self.asked, &self.asked_like, info.channel);
        self.dirty |= is_watched;
        let known = self.channels.entry(info.uniqueid.to_owned()).or_insert_with(|| Channel {
            info: Said::from(info),
            bridge: None,
            dialed_by: None,
            offer: None,
            entry: None,
            call_id: None,
            asked: false,
            // A channel that begins in state Ring has sent an INVITE to the PBX; one that is Down is being called.
            outgoing: info.state == Some(4),
            ringing_ms: None,
            answered_ms: None,
            told: None,
        });
        let name = std::mem::take(&mut known.info.channel);
        known.info = Said::from(info);
        if !name.is_empty() {
            // A renamed channel keeps its new name though an event made before still carries the old one.
            known.info.channel = name;
        }
        self.names.entry(known.info.channel.clone()).or_insert_with(|| info.uniqueid.to_owned());
        match info.state {
            Some(RINGING) => drop(known.ringing_ms.get_or_insert(now_ms)),
            Some(UP) => drop(known.answered_ms.get_or_insert(now_ms)),
            _ => {}
        }
        if !(is_watched || is_asked) || known.call_id.is_some() || known.asked {
            return None;
        }
        known.asked = true;
        Some(CallWant::Ask(info.uniqueid.to_owned(), info.channel.to_owned()))
    }

    fn ask_all(&mut self) -> Vec<CallWant> {
        let mut wants = Vec::new();
        for (id, channel) in &mut self.channels {
            let name = &channel.info.channel;
            let is_watched = endpoint(name).is_some_and(|endpoint| self.watched.contains(endpoint));
            let is_asked = is_asked(&self.asked, &self.asked_like, name);
            if (is_watched || is_asked) && channel.call_id.is_none() && !channel.asked {
                channel.asked = true;
                wants.push(CallWant::Ask(id.clone(), channel.info.channel.clone()));
            }
        }
        wants
    }

    fn entered(&mut self, uniqueid: &str, queue: &str, since_ms: i64) {
        let Some(channel) = self.channels.get_mut(uniqueid) else { return };
        let info = &channel.info;
        if let (Some(context), Some(exten), Some(priority)) = (&info.context, &info.exten, info.priority) {
            let (context, exten) = (context.clone(), exten.clone());
            channel.entry = Some((Entry { queue: queue.to_owned(), context, exten, priority }, since_ms));
            self.dirty = true;
        }
    }

    fn in_bridge(&mut self, uniqueid: &str, bridge: Option<String>) {
        let Some(channel) = self.channels.get_mut(uniqueid) else { return };
        self.dirty = true;
        let left = std::mem::replace(&mut channel.bridge, bridge.clone());
        if let Some(left) = left.filter(|left| bridge.as_ref() != Some(left)) {
            self.leave(&left, uniqueid);
        }
        if let Some(bridge) = bridge {
            self.bridges.entry(bridge).or_default().insert(uniqueid.to_owned());
        }
    }

    fn leave(&mut self, bridge: &str, uniqueid: &str) {
        if let Some(inside) = self.bridges.get_mut(bridge) {
            inside.remove(uniqueid);
            if inside.is_empty() {
                self.bridges.remove(bridge);
            }
        }
    }

    fn gone(&mut self, uniqueid: &str) -> Option<CallWant> {
        let channel = self.channels.remove(uniqueid)?;
        self.known.remove(uniqueid);
        self.names.remove(&channel.info.channel);
        if let Some(bridge) = &channel.bridge {
            self.leave(bridge, uniqueid);
        }
        let told = channel.told?;
        Some(CallWant::Tell(PbxEvent::CallGone {
            endpoint: told.endpoint,
            sip_call_id: told.sip_call_id,
            talked: channel.answered_ms.is_some(),
        }))
    }

    fn call(&self, id: &str, channel: &Channel) -> Option<PbxCall> {
        let endpoint = endpoint(&channel.info.channel).filter(|endpoint| self.watched.contains(*endpoint))?;
        let offered = self.offered(id);
        // Who talks counts for more than who was offered: the call may have been handed over since.
        let other_id = self.peer(id).or_else(|| offered.as_ref().map(|(_, customer)| customer.clone()));
        let other = other_id.as_ref().and_then(|id| self.channels.get(id));
        let sip_call_id = channel.call_id.clone()?;
        let (ringing_ms, answered_ms) = (channel.ringing_ms, channel.answered_ms);
        if let (None, Some(told)) = (other, &channel.told) {
            // The other side goes first when a call ends; what is known of the call does not change by that.
            return Some(PbxCall { ringing_ms, answered_ms, ..told.clone() });
        }
        let entry = other.and_then(|other| other.entry.as_ref());
        let offering = offered.filter(|(_, customer)| other_id.as_ref() == Some(customer)).map(|(queue, _)| queue);
        let queue = offering.or_else(|| Some(entry?.0.queue.clone()));
        let dialled = || channel.info.exten.clone().filter(|exten| channel.outgoing && exten != "s");
        let number =
            other.and_then(|other| other.info.caller_number.clone()).or_else(|| channel.info.connected_number.clone());
        let name =
            other.and_then(|other| other.info.caller_name.clone()).or_else(|| channel.info.connected_name.clone());
        let since = entry.filter(|(entry, _)| queue.as_ref() == Some(&entry.queue)).map(|(_, since)| *since);
        // A customer who is sent back to the queue begins a new wait there; the wait before this answer is over.
        let before = channel.told.as_ref().filter(|told| told.answered_ms.is_some() && told.queue == queue);
        Some(PbxCall {
            endpoint: endpoint.to_owned(),
            sip_call_id,
            waiting_since_ms: before.map_or(since, |told| told.waiting_since_ms),
            queue,
            caller_number: number.or_else(dialled),
            caller_name: name,
            ringing_ms,
            answered_ms,
        })
    }

    /// The queue that offers this channel, and the customer; also through Local channels.
    fn offered(&self, id: &str) -> Option<(String, String)> {
        let mut id = id.to_owned();
        for _ in 0..MAX_HOPS {
            let channel = self.channels.get(&id)?;
            if channel.offer.is_some() {
                return channel.offer.clone();
            }
            id = match self.other_half(&channel.info.channel) {
                Some(half) if self.channels.get(&half).is_some_and(|half| half.offer.is_some()) => half,
                half => channel.dialed_by.clone().or(half)?,
            };
        }
        None
    }

    /// Who is at the other end of the bridge; through Local channels.
    fn peer(&self, id: &str) -> Option<String> {
        let mut id = id.to_owned();
        for _ in 0..MAX_HOPS {
            let bridge = self.channels.get(&id)?.bridge.as_ref()?;
            let peer = self.bridges.get(bridge)?.iter().find(|other| **other != id)?;
            let channel = self.channels.get(peer)?;
            match self.other_half(&channel.info.channel) {
                Some(half) => id = half,
                None => return Some(peer.clone()),
            }
        }
        None
    }

    /// Uniqueid of the other half of a Local channel.
    fn other_half(&self, name: &str) -> Option<String> {
        let base = name.strip_prefix("Local/")?;
        let (base, half) = base.rsplit_once(';')?;
        self.names.get(&format!("Local/{base};{}", if half == "1" { "2" } else { "1" })).cloned()
    }
}

/// Whether the Call-ID of a SIP channel is wanted, though nobody's phone is watched there.
fn is_asked(exact: &HashSet<String>, like: &[NamePattern], channel: &str) -> bool {
    let device = channel.rsplit_once('-').map(|(device, _)| device).filter(|_| endpoint(channel).is_some());
    device.is_some_and(|device| exact.contains(device) || like.iter().any(|line| line.matches(device)))
}

/// Endpoint of a SIP channel of either kind.
fn endpoint(channel: &str) -> Option<&str> {
    channel
        .strip_prefix("PJSIP/")
        .or_else(|| channel.strip_prefix("SIP/"))?
        .rsplit_once('-')
        .map(|(endpoint, _)| endpoint)
}
