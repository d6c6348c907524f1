//! After a broken link: what is there now, and what vanished meanwhile.

use std::collections::BTreeMap;

use ami::event::{Bridged, Parked, QueueEntry, ShownChannel};
use rustc_hash::FxHashSet;

use super::before_12::pair;
use super::channel::Source;
use super::{Assembly, Channel, PbxIx};
use crate::note::{ChannelIx, What};

/// What a PBX has at this moment, from its lists. A list that is not there was not asked for, or refused: it says nothing.
#[derive(Debug, Default)]
pub struct Snapshot<'m> {
    /// CoreShowChannels.
    pub channels: Option<Vec<ShownChannel<'m>>>,
    /// Bridges that only hold: parking lots and the like (from BridgeList).
    pub holding_bridges: Option<Vec<&'m str>>,
    /// Who waits in which queue, from QueueStatus.
    pub waiting: Option<Vec<(&'m str, QueueEntry<'m>)>>,
    /// Who is parked, from ParkedCalls.
    pub parked: Option<Vec<Parked<'m>>>,
}

/// A look: at which PBX, and when.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// At which PBX.
    pub pbx: PbxIx,
    /// Until when it was heard before the link broke: what vanished did so after that. Nothing, where it did not break.
    pub gap_ms: Option<i64>,
    /// When the lists were asked for.
    pub asked_ms: i64,
    /// When they had come.
    pub now_ms: i64,
}

impl Look {
    /// Whether the lists may not know what was heard of a channel last. What was heard before the link broke they know.
    fn may_be_newer(self, channel: &Channel) -> bool {
        let before = self.gap_ms.is_some_and(|gap_ms| channel.last_at() <= gap_ms);
        !before && channel.last_at() + MARGIN_MS >= self.asked_ms
    }

    /// Whether a channel ended, or came into a bridge or left one, when the lists may not know it. A channel says much else while it
    /// talks with somebody whom it met when nobody heard it.
    fn moved_since(self, channel: &Channel) -> bool {
        let moves = |what: &What| {
            matches!(what, What::Enters { .. } | What::Leaves { .. } | What::Gone { .. } | What::GivesPlace { .. })
        };
        let last = channel.notes.iter().rev().find(|note| moves(&note.what));
        self.may_be_newer(channel) && last.is_some_and(|note| note.at + MARGIN_MS >= self.asked_ms)
    }
}

/// How long after a look the end of a channel may still be told that was not in it.
const LATE_MS: i64 = 500;

/// Clocks are compared no better than this: of what was heard within it before the lists were asked for, they may not know.
const MARGIN_MS: i64 = 1_000;

/// A channel that was not there at a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    ix: ChannelIx,
    gap_ms: i64,
    seen_ms: i64,
}

impl Assembly {
    /// The link to a PBX stood at this moment.
    pub fn heard(&mut self, pbx: PbxIx, at: i64) {
        /// In the journal it stands so often: a gap is known as exactly as this when the program ends badly.
        const KEPT_EVERY_MS: i64 = 1_000;
        let known = self.pbx_mut(pbx);
        known.heard_ms = known.heard_ms.max(at);
        if at >= known.heard_kept_ms + KEPT_EVERY_MS {
            known.heard_kept_ms = at;
            self.journal.heard(pbx, at);
        }
    }

    /// Until when PBXs were heard, in their order.
    #[must_use]
    pub fn heard_until(&self) -> Vec<(PbxIx, i64)> {
        let mut heard: BTreeMap<PbxIx, i64> = self.pbxs.iter().map(|(pbx, known)| (*pbx, known.heard_ms)).collect();
        // What a channel said was heard too, also where the journal says so only now and then.
        for channel in self.channels.values() {
            let at = heard.entry(channel.pbx).or_insert(i64::MIN);
            *at = (*at).max(channel.last_at());
        }
        heard.into_iter().collect()
    }

    /// The link to a PBX is away from this moment on; a look ends that.
    pub fn unheard(&mut self, pbx: PbxIx, at: i64) {
        let mut live: Vec<ChannelIx> = self.live_at(pbx).map(|(ix, _)| ix).collect();
        live.sort_unstable();
        for ix in live {
            self.note_of_look(ix, at, What::Unheard);
        }
    }

