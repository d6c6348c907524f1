//! Attempts to reach somebody.

use rustc_hash::FxHashMap;

use super::JITTER_MS;
use super::legs::Legs;
use crate::call::{Attempt, Exit, Move, MoveKind, Outcome, PartyIx, Visit};
use crate::note::{ChannelIx, DialStatus, Note, What};

pub(super) fn tell(legs: &Legs<'_>, visits: &[Visit]) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for leg in 0..legs.count() {
        for note in legs.notes(leg) {
            match &note.what {
                What::Offered { queue, interface, member, dest } => {
                    let Some(caller) = legs.person(leg) else { continue };
                    let within = |visit: &&Visit| {
                        visit.caller == caller && *visit.queue == **queue && visit.entered_ms <= note.at + JITTER_MS
                    };
                    let visit = visits.iter().rposition(|visit| within(&visit));
                    let Some(dest) = legs.at(*dest) else { continue };
                    let member = (!member.is_empty()).then(|| member.to_string());
                    let mut attempt = attempt(legs, leg, dest, note.at);
                    attempt.interface = interface.to_string();
                    attempt.member = member;
                    attempt.visit = visit;
                    attempts.push((attempt, leg, dest));
                }
                What::Dials { dest, .. } => {
                    let Some(dest) = legs.at(*dest) else { continue };
                    let offered = legs.leg(dest).channel.is_offered();
                    let own = !offered && !legs.is_relay(leg, note.at) && !legs.leads_to_queue(dest);
                    let caller = legs.person(leg).filter(|_| own);
                    let Some(caller) = caller else { continue };
                    let mut attempt = attempt(legs, leg, dest, note.at);
                    // A member's phone sent the queue's call on: who is rung then is rung for the queue.
                    attempt.visit = visits.iter().position(|visit| {
                        let until = visit.left_ms.unwrap_or(i64::MAX);
                        visit.caller == caller && visit.entered_ms <= note.at && note.at < until && visit.position > 0
                    });
                    attempts.push((attempt, leg, dest));
                }
                _ => {}
            }
        }
    }
    let within: Vec<_> = attempts.iter().flat_map(|(attempt, leg, dest)| beside(legs, attempt, *leg, *dest)).collect();
    attempts.extend(within);
    // What a queue said of each of whom it rang, by the caller's leg.
    let mut said: FxHashMap<usize, Said<'_>> = FxHashMap::default();
    for (_, leg, _) in &attempts {
        said.entry(*leg).or_insert_with(|| said_of(legs, *leg));
    }
    let verdicts: Vec<_> = attempts
        .iter()
        .map(|(attempt, leg, dest)| {
            let said = said[leg].get(&legs.leg(*dest).ix).copied();
            verdict(legs, visits, attempt, said, *dest)
        })
        .collect();
    let answered: Vec<(usize, i64)> = attempts
        .iter()
        .zip(&verdicts)
        .filter(|(_, verdict)| verdict.0 == Some(Outcome::Answered))
        .map(|((attempt, leg, _), _)| (*leg, attempt.began_ms))
        .collect();
    let mut told: Vec<Attempt> = Vec::new();
    for ((mut attempt, leg, dest), (outcome, ended_ms, cause)) in attempts.into_iter().zip(verdicts) {
        attempt.ended_ms = ended_ms;
        attempt.cause = cause;
        let unheard = if outcome.is_none() { unheard(legs, &attempt, leg, dest) } else { None };
        if let Some(since) = unheard {
            (attempt.outcome, attempt.ended_ms) = seen_after(legs, &attempt, leg, dest, since);
            told.push(attempt);
            continue;
        }
        let lost = outcome.is_none() && matches!(legs.gone(dest), Some((_, What::LostInGap { .. })));
        attempt.outcome = outcome.unwrap_or_else(|| {
            // It ended without a word of its own: what became of the caller says why.
            let sibling = answered.iter().any(|(by, at)| *by == leg && (*at - attempt.began_ms).abs() <= JITTER_MS);
            match attempt.visit.map(|visit| visits[visit].exit) {
                _ if ended_ms.is_none() => Outcome::Ringing,
                Some(Exit::Answered { .. }) => Outcome::Elsewhere,
                Some(Exit::Timeout | Exit::Continued) => Outcome::NotAnswered,
                Some(Exit::LostInGap) => Outcome::LostInGap,
                Some(_) => Outcome::GivenUp,
                None if sibling || legs.picked_up_by(dest).is_some() => Outcome::Elsewhere,
                None => Outcome::GivenUp,
            }
        });
        if lost {
            attempt.outcome = Outcome::LostInGap;
        }
        told.push(attempt);
    }
    // By the queue's own rounds, and within one as the phones are listed: those are rung at once, in whatever order.
    told.sort_by_key(|attempt| attempt.began_ms);
    told
}

