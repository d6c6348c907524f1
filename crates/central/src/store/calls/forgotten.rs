//! A call of somebody who was forgotten is told anew without numbers: what it is derived from again still has them.

use calls::Call;

use super::apart::{self, Numbers, Text, filled};
use crate::store::StoreError;
use crate::store::attributes::Attribute;
use crate::store::engine::{Transaction, query};

/// Of whom a revision knew that is nobody's any more.
pub async fn in_revision(
    tx: &mut Transaction,
    started_ms: i64,
    id: i64,
    revision: i64,
) -> Result<Vec<i64>, StoreError> {
    let ids: Vec<(i64,)> = query(
        "SELECT p.id FROM call_personal c JOIN personal_data p ON p.id = c.personal_id \
         WHERE c.started_ms = $1 AND c.id = $2 AND c.revision = $3 AND p.forgotten_ms IS NOT NULL ORDER BY p.id",
    )
    .bind(started_ms)
    .bind(id)
    .bind(revision)
    .fetch_all(tx)
    .await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// The call without anything personal. Of several customers in it nobody can say any more which one it was, so all are left out.
#[must_use]
pub fn without(call: &Call, catalogue: &[Attribute]) -> Call {
    let numbers = Numbers::of(call);
    let bare = |text: &str, kind| filled(&numbers.apart(text, kind, |_| Some(0)), |_| None);
    let mut bared = call.clone();
    bared.dialled = call.dialled.as_deref().map(|dialled| bare(dialled, Text::Dialled));
    for party in bared.parties.iter_mut().filter(|party| apart::is_outside(party)) {
        party.endpoint = bare(&party.endpoint, Text::Named);
        party.number = party.number.as_ref().map(|_| String::new());
        party.name = party.name.as_ref().map(|_| String::new());
    }
    for attempt in &mut bared.attempts {
        attempt.interface = bare(&attempt.interface, Text::Dialled);
        attempt.member = attempt.member.as_deref().map(|member| bare(member, Text::Named));
    }
    for moved in &mut bared.moves {
        moved.number = moved.number.as_deref().map(|number| bare(number, Text::Dialled));
    }
    for step in &mut bared.steps {
        step.context = bare(&step.context, Text::Named);
        step.exten = bare(&step.exten, Text::Dialled);
        step.keys = bare(&step.keys, Text::Dialled);
    }
    let personal = |name: &str| {
        let mut of_source = catalogue.iter().filter(|attribute| attribute.source.in_call().0 == name);
        of_source.any(|attribute| attribute.personal)
    };
    bared.attributes.retain(|attribute| !personal(&attribute.name));
    for attribute in &mut bared.attributes {
        attribute.value = bare(&attribute.value, Text::Named);
    }
    bared
}
