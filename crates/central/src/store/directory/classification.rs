//! What the places of a dialplan are, from when to when.

use central_api::PbxId;
use serde::Deserialize;

use super::Moment;
use crate::classify::{Meaning, NamePattern, Rule, RuleId, What};
use crate::directory::{Said, Step, steps};
use crate::numbers::Pattern;
use crate::store::apply::find_pbx;
use crate::store::engine::{Connection, FromRow, Row, Transaction, query};
use crate::store::{StoreError, codec};

/// `[[classification]]`: found again by its PBX and its four patterns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleInput {
    /// PBX by name; may be absent when there is only one.
    pub pbx: Option<String>,
    /// Contexts, `*` is any signs; absent: any.
    #[serde(default = "NamePattern::anything")]
    pub context: NamePattern,
    /// Extensions, as the dialplan writes them; absent: any.
    #[serde(default = "Pattern::anything")]
    pub exten: Pattern,
    /// Trunks; absent: any, and none.
    #[serde(default = "NamePattern::anything")]
    pub trunk: NamePattern,
    /// Channels; absent: any.
    #[serde(default = "NamePattern::anything")]
    pub channel: NamePattern,
    /// What they are.
    pub what: What,
    /// Which queue, by its name on the PBX; absent: the extension names it.
    pub queue: Option<String>,
    /// Which external number; absent: the extension names it.
    pub number: Option<String>,
    /// From when on; absent: always, where nothing was said of them before, else from now on.
    pub valid_from: Option<Moment>,
    /// Until when; absent: until something else is said.
    pub valid_to: Option<Moment>,
}

impl RuleInput {
    fn told(&self) -> String {
        format!("the rule for {} in {}", self.exten.as_str(), self.context)
    }
}

/// Writes rules; PBXs, queues and external numbers are all there.
pub(in crate::store) async fn apply(tx: &mut Transaction, rules: &[RuleInput], now_ms: i64) -> Result<(), StoreError> {
    for (at, input) in rules.iter().enumerate() {
        let same = |other: &&RuleInput| {
            (&other.pbx, &other.context, &other.exten, &other.trunk, &other.channel, other.valid_from)
                == (&input.pbx, &input.context, &input.exten, &input.trunk, &input.channel, input.valid_from)
        };
        if rules[..at].iter().any(|other| same(&other)) {
            return Err(StoreError::Input(format!(
                "{} is said twice, and a place is one thing; take one away, or give it another valid_from",
                input.told()
            )));
        }
        if let (Some(from), Some(to)) = (input.valid_from, input.valid_to)
            && to <= from
        {
            return Err(StoreError::Input(format!(
                "{} never holds, it ends before it begins; correct one of the two dates",
                input.told()
            )));
        }
        let (pbx, pbx_name) = find_pbx(tx, input.pbx.as_deref()).await?;
        let id = match (input.what, &input.queue, &input.number) {
            (_, None, None) => None,
            (What::Queue, Some(queue), None) => {
                let sql = "SELECT id FROM queues WHERE pbx_id = $1 AND pbx_queue = $2";
                Some(object(tx, sql, pbx, queue, &format!("queue {queue} on {pbx_name}")).await?)
            }
            (What::ExternalNumber, None, Some(number)) => {
                let sql = "SELECT id FROM external_numbers WHERE pbx_id = $1 AND number = $2";
                Some(object(tx, sql, pbx, number, &format!("external number {number} on {pbx_name}")).await?)
            }
            _ => {
                return Err(StoreError::Input(format!(
                    "{} says which of another kind it is; `queue` goes with what = \"queue\", `number` with what = \
                     \"external-number\"",
                    input.told()
                )));
            }
        };
        let places = Places {
            pbx,
            context: input.context.clone(),
            exten: input.exten.clone(),
            trunk: input.trunk.clone(),
            channel: input.channel.clone(),
        };
        let said = Said {
            meaning: Meaning { what: input.what, id },
            from_ms: input.valid_from.map(|from| from.0),
            to_ms: input.valid_to.map(|to| to.0),
        };
        say(tx, &places, &said, now_ms).await?;
    }
    Ok(())
}

async fn object(
    tx: &mut Transaction,
    sql: &'static str,
    pbx: PbxId,
    name: &str,
    told: &str,
) -> Result<i64, StoreError> {
    let found: Option<i64> = query(sql).bind(pbx.0).bind(name).fetch_scalar_optional(tx).await?;
    found.ok_or_else(|| StoreError::Input(format!("there is no {told}; add it before a rule that names it")))
}

/// What a rule is about.
pub(super) struct Places {
    pub pbx: PbxId,
    pub context: NamePattern,
    pub exten: Pattern,
    pub trunk: NamePattern,
    pub channel: NamePattern,
}

/// Says what some places are. What was said of the very same places before ends.
pub(super) async fn say(tx: &mut Transaction, places: &Places, said: &Said, now_ms: i64) -> Result<(), StoreError> {
    let there: Vec<Rule> = query(
        "SELECT * FROM classification_rules WHERE pbx_id = $1 AND context = $2 AND exten = $3 AND trunk = $4 \
         AND channel = $5",
    )
    .bind(places.pbx.0)
    .bind(places.context.as_str())
    .bind(places.exten.as_str())
    .bind(places.trunk.as_str())
    .bind(places.channel.as_str())
    .fetch_all(&mut *tx)
    .await?;
    for step in steps(&there, said, now_ms) {
        match step {
            Step::End(rule, to_ms) => {
                query("UPDATE classification_rules SET valid_to_ms = $1 WHERE id = $2")
                    .bind(to_ms)
                    .bind(rule.0)
                    .execute(tx)
                    .await?;
            }
            Step::Mend(rule, meaning, to_ms) => {
                query("UPDATE classification_rules SET what = $1, what_id = $2, valid_to_ms = $3 WHERE id = $4")
                    .bind(codec::word(&meaning.what)?)
                    .bind(meaning.id)
                    .bind(to_ms)
                    .bind(rule.0)
                    .execute(tx)
                    .await?;
            }
            Step::Begin(said) => {
                query(
                    "INSERT INTO classification_rules (pbx_id, context, exten, trunk, channel, what, what_id, \
                     valid_from_ms, valid_to_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                )
                .bind(places.pbx.0)
                .bind(places.context.as_str())
                .bind(places.exten.as_str())
                .bind(places.trunk.as_str())
                .bind(places.channel.as_str())
                .bind(codec::word(&said.meaning.what)?)
                .bind(said.meaning.id)
                .bind(said.from_ms)
                .bind(said.to_ms)
                .execute(tx)
                .await?;
            }
        }
    }
    Ok(())
}

/// All rules, in the order in which they were given.
pub(super) async fn read(now: &mut Connection) -> Result<Vec<Rule>, StoreError> {
    query("SELECT * FROM classification_rules ORDER BY id").fetch_all(now).await
}

impl FromRow for Rule {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        let name = |column: &str| {
            let text: String = row.get(column)?;
            text.parse::<NamePattern>().map_err(|_| StoreError::Row(text))
        };
        let exten: String = row.get("exten")?;
        Ok(Self {
            id: RuleId(row.get("id")?),
            pbx: PbxId(row.get("pbx_id")?),
            context: name("context")?,
            exten: exten.parse().map_err(|_| StoreError::Row(exten))?,
            trunk: name("trunk")?,
            channel: name("channel")?,
            meaning: Meaning { what: codec::from_word(row.get("what")?)?, id: row.get("what_id")? },
            valid_from_ms: row.get("valid_from_ms")?,
            valid_to_ms: row.get("valid_to_ms")?,
        })
    }
}
