//! Lines: trunks, and lines to other PBXs of the house.

use std::collections::BTreeMap;

use central_api::PbxId;
use serde::Deserialize;

use crate::classify::NamePattern;
use crate::directory::{Line, LineId, ManagedBy, TECHNOLOGIES};
use crate::store::apply::find_pbx;
use crate::store::engine::{Connection, Row, Transaction, query};
use crate::store::{PbxInput, StoreError, codec};

/// `[[pbx.line]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineInput {
    /// By which it is found again.
    pub name: String,
    /// The endpoint of its channels, `PJSIP/trunk-a`; `*` is any signs: `DAHDI/i1/*`.
    pub endpoint: String,
    /// The PBX of the house at its other end, by name; absent: it goes to the outside.
    pub to_pbx: Option<String>,
    /// Its rules in the number plan of its PBX; absent: those of its name, or the plan's own.
    pub trunk: Option<String>,
    /// Who decides what it is; absent: the PBX.
    #[serde(default)]
    pub managed_by: ManagedBy,
}

/// Writes the lines of PBXs that are all there.
pub(in crate::store) async fn apply(tx: &mut Transaction, pbxs: &[PbxInput]) -> Result<(), StoreError> {
    for pbx in pbxs {
        let (id, _) = find_pbx(tx, Some(&pbx.name)).await?;
        for line in &pbx.lines {
            apply_line(tx, id, &pbx.name, line).await?;
        }
    }
    Ok(())
}

pub(super) async fn apply_line(
    tx: &mut Transaction,
    pbx: PbxId,
    pbx_name: &str,
    line: &LineInput,
) -> Result<(), StoreError> {
    let what = format!("the line {} of the PBX {pbx_name}", line.name);
    if line.name.trim().is_empty() {
        return Err(StoreError::Input(format!(
            "a line of the PBX {pbx_name} has no name, by which it would be found again; write `name`"
        )));
    }
    let endpoint = checked_endpoint(&what, &line.endpoint)?;
    let to_pbx = match &line.to_pbx {
        None => None,
        Some(to_pbx) => {
            let (to, _) = find_pbx(tx, Some(to_pbx)).await?;
            if to == pbx {
                return Err(StoreError::Input(format!(
                    "{what} cannot lead to its own PBX, where no call would cross; name the other one in `to_pbx`"
                )));
            }
            Some(to.0)
        }
    };
    query(
        "INSERT INTO lines (pbx_id, name, endpoint, to_pbx_id, trunk, managed_by) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (pbx_id, name) DO UPDATE SET endpoint = excluded.endpoint, to_pbx_id = excluded.to_pbx_id, \
         trunk = excluded.trunk, managed_by = excluded.managed_by",
    )
    .bind(pbx.0)
    .bind(&line.name)
    .bind(endpoint.as_str())
    .bind(to_pbx)
    .bind(&line.trunk)
    .bind(codec::word(&line.managed_by)?)
    .execute(tx)
    .await?;
    Ok(())
}

/// Channels are compared by signs, so it has to be written as Asterisk writes it.
fn checked_endpoint(what: &str, text: &str) -> Result<NamePattern, StoreError> {
    let wrong = |why: &str| {
        StoreError::Input(format!(
            "{what} cannot have the endpoint {text:?}: {why}; write what stands in the names of its channels before the last \
             dash, for example PJSIP/trunk-a or DAHDI/i1/*"
        ))
    };
    let (technology, name) = text.split_once('/').ok_or_else(|| wrong("there is no technology before a slash"))?;
    if technology.is_empty() || name.is_empty() || technology.contains('*') {
        return Err(wrong("there is no technology before a slash, or nothing behind it"));
    }
    if technology.eq_ignore_ascii_case("local") {
        return Err(wrong("a Local channel is a step within the PBX and no line"));
    }
    if name.contains('@') {
        return Err(wrong("what is dialled over a line is not the line"));
    }
    let usual = TECHNOLOGIES.into_iter().find(|usual| usual.eq_ignore_ascii_case(technology));
    let written = format!("{}/{name}", usual.unwrap_or(technology));
    written.parse().map_err(|_| wrong("it is too long, or has a blank in it"))
}

/// All lines.
pub(super) async fn read(now: &mut Connection) -> Result<BTreeMap<LineId, Line>, StoreError> {
    let mut lines = BTreeMap::new();
    for row in query("SELECT * FROM lines").fetch_all::<Row>(now).await? {
        let id = LineId(row.get("id")?);
        let endpoint: String = row.get("endpoint")?;
        let line = Line {
            id,
            pbx: PbxId(row.get("pbx_id")?),
            name: row.get("name")?,
            endpoint: endpoint.parse().map_err(|_| StoreError::Row(endpoint))?,
            to_pbx: row.get::<Option<i64>>("to_pbx_id")?.map(PbxId),
            trunk: row.get("trunk")?,
            managed_by: codec::from_word(row.get("managed_by")?)?,
        };
        lines.insert(id, line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::checked_endpoint;

    #[test]
    fn endpoints() {
        for (text, written) in [
            ("PJSIP/trunk-a", "PJSIP/trunk-a"),
            ("pjsip/Trunk", "PJSIP/Trunk"),
            ("dahdi/i1/*", "DAHDI/i1/*"),
            ("Khomp/b0c1", "Khomp/b0c1"),
        ] {
            assert_eq!(checked_endpoint("x", text).unwrap().as_str(), written);
        }
        for (text, why) in [
            ("trunk-a", "no technology"),
            ("/trunk-a", "no technology"),
            ("PJSIP/", "nothing behind"),
            ("*/trunk", "no technology"),
            ("Local/1@x", "Local channel"),
            ("PJSIP/8495@trunk-a", "what is dialled"),
            ("PJSIP/a b", "a blank"),
        ] {
            let refused = checked_endpoint("the line x", text).unwrap_err().to_string();
            assert!(
                refused.contains(why) && refused.contains("the line x cannot") && refused.contains("; write"),
                "{refused}"
            );
        }
    }
}
