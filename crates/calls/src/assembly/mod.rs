//! Channels in, calls out: which channels are one call, and what was noted of them.
//!
//! Nothing here reads a clock or waits. Every call into it carries the time, corrected for the clock of the PBX; on one channel
//! it never goes back, so what is older than the channel's last note is a repetition and changes nothing.

mod across;
mod before_12;
mod blank;
mod channel;
mod group;
mod journal;
mod read;
mod resync;
mod steps;

use std::collections::BTreeSet;
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};
use slab::Slab;

use crate::call::{Call, Directory, JoinReason};
use crate::note::ChannelIx;
use crate::tell;
pub use blank::{Blank, blanked};
pub(crate) use channel::Channel;
pub(crate) use group::Group;
use journal::Journal;
pub use journal::Unreadable;
pub use resync::{Look, Snapshot};

/// A PBX, as whoever feeds the assembly numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PbxIx(pub u32);

/// How long after its last hangup a call may be completed: AgentComplete and the ends of dials come late.
pub const LINGER_MS: i64 = 1_000;

/// A channel of a bridge that nobody else shares says little; most bridges have two.
type Members = Vec<ChannelIx>;

/// What is known of one PBX.
#[derive(Debug, Default)]
pub(crate) struct Pbx {
    by_id: FxHashMap<Box<str>, ChannelIx>,
    by_name: FxHashMap<Box<str>, ChannelIx>,
    bridges: FxHashMap<Box<str>, Members>,
    /// A linkedid and a channel that has it.
    linked: FxHashMap<Box<str>, ChannelIx>,
    /// Until when it was heard, and what of that is in the journal.
    heard_ms: i64,
    heard_kept_ms: i64,
    /// By how much its clock is ahead of ours.
    ahead_ms: Option<i64>,
}

/// Figures of an assembly, for whoever watches it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Channels held now, those of calls that linger included.
    pub channels: usize,
    /// Calls held now.
    pub calls: usize,
    /// Notes held now.
    pub notes: usize,
    /// Events so far that repeated what was known or came after the end.
    pub repeated: u64,
    /// Notes that were not kept because a channel had too many.
    pub dropped: u64,
}

/// A call that goes on and was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Own id.
    pub id: u64,
    /// Ids of calls that turned out to be parts of this one.
    pub absorbed: Vec<u64>,
    /// What happened so far; nothing, when nobody is in it any more.
    pub call: Option<Call>,
}

/// A call that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Own id.
    pub id: u64,
    /// Ids of calls that turned out to be parts of this one.
    pub absorbed: Vec<u64>,
    /// What happened.
    pub call: Call,
}

/// All calls of a federation of PBXs.
#[derive(Debug, Default)]
pub struct Assembly {
    pbxs: FxHashMap<PbxIx, Pbx>,
    /// Boxed: a table has room for up to twice as many as are there.
    channels: FxHashMap<ChannelIx, Box<Channel>>,
    next_channel: ChannelIx,
    groups: Slab<Group>,
    ids: Vec<Range<u64>>,
    /// Calls whose last channel is gone, in the order of their ends.
    ending: BTreeSet<(i64, usize)>,
    /// Values that join calls of several PBXs, and a channel that has it.
    keys: FxHashMap<(JoinReason, Box<str>), ChannelIx>,
    /// Variables of the attribute catalogue; others are not kept.
    attributes: FxHashSet<Box<str>>,
    /// Channels that nobody has looked at for what they are.
    fresh: Vec<ChannelIx>,
    /// Ends of calls between PBXs without their other ends.
    loose: Vec<across::Loose>,
    /// Calls that were over when a journal was written, and are told again.
    again: Vec<ChannelIx>,
    /// Channels that never are one call.
    apart: Vec<[(PbxIx, Box<str>); 2]>,
    /// Ids that were told of what turned out to be no call.
    void: Vec<u64>,
    /// Channels that a look at their PBX did not find.
    missing: Vec<resync::Missing>,
    /// A dump is read: see [`journal`].
    in_dump: bool,
    figures: Figures,
    journal: Journal,
}

impl Assembly {
    /// Without any call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ids for calls to come, from a block that was reserved. Calls without an id are told when there are ids again.
    pub fn give_ids(&mut self, ids: Range<u64>) {
        if !ids.is_empty() {
            self.ids.push(ids);
        }
    }

