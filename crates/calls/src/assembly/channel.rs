//! One channel: what was said of it last, and its notes.

use ami::ChannelInfo;
use rustc_hash::FxHashMap;

use super::steps::{Step, Steps, matters};
use super::{Assembly, PbxIx};
use crate::call::JoinReason;
use crate::note::{ChannelIx, Note, What};

/// Notes that are kept of a channel before those are left away that only describe. A call of a person has some thirty; a
/// conference of a day some thousands.
const MAX_NOTES: usize = 20_000;

/// A finger cannot press a key twice in this time; the same digit within it is a repetition.
const SAME_DIGIT_MS: i64 = 60;

/// See the module.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) pbx: PbxIx,
    /// Its id at the begin; a masquerade gives it another.
    pub(crate) uniqueid: Box<str>,
    /// Its id now.
    pub(super) now: Box<str>,
    pub(crate) name: Box<str>,
    /// Its name at the begin; a masquerade gives it another.
    pub(crate) first_name: Box<str>,
    pub(crate) notes: Vec<Note>,
    pub(crate) group: usize,
    pub(crate) gone: bool,
    /// Time of the last event; a repeated one is not newer.
    last_at: i64,
    /// The other half of a Local channel.
    pub(super) half: Option<ChannelIx>,
    /// It was decided which channel of another PBX is its other end, if any.
    pub(super) settled: bool,
    pub(super) linkedid: Box<str>,
    caller: (Option<Box<str>>, Option<Box<str>>),
    connected: (Option<Box<str>>, Option<Box<str>>),
    rang: bool,
    up: bool,
    holds: bool,
    pub(super) bridge: Option<Box<str>>,
    pub(super) queue: Option<Box<str>>,
    pub(super) place: (Box<str>, Box<str>),
    steps: Steps,
    listens: bool,
    /// Linkedids and keys under which it can be found.
    pub(super) linked: Vec<Box<str>>,
    pub(super) keys: Vec<(JoinReason, Box<str>)>,
    /// A queue rings it for a customer.
    offered: bool,
    /// A recorder ran on it.
    pub(crate) recorded: bool,
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

    /// When something was heard of it last.
    pub(super) fn last_at(&self) -> i64 {
        self.last_at
    }

    /// Something was heard of it.
    pub(super) fn heard_at(&mut self, at: i64) {
        self.last_at = self.last_at.max(at);
    }

    /// Whether it called the PBX, the others are called; nothing, while it is not known.
    pub(crate) fn calls_in(&self) -> Option<bool> {
        let said = self.notes.iter().find_map(|note| match note.what {
            What::Born { calls_in } => calls_in,
            What::CallsIn(calls_in) => Some(calls_in),
            _ => None,
        });
        said.map(|said| said || self.notes.iter().any(|note| note.what == What::RingsIn))
    }

    /// Whether a step of the dialplan says nothing: it is at the same place, with an application that does not matter.
    pub(super) fn passes(&mut self, at: i64, step: Step<'_>) -> bool {
        let (context, exten, application, _) = step;
        let passes = !self.is_moved_by(context, exten) && !matters(application);
        if passes && at >= self.last_at {
            self.steps.is_known(at, step);
        }
        passes
    }

    /// Whether its begin is heard after a list has shown it: lists overtake events.
    fn is_born_again(&self, at: i64, what: &What) -> bool {
        let seen = self.notes.first().filter(|_| self.last_at == i64::MIN);
        matches!(what, What::Born { .. }) && seen.is_some_and(|seen| at < seen.at)
    }

    /// Whether a step is at another place of the dialplan than the last.
    fn is_moved_by(&self, context: &str, exten: &str) -> bool {
        *self.place.0 != *context || *self.place.1 != *exten
    }

    /// Whether a note says something new; keeps the state that tells.
    fn is_news(&mut self, note: &Note) -> bool {
        let after_the_end = self.gone;
        match &note.what {
            What::Born { .. } => self.notes.iter().all(|note| !matches!(note.what, What::Born { .. })),
            What::CallsIn(_) => self.calls_in().is_none(),
            What::RingsIn => self.calls_in() == Some(false),
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
            What::At { context, exten, application, data } => {
                // Said again, after what came next in the same millisecond.
                if self.steps.is_known(note.at, (context, exten, application, data)) {
                    return false;
                }
                let moved = self.is_moved_by(context, exten);
                if moved {
                    self.place = (context.clone(), exten.clone());
                }
                // Another queue is another place, also at the same step of the dialplan.
                let again = |note: &Note| match &note.what {
                    What::At { application: last, data: before, .. } => {
                        last == application && (**application != *"Queue" || before == data)
                    }
                    _ => false,
                };
                moved || matters(application) && !self.notes.last().is_some_and(again)
            }
            What::Enters { bridge, .. } => {
                !after_the_end && self.bridge.replace(bridge.clone()).as_ref() != Some(bridge)
            }
            What::Leaves { bridge } => {
                let left = self.bridge.take_if(|inside| inside == bridge).is_some();
                // Asterisk ends a hold with the bridge it was made in, without a word.
                self.holds &= !left;
                left
            }
            What::Holds => !after_the_end && !std::mem::replace(&mut self.holds, true),
            What::Resumes => std::mem::replace(&mut self.holds, false),
            What::Digit(digit) => {
                let same = |note: &&Note| matches!(note.what, What::Digit(_));
                let last = self.notes.iter().rev().find(same);
                !last.is_some_and(|last| last.what == What::Digit(*digit) && note.at - last.at < SAME_DIGIT_MS)
            }
            What::JoinsQueue { queue, .. } => self.queue.replace(queue.clone()).as_ref() != Some(queue),
            What::LeavesQueue { queue } | What::LeftQueueInGap { queue } | What::LeftQueueUnseen { queue } => {
                self.queue.take_if(|inside| inside == queue).is_some()
            }
            What::Unheard => !after_the_end,
            What::RungByQueue => self.notes.iter().all(|note| note.what != What::RungByQueue),
            What::StillInQueue => self.queue.is_some(),
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
            // Of the queue that was asked last; two that are closed say the same one after the other.
            What::QueueStatus(status) => {
                let of_same = |known: &&Note| match &known.what {
                    What::QueueStatus(_) | What::JoinsQueue { .. } => true,
                    What::At { application, .. } => **application == *"Queue",
                    _ => false,
                };
                let last = self.notes.iter().rev().find(of_same);
                !last.is_some_and(|known| known.what == What::QueueStatus(*status) && note.at - known.at < 1_000)
            }
            // Said again after channels have changed their places, it names others.
            What::TransfersAttended { success, .. } => {
                let known = |known: &Note| match known.what {
                    What::TransfersAttended { success: before, .. } => before == *success && note.at - known.at < 1_000,
                    _ => false,
                };
                !self.notes.iter().rev().take(16).any(known)
            }
            // What happens once in a while and is the same when it is said twice.
            _ => !self.notes.iter().rev().take(16).any(|known| known.what == note.what && note.at - known.at < 1_000),
        }
    }
}

