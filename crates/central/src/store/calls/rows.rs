//! The rows of a batch of calls: one list a table, one statement a table (or few).

use calls::call::{Attempt, Hold, JoinReason, Listen, Move, Party, PartyIx, Talk, Visit};
use std::borrow::Cow;

use super::apart::{self, Text};
use super::document::Document;
use super::personal::Ids;
use super::told::{Told, Value};
use super::words::{self, Word as _};
use crate::store::StoreError;
use crate::store::engine::{Arguments, Insert, Transaction};

static CALLS: Insert = Insert::new(
    "INSERT INTO calls (started_ms, id, revision, direction, originated, caller, dialled, answered_ms, ended_ms, ended_by, \
     ended_by_party, cause, waited_ms, talked_ms, connected_ms, recorded, probable)",
    "",
);
static DOCUMENTS: Insert = Insert::new("INSERT INTO call_documents (started_ms, id, revision, document)", "");
static PARTIES: Insert = Insert::new(
    "INSERT INTO call_parties (started_ms, id, revision, place, who, pbx, endpoint, number, name, personal_id)",
    "",
);
static DIALOGS: Insert =
    Insert::new("INSERT INTO call_dialogs (started_ms, id, revision, party, place, sip_call_id, sip_hash)", "");
static VISITS: Insert = Insert::new(
    "INSERT INTO call_visits (started_ms, id, revision, place, caller, pbx, queue, entered_ms, left_ms, position, exit, \
     exit_key, answered_by)",
    "",
);
static ATTEMPTS: Insert = Insert::new(
    "INSERT INTO call_attempts (started_ms, id, revision, place, visit, caller, party, pbx, endpoint, interface, member, \
     began_ms, rang_ms, ended_ms, outcome, cause, back, back_from)",
    "",
);
static TALKS: Insert = Insert::new(
    "INSERT INTO call_talks (started_ms, id, revision, place, seat, party, pbx, endpoint, began_ms, ended_ms, held_ms, \
     recorded)",
    "",
);
static HOLDS: Insert =
    Insert::new("INSERT INTO call_holds (started_ms, id, revision, talk, place, party, began_ms, ended_ms)", "");
static MOVES: Insert = Insert::new(
    "INSERT INTO call_moves (started_ms, id, revision, place, kind, at_ms, party, moved, taken_by, number, success)",
    "",
);
static LISTENS: Insert =
    Insert::new("INSERT INTO call_listens (started_ms, id, revision, place, party, channel, began_ms, ended_ms)", "");
static ATTRIBUTES: Insert = Insert::new(
    "INSERT INTO call_attributes (started_ms, id, revision, place, seat, attribute, source, field, at_ms, party, part, \
     value, number, personal_id)",
    "",
);
static PERSONAL: Insert = Insert::new("INSERT INTO call_personal (started_ms, id, revision, personal_id)", "");

