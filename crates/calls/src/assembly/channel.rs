//! One channel: what was said of it last, and its notes.

use ami::ChannelInfo;
use rustc_hash::FxHashMap;

use super::{Assembly, PbxIx};
use crate::call::JoinReason;
use crate::note::{ChannelIx, Note, What};

/// Notes that are kept of a channel. A call of a person has some thirty; a conference of a day some thousands.
const MAX_NOTES: usize = 20_000;

/// A finger cannot press a key twice in this time; the same digit within it is a repetition.
const SAME_DIGIT_MS: i64 = 60;

/// See the module.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) pbx: PbxIx,
    pub(crate) uniqueid: Box<str>,
    pub(crate) name: Box<str>,
    /// Its name at the begin; a masquerade gives it another.
    pub(crate) first_name: Box<str>,
    pub(crate) notes: Vec<Note>,
    pub(crate) group: usize,
    pub(crate) gone: bool,
    last_at: i64,
    pub(super) linkedid: Box<str>,
    caller: (Option<Box<str>>, Option<Box<str>>),
    connected: (Option<Box<str>>, Option<Box<str>>),
    rang: bool,
    up: bool,
    holds: bool,
    pub(super) bridge: Option<Box<str>>,
    pub(super) queue: Option<Box<str>>,
    place: (Box<str>, Box<str>),
    listens: bool,
    /// Linkedids and keys under which it can be found.
    pub(super) linked: Vec<Box<str>>,
    pub(super) keys: Vec<(JoinReason, Box<str>)>,
    /// A queue rings it for a customer.
    offered: bool,
}

/// `Local/101@x-1;1` → `Local/101@x-1;2`.
pub(super) fn other_half(name: &str) -> Option<String> {
    let (base, half) = name.strip_prefix("Local/").and_then(|_| name.rsplit_once(';'))?;
    match half {
        "1" => Some(format!("{base};2")),
        "2" => Some(format!("{base};1")),
        _ => None,
    }
}

fn own(text: Option<&str>) -> Option<Box<str>> {
    text.map(Box::from)
}

impl Channel {
    /// `PJSIP/1001-0000000d` → `PJSIP/1001`, by its name at the begin; a Local channel is named whole.
    pub(crate) fn endpoint(&self) -> &str {
        let name = self.first_name.split_once('<').map_or(&*self.first_name, |(name, _)| name);
        if name.starts_with("Local/") { name } else { name.rsplit_once('-').map_or(name, |(endpoint, _)| endpoint) }
    }

    /// Whether a queue offered it to a member.
    pub(crate) fn is_offered(&self) -> bool {
        self.offered
    }

    /// When something was noted last.
    pub(super) fn last_at(&self) -> i64 {
        self.last_at
    }

    /// Whether a note says something new; keeps the state that tells.
    fn is_news(&mut self, note: &Note) -> bool {
        if note.at < self.last_at {
            return false;
        }
        let after_the_end = self.gone;
        match &note.what {
            What::Born { .. } => self.notes.iter().all(|note| !matches!(note.what, What::Born { .. })),
            What::Renamed(name) => *name != self.name,
            What::Caller { number, name } => {
                let caller = (number.clone(), name.clone());
                !after_the_end && std::mem::replace(&mut self.caller, caller) != (number.clone(), name.clone())
            }
            What::ConnectedTo { number, name } => {
                let connected = (number.clone(), name.clone());
                !after_the_end && std::mem::replace(&mut self.connected, connected) != (number.clone(), name.clone())
            }
            What::Rings => !after_the_end && !self.up && !std::mem::replace(&mut self.rang, true),
            What::Up => !after_the_end && !std::mem::replace(&mut self.up, true),
            What::At { context, exten, application, .. } => {
                let moved = self.place.0 != *context || self.place.1 != *exten;
                if moved {
                    self.place = (context.clone(), exten.clone());
                }
                let again =
                    |note: &Note| matches!(&note.what, What::At { application: last, .. } if last == application);
                moved || matters(application) && !self.notes.last().is_some_and(again)
            }
            What::Enters { bridge, .. } => {
                !after_the_end && self.bridge.replace(bridge.clone()).as_ref() != Some(bridge)
            }
            What::Leaves { bridge } => self.bridge.take_if(|inside| inside == bridge).is_some(),
            What::Holds => !after_the_end && !std::mem::replace(&mut self.holds, true),
            What::Resumes => std::mem::replace(&mut self.holds, false),
            What::Digit(digit) => {
                let same = |note: &&Note| matches!(note.what, What::Digit(_));
                let last = self.notes.iter().rev().find(same);
                !last.is_some_and(|last| last.what == What::Digit(*digit) && note.at - last.at < SAME_DIGIT_MS)
            }
            What::JoinsQueue { queue, .. } => self.queue.replace(queue.clone()).as_ref() != Some(queue),
            What::LeavesQueue { queue } => self.queue.take_if(|inside| inside == queue).is_some(),
            What::ListensTo { .. } => !std::mem::replace(&mut self.listens, true),
            What::ListensNoMore => std::mem::replace(&mut self.listens, false),
            What::Attribute { name, value } => {
                let last = self.notes.iter().rev().find_map(|note| match &note.what {
                    What::Attribute { name: known, value } if known == name => Some(value),
                    _ => None,
                });
                last != Some(value)
            }
            What::Gone { .. } | What::LostInGap { .. } => !std::mem::replace(&mut self.gone, true),
            // What happens once in a while and is the same when it is said twice.
            _ => !self.notes.iter().rev().take(16).any(|known| known.what == note.what && note.at - known.at < 1_000),
        }
    }
}

