//! Projects, the numbers that customers dial, and groups of people.

use central_api::{PbxId, UserId};
use serde::{Deserialize, Serialize};

use super::{ExternalNumberId, GroupId, ManagedBy, ProjectId};

/// For whom the house works: it groups queues, external numbers, lists and rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Own id.
    pub id: ProjectId,
    /// The largest line of a ringing call.
    pub name: String,
    /// What a call of it is like, where nothing nearer says otherwise.
    pub manner: Manner,
}

/// A number by which customers reach the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalNumber {
    /// Own id.
    pub id: ExternalNumberId,
    /// Where it arrives.
    pub pbx: PbxId,
    /// In E.164, or as the PBX sees it dialled.
    pub number: String,
    /// On screens.
    pub name: String,
    /// Whose.
    pub project: Option<ProjectId>,
    /// What a call to it is like; what is left out is the project's.
    pub manner: Manner,
    /// Who decides where it leads.
    pub managed_by: ManagedBy,
}

/// What a call is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manner {
    /// What to say first.
    pub greeting: Option<String>,
    /// Where the script for the talk is (http, https).
    pub script: Option<String>,
    /// What is opened when the call is answered (http, https).
    pub screen_pop: Option<String>,
    /// Time zone of the customers, as in the tz database.
    pub zone: Option<String>,
}

impl Manner {
    /// This, and what it leaves out from another.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let or = |own: &Option<String>, other: &Option<String>| own.clone().or_else(|| other.clone());
        Self {
            greeting: or(&self.greeting, &other.greeting),
            script: or(&self.script, &other.script),
            screen_pop: or(&self.screen_pop, &other.screen_pop),
            zone: or(&self.zone, &other.zone),
        }
    }
}

/// People who belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Own id.
    pub id: GroupId,
    /// By which people name it.
    pub name: String,
    /// Whose the numbers are.
    pub numbers: Numbers,
    /// Who was in it from when to when, ms since the Unix epoch.
    pub stays: Vec<Stay>,
}

/// Somebody was in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub from_ms: i64,
    /// Until when, this moment no more; absent: still is.
    pub to_ms: Option<i64>,
}

impl Group {
    /// Who was in it at this moment.
    pub fn users_at(&self, at_ms: i64) -> impl Iterator<Item = UserId> {
        let there = move |stay: &&Stay| stay.from_ms <= at_ms && stay.to_ms.is_none_or(|to| at_ms < to);
        self.stays.iter().filter(there).map(|stay| stay.user)
    }
}

/// Whose the numbers of a group are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Numbers {
    /// The number follows the person.
    #[default]
    Own,
    /// The person takes the number of the machine.
    Seat,
}
