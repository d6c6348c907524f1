//! Queues and the operator's membership.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::ChangedBy;

/// Body of PUT [`crate::path::ME_QUEUE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct MembershipWish {
    /// Join or leave.
    pub joined: bool,
}

/// How far the wish has come at the PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Applied {
    /// The PBX has it as wished.
    Applied,
    /// Sent or waiting for the link.
    Pending,
    /// The PBX refused three times: a visible difference, not a loop; [`Membership::problem`] says why.
    Failed,
    /// The PBX link is observe-only or away, so nobody knows.
    Unknown,
}

/// The operator's membership of one queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Membership {
    /// Wished: in or out.
    pub joined: bool,
    /// A static or realtime member cannot be removed through AMI: out is a pause there.
    pub fixed: bool,
    /// Whether the PBX has the member paused.
    pub paused: bool,
    /// How far.
    pub applied: Applied,
    /// Who changed it last.
    pub by: ChangedBy,
    /// When it was changed, ms since the Unix epoch.
    #[ts(type = "number")]
    pub changed_ms: i64,
    /// With [`Applied::Failed`]: the PBX's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<String>,
}

/// Figures of a queue, the same for everybody who may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct QueueFigures {
    /// Name on screens.
    pub name: String,
    /// Project shown as the largest line of a ringing call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub project: Option<String>,
    /// Customers waiting.
    pub waiting: u32,
    /// When the longest waiting one joined, ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub longest_since_ms: Option<i64>,
    /// Members who could take a call now.
    pub free: u32,
    /// Whether these figures come from a live PBX link; else they are as of the link's loss.
    pub live: bool,
}
