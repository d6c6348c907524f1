//! After a broken link: what is there now, and what vanished meanwhile.

use ami::event::{QueueEntry, ShownChannel};
use rustc_hash::FxHashSet;

use super::{Assembly, PbxIx};
use crate::note::{ChannelIx, What};

/// What a PBX has at this moment, from its lists.
#[derive(Debug, Default)]
pub struct Snapshot<'m> {
    /// CoreShowChannels.
    pub channels: Vec<ShownChannel<'m>>,
    /// Bridges that only hold: parking lots and the like (from BridgeList).
    pub holding_bridges: Vec<&'m str>,
    /// Who waits in which queue, from QueueStatus.
    pub waiting: Vec<(&'m str, QueueEntry<'m>)>,
}

/// How long after a look the end of a channel may still be told that was not in it.
const LATE_MS: i64 = 500;

/// A channel that was not there at a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    ix: ChannelIx,
    gap_ms: i64,
    seen_ms: i64,
}

impl Assembly {
    /// Closes what was missing at a look and has not been heard of since.
    pub(super) fn give_up_missing(&mut self, now_ms: i64) {
        if self.missing.iter().all(|missing| missing.seen_ms + LATE_MS > now_ms) {
            return;
        }
        let (late, rest) =
            std::mem::take(&mut self.missing).into_iter().partition(|missing| missing.seen_ms + LATE_MS <= now_ms);
        self.missing = rest;
        let late: Vec<Missing> = late;
        for Missing { ix, gap_ms, seen_ms } in late {
            let last = self.channel(ix).map_or(gap_ms, super::Channel::last_at);
            if last <= seen_ms {
                self.note(ix, gap_ms.max(last), What::LostInGap { until: seen_ms });
            }
        }
    }

    /// Brings a PBX up to date after a gap that began at `gap_ms`, by lists that were asked for at `asked_ms`. What is known and
    /// no longer there is closed as lost in the gap; what is new began when its age says; nothing else is made up. A channel of
    /// which something was heard since the lists were asked for may be younger than they are, and is left alone.
    pub fn resync(&mut self, pbx: PbxIx, gap_ms: i64, asked_ms: i64, now_ms: i64, snapshot: &Snapshot<'_>) {
        let here: FxHashSet<&str> = snapshot.channels.iter().map(|shown| shown.channel.uniqueid).collect();
        let mut vanished: Vec<ChannelIx> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.pbx == pbx && !channel.gone && !here.contains(&*channel.uniqueid))
            .filter(|(_, channel)| channel.last_at() < asked_ms)
            .map(|(ix, _)| *ix)
            .collect();
        // In an order of their own, so that the same gap always gives the same.
        vanished.sort_unstable();
        // Asterisk forgets a channel a moment before it says so: the word may still be on its way.
        self.missing.extend(vanished.into_iter().map(|ix| Missing { ix, gap_ms, seen_ms: now_ms }));
        for shown in &snapshot.channels {
            let known = self.find(pbx, shown.channel.uniqueid).is_some();
            let age_ms = i64::try_from(shown.duration_s).unwrap_or(0).saturating_mul(1000);
            let born = if known { now_ms } else { now_ms.saturating_sub(age_ms) };
            // What was heard of it since is newer than the list.
            let heard = |ix| self.channel(ix).is_some_and(|channel| channel.last_at() >= asked_ms);
            if self.find(pbx, shown.channel.uniqueid).is_some_and(heard) {
                continue;
            }
            let Some(ix) = self.touch(pbx, born, &shown.channel, true) else { continue };
            let inside = self.channel(ix).and_then(|channel| channel.bridge.clone());
            match (shown.bridge, inside) {
                (Some(bridge), inside) if inside.as_deref() != Some(bridge) => {
                    let holding = snapshot.holding_bridges.contains(&bridge);
                    self.note(ix, now_ms, What::Enters { bridge: bridge.into(), holding });
                }
                (None, Some(bridge)) => drop(self.note(ix, now_ms, What::Leaves { bridge })),
                _ => {}
            }
        }
        let waits: FxHashSet<&str> = snapshot.waiting.iter().map(|(_, entry)| entry.uniqueid).collect();
        let left: Vec<(ChannelIx, Box<str>)> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.pbx == pbx && !channel.gone && !waits.contains(&*channel.uniqueid))
            .filter(|(_, channel)| channel.last_at() < asked_ms)
            .filter_map(|(ix, channel)| Some((*ix, channel.queue.clone()?)))
            .collect();
        for (ix, queue) in left {
            // How is not known: he may have been answered, and then he is in a bridge now.
            self.note(ix, now_ms, What::LeavesQueue { queue });
        }
        for (queue, entry) in &snapshot.waiting {
            let Some(ix) = self.find(pbx, entry.uniqueid) else { continue };
            if self.channel(ix).is_some_and(|channel| channel.queue.as_deref() == Some(queue)) {
                continue;
            }
            let since = now_ms.saturating_sub(i64::try_from(entry.wait_s).unwrap_or(0).saturating_mul(1000));
            let after = self.channel(ix).and_then(|channel| channel.notes.last()).map_or(since, |note| note.at);
            self.note(ix, since.max(after), What::JoinsQueue { queue: (*queue).into(), position: entry.position });
        }
    }
}