/// Writes all rows of a batch.
pub async fn write(tx: &mut Transaction, batch: &[Told<'_>], ids: &Ids<'_>) -> Result<(), StoreError> {
    tx.insert(&CALLS, batch, |told, row| bind_call(told, ids, row)).await?;
    let documents = batch.iter().map(|told| {
        // What stands in a step is all dialled but its context, and to look through that one in the same way costs nothing.
        Ok((told, Document::of(told.call, |text| told.apart(text, Text::Dialled, ids)).written()?))
    });
    let documents: Vec<(&Told<'_>, String)> = documents.collect::<Result<_, StoreError>>()?;
    tx.insert(&DOCUMENTS, &documents, |(told, document), row| {
        key(told, row).add(document);
    })
    .await?;
    let parties: Vec<_> = parts(batch, |told| &told.call.parties).collect();
    tx.insert(&PARTIES, &parties, |(told, at, party), row| bind_party(told, *at, party, ids, row)).await?;
    let dialogs: Vec<_> = parts(batch, |told| &told.call.parties)
        .flat_map(|(told, at, party)| {
            party.sip_call_ids.iter().enumerate().map(move |(nth, dialog)| (told, at, nth, dialog))
        })
        .collect();
    tx.insert(&DIALOGS, &dialogs, |(told, at, nth, dialog), row| {
        key(told, row).add(place(*at)).add(place(*nth)).add(*dialog).add(sip_hash(dialog));
    })
    .await?;
    let visits: Vec<_> = parts(batch, |told| &told.call.visits).collect();
    tx.insert(&VISITS, &visits, |(told, at, visit), row| bind_visit(told, *at, visit, row)).await?;
    let attempts: Vec<_> = parts(batch, |told| &told.call.attempts).collect();
    tx.insert(&ATTEMPTS, &attempts, |(told, at, attempt), row| bind_attempt(told, *at, attempt, ids, row)).await?;
    let seats: Vec<Seat<'_, '_>> = parts(batch, |told| &told.call.talks)
        .flat_map(|(told, at, talk)| {
            // A talk of nobody is a talk still.
            let nobody = talk.parties.is_empty().then_some((0, None));
            let parties = talk.parties.iter().enumerate().map(|(seat, party)| (seat, Some(*party)));
            parties.chain(nobody).map(move |(seat, party)| (told, at, talk, seat, party))
        })
        .collect();
    tx.insert(&TALKS, &seats, |seat, row| bind_talk(seat, ids, row)).await?;
    let holds: Vec<_> = parts(batch, |told| &told.call.talks)
        .flat_map(|(told, at, talk)| talk.holds.iter().enumerate().map(move |(nth, hold)| (told, at, nth, hold)))
        .collect();
    tx.insert(&HOLDS, &holds, |(told, at, nth, hold): &(_, _, _, &Hold), row| {
        key(told, row).add(place(*at)).add(place(*nth)).add(place(hold.by)).add(hold.began_ms).add(hold.ended_ms);
    })
    .await?;
    let moves: Vec<_> = parts(batch, |told| &told.call.moves).collect();
    tx.insert(&MOVES, &moves, |(told, at, moved), row| bind_move(told, *at, moved, ids, row)).await?;
    let listens: Vec<_> = parts(batch, |told| &told.call.listens).collect();
    tx.insert(&LISTENS, &listens, |(told, at, listen): &(_, _, &Listen), row| {
        key(told, row).add(place(*at)).add(place(listen.by)).add(&listen.channel);
        row.add(listen.began_ms).add(listen.ended_ms);
    })
    .await?;
    let values: Vec<_> = batch.iter().flat_map(|told| told.values.iter().map(move |value| (told, value))).collect();
    tx.insert(&ATTRIBUTES, &values, |(told, value), row| bind_value(told, value, ids, row)).await?;
    let personal: Vec<_> = batch
        .iter()
        .flat_map(|told| told.personal.iter().filter_map(move |personal| Some((told, ids.of(personal)?))))
        .collect();
    tx.insert(&PERSONAL, &personal, |(told, id), row| {
        key(told, row).add(*id);
    })
    .await?;
    Ok(())
}

/// Says that a call refers to what was forgotten.
pub async fn refer(tx: &mut Transaction, told: &Told<'_>, forgotten: &[i64]) -> Result<(), StoreError> {
    tx.insert(&PERSONAL, forgotten, |id, row| {
        key(told, row).add(*id);
    })
    .await?;
    Ok(())
}

/// By what a SIP Call-ID is found.
#[must_use]
pub fn sip_hash(sip_call_id: &str) -> i64 {
    i64::from(crc32fast::hash(sip_call_id.as_bytes()))
}

/// A place in a list as a number of the database.
pub fn place(at: usize) -> i64 {
    // No list has more than memory.
    i64::try_from(at).unwrap_or(i64::MAX)
}

/// The parts of one kind of all calls, with their places.
fn parts<'t, 'c, T: 't>(
    batch: &'t [Told<'c>],
    of: impl Fn(&'t Told<'c>) -> &'t Vec<T>,
) -> impl Iterator<Item = (&'t Told<'c>, usize, &'t T)> {
    batch.iter().flat_map(move |told| of(told).iter().enumerate().map(move |(at, part)| (told, at, part)))
}

fn key<'r>(told: &Told<'_>, row: &'r mut Arguments) -> &'r mut Arguments {
    row.add(told.started_ms()).add(told.id).add(told.revision)
}

fn bind_call(told: &Told<'_>, ids: &Ids<'_>, row: &mut Arguments) {
    let call = told.call;
    let (ended_by, ended_by_party) = words::of_ended_by(call.ended_by);
    let dialled = call.dialled.as_deref().map(|dialled| told.apart(dialled, Text::Dialled, ids));
    let recorded = call.talks.iter().any(|talk| talk.recorded);
    let probable = call.joins.iter().any(|join| join.reason == JoinReason::NumberAndTime);
    key(told, row).add(call.direction.word()).add(call.originated).add(place(call.caller)).add(dialled.as_deref());
    row.add(call.answered_ms).add(call.ended_ms).add(ended_by).add(ended_by_party.map(place)).add(call.cause);
    row.add(call.waited_ms).add(call.talked_ms).add(call.connected_ms).add(recorded).add(probable);
}

fn bind_party(told: &Told<'_>, at: usize, party: &Party, ids: &Ids<'_>, row: &mut Arguments) {
    key(told, row).add(place(at)).add(party.who.word()).add(party.pbx);
    if apart::is_outside(party) {
        let there = |text: &Option<String>| text.as_ref().map(|_| "");
        let personal = apart::of_party(party).and_then(|personal| ids.of(&personal));
        row.add(&*told.apart(&party.endpoint, Text::Named, ids));
        row.add(there(&party.number)).add(there(&party.name)).add(personal);
    } else {
        row.add(&party.endpoint).add(&party.number).add(&party.name).add(None::<i64>);
    }
}