/// Applications that say where a caller is; the others are the dialplan's own business.
fn matters(application: &str) -> bool {
    matches!(
        application,
        "Queue"
            | "Dial"
            | "Park"
            | "Pickup"
            | "VoiceMail"
            | "ConfBridge"
            | "MeetMe"
            | "Read"
            | "BackGround"
            | "Background"
            | "WaitExten"
            | "Playback"
            | "ChanSpy"
            | "ExtenSpy"
            | "AgentLogin"
            | "Echo"
            | "MusicOnHold"
            | "FollowMe"
            | "Hangup"
    )
}

impl Assembly {
    /// Notes a fact of a channel, if it is news, with all that follows from it.
    pub(super) fn note(&mut self, ix: ChannelIx, at: i64, what: What) -> bool {
        let Some(channel) = self.channels.get_mut(&ix) else { return false };
        let note = Note { at, what };
        if !channel.is_news(&note) {
            self.figures.repeated += 1;
            return false;
        }
        channel.last_at = at;
        if channel.notes.len() >= MAX_NOTES && !matches!(note.what, What::Gone { .. } | What::LostInGap { .. }) {
            self.figures.dropped += 1;
            return false;
        }
        self.figures.notes += 1;
        if let Some(group) = self.groups.get_mut(channel.group) {
            group.changed = true;
        }
        self.journal.note(ix, &note);
        channel.notes.push(note);
        let at_last = channel.notes.len() - 1;
        self.follow(ix, at, at_last);
        true
    }

    /// What a note changes elsewhere.
    fn follow(&mut self, ix: ChannelIx, at: i64, note: usize) {
        let Some(channel) = self.channels.get_mut(&ix) else { return };
        match &channel.notes[note].what {
            What::Renamed(name) => {
                let name = name.clone();
                let (pbx, old) = (channel.pbx, std::mem::replace(&mut channel.name, name.clone()));
                let names = &mut self.pbx_mut(pbx).by_name;
                if names.get(&old) == Some(&ix) {
                    names.remove(&old);
                }
                names.insert(name, ix);
            }
            What::Enters { bridge, holding: false } => {
                let (pbx, bridge) = (channel.pbx, bridge.clone());
                self.meet(pbx, ix, at, &bridge);
            }
            What::Leaves { bridge } => {
                let (pbx, bridge) = (channel.pbx, bridge.clone());
                leave(&mut self.pbx_mut(pbx).bridges, &bridge, ix);
            }
            What::Offered { dest, .. } => {
                let dest = *dest;
                if let Some(dest) = self.channels.get_mut(&dest) {
                    dest.offered = true;
                }
            }
            What::Gone { .. } | What::LostInGap { .. } => {
                let (pbx, bridge) = (channel.pbx, channel.bridge.clone());
                if let Some(bridge) = bridge {
                    leave(&mut self.pbx_mut(pbx).bridges, &bridge, ix);
                }
                self.one_less(ix, at);
            }
            _ => {}
        }
    }

    /// The channel of this id, if it is known.
    pub(super) fn find(&self, pbx: PbxIx, uniqueid: &str) -> Option<ChannelIx> {
        self.pbx(pbx)?.by_id.get(uniqueid).copied()
    }

