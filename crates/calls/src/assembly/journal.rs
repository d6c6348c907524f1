//! The journal: every change of an assembly as a few bytes, from which the same assembly can be made again.
//!
//! It holds what was news, so a repetition costs nothing, and it holds no event of a PBX: it is the same for all dialects. Whoever
//! keeps it (a file, a table) takes the bytes after each batch; [`Assembly::dump`] begins a new one with what is live.

use serde::{Deserialize, Serialize};

use super::channel::Source;
use super::{Assembly, PbxIx};
use crate::call::JoinReason;
use crate::note::{ChannelIx, Note, What};

/// Bytes of a channel in a dump without its notes, rather too many.
const DUMPED_CHANNEL: usize = 256;

/// Bytes of a note in a dump, rather too many.
const DUMPED_NOTE: usize = 64;

/// A journal that cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal of calls cannot be read from byte {at} on; what stands before it was taken")]
pub struct Unreadable {
    /// Where it stops.
    pub at: usize,
}

/// One change. New kinds are added at the end, or an older journal is read wrongly.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Op<'a> {
    Make {
        ix: ChannelIx,
        pbx: u32,
        uniqueid: &'a str,
        name: &'a str,
    },
    Note {
        ix: ChannelIx,
        at: i64,
        what: What,
    },
    /// A note that was found by asking.
    Looked {
        ix: ChannelIx,
        at: i64,
        what: What,
    },
    /// Time of a channel's last event.
    LastAt {
        ix: ChannelIx,
        at: i64,
    },
    Halves {
        one: ChannelIx,
        two: ChannelIx,
    },
    /// A channel that had been given up was heard of.
    Revived {
        ix: ChannelIx,
    },
    /// Its other end at another PBX was found, or never will be.
    Settled {
        ix: ChannelIx,
    },
    Link {
        ix: ChannelIx,
        at: i64,
        linkedid: &'a str,
    },
    Join {
        one: ChannelIx,
        two: ChannelIx,
        reason: JoinReason,
        at: i64,
    },
    Key {
        ix: ChannelIx,
        at: i64,
        reason: JoinReason,
        value: &'a str,
    },
    Id {
        ix: ChannelIx,
        id: u64,
    },
    Absorbed {
        ix: ChannelIx,
        id: u64,
    },
    /// The call of this channel was told as over.
    Ended {
        ix: ChannelIx,
    },
    /// Until when a PBX was heard.
    Heard {
        pbx: u32,
        at: i64,
    },
    /// What follows is a dump, up to the same with `false`. It says all of the channels in it; and only `Join` joins, since notes of
    /// the same millisecond stand in another order than they came in.
    Dump {
        on: bool,
    },
}

/// A note without taking it away from its channel; the same bytes as [`Op::Note`] and [`Op::Looked`].
#[derive(Debug, Serialize)]
enum Borrowed<'a> {
    #[expect(dead_code, reason = "holds the place of Make")]
    Make,
    Note {
        ix: ChannelIx,
        at: i64,
        what: &'a What,
    },
    Looked {
        ix: ChannelIx,
        at: i64,
        what: &'a What,
    },
}

/// Changes since the bytes were taken last; nothing is kept where nobody asked for it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    bytes: Option<Vec<u8>>,
}

impl Journal {
    fn put(&mut self, op: &impl Serialize) {
        if let Some(bytes) = self.bytes.take() {
            // Writing into memory cannot fail.
            self.bytes = Some(postcard::to_extend(op, bytes).unwrap_or_default());
        }
    }

    pub(super) fn make(&mut self, ix: ChannelIx, pbx: PbxIx, uniqueid: &str, name: &str) {
        self.put(&Op::Make { ix, pbx: pbx.0, uniqueid, name });
    }

    pub(super) fn note(&mut self, ix: ChannelIx, at: i64, what: &What, source: Source) {
        match source {
            Source::Event => self.put(&Borrowed::Note { ix, at, what }),
            Source::Look => self.put(&Borrowed::Looked { ix, at, what }),
        }
    }

    pub(super) fn halves(&mut self, one: ChannelIx, two: ChannelIx) {
        self.put(&Op::Halves { one, two });
    }

    pub(super) fn revived(&mut self, ix: ChannelIx) {
        self.put(&Op::Revived { ix });
    }

    pub(super) fn settled(&mut self, ix: ChannelIx) {
        self.put(&Op::Settled { ix });
    }

    pub(super) fn ended(&mut self, ix: ChannelIx) {
        self.put(&Op::Ended { ix });
    }

    pub(super) fn heard(&mut self, pbx: PbxIx, at: i64) {
        self.put(&Op::Heard { pbx: pbx.0, at });
    }

    pub(super) fn link(&mut self, ix: ChannelIx, at: i64, linkedid: &str) {
        self.put(&Op::Link { ix, at, linkedid });
    }

    pub(super) fn join(&mut self, one: ChannelIx, two: ChannelIx, reason: JoinReason, at: i64) {
        self.put(&Op::Join { one, two, reason, at });
    }

    pub(super) fn key(&mut self, ix: ChannelIx, at: i64, reason: JoinReason, value: &str) {
        self.put(&Op::Key { ix, at, reason, value });
    }

    pub(super) fn id(&mut self, ix: ChannelIx, id: u64) {
        self.put(&Op::Id { ix, id });
    }
}