/// Since when nobody knows whether somebody is still rung: the link to the PBX broke meanwhile.
fn unheard(legs: &Legs<'_>, attempt: &Attempt, leg: usize, dest: usize) -> Option<i64> {
    let during = |note: &&Note| {
        let over = attempt.ended_ms.is_some_and(|ended| ended < note.at);
        note.what == What::Unheard && note.at >= attempt.began_ms && !over
    };
    let since =
        [leg, dest].into_iter().filter_map(|leg| legs.notes(leg).iter().find(during)).map(|note| note.at).min()?;
    // The end of a dial is said once: until then it rang.
    let ends = |note: &Note| note.at >= since && matches!(note.what, What::DialEnds { .. });
    let mut there = legs.reached(dest);
    there.push(dest);
    (!there.into_iter().any(|leg| legs.notes(leg).iter().any(ends))).then_some(since)
}

/// What became of it as it was seen when the link was back: whoever talks with the caller then has answered. Of the others nobody
/// knows; they were rung up to there at least.
fn seen_after(legs: &Legs<'_>, attempt: &Attempt, leg: usize, dest: usize, since: i64) -> (Outcome, Option<i64>) {
    let caller = legs.person(leg);
    let meets = |there: usize| {
        let entered = |note: &&Note| note.at >= since && matches!(note.what, What::Enters { holding: false, .. });
        legs.notes(there).iter().filter(entered).find(|note| legs.meets(there, note.at) == caller).map(|note| note.at)
    };
    let mut there = legs.reached(dest);
    there.push(dest);
    let met = there.into_iter().filter_map(meets).min().filter(|_| caller.is_some() && attempt.party != caller);
    match met {
        Some(at) => (Outcome::Answered, Some(at)),
        None if attempt.ended_ms.is_none() => (Outcome::Ringing, None),
        None => (Outcome::LostInGap, Some(since)),
    }
}

/// A Local channel may ring several phones, or one that sends the call on: those beside the one that took it are attempts too.
fn beside(legs: &Legs<'_>, whole: &Attempt, leg: usize, dest: usize) -> Vec<(Attempt, usize, usize)> {
    let reached = legs.reached(dest);
    if reached.len() < 2 {
        return Vec::new();
    }
    let others = reached.into_iter().filter(|other| *other != dest && legs.party(*other) != whole.party);
    others
        .map(|other| {
            let mut attempt = attempt(legs, leg, other, legs.began(other));
            (attempt.visit, attempt.caller) = (whole.visit, whole.caller);
            (attempt.interface, attempt.member) = (whole.interface.clone(), whole.member.clone());
            (attempt, leg, other)
        })
        .collect()
}

/// Says of an attempt that the call came back by it: it rings where it was moved away from, because whom it was moved to did not
/// take it, or nobody took it from the parking lot.
pub(super) fn come_back(attempts: &mut [Attempt], moves: &[Move]) {
    for at in 0..attempts.len() {
        let attempt = &attempts[at];
        let away = |moved: &&Move| {
            let kind = matches!(moved.kind, MoveKind::Blind | MoveKind::Park | MoveKind::Attended);
            kind && moved.at_ms <= attempt.began_ms && moved.who == Some(attempt.caller) && moved.by.is_some()
        };
        let Some(moved) = moves.iter().rev().find(away).filter(|moved| moved.by == attempt.party) else { continue };
        let tried = |other: &&Attempt| {
            other.caller == attempt.caller && (moved.at_ms - JITTER_MS..=attempt.began_ms).contains(&other.began_ms)
        };
        let from = attempts[..at].iter().rev().find(tried);
        let (back, from) = match from {
            Some(from) => (from.outcome != Outcome::Answered, from.party),
            None => (moved.kind == MoveKind::Park, None),
        };
        attempts[at].back = back;
        attempts[at].back_from = from.filter(|_| back);
    }
}

fn attempt(legs: &Legs<'_>, leg: usize, dest: usize, at: i64) -> Attempt {
    let reached = legs.reached(dest);
    let up = |leg: &usize| legs.notes(*leg).iter().any(|note| note.what == What::Up);
    let person = reached.iter().copied().find(up).or(reached.first().copied());
    let rings = |leg: usize| legs.notes(leg).iter().find(|note| note.what == What::Rings).map(|note| note.at);
    Attempt {
        visit: None,
        // Whoever asks has looked; an attempt of nobody is not told.
        caller: legs.person(leg).unwrap_or_default(),
        party: person.and_then(|leg| legs.party(leg)),
        interface: legs.leg(dest).endpoint.to_owned(),
        member: None,
        began_ms: at,
        rang_ms: person.into_iter().chain(reached).find_map(rings),
        ended_ms: None,
        outcome: Outcome::Ringing,
        cause: None,
        back: false,
        back_from: None,
    }
}

type Verdict = (Option<Outcome>, Option<i64>, Option<u32>);

