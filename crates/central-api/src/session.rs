//! Signing in and who one is.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{Secret, UserId};

/// The machine somebody sits at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Machine {
    /// Made once per installation and user; random.
    pub id: String,
    /// What people call it: the host name.
    pub name: String,
}

/// Body of POST [`crate::path::SESSION`].
#[derive(Debug, Clone, Serialize, Deserialize, TS, ToSchema)]
pub struct SignIn {
    /// User name, case-insensitive.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// Where.
    pub machine: Machine,
    /// Move here if the operator works elsewhere.
    #[serde(default)]
    pub take_over: bool,
    /// Program and version, for the inventory.
    pub program: String,
    /// [`crate::PROTOCOL`] of the client.
    pub protocol: u32,
}

/// Answer to a sign-in.
#[derive(Debug, Clone, Serialize, Deserialize, TS, ToSchema)]
pub struct SignedIn {
    /// Opaque; goes into `Authorization: Bearer …`. Only its hash is stored at central.
    pub token: Secret,
    /// Grows with each sign-in of the operator; goes into each command.
    #[ts(type = "number")]
    pub fence: u64,
    /// Who.
    pub me: Me,
}

/// Who one is and what one may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Me {
    /// The person.
    pub user: User,
    /// Name of the tenant, shown at sign-in and in the tray.
    pub tenant: String,
    /// Id of this session (not a secret): the softphone child belongs to it.
    pub session: String,
    /// Server's time, ms since the Unix epoch.
    #[ts(type = "number")]
    pub at_ms: i64,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct User {
    /// Own id.
    pub id: UserId,
    /// Sign-in name.
    pub username: String,
    /// What people read.
    pub display_name: String,
    /// Role.
    pub role: Role,
}

/// Role; rights with scopes come with supervisors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Takes calls.
    Operator,
    /// Watches.
    Supervisor,
    /// Configures.
    Administrator,
}

/// Where the operator works now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SignedInElsewhere {
    /// The other machine.
    pub machine: Machine,
    /// Since when, ms since the Unix epoch.
    #[ts(type = "number")]
    pub since_ms: i64,
    /// Whether that workstation is connected at this moment.
    pub connected: bool,
}

/// Body of POST [`crate::path::ME_LOST_CALLS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct LostCalls {
    /// SIP Call-IDs of the calls that the softphone carried when it died.
    pub sip_call_ids: Vec<String>,
}
