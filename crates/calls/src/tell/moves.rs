//! Transfers, pickup, parking, forwarding: who moved whom, and where it led.

use super::JITTER_MS;
use super::legs::Legs;
use crate::call::{Attempt, Move, MoveKind, Outcome, PartyIx, Talk, Who};
use crate::note::{Note, What};

/// Between a transfer to a parking lot and the call in it, and between two signs of one transfer.
const WITHIN_MS: i64 = 1_000;

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
                What::BlindTransferWith { other } => {
                    let Some(other) = legs.at(*other).filter(|other| is_sent_on(legs, leg, *other, at_ms)) else {
                        continue;
                    };
                    let (who, by) = (by, legs.heard(other, at_ms));
                    let to = next_partner(talks, who, by, at_ms);
                    let number = next_place(legs, leg, at_ms).and_then(said);
                    moves.push(Move { by, who, to, number, ..new(MoveKind::Blind) });
                }
                What::TransfersAttended { success, second, transferee, target, .. } => {
                    let who = transferee.and_then(heard).or_else(|| beside(legs, leg, at_ms)).or_else(|| partner(by));
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
                    let to = retriever.and_then(heard).or_else(|| next_partner(talks, by, None, at_ms));
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
        let of_it = |(at, by): &(i64, Option<PartyIx>)| (at - moved.at_ms).abs() <= WITHIN_MS && *by == moved.by;
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

/// Who was last in the bridge of a channel with it, up to a moment.
fn beside(legs: &Legs<'_>, leg: usize, at: i64) -> Option<PartyIx> {
    let bridge = legs.notes(leg).iter().rev().find_map(|note| match &note.what {
        What::Enters { bridge, .. } if note.at <= at + JITTER_MS => Some(bridge),
        _ => None,
    })?;
    let enters = |note: &Note| matches!(&note.what, What::Enters { bridge: other, .. } if other == bridge);
    let other = |other: &usize| {
        *other != leg
            && legs.leg(*other).channel.pbx == legs.leg(leg).channel.pbx
            && legs.notes(*other).iter().any(enters)
    };
    legs.heard((0..legs.count()).find(other)?, at)
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

/// Whether a channel is who was handed over, of two that name each other as the sides of a blind transfer of which no event tells.
fn is_sent_on(legs: &Legs<'_>, leg: usize, other: usize, at: i64) -> bool {
    let tells = |note: &Note| matches!(note.what, What::TransfersBlind { .. }) && (note.at - at).abs() <= WITHIN_MS;
    if [leg, other].iter().any(|leg| legs.notes(*leg).iter().any(tells)) {
        return false;
    }
    match (next_place(legs, leg, at), next_place(legs, other, at)) {
        (Some(_), None) => true,
        (None, Some(_)) => false,
        // It led nowhere, or both went on: who hands over is named first, and is a phone rather than a line.
        _ => {
            let named = |note: &&Note| matches!(note.what, What::BlindTransferWith { .. });
            let first = |leg: usize| {
                let line = legs.party(leg).is_none_or(|party| legs.parties[party].who != Who::Phone);
                (legs.notes(leg).iter().find(named).map_or(at, |note| note.at), line, leg)
            };
            first(leg) > first(other)
        }
    }
}

/// Where in the dialplan a channel was sent next after a moment.
fn next_place<'a>(legs: &Legs<'a>, leg: usize, at: i64) -> Option<&'a str> {
    let mut here = None;
    for note in legs.notes(leg) {
        if let What::At { context, exten, .. } = &note.what
            && **exten != *"h"
        {
            let place = (context, exten);
            if note.at >= at && here != Some(place) {
                return Some(exten);
            }
            here = Some(place);
        }
    }
    None
}

/// `PJSIP/1001` as a party.
fn by_endpoint(legs: &Legs<'_>, endpoint: &str) -> Option<PartyIx> {
    legs.parties.iter().position(|party| party.endpoint == endpoint)
}
