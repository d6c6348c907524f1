//! What the directory is made of, as it is kept: see [`crate::directory`].

mod assignments;
mod classification;
mod groups;
mod inbox;
mod lines;
mod moment;
mod observations;
mod phones;
mod plans;
mod projects;
mod settings;
mod template;

pub(super) use assignments::{sit_down, stand_up};
pub use classification::RuleInput;
pub(super) use classification::apply as apply_rules;
pub use groups::GroupInput;
pub(super) use groups::apply as apply_groups;
pub use inbox::ProposedRule;
pub(super) use inbox::{forget as forget_in_inbox, read as read_inbox, settle as settle_inbox};
pub use lines::LineInput;
pub(super) use lines::apply as apply_lines;
pub use moment::{Moment, shown};
pub(super) use observations::forget as forget_observed;
pub use phones::BarePhoneInput;
pub(super) use phones::{apply as apply_phones, apply_own as apply_own_phone};
pub use plans::PlanInput;
pub(super) use plans::{apply as apply_plans, apply_places};
pub use projects::{ExternalNumberInput, ProjectInput};
pub(super) use projects::{apply as apply_projects, apply_numbers, named as named_project};
pub use settings::FiguresInput;
pub(super) use settings::{TrackedInput, apply as apply_figures, apply_tracked};
pub use template::TemplateInput;
pub(super) use template::apply as apply_template;

use std::collections::BTreeMap;

use central_api::PbxId;

use super::engine::{Connection, Row, query};
use super::{Store, StoreError, codec};
use crate::directory::{Directory, House, PbxPlace, PlanId};

impl Store {
    /// The directory as of now. Made anew when [`Store::revision`] is another than [`Directory::revision`]; who has the
    /// configuration already takes [`Directory::of`].
    ///
    /// # Errors
    /// When the database does not answer or holds what this program does not know.
    pub async fn directory(&self) -> Result<Directory, StoreError> {
        Ok(Directory::of(&self.configuration().await?))
    }
}

/// All of it.
pub(super) async fn read(now: &mut Connection) -> Result<House, StoreError> {
    let mut pbxs = BTreeMap::new();
    for row in
        query("SELECT id, number_plan_id, mirror_of_id, member_template FROM pbxs").fetch_all::<Row>(&mut *now).await?
    {
        let place = PbxPlace {
            number_plan: row.get::<Option<i64>>("number_plan_id")?.map(PlanId),
            mirror_of: row.get::<Option<i64>>("mirror_of_id")?.map(PbxId),
            member_template: row
                .get::<Option<String>>("member_template")?
                .as_deref()
                .map(codec::from_json)
                .transpose()?,
        };
        pbxs.insert(PbxId(row.get("id")?), place);
    }
    Ok(House {
        pbxs,
        plans: plans::read(now).await?,
        lines: lines::read(now).await?,
        phones: phones::read(now).await?,
        assignments: assignments::read(now).await?,
        settings: settings::read(now).await?,
        projects: projects::read(now).await?,
        external_numbers: projects::read_numbers(now).await?,
        groups: groups::read(now).await?,
        rules: classification::read(now).await?,
    })
}