    /// The channel of this name, if it is known.
    pub(super) fn find_named(&self, pbx: PbxIx, name: &str) -> Option<ChannelIx> {
        self.pbx(pbx)?.by_name.get(name).copied()
    }

    /// The channel of an event, brought up to date; made where it is not known and `live` says that it is there now.
    pub(super) fn touch(&mut self, pbx: PbxIx, at: i64, info: &ChannelInfo<'_>, live: bool) -> Option<ChannelIx> {
        let ix = match self.find(pbx, info.uniqueid) {
            Some(ix) => ix,
            None if live => {
                let ix = self.next_channel;
                self.make(ix, pbx, info.uniqueid, info.channel);
                self.note(ix, at, What::Born { calls_in: info.state == Some(4) });
                ix
            }
            None => return None,
        };
        let channel = self.channels.get(&ix)?;
        if at < channel.last_at || channel.gone {
            return Some(ix);
        }
        let differs = |known: &(Option<Box<str>>, Option<Box<str>>), number: Option<&str>, name: Option<&str>| {
            (number.is_some() || name.is_some()) && (known.0.as_deref() != number || known.1.as_deref() != name)
        };
        let caller = differs(&channel.caller, info.caller_number, info.caller_name);
        let connected = differs(&channel.connected, info.connected_number, info.connected_name);
        let (rings, up) = (info.state == Some(5) && !channel.rang, info.state == Some(6) && !channel.up);
        let linkedid = info.linkedid.filter(|linkedid| *linkedid != &*channel.linkedid);
        if caller {
            self.note(ix, at, What::Caller { number: own(info.caller_number), name: own(info.caller_name) });
        }
        if connected {
            self.note(ix, at, What::ConnectedTo { number: own(info.connected_number), name: own(info.connected_name) });
        }
        if rings {
            self.note(ix, at, What::Rings);
        }
        if up {
            self.note(ix, at, What::Up);
        }
        if let Some(linkedid) = linkedid {
            self.link(ix, at, linkedid);
        }
        Some(ix)
    }

    /// Begins a channel that is not known.
    pub(super) fn make(&mut self, ix: ChannelIx, pbx: PbxIx, uniqueid: &str, name: &str) {
        self.journal.make(ix, pbx, uniqueid, name);
        self.next_channel = self.next_channel.max(ChannelIx(ix.0 + 1));
        let group = self.new_group(ix);
        let channel = Channel {
            pbx,
            uniqueid: uniqueid.into(),
            name: name.into(),
            first_name: name.into(),
            notes: Vec::new(),
            group,
            gone: false,
            last_at: i64::MIN,
            linkedid: Box::default(),
            caller: (None, None),
            connected: (None, None),
            rang: false,
            up: false,
            holds: false,
            bridge: None,
            queue: None,
            place: (Box::default(), Box::default()),
            listens: false,
            linked: Vec::new(),
            keys: Vec::new(),
            offered: false,
        };
        self.channels.insert(ix, channel);
        self.fresh.push(ix);
        let known = self.pbx_mut(pbx);
        known.by_id.insert(uniqueid.into(), ix);
        known.by_name.insert(name.into(), ix);
    }

    /// Frees a channel whose call was told.
    pub(super) fn forget(&mut self, ix: ChannelIx) {
        let Some(channel) = self.channels.remove(&ix) else { return };
        self.figures.notes -= channel.notes.len();
        let pbx = self.pbx_mut(channel.pbx);
        let of_it = |map: &mut FxHashMap<Box<str>, ChannelIx>, key: &str| {
            if map.get(key) == Some(&ix) {
                map.remove(key);
            }
        };
        of_it(&mut pbx.by_id, &channel.uniqueid);
        of_it(&mut pbx.by_name, &channel.name);
        for linkedid in &channel.linked {
            of_it(&mut pbx.linked, linkedid);
        }
        if let Some(bridge) = &channel.bridge {
            leave(&mut pbx.bridges, bridge, ix);
        }
        for key in channel.keys {
            if self.keys.get(&key) == Some(&ix) {
                self.keys.remove(&key);
            }
        }
    }
}

/// Takes a channel out of a bridge.
fn leave(bridges: &mut FxHashMap<Box<str>, Vec<ChannelIx>>, bridge: &str, ix: ChannelIx) {
    if let Some(inside) = bridges.get_mut(bridge) {
        inside.retain(|other| *other != ix);
        if inside.is_empty() {
            bridges.remove(bridge);
        }
    }
}