impl Assembly {
    /// Notes what an event says of a channel, if it is news, with all that follows from it. What is older than the channel's last
    /// event repeats one, but for its end, which comes once.
    pub(super) fn note(&mut self, ix: ChannelIx, at: i64, what: What) {
        let Some(channel) = self.channels.get_mut(&ix) else { return };
        if at < channel.last_at && !matches!(what, What::Gone { .. } | What::LostInGap { .. }) {
            self.figures.repeated += 1;
        } else if self.put(ix, at, what, Source::Event)
            && let Some(channel) = self.channels.get_mut(&ix)
        {
            channel.last_at = channel.last_at.max(at);
        }
    }

    /// Notes what was found by asking. Our own clock says when, so that events of the PBX may seem older that came after it.
    pub(super) fn note_of_look(&mut self, ix: ChannelIx, at: i64, what: What) {
        self.put(ix, at, what, Source::Look);
    }

    fn note_from(&mut self, source: Source, ix: ChannelIx, at: i64, what: What) {
        match source {
            Source::Event => self.note(ix, at, what),
            Source::Look => self.note_of_look(ix, at, what),
        }
    }

    fn put(&mut self, ix: ChannelIx, at: i64, what: What, source: Source) -> bool {
        let Some(channel) = self.channels.get_mut(&ix) else { return false };
        if channel.is_born_again(at, &what) {
            self.journal.note(ix, at, &what, source);
            channel.notes[0] = Note { at, what };
            if let Some(group) = self.groups.get_mut(channel.group) {
                group.changed = true;
            }
            return true;
        }
        // What only describes is left away where there is too much of it; what tells who is where never is.
        let describes = matches!(
            what,
            What::At { .. } | What::Digit(_) | What::Attribute { .. } | What::Caller { .. } | What::ConnectedTo { .. }
        );
        if describes && channel.notes.len() >= MAX_NOTES {
            self.figures.dropped += 1;
            return false;
        }
        // A channel's notes are in order; in the journal it stands as it was said, to be ordered again.
        let said_at = at;
        let note = Note { at: channel.notes.last().map_or(at, |last| at.max(last.at)), what };
        if !channel.is_news(&note) {
            self.figures.repeated += 1;
            return false;
        }
        let at = note.at;
        channel.recorded |= note.what == What::Recorded;
        self.figures.notes += 1;
        if let Some(group) = self.groups.get_mut(channel.group) {
            group.changed = true;
        }
        self.journal.note(ix, said_at, &note.what, source);
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
            What::GivesPlace { to } => {
                let to = *to;
                self.exchange(ix, to);
            }
            What::Gone { .. } | What::LostInGap { .. } => {
                // Whoever is given up is over when that is found, and may be heard of for a while after that.
                let at = match channel.notes[note].what {
                    What::LostInGap { until } => at.max(until),
                    _ => at,
                };
                // Where many calls end these wait for what may follow, and little more will be said of them.
                channel.notes.shrink_to_fit();
                channel.steps = Steps::default();
                let (pbx, bridge) = (channel.pbx, channel.bridge.clone());
                if let Some(bridge) = bridge {
                    leave(&mut self.pbx_mut(pbx).bridges, &bridge, ix);
                }
                self.one_less(ix, at);
            }
            _ => {}
        }
    }

    /// A channel that was given up is heard of: it was there all the time.
    pub(super) fn revive(&mut self, ix: ChannelIx) {
        let Some(channel) = self.channels.get_mut(&ix) else { return };
        let lost = channel.notes.iter().rposition(|note| matches!(note.what, What::LostInGap { .. }));
        let Some(lost) = lost.filter(|_| channel.gone) else { return };
        channel.notes.remove(lost);
        channel.gone = false;
        let (pbx, group, bridge) = (channel.pbx, channel.group, channel.bridge.clone());
        self.figures.notes -= 1;
        self.journal.revived(ix);
        if let Some(group) = self.groups.get_mut(group) {
            group.live += 1;
            group.changed = true;
        }
        let at = self.channel(ix).map_or(0, Channel::last_at);
        if let Some(bridge) = bridge {
            self.meet(pbx, ix, at, &bridge);
        }
    }

    /// Puts the halves of a Local channel together. Their names are given again after the PBX was restarted, so that a name alone
    /// is not enough.
    fn find_half(&mut self, ix: ChannelIx, at: i64) {
        /// Both are made in one step.
        const WITHIN_MS: i64 = 2_000;
        let Some(channel) = self.channel(ix).filter(|channel| channel.half.is_none()) else { return };
        let Some(name) = other_half(&channel.name) else { return };
        let whole = |channel: &Channel| match channel.notes.first() {
            Some(Note { at, what: What::Born { calls_in: Some(_) } }) => Some(*at),
            _ => None,
        };
        let fits = |other: &Channel| {
            let together = match (whole(channel), whole(other)) {
                (Some(one), Some(two)) => (one - two).abs() <= WITHIN_MS,
                (None, None) => true,
                _ => false,
            };
            !other.gone && other.half.is_none() && together
        };
        let other = self.find_named(channel.pbx, &name);
        if let Some(other) = other.filter(|other| self.channel(*other).is_some_and(fits)) {
            self.halves(other, ix, at);
        }
    }

    /// Two channels are the halves of a Local channel, and so one call.
    pub(super) fn halves(&mut self, one: ChannelIx, two: ChannelIx, at: i64) {
        self.pair_halves(one, two);
        self.join(one, two, JoinReason::LocalHalves, at);
    }

    pub(super) fn pair_halves(&mut self, one: ChannelIx, two: ChannelIx) {
        if [one, two].iter().all(|ix| self.channel(*ix).is_some_and(|channel| channel.half.is_none())) {
            self.journal.halves(one, two);
            for (ix, other) in [(one, two), (two, one)] {
                if let Some(channel) = self.channels.get_mut(&ix) {
                    channel.half = Some(other);
                }
            }
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
        match self.find(pbx, info.uniqueid) {
            Some(ix) => {
                self.revive(ix);
                if self.channel(ix).is_some_and(|channel| at >= channel.last_at) {
                    self.describe(ix, at, info, Source::Event);
                }
                Some(ix)
            }
            None if live => Some(self.begin(pbx, at, info, None, Source::Event)),
            None => None,
        }
    }

    /// A channel that was not known. `calls_in` says whether it called the PBX, where its begin was heard.
    pub(super) fn begin(
        &mut self,
        pbx: PbxIx,
        at: i64,
        info: &ChannelInfo<'_>,
        calls_in: Option<bool>,
        source: Source,
    ) -> ChannelIx {
        let ix = self.next_channel;
        self.make(ix, pbx, info.uniqueid, info.channel);
        // A channel that still rings or calls is told by its state.
        let calls_in = calls_in.or(match info.state {
            Some(4) => Some(true),
            Some(0 | 5) => Some(false),
            _ => None,
        });
        self.note_from(source, ix, at, What::Born { calls_in });
        self.find_half(ix, at);
        self.describe(ix, at, info, source);
        ix
    }

    /// What is said of a channel besides what happens.
    pub(super) fn describe(&mut self, ix: ChannelIx, at: i64, info: &ChannelInfo<'_>, source: Source) {
        let Some(channel) = self.channels.get(&ix).filter(|channel| !channel.gone) else { return };
        let differs = |known: &(Option<Box<str>>, Option<Box<str>>), number: Option<&str>, name: Option<&str>| {
            (number.is_some() || name.is_some()) && (known.0.as_deref() != number || known.1.as_deref() != name)
        };
        let caller = differs(&channel.caller, info.caller_number, info.caller_name);
        let connected = differs(&channel.connected, info.connected_number, info.connected_name);
        let (rings, up) = (info.state == Some(5) && !channel.rang, info.state == Some(6) && !channel.up);
        let linkedid = info.linkedid.filter(|linkedid| *linkedid != &*channel.linkedid);
        let rings_in = info.state == Some(4) && channel.calls_in() == Some(false);
        let mut say = |what| self.note_from(source, ix, at, what);
        if caller {
            say(What::Caller { number: own(info.caller_number), name: own(info.caller_name) });
        }
        if connected {
            say(What::ConnectedTo { number: own(info.connected_number), name: own(info.connected_name) });
        }
        if rings_in {
            say(What::RingsIn);
        }
        if rings {
            say(What::Rings);
        }
        if up {
            say(What::Up);
        }
        if let Some(linkedid) = linkedid {
            self.link(ix, at, linkedid);
        }
    }

    /// Begins a channel that is not known.
    pub(super) fn make(&mut self, ix: ChannelIx, pbx: PbxIx, uniqueid: &str, name: &str) {
        self.journal.make(ix, pbx, uniqueid, name);
        self.next_channel = self.next_channel.max(ChannelIx(ix.0 + 1));
        let group = self.new_group(ix);
        self.channels.insert(ix, Box::new(Channel::new(pbx, uniqueid, name, group)));
        self.fresh.push(ix);
        let known = self.pbx_mut(pbx);
        known.by_id.insert(uniqueid.into(), ix);
        known.by_name.insert(name.into(), ix);
    }

    /// Takes back what is known of a channel, so that a dump can say all of it.
    pub(super) fn renew(&mut self, ix: ChannelIx) {
        let Some(channel) = self.channels.get_mut(&ix) else { return };
        let new = Channel::new(channel.pbx, &channel.uniqueid, &channel.first_name, channel.group);
        let old = std::mem::replace(&mut **channel, new);
        // It is found by what it was found by.
        (channel.linked, channel.keys) = (old.linked, old.keys);
        self.figures.notes -= old.notes.len();
        if old.gone
            && let Some(group) = self.groups.get_mut(old.group)
        {
            group.live += 1;
        }
        let pbx = self.pbx_mut(old.pbx);
        if let Some(bridge) = &old.bridge {
            leave(&mut pbx.bridges, bridge, ix);
        }
        if pbx.by_name.get(&old.name) == Some(&ix) {
            pbx.by_name.remove(&old.name);
        }
        pbx.by_name.insert(old.first_name, ix);
    }

    /// Frees a channel whose call was told.
    pub(super) fn forget(&mut self, ix: ChannelIx) {
        self.hide(ix);
        if let Some(channel) = self.channels.remove(&ix) {
            self.figures.notes -= channel.notes.len();
        }
    }

    /// A channel is not found any more, by nothing.
    pub(super) fn hide(&mut self, ix: ChannelIx) {
        let Some(channel) = self.channels.get_mut(&ix) else { return };
        let bridge = channel.bridge.take();
        let (linked, keys) = (std::mem::take(&mut channel.linked), std::mem::take(&mut channel.keys));
        let Some(pbx) = self.pbxs.get_mut(&channel.pbx) else { return };
        let own = |map: &mut FxHashMap<Box<str>, ChannelIx>, key: &str| {
            if map.get(key) == Some(&ix) {
                map.remove(key);
            }
        };
        own(&mut pbx.by_id, &channel.now);
        own(&mut pbx.by_name, &channel.name);
        for linkedid in linked {
            own(&mut pbx.linked, &linkedid);
        }
        if let Some(bridge) = bridge {
            leave(&mut pbx.bridges, &bridge, ix);
        }
        for key in keys {
            if self.keys.get(&key) == Some(&ix) {
                self.keys.remove(&key);
            }
        }
    }
}

impl Channel {
    fn new(pbx: PbxIx, uniqueid: &str, name: &str, group: usize) -> Self {
        Self {
            pbx,
            uniqueid: uniqueid.into(),
            now: uniqueid.into(),
            name: name.into(),
            first_name: name.into(),
            notes: Vec::new(),
            group,
            gone: false,
            last_at: i64::MIN,
            half: None,
            settled: false,
            linkedid: Box::default(),
            caller: (None, None),
            connected: (None, None),
            rang: false,
            up: false,
            holds: false,
            bridge: None,
            queue: None,
            place: (Box::default(), Box::default()),
            steps: Steps::default(),
            listens: false,
            linked: Vec::new(),
            keys: Vec::new(),
            offered: false,
            recorded: false,
        }
    }
}

/// Where a note comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// An event of the PBX, in the order of its channel.
    Event,
    /// A list or an answer, with the time at which it came.
    Look,
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
