//! Who ended a call: whose far side asked for the end of the last thing that happened in it.

use super::legs::Legs;
use crate::call::{EndedBy, Talk, Visit};
use crate::note::What;

/// A hang-up is asked for so long before its effects at most: the dialplan may play something first.
const BEFORE_MS: i64 = 2_000;

/// And so long after: the order of events of different channels is not theirs.
const AFTER_MS: i64 = 500;

pub(super) fn tell(legs: &Legs<'_>, talks: &[Talk], visits: &[Visit]) -> EndedBy {
    if legs.ended().is_none() {
        return EndedBy::Nobody;
    }
    let talk = talks.iter().max_by_key(|talk| talk.ended_ms);
    let visit = visits.iter().max_by_key(|visit| visit.left_ms);
    let caller = legs.caller();
    let last_talk = talk.filter(|talk| visit.is_none_or(|visit| visit.left_ms <= talk.ended_ms));
    let (people, end): (Vec<usize>, i64) = match last_talk {
        Some(talk) => {
            let inside = |leg: &usize| legs.party(*leg).is_some_and(|party| talk.parties.contains(&party));
            ((0..legs.count()).filter(inside).collect(), talk.ended_ms.unwrap_or_default())
        }
        // Nobody talked, or the caller went on to something else afterwards: his own end counts.
        None => (vec![caller], legs.gone(caller).map_or(0, |(at, _)| at)),
    };
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