    /// A PBX is no longer looked at: what is live there is given up.
    pub fn give_up(&mut self, pbx: PbxIx, now_ms: i64) {
        let gap_ms = self.pbx(pbx).map_or(now_ms, |known| known.heard_ms);
        let mut live: Vec<ChannelIx> = self.live_at(pbx).map(|(ix, _)| ix).collect();
        live.sort_unstable();
        for ix in live {
            self.note(ix, gap_ms, What::LostInGap { until: now_ms });
        }
    }

    fn live_at(&self, pbx: PbxIx) -> impl Iterator<Item = (ChannelIx, &Channel)> {
        let live = self.channels.iter().filter(move |(_, channel)| channel.pbx == pbx && !channel.gone);
        live.map(|(ix, channel)| (*ix, &**channel))
    }

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
            let last = self.channel(ix).map_or(gap_ms, Channel::last_at);
            if last <= seen_ms {
                self.note(ix, gap_ms.max(last), What::LostInGap { until: seen_ms });
            }
        }
    }

    /// Brings a PBX up to date by its lists. What is known and no longer there is closed as lost in the gap; what is new began when
    /// its age says; nothing else is made up. A channel of which something was heard since the lists were asked for may be younger
    /// than they are, and is left alone.
    pub fn resync(&mut self, look: Look, snapshot: &Snapshot<'_>) {
        if let Some(channels) = &snapshot.channels {
            self.close_vanished(look, channels);
            for shown in channels {
                self.see(look, shown, snapshot);
            }
        }
        for parked in snapshot.parked.iter().flatten() {
            let Some(ix) = self.find(look.pbx, parked.parkee.uniqueid) else { continue };
            let known = |channel: &Channel| {
                let last = channel.notes.iter().rev().find_map(|note| match note.what {
                    What::Parked { .. } => Some(true),
                    What::Unparked { .. } | What::ParkTimesOut => Some(false),
                    _ => None,
                });
                last == Some(true) || look.may_be_newer(channel)
            };
            if self.channel(ix).is_some_and(|channel| !known(channel)) {
                let what = What::Parked { parker: parked.parker.map(Box::from), space: parked.space.map(Box::from) };
                self.note_of_look(ix, look.now_ms, what);
            }
        }
        if let Some(waiting) = &snapshot.waiting {
            self.see_queues(look, waiting, snapshot.channels.as_deref().unwrap_or_default());
        }
    }

    fn close_vanished(&mut self, look: Look, channels: &[ShownChannel<'_>]) {
        let Look { pbx, gap_ms, asked_ms, now_ms } = look;
        let gap_ms = gap_ms.unwrap_or(asked_ms);
        let here: FxHashSet<&str> = channels.iter().map(|shown| shown.channel.uniqueid).collect();
        let mut vanished: Vec<ChannelIx> = self
            .live_at(pbx)
            .filter(|(_, channel)| !here.contains(&*channel.now))
            .filter(|(_, channel)| !look.may_be_newer(channel))
            .map(|(ix, _)| ix)
            .collect();
        // In an order of their own, so that the same gap always gives the same.
        vanished.sort_unstable();
        // Asterisk forgets a channel a moment before it says so: the word may still be on its way.
        self.missing.extend(vanished.into_iter().map(|ix| Missing { ix, gap_ms, seen_ms: now_ms }));
    }

    /// A channel of the list.
    fn see(&mut self, look: Look, shown: &ShownChannel<'_>, snapshot: &Snapshot<'_>) {
        let known = self.find(look.pbx, shown.channel.uniqueid);
        if let Some(ix) = known.filter(|ix| self.channel(*ix).is_some_and(|channel| !channel.gone)) {
            self.note_of_look(ix, look.now_ms, What::CallsIn(calls_in(shown)));
            if shown.channel.state == Some(6) {
                self.note_of_look(ix, look.now_ms, What::Up);
            }
        }
        // Its end, and where it went since, is newer than the list.
        if known.and_then(|ix| self.channel(ix)).is_some_and(|channel| look.moved_since(channel)) {
            return;
        }
        let age_ms = i64::try_from(shown.duration_s).unwrap_or(0).saturating_mul(1000);
        let ix = match known {
            Some(ix) => {
                let newer = self.channel(ix).is_some_and(|channel| look.may_be_newer(channel));
                self.revive(ix);
                if !newer {
                    self.describe(ix, look.now_ms, &shown.channel, Source::Look);
                }
                ix
            }
            None => {
                let born = look.now_ms.saturating_sub(age_ms);
                self.begin(look.pbx, born, &shown.channel, Some(calls_in(shown)), Source::Look)
            }
        };
        self.note_of_look(ix, look.now_ms, What::CallsIn(calls_in(shown)));
        if shown.application == Some("AppQueue") {
            self.note_of_look(ix, look.now_ms, What::RungByQueue);
        }
        let bridge: Box<str> = match shown.bridged {
            Bridged::Unsaid => return,
            Bridged::With(other) if self.is_paired(ix, other) => return,
            Bridged::With(other) => pair(shown.channel.uniqueid, other),
            Bridged::In(bridge) => bridge.into(),
            Bridged::No => {
                if let Some(bridge) = self.channel(ix).and_then(|channel| channel.bridge.clone()) {
                    self.note_of_look(ix, look.now_ms, What::Leaves { bridge });
                }
                return;
            }
        };
        if self.channel(ix).is_some_and(|channel| channel.bridge.as_ref() != Some(&bridge)) {
            let holding = match &snapshot.holding_bridges {
                Some(holding) => holding.contains(&&*bridge),
                None => shown.application.is_some_and(|application| matches!(application, "Park" | "Parked Call")),
            };
            self.note_of_look(ix, look.now_ms, What::Enters { bridge, holding });
        }
    }

    fn see_queues(&mut self, look: Look, waiting: &[(&str, QueueEntry<'_>)], channels: &[ShownChannel<'_>]) {
        let Look { pbx, now_ms, .. } = look;
        let waits: FxHashSet<&str> = waiting.iter().map(|(_, entry)| entry.uniqueid).collect();
        let missing: FxHashSet<ChannelIx> = self.missing.iter().map(|missing| missing.ix).collect();
        let mut left: Vec<(ChannelIx, Box<str>)> = self
            .live_at(pbx)
            .filter(|(ix, channel)| !waits.contains(&*channel.now) && !missing.contains(ix))
            .filter(|(_, channel)| !look.may_be_newer(channel))
            .filter_map(|(ix, channel)| Some((ix, channel.queue.clone()?)))
            .collect();
        left.sort_unstable_by_key(|(ix, _)| *ix);
        for (ix, queue) in left {
            let now = self.channel(ix).map(|channel| channel.now.clone());
            let shown = channels.iter().find(|shown| Some(shown.channel.uniqueid) == now.as_deref());
            let what = match shown.is_none_or(|shown| is_served(shown, &queue)) {
                true => What::LeftQueueInGap { queue },
                false => What::LeftQueueUnseen { queue },
            };
            self.note_of_look(ix, now_ms, what);
        }
        for (queue, entry) in waiting {
            let Some(ix) = self.find(pbx, entry.uniqueid) else { continue };
            if self.channel(ix).is_some_and(|channel| channel.queue.as_deref() == Some(queue)) {
                self.note_of_look(ix, now_ms, What::StillInQueue);
                continue;
            }
            let since = now_ms.saturating_sub(i64::try_from(entry.wait_s).unwrap_or(0).saturating_mul(1000));
            self.note_of_look(ix, since, What::JoinsQueue { queue: (*queue).into(), position: entry.position });
        }
    }
}

/// Whether a caller who waits in a queue no longer may talk with somebody whom that queue rang: Queue() runs until that is over. What
/// does not say what it runs says nothing.
fn is_served(shown: &ShownChannel<'_>, queue: &str) -> bool {
    let named = |data: &str| data.split(',').next().is_some_and(|named| named == queue);
    shown.application.is_none_or(|application| application == "Queue" && shown.application_data.is_none_or(named))
}

/// Whether a channel called the PBX: one that was dialled runs no dialplan, and its application says so.
fn calls_in(shown: &ShownChannel<'_>) -> bool {
    match shown.channel.state {
        Some(4) => true,
        Some(6) => !matches!(shown.application, None | Some("" | "AppDial" | "AppDial2" | "AppQueue")),
        _ => false,
    }
}
