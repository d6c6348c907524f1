//! Calls of which a part was not heard: what is told of them may say less than what was, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use ::calls::Call;
use ::calls::call::{Attempt, Direction, EndedBy, Exit, Move, Outcome, PartyIx, Visit, Who};

use super::expected::told_alike;

/// A time in which no PBX was heard, ms since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub struct Gap {
    /// What is told may be less from here,
    pub from_ms: i64,
    /// to here: the lists have come.
    pub to_ms: i64,
}

/// Clocks are compared no better than this on a busy machine.
const CLOSE_MS: i64 = 400;

/// The same for texts, which have tenths.
const CLOSE_S: f64 = 0.6;

/// Those that have a channel of this call.
pub fn of_channels<'c>(call: &Call, told: &'c [Call]) -> Vec<&'c Call> {
    let own = channels(call);
    told.iter().filter(|other| !channels(other).is_disjoint(&own)).collect()
}

fn channels(call: &Call) -> BTreeSet<&str> {
    call.parties.iter().flat_map(|party| party.channels.iter().map(String::as_str)).collect()
}

/// Where what is told contradicts what was, in words: each call is told once, by itself; what was outside the gap is told, when it
/// was; what is told of the gap is what was, or that nobody knows.
pub fn contradictions(was: &[Call], told: &[Call], gap: Gap) -> Vec<String> {
    let mut wrong = Vec::new();
    for call in was {
        let parts = of_channels(call, told);
        let why = if parts.iter().any(|part| of_channels(part, was).len() > 1) {
            vec!["it is told together with another call".to_owned()]
        } else {
            match (&parts[..], gap.touch(call)) {
                ([], Touch { within: true, .. }) => Vec::new(),
                ([], _) => vec!["it is not told".to_owned()],
                ([part], Touch { any: false, .. }) if told_alike(call, part, CLOSE_S) => Vec::new(),
                (_, Touch { any: false, .. }) => vec!["it was heard whole and is told otherwise".to_owned()],
                (parts, _) => Both { was: call, told: parts, gap }.contradictions(),
            }
        };
        if !why.is_empty() {
            let (from, to) = (gap.from_ms - call.began_ms, gap.to_ms - call.began_ms);
            let parts: String = parts.iter().map(|part| part.to_string()).collect();
            wrong.push(format!("{}\n(gap from {from} to {to} ms) was\n{call}and is told as\n{parts}", why.join("; ")));
        }
    }
    for call in told.iter().filter(|call| of_channels(call, was).is_empty()) {
        wrong.push(format!("never was:\n{call}"));
    }
    wrong
}

/// How a call and a gap meet.
struct Touch {
    any: bool,
    /// Nothing of it was heard.
    within: bool,
}

impl Gap {
    fn holds(self, at: i64) -> bool {
        (self.from_ms..=self.to_ms).contains(&at)
    }

    fn touch(self, call: &Call) -> Touch {
        let (began, ended) = (call.began_ms, call.ended_ms.unwrap_or(i64::MAX));
        Touch { any: began <= self.to_ms && ended >= self.from_ms, within: self.holds(began) && self.holds(ended) }
    }

    /// How long a span lasts outside.
    fn outside(self, from: i64, to: i64) -> i64 {
        (to.min(self.from_ms) - from).max(0) + (to - from.max(self.to_ms)).max(0)
    }
}

/// What was of a call and what is told of it: in several parts, where what made it one call was not heard.
struct Both<'c> {
    was: &'c Call,
    told: &'c [&'c Call],
    gap: Gap,
}

/// Something of a call, in words and times.
struct Part {
    /// What must be the same.
    what: String,
    from_ms: i64,
    to_ms: i64,
    /// How it ended; nothing where nobody knows.
    how: Option<String>,
}

fn close(one: i64, two: i64) -> bool {
    (one - two).abs() <= CLOSE_MS
}

fn name(call: &Call, party: PartyIx) -> String {
    let party = &call.parties[party];
    party.number.clone().unwrap_or_else(|| party.endpoint.clone())
}

