//! What the assembly of calls must tell of each scenario: one readable file each, in tests/lab/calls/expected/.
//!
//! A file is the story after `#`, then the calls as [`calls::Call`] shows itself, a blank line between two. A line that holds only
//! on some of the PBXs ends with which, e.g. `[local]`, `[16]`, `[16-pjsip]`; one that a busy machine decides, e.g. a talk about as
//! short as the least that is told, with `[perhaps]`. Times are seconds, right within [`TOLERANCE_S`].

use std::collections::{BTreeMap, HashSet};

use ami::{Event, Frame, Message, Parser};
use anyhow::{Context as _, Result};
use calls::{Assembly, Call, Directory, LINGER_MS, PbxIx, Who};

use super::{Kind, Recordings, Scenario, Site, Told};
use crate::lab::Version;

/// A PBX that plays eighty scenarios at once on two processors, with all their phones, is late now and then; how long people
/// really waited is compared with what they measured themselves ([`waits`]).
const TOLERANCE_S: f64 = 2.5;

/// What drivers measure of waits begins at another moment than Queue() does, and is busy with others too.
const MEASURED_MS: i64 = 1_000;

/// A PBX takes half a second to join two calls, and ends the hold first.
const HELD_MS: i64 = 750;

/// … and longer where it plays all scenarios at once, until it lets go the phone that handed over.
const JOINED_MS: i64 = 2_500;

/// Where voices are mixed: whom a driver hears then it cannot tell, nor the PBX what a phone mixes.
const MIXED: [&str; 4] = ["conference-in-phone", "conference-room", "conference-by-redirect", "whisper"];

/// The lab's phones and lines.
#[derive(Debug)]
struct House;

impl Directory for House {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        match endpoint {
            "PJSIP/trunk" => Who::Trunk,
            "PJSIP/station" => Who::OtherPbx,
            _ => Who::Phone,
        }
    }
}

/// An event of a recording: when, where, what.
pub type Heard = (i64, PbxIx, Message);

/// The calls of recordings, as the assembly tells them; nothing may be left of them.
pub fn told(recordings: &Recordings) -> Result<Vec<Call>> {
    told_of(&heard(recordings)?)
}

/// The events of recordings, in their order.
pub fn heard(recordings: &Recordings) -> Result<Vec<Heard>> {
    let mut events: Vec<Heard> = Vec::new();
    for (site, recording) in recordings {
        let pbx = PbxIx(match site {
            Site::A => 0,
            Site::B => 1,
        });
        let mut parser = Parser::new();
        parser.push(&recording.bytes);
        while let Some(frame) = parser.next_frame()? {
            if let Frame::Message(message) = frame
                && let Some(event) = message.event()
            {
                // The first word to a new connection has no time.
                let at = message.timestamp_us().map(|us| us / 1000).filter(|_| event != "FullyBooted");
                events.extend(at.map(|at| (at, pbx, message)));
            }
        }
    }
    events.sort_by_key(|(at, _, _)| *at);
    Ok(events)
}

/// The calls of events.
pub fn told_of(events: &[Heard]) -> Result<Vec<Call>> {
    let mut assembly = Assembly::new();
    assembly.give_ids(1..100_000);
    let mut calls = Vec::new();
    let mut end = 0;
    for (at, pbx, message) in events {
        assembly.event(*pbx, *at, &Event::read(message));
        end = *at;
        calls.extend(assembly.take_ended(end, &House));
    }
    calls.extend(assembly.take_ended(end + LINGER_MS, &House));
    let figures = assembly.figures();
    anyhow::ensure!(
        figures.channels == 0 && figures.notes == 0,
        "something is left of calls that are over: {figures:?}"
    );
    Ok(calls.into_iter().map(|ended| ended.call).collect())
}

