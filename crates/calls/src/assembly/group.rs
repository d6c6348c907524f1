//! Which channels are one call. Every join keeps its reason, so that a wrong one can be shown and undone.

use super::{Assembly, PbxIx};
use crate::call::JoinReason;
use crate::note::ChannelIx;

/// Two channels that were found to belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Join {
    pub(crate) one: ChannelIx,
    pub(crate) two: ChannelIx,
    pub(crate) reason: JoinReason,
    pub(crate) at: i64,
}

/// Channels of one call.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) channels: Vec<ChannelIx>,
    pub(crate) joins: Vec<Join>,
    pub(super) id: Option<u64>,
    pub(super) absorbed: Vec<u64>,
    /// Channels that are not gone.
    pub(super) live: usize,
    /// When the last one went.
    pub(super) ends_at: Option<i64>,
    pub(super) changed: bool,
    /// When it was told last while it went on.
    pub(super) told_ms: i64,
}

impl Assembly {
    /// A call of one channel.
    pub(super) fn new_group(&mut self, ix: ChannelIx) -> usize {
        self.groups.insert(Group {
            channels: vec![ix],
            joins: Vec::new(),
            id: None,
            absorbed: Vec::new(),
            live: 1,
            ends_at: None,
            changed: true,
            told_ms: i64::MIN,
        })
    }

    /// Two channels belong to one call: an event said so.
    pub(super) fn join(&mut self, one: ChannelIx, two: ChannelIx, reason: JoinReason, at: i64) {
        let together = self.channel(one).zip(self.channel(two)).is_none_or(|(one, two)| one.group == two.group);
        if !together {
            self.journal.join(one, two, reason, at);
            self.join_as(one, two, reason, at);
        }
    }

    /// Two channels belong to one call; what it follows from is in the journal.
    fn join_as(&mut self, one: ChannelIx, two: ChannelIx, reason: JoinReason, at: i64) {
        let (Some(a), Some(b)) = (self.channel(one), self.channel(two)) else { return };
        let (a, b) = (a.group, b.group);
        if a == b || self.in_dump || self.is_kept_apart(a, b) {
            return;
        }
        let (kept, merged) =
            if self.groups[a].channels.len() >= self.groups[b].channels.len() { (a, b) } else { (b, a) };
        let merged = self.groups.remove(merged);
        for ix in &merged.channels {
            if let Some(channel) = self.channels.get_mut(ix) {
                channel.group = kept;
            }
        }
        let group = &mut self.groups[kept];
        group.channels.extend(merged.channels);
        group.joins.extend(merged.joins);
        group.joins.push(Join { one, two, reason, at });
        group.live += merged.live;
        group.changed = true;
        group.absorbed.extend(merged.absorbed);
        // The older id stays: somebody may look at that call.
        match (group.id, merged.id) {
            (Some(here), Some(there)) => {
                group.id = Some(here.min(there));
                group.absorbed.push(here.max(there));
            }
            (None, there) => group.id = there,
            (Some(_), None) => {}
        }
        group.ends_at = group.ends_at.max(merged.ends_at);
        if group.live == 0
            && let Some(ends_at) = group.ends_at
        {
            self.ending.insert((ends_at, kept));
        }
    }

    /// Two channels, each by its PBX and uniqueid, are of different calls whatever is said of them: a person has seen that they were
    /// joined wrongly. Whatever else was joined goes with the one that it meets first.
    pub fn keep_apart(&mut self, one: (PbxIx, &str), two: (PbxIx, &str)) {
        self.apart.push([one, two].map(|(pbx, uniqueid)| (pbx, uniqueid.into())));
    }

    fn is_kept_apart(&self, a: usize, b: usize) -> bool {
        let group_of = |(pbx, uniqueid): &(PbxIx, Box<str>)| {
            self.find(*pbx, uniqueid).and_then(|ix| self.channel(ix)).map(|channel| channel.group)
        };
        self.apart.iter().any(|[one, two]| {
            let groups = (group_of(one), group_of(two));
            groups == (Some(a), Some(b)) || groups == (Some(b), Some(a))
        })
    }

    /// A channel is gone; the call is over with its last one.
    pub(super) fn one_less(&mut self, ix: ChannelIx, at: i64) {
        let Some(at_group) = self.channel(ix).map(|channel| channel.group) else { return };
        let Some(group) = self.groups.get_mut(at_group) else { return };
        group.live = group.live.saturating_sub(1);
        group.ends_at = group.ends_at.max(Some(at));
        if group.live == 0
            && let Some(ends_at) = group.ends_at
        {
            self.ending.insert((ends_at, at_group));
        }
    }

    /// A channel has a (new) linkedid.
    pub(super) fn link(&mut self, ix: ChannelIx, at: i64, linkedid: &str) {
        let Some(channel) = self.channels.get_mut(&ix) else { return };
        if *channel.linkedid == *linkedid {
            return;
        }
        channel.linkedid = linkedid.into();
        let pbx = channel.pbx;
        self.journal.link(ix, at, linkedid);
        let first = self.find(pbx, linkedid);
        let known = self.pbx_mut(pbx).linked.get(linkedid).copied();
        match known {
            Some(known) => self.join_as(known, ix, JoinReason::Linkedid, at),
            None => {
                self.pbx_mut(pbx).linked.insert(linkedid.into(), ix);
                if let Some(channel) = self.channels.get_mut(&ix) {
                    channel.linked.push(linkedid.into());
                }
            }
        }
        if let Some(first) = first {
            self.join_as(first, ix, JoinReason::Linkedid, at);
        }
    }

    /// Whoever meets in a bridge talks.
    pub(super) fn meet(&mut self, pbx: PbxIx, ix: ChannelIx, at: i64, bridge: &str) {
        let bridges = &mut self.pbx_mut(pbx).bridges;
        let inside = match bridges.get_mut(bridge) {
            Some(inside) => inside,
            None => bridges.entry(bridge.into()).or_default(),
        };
        let met = inside.iter().find(|other| **other != ix).copied();
        if !inside.contains(&ix) {
            inside.push(ix);
        }
        if let Some(met) = met {
            self.join_as(met, ix, JoinReason::Bridge, at);
        }
    }

    /// A value that the channels of one call share, also on several PBXs.
    pub(super) fn key(&mut self, ix: ChannelIx, at: i64, reason: JoinReason, value: &str) {
        let Some(channel) = self.channels.get_mut(&ix).filter(|_| !value.is_empty()) else { return };
        let key = (reason, Box::from(value));
        if channel.keys.contains(&key) {
            return;
        }
        channel.keys.push(key.clone());
        self.journal.key(ix, at, reason, value);
        match self.keys.get(&key).copied() {
            Some(known) => self.join_as(known, ix, reason, at),
            None => drop(self.keys.insert(key, ix)),
        }
    }
}
