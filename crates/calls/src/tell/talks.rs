//! Who talked with whom: the time in which real channels are in one bridge, or in bridges that Local channels join.

use rustc_hash::FxHashMap;

use super::legs::Legs;
use super::{JITTER_MS, union};
use crate::call::{Hold, PartyIx, Talk};
use crate::note::{Note, What};

/// A channel in a bridge.
#[derive(Debug)]
struct Stay<'a> {
    leg: usize,
    bridge: (u32, &'a str),
    from: i64,
    to: Option<i64>,
}

/// Channels that could hear each other for a while.
#[derive(Debug)]
struct Circle {
    legs: Vec<usize>,
    from: i64,
    to: Option<i64>,
}

pub(super) fn tell(legs: &Legs<'_>) -> Vec<Talk> {
    let mut talks: Vec<(Talk, Vec<usize>)> = Vec::new();
    for Circle { legs: inside, from, to } in circles(legs, &stays(legs)) {
        let mut parties: Vec<PartyIx> = inside.iter().filter_map(|leg| legs.party(*leg)).collect();
        parties.sort_unstable();
        parties.dedup();
        if parties.len() < 2 {
            continue;
        }
        // A channel may be changed for another of the same person, with a blink between them.
        let goes_on = talks.iter_mut().rev().find(|(talk, _)| {
            talk.parties == parties && talk.ended_ms.is_some_and(|ended| (from - ended).abs() <= JITTER_MS)
        });
        match goes_on {
            Some((talk, all)) => {
                talk.ended_ms = to;
                all.extend(inside);
            }
            None => {
                let (holds, recorded) = (Vec::new(), false);
                talks.push((Talk { parties, began_ms: from, ended_ms: to, holds, recorded }, inside));
            }
        }
    }
    // What is shorter than the order of events can be trusted is a trace of a transfer.
    talks.retain(|(talk, _)| talk.ended_ms.is_none_or(|ended| ended - talk.began_ms >= JITTER_MS));
    talks.sort_by(|(a, _), (b, _)| (a.began_ms, &a.parties).cmp(&(b.began_ms, &b.parties)));
    for (talk, inside) in &mut talks {
        inside.sort_unstable();
        inside.dedup();
        talk.holds = holds(legs, inside, talk);
        talk.recorded = recorded(legs, inside, talk);
    }
    talks.into_iter().map(|(talk, _)| talk).collect()
}

/// Connected and talked, ms; of a call that goes on up to what is over.
pub(super) fn durations(talks: &[Talk], ended_ms: Option<i64>) -> (i64, i64) {
    let span = |talk: &Talk| Some((talk.began_ms, talk.ended_ms.or(ended_ms)?));
    let connected = union(talks.iter().filter_map(span));
    let talked = union(talks.iter().flat_map(|talk| {
        let Some((from, to)) = span(talk) else { return Vec::new() };
        let mut holds: Vec<(i64, i64)> =
            talk.holds.iter().map(|hold| (hold.began_ms.max(from), hold.ended_ms.unwrap_or(to).min(to))).collect();
        holds.sort_unstable();
        let (mut open, mut parts) = (from, Vec::new());
        for (began, ended) in holds {
            parts.push((open, began));
            open = open.max(ended);
        }
        parts.push((open, to));
        parts
    }));
    (connected, talked)
}

fn stays<'a>(legs: &Legs<'a>) -> Vec<Stay<'a>> {
    let mut stays = Vec::new();
    for leg in 0..legs.count() {
        let pbx = legs.leg(leg).channel.pbx.0;
        let mut open: Option<Stay<'a>> = None;
        for Note { at, what } in legs.notes(leg) {
            match what {
                What::Enters { bridge, holding } => {
                    stays.extend(open.take().map(|stay| Stay { to: Some(*at), ..stay }));
                    open = (!holding).then_some(Stay { leg, bridge: (pbx, bridge), from: *at, to: None });
                }
                What::Leaves { bridge } if open.as_ref().is_some_and(|stay| *stay.bridge.1 == **bridge) => {
                    stays.extend(open.take().map(|stay| Stay { to: Some(*at), ..stay }));
                }
                What::Gone { .. } | What::LostInGap { .. } => {
                    stays.extend(open.take().map(|stay| Stay { to: Some(*at), ..stay }));
                }
                _ => {}
            }
        }
        stays.extend(open);
    }
    stays
}

/// Who could hear whom between each two changes, in the order of time.
fn circles(legs: &Legs<'_>, stays: &[Stay<'_>]) -> Vec<Circle> {
    let mut times: Vec<i64> = stays.iter().flat_map(|stay| [Some(stay.from), stay.to]).flatten().collect();
    times.sort_unstable();
    times.dedup();
    let mut circles: Vec<Circle> = Vec::new();
    // Only what is open is looked at, so that a long conference costs no more at its end than at its begin.
    let mut open: Vec<usize> = Vec::new();
    let mut coming: Vec<&Stay<'_>> = stays.iter().collect();
    coming.sort_by_key(|stay| std::cmp::Reverse(stay.from));
    let mut here: Vec<&Stay<'_>> = Vec::new();
    for (at, from) in times.iter().enumerate() {
        let to = times.get(at + 1).copied();
        here.retain(|stay| stay.to.is_none_or(|end| end > *from));
        while let Some(stay) = coming.pop_if(|stay| stay.from <= *from) {
            here.extend(stay.to.is_none_or(|end| end > *from).then_some(stay));
        }
        let inside = here.iter().copied();
        let mut still = Vec::new();
        for members in together(legs, inside) {
            match open.iter().copied().find(|known| circles[*known].legs == members) {
                Some(known) => {
                    circles[known].to = to;
                    still.push(known);
                }
                None => {
                    still.push(circles.len());
                    circles.push(Circle { legs: members, from: *from, to });
                }
            }
        }
        open = still;
    }
    circles
}