/// Calls by the scenario whose numbers are in them; none is of no scenario.
pub fn by_scenario<'c>(calls: &'c [Call], scenarios: &[&'static Scenario]) -> BTreeMap<&'static str, Vec<&'c Call>> {
    let mut sorted: BTreeMap<&'static str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        let mine = |scenario: &&&Scenario| {
            let ss = format!("{:02}", scenario.number);
            let numbers = call.parties.iter().filter_map(|party| party.number.as_deref());
            let endpoints = call.parties.iter().filter_map(|party| party.endpoint.strip_prefix("PJSIP/"));
            numbers.chain(endpoints).any(|number| {
                let digits = number.strip_prefix("+74951").or_else(|| number.strip_prefix("+78121"));
                let own = number.len() == 5 && number.starts_with(['1', '2']);
                digits.or_else(|| own.then(|| &number[1..])).is_some_and(|rest| rest.starts_with(&ss))
            })
        };
        if let Some(scenario) = scenarios.iter().find(mine) {
            sorted.entry(scenario.name).or_default().push(call);
        }
    }
    sorted
}

/// What differs from the file of a scenario, in words; nothing when all is as it should be.
pub fn differences(name: &str, version: Version, kind: Kind, calls: &[&Call]) -> Result<Option<String>> {
    differences_from(&format!("expected/{name}"), version, kind, calls)
}

/// The same of another file in tests/lab/calls/.
pub fn differences_from(name: &str, version: Version, kind: Kind, calls: &[&Call]) -> Result<Option<String>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/calls").join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("{name} has no expected calls"))?;
    let told: HashSet<String> = calls.iter().flat_map(|call| sorted(call)).map(|line| shape(&line)).collect();
    let mut expected: Vec<Vec<String>> = text
        .split("\n\n")
        .map(|call| {
            let lines = call.lines().filter_map(|line| of_this(line, version, kind));
            let lines = lines.map(|(line, perhaps)| (people_sorted(&line), perhaps));
            lines.filter(|(line, perhaps)| !perhaps || told.contains(&shape(line))).map(|(line, _)| line).collect()
        })
        .filter(|call: &Vec<String>| !call.is_empty())
        .collect();
    for call in &mut expected {
        call.sort_by_cached_key(|line| shape(line));
    }
    let mut found: Vec<Vec<String>> = calls.iter().map(|call| sorted(call)).collect();
    for calls in [&mut expected, &mut found] {
        calls.sort_by_cached_key(|call| call.iter().map(|line| shape(line)).collect::<Vec<_>>());
    }
    let same = expected.len() == found.len()
        && expected.iter().zip(&found).all(|(expected, found)| alike(expected, found, TOLERANCE_S));
    let show = |calls: &[Vec<String>]| calls.iter().map(|call| call.join("\n")).collect::<Vec<_>>().join("\n\n");
    Ok((!same).then(|| format!("{name}: expected\n{}\nbut was told\n{}\n", show(&expected), show(&found))))
}

/// Lines that two tellings of a scenario have in common but for their times, where these differ by more than `seconds`.
pub fn times_apart(one: &[&Call], two: &[&Call], seconds: f64) -> Vec<String> {
    let by_shape = |calls: &[&Call]| {
        let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in calls.iter().flat_map(|call| sorted(call)) {
            lines.entry(shape(&line)).or_default().push(line);
        }
        lines
    };
    let (one, two) = (by_shape(one), by_shape(two));
    let both = one.iter().filter_map(|(shape, lines)| Some((lines, two.get(shape)?)));
    let both = both.filter(|(one, two)| one.len() == two.len());
    let pairs = both.flat_map(|(one, two)| {
        let (mut one, mut two) = (one.clone(), two.clone());
        one.sort_by(|one, two| by_times(one).total_cmp(&by_times(two)));
        two.sort_by(|one, two| by_times(one).total_cmp(&by_times(two)));
        one.into_iter().zip(two)
    });
    pairs.filter(|(one, two)| !line_alike(one, two, seconds)).map(|(one, two)| format!("{one} | {two}")).collect()
}

/// The first time of a line.
fn by_times(line: &str) -> f64 {
    line.split(' ').find_map(time).unwrap_or_default()
}

/// Whether the waits in queues were as long as who waited measured; else which was not, in words.
pub fn waits(told: &Told, calls: &[&Call]) -> Option<String> {
    let mut visits: Vec<_> = calls.iter().flat_map(|call| &call.visits).collect();
    visits.sort_by_key(|visit| visit.entered_ms);
    let wrong = |measured: &&super::told::Visit| {
        let long = measured.to - measured.from;
        let fits = |visit: &&calls::call::Visit| {
            let waited = visit.left_ms.unwrap_or_default() - visit.entered_ms;
            visit.queue == measured.queue && (waited - long).abs() <= MEASURED_MS
        };
        !visits.iter().any(fits)
    };
    told.visits.iter().find(wrong).map(|measured| {
        format!(
            "{}: {} waited {} ms in {}, and no visit is told so",
            told.scenario,
            measured.who,
            measured.to - measured.from,
            measured.queue
        )
    })
}

