//! The rows of `personal_data` that calls refer to: found again, or made.

use ring::digest::{SHA256, digest};
use std::collections::{BTreeSet, HashMap};

use super::apart::Personal;
use crate::store::StoreError;
use crate::store::engine::{Among, Arguments, Insert, Transaction};
use crate::store::ids::next_ids;

/// Enough of a hash that no two of a tenant's customers have the same.
const FINGERPRINT: usize = 16;

static KNOWN: Among = Among::new("SELECT fingerprint, id, last_day FROM personal_data WHERE fingerprint IN");
static OF_NUMBERS: Among = Among::new("SELECT folded, customer_id FROM personal_data WHERE tail IN");
static SEEN: Among = Among::new("UPDATE personal_data SET last_day = $1 WHERE id IN");
static NEW: Insert = Insert::new(
    "INSERT INTO personal_data (id, customer_id, folded, tail, number, name, attribute, value, fingerprint, last_day)",
    "",
);

/// What a batch refers to, with the last day on which it does.
pub type Wanted<'c> = HashMap<Personal<'c>, i64>;

/// Ids of what a batch refers to.
#[derive(Debug, Default)]
pub struct Ids<'c>(HashMap<Personal<'c>, i64>);

impl Ids<'_> {
    /// The id, if it was asked for.
    #[must_use]
    pub fn of(&self, personal: &Personal<'_>) -> Option<i64> {
        self.0.get(personal).copied()
    }
}

struct New<'p, 'c> {
    id: i64,
    customer: i64,
    folded: Option<String>,
    personal: &'p Personal<'c>,
    fingerprint: Vec<u8>,
    day: i64,
}

/// Finds all, and makes what is missing. The same number in another spelling of its digits, or with another name, is the same
/// customer's.
pub async fn find_or_make<'c>(tx: &mut Transaction, wanted: &Wanted<'c>) -> Result<Ids<'c>, StoreError> {
    let mut missing: HashMap<Vec<u8>, (&Personal<'c>, i64)> =
        wanted.iter().map(|(personal, day)| (fingerprint(personal), (personal, *day))).collect();
    let keys: Vec<Vec<u8>> = missing.keys().cloned().collect();
    let mut ids = HashMap::with_capacity(wanted.len());
    let mut seen: HashMap<i64, Vec<i64>> = HashMap::new();
    for (key, id, last_day) in KNOWN.fetch::<(Vec<u8>, i64, i64), _>(&mut *tx, None, &keys).await? {
        let Some((personal, day)) = missing.remove(&key) else { continue };
        ids.insert(*personal, id);
        if last_day < day {
            seen.entry(day).or_default().push(id);
        }
    }
    for (day, ids) in seen {
        SEEN.execute(tx, Some(day), &ids).await?;
    }
    make(tx, missing, &mut ids).await?;
    Ok(Ids(ids))
}

async fn make<'c>(
    tx: &mut Transaction,
    missing: HashMap<Vec<u8>, (&Personal<'c>, i64)>,
    ids: &mut HashMap<Personal<'c>, i64>,
) -> Result<(), StoreError> {
    if missing.is_empty() {
        return Ok(());
    }
    let tails: BTreeSet<String> =
        missing.values().filter_map(|(personal, _)| Some(tail(&personal.folded()?).to_owned())).collect();
    let tails: Vec<String> = tails.into_iter().collect();
    let known = OF_NUMBERS.fetch::<(String, i64), _>(&mut *tx, None, &tails).await?;
    let mut customers: HashMap<String, i64> = known.into_iter().collect();
    let count = u32::try_from(missing.len()).map_err(|_| StoreError::NoIds("personal".to_owned()))?;
    let mut own_ids = next_ids(tx, "personal", count).await?;
    // Some are left over where several are of one customer: a gap, which nobody counts.
    let mut customer_ids = next_ids(tx, "customer", count).await?;
    let mut rows = Vec::with_capacity(missing.len());
    for (fingerprint, (personal, day)) in missing {
        let (Some(id), Some(new)) = (own_ids.next(), customer_ids.next()) else { continue };
        let folded = personal.folded().map(std::borrow::Cow::into_owned);
        let customer = match &folded {
            Some(folded) => *customers.entry(folded.clone()).or_insert(new),
            None => new,
        };
        ids.insert(*personal, id);
        rows.push(New { id, customer, folded, personal, fingerprint, day });
    }
    tx.insert(&NEW, &rows, |new, row: &mut Arguments| {
        let Personal { number, name, attribute, value } = *new.personal;
        let folded = new.folded.as_deref();
        row.add(new.id).add(new.customer).add(folded).add(folded.map(tail)).add(number).add(name);
        row.add(attribute).add(value).add(&new.fingerprint).add(new.day);
    })
    .await?;
    Ok(())
}

/// By what a folded number is found however it begins: the end that is the same with every prefix.
#[must_use]
pub fn tail(folded: &str) -> &str {
    const TAIL: usize = 7;
    let from = folded.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
    &folded[from..]
}

fn fingerprint(personal: &Personal<'_>) -> Vec<u8> {
    let Personal { number, name, attribute, value } = *personal;
    let mut whole = Vec::with_capacity(number.len() + name.len() + attribute.len() + value.len() + 16);
    for part in [number, name, attribute, value] {
        // With its length before it, so that no two different rows read alike.
        whole.extend_from_slice(&part.len().to_le_bytes());
        whole.extend_from_slice(part.as_bytes());
    }
    let mut hash = digest(&SHA256, &whole).as_ref().to_vec();
    hash.truncate(FINGERPRINT);
    hash
}
