//! Customers by number: what is known of one, all of it for himself, and nothing any more. Each of these leaves an entry in the
//! audit log that does not hold the number.

use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;

use super::calls::{StoredCall, folded, tail};
use super::directory::{forget_in_inbox, forget_observed, read_inbox};
use super::engine::{Among, Row, Transaction, query};
use super::{Store, StoreError, dialect};
use crate::classify::Entry;
use crate::numbers::{Kind, Number, NumberPlan, Sameness, Seen, read, same_number};

static OF_CUSTOMERS: Among = Among::new(
    "SELECT id, customer_id, folded, number, name, attribute, value FROM personal_data WHERE customer_id IN",
);
static CALLS: Among = Among::new("SELECT started_ms, id, revision FROM call_personal WHERE personal_id IN");
static FORGET: Among = Among::new(
    "UPDATE personal_data SET folded = NULL, tail = NULL, number = '', name = '', value = '', fingerprint = NULL, \
     forgotten_ms = $1 WHERE id IN",
);

/// Who asks for a customer, and how numbers are compared.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// As somebody wrote it.
    pub number: &'a str,
    /// Plans by which numbers are read; without any, digits are compared as they are.
    pub plans: &'a [NumberPlan],
    /// Also numbers that are likely the same: ten digits or more agree, and what stands before them can be prefixes.
    pub likely: bool,
    /// For the audit log: `cli:root`.
    pub who: &'a str,
    /// When.
    pub now_ms: i64,
}

/// What is known of a customer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Customer {
    /// Numbers, names and values, as they were told.
    pub details: Vec<Detail>,
    /// The calls, the latest first; the current revision of each.
    pub calls: Vec<CustomerCall>,
    /// Places of a dialplan that were seen with this number and that nobody knows.
    pub places: Vec<Entry>,
    /// Numbers that are likely the same, and were not asked for.
    pub also_likely: Vec<String>,
}

/// Something that is known of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// Own id.
    pub id: i64,
    /// Whose.
    pub customer: i64,
    /// Number; empty where there was none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Name; empty where there was none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Name in the attribute catalogue.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub attribute: String,
    /// Value of the attribute.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// A call that refers to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CustomerCall {
    /// Own id.
    pub id: i64,
    /// When it began.
    pub started_ms: i64,
}

/// All that is kept of a customer, for himself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CustomerExport {
    /// When it was put together.
    pub exported_ms: i64,
    /// Numbers, names and values.
    pub details: Vec<Detail>,
    /// The calls with every revision. Numbers and names of other people in them are left out.
    pub calls: Vec<StoredCall>,
    /// Places of a dialplan that were seen with this number and that nobody knows.
    pub places: Vec<Entry>,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Numbers, names and values.
    pub details: usize,
    /// Calls that referred to them; they stay.
    pub calls: usize,
    /// Kinds of things seen at a PBX that had the number; they are counted without it.
    pub seen: usize,
}

impl Asked<'_> {
    /// Whether a text is the number that is asked for.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let has_digits = text.bytes().any(|byte| byte.is_ascii_digit());
        let (Some(digits), Some(folded)) = (folded(self.number), folded(text).filter(|_| has_digits)) else {
            return false;
        };
        match compare(*self, &digits, &folded, text) {
            Sameness::Same => true,
            Sameness::Likely => self.likely,
            _ => false,
        }
    }
}

struct Known {
    detail: Detail,
    folded: Option<String>,
}

impl Store {
    /// What is known of a customer.
    ///
    /// # Errors
    /// When the text is no number, or the database refuses.
    pub async fn find_customer(&self, asked: Asked<'_>) -> Result<Customer, StoreError> {
        self.write(|mut tx| async move {
            let customer = find(&mut tx, asked).await?;
            enter(&mut tx, asked, "customer-found", &customer).await?;
            tx.commit().await?;
            Ok(customer)
        })
        .await
    }