/// Of a visit; nobody may know by whom.
const ANSWERED: &str = "answered";

fn ended(call: &Call) -> i64 {
    call.ended_ms.unwrap_or(i64::MAX)
}

fn visits(call: &Call) -> Vec<Part> {
    let how = |exit: Exit| match exit {
        Exit::Answered { by } => {
            Some(by.map_or_else(|| ANSWERED.to_owned(), |by| format!("{ANSWERED} by {}", name(call, by))))
        }
        Exit::LostInGap => None,
        other => Some(format!("{other:?}")),
    };
    let part = |visit: &Visit| Part {
        what: format!("visit of {}", visit.queue),
        from_ms: visit.entered_ms,
        to_ms: visit.left_ms.unwrap_or_else(|| ended(call)),
        how: how(visit.exit),
    };
    call.visits.iter().map(part).collect()
}

fn attempts(call: &Call) -> Vec<Part> {
    // An attempt of whose channels nobody heard has what was dialled: Local/13501@operators/n.
    let dialled = |interface: &str| {
        let number = interface.split_once('/').map_or(interface, |(_, number)| number);
        number.split('@').next().unwrap_or_default().to_owned()
    };
    let whom = |attempt: &Attempt| attempt.party.map_or_else(|| dialled(&attempt.interface), |party| name(call, party));
    let part = |attempt: &Attempt| Part {
        what: format!("attempt at {}", whom(attempt)),
        from_ms: attempt.began_ms,
        to_ms: attempt.ended_ms.unwrap_or_else(|| ended(call)),
        how: (attempt.outcome != Outcome::LostInGap).then(|| format!("{:?}", attempt.outcome)),
    };
    // Who is at the other end of a line between PBXs is told there.
    call.attempts.iter().map(part).filter(|part| part.what != "attempt at station").collect()
}

fn moves(call: &Call) -> Vec<Part> {
    // It may have come about when the gap had begun.
    let part = |moved: &Move| Part {
        what: format!("{:?} move", moved.kind),
        from_ms: moved.at_ms,
        to_ms: moved.at_ms,
        how: None,
    };
    call.moves.iter().map(part).collect()
}

/// Whether something is told to have ended as it did, but with less said of it.
fn is_less(told: Option<&str>, was: Option<&str>) -> bool {
    let answered = |how: Option<&str>| how.is_some_and(|how| how.starts_with(ANSWERED));
    told.is_none() || told == Some(ANSWERED) && answered(was)
}

