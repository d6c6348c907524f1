//! What is told of a call, from the notes of its channels. Reads only; the same notes always give the same call.
//!
//! Channels are put in an order that does not depend on when they were heard of, and nothing hangs on which of two channels did
//! something first within [`JITTER_MS`]: events of different channels are not in order.

mod attempts;
mod ending;
mod legs;
mod moves;
mod talks;
mod visits;

use crate::PbxIx;
use crate::assembly::{Assembly, Group};
use crate::call::{
    Attempt, Attribute, Call, Clock, Direction, Directory, Joined, Listen, Move, MoveKind, PartyIx, Step, Talk, Visit,
    Who,
};
use crate::note::What;
use legs::Legs;

/// Events of different channels may be so far apart from their true order.
pub(crate) const JITTER_MS: i64 = 150;

/// Tells a call; nothing, when nobody is in it.
pub(crate) fn tell(assembly: &Assembly, group: &Group, directory: &dyn Directory) -> Option<Call> {
    let legs = Legs::of(assembly, group, directory)?;
    let caller_leg = legs.caller();
    let caller = legs.party(caller_leg)?;
    let visits = visits::tell(&legs);
    let mut attempts = attempts::tell(&legs, &visits);
    let talks = talks::tell(&legs);
    let moves = moves::tell(&legs, &talks, &attempts);
    attempts::come_back(&mut attempts, &moves);
    let began_ms = (0..legs.count()).map(|leg| legs.began(leg)).min().unwrap_or_default();
    let answered_ms = talks.iter().filter(|talk| talk.parties.contains(&caller)).map(|talk| talk.began_ms).min();
    let ended_ms = legs.ended();
    let outside = |who: Who| matches!(who, Who::Trunk | Who::OtherPbx | Who::Unknown);
    let direction = if legs.calls_in(caller_leg) && outside(legs.parties[caller].who) {
        Direction::Incoming
    } else if legs.parties.iter().any(|party| outside(party.who)) {
        Direction::Outgoing
    } else {
        Direction::Internal
    };
    let (connected_ms, talked_ms) = talks::durations(&talks, ended_ms);
    let waited_ms = match direction {
        // Who clicked waits for nobody's sake but his own.
        _ if !legs.calls_in(caller_leg) => 0,
        Direction::Outgoing => 0,
        Direction::Incoming | Direction::Internal => {
            let waits =
                Waits { visits: &visits, attempts: &attempts, moves: &moves, talks: &talks, began_ms, ended_ms };
            waits.waited(caller)
        }
    };
    let steps = steps(&legs, caller_leg);
    Some(Call {
        direction,
        caller,
        dialled: dialled(&legs, caller_leg, legs.parties[caller].number.as_deref(), &steps),
        began_ms,
        answered_ms,
        ended_ms,
        ended_by: ending::tell(&legs, &talks, &visits, &attempts),
        cause: legs.cause(caller_leg),
        originated: !legs.calls_in(caller_leg),
        visits,
        attempts,
        talks,
        moves,
        steps,
        listens: listens(&legs),
        attributes: attributes(&legs),
        waited_ms,
        talked_ms,
        connected_ms,
        joins: joins(assembly, group),
        clocks: clocks(assembly, &legs),
        parties: legs.parties,
    })
}

fn clocks(assembly: &Assembly, legs: &Legs<'_>) -> Vec<Clock> {
    let mut pbxs: Vec<PbxIx> = Vec::new();
    for leg in 0..legs.count() {
        let pbx = legs.leg(leg).channel.pbx;
        if !pbxs.contains(&pbx) {
            pbxs.push(pbx);
        }
    }
    pbxs.sort_unstable();
    pbxs.into_iter().filter_map(|pbx| Some(Clock { pbx: pbx.0, ahead_ms: assembly.clock_of(pbx)? })).collect()
}

/// What tells how long somebody waited.
struct Waits<'a> {
    visits: &'a [Visit],
    attempts: &'a [Attempt],
    moves: &'a [Move],
    talks: &'a [Talk],
    began_ms: i64,
    ended_ms: Option<i64>,
}