    /// All that is kept of a customer.
    ///
    /// # Errors
    /// As [`Store::find_customer`].
    pub async fn export_customer(&self, asked: Asked<'_>) -> Result<CustomerExport, StoreError> {
        let customer = self
            .write(|mut tx| async move {
                let customer = find(&mut tx, asked).await?;
                enter(&mut tx, asked, "customer-exported", &customer).await?;
                tx.commit().await?;
                Ok(customer)
            })
            .await?;
        let own: BTreeSet<i64> = customer.details.iter().map(|detail| detail.id).collect();
        let mut calls = Vec::with_capacity(customer.calls.len());
        for call in &customer.calls {
            calls.extend(self.call_revisions_of(call.id, &own).await?);
        }
        let Customer { details, places, .. } = customer;
        Ok(CustomerExport { exported_ms: asked.now_ms, details, calls, places })
    }

    /// Forgets a customer: numbers, names and values are gone, calls and figures stay. A call of him that is written later, or
    /// told again, is a stranger's.
    ///
    /// # Errors
    /// As [`Store::find_customer`].
    pub async fn forget_customer(&self, asked: Asked<'_>) -> Result<Forgotten, StoreError> {
        let forgotten = self
            .write(|mut tx| async move {
                let customer = find(&mut tx, asked).await?;
                let ids: Vec<i64> = customer.details.iter().map(|detail| detail.id).collect();
                FORGET.execute(&mut tx, Some(asked.now_ms), &ids).await?;
                forget_former_values(&mut tx, &ids).await?;
                let theirs = |text: &str| asked.is(text);
                let seen = forget_in_inbox(&mut tx, &theirs).await? + forget_observed(&mut tx, &theirs).await?;
                enter(&mut tx, asked, "customer-forgotten", &customer).await?;
                tx.commit().await?;
                Ok(Forgotten { details: customer.details.len(), calls: customer.calls.len(), seen })
            })
            .await?;
        if forgotten.details + forgotten.seen > 0 {
            self.tidy_personal_data().await;
        }
        Ok(forgotten)
    }

    /// Values of personal attributes of a customer, to find them where they are not kept apart.
    ///
    /// # Errors
    /// As [`Store::find_customer`].
    pub async fn personal_values(&self, asked: Asked<'_>) -> Result<Vec<String>, StoreError> {
        self.write(|mut tx| async move {
            let details = find(&mut tx, asked).await?.details;
            Ok(details.into_iter().map(|detail| detail.value).filter(|value| !value.is_empty()).collect())
        })
        .await
    }

    /// Takes away what a file still has of rows that are gone.
    pub(super) async fn tidy_personal_data(&self) {
        if let Err(error) = self.database().tidy(dialect::AFTER_FORGETTING).await {
            // The rows are gone all the same, and both engines do it by themselves some time.
            tracing::warn!(%error, "what was forgotten stays in the database's files for some time");
        }
    }
}

async fn find(tx: &mut Transaction, asked: Asked<'_>) -> Result<Customer, StoreError> {
    let digits = folded(asked.number).ok_or_else(|| {
        StoreError::Input("an empty text is nobody's number; give the number as it is shown or dialled".to_owned())
    })?;
    let candidates: Vec<(String, String, i64)> =
        query("SELECT folded, number, customer_id FROM personal_data WHERE tail = $1")
            .bind(tail(&digits))
            .fetch_all(&mut *tx)
            .await?;
    let (mut customers, mut also_likely) = (BTreeSet::new(), BTreeSet::new());
    for (folded, number, customer) in &candidates {
        match compare(asked, &digits, folded, number) {
            Sameness::Same => {
                customers.insert(*customer);
            }
            Sameness::Likely if asked.likely => {
                customers.insert(*customer);
            }
            Sameness::Likely => {
                also_likely.insert(number.clone());
            }
            _ => {}
        }
    }
    let customers: Vec<i64> = customers.into_iter().collect();
    let rows: Vec<Row> = OF_CUSTOMERS.fetch(&mut *tx, None, &customers).await?;
    let known: Vec<Known> = rows.iter().map(Known::read).collect::<Result<_, _>>()?;
    // What was forgotten before is nobody's any more.
    let mut details: Vec<Detail> =
        known.into_iter().filter(|known| known.folded.is_some()).map(|known| known.detail).collect();
    details.sort_by_key(|detail| detail.id);
    details.dedup_by_key(|detail| detail.id);
    also_likely.retain(|number| details.iter().all(|detail| detail.number != *number));
    let ids: Vec<i64> = details.iter().map(|detail| detail.id).collect();
    let revisions: Vec<(i64, i64, i64)> = CALLS.fetch(&mut *tx, None, &ids).await?;
    let calls: BTreeSet<(i64, i64)> = revisions.into_iter().map(|(started_ms, id, _)| (started_ms, id)).collect();
    let mut calls: Vec<CustomerCall> =
        calls.into_iter().rev().map(|(started_ms, id)| CustomerCall { id, started_ms }).collect();
    // A corrected call may have begun at several moments; it is one call.
    let mut seen = BTreeSet::new();
    calls.retain(|call| seen.insert(call.id));
    let inbox = read_inbox(tx.connection()).await?;
    let places = inbox.of(&|text| asked.is(text)).cloned().collect();
    Ok(Customer { details, calls, places, also_likely: also_likely.into_iter().collect() })
}

