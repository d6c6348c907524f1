//! Calls that go on, as who watches them sees them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;
use utoipa::ToSchema;

use crate::PbxId;

/// State of the topic [`crate::Topic::Calls`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct CallsState {
    /// Calls that go on, by id.
    #[ts(type = "Record<string, LiveCall>")]
    pub calls: BTreeMap<u64, LiveCall>,
    /// PBXs from which nothing is heard: what is shown of their calls was so at that moment, ms since the Unix epoch.
    #[ts(type = "Record<string, number>")]
    pub stale: BTreeMap<PbxId, i64>,
}

/// Who began a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallDirection {
    /// From outside.
    Incoming,
    /// To outside.
    Outgoing,
    /// Neither.
    Internal,
}

/// What goes on in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallPhase {
    /// On its way through the dialplan: menu, announcement, voicemail.
    Way,
    /// The caller waits in a queue.
    Waiting,
    /// Somebody is rung, by no queue.
    Ringing,
    /// People speak.
    Talking,
    /// One of them has put the others on hold.
    Held,
    /// Parked: it waits to be taken.
    Parked,
}

/// Somebody in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct LiveParty {
    /// Which PBX.
    pub pbx: PbxId,
    /// Endpoint there, e.g. `PJSIP/101`.
    pub endpoint: String,
    /// Whether it is a phone of the house, else a line to the outside.
    pub phone: bool,
    /// Number as the PBX has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub number: Option<String>,
    /// Name as the PBX has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
}

/// A call that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct LiveCall {
    /// Who began it.
    pub direction: CallDirection,
    /// Who calls.
    pub caller: LiveParty,
    /// What the caller dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub dialled: Option<String>,
    /// When it began, ms since the Unix epoch.
    #[ts(type = "number")]
    pub began_ms: i64,
    /// What goes on.
    pub phase: CallPhase,
    /// Since when, ms since the Unix epoch.
    #[ts(type = "number")]
    pub since_ms: i64,
    /// The queue it waits in or came by last: its name on the PBX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub queue: Option<String>,
    /// Who is rung.
    pub rings: Vec<LiveParty>,
    /// Who speaks with the caller, or with one another.
    pub talks: Vec<LiveParty>,
    /// That some of it belongs together was told by numbers and time only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probable: bool,
}
