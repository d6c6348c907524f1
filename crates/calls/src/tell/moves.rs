//! Transfers, pickup, parking, forwarding: who moved whom, and where it led.

use super::JITTER_MS;
use super::legs::Legs;
use crate::call::{Attempt, Move, MoveKind, Outcome, PartyIx, Talk};
use crate::note::{Note, What};

/// Between a transfer to a parking lot and the call in it.
const PARKS_WITHIN_MS: i64 = 1_000;

pub(super) fn tell(legs: &Legs<'_>, talks: &[Talk], attempts: &[Attempt]) -> Vec<Move> {
    let mut moves = Vec::new();
    for leg in 0..legs.count() {
        for Note { at, what } in legs.notes(leg) {
            let at_ms = *at;
            let by = legs.heard(leg, at_ms);
            let heard = |ix| legs.heard(legs.at(ix)?, at_ms);
            let partner = |of: Option<PartyIx>| partner(talks, of, at_ms);
            let new = |kind| Move { kind, at_ms, by, who: None, to: None, number: None, success: true };
            match what {
                What::TransfersBlind { success, transferee, exten, .. } => {
                    let who = transferee.and_then(heard).or_else(|| partner(by));
                    let to = next_partner(talks, who, by, at_ms);
                    moves.push(Move { who, to, number: said(exten), success: *success, ..new(MoveKind::Blind) });
                }
                What::TransfersAttended { success, second, transferee, target, .. } => {
                    let who = transferee.and_then(heard).or_else(|| partner(by));
                    let to = target.and_then(heard).or_else(|| next_partner(talks, who, by, at_ms));
                    let number = legs.at(*second).and_then(|second| dialled(legs, leg, second, at_ms));
                    moves.push(Move { who, to, number, success: *success, ..new(MoveKind::Attended) });
                }
                What::PicksUp { target } => {
                    let target = legs.at(*target);
                    let who = target.and_then(|target| legs.leg(target).dialled_by).and_then(|by| legs.person(by));
                    moves.push(Move { who, to: by, ..new(MoveKind::Pickup) });
                }
                What::Parked { parker, space } => {
                    let parker = parker.as_deref().and_then(|parker| by_endpoint(legs, parker));
                    let number = space.as_deref().map(str::to_owned);
                    moves.push(Move { by: parker, who: by, number, ..new(MoveKind::Park) });
                }
                What::Unparked { retriever } => {
                    let to = retriever.and_then(heard);
                    moves.push(Move { by: to, who: by, to, ..new(MoveKind::Unpark) });
                }
                What::ParkTimesOut => moves.push(Move { by: None, who: by, ..new(MoveKind::ParkTimeout) }),
                What::DialEnds { forward: Some(number), .. } => {
                    let who = legs.leg(leg).dialled_by.and_then(|by| legs.person(by));
                    let by = legs.party(leg);
                    moves.push(Move { by, who, number: said(number), ..new(MoveKind::Forward) });
                }
                _ => {}
            }
        }
    }
    // Who took the call after a blind transfer is known by who answered it.
    for moved in &mut moves {
        if moved.kind == MoveKind::Forward && moved.to.is_none() {
            let later = |attempt: &&Attempt| {
                attempt.began_ms >= moved.at_ms - JITTER_MS
                    && attempt.outcome == Outcome::Answered
                    && Some(attempt.caller) == moved.who
            };
            moved.to = attempts.iter().find(later).and_then(|attempt| attempt.party);
        }
    }
    moves.sort_by_key(|moved| (moved.at_ms, moved.by));
    // To transfer to the number of a parking lot is to park.
    let parks: Vec<(i64, Option<PartyIx>)> =
        moves.iter().filter(|moved| moved.kind == MoveKind::Park).map(|moved| (moved.at_ms, moved.by)).collect();
    moves.retain(|moved| {
        let of_it = |(at, by): &(i64, Option<PartyIx>)| (at - moved.at_ms).abs() <= PARKS_WITHIN_MS && *by == moved.by;
        moved.kind != MoveKind::Blind || !parks.iter().any(of_it)
    });
    moves
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whom somebody talked with at a moment, or last before it.
fn partner(talks: &[Talk], of: Option<PartyIx>, at: i64) -> Option<PartyIx> {
    let of = of?;
    let before = talks.iter().rev().find(|talk| talk.parties.contains(&of) && talk.began_ms <= at + JITTER_MS)?;
    before.parties.iter().copied().find(|party| *party != of)
}

/// Whom somebody talked with next, other than who handed him over.
fn next_partner(talks: &[Talk], of: Option<PartyIx>, by: Option<PartyIx>, at: i64) -> Option<PartyIx> {
    let of = of?;
    let later = |talk: &&Talk| talk.began_ms >= at - JITTER_MS && talk.parties.contains(&of);
    let other = |party: &PartyIx| *party != of && Some(*party) != by;
    talks.iter().filter(later).find_map(|talk| talk.parties.iter().copied().find(other))
}

/// What was dialled for the second call of a transfer: by its own channel, or by the keys of the first, which makes a Local
/// channel for it.
fn dialled(legs: &Legs<'_>, first: usize, second: usize, at: i64) -> Option<String> {
    let exten = |note: &Note| match &note.what {
        What::At { exten, .. } => said(exten),
        _ => None,
    };
    if second != first && legs.calls_in(second) {
        return legs.notes(second).iter().find_map(exten);
    }
    legs.local_number(legs.dialled_before(first, at)?).map(str::to_owned)
}

/// `PJSIP/1001` as a party.
fn by_endpoint(legs: &Legs<'_>, endpoint: &str) -> Option<PartyIx> {
    legs.parties.iter().position(|party| party.endpoint == endpoint)
}