impl Known {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            folded: row.get("folded")?,
            detail: Detail {
                id: row.get("id")?,
                customer: row.get("customer_id")?,
                number: row.get("number")?,
                name: row.get("name")?,
                attribute: row.get("attribute")?,
                value: row.get("value")?,
            },
        })
    }
}

/// The same digits are the same number, and so are two that a plan reads as one.
fn compare(asked: Asked<'_>, digits: &str, folded: &str, number: &str) -> Sameness {
    if digits == folded {
        return Sameness::Same;
    }
    let plain = |text: &str| Number::new(text, text.parse().ok(), Kind::External);
    let by_plan = |plan: &NumberPlan| {
        // Of a row nobody knows any more where it was seen: a number that a trunk wrote, or one that somebody dialled.
        let seen = [Seen::Caller(""), Seen::Dialled, Seen::Inside];
        let asked = read(plan, Seen::Inside, asked.number).number;
        seen.map(|seen| same_number(&asked, &read(plan, seen, number).number))
    };
    let plain = same_number(&plain(asked.number), &plain(number));
    let all = asked.plans.iter().flat_map(by_plan).chain([plain]);
    all.min_by_key(|sameness| match sameness {
        Sameness::Same => 0,
        Sameness::Likely => 1,
        _ => 2,
    })
    .unwrap_or(plain)
}

/// Values of attributes that became personal after they were kept stand where they stood.
async fn forget_former_values(tx: &mut Transaction, ids: &[i64]) -> Result<(), StoreError> {
    let calls: Vec<(i64, i64, i64)> = CALLS.fetch(&mut *tx, None, ids).await?;
    let calls: BTreeSet<(i64, i64, i64)> = calls.into_iter().collect();
    let personal: i64 = query("SELECT COUNT(*) FROM attributes WHERE personal = 1").fetch_scalar(&mut *tx).await?;
    if personal == 0 {
        return Ok(());
    }
    for (started_ms, id, revision) in calls {
        query(
            "UPDATE call_attributes SET value = '', number = NULL WHERE started_ms = $1 AND id = $2 AND revision = $3 \
             AND personal_id IS NULL AND attribute IN (SELECT name FROM attributes WHERE personal = 1)",
        )
        .bind(started_ms)
        .bind(id)
        .bind(revision)
        .execute(tx)
        .await?;
    }
    Ok(())
}

async fn enter(tx: &mut Transaction, asked: Asked<'_>, what: &str, customer: &Customer) -> Result<(), StoreError> {
    let customers: BTreeSet<i64> = customer.details.iter().map(|detail| detail.customer).collect();
    let about = json!({ "customers": customers, "details": customer.details.len(), "calls": customer.calls.len() });
    tx.audit(asked.now_ms, asked.who, what, &about).await
}

#[cfg(test)]
#[path = "customers_tests.rs"]
mod tests;
