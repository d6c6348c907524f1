//! Channels in, calls out: which channels are one call, and what was noted of them.
//!
//! Nothing here reads a clock or waits. Every call into it carries the time, corrected for the clock of the PBX; on one channel
//! it never goes back, so what is older than the channel's last note is a repetition and changes nothing.

mod across;
mod channel;
mod group;
mod journal;
mod read;
mod resync;

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};
use slab::Slab;

use crate::call::{Call, Directory, JoinReason};
use crate::note::ChannelIx;
use crate::tell;
pub(crate) use channel::Channel;
pub(crate) use group::Group;
use journal::Journal;
pub use journal::Unreadable;
pub use resync::Snapshot;

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
    channels: FxHashMap<ChannelIx, Channel>,
    next_channel: ChannelIx,
    groups: Slab<Group>,
    ids: Vec<Range<u64>>,
    /// Calls whose last channel is gone, in the order of their ends.
    ending: std::collections::VecDeque<(i64, usize)>,
    /// Values that join calls of several PBXs, and a channel that has it.
    keys: FxHashMap<(JoinReason, Box<str>), ChannelIx>,
    /// Variables of the attribute catalogue; others are not kept.
    attributes: FxHashSet<Box<str>>,
    /// Channels that nobody has looked at for what they are.
    fresh: Vec<ChannelIx>,
    /// Ends of calls between PBXs without their other ends.
    loose: Vec<across::Loose>,
    /// Channels that a look at their PBX did not find.
    missing: Vec<resync::Missing>,
    /// A dump is read: see [`journal`].
    only_joins: bool,
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
        self.join_across(directory);
        self.give_up_missing(now_ms);
        let mut ended = Vec::new();
        while let Some(&(gone_ms, at)) = self.ending.front() {
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
            self.ending.pop_front();
        }
        ended
    }

    fn end(&mut self, at: usize, directory: &dyn Directory) -> Option<Ended> {
        let call = tell::tell(self, &self.groups[at], directory);
        let id = match self.groups[at].id {
            Some(id) => Some(id),
            None if call.is_some() => self.name(at),
            None => None,
        };
        let group = self.groups.remove(at);
        for ix in &group.channels {
            self.forget(*ix);
        }
        Some(Ended { id: id?, absorbed: group.absorbed, call: call? })
    }

    /// Calls that go on, by their ids; those that were changed since the last time.
    pub fn take_changed(&mut self, directory: &dyn Directory) -> Vec<(u64, Call)> {
        let changed: Vec<usize> =
            self.groups.iter_mut().filter_map(|(at, group)| std::mem::take(&mut group.changed).then_some(at)).collect();
        let mut calls = Vec::new();
        for at in changed {
            let Some(call) = tell::tell(self, &self.groups[at], directory) else { continue };
            let id = self.groups[at].id.or_else(|| self.name(at));
            calls.extend(id.map(|id| (id, call)));
        }
        calls
    }

    /// How much there is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures { channels: self.channels.len(), calls: self.groups.len(), ..self.figures }
    }

    pub(crate) fn channel(&self, ix: ChannelIx) -> Option<&Channel> {
        self.channels.get(&ix)
    }

    /// The other half of a Local channel.
    pub(crate) fn other_half(&self, ix: ChannelIx) -> Option<ChannelIx> {
        let channel = self.channel(ix)?;
        let name = channel::other_half(&channel.name)?;
        self.pbx(channel.pbx)?.by_name.get(name.as_str()).copied()
    }

    fn pbx(&self, pbx: PbxIx) -> Option<&Pbx> {
        self.pbxs.get(&pbx)
    }

    fn pbx_mut(&mut self, pbx: PbxIx) -> &mut Pbx {
        self.pbxs.entry(pbx).or_default()
    }
}
