//! What the rest of central and a PBX actor say to each other.
//!
//! Statuses and memberships are *desired state*, owned by the desk. A PBX actor is told the whole wish, makes the PBX be
//! like that (`reconcile`), and reports what it sees. It never changes a wish: where a person at the PBX did something it
//! says so ([`Cause::Pbx`]), and the desk adopts it by sending a new wish.

use central_api::{PbxId, Reachability};
use tokio::sync::oneshot;

use crate::classify::NamePattern;

/// A member as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredMember {
    /// Queue name on the PBX.
    pub queue: String,
    /// Interface that Queue() rings, e.g. `PJSIP/101` or `Local/101@operators/n`.
    pub interface: String,
    /// Device whose state counts, when it is not the interface.
    pub state_interface: Option<String>,
    /// Name of the member in the queue.
    pub member_name: String,
    /// Penalty.
    pub penalty: u32,
    /// In the queue?
    pub joined: bool,
    /// Paused with this reason (PBX-side text), or free.
    pub paused: Option<String>,
}

/// To a PBX actor.
#[derive(Debug)]
pub enum PbxCommand {
    /// The whole wish for all managed members of this PBX. What is not named is left alone. Equal wishes do nothing.
    Desire(Vec<DesiredMember>),
    /// Endpoints whose contacts and calls are to be reported.
    Watch(Vec<WatchedEndpoint>),
    /// Endpoints that are lines to other PBXs, e.g. `PJSIP/station`. The SIP Call-IDs of their channels join the halves of a call
    /// that crosses.
    AskDialogs(Vec<NamePattern>),
    /// A softphone died with these calls: each customer goes back to the queue he came by, first in line; the dead leg is hung up.
    ReturnToQueue {
        /// Their SIP Call-IDs.
        sip_call_ids: Vec<String>,
        /// One for each.
        reply: oneshot::Sender<Vec<Returned>>,
    },
    /// Try the member that failed three times again.
    Retry,
}

/// An endpoint of an operator's phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedEndpoint {
    /// PJSIP endpoint name.
    pub endpoint: String,
    /// The interface by which queues ring it (may be Local/…).
    pub interface: String,
}

/// What became of a lost call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Which.
    pub sip_call_id: String,
    /// Queue name on the PBX, when the customer is back in it; else why not.
    pub outcome: Result<String, String>,
}

/// From a PBX actor.
#[derive(Debug, Clone, PartialEq)]
pub struct PbxReport {
    /// Which PBX.
    pub pbx: PbxId,
    /// What.
    pub event: PbxEvent,
}

/// Whose doing a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Our own action.
    Ours,
    /// A person at the PBX (feature code, panel, CLI), seen live or found after a gap of the link.
    Pbx,
    /// The PBX restarted or reloaded and lost it; the wish is being restored.
    Restart,
    /// Asterisk's own autopause.
    Autopause,
    /// First look at a member.
    Found,
}

/// How far a wish has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// As wished.
    Applied,
    /// Actions under way.
    Pending,
    /// Refused three times; the PBX's words.
    Failed(String),
}

/// A member as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedMember {
    /// In the queue.
    pub present: bool,
    /// Static or realtime: cannot be removed by AMI.
    pub fixed: bool,
    /// Paused.
    pub paused: bool,
    /// Reason text of the pause, where the PBX keeps it.
    pub paused_reason: Option<String>,
}

/// What a PBX actor sees.
#[derive(Debug, Clone, PartialEq)]
pub enum PbxEvent {
    /// The link is up (after the first full look) or down.
    Link {
        /// Up?
        up: bool,
        /// With `up`: the PBX itself was started again since the last look; softphones must register again.
        restarted: bool,
    },
    /// A member whose wish we know.
    Member {
        /// Queue name on the PBX.
        queue: String,
        /// Interface.
        interface: String,
        /// As it is.
        observed: ObservedMember,
        /// Whose doing.
        cause: Cause,
        /// How far the wish has come.
        progress: Progress,
    },
    /// Figures of a queue.
    Queue {
        /// Queue name on the PBX.
        queue: String,
        /// Customers waiting.
        waiting: u32,
        /// When the longest waiting one joined, ms since the Unix epoch.
        longest_since_ms: Option<i64>,
        /// Members who could take a call now: not paused, device idle.
        free: u32,
    },
    /// A watched endpoint's contacts.
    Endpoint {
        /// Endpoint name.
        endpoint: String,
        /// Reachable?
        state: Reachability,
        /// Contact URI that would be rung.
        contact: Option<String>,
    },
    /// A call of a watched endpoint is new or changed.
    Call(PbxCall),
    /// Its channel is gone.
    CallGone {
        /// Endpoint name.
        endpoint: String,
        /// Which.
        sip_call_id: String,
        /// Whether it had been in conversation.
        talked: bool,
    },
    /// An offer of a queue call to a member ended.
    OfferEnded {
        /// Queue name on the PBX.
        queue: String,
        /// Interface.
        interface: String,
        /// How.
        outcome: OfferOutcome,
    },
}

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferOutcome {
    /// The member took it.
    Answered,
    /// The member let it ring or declined.
    NotTaken,
    /// The caller left, or somebody else took it.
    Withdrawn,
}

/// A call of a watched endpoint as the PBX knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbxCall {
    /// Endpoint name.
    pub endpoint: String,
    /// The key.
    pub sip_call_id: String,
    /// Queue name on the PBX it came by.
    pub queue: Option<String>,
    /// The customer's number.
    pub caller_number: Option<String>,
    /// The customer's name.
    pub caller_name: Option<String>,
    /// When the customer joined the queue, ms since the Unix epoch.
    pub waiting_since_ms: Option<i64>,
    /// When the phone began to ring, ms since the Unix epoch.
    pub ringing_ms: Option<i64>,
    /// When it was answered.
    pub answered_ms: Option<i64>,
}