impl Waits<'_> {
    /// The union of the times in which the caller waited for somebody, in queues, while a phone rang, in the parking lot: a wait
    /// within another counts once, and who talks does not wait, though the one may be told of a moment before the end of the other.
    fn waited(&self, caller: PartyIx) -> i64 {
        let Self { visits, attempts, moves, talks, began_ms, ended_ms } = *self;
        let visits =
            visits.iter().filter(|visit| visit.caller == caller).map(|visit| (visit.entered_ms, visit.left_ms));
        let direct = attempts.iter().filter(|attempt| attempt.caller == caller && attempt.visit.is_none());
        let direct = direct.map(|attempt| (attempt.began_ms, attempt.ended_ms));
        let of_caller = |moved: &&Move| moved.who == Some(caller);
        let parked = moves.iter().filter(of_caller).filter(|moved| moved.kind == MoveKind::Park).map(|park| {
            let after = |moved: &&Move| {
                moved.at_ms >= park.at_ms && matches!(moved.kind, MoveKind::Unpark | MoveKind::ParkTimeout)
            };
            (park.at_ms, moves.iter().filter(of_caller).find(after).map(|moved| moved.at_ms))
        });
        // Joined with somebody who still rings: from then on it is the customer who waits there.
        let joined =
            moves.iter().filter(of_caller).filter(|moved| moved.kind == MoveKind::Attended).filter_map(|moved| {
                let rings = |attempt: &&Attempt| {
                    Some(attempt.caller) == moved.by
                        && attempt.began_ms <= moved.at_ms
                        && attempt.visit.is_none()
                        && attempt.ended_ms.is_none_or(|ended| ended > moved.at_ms)
                };
                attempts.iter().find(rings).map(|attempt| (moved.at_ms, attempt.ended_ms))
            });
        let talks = talks.iter().filter(|talk| talk.parties.contains(&caller));
        // Of a stream that was not heard whole something may be known from before the caller.
        let span = |(from, to): (i64, Option<i64>)| Some((from.max(began_ms), to.or(ended_ms)?));
        let talks: Vec<_> = talks.filter_map(|talk| span((talk.began_ms, talk.ended_ms))).collect();
        let waits = visits.chain(direct).chain(parked).chain(joined).filter_map(span);
        union(waits.chain(talks.iter().copied())) - union(talks.iter().copied())
    }
}

/// How long at least one of the spans lasts.
pub(crate) fn union(spans: impl Iterator<Item = (i64, i64)>) -> i64 {
    let mut spans: Vec<(i64, i64)> = spans.filter(|(from, to)| to > from).collect();
    spans.sort_unstable();
    let (mut sum, mut until) = (0, i64::MIN);
    for (from, to) in spans {
        sum += (to - from.max(until)).max(0);
        until = until.max(to);
    }
    sum
}

fn steps(legs: &Legs<'_>, caller: usize) -> Vec<Step> {
    let mut notes: Vec<(i64, usize, &What)> = Vec::new();
    for leg in 0..legs.count() {
        let places = legs.notes(leg).iter().filter(|note| matches!(note.what, What::At { .. } | What::Digit(_)));
        let of_caller = places.filter(|note| legs.is_way_of(leg, caller, note.at));
        notes.extend(of_caller.map(|note| (note.at, leg, &note.what)));
    }
    notes.sort_by_key(|(at, leg, _)| (*at, *leg));
    let mut steps: Vec<Step> = Vec::new();
    for (at_ms, _, what) in notes {
        match what {
            What::At { context, exten, .. } if !exten.is_empty() => {
                let same = steps.last().is_some_and(|last| *last.context == **context && *last.exten == **exten);
                if !same {
                    let (context, exten) = (context.to_string(), exten.to_string());
                    steps.push(Step { at_ms, context, exten, keys: String::new() });
                }
            }
            What::Digit(digit) => {
                if let Some(last) = steps.last_mut() {
                    last.keys.push(*digit);
                }
            }
            _ => {}
        }
    }
    steps
}

/// What the caller dialled. A channel that the PBX made begins nowhere, or at the phone it was made for.
fn dialled(legs: &Legs<'_>, caller: usize, number: Option<&str>, steps: &[Step]) -> Option<String> {
    let mut extens = steps.iter().map(|step| step.exten.as_str());
    if legs.calls_in(caller) {
        return extens.next().map(str::to_owned);
    }
    extens.find(|exten| *exten != "s" && Some(*exten) != number).map(str::to_owned)
}

fn attributes(legs: &Legs<'_>) -> Vec<Attribute> {
    let mut attributes: Vec<Attribute> = Vec::new();
    for leg in 0..legs.count() {
        for note in legs.notes(leg) {
            if let What::Attribute { name, value } = &note.what {
                let (name, value) = (name.to_string(), value.to_string());
                attributes.push(Attribute { at_ms: note.at, party: legs.person(leg), name, value });
            }
        }
    }
    attributes.sort_by(|a, b| (a.at_ms, &a.name).cmp(&(b.at_ms, &b.name)));
    attributes
}

/// Who listened to whom. Whoever is listened to may be in another call.
fn listens(legs: &Legs<'_>) -> Vec<Listen> {
    let mut listens: Vec<Listen> = Vec::new();
    for leg in 0..legs.count() {
        let Some(by) = legs.party(leg) else { continue };
        let mut open = false;
        for note in legs.notes(leg) {
            match &note.what {
                What::ListensTo { uniqueid } => {
                    listens.push(Listen { by, channel: uniqueid.to_string(), began_ms: note.at, ended_ms: None });
                    open = true;
                }
                What::ListensNoMore | What::Gone { .. } | What::LostInGap { .. } if std::mem::take(&mut open) => {
                    if let Some(listen) = listens.last_mut() {
                        listen.ended_ms = Some(note.at);
                    }
                }
                _ => {}
            }
        }
    }
    listens
}

fn joins(assembly: &Assembly, group: &Group) -> Vec<Joined> {
    let id = |ix| assembly.channel(ix).map(|channel| channel.uniqueid.to_string());
    group
        .joins
        .iter()
        .filter_map(|join| Some(Joined { at_ms: join.at, one: id(join.one)?, two: id(join.two)?, reason: join.reason }))
        .collect()
}
