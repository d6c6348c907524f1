//! Which channels are one call. Every join keeps its reason, so that a wrong one can be shown and undone.

use super::channel::leave;
use super::{Assembly, PbxIx};
use crate::call::JoinReason;
use crate::note::{ChannelIx, What};

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
        })
    }

    /// Two channels belong to one call.
    pub(super) fn join(&mut self, one: ChannelIx, two: ChannelIx, reason: JoinReason, at: i64) {
        let (Some(a), Some(b)) = (self.channel(one), self.channel(two)) else { return };
        let (a, b) = (a.group, b.group);
        if a == b {
            return;
        }
        let (kept, merged) =
            if self.groups[a].channels.len() >= self.groups[b].channels.len() { (a, b) } else { (b, a) };
        let merged = self.groups.remove(merged);
        for ix in &merged.channels {
            self.channels[ix.0 as usize].group = kept;
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
            self.ending.push_back((ends_at, kept));
        }
    }

    /// A channel is gone; the call is over with its last one.
    pub(super) fn channel_gone(&mut self, ix: ChannelIx, at: i64, what: What) {
        let Some(channel) = self.channels.get_mut(ix.0 as usize) else { return };
        let (pbx, bridge) = (channel.pbx, channel.bridge.clone());
        if !self.note(ix, at, what) {
            return;
        }
        if let Some(bridge) = bridge {
            leave(&mut self.pbx_mut(pbx).bridges, &bridge, ix);
        }
        let group = self.channels[ix.0 as usize].group;
        let Some(group_now) = self.groups.get_mut(group) else { return };
        group_now.live = group_now.live.saturating_sub(1);
        group_now.ends_at = group_now.ends_at.max(Some(at));
        if group_now.live == 0
            && let Some(ends_at) = group_now.ends_at
        {
            self.ending.push_back((ends_at, group));
        }
    }

    /// A channel has a (new) linkedid.
    pub(super) fn link(&mut self, ix: ChannelIx, at: i64, linkedid: &str) {
        let pbx = self.channels[ix.0 as usize].pbx;
        if let Some(first) = self.find(pbx, linkedid) {
            self.join(first, ix, JoinReason::Linkedid, at);
        }
        match self.pbx_mut(pbx).linked.get(linkedid).copied() {
            Some(known) => self.join(known, ix, JoinReason::Linkedid, at),
            None => {
                self.pbx_mut(pbx).linked.insert(linkedid.into(), ix);
                self.channels[ix.0 as usize].linked.push(linkedid.into());
            }
        }
    }

    /// A channel is in a bridge; whoever meets there talks.
    pub(super) fn enter(&mut self, pbx: PbxIx, ix: ChannelIx, at: i64, bridge: &str, holding: bool) {
        self.note(ix, at, What::Enters { bridge: bridge.into(), holding });
        if holding || self.channel(ix).is_none_or(|channel| channel.gone) {
            return;
        }
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
            self.join(met, ix, JoinReason::Bridge, at);
        }
    }

    pub(super) fn leave(&mut self, pbx: PbxIx, ix: ChannelIx, at: i64, bridge: &str) {
        self.note(ix, at, What::Leaves { bridge: bridge.into() });
        leave(&mut self.pbx_mut(pbx).bridges, bridge, ix);
    }

    /// A value that the channels of one call share, also on several PBXs.
    pub(super) fn key(&mut self, ix: ChannelIx, at: i64, reason: JoinReason, value: &str) {
        if value.is_empty() {
            return;
        }
        match self.keys.get(&(reason, Box::from(value))).copied() {
            Some(known) => self.join(known, ix, reason, at),
            None => {
                let Some(channel) = self.channels.get_mut(ix.0 as usize) else { return };
                channel.keys.push((reason, value.into()));
                self.keys.insert((reason, value.into()), ix);
            }
        }
    }
}
