//! Who ended a call: whose far side asked for the end of the last thing that happened in it.

use super::legs::Legs;
use crate::call::{Attempt, EndedBy, Outcome, PartyIx, Talk, Visit};
use crate::note::What;

/// A hang-up is asked for so long before its effects at most: the dialplan may play something first.
const BEFORE_MS: i64 = 2_000;

/// And so long after: the order of events of different channels is not theirs.
const AFTER_MS: i64 = 500;

pub(super) fn tell(legs: &Legs<'_>, talks: &[Talk], visits: &[Visit], attempts: &[Attempt]) -> EndedBy {
    if legs.ended().is_none() {
        return EndedBy::Nobody;
    }
    // A talk ends by one of those who talk, a wait by who waits. Where nobody did either, the caller's own end counts.
    let talk = talks.iter().filter_map(|talk| Some((talk.ended_ms?, talk.parties.clone()))).max_by_key(|(end, _)| *end);
    let in_queue = visits.iter().filter_map(|visit| Some((visit.left_ms?, visit.caller)));
    let in_vain = attempts.iter().filter(|attempt| attempt.outcome != Outcome::Answered);
    let in_vain = in_vain.filter_map(|attempt| Some((attempt.ended_ms?, attempt.caller)));
    let wait = in_queue.chain(in_vain).max_by_key(|(end, _)| *end);
    let caller = legs.caller();
    let (parties, end): (Vec<PartyIx>, i64) = match (talk, wait) {
        (Some((end, parties)), wait) if wait.is_none_or(|(until, _)| until <= end) => (parties, end),
        (_, Some((_, waits))) => (vec![waits], end_of(legs, waits)),
        _ => (legs.party(caller).into_iter().collect(), legs.gone(caller).map_or(0, |(at, _)| at)),
    };
    let people: Vec<usize> =
        (0..legs.count()).filter(|leg| legs.party(*leg).is_some_and(|party| parties.contains(&party))).collect();
    let lost = people
        .iter()
        .filter_map(|leg| legs.gone(*leg))
        .any(|(at, what)| matches!(what, What::LostInGap { .. }) && (at - end).abs() <= AFTER_MS);
    if lost {
        return EndedBy::LostInGap;
    }
    let asked = |leg: usize| {
        let near = |at: i64| (end - BEFORE_MS..=end + AFTER_MS).contains(&at);
        let notes = legs.notes(leg).iter();
        notes
            .filter(|note| matches!(note.what, What::HangupRequested { .. }) && near(note.at))
            .map(|note| note.at)
            .min()
    };
    let first = people.into_iter().filter_map(|leg| Some((asked(leg)?, leg))).min();
    match first.and_then(|(_, leg)| legs.party(leg)) {
        Some(party) => EndedBy::Party { party },
        None => EndedBy::Pbx,
    }
}

/// When the last channel of a party was gone.
fn end_of(legs: &Legs<'_>, party: PartyIx) -> i64 {
    let its = (0..legs.count()).filter(|leg| legs.party(*leg) == Some(party));
    its.filter_map(|leg| legs.gone(leg)).map(|(at, _)| at).max().unwrap_or_default()
}
