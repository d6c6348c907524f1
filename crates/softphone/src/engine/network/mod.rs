//! The network: which server we speak with and where it is, and whether our own address is still what it was.
//!
//! [`walk`] and [`change`] decide and are pure; [`resolve`], [`nat`] and [`watch`] look and tell the engine.

pub(super) mod change;
pub(super) mod nat;
pub(super) mod resolve;
mod srv;
pub(super) mod walk;
pub(super) mod watch;

use std::sync::mpsc::SyncSender;
use std::time::Instant;

use softphone_api::AccountId;

use super::Event;

/// What the engine keeps of the network.
pub(super) struct Network {
    /// For threads that look something up.
    pub(super) to_engine: SyncSender<Event>,
    /// Numbers of questions and look-ups, so that a late answer is known as one.
    pub(super) last_number: u64,
    pub(super) change: change::Change,
    pub(super) sleep: change::Sleep,
    /// When our address is looked at without anybody having told of a change.
    pub(super) look_at: Instant,
    pub(super) helpers: nat::Helpers,
}

impl Network {
    pub(super) fn new(to_engine: SyncSender<Event>) -> Self {
        watch::start(to_engine.clone());
        let (last_number, change, sleep) = (0, change::Change::default(), change::Sleep::default());
        let (look_at, helpers) = (Instant::now() + watch::LOOK_EVERY, nat::Helpers::default());
        Self { to_engine, last_number, change, sleep, look_at, helpers }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn deadline(&self) -> Instant {
        self.change.due().map_or(self.look_at, |due| due.min(self.look_at))
    }
}

/// What the network's threads tell the engine.
#[derive(Debug)]
pub(crate) enum NetworkEvent {
    /// The servers of an account were looked up.
    Resolved {
        /// Whose.
        account: AccountId,
        /// Which look-up it was; an earlier one is too late.
        number: u64,
        /// What was found.
        found: resolve::Found,
    },
    /// STUN and TURN servers were asked.
    Helpers {
        /// Which question it was; an earlier one is too late.
        number: u64,
        /// Those that answered.
        living: nat::Living,
    },
    /// An address, a route or an interface of ours is new or gone.
    Changed,
}
