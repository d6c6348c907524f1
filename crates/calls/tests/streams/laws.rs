//! What no order of events and no repetition may change. Streams are shaken; a failure prints how.

use std::collections::HashMap;

use calls::{Assembly, Call, Ended, LINGER_MS, Look, PbxIx};

use super::{House, Recorded, nothing, told};

/// Other events may be moved by so much.
pub const MOVED_MS: i64 = 50;

/// Any permitted order gives the same calls.
pub fn order(name: &str, events: &[Recorded], moves: &[i64]) {
    let found = told(&shaken(events, moves));
    check_sound(name, &found);
    check_same(name, &told(events), &found);
}

/// The calls of a stream, and of the same with some events said twice: which are, and how many others come before the repetition.
pub fn repetition(events: &[Recorded], which: &[bool], later: &[usize]) -> [Vec<Call>; 2] {
    let mut doubled: Vec<(usize, &Recorded)> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        doubled.push((at * 10, event));
        if which[at % which.len()] {
            doubled.push(((at + later[at % later.len()]) * 10 - 5, event));
        }
    }
    doubled.sort_by_key(|(place, _)| *place);
    let doubled: Vec<Recorded> = doubled.into_iter().map(|(_, event)| event.clone()).collect();
    [told(events), told(&doubled)]
}

/// Part of a stream: nothing is told wrongly enough to break a rule, and nothing is kept.
pub fn part(name: &str, events: &[Recorded], keep: &[bool]) {
    let mut assembly = Assembly::new();
    assembly.give_ids(1..1000);
    let mut now = 0;
    for (_, event) in events.iter().enumerate().filter(|(at, _)| keep[at % keep.len()]) {
        now = now.max(event.at);
        assembly.event(PbxIx(0), event.at, &event.read());
    }
    // The next look at the PBX says that no channel is there any more.
    assembly.resync(Look { pbx: PbxIx(0), gap_ms: Some(now), asked_ms: now + 1, now_ms: now + 1 }, &nothing());
    let ended: Vec<Call> =
        assembly.take_ended(now + 10 * LINGER_MS, &House).into_iter().map(|ended| ended.call).collect();
    check_sound(name, &ended);
    let figures = assembly.figures();
    assert_eq!((figures.channels, figures.calls, figures.notes), (0, 0, 0), "{name}");
}

/// Killed at any moment: the journal, or what was live and the journal after it, give the same calls with the same ids.
pub fn journal(name: &str, events: &[Recorded], killed: usize, dumped: usize) {
    let (dumped, killed) = (dumped % events.len(), killed % events.len());
    let mut whole = Assembly::new();
    let mut first = Assembly::new();
    let mut journal = Vec::new();
    for assembly in [&mut whole, &mut first] {
        assembly.give_ids(1..1000);
    }
    first.keep_journal();
    for (at, event) in events.iter().enumerate() {
        whole.event(PbxIx(0), event.at, &event.read());
        if at < killed {
            first.event(PbxIx(0), event.at, &event.read());
            // Somebody looks on, so calls have their ids early.
            assert_eq!(whole.take_changed(i64::MAX, &House), first.take_changed(i64::MAX, &House));
            journal.extend(first.take_journal());
            if at == dumped {
                journal = first.dump();
            }
        }
    }
    let mut again = Assembly::new();
    again.replay(&journal).unwrap();
    assert_eq!(again.figures().notes, first.figures().notes, "{name}");
    again.give_ids(500..1000);
    for event in &events[killed..] {
        again.event(PbxIx(0), event.at, &event.read());
    }
    let end = events.last().unwrap().at + LINGER_MS;
    let of_whole = whole.take_ended(end, &House);
    let of_again = again.take_ended(end, &House);
    let told = |ended: &[Ended]| ended.iter().map(|ended| ended.call.to_string()).collect::<Vec<_>>();
    assert_eq!(told(&of_whole), told(&of_again), "{name}: killed at {killed}, dumped at {dumped}");
    for (one, two) in of_whole.iter().zip(&of_again) {
        // Who had an id before keeps it; who came later has one of the new block.
        assert!(one.id == two.id || two.id >= 500 && one.call.began_ms >= events[killed].at, "{name}");
    }
}

/// Events in another order, with other times: what names a common channel keeps its order.
pub fn shaken(events: &[Recorded], moves: &[i64]) -> Vec<Recorded> {
    let mut last: HashMap<&str, i64> = HashMap::new();
    let mut moved: Vec<(i64, &Recorded)> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let channels = event.channels.iter().map(String::as_str);
        let earliest = channels.clone().filter_map(|channel| last.get(channel)).max().copied().unwrap_or(i64::MIN);
        let at = (event.at + moves[at % moves.len()]).max(earliest);
        for channel in channels {
            last.insert(channel, at);
        }
        moved.push((at, event));
    }
    // Stable: what happens at the same moment stays in order.
    moved.sort_by_key(|(at, _)| *at);
    moved.into_iter().map(|(at, event)| Recorded { at, ..event.clone() }).collect()
}

/// A call in lines without their times, and the times.
fn shape(call: &Call) -> (Vec<String>, Vec<f64>) {
    let mut lines: Vec<(String, Vec<f64>)> = call
        .to_string()
        .lines()
        .map(|line| {
            let mut times = Vec::new();
            let words = line.split(' ').map(|word| match word.trim_end_matches([':', ',']).parse::<f64>() {
                Ok(time) if word.contains('.') => {
                    times.push(time);
                    "#"
                }
                _ => word,
            });
            (words.collect::<Vec<_>>().join(" "), times)
        })
        .collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    let times = lines.iter_mut().flat_map(|(_, times)| std::mem::take(times)).collect();
    (lines.into_iter().map(|(line, _)| line).collect(), times)
}

fn check_same(name: &str, expected: &[Call], found: &[Call]) {
    let mut expected: Vec<_> = expected.iter().map(shape).collect();
    let mut found: Vec<_> = found.iter().map(shape).collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let lines = |calls: &[(Vec<String>, Vec<f64>)]| calls.iter().map(|call| call.0.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&expected), lines(&found), "{name}");
    for ((lines, expected), (_, found)) in expected.iter().zip(&found) {
        for (one, two) in expected.iter().zip(found) {
            assert!((one - two).abs() <= 0.21, "{name}: {expected:?} {found:?} in {lines:#?}");
        }
    }
}

fn check_sound(name: &str, calls: &[Call]) {
    for call in calls {
        let total = call.ended_ms.unwrap() - call.began_ms;
        assert!(call.talked_ms <= call.connected_ms && call.connected_ms <= total, "{name}: {call}");
        assert!(call.waited_ms <= total, "{name}: {call}");
        for visit in &call.visits {
            assert!(visit.left_ms.unwrap() >= visit.entered_ms, "{name}: {call}");
        }
        for attempt in &call.attempts {
            assert!(attempt.ended_ms.unwrap() >= attempt.began_ms - 2 * MOVED_MS, "{name}: {call}");
        }
    }
}
