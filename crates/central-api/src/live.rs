//! The live connection: topics as a snapshot, then merge patches in order.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{Membership, NextStatus, PbxId, PhoneId, QueueFigures, QueueId, Status};

/// What can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// The operator's own state: [`MeState`].
    Me,
    /// Queues in the operator's scope: [`QueuesState`].
    Queues,
    /// Calls that go on, for who watches: [`CallsState`](crate::CallsState).
    Calls,
}

/// Client → central, text frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToLive {
    /// Follow a topic. With the epoch and number last seen central sends what is missing if it still has it, else a snapshot.
    Subscribe {
        /// Which.
        topic: Topic,
        /// Epoch and number last applied.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional, type = "{ epoch: string, number: number }")]
        resume: Option<Resume>,
    },
    /// No more.
    Unsubscribe {
        /// Which.
        topic: Topic,
    },
    /// Answered with `pong`; sent every 5 s, a connection silent for 15 s counts as lost on both sides.
    Ping,
}

/// Where a subscriber stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Resume {
    /// Of the server's state; a restarted server has another.
    pub epoch: String,
    /// Last frame applied.
    #[ts(type = "number")]
    pub number: u64,
}

/// Central → client, text frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromLive {
    /// First frame.
    Hello {
        /// [`crate::PROTOCOL`].
        protocol: u32,
        /// Epoch of this server's state.
        epoch: String,
        /// Server's time.
        #[ts(type = "number")]
        at_ms: i64,
    },
    /// The whole state of a topic.
    Snapshot {
        /// Epoch.
        epoch: String,
        /// Which.
        topic: Topic,
        /// Number of this frame in the topic.
        #[ts(type = "number")]
        number: u64,
        /// Server's time.
        #[ts(type = "number")]
        at_ms: i64,
        /// [`MeState`], [`QueuesState`] or [`CallsState`](crate::CallsState).
        #[ts(type = "unknown")]
        state: serde_json::Value,
    },
    /// What changed since the frame before: JSON Merge Patch.
    Delta {
        /// Epoch.
        epoch: String,
        /// Which.
        topic: Topic,
        /// One more than the frame before.
        #[ts(type = "number")]
        number: u64,
        /// Server's time.
        #[ts(type = "number")]
        at_ms: i64,
        /// RFC 7396.
        #[ts(type = "unknown")]
        patch: serde_json::Value,
    },
    /// The right to see the topic is gone.
    TopicEnd {
        /// Which.
        topic: Topic,
    },
    /// The session is over; the connection closes.
    SessionEnded {
        /// Why.
        reason: SessionEndReason,
    },
    /// Answer to `ping`.
    Pong {
        /// Server's time.
        #[ts(type = "number")]
        at_ms: i64,
    },
    /// A newer server says something this build does not know.
    #[serde(other)]
    #[ts(skip)]
    Unknown,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum SessionEndReason {
    /// The operator moved to another machine.
    Moved {
        /// Its name.
        machine: String,
    },
    /// Another operator took this seat.
    ReplacedAtSeat {
        /// Display name.
        by: String,
    },
    /// Signed out.
    SignedOut,
    /// Expired or revoked.
    Revoked,
}

/// State of the topic [`Topic::Me`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct MeState {
    /// Status now.
    pub status: Status,
    /// Status chosen for after the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<NextStatus>,
    /// Queues the operator may join, by id.
    #[ts(type = "Record<string, Membership>")]
    pub memberships: BTreeMap<QueueId, Membership>,
    /// The phones in use, as their PBXs see them, by id.
    #[ts(type = "Record<string, PhoneAtPbx>")]
    pub phones: BTreeMap<PhoneId, PhoneAtPbx>,
    /// PBX links, by id.
    #[ts(type = "Record<string, PbxLink>")]
    pub pbxs: BTreeMap<PbxId, PbxLink>,
    /// Calls of the operator's phones, by SIP Call-ID.
    #[ts(type = "Record<string, CallInfo>")]
    pub calls: BTreeMap<String, CallInfo>,
}

/// Whether a PBX can reach a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reachability {
    /// A contact that answers.
    Reachable,
    /// A contact that does not answer.
    Unreachable,
    /// No contact.
    NotRegistered,
    /// The PBX link is away.
    Unknown,
}

/// A phone as its PBX sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct PhoneAtPbx {
    /// Its number on that PBX.
    pub number: String,
    /// Which PBX.
    pub pbx: PbxId,
    /// Reachable.
    pub state: Reachability,
    /// The contact URI the PBX would ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub contact: Option<String>,
    /// Since when, ms since the Unix epoch.
    #[ts(type = "number")]
    pub since_ms: i64,
    /// Grows when central asks the workstation to register again (the PBX has restarted); the workstation obeys, jittered.
    #[ts(type = "number")]
    pub register_again: u64,
}

/// The link to a PBX.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct PbxLink {
    /// Name on screens.
    pub name: String,
    /// Up?
    pub up: bool,
    /// Since when, ms since the Unix epoch.
    #[ts(type = "number")]
    pub since_ms: i64,
    /// Whether commands are sent; else central only watches.
    pub managed: bool,
}

/// What central knows of a call that the softphone does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct CallInfo {
    /// The queue it came by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub queue: Option<QueueId>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub queue_name: Option<String>,
    /// The project, the largest line of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub project: Option<String>,
    /// What to say first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub greeting: Option<String>,
    /// The caller's number as the PBX has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub caller_number: Option<String>,
    /// The caller's name as the PBX has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub caller_name: Option<String>,
    /// When the customer began to wait in the queue, ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub waiting_since_ms: Option<i64>,
    /// When the wait ended by an answer, ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub answered_ms: Option<i64>,
    /// Said after the softphone died in this call: the customer is back in the queue, first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returned_to_queue: bool,
    /// When the PBX began to ring the phone, ms since the Unix epoch by the PBX event's arrival at central.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub ringing_ms: Option<i64>,
}

/// State of the topic [`Topic::Queues`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct QueuesState {
    /// By id.
    #[ts(type = "Record<string, QueueFigures>")]
    pub queues: BTreeMap<QueueId, QueueFigures>,
}