/// Real channels that are together at one moment; bridges are one where the halves of a Local channel are in both.
fn together<'s, 'a: 's>(legs: &Legs<'_>, stays: impl Iterator<Item = &'s Stay<'a>>) -> Vec<Vec<usize>> {
    let stays: Vec<&Stay<'_>> = stays.collect();
    let mut bridges: Vec<(u32, &str)> = stays.iter().map(|stay| stay.bridge).collect();
    bridges.sort_unstable();
    bridges.dedup();
    let mut root: Vec<usize> = (0..bridges.len()).collect();
    let place: FxHashMap<usize, usize> =
        stays.iter().filter_map(|stay| Some((stay.leg, bridges.binary_search(&stay.bridge).ok()?))).collect();
    for stay in &stays {
        let half = legs.leg(stay.leg).half.and_then(|half| place.get(&half));
        if let (Some(&one), Some(&two)) = (place.get(&stay.leg), half) {
            let (one, two) = (find(&root, one), find(&root, two));
            root[one.max(two)] = one.min(two);
        }
    }
    let mut circles: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for stay in &stays {
        if legs.party(stay.leg).is_some()
            && let Some(bridge) = place.get(&stay.leg)
        {
            circles.entry(find(&root, *bridge)).or_default().push(stay.leg);
        }
    }
    let mut circles: Vec<Vec<usize>> = circles.into_values().filter(|members| members.len() > 1).collect();
    for members in &mut circles {
        members.sort_unstable();
    }
    circles.sort_unstable();
    circles
}

fn find(root: &[usize], mut at: usize) -> usize {
    while root[at] != at {
        at = root[at];
    }
    at
}

/// Holds within a talk. The near half of a Local channel may hold for the person behind it (transfers by keys), and may repeat
/// what the person's own channel said.
fn holds(legs: &Legs<'_>, inside: &[usize], talk: &Talk) -> Vec<Hold> {
    let (from, to) = (talk.began_ms, talk.ended_ms);
    let mut holds: Vec<Hold> = Vec::new();
    let carriers = (0..legs.count()).filter(|leg| legs.party(*leg).is_none());
    for leg in inside.iter().copied().chain(carriers) {
        let mut open = None;
        let mut put = |began: i64, ended: Option<i64>| {
            let Some(by) = legs.heard(leg, began).filter(|by| talk.parties.contains(by)) else { return };
            let (began_ms, end) = (began.max(from), ended.or(to).map(|end| to.map_or(end, |to| end.min(to))));
            let known = |hold: &Hold| hold.by == by && (hold.began_ms - began_ms).abs() <= JITTER_MS;
            let some = end.is_none_or(|end| end > began_ms) && to.is_none_or(|to| began_ms < to);
            if some && !holds.iter().any(known) {
                holds.push(Hold { by, began_ms, ended_ms: end });
            }
        };
        for Note { at, what } in legs.notes(leg) {
            match what {
                What::Holds => open = open.or(Some(*at)),
                // A hold belongs to the bridge it was made in: who transfers by keys holds, and goes to another.
                What::Resumes | What::Leaves { .. } | What::Gone { .. } | What::LostInGap { .. } => {
                    if let Some(began) = open.take() {
                        put(began, Some(*at));
                    }
                }
                _ => {}
            }
        }
        if let Some(began) = open {
            put(began, None);
        }
    }
    holds.sort_by_key(|hold| (hold.began_ms, hold.by));
    holds
}

/// Whether any of a talk was recorded and not mute. The half of a Local channel may be recorded for the person behind it.
fn recorded(legs: &Legs<'_>, inside: &[usize], talk: &Talk) -> bool {
    let (from, to) = (talk.began_ms, talk.ended_ms);
    let carriers = (0..legs.count()).filter(|leg| legs.party(*leg).is_none());
    let mut recorded = inside.iter().copied().chain(carriers).filter(|leg| legs.leg(*leg).channel.recorded);
    recorded.any(|leg| {
        let heard = |began: i64| legs.heard(leg, began.max(from)).is_some_and(|party| talk.parties.contains(&party));
        let meets = |began: i64, ended: Option<i64>| {
            ended.is_none_or(|ended| ended > from) && to.is_none_or(|to| began < to) && heard(began)
        };
        let (mut runs, mut mute, mut open, mut met) = (false, false, None, false);
        for Note { at, what } in legs.notes(leg) {
            match what {
                // A recorder that starts hears.
                What::Recorded => (runs, mute) = (true, mute && runs),
                What::NotRecorded | What::Gone { .. } | What::LostInGap { .. } => runs = false,
                What::RecordingMuted(muted) => mute = *muted,
                _ => continue,
            }
            match (runs && !mute, open) {
                (true, None) => open = Some(*at),
                (false, Some(began)) => {
                    met |= meets(began, Some(*at));
                    open = None;
                }
                _ => {}
            }
        }
        met || open.is_some_and(|began| meets(began, None))
    })
}