fn bind_visit(told: &Told<'_>, at: usize, visit: &Visit, row: &mut Arguments) {
    let (exit, key_pressed, by) = words::of_exit(visit.exit);
    key(told, row).add(place(at)).add(place(visit.caller)).add(visit.pbx).add(&visit.queue);
    row.add(visit.entered_ms).add(visit.left_ms).add(visit.position);
    row.add(exit).add(key_pressed.map(String::from)).add(by.map(place));
}

fn bind_attempt(told: &Told<'_>, at: usize, attempt: &Attempt, ids: &Ids<'_>, row: &mut Arguments) {
    key(told, row)
        .add(place(at))
        .add(attempt.visit.map(place))
        .add(place(attempt.caller))
        .add(attempt.party.map(place));
    bind_who(told, attempt.party, ids, row);
    row.add(&*told.apart(&attempt.interface, Text::Dialled, ids));
    let member = attempt.member.as_deref().map(|member| told.apart(member, Text::Named, ids));
    row.add(member.as_deref()).add(attempt.began_ms).add(attempt.rang_ms).add(attempt.ended_ms);
    row.add(attempt.outcome.word()).add(attempt.cause).add(attempt.back).add(attempt.back_from.map(place));
}

type Seat<'t, 'c> = (&'t Told<'c>, usize, &'t Talk, usize, Option<PartyIx>);

fn bind_talk((told, at, talk, seat, party): &Seat<'_, '_>, ids: &Ids<'_>, row: &mut Arguments) {
    key(told, row).add(place(*at)).add(place(*seat)).add(party.map(place));
    bind_who(told, *party, ids, row);
    row.add(talk.began_ms).add(talk.ended_ms).add(held_ms(talk, told.call.ended_ms)).add(talk.recorded);
}

fn bind_move(told: &Told<'_>, at: usize, moved: &Move, ids: &Ids<'_>, row: &mut Arguments) {
    key(told, row).add(place(at)).add(moved.kind.word()).add(moved.at_ms);
    row.add(moved.by.map(place)).add(moved.who.map(place)).add(moved.to.map(place));
    let number = moved.number.as_deref().map(|number| told.apart(number, Text::Dialled, ids));
    row.add(number.as_deref()).add(moved.success);
}

fn bind_value(told: &Told<'_>, value: &Value<'_>, ids: &Ids<'_>, row: &mut Arguments) {
    key(told, row).add(place(value.place)).add(place(value.seat)).add(&value.attribute.name).add(&value.told.name);
    row.add(value.field).add(value.told.at_ms).add(value.told.party.map(place)).add(value.part.map(place));
    let personal = value.personal(told.call).and_then(|personal| ids.of(&personal));
    match personal {
        Some(id) => row.add(None::<&str>).add(None::<f64>).add(id),
        None => {
            let text = told.apart(value.text, Text::Named, ids);
            // A number of a customer is no quantity, or it would stand here once more.
            let number = value.attribute.read(&text).1;
            row.add(&*text).add(number).add(None::<i64>)
        }
    };
}

/// PBX and endpoint of a party.
fn bind_who(told: &Told<'_>, party: Option<PartyIx>, ids: &Ids<'_>, row: &mut Arguments) {
    let party = party.and_then(|party| told.call.parties.get(party));
    let endpoint = party.map(|party| match apart::is_outside(party) {
        true => told.apart(&party.endpoint, Text::Named, ids),
        false => Cow::Borrowed(party.endpoint.as_str()),
    });
    row.add(party.map(|party| party.pbx)).add(endpoint.as_deref());
}

/// How long somebody of a talk was on hold; what overlaps counts once.
fn held_ms(talk: &Talk, call_ended_ms: Option<i64>) -> i64 {
    let end = talk.ended_ms.or(call_ended_ms);
    let mut spans: Vec<(i64, i64)> =
        talk.holds.iter().filter_map(|hold| Some((hold.began_ms, hold.ended_ms.or(end)?))).collect();
    spans.sort_unstable();
    let (mut held, mut until) = (0, i64::MIN);
    for (from, to) in spans {
        held += to.saturating_sub(from.max(until)).max(0);
        until = until.max(to);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_that_overlap_count_once() {
        let hold = |began_ms, ended_ms| Hold { by: 0, began_ms, ended_ms };
        let mut talk = Talk { parties: vec![0, 1], began_ms: 0, ended_ms: None, holds: vec![], recorded: false };
        assert_eq!(held_ms(&talk, Some(100)), 0);
        talk.holds = vec![hold(10, Some(30)), hold(20, Some(40)), hold(90, None)];
        assert_eq!(held_ms(&talk, Some(100)), 40);
        assert_eq!(held_ms(&talk, None), 30, "nobody knows when the last one ended");
        talk.ended_ms = Some(95);
        assert_eq!(held_ms(&talk, Some(100)), 35);
    }
}