/// What no call can be, in words: who called cannot wait while he talks, nor all talk longer than they are connected.
pub fn impossible(call: &Call) -> Option<String> {
    let mut talks: Vec<(i64, i64)> = call
        .talks
        .iter()
        .filter(|talk| talk.parties.contains(&call.caller))
        .filter_map(|talk| Some((talk.began_ms, talk.ended_ms?)))
        .collect();
    talks.sort_unstable();
    let (mut talked, mut until) = (0, i64::MIN);
    for (from, to) in talks {
        talked += (to - from.max(until)).max(0);
        until = until.max(to);
    }
    let total = call.ended_ms.map_or(i64::MAX, |ended| ended - call.began_ms);
    let wrong = call.waited_ms + talked > total || call.talked_ms > call.connected_ms || call.connected_ms > total;
    wrong.then(|| format!("waited, talked, connected and all do not fit:\n{call}"))
}

/// Whether people talked with each other and held each other as long as they heard each other and held; else who did not, in words.
pub fn talks(told: &Told, calls: &[&Call]) -> Vec<String> {
    let pair = |one: &str, other: &str| [one.min(other).to_owned(), one.max(other).to_owned()];
    let mut measured: BTreeMap<[String; 2], i64> = BTreeMap::new();
    for talk in told.talks.iter().filter(|_| !MIXED.contains(&&*told.scenario)) {
        *measured.entry(pair(&talk.between.0, &talk.between.1)).or_default() += talk.to - talk.from;
    }
    let talked = |[one, other]: &[String; 2]| {
        let talks = calls.iter().flat_map(|call| call.talks.iter().map(move |talk| (call, talk)));
        let both = talks.filter(|(call, talk)| is_in(call, talk, one) && is_in(call, talk, other));
        both.map(|(_, talk)| {
            let held: i64 = talk.holds.iter().filter_map(|hold| Some(hold.ended_ms? - hold.began_ms)).sum();
            talk.ended_ms.unwrap_or_default() - talk.began_ms - held
        })
        .sum::<i64>()
    };
    let apart = measured.into_iter().filter_map(|(pair, measured)| {
        let told_ms = talked(&pair);
        let same = (told_ms - measured).abs() <= MEASURED_MS;
        (!same).then(|| {
            format!(
                "{}: {pair:?} heard each other {measured} ms, and are told to have talked {told_ms} ms",
                told.scenario
            )
        })
    });
    let held = |phone: &str| {
        let talks = calls.iter().flat_map(|call| call.talks.iter().map(move |talk| (call, talk)));
        let holds = talks.flat_map(|(call, talk)| talk.holds.iter().map(move |hold| (call, hold)));
        let by =
            holds.filter(|(call, hold)| call.parties[hold.by].number.as_deref().is_none_or(|number| number == phone));
        by.filter_map(|(_, hold)| Some(hold.ended_ms? - hold.began_ms)).collect::<Vec<i64>>()
    };
    let mut wrong: Vec<String> = apart.collect();
    for leg in &told.legs {
        for (from, to) in &leg.holds {
            let Some(long) = to.or(leg.ended).map(|to| to - from) else { continue };
            let held = held(&leg.phone);
            // To the end: whoever was held was joined with somebody else.
            let apart = if to.is_some_and(|to| leg.ended.is_none_or(|ended| to < ended)) { HELD_MS } else { JOINED_MS };
            if !held.iter().any(|told| (told - long).abs() <= apart) {
                wrong.push(format!(
                    "{}: {} held for {long} ms, and is told to have held {held:?} ms",
                    told.scenario, leg.phone
                ));
            }
        }
    }
    wrong
}

