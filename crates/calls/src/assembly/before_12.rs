//! 1.8 and 11, as notes of channels.
//!
//! Two channels that talk are told as a pair of uniqueids, Dial ends with whoever dialled, and nobody says who wanted an end but in
//! 11, by HangupRequest. What is said of that in other ways stands in `VarSet` (class dialplan).

use ami::{ChannelInfo, Event};

use super::{Assembly, Channel, PbxIx};
use crate::call::JoinReason;
use crate::note::{ChannelIx, DialStatus, Note, What};

/// A call that went on in another channel is put through by a name that begins so (attended transfer by keys).
const PUT_THROUGH: &str = "Transfered/";

/// What bridges are called that no event names.
const PAIR: &str = "pair:";

/// Between the first and the last that is said of a BYE.
const GOODBYE_MS: i64 = 500;

/// Variables that say what no event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OlderVariable {
    DialStatus,
    BlindTransfer,
    /// Quality of the sound of a channel.
    Sound,
    /// … and of the one that it is bridged with.
    SoundOfOther,
}

impl OlderVariable {
    /// By its name, where it is one.
    pub(super) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "DIALSTATUS" => Self::DialStatus,
            "BLINDTRANSFER" => Self::BlindTransfer,
            "RTPAUDIOQOS" => Self::Sound,
            "RTPAUDIOQOSBRIDGED" => Self::SoundOfOther,
            _ => return None,
        })
    }
}

/// Whether an event is of 11 or older: newer ones describe the whole channel, its state included.
fn is_older(channel: &ChannelInfo<'_>) -> bool {
    channel.state.is_none()
}

/// What two channels are in that talk, by their ids.
pub(super) fn pair(one: &str, two: &str) -> Box<str> {
    format!("{PAIR}{}:{}", one.min(two), one.max(two)).into()
}

/// The two of a pair.
fn of_pair(bridge: &str) -> Option<(&str, &str)> {
    bridge.strip_prefix(PAIR)?.split_once(':')
}

/// With whom a channel is in a pair.
fn other_of_pair(channel: &Channel) -> Option<&str> {
    let (one, two) = of_pair(channel.bridge.as_deref()?)?;
    Some(if *one == *channel.now { two } else { one })
}

impl Assembly {
    /// Events that only 1.8 and 11 have.
    pub(super) fn before_12(&mut self, pbx: PbxIx, at: i64, event: &Event<'_>) {
        match event {
            Event::Linked { one, two } | Event::Unlinked { one, two } => {
                let (a, b) = (self.named(pbx, at, one, false), self.named(pbx, at, two, false));
                let (Some(a), Some(b)) = (a, b) else { return };
                let bridge = pair(one.uniqueid, two.uniqueid);
                for ix in [a, b] {
                    let bridge = bridge.clone();
                    let what = match event {
                        Event::Linked { .. } => What::Enters { bridge, holding: false },
                        _ => What::Leaves { bridge },
                    };
                    self.note(ix, at, what);
                }
            }
            Event::Masquerade { original, clone } => {
                let (original, clone) = (self.find_named(pbx, original), self.find_named(pbx, clone));
                if let (Some(original), Some(clone)) = (original, clone) {
                    self.masquerade(at, original, clone);
                }
            }
            Event::Cel(cel) => {
                let Some(ix) = self.find(pbx, cel.uniqueid) else { return };
                if let Some(linkedid) = cel.linkedid {
                    self.link(ix, at, linkedid);
                }
            }
            _ => {}
        }
    }

