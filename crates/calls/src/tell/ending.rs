//! Who ended a call: whose far side asked for the end of the last thing that happened in it.

use super::legs::Legs;
use crate::call::{Attempt, EndedBy, Exit, Outcome, PartyIx, Talk, Visit};
use crate::note::{Note, What};

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
    // Lost with those who talked or waited last; or later, when somebody was there whose talk nobody heard begin.
    let lost = |leg: usize| {
        let gone = legs.gone(leg).filter(|(_, what)| matches!(what, What::LostInGap { .. }));
        gone.is_some_and(|(at, _)| at > end + AFTER_MS || people.contains(&leg) && (at - end).abs() <= AFTER_MS)
    };
    // Who had called there may be gone: joined with somebody else while it rang.
    let rang = |attempt: &Attempt| attempt.outcome == Outcome::LostInGap && attempt.ended_ms >= Some(end);
    // Or who was there then was joined with others whom nobody heard of, until they hung up.
    let unheard = |leg: usize| {
        let since = |note: &Note| note.what == What::Unheard && note.at >= end;
        legs.notes(leg).iter().any(since)
    };
    if (0..legs.count()).any(|leg| lost(leg) || unheard(leg)) || attempts.iter().any(rang) {
        return EndedBy::LostInGap;
    }
    let near = |at: i64| (end - BEFORE_MS..=end + AFTER_MS).contains(&at);
    let silent = |note: &Note| note.what == What::EndUnexplained && near(note.at);
    let unexplained = people.iter().any(|leg| legs.notes(*leg).iter().any(silent));
    let asked = |leg: usize| {
        let notes = legs.notes(leg).iter();
        notes
            .filter(|note| matches!(note.what, What::HangupRequested { .. }) && near(note.at))
            .map(|note| note.at)
            .min()
    };
    // How a wait ended is said of whom he waited for.
    let said = |at: Option<i64>| at.is_some_and(near);
    let known = attempts.iter().any(|attempt| {
        !matches!(attempt.outcome, Outcome::Answered | Outcome::GivenUp | Outcome::LostInGap) && said(attempt.ended_ms)
    }) || visits.iter().any(|visit| {
        !matches!(visit.exit, Exit::Answered { .. } | Exit::Abandoned | Exit::LostInGap) && said(visit.left_ms)
    });
    // Who was not heard from the begin may have met others whom nobody heard of.
    let not_heard = |note: &Note| matches!(note.what, What::Unheard | What::Born { calls_in: None });
    let since =
        (0..legs.count()).flat_map(|leg| legs.notes(leg)).filter(|note| not_heard(note)).map(|note| note.at).max();
    let alone = since.is_some_and(|since| talks.iter().all(|talk| talk.ended_ms.is_some_and(|ended| ended <= since)));
    let asked_unheard = !known && (alone || people.iter().any(|leg| only_the_end(legs.notes(*leg))));
    let first = people.into_iter().filter_map(|leg| Some((asked(leg)?, leg))).min();
    match first.and_then(|(_, leg)| legs.party(leg)) {
        Some(party) => EndedBy::Party { party },
        None if unexplained => EndedBy::Unknown,
        None if asked_unheard => EndedBy::LostInGap,
        None => EndedBy::Pbx,
    }
}

/// Whether nothing but the end of a channel was heard after the link to its PBX had been away: it may have been asked for before.
fn only_the_end(notes: &[Note]) -> bool {
    let since = notes.iter().rposition(|note| note.what == What::Unheard);
    let seen = |note: &Note| {
        matches!(
            note.what,
            What::StillInQueue
                | What::RungByQueue
                | What::LeftQueueInGap { .. }
                | What::LeftQueueUnseen { .. }
                | What::CallsIn(_)
                | What::Caller { .. }
                | What::ConnectedTo { .. }
                | What::Rings
                | What::Up
                | What::Enters { .. }
                | What::Leaves { .. }
                | What::SipCallId(_)
                | What::Gone { .. }
        )
    };
    since.is_some_and(|since| notes[since + 1..].iter().all(seen))
}

/// When the last channel of a party was gone.
fn end_of(legs: &Legs<'_>, party: PartyIx) -> i64 {
    let its = (0..legs.count()).filter(|leg| legs.party(*leg) == Some(party));
    its.filter_map(|leg| legs.gone(leg)).map(|(at, _)| at).max().unwrap_or_default()
}
