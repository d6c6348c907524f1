//! Projects, and the numbers that customers dial.

use std::collections::BTreeMap;

use central_api::PbxId;
use serde::Deserialize;

use crate::directory::{ExternalNumber, ExternalNumberId, ManagedBy, Manner, Project, ProjectId};
use crate::store::apply::find_pbx;
use crate::store::engine::{Connection, Row, Transaction, query};
use crate::store::{StoreError, codec};

/// `[[project]]`: what stands in it counts as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectInput {
    /// The largest line of a ringing call; by it the project is found again.
    pub name: String,
    /// What to say first.
    pub greeting: Option<String>,
    /// Where the script for the talk is.
    pub script: Option<String>,
    /// What is opened when a call is answered.
    pub screen_pop: Option<String>,
    /// Time zone of the customers, as in the tz database: Europe/Moscow.
    pub zone: Option<String>,
}

/// `[[external-number]]`: what stands in it counts as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalNumberInput {
    /// PBX by name; may be absent when there is only one.
    pub pbx: Option<String>,
    /// In E.164, or as the PBX sees it dialled; by it the number is found again.
    pub number: String,
    /// On screens; absent: the number.
    pub name: Option<String>,
    /// Project by name.
    pub project: Option<String>,
    /// What to say first.
    pub greeting: Option<String>,
    /// Where the script for the talk is.
    pub script: Option<String>,
    /// What is opened when a call is answered.
    pub screen_pop: Option<String>,
    /// Time zone of the customers, as in the tz database.
    pub zone: Option<String>,
    /// Who decides where it leads; absent: the PBX.
    #[serde(default)]
    pub managed_by: ManagedBy,
}

/// Writes projects.
pub(in crate::store) async fn apply(tx: &mut Transaction, projects: &[ProjectInput]) -> Result<(), StoreError> {
    for input in projects {
        let what = format!("the project {}", input.name);
        if input.name.trim().is_empty() {
            return Err(StoreError::Input(
                "a project has no name, by which it would be found again; write `name`".to_owned(),
            ));
        }
        query(
            "INSERT INTO projects (name, greeting, script, screen_pop, zone) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET greeting = excluded.greeting, script = excluded.script, \
             screen_pop = excluded.screen_pop, zone = excluded.zone",
        )
        .bind(&input.name)
        .bind(&input.greeting)
        .bind(checked_link(&what, "script", input.script.as_deref())?)
        .bind(checked_link(&what, "screen_pop", input.screen_pop.as_deref())?)
        .bind(checked_zone(&what, input.zone.as_deref())?)
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// The project of this name, which is made where there is none: files named it before it had anything else to say.
pub(in crate::store) async fn named(tx: &mut Transaction, name: Option<&str>) -> Result<Option<ProjectId>, StoreError> {
    let Some(name) = name.filter(|name| !name.trim().is_empty()) else { return Ok(None) };
    query("INSERT INTO projects (name) VALUES ($1) ON CONFLICT (name) DO NOTHING").bind(name).execute(tx).await?;
    let id: i64 = query("SELECT id FROM projects WHERE name = $1").bind(name).fetch_scalar(tx).await?;
    Ok(Some(ProjectId(id)))
}

/// Writes external numbers; PBXs and projects are all there.
pub(in crate::store) async fn apply_numbers(
    tx: &mut Transaction,
    numbers: &[ExternalNumberInput],
) -> Result<(), StoreError> {
    for input in numbers {
        let (pbx, pbx_name) = find_pbx(tx, input.pbx.as_deref()).await?;
        let what = format!("the external number {} on {pbx_name}", input.number);
        if input.number.trim().is_empty() || input.number.len() > 80 {
            return Err(StoreError::Input(format!(
                "{what} is none: it is empty or longer than any extension; write it in E.164 (+74951112233), or as the PBX sees \
                 it dialled"
            )));
        }
        let project = named(tx, input.project.as_deref()).await?;
        query(
            "INSERT INTO external_numbers (pbx_id, number, name, project_id, greeting, script, screen_pop, zone, managed_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (pbx_id, number) DO UPDATE SET name = excluded.name, \
             project_id = excluded.project_id, greeting = excluded.greeting, script = excluded.script, \
             screen_pop = excluded.screen_pop, zone = excluded.zone, managed_by = excluded.managed_by",
        )
        .bind(pbx.0)
        .bind(&input.number)
        .bind(input.name.as_ref().unwrap_or(&input.number))
        .bind(project.map(|project| project.0))
        .bind(&input.greeting)
        .bind(checked_link(&what, "script", input.script.as_deref())?)
        .bind(checked_link(&what, "screen_pop", input.screen_pop.as_deref())?)
        .bind(checked_zone(&what, input.zone.as_deref())?)
        .bind(codec::word(&input.managed_by)?)
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// It is opened on operators' machines: a page of the web, and no file or program.
fn checked_link<'l>(what: &str, key: &str, link: Option<&'l str>) -> Result<Option<&'l str>, StoreError> {
    let is_page = |link: &str| {
        let rest = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty()) && !link.chars().any(|sign| sign.is_whitespace() || sign.is_control())
    };
    match link {
        Some(link) if !is_page(link) => Err(StoreError::Input(format!(
            "{what} cannot open {link:?} as its {key}: it is no page of the web; write an address that begins with https:// or http://"
        ))),
        link => Ok(link),
    }
}

/// A name of the tz database as it is written; whether there is such a zone is known where times are shown.
fn checked_zone<'z>(what: &str, zone: Option<&'z str>) -> Result<Option<&'z str>, StoreError> {
    let is_name = |zone: &str| {
        zone == "UTC"
            || (zone.len() <= 64
                && zone.split('/').count() >= 2
                && zone.split('/').all(|part| part.starts_with(|sign: char| sign.is_ascii_uppercase()))
                && zone.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '/' | '_' | '-' | '+')))
    };
    match zone {
        Some(zone) if !is_name(zone) => Err(StoreError::Input(format!(
            "{what} cannot be in the zone {zone:?}: that is no name of the tz database; write one such as Europe/Moscow"
        ))),
        zone => Ok(zone),
    }
}