/// Whether somebody of this number talked; a number that is hidden may be anybody's.
fn is_in(call: &Call, talk: &calls::call::Talk, number: &str) -> bool {
    let mut parties = talk.parties.iter().filter_map(|at| call.parties.get(*at));
    let hidden = |known: &str| !known.starts_with(|first: char| first == '+' || first.is_ascii_digit());
    parties.any(|party| party.number.as_deref().is_none_or(|known| known == number || hidden(known)))
}

/// A line without its mark, and whether it may be missing; nothing when it does not hold here.
fn of_this(line: &str, version: Version, kind: Kind) -> Option<(String, bool)> {
    let line = line.trim_end();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let Some((line, marks)) = line.strip_suffix(']').and_then(|line| line.rsplit_once("  [")) else {
        return Some((line.to_owned(), false));
    };
    if marks == "perhaps" {
        return Some((line.to_owned(), true));
    }
    let version = match version {
        Version::V16 => "16",
        Version::V22 => "22",
    };
    let kind = match kind {
        Kind::Pjsip => "pjsip",
        Kind::Local => "local",
    };
    let both = format!("{version}-{kind}");
    marks.split(' ').any(|mark| [version, kind, &both].contains(&mark)).then(|| (line.to_owned(), false))
}

/// A line without its times.
fn shape(line: &str) -> String {
    line.split(' ').map(|word| if time(word).is_some() { "#" } else { word }).collect::<Vec<_>>().join(" ")
}

/// A line with those who talk in the order of their numbers: who of two PBXs came first, their clocks do not tell.
fn people_sorted(line: &str) -> String {
    let Some((people, rest)) = line.strip_prefix("  talk ").and_then(|talk| talk.split_once(" at ")) else {
        return line.to_owned();
    };
    let mut people: Vec<&str> = people.split(" + ").collect();
    people.sort_unstable();
    format!("  talk {} at {rest}", people.join(" + "))
}

/// Lines of a call in an order that does not hang on times.
fn sorted(call: &Call) -> Vec<String> {
    let mut lines: Vec<String> = call.to_string().lines().map(people_sorted).collect();
    lines.sort_by_cached_key(|line| shape(line));
    lines
}

/// Whether two are told alike, but for times within `seconds`, and for the order of people of two PBXs, whose clocks are compared no
/// better than that.
pub fn told_alike(one: &Call, two: &Call, seconds: f64) -> bool {
    alike(&sorted(one), &sorted(two), seconds)
}

fn alike(one: &[String], two: &[String], seconds: f64) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| line_alike(one, two, seconds))
}

fn line_alike(one: &str, two: &str, seconds: f64) -> bool {
    let times = |line: &str| line.split(' ').filter_map(time).collect::<Vec<f64>>();
    shape(one) == shape(two) && times(one).iter().zip(times(two)).all(|(one, two)| (one - two).abs() <= seconds)
}

fn time(word: &str) -> Option<f64> {
    word.trim_end_matches([':', ',', ';']).parse().ok().filter(|_| word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::{TOLERANCE_S, line_alike, of_this};
    use crate::lab::Version;
    use crate::lab::calls::Kind;

    #[test]
    fn times_may_differ_a_little_and_words_may_not() {
        assert!(line_alike("talk 101 + 102 at 1.0: 2.0 s", "talk 101 + 102 at 1.2: 1.8 s", TOLERANCE_S));
        assert!(!line_alike("talk 101 + 102 at 1.0: 2.0 s", "talk 101 + 102 at 9.0: 2.0 s", TOLERANCE_S));
        assert!(!line_alike("talk 101 + 102 at 1.0: 2.0 s", "talk 101 + 103 at 1.0: 2.0 s", TOLERANCE_S));
    }

    #[test]
    fn a_marked_line_holds_only_there() {
        let line = "  try 101 at 0.0: answered  [local 16-pjsip]";
        assert!(of_this(line, Version::V22, Kind::Local).is_some());
        assert!(of_this(line, Version::V16, Kind::Pjsip).is_some());
        assert!(of_this(line, Version::V22, Kind::Pjsip).is_none());
        let line = "  talk 101 + 102 at 0.0: 0.1 s  [perhaps]";
        assert_eq!(of_this(line, Version::V22, Kind::Local), Some(("  talk 101 + 102 at 0.0: 0.1 s".to_owned(), true)));
    }
}