    /// Variables whose values are kept as attributes of calls.
    pub fn keep_attributes<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.attributes = names.into_iter().map(Box::from).collect();
    }

    /// How many ids there are.
    #[must_use]
    pub fn ids_left(&self) -> u64 {
        self.ids.iter().map(|ids| ids.end - ids.start).sum()
    }

    /// Gives a call its id.
    fn name(&mut self, at: usize) -> Option<u64> {
        let ids = self.ids.first_mut()?;
        let id = ids.start;
        ids.start += 1;
        if ids.is_empty() {
            self.ids.remove(0);
        }
        let group = self.groups.get_mut(at)?;
        group.id = Some(id);
        if let Some(ix) = group.channels.first() {
            self.journal.id(*ix, id);
        }
        Some(id)
    }

    /// Calls that are over since the last time, in the order of their ends.
    pub fn take_ended(&mut self, now_ms: i64, directory: &dyn Directory) -> Vec<Ended> {
        self.join_across(now_ms, directory);
        self.give_up_missing(now_ms);
        let mut ended = self.take_told_before(directory);
        while let Some(&(gone_ms, at)) = self.ending.first() {
            if gone_ms + LINGER_MS > now_ms {
                break;
            }
            // A channel may have joined since, or the call have become part of another.
            let over = self.groups.get(at).is_some_and(|group| group.live == 0 && group.ends_at == Some(gone_ms));
            if over {
                if self.groups[at].id.is_none() && self.ids_left() == 0 {
                    break;
                }
                ended.extend(self.end(at, directory));
            }
            self.ending.pop_first();
        }
        ended
    }

    /// Calls that a journal says were told as over: whoever took them may not have kept them.
    pub fn take_told_before(&mut self, directory: &dyn Directory) -> Vec<Ended> {
        let mut ended = Vec::new();
        while let Some(ix) = self.again.pop() {
            let Some(at) = self.channel(ix).map(|channel| channel.group) else { continue };
            if self.groups.get(at).is_some_and(|group| group.id.is_none()) && self.ids_left() == 0 {
                self.again.push(ix);
                break;
            }
            ended.extend(self.end(at, directory));
        }
        ended
    }

    /// Calls that are over at a moment and of whose end no journal says anything: parts of one that is kept apart now.
    pub fn take_split_off(&mut self, until_ms: i64, directory: &dyn Directory) -> Vec<Ended> {
        let over = |group: &Group| {
            let ended = group.ends_at.is_some_and(|ended| ended.saturating_add(LINGER_MS) <= until_ms);
            group.live == 0 && group.id.is_none() && ended
        };
        let over: Vec<usize> = self.groups.iter().filter(|(_, group)| over(group)).map(|(at, _)| at).collect();
        over.into_iter().filter_map(|at| self.end(at, directory)).collect()
    }

    fn end(&mut self, at: usize, directory: &dyn Directory) -> Option<Ended> {
        let call = tell::tell(self, &self.groups[at], directory);
        let id = match self.groups[at].id {
            Some(id) => Some(id),
            None if call.is_some() => self.name(at),
            None => None,
        };
        let group = self.groups.remove(at);
        if let Some(ix) = group.channels.first() {
            self.journal.ended(*ix);
        }
        for ix in &group.channels {
            self.forget(*ix);
        }
        match (id, call) {
            (Some(id), Some(call)) => Some(Ended { id, absorbed: group.absorbed, call }),
            (id, _) => {
                self.void.extend(id.into_iter().chain(group.absorbed));
                None
            }
        }
    }

    /// A journal says that a call was told as over. Whoever took it may not have kept it, so it is told again; what is said from
    /// now on has nothing to do with it.
    fn ended_before(&mut self, ix: ChannelIx) {
        let Some(at) = self.channel(ix).map(|channel| channel.group) else { return };
        let channels = self.groups.get(at).map(|group| group.channels.clone()).unwrap_or_default();
        for ix in channels {
            self.hide(ix);
        }
        self.again.push(ix);
    }

    /// Calls that go on and were changed since the last time. One of very many channels is told less often: to tell it takes long.
    pub fn take_changed(&mut self, now_ms: i64, directory: &dyn Directory) -> Vec<Changed> {
        let due = |group: &mut Group| {
            let pause_ms = i64::try_from(group.channels.len() / 100).unwrap_or(i64::MAX).saturating_mul(250);
            let too_soon = (group.told_ms..group.told_ms.saturating_add(pause_ms)).contains(&now_ms);
            let due = group.changed && !too_soon;
            if due {
                (group.changed, group.told_ms) = (false, now_ms);
            }
            due
        };
        let changed: Vec<usize> = self.groups.iter_mut().filter_map(|(at, group)| due(group).then_some(at)).collect();
        let mut calls = Vec::new();
        for at in changed {
            let call = tell::tell(self, &self.groups[at], directory);
            let id = self.groups[at].id.or_else(|| call.is_some().then(|| self.name(at)).flatten());
            // Without ids it is told when there are some.
            self.groups[at].changed |= call.is_some() && id.is_none();
            let absorbed = self.groups[at].absorbed.clone();
            calls.extend(id.map(|id| Changed { id, absorbed, call }));
        }
        calls
    }

    /// Ids that were told of what turned out to be no call, since the last time.
    pub fn take_void(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.void)
    }

    /// By how much the clock of a PBX is ahead of ours, from now on.
    pub fn clock(&mut self, pbx: PbxIx, ahead_ms: i64) {
        self.pbx_mut(pbx).ahead_ms = Some(ahead_ms);
    }

    pub(crate) fn clock_of(&self, pbx: PbxIx) -> Option<i64> {
        self.pbx(pbx)?.ahead_ms
    }

    /// How much there is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures { channels: self.channels.len(), calls: self.groups.len(), ..self.figures }
    }

    pub(crate) fn channel(&self, ix: ChannelIx) -> Option<&Channel> {
        self.channels.get(&ix).map(|channel| &**channel)
    }

    /// The other half of a Local channel.
    pub(crate) fn other_half(&self, ix: ChannelIx) -> Option<ChannelIx> {
        self.channel(ix)?.half
    }

    fn pbx(&self, pbx: PbxIx) -> Option<&Pbx> {
        self.pbxs.get(&pbx)
    }

    fn pbx_mut(&mut self, pbx: PbxIx) -> &mut Pbx {
        self.pbxs.entry(pbx).or_default()
    }
}
