//! An operator's status (DOMAIN: Status).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;
use utoipa::ToSchema;

use crate::ReasonId;

/// What the operator does. Ringing and talking are derived from calls and are not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatusKind {
    /// After sign-in; never becomes available by itself.
    Preparing,
    /// Takes queue calls.
    Available,
    /// Away with a reason.
    Break,
    /// Wrap-up work after a call.
    AfterCall,
    /// Offers were not taken twice in a row; one key back.
    NotAnswering,
    /// Not on shift.
    Offline,
}

/// What a break counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonClass {
    /// Counts against the limits of rest.
    Rest,
    /// Callbacks, back office.
    Work,
    /// Training.
    Training,
    /// Something is broken.
    Technical,
}

/// A break reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Reason {
    /// Own id.
    pub id: ReasonId,
    /// Name by language (`en`, `ru`).
    pub names: BTreeMap<String, String>,
    /// Class.
    pub class: ReasonClass,
    /// Minutes it may last; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub limit_min: Option<u32>,
}

/// Who changed it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "who", rename_all = "kebab-case")]
pub enum ChangedBy {
    /// The operator in Linedesk.
    Operator,
    /// Somebody else in Linedesk.
    Person {
        /// Display name.
        name: String,
    },
    /// A person at the PBX (feature code, panel, CLI): adopted.
    Pbx,
    /// A rule.
    System,
}

/// The status now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Status {
    /// What.
    pub kind: StatusKind,
    /// With [`StatusKind::Break`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reason: Option<ReasonId>,
    /// Since when, ms since the Unix epoch.
    #[ts(type = "number")]
    pub since_ms: i64,
    /// When it ends by itself (after-call) or reaches its limit (break), ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub until_ms: Option<i64>,
    /// Who changed it.
    pub by: ChangedBy,
}

/// When a wished status begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// At once; in a call the same as `after-call`, since the operator goes on talking.
    #[default]
    Now,
    /// At the end of the call; the pause goes to the PBX at once, so that no further call is offered.
    AfterCall,
}

/// Body of PUT [`crate::path::ME_STATUS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct StatusWish {
    /// `preparing`, `available`, `break`, `after-call`, or `offline`, which ends the shift (in a call: after it) and keeps the
    /// session; from offline `preparing`, `available` or `break` begins the next shift.
    pub kind: StatusKind,
    /// With `break`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reason: Option<ReasonId>,
    /// When.
    #[serde(default)]
    pub when: When,
    /// When it was chosen, by the server's clock, ms since the Unix epoch. The workstation fills it in, since a wish may wait
    /// for the link: it is passed over when another person has changed the status since, or when its shift is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub chosen_at_ms: Option<i64>,
}

/// A status chosen for after the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct NextStatus {
    /// What.
    pub kind: StatusKind,
    /// With `break`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reason: Option<ReasonId>,
    /// When it was chosen.
    #[ts(type = "number")]
    pub chosen_at_ms: i64,
}