    /// One channel goes on in the place of another: chan_sip's attended transfer, pickup, parking, a Local channel that is optimised
    /// away, a transfer of a channel that runs no dialplan. The structure of `original` stays, with its uniqueid, its bridge, its
    /// queue, its dialplan; technology, name, caller and state become those of `clone`. The events come in one burst:
    ///
    /// - `Masquerade` with the names of both;
    /// - `Rename` of the clone to `CLONE<MASQ>`, of the original to `CLONE`, of the clone to `ORIGINAL<ZOMBIE>`, each with the
    ///   uniqueid of the structure;
    /// - `NewCallerid` of the original, now with the clone's;
    /// - `Unlink` of the pair that the clone was in, and `Hangup` of the zombie, which has the clone's uniqueid and, by then, the
    ///   original's technology.
    ///
    /// A channel here is what people are behind: its technology. So the two exchange their uniqueids, and what belongs to a
    /// structure moves; whoever is told of by uniqueid from here on is told rightly, and tells of two people where there are two.
    /// A pair in which the original was is not told again: it goes on with the clone in it.
    fn masquerade(&mut self, at: i64, original: ChannelIx, clone: ChannelIx) {
        let is_over = |ix| {
            let given = |note: &Note| matches!(note.what, What::GivesPlace { .. });
            self.channel(ix).is_none_or(|channel| channel.gone || channel.notes.iter().any(given))
        };
        // Said again before the names have changed.
        if original == clone || is_over(original) || is_over(clone) {
            return;
        }
        self.join(original, clone, JoinReason::Masquerade, at);
        let (Some(place), Some(mover)) = (self.channel(original), self.channel(clone)) else { return };
        let at = at.max(place.last_at()).max(mover.last_at());
        let is_put_through = place.first_name.starts_with(PUT_THROUGH);
        let (bridge, from) = (place.bridge.clone(), mover.bridge.clone());
        let (queue, waited) = (place.queue.clone(), mover.queue.clone());
        let position = place.notes.iter().rev().find_map(|note| match note.what {
            What::JoinsQueue { position, .. } => Some(position),
            _ => None,
        });
        if is_put_through {
            self.put_through(at, clone);
        }
        for (ix, bridge) in [(original, &bridge), (clone, &from)] {
            if let Some(bridge) = bridge.clone() {
                self.note(ix, at, What::Leaves { bridge });
            }
        }
        for (ix, queue) in [(original, &queue), (clone, &waited)] {
            if let Some(queue) = queue.clone() {
                self.note(ix, at, What::LeavesQueue { queue });
            }
        }
        self.note(original, at, What::GivesPlace { to: clone });
        if let Some(bridge) = bridge {
            self.note(clone, at, What::Enters { bridge, holding: false });
        }
        if let Some(queue) = queue {
            self.note(clone, at, What::JoinsQueue { queue, position: position.unwrap_or_default() });
        }
    }

    /// What belongs to a structure changes hands; it follows from the note, so that a journal does it too.
    pub(super) fn exchange(&mut self, original: ChannelIx, clone: ChannelIx) {
        let (Some(mut place), Some(mut mover)) = (self.channels.remove(&original), self.channels.remove(&clone)) else {
            return;
        };
        std::mem::swap(&mut place.now, &mut mover.now);
        std::mem::swap(&mut place.place, &mut mover.place);
        let ids = &mut self.pbx_mut(place.pbx).by_id;
        ids.insert(place.now.clone(), original);
        ids.insert(mover.now.clone(), clone);
        self.channels.insert(original, place);
        self.channels.insert(clone, mover);
    }

    /// An attended transfer by keys ends: who was handed over goes on, in a channel made for it, with whom the other had dialled.
    fn put_through(&mut self, at: i64, transferee: ChannelIx) {
        let Some(channel) = self.channel(transferee) else { return };
        let pbx = channel.pbx;
        let last = channel.notes.iter().rev().find_map(|note| match &note.what {
            What::Leaves { bridge } => Some(bridge),
            _ => None,
        });
        let other =
            last.and_then(|bridge| of_pair(bridge)).map(|(one, two)| if *one == *channel.now { two } else { one });
        let Some(by) = other.and_then(|other| self.find(pbx, other)) else { return };
        let second = self.channel(by).and_then(|by| {
            by.notes.iter().rev().find_map(|note| match note.what {
                What::Dials { dest, .. } => Some(dest),
                _ => None,
            })
        });
        if let Some(second) = second {
            let (transferee, target, application) = (Some(transferee), None, None);
            self.note(by, at, What::TransfersAttended { success: true, second, transferee, target, application });
        }
    }