/// The first word of a queue on each of whom it rang: taken, or not.
type Said<'a> = FxHashMap<ChannelIx, &'a Note>;

fn said_of<'a>(legs: &Legs<'a>, leg: usize) -> Said<'a> {
    let mut said = Said::default();
    for (_, note) in legs.onward(leg, 0) {
        if let What::Taken { dest: Some(dest), .. } | What::NotTaken { dest: Some(dest), .. } = &note.what {
            said.entry(*dest).or_insert(note);
        }
    }
    said
}

/// What the channels themselves say of an attempt's end.
fn verdict(legs: &Legs<'_>, visits: &[Visit], attempt: &Attempt, said: Option<&Note>, dest: usize) -> Verdict {
    let mut there = legs.reached(dest);
    if !there.contains(&dest) {
        there.push(dest);
    }
    let cause = there.iter().find_map(|leg| legs.cause(*leg)).filter(|cause| *cause != 16);
    let status = there.iter().rev().find_map(|leg| {
        legs.notes(*leg).iter().find_map(|note| match &note.what {
            // Of who sent it on; what became of whom it was sent to was not heard.
            What::DialEnds { forward: Some(_), .. } if legs.party(*leg) != attempt.party => None,
            What::DialEnds { status, forward } => Some((*status, forward.is_some(), note.at)),
            _ => None,
        })
    });
    let status = status.or_else(|| {
        let older = || there.iter().filter_map(|leg| dialled(legs, *leg));
        older().find(|(status, ..)| *status == DialStatus::Answer).or_else(|| older().next())
    });
    let gone = legs.gone(dest).map(|(at, _)| at);
    if let Some(picker) = there.iter().find_map(|leg| legs.picked_up_by(*leg)) {
        let at = legs.notes(picker).iter().find(|note| matches!(note.what, What::PicksUp { .. })).map(|note| note.at);
        return (Some(Outcome::Elsewhere), at, None);
    }
    if let Some(Note { at, what: What::Taken { .. } }) = said {
        return (Some(Outcome::Answered), Some(*at), None);
    }
    let refused = match cause {
        Some(17 | 21) => Some(Outcome::Declined),
        Some(26) => Some(Outcome::Elsewhere),
        Some(1 | 2 | 3 | 18 | 20 | 22 | 27 | 28 | 34 | 38 | 41 | 42 | 44 | 58) => Some(Outcome::Unreachable),
        _ => None,
    };
    if let Some(Note { at, .. }) = said {
        return (refused.or(Some(Outcome::NotAnswered)), Some(*at), cause);
    }
    let other = |by: Option<PartyIx>| by.is_none() || by != attempt.party;
    let taken_by_other =
        attempt.visit.is_some_and(|visit| matches!(visits[visit].exit, Exit::Answered { by } if other(by)));
    match status {
        Some((_, true, at)) => (Some(Outcome::Forwarded), Some(at), cause),
        Some((DialStatus::Answer, _, at)) if !taken_by_other => (Some(Outcome::Answered), Some(at), None),
        Some((DialStatus::Busy, _, at)) => (Some(Outcome::Declined), Some(at), cause),
        Some((DialStatus::NoAnswer, _, at)) => (refused.or(Some(Outcome::NotAnswered)), Some(at), cause),
        Some((DialStatus::Unavailable, _, at)) => (Some(Outcome::Unreachable), Some(at), cause),
        Some((DialStatus::Congestion, _, at)) => (refused.or(Some(Outcome::Unreachable)), Some(at), cause),
        Some((DialStatus::Cancel | DialStatus::Other | DialStatus::Answer, _, at)) => (refused, Some(at), cause),
        None => (refused.filter(|_| gone.is_some()), gone, cause),
    }
}

/// Before 12 a dial ends as a whole, with all that were dialled at once, and it is told of who dialled: how the first one ended
/// that did so after this one had begun, and when it was over for this one.
fn dialled(legs: &Legs<'_>, dest: usize) -> Option<(DialStatus, bool, i64)> {
    let leg = legs.leg(dest);
    let by = leg.dialled_by?;
    let began =
        legs.notes(by).iter().position(|note| matches!(note.what, What::Dials { dest, .. } if dest == leg.ix))?;
    let (status, at) = legs.onward(by, began).into_iter().find_map(|(_, note)| match note.what {
        What::Dialled(status) => Some((status, note.at)),
        _ => None,
    })?;
    let up = legs.notes(dest).iter().find(|note| note.what == What::Up).map(|note| note.at);
    let gone = legs.gone(dest).map_or(at, |(at, _)| at);
    Some(match (status, up) {
        (DialStatus::Answer, Some(up)) => (status, false, up),
        // Another answered.
        (DialStatus::Answer, None) => (DialStatus::Cancel, false, gone),
        _ => (status, false, gone),
    })
}