impl Both<'_> {
    fn contradictions(&self) -> Vec<String> {
        let mut wrong = self.ends();
        wrong.extend(self.apart());
        wrong.extend(self.talks());
        wrong.extend(self.parts(visits));
        wrong.extend(self.parts(attempts));
        wrong.extend(self.parts(moves));
        wrong
    }

    /// Who called, from when to when, and who ended it.
    fn ends(&self) -> Vec<String> {
        let Self { was, told, gap } = *self;
        let (Some(first), Some(last)) =
            (told.iter().min_by_key(|call| call.began_ms), told.iter().max_by_key(|call| ended(call)))
        else {
            return Vec::new();
        };
        let mut wrong = Vec::new();
        // Of who was there already when the link was back nobody knows how he came.
        let heard = !gap.holds(was.began_ms);
        // And without whoever was called outside it is a call of the house.
        let less = first.direction == Direction::Internal && first.parties.iter().all(|party| party.who == Who::Phone);
        if heard && was.direction != first.direction && !less {
            wrong.push(format!("it was {:?} and is told to be {:?}", was.direction, first.direction));
        }
        if heard && name(was, was.caller) != name(first, first.caller) {
            wrong.push(format!("the caller is told to be {}", name(first, first.caller)));
        }
        if !self.when(was.began_ms, first.began_ms) {
            wrong.push("it began at another time".to_owned());
        }
        if !self.when(ended(was), ended(last)) {
            wrong.push("it ended at another time".to_owned());
        }
        let by = |call: &Call| match call.ended_by {
            EndedBy::Party { party } => name(call, party),
            other => format!("{other:?}"),
        };
        let unknown = last.ended_by == EndedBy::LostInGap;
        if by(was) != by(last) && !unknown {
            wrong.push(format!("it was ended by {} and is told to be by {}", by(was), by(last)));
        }
        wrong
    }

    /// It is told in several parts only where it became one call in the gap, and no two of them go on after it.
    fn apart(&self) -> Option<String> {
        let Self { was, told, gap } = *self;
        let unheard = was.joins.iter().filter(|join| gap.holds(join.at_ms)).count();
        let after = told.iter().filter(|call| ended(call) > gap.to_ms).count();
        (told.len() > 1 && (told.len() > 1 + unheard || after > 1))
            .then(|| format!("it is told as {} calls", told.len()))
    }

    /// How long who talked with whom, outside the gap; and with nobody else. What goes on into the gap is told until somebody of it was
    /// heard last, at the PBX that says least.
    fn talks(&self) -> Vec<String> {
        let times = |calls: &[&Call]| {
            let mut times: BTreeMap<Vec<String>, (i64, i64)> = BTreeMap::new();
            for (call, talk) in calls.iter().flat_map(|call| call.talks.iter().map(move |talk| (call, talk))) {
                let mut who: Vec<String> = talk.parties.iter().map(|party| name(call, *party)).collect();
                who.sort();
                let (from, to) = (talk.began_ms, talk.ended_ms.unwrap_or_else(|| ended(call)));
                let time = times.entry(who).or_default();
                let outside = self.gap.outside(from, to);
                time.0 += outside;
                time.1 += if self.gap.holds(to) { 0 } else { outside };
            }
            times
        };
        let (was, told) = (times(&[self.was]), times(self.told));
        let all: BTreeSet<&Vec<String>> = was.keys().chain(told.keys()).collect();
        let wrong = all.into_iter().filter_map(|who| {
            let (real, part) = (was.get(who), told.get(who));
            let ((most, least), (told, _)) = (real.copied().unwrap_or_default(), part.copied().unwrap_or_default());
            let never = real.is_none() && part.is_some();
            let wrong = never || told > most + CLOSE_MS || told < least - CLOSE_MS;
            wrong.then(|| format!("outside the gap {who:?} talked {most} ms and are told to have talked {told} ms"))
        });
        wrong.collect()
    }

    /// Each that is told was so, as far as anybody knows; each that was outside the gap is told.
    fn parts(&self, parts: fn(&Call) -> Vec<Part>) -> Vec<String> {
        let gap = self.gap;
        let (was, told) = (parts(self.was), self.told.iter().flat_map(|call| parts(call)).collect::<Vec<_>>());
        let touches = |real: &Part| real.from_ms <= gap.to_ms && real.to_ms >= gap.from_ms;
        let alike = |real: &Part, part: &Part| {
            real.what == part.what
                && self.when(real.from_ms, part.from_ms)
                && self.when(real.to_ms, part.to_ms)
                && (real.how == part.how || touches(real) && is_less(part.how.as_deref(), real.how.as_deref()))
        };
        let show = |part: &Part| format!("{} ({})", part.what, part.how.as_deref().unwrap_or("unknown"));
        let invented = told.iter().filter(|part| !was.iter().any(|real| alike(real, part)));
        let whole = was.iter().filter(|real| !touches(real));
        let missing = whole.filter(|real| !told.iter().any(|part| alike(real, part)));
        invented
            .map(|part| format!("the {} was not so", show(part)))
            .chain(missing.map(|part| format!("the {} is not told", show(part))))
            .collect()
    }

    /// Whether something that was at one time may be told to have been at the other.
    fn when(&self, was: i64, told: i64) -> bool {
        close(was, told) || self.gap.holds(was) && self.gap.holds(told)
    }
}
