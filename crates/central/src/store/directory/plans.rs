//! Number plans, and which PBX writes numbers by which.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::directory::{PlanId, PlanRow};
use crate::numbers::{Digits, NumberPlan, Preset};
use crate::store::apply::find_pbx;
use crate::store::engine::{Connection, Row, Transaction, query};
use crate::store::{PbxInput, StoreError, codec};

/// `[[number-plan]]`: `name`, and the rules of a plan. With `preset` (and `area_code`) those of a country stand where a rule is
/// left out.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// By which it is found again.
    pub name: String,
    /// Its rules.
    pub plan: NumberPlan,
}

impl<'de> Deserialize<'de> for PlanInput {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut given = toml::Table::deserialize(from)?;
        let name = match given.remove("name") {
            Some(toml::Value::String(name)) if !name.trim().is_empty() => name,
            _ => {
                return Err(D::Error::custom(
                    "a number plan has no name, by which it would be found again; write `name`",
                ));
            }
        };
        let mut word = |key: &str| match given.remove(key) {
            None => Ok(None),
            Some(toml::Value::String(word)) => Ok(Some(word)),
            Some(_) => Err(D::Error::custom(format!("`{key}` of the number plan {name} is no text; put it in quotes"))),
        };
        let (preset, area_code) = (word("preset")?, word("area_code")?);
        let plan = of(&name, preset.as_deref(), area_code.as_deref(), given).map_err(D::Error::custom)?;
        Ok(Self { name, plan })
    }
}

/// What is given over what the preset says.
fn of(name: &str, preset: Option<&str>, area_code: Option<&str>, given: toml::Table) -> Result<NumberPlan, String> {
    let wrong = |why: String| format!("the number plan {name} cannot be read: {why}");
    let mut rules = match preset {
        None if area_code.is_some() => {
            return Err(wrong("`area_code` belongs to a preset; write `preset` too, or `area_codes`".to_owned()));
        }
        None => toml::Table::new(),
        Some(preset) => {
            let preset = preset_of(preset).ok_or_else(|| {
                wrong(format!("there is no preset {preset}; write russia, germany, united-kingdom or united-states"))
            })?;
            let area_code =
                area_code.map(str::parse::<Digits>).transpose().map_err(|error| wrong(error.to_string()))?;
            toml::Table::try_from(preset.plan(area_code)).map_err(|error| wrong(error.to_string()))?
        }
    };
    for (key, value) in given {
        match (rules.get_mut(&key), value) {
            // Of `dial` a part may be given.
            (Some(toml::Value::Table(known)), toml::Value::Table(value)) => known.extend(value),
            (_, value) => drop(rules.insert(key, value)),
        }
    }
    NumberPlan::deserialize(rules).map_err(|error| wrong(format!("{}; correct it", error.message())))
}

fn preset_of(word: &str) -> Option<Preset> {
    match word {
        "russia" => Some(Preset::Russia),
        "germany" => Some(Preset::Germany),
        "united-kingdom" => Some(Preset::UnitedKingdom),
        "united-states" => Some(Preset::UnitedStates),
        _ => None,
    }
}

/// Writes plans.
pub(in crate::store) async fn apply(tx: &mut Transaction, plans: &[PlanInput]) -> Result<(), StoreError> {
    for input in plans {
        query(
            "INSERT INTO number_plans (name, plan) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET plan = excluded.plan",
        )
        .bind(&input.name)
        .bind(codec::json(&input.plan)?)
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Writes which plan PBXs have, and whose mirrors they are; all of both are there.
pub(in crate::store) async fn apply_places(tx: &mut Transaction, pbxs: &[PbxInput]) -> Result<(), StoreError> {
    for input in pbxs {
        if let Some(name) = &input.number_plan {
            let plan: Option<i64> = match name.as_str() {
                "" => None,
                name => Some(find_plan(tx, &input.name, name).await?.0),
            };
            query("UPDATE pbxs SET number_plan_id = $1 WHERE name = $2")
                .bind(plan)
                .bind(&input.name)
                .execute(tx)
                .await?;
        }
        if let Some(name) = &input.mirror_of {
            let original: Option<i64> = match name.as_str() {
                "" => None,
                name => Some(find_pbx(tx, Some(name)).await?.0.0),
            };
            query("UPDATE pbxs SET mirror_of_id = $1 WHERE name = $2")
                .bind(original)
                .bind(&input.name)
                .execute(tx)
                .await?;
        }
    }
    Ok(())
}

async fn find_plan(tx: &mut Transaction, pbx: &str, name: &str) -> Result<PlanId, StoreError> {
    let found: Option<i64> =
        query("SELECT id FROM number_plans WHERE name = $1").bind(name).fetch_scalar_optional(tx).await?;
    found.map(PlanId).ok_or_else(|| {
        StoreError::Input(format!(
            "the PBX {pbx} cannot write numbers by the plan {name}, there is none of this name; add a [[number-plan]]"
        ))
    })
}

/// All plans.
pub(super) async fn read(now: &mut Connection) -> Result<BTreeMap<PlanId, PlanRow>, StoreError> {
    let mut plans = BTreeMap::new();
    for row in query("SELECT * FROM number_plans").fetch_all::<Row>(now).await? {
        let id = PlanId(row.get("id")?);
        plans.insert(id, PlanRow { id, name: row.get("name")?, plan: codec::from_json(row.get("plan")?)? });
    }
    Ok(plans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PlanInput, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_preset_stands_where_a_rule_is_left_out() {
        let moscow =
            read("name = \"moscow\"\npreset = \"russia\"\narea_code = \"495\"\nextensions = [\"_2XX\"]\n[dial]\noutside_prefix = \"9\"")
                .unwrap()
                .plan;
        let preset = Preset::Russia.plan("495".parse().ok());
        assert_eq!(moscow.trunk_prefix, preset.trunk_prefix);
        assert_eq!(moscow.subscriber_lengths, preset.subscriber_lengths);
        assert_eq!(moscow.dial.outside_prefix, "9".parse().ok());
        assert_eq!(moscow.extensions.len(), 1);
        for preset in ["russia", "germany", "united-kingdom", "united-states"] {
            let plan = read(&format!("name = \"x\"\npreset = {preset:?}")).unwrap().plan;
            assert_eq!(plan, preset_of(preset).unwrap().plan(None), "{preset}");
        }
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        for (text, why) in [
            ("preset = \"russia\"", "has no name"),
            ("name = \"x\"", "missing field"),
            ("name = \"x\"\npreset = \"atlantis\"", "there is no preset atlantis"),
            ("name = \"x\"\npreset = 7", "is no text"),
            ("name = \"x\"\narea_code = \"495\"\ncountry_code = \"7\"\nnational_lengths = [10]", "belongs to a preset"),
            ("name = \"x\"\npreset = \"russia\"\ntrunk_prefiks = \"8\"", "unknown field `trunk_prefiks`"),
            ("name = \"x\"\npreset = \"russia\"\n[dial]\nlocal = \"never\"", "unknown variant `never`"),
            ("name = \"x\"\ncountry_code = \"999\"\nnational_lengths = [10]", "no country has it"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
