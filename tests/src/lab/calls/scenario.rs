//! What a scenario is, and what it needs of a PBX.

use std::sync::Arc;

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::{Site, Stage};

/// One scenario.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// For files and the command line.
    pub name: &'static str,
    /// Two digits that are in all its numbers.
    pub number: u8,
    /// What people do, in words.
    pub story: &'static str,
    /// What it needs.
    pub office: Office,
    /// Plays it.
    pub play: fn(Arc<Stage>) -> BoxFuture<'static, Result<()>>,
}

/// A scenario's own part of the configuration. In its texts `{ss}` is the scenario's number and `{name}` its name.
#[derive(Debug, Clone, Copy)]
pub struct Office {
    /// Phones at PBX A, 1SS01 and so on.
    pub phones: u8,
    /// Phones at PBX B, 2SS01 and so on.
    pub phones_b: u8,
    /// Phones of PBX A that are at PBX B too, by the same number: for whom the PBXs are mirrors it is one phone.
    pub twins: u8,
    /// More lines for a phone's endpoint.
    pub phone_options: &'static [(u8, &'static str)],
    /// Queues, 7SS1 and so on.
    pub queues: &'static [Queue],
    /// Lines of the context that everybody may dial.
    pub numbers: &'static str,
    /// Contexts of its own.
    pub contexts: &'static str,
    /// A parking lot 8SS0 with places 8SS1 to 8SS3, and after how many seconds a call comes back from it.
    pub lot: Option<u8>,
}

/// A queue of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// Where it is.
    pub site: Site,
    /// Who rings first. No line of the options: of two strategies Asterisk takes the first, which is the template's.
    pub strategy: &'static str,
    /// More lines of queues.conf.
    pub options: &'static str,
    /// Who is in it.
    pub members: &'static [Member],
    /// Of Queue().
    pub arguments: &'static str,
    /// How long somebody may wait, in seconds.
    pub timeout: u16,
    /// What the dialplan does with those who come out of it, one application a line.
    pub after: &'static [&'static str],
}

/// A static member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A phone of the same PBX: `PJSIP/…`, or `Local/…@operators/n` with the phone's state.
    Phone(u8),
    /// The same as FreePBX writes it, whatever the kind: `Local/…@from-queue/n`, `hint:…@ext-local`.
    Hint(u8),
    /// A phone of the other PBX, over the trunk with the header.
    Across(u8),
    /// A phone of PBX A that is at this PBX too.
    Twin(u8),
    /// Over the trunk without it.
    AcrossBare(u8),
}

impl Office {
    /// Nothing.
    pub const NONE: Self = Self {
        phones: 0,
        phones_b: 0,
        twins: 0,
        phone_options: &[],
        queues: &[],
        numbers: "",
        contexts: "",
        lot: None,
    };

    /// One queue and its first phone in it; one more phone for colleagues.
    pub const QUEUE: Self = Self { phones: 2, queues: &[Queue::PLAIN], ..Self::NONE };

    /// Phones without a queue.
    pub const fn phones(phones: u8) -> Self {
        Self { phones, ..Self::NONE }
    }

    /// Whether it needs the second PBX.
    pub fn needs_b(&self) -> bool {
        self.phones_b > 0 || self.twins > 0 || self.queues.iter().any(|queue| queue.site == Site::B)
    }
}

impl Queue {
    /// With the first phone in it. Who waits in vain for 30 seconds is hung up.
    pub const PLAIN: Self = Self {
        site: Site::A,
        strategy: "rrmemory",
        options: "",
        members: &[Member::Phone(1)],
        arguments: "tT",
        timeout: 30,
        after: &[],
    };
}