impl Assembly {
    /// Begins to keep a journal.
    pub fn keep_journal(&mut self) {
        self.journal.bytes.get_or_insert_default();
    }

    /// The changes since the last time.
    pub fn take_journal(&mut self) -> Vec<u8> {
        self.journal.bytes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// All that is live, as a journal that begins with nothing.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        // What is not written to costs nothing; to grow would hold it twice.
        let room = self.channels.len() * DUMPED_CHANNEL + self.figures.notes * DUMPED_NOTE;
        let mut dump = Journal { bytes: Some(Vec::with_capacity(room)) };
        dump.put(&Op::Dump { on: true });
        for (pbx, at) in self.heard_until() {
            dump.heard(pbx, at);
        }
        let mut channels: Vec<_> = self.channels.iter().collect();
        channels.sort_unstable_by_key(|(ix, _)| **ix);
        for (ix, channel) in &channels {
            dump.make(**ix, channel.pbx, &channel.uniqueid, &channel.first_name);
        }
        let mut notes: Vec<(i64, ChannelIx, &Note)> =
            channels.iter().flat_map(|(ix, channel)| channel.notes.iter().map(|note| (note.at, **ix, note))).collect();
        notes.sort_by_key(|(at, ix, _)| (*at, *ix));
        for (_, ix, note) in notes {
            dump.note(ix, note.at, &note.what, Source::Look);
        }
        for (ix, channel) in &channels {
            dump.put(&Op::LastAt { ix: **ix, at: channel.last_at() });
            // One that only lists have shown was not heard at all.
            let known_at = channel.notes.last().map_or(channel.last_at(), |note| channel.last_at().max(note.at));
            if let Some(half) = channel.half.filter(|half| half > ix) {
                dump.halves(**ix, half);
            }
            if channel.settled {
                dump.settled(**ix);
            }
            for linkedid in channel.linked.iter().chain([&channel.linkedid]).filter(|linkedid| !linkedid.is_empty()) {
                dump.link(**ix, known_at, linkedid);
            }
            for (reason, value) in &channel.keys {
                dump.key(**ix, known_at, *reason, value);
            }
        }
        for (_, group) in &self.groups {
            for join in &group.joins {
                dump.join(join.one, join.two, join.reason, join.at);
            }
            let Some(ix) = group.channels.first().copied() else { continue };
            if let Some(id) = group.id {
                dump.id(ix, id);
            }
            for id in group.absorbed.iter().copied() {
                dump.put(&Op::Absorbed { ix, id });
            }
        }
        dump.put(&Op::Dump { on: false });
        dump.bytes.unwrap_or_default()
    }

    /// Does again what a journal says.
    ///
    /// # Errors
    /// When it is cut off or is none; what stands before that place was done.
    pub fn replay(&mut self, journal: &[u8]) -> Result<(), Unreadable> {
        let mut rest = journal;
        let mut read = Ok(());
        while !rest.is_empty() && read.is_ok() {
            match postcard::take_from_bytes::<Op<'_>>(rest) {
                Ok((op, after)) => {
                    rest = after;
                    self.redo(op);
                }
                Err(_) => read = Err(Unreadable { at: journal.len() - rest.len() }),
            }
        }
        // A dump that was cut off must not keep what comes later from joining.
        self.in_dump = false;
        read
    }

    fn redo(&mut self, op: Op<'_>) {
        match op {
            Op::Make { ix, pbx, uniqueid, name } => {
                if !self.channels.contains_key(&ix) {
                    self.make(ix, PbxIx(pbx), uniqueid, name);
                } else if self.in_dump {
                    self.renew(ix);
                }
            }
            Op::Note { ix, at, what } => self.note(ix, at, what),
            Op::Looked { ix, at, what } => self.note_of_look(ix, at, what),
            Op::LastAt { ix, at } => {
                if let Some(channel) = self.channels.get_mut(&ix) {
                    channel.heard_at(at);
                }
            }
            Op::Halves { one, two } => self.pair_halves(one, two),
            Op::Revived { ix } => self.revive(ix),
            Op::Settled { ix } => self.settle(ix),
            Op::Ended { ix } => self.ended_before(ix),
            Op::Heard { pbx, at } => self.heard(PbxIx(pbx), at),
            Op::Link { ix, at, linkedid } => self.link(ix, at, linkedid),
            Op::Join { one, two, reason, at } => {
                let in_dump = std::mem::take(&mut self.in_dump);
                self.join(one, two, reason, at);
                self.in_dump = in_dump;
            }
            Op::Key { ix, at, reason, value } => self.key(ix, at, reason, value),
            Op::Id { ix, id } => {
                let Some(group) = self.channel(ix).map(|channel| channel.group) else { return };
                if let Some(group) = self.groups.get_mut(group) {
                    group.id = Some(group.id.map_or(id, |known| known.min(id)));
                    self.journal.id(ix, id);
                }
            }
            Op::Absorbed { ix, id } => {
                let Some(group) = self.channel(ix).map(|channel| channel.group) else { return };
                if let Some(group) = self.groups.get_mut(group)
                    && !group.absorbed.contains(&id)
                {
                    group.absorbed.push(id);
                    self.journal.put(&Op::Absorbed { ix, id });
                }
            }
            Op::Dump { on } => self.in_dump = on,
        }
    }
}
