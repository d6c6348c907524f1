//! The inbox "seen but unknown", and the rules that are proposed for it.

use std::collections::{BTreeMap, BTreeSet};

use central_api::PbxId;

use super::classification::{self, Places, say};
use crate::classify::{Entry, Inbox, Meaning, Proposal, Rules, Sightings, Verdict, propose};
use crate::directory::Said;
use crate::numbers::Pattern;
use crate::store::engine::{Connection, FromRow, Row, Transaction, query};
use crate::store::{Store, StoreError, codec};

/// So many kinds of unknown places are kept.
const MOST: usize = 500;

/// A proposed rule and by what a person confirms it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedRule {
    /// The same each time.
    pub id: String,
    /// The rule.
    pub proposal: Proposal,
}

impl Store {
    /// Notes of these sightings what no rule knows. `batch` is the batch's own id: told again after an interrupted commit it
    /// counts once.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seen(&self, batch: &str, sightings: &[Sightings], now_ms: i64) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            if !tx.is_first(batch, now_ms).await? {
                return Ok(());
            }
            let rules = Rules::new(classification::read(tx.connection()).await?);
            let known: Vec<(i64,)> = query("SELECT id FROM pbxs").fetch_all(&mut tx).await?;
            let known: BTreeSet<PbxId> = known.into_iter().map(|(id,)| PbxId(id)).collect();
            let before = read(tx.connection()).await?;
            let mut inbox = before.clone();
            for sighting in sightings {
                let first = &sighting.first;
                if known.contains(&first.pbx) && rules.classify(first) == Verdict::Unknown {
                    inbox.note(sighting);
                }
            }
            write(&mut tx, &before, &inbox).await?;
            tx.commit().await
        })
        .await
    }

    /// What was seen and no rule knows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn inbox(&self) -> Result<Inbox, StoreError> {
        read(self.snapshot().await?.connection()).await
    }

    /// Rules that could be said of what is in the inbox.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn proposed_rules(&self) -> Result<Vec<ProposedRule>, StoreError> {
        Ok(proposed(&self.inbox().await?))
    }

    /// Takes proposed rules by their ids, all or none. They always held.
    ///
    /// # Errors
    /// When one is not proposed, or the database refuses.
    pub async fn confirm_rules(&self, ids: &[String], now_ms: i64) -> Result<Vec<Proposal>, StoreError> {
        self.write(|mut tx| async move {
            let proposed = proposed(&read(tx.connection()).await?);
            let mut taken = Vec::new();
            for id in ids {
                let Some(found) = proposed.iter().find(|proposed| proposed.id == *id) else {
                    return Err(StoreError::Input(format!(
                        "no rule {id} is proposed, or no longer; `linedesk-central classification propose PBX` shows what is"
                    )));
                };
                let Proposal { pbx, context, exten, what, .. } = found.proposal.clone();
                let rule = found.proposal.clone().into_rule(crate::classify::RuleId(0));
                let places = Places { pbx, context, exten, trunk: rule.trunk, channel: rule.channel };
                let said = Said { meaning: Meaning { what, id: None }, from_ms: None, to_ms: None };
                say(&mut tx, &places, &said, now_ms).await?;
                taken.push(found.proposal.clone());
            }
            settle(&mut tx).await?;
            query("UPDATE tenant SET revision = revision + 1").execute(&mut tx).await?;
            tx.commit().await?;
            Ok(taken)
        })
        .await
    }
}

/// Takes out of the inbox what the rules know by now.
pub(in crate::store) async fn settle(tx: &mut Transaction) -> Result<(), StoreError> {
    let rules = Rules::new(classification::read(tx.connection()).await?);
    let before = read(tx.connection()).await?;
    let mut inbox = before.clone();
    inbox.settle(&rules);
    write(tx, &before, &inbox).await
}

/// Takes a customer out of the inbox; how many entries had the number.
pub(in crate::store) async fn forget(
    tx: &mut Transaction,
    is_theirs: &(dyn Fn(&str) -> bool + Sync),
) -> Result<usize, StoreError> {
    let before = read(tx.connection()).await?;
    let mut inbox = before.clone();
    let count = inbox.forget(&|text| is_theirs(text));
    write(tx, &before, &inbox).await?;
    Ok(count)
}

fn proposed(inbox: &Inbox) -> Vec<ProposedRule> {
    let with_id = |proposal: Proposal| {
        let key = format!("{}\n{}\n{}", proposal.pbx, proposal.context, proposal.exten.as_str());
        ProposedRule { id: format!("{:08x}", crc32fast::hash(key.as_bytes())), proposal }
    };
    propose(inbox.entries()).into_iter().map(with_id).collect()
}

type Key<'e> = (PbxId, &'e str, &'e str);

fn by_key(inbox: &Inbox) -> BTreeMap<Key<'_>, &Entry> {
    inbox.entries().map(|entry| ((entry.pbx, entry.context.as_str(), entry.exten.as_str()), entry)).collect()
}

/// Only what changed is written: of a batch of thousands that is a handful.
async fn write(tx: &mut Transaction, before: &Inbox, now: &Inbox) -> Result<(), StoreError> {
    let (old, new) = (by_key(before), by_key(now));
    for (pbx, context, exten) in old.keys().filter(|key| !new.contains_key(*key)) {
        query("DELETE FROM classification_inbox WHERE pbx_id = $1 AND context = $2 AND exten = $3")
            .bind(pbx.0)
            .bind(*context)
            .bind(*exten)
            .execute(tx)
            .await?;
    }
    for (key, entry) in new.iter().filter(|(key, entry)| old.get(*key) != Some(*entry)) {
        let (pbx, context, exten) = key;
        query(
            "INSERT INTO classification_inbox (pbx_id, context, exten, times, first_ms, last_ms, examples) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (pbx_id, context, exten) DO UPDATE SET times = excluded.times, \
             first_ms = excluded.first_ms, last_ms = excluded.last_ms, examples = excluded.examples",
        )
        .bind(pbx.0)
        .bind(*context)
        .bind(*exten)
        .bind(i64::try_from(entry.count).unwrap_or(i64::MAX))
        .bind(entry.first_ms)
        .bind(entry.last_ms)
        .bind(codec::json(&entry.examples)?)
        .execute(tx)
        .await?;
    }
    if before.forgotten() != now.forgotten() {
        query("UPDATE tenant SET inbox_forgotten = $1")
            .bind(i64::try_from(now.forgotten()).unwrap_or(i64::MAX))
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// All of it.
pub(in crate::store) async fn read(now: &mut Connection) -> Result<Inbox, StoreError> {
    let forgotten: u64 = query("SELECT inbox_forgotten FROM tenant").fetch_scalar(&mut *now).await?;
    let entries: Vec<Entry> = query("SELECT * FROM classification_inbox").fetch_all(now).await?;
    Ok(Inbox::kept(entries, forgotten, MOST))
}

impl FromRow for Entry {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        let exten: String = row.get("exten")?;
        Ok(Self {
            pbx: PbxId(row.get("pbx_id")?),
            context: row.get("context")?,
            exten: exten.parse::<Pattern>().map_err(|_| StoreError::Row(exten))?,
            count: row.get("times")?,
            first_ms: row.get("first_ms")?,
            last_ms: row.get("last_ms")?,
            examples: codec::from_json(row.get("examples")?)?,
        })
    }
}