    /// What a variable says that no event does.
    pub(super) fn older_variable(
        &mut self,
        pbx: PbxIx,
        at: i64,
        channel: &ChannelInfo<'_>,
        variable: OlderVariable,
        value: &str,
    ) {
        if !is_older(channel) {
            return;
        }
        let Some(ix) = self.find(pbx, channel.uniqueid) else { return };
        match variable {
            OlderVariable::DialStatus => self.note(ix, at, What::Dialled(DialStatus::read(value))),
            OlderVariable::BlindTransfer => {
                if let Some(other) = self.find_named(pbx, value) {
                    self.note(ix, at, What::BlindTransferWith { other });
                }
            }
            // A BYE leaves the quality of the sound: on its own channel, where it came from, and then as that of the bridged one on
            // the other. Who got the other's first did not say goodbye. Without a bridge it says nothing: our own BYE does it too.
            OlderVariable::Sound | OlderVariable::SoundOfOther => {
                let Some(channel) = self.channel(ix).filter(|channel| channel.bridge.is_some()) else { return };
                let now = |note: &&Note| note.at + GOODBYE_MS >= at;
                let told = channel.notes.iter().rev().take_while(now).any(|note| note.what == What::LeftAlone);
                if variable == OlderVariable::SoundOfOther {
                    self.note(ix, at, What::LeftAlone);
                } else if !told {
                    self.note(ix, at, What::HangupRequested { cause: None });
                }
            }
        }
    }

    /// Whether an event is a repetition from before its channel's id became another's.
    pub(super) fn is_past(&self, pbx: PbxIx, at: i64, channel: &ChannelInfo<'_>) -> bool {
        let known = self.find(pbx, channel.uniqueid).filter(|_| is_older(channel)).and_then(|ix| self.channel(ix));
        known.is_some_and(|known| at < known.last_at())
    }

    /// Whether a channel is in a pair with somebody, as a list says: with who that is, or with a Local channel that leads there. With
    /// a Local channel that led to somebody else it is no more.
    pub(super) fn is_paired(&self, ix: ChannelIx, with: &str) -> bool {
        let Some(other) = self.channel(ix).and_then(other_of_pair) else { return false };
        let far = || {
            let near = self.find(self.channel(ix)?.pbx, other).and_then(|near| self.channel(near))?;
            self.channel(near.half?).and_then(other_of_pair)
        };
        other == with || far() == Some(with)
    }

    /// How a Dial ended, of who dialled.
    pub(super) fn dialled(&mut self, pbx: PbxIx, at: i64, caller: &ChannelInfo<'_>, status: &str) {
        self.simple(pbx, at, caller, What::Dialled(DialStatus::read(status)));
    }

    /// Before a channel's end is noted: who wanted it, as far as what went before says so.
    pub(super) fn explain_end(&mut self, pbx: PbxIx, at: i64, gone: &ChannelInfo<'_>) {
        let Some(ix) = self.find(pbx, gone.uniqueid).filter(|_| is_older(gone)) else { return };
        let Some(channel) = self.channel(ix) else { return };
        let mut notes = channel.notes.iter().rev().map(|note| &note.what);
        // What happened last, but for what every end does.
        let last = notes.find(|what| match what {
            What::LeavesQueue { .. } | What::Leaves { .. } | What::Resumes | What::Renamed(_) => false,
            What::At { exten, .. } => **exten != *"h",
            _ => true,
        });
        let what = match last {
            Some(What::HangupRequested { .. } | What::LeftAlone | What::GivesPlace { .. } | What::Gone { .. }) => {
                return;
            }
            Some(What::At { application, .. }) if **application == *"Hangup" => return,
            // A queue says so of a timeout too, but then the dialplan goes on.
            Some(What::Abandons { .. } | What::Dialled(DialStatus::Cancel)) => What::HangupRequested { cause: None },
            _ => What::EndUnexplained,
        };
        self.note(ix, at, what);
    }

    /// The channel by which a member was rung last, where the event names only the member.
    pub(super) fn offered_to(&self, caller: ChannelIx, member: &str) -> Option<ChannelIx> {
        self.channel(caller)?.notes.iter().rev().find_map(|note| match &note.what {
            What::Offered { interface, dest, .. } if **interface == *member => Some(*dest),
            _ => None,
        })
    }
}
