//! What the collector of calls, reports and screens know of the house: which endpoint of a PBX is a phone, a line, another PBX;
//! whose it is; by which plan it writes numbers.
//!
//! Pure: no I/O, no clock, no database. A [`Directory`] is made of the whole configuration, never changes, and is asked by hash;
//! when the configuration changes there is a new one.

mod assignment;
mod at_pbx;
mod check;
mod federation;
mod house;
mod in_calls;
mod look;
mod observed;
mod operator;
mod projects;
mod rule_dates;
mod settings;
mod template;
mod way;

pub use assignment::{Assignment, Assignments, LongAgo, Why};
pub use at_pbx::{Directory, Known};
pub use check::Problem;
pub use federation::{Federation, mirrors};
pub use house::{
    ExternalNumberId, GroupId, House, Line, LineId, ManagedBy, PbxPlace, PhoneKind, PhonePlace, PlanId, PlanRow,
    ProjectId,
};
pub use in_calls::{InCalls, Shown};
pub(crate) use look::named;
pub use observed::{ObservedPbx, Proposal, SeenEndpoint, SeenMember, faults, proposals};
pub use operator::Behind;
pub use projects::{ExternalNumber, Group, Manner, Numbers, Project, Stay};
pub use rule_dates::{Said, Step, steps};
pub(crate) use settings::is_understood;
pub use settings::{Scope, ServiceLevelTarget, ServiceLevelWithin, Setting, Settings, ShortCall, Tracked};
pub use template::{MemberTemplate, NotATemplate};
pub(crate) use way::CameBy;

use calls::PbxIx;
use central_api::PbxId;

/// Technologies of phones and lines, as Asterisk writes them in names of channels.
pub(crate) const TECHNOLOGIES: [&str; 7] = ["PJSIP", "SIP", "IAX2", "DAHDI", "SCCP", "OOH323", "MGCP"];

/// A PBX as the assembly of calls numbers it. Own ids are given out one by one, so each has its place.
#[must_use]
pub fn pbx_ix(pbx: PbxId) -> PbxIx {
    PbxIx(u32::try_from(pbx.0).unwrap_or(u32::MAX))
}

/// Back.
#[must_use]
pub fn pbx_id(ix: PbxIx) -> PbxId {
    PbxId(i64::from(ix.0))
}