/// All projects.
pub(super) async fn read(now: &mut Connection) -> Result<BTreeMap<ProjectId, Project>, StoreError> {
    let mut projects = BTreeMap::new();
    for row in query("SELECT * FROM projects").fetch_all::<Row>(now).await? {
        let id = ProjectId(row.get("id")?);
        projects.insert(id, Project { id, name: row.get("name")?, manner: manner(&row)? });
    }
    Ok(projects)
}

/// All external numbers.
pub(super) async fn read_numbers(
    now: &mut Connection,
) -> Result<BTreeMap<ExternalNumberId, ExternalNumber>, StoreError> {
    let mut numbers = BTreeMap::new();
    for row in query("SELECT * FROM external_numbers").fetch_all::<Row>(now).await? {
        let id = ExternalNumberId(row.get("id")?);
        let number = ExternalNumber {
            id,
            pbx: PbxId(row.get("pbx_id")?),
            number: row.get("number")?,
            name: row.get("name")?,
            project: row.get::<Option<i64>>("project_id")?.map(ProjectId),
            manner: manner(&row)?,
            managed_by: codec::from_word(row.get("managed_by")?)?,
        };
        numbers.insert(id, number);
    }
    Ok(numbers)
}

fn manner(row: &Row) -> Result<Manner, StoreError> {
    Ok(Manner {
        greeting: row.get("greeting")?,
        script: row.get("script")?,
        screen_pop: row.get("screen_pop")?,
        zone: row.get("zone")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{checked_link, checked_zone};

    #[test]
    fn links_are_pages() {
        for link in ["https://crm.example/call?n=%2B7", "http://wiki/script"] {
            assert_eq!(checked_link("x", "script", Some(link)).unwrap(), Some(link));
        }
        for link in ["", "https://", "file:///etc/passwd", "javascript:alert(1)", "crm.example", "https://a b"] {
            let refused = checked_link("the project x", "script", Some(link)).unwrap_err().to_string();
            assert!(refused.contains("no page of the web; write"), "{refused}");
        }
    }

    #[test]
    fn zones_are_names() {
        for zone in ["UTC", "Europe/Moscow", "America/Argentina/Buenos_Aires", "Etc/GMT+3"] {
            assert_eq!(checked_zone("x", Some(zone)).unwrap(), Some(zone));
        }
        for zone in ["", "Moscow", "MSK", "+03:00", "europe/moscow", "Europe/", "Europe/Mos cow"] {
            let refused = checked_zone("the project x", Some(zone)).unwrap_err().to_string();
            assert!(refused.contains("no name of the tz database; write"), "{refused}");
        }
    }
}
