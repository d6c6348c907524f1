//! The desk owns the live state of all operators. One task, one closed [`Event`]; the rules are pure.

mod at_pbx;
mod floor;
pub mod rules;
mod task;
mod view;

pub use floor::{Effects, Floor};
pub use rules::{Refused, Settings};
pub use task::{Desk, DeskParts, Outcome, Timing};

use central_api::{ChangedBy, PbxId, QueueId, StatusWish, UserId};
use tokio::sync::oneshot;

use crate::pbx::contract::{PbxReport, Returned};
use crate::store::Configuration;

/// Everything that reaches the desk.
#[derive(Debug)]
pub enum Event {
    /// A person signed in.
    SignedIn {
        /// Who.
        user: UserId,
        /// Session.
        session: String,
        /// Answered when it is on disk.
        done: oneshot::Sender<Outcome>,
    },
    /// A person's shift is over.
    SignedOut {
        /// Who.
        user: UserId,
        /// Session.
        session: Option<String>,
        /// By whom.
        by: ChangedBy,
        /// Answered when it is on disk.
        done: oneshot::Sender<Outcome>,
    },
    /// A workstation's live link came or went.
    Link {
        /// Who.
        user: UserId,
        /// Up?
        up: bool,
    },
    /// Does a person's seat count as taken, even without a live link?
    AtWork {
        /// Who.
        user: UserId,
        /// Answered at once.
        done: oneshot::Sender<bool>,
    },
    /// A wished status.
    Status {
        /// Who.
        user: UserId,
        /// Session.
        session: String,
        /// What.
        wish: StatusWish,
        /// Answered when it is on disk.
        done: oneshot::Sender<Outcome>,
    },
    /// The next status is taken back.
    ClearNext {
        /// Who.
        user: UserId,
        /// Answered when it is on disk.
        done: oneshot::Sender<Outcome>,
    },
    /// Join or leave a queue.
    Membership {
        /// Who.
        user: UserId,
        /// Which.
        queue: QueueId,
        /// In or out.
        joined: bool,
        /// Answered when it is on disk.
        done: oneshot::Sender<Outcome>,
    },
    /// A softphone died with these calls.
    Lost {
        /// Whose.
        user: UserId,
        /// Their SIP Call-IDs.
        sip_call_ids: Vec<String>,
        /// Answered at once: the wish is passed on.
        done: oneshot::Sender<Outcome>,
    },
    /// A PBX says what became of them.
    Returned {
        /// Whose.
        user: UserId,
        /// Which PBX.
        pbx: PbxId,
        /// Each.
        outcomes: Vec<Returned>,
    },
    /// From a PBX actor.
    Pbx(PbxReport),
    /// The configuration was changed.
    Reconfigured(Box<Configuration>),
    /// All that was sent before has been dealt with; everything that follows is refused.
    Stop {
        /// Answered last.
        done: oneshot::Sender<()>,
    },
}
