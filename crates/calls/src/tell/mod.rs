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

use crate::assembly::{Assembly, Group};
use crate::call::{Attribute, Call, Direction, Directory, Joined, PartyIx, Step, Who};
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
    let attempts = attempts::tell(&legs, &visits);
    let talks = talks::tell(&legs);
    let moves = moves::tell(&legs, &talks, &attempts);
    let began_ms = legs.began(caller_leg);
    let answered_ms = talks.iter().filter(|talk| talk.parties.contains(&caller)).map(|talk| talk.began_ms).min();
    let ended_ms = legs.ended();
    let outside = |who: Who| matches!(who, Who::Trunk | Who::Unknown);
    let direction = if legs.calls_in(caller_leg) && outside(legs.parties[caller].who) {
        Direction::Incoming
    } else if legs.parties.iter().any(|party| outside(party.who)) {
        Direction::Outgoing
    } else {
        Direction::Internal
    };
    let (connected_ms, talked_ms) = talks::durations(&talks, ended_ms);
    let waited_ms = match direction {
        Direction::Outgoing => 0,
        Direction::Incoming | Direction::Internal => waits(caller, &visits, &attempts, ended_ms),
    };
    let steps = steps(&legs, caller_leg);
    Some(Call {
        direction,
        caller,
        dialled: if legs.calls_in(caller_leg) { steps.first().map(|step| step.exten.clone()) } else { None },
        began_ms,
        answered_ms,
        ended_ms,
        ended_by: ending::tell(&legs, &talks, &visits),
        cause: legs.cause(caller_leg),
        originated: !legs.calls_in(caller_leg),
        visits,
        attempts,
        talks,
        moves,
        steps,
        attributes: attributes(&legs),
        waited_ms,
        talked_ms,
        connected_ms,
        joins: joins(assembly, group),
        parties: legs.parties,
    })
}

/// The union of the times in which the caller waited for somebody: a wait within another counts once.
fn waits(
    caller: PartyIx,
    visits: &[crate::call::Visit],
    attempts: &[crate::call::Attempt],
    ended_ms: Option<i64>,
) -> i64 {
    let visits = visits.iter().filter(|visit| visit.caller == caller).map(|visit| (visit.entered_ms, visit.left_ms));
    let direct = attempts.iter().filter(|attempt| attempt.caller == caller && attempt.visit.is_none());
    let direct = direct.map(|attempt| (attempt.began_ms, attempt.ended_ms));
    union(visits.chain(direct).filter_map(|(from, to)| Some((from, to.or(ended_ms)?))))
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
    let mut steps: Vec<Step> = Vec::new();
    for note in legs.notes(caller) {
        match &note.what {
            What::At { context, exten, .. } => {
                let same = steps.last().is_some_and(|last| *last.context == **context && *last.exten == **exten);
                if !same {
                    let (context, exten) = (context.to_string(), exten.to_string());
                    steps.push(Step { at_ms: note.at, context, exten, keys: String::new() });
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

fn joins(assembly: &Assembly, group: &Group) -> Vec<Joined> {
    let id = |ix| assembly.channel(ix).map(|channel| channel.uniqueid.to_string());
    group
        .joins
        .iter()
        .filter_map(|join| Some(Joined { at_ms: join.at, one: id(join.one)?, two: id(join.two)?, reason: join.reason }))
        .collect()
}
