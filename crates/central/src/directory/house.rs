//! What an administrator has said of the house, as it is kept. What it means together is the [`Directory`](super::Directory)'s.

use std::collections::BTreeMap;

use central_api::{PbxId, PhoneId, UserId};
use serde::{Deserialize, Serialize};

use super::{Assignments, ExternalNumber, Group, MemberTemplate, Project, Settings};
use crate::classify::{NamePattern, Rule};
use crate::numbers::NumberPlan;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A line of a PBX.
    LineId
);
id!(
    /// A number plan.
    PlanId
);
id!(
    /// A group of people.
    GroupId
);
id!(
    /// A project.
    ProjectId
);
id!(
    /// A number that customers dial.
    ExternalNumberId
);

/// Everything that the directory is made of and the desk does not need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct House {
    /// What the link to a PBX does not need of it: a change here breaks no link.
    pub pbxs: BTreeMap<PbxId, PbxPlace>,
    /// Number plans.
    pub plans: BTreeMap<PlanId, PlanRow>,
    /// Lines of all PBXs.
    pub lines: BTreeMap<LineId, Line>,
    /// Phones of all PBXs, also such as are nobody's.
    pub phones: BTreeMap<PhoneId, PhonePlace>,
    /// Who held which phone lately.
    pub assignments: Assignments,
    /// What figures depend on.
    pub settings: Settings,
    /// Projects.
    pub projects: BTreeMap<ProjectId, Project>,
    /// Numbers that customers dial.
    pub external_numbers: BTreeMap<ExternalNumberId, ExternalNumber>,
    /// Groups of people.
    pub groups: BTreeMap<GroupId, Group>,
    /// What the places of dialplans are, in the order in which it was said.
    pub rules: Vec<Rule>,
}

impl House {
    /// The number plan of a PBX.
    #[must_use]
    pub fn plan_of(&self, pbx: PbxId) -> Option<&PlanRow> {
        self.plans.get(&self.pbxs.get(&pbx)?.number_plan?)
    }
}

/// A PBX among others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PbxPlace {
    /// How it writes numbers.
    pub number_plan: Option<PlanId>,
    /// The same number there is the same object.
    pub mirror_of: Option<PbxId>,
    /// How its queues name its phones; absent: nobody said, plain PJSIP.
    pub member_template: Option<MemberTemplate>,
}

/// A number plan and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    /// Own id.
    pub id: PlanId,
    /// By which files and people name it.
    pub name: String,
    /// Its rules.
    pub plan: NumberPlan,
}

/// A way out of a PBX: a trunk, or a line to another PBX of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Own id.
    pub id: LineId,
    /// Where.
    pub pbx: PbxId,
    /// By which files and people name it.
    pub name: String,
    /// The endpoint of its channels: `PJSIP/trunk-a`, `DAHDI/i1/*`.
    pub endpoint: NamePattern,
    /// The PBX of the house at its other end.
    pub to_pbx: Option<PbxId>,
    /// Its rules in the number plan of its PBX; absent: those of its name, or the plan's own.
    pub trunk: Option<String>,
    /// Who decides what it is.
    pub managed_by: ManagedBy,
}

impl Line {
    /// What number plans call it.
    #[must_use]
    pub fn trunk(&self) -> &str {
        self.trunk.as_deref().unwrap_or(&self.name)
    }
}

/// A phone of a PBX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhonePlace {
    /// Own id.
    pub id: PhoneId,
    /// Where.
    pub pbx: PbxId,
    /// Endpoint there.
    pub number: String,
    /// Whose by the configuration; who has it at the moment is told by the assignments.
    pub user: Option<UserId>,
    /// What it is.
    pub kind: PhoneKind,
    /// Who decides what it is.
    pub managed_by: ManagedBy,
}

/// What a phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhoneKind {
    /// Ours, on a workstation.
    Softphone,
    /// On a desk.
    DeskPhone,
    /// In a pocket.
    Mobile,
}

/// Who decides what an object of a PBX is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManagedBy {
    /// The PBX's own files and panels; here it is only told.
    #[default]
    Pbx,
    /// Linedesk.
    Linedesk,
}
