//! From what a PBX told to what is to be mended.

use super::gather::{Evidence, Files, QueueSeen};
use super::needs::{APART_US, CALL_VARIABLE, EVENTS, READ, Read, TOO_MUCH, WRITE, WRITE_TIMEOUT_MS, Write};
use super::{Finding, State};

const MANAGER: &str = "manager.conf";
const QUEUES: &str = "queues.conf";

/// All findings, in the order in which they should be mended.
pub(super) fn judge(username: &str, crossing: bool, found: &Evidence) -> Vec<Finding> {
    let mut findings = vec![Finding::new("login", State::Ok, "the manager user is let in")];
    findings.push(version(found.version.as_deref()));
    findings.extend(clock(found));
    findings.extend(READ.iter().map(|need| read(need, username, found)));
    findings.extend(WRITE.iter().map(|need| write(need, username, found)));
    findings.extend(too_much(username, found));
    findings.push(timestamps(found));
    findings.push(write_timeout(username, found));
    findings.push(event_filter(username, found));
    findings.push(call_variable(crossing, found));
    let of_queues = !found.queues.is_empty() || !found.strangers.is_empty();
    if of_queues {
        findings.extend(queue_general(found.files.as_ref()));
    }
    findings.extend(found.queues.iter().flat_map(|queue| of_queue(queue, found.files.as_ref())));
    findings.extend(found.strangers.iter().map(|queue| {
        let means = "Linedesk knows this queue and the PBX does not: was it renamed there?";
        Finding::new("queue", State::Missing, means).of_queue(queue)
    }));
    findings
}

fn version(version: Option<&str>) -> Finding {
    let Some(version) = version else {
        let means = "the PBX does not say which Asterisk it is; it should be 16 or newer";
        return Finding::new("version", State::Unknown, means);
    };
    let number = version.split(|one: char| !one.is_ascii_digit()).find(|number| !number.is_empty());
    let number = number.and_then(|number| number.parse::<u32>().ok());
    match number {
        Some(16..) => Finding::new("version", State::Ok, format!("Asterisk {version}")),
        Some(12..16) => {
            let means = format!("Asterisk {version}: it was not tried; 16 to 22 were. Queues and calls should work");
            Finding::new("version", State::Unknown, means)
        }
        Some(_) => {
            let means = format!(
                "Asterisk {version}: calls are read in its older dialect, from the documented events; it was not tried live"
            );
            Finding::new("version", State::Unknown, means)
        }
        None => Finding::new("version", State::Unknown, format!("`{version}` is no version known here")),
    }
}

fn clock(found: &Evidence) -> [Finding; 2] {
    let Some(clock) = found.clock else {
        let means = "the PBX does not say its time, so its clock cannot be compared; keep it right by NTP";
        return [
            Finding::new("clock", State::Unknown, means),
            Finding::new("lag", State::Unknown, "how long answers take was not measured"),
        ];
    };
    let (offset, answer) = (clock.offset_us, clock.round_trip_us);
    #[expect(clippy::cast_precision_loss, reason = "for a text with milliseconds")]
    let seconds = |us: i64| format!("{:.3} s", us.abs() as f64 / 1_000_000.0);
    let direction = if offset < 0 { "behind" } else { "ahead of" };
    let means = format!("the PBX's clock is {} {direction} ours", seconds(offset));
    let clock = if offset.abs() <= APART_US {
        Finding::new("clock", State::Ok, means)
    } else {
        Finding::new(
            "clock",
            State::Missing,
            format!(
                "{means}. Times of calls are corrected by that, and lines in logs are not: let both keep time by NTP"
            ),
        )
    };
    let means = format!("an answer takes {}", seconds(answer));
    let lag = if answer <= APART_US {
        Finding::new("lag", State::Ok, means)
    } else {
        Finding::new("lag", State::Missing, format!("{means}: look at the load of the PBX, and at the network between"))
    };
    [clock, lag]
}

fn read(need: &Read, username: &str, found: &Evidence) -> Finding {
    let Read { class, code, why } = *need;
    let written = found.files.as_ref().map(|files| files.get(MANAGER, username, "read"));
    let (state, means) = if found.seen.classes.contains(class) {
        (State::Ok, format!("events of the class {class} come ({why})"))
    } else if found.seen.due.contains(class) {
        (
            State::Missing,
            format!("something happened of which an event of the class {class} tells, and none came ({why})"),
        )
    } else {
        match written {
            Some(written) if names(written, class) => {
                (State::Ok, format!("`read` of this user has {class} ({why}); no such event came meanwhile"))
            }
            Some(_) => (State::Missing, format!("`read` of this user does not have {class} ({why})")),
            // It comes with the login, to whoever has the class.
            None if class == "system" => (
                State::Missing,
                format!(
                    "the PBX did not say that it is ready, so `read` of this user does not have {class}, or it is still starting ({why})"
                ),
            ),
            None => (
                State::Unknown,
                format!(
                    "no event of the class {class} came while we listened ({why}). Make a call to a queue during the test, or look at `read` yourself"
                ),
            ),
        }
    };
    let all: Vec<&str> = READ.iter().map(|read| read.class).collect();
    Finding::new(code, state, means).paste(MANAGER, username, [format!("read = {}", all.join(","))])
}

fn write(need: &Write, username: &str, found: &Evidence) -> Finding {
    let Write { class, code, actions, why } = *need;
    let (state, means) = match &found.actions {
        Some(allowed) => {
            let refused: Vec<&str> = actions.iter().copied().filter(|action| !allowed.contains(*action)).collect();
            // A module that is not loaded takes its actions away whatever the user may; the list of parked calls can be done without.
            let parking = refused.iter().all(|action| *action == "ParkedCalls");
            match (refused.as_slice(), parking) {
                ([], _) => (State::Ok, format!("the actions of the class {class} are allowed ({why})")),
                (_, true) => (
                    State::Ok,
                    format!("the actions of the class {class} are allowed ({why}); parking is not loaded there"),
                ),
                (refused, _) if class == "agent" && !allowed.contains("QueueStatus") => (
                    State::Missing,
                    format!("{} cannot be sent: app_queue is not loaded on this PBX", refused.join(", ")),
                ),
                (refused, _) => (State::Missing, format!("not allowed to this user: {} ({why})", refused.join(", "))),
            }
        }
        None => {
            (State::Unknown, format!("the PBX does not say what this user may; `write` should have {class} ({why})"))
        }
    };
    let all: Vec<&str> = WRITE.iter().map(|write| write.class).collect();
    Finding::new(code, state, means).paste(MANAGER, username, [format!("write = {}", all.join(","))])
}

fn too_much(username: &str, found: &Evidence) -> Option<Finding> {
    let allowed = found.actions.as_ref()?;
    let all: Vec<&str> = WRITE.iter().map(|write| write.class).collect();
    let why: Vec<&str> = TOO_MUCH.iter().filter(|(action, _)| allowed.contains(*action)).map(|(_, why)| *why).collect();
    let finding = if why.is_empty() {
        Finding::new("write.only", State::Ok, "this user may not do more than is needed")
    } else {
        Finding::new(
            "write.only",
            State::TooMuch,
            format!("this user may do more than Linedesk needs: {}", why.join("; ")),
        )
    };
    Some(finding.paste(MANAGER, username, [format!("write = {}", all.join(","))]))
}

fn timestamps(found: &Evidence) -> Finding {
    let written = found.files.as_ref().map(|files| is_yes(files.get(MANAGER, "general", "timestampevents")));
    let (state, means) = match (found.seen.stamped, written) {
        (Some(true), _) => (State::Ok, "events say when they happened"),
        (Some(false), Some(true)) => (
            State::Missing,
            "manager.conf says that events have a time, and they have none: it was not read again since",
        ),
        (None, Some(true)) => (State::Ok, "manager.conf says that events have a time; none came meanwhile"),
        (Some(false), _) | (None, Some(false)) => (
            State::Missing,
            "events do not say when they happened, so each delay on the way counts as waiting or talking",
        ),
        (None, None) => (State::Unknown, "no event came while we listened; look yourself, it should be"),
    };
    Finding::new("timestampevents", state, means).paste(MANAGER, "general", ["timestampevents = yes".to_owned()])
}

fn write_timeout(username: &str, found: &Evidence) -> Finding {
    let advice = "a reader that is busy for longer than this is cut off by Asterisk (100 ms when nothing is written)";
    let (state, means) = match found.files.as_ref().map(|files| files.get(MANAGER, username, "writetimeout")) {
        None => (
            State::Unknown,
            format!("{advice}. The PBX does not tell it; look yourself, it should be at least {WRITE_TIMEOUT_MS}"),
        ),
        Some("") => (State::Missing, format!("{advice}; nothing is written for this user")),
        Some(text) => match text.parse::<i64>() {
            Ok(ms) if ms >= WRITE_TIMEOUT_MS => (State::Ok, format!("{ms} ms")),
            _ => (State::Missing, format!("{advice}; it is {text}")),
        },
    };
    Finding::new("writetimeout", state, means).paste(MANAGER, username, [format!("writetimeout = {WRITE_TIMEOUT_MS}")])
}

fn event_filter(username: &str, found: &Evidence) -> Finding {
    let filters: Option<Vec<&str>> = found.files.as_ref().map(|files| {
        let filter = |index: usize| files.get(MANAGER, username, &format!("eventfilter,{index}"));
        (0..).map(filter).take_while(|filter| !filter.is_empty()).collect()
    });
    let needed = |filter: &&str| match filter.strip_prefix('!') {
        Some(without) => EVENTS.iter().any(|event| without.contains(event)) || !without.contains("Event"),
        // What comes in by name keeps everything else out.
        None => true,
    };
    let (state, means) = if found.seen.unannounced {
        (State::Missing, "channels began of which no event told, though other events of the class call came: a filter holds them back".to_owned())
    } else {
        match filters.as_deref() {
            None => (State::Unknown, "whether events are filtered is told by nothing; look yourself, there should be no eventfilter for this user".to_owned()),
            Some([]) => (State::Ok, "no event is filtered away".to_owned()),
            Some(filters) => match filters.iter().copied().filter(|filter| needed(filter)).collect::<Vec<_>>().as_slice() {
                [] => (State::Ok, format!("filters: {}; they take nothing that is needed", filters.join(" ; "))),
                taking => (State::Missing, format!("filters may take what is needed: {}", taking.join(" ; "))),
            },
        }
    };
    let lines = ["; no eventfilter for this user, or only such as".to_owned(), "eventfilter = !Event: RTCP".to_owned()];
    Finding::new("eventfilter", state, means).paste(MANAGER, username, lines)
}

fn call_variable(crossing: bool, found: &Evidence) -> Finding {
    let written = found.files.as_ref().map(|files| files.get(MANAGER, "general", "channelvars"));
    let is_written = written.map(|written| names(written, CALL_VARIABLE));
    let (state, means) = match (found.seen.variable, is_written) {
        (Some(true), _) => (State::Ok, "events of a channel tell which call between PBXs it belongs to".to_owned()),
        (None, Some(true)) => {
            (State::Ok, format!("manager.conf has {CALL_VARIABLE} in channelvars; there was no channel meanwhile"))
        }
        (_, _) if !crossing => (State::Ok, "not needed while Linedesk knows one PBX only".to_owned()),
        (Some(false), Some(true)) => (
            State::Missing,
            "manager.conf has it in channelvars, and events do not: it was not read again since".to_owned(),
        ),
        (Some(false), _) | (None, Some(false)) => (
            State::Missing,
            format!(
                "{CALL_VARIABLE} does not come with events, so a call between two PBXs is joined by its numbers alone, and may be told as two"
            ),
        ),
        (None, None) => (
            State::Unknown,
            format!("there was no channel to see it on; look yourself, channelvars should have {CALL_VARIABLE}"),
        ),
    };
    let others =
        written.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty() && *name != CALL_VARIABLE);
    let all: Vec<&str> = others.chain([CALL_VARIABLE]).collect();
    Finding::new("channelvars", state, means).paste(MANAGER, "general", [format!("channelvars = {}", all.join(","))])
}

fn queue_general(files: Option<&Files>) -> [Finding; 2] {
    [
        ("queue.persistentmembers", "persistentmembers", "after a restart of the PBX queues have their members again, with their pauses; without it they are empty until Linedesk is linked"),
        ("queue.shared_lastcall", "shared_lastcall", "the seconds after a call hold in all queues of a member; without it another queue offers the next call at once"),
    ]
    .map(|(code, key, why)| {
        let (state, means) = match files.map(|files| files.get(QUEUES, "general", key)) {
            None => (State::Unknown, format!("{why}. The PBX does not tell it; look yourself, it should be yes")),
            Some("") => (State::Missing, format!("{why}. Nothing is written, and versions of Asterisk differ in what they take then")),
            Some(value) if is_yes(value) => (State::Ok, format!("yes: {why}")),
            Some(value) => (State::Missing, format!("it is {value}: {why}")),
        };
        Finding::new(code, state, means).paste(QUEUES, "general", [format!("{key} = yes")])
    })
}

fn of_queue(queue: &QueueSeen, files: Option<&Files>) -> Vec<Finding> {
    let files = files.filter(|files| files.has_queue(&queue.name));
    let written = |key| files.map(|files| files.get(QUEUES, &queue.name, key));
    let unknown = |why: &str, value: &str| {
        (State::Unknown, format!("{why}. The PBX does not tell it; look yourself, it should be {value}"))
    };
    let mut findings = Vec::new();
    let mut add = |code, (state, means): (State, String), line: &str| {
        findings
            .push(Finding::new(code, state, means).paste(QUEUES, &queue.name, [line.to_owned()]).of_queue(&queue.name));
    };

    let why = "with it an operator who talks is offered a second call";
    let ringinuse = match (queue.ringinuse, written("ringinuse")) {
        (Some(true), _) => (State::Missing, format!("a member is rung while in a call: {why}")),
        (Some(false), _) => (State::Ok, "members are not rung while in a call".to_owned()),
        (None, Some(text)) if is_no(text) => (State::Ok, "no".to_owned()),
        (None, Some(_)) => (State::Missing, format!("{why} (yes when nothing is written)")),
        (None, None) => unknown(why, "no"),
    };
    add("queue.ringinuse", ringinuse, "ringinuse = no");

    let why = "Linedesk counts unanswered offers itself and gives a way back; Asterisk's own pause knows neither";
    let autopause = match written("autopause") {
        Some(text) if text.is_empty() || is_no(text) => (State::Ok, "no".to_owned()),
        Some(text) => (State::Missing, format!("it is {text}: {why}")),
        None => unknown(why, "no"),
    };
    add("queue.autopause", autopause, "autopause = no");

    let why = "these seconds hold the next call off until the pause for after-call work stands";
    let wrapup = match written("wrapuptime") {
        Some(text) => match text.parse::<u32>() {
            Ok(1..=10) => (State::Ok, format!("{text} s: {why}")),
            Ok(11..) => (State::Missing, format!("it is {text} s: {why}; more also delays \"ready now\"")),
            _ => (State::Missing, format!("there are none: {why}")),
        },
        None => unknown(why, "3"),
    };
    add("queue.wrapuptime", wrapup, "wrapuptime = 3");

    for (code, key, harsh) in [
        ("queue.joinempty", "joinempty", ["no", "strict"]),
        ("queue.leavewhenempty", "leavewhenempty", ["yes", "strict"]),
    ] {
        let why = "when all are on a break or in after-call work, a paused member must not count as nobody";
        let empty = match written(key) {
            Some("") => (State::Ok, format!("nothing is written: callers wait ({why})")),
            Some(text) => {
                let counted = ["paused", "inuse", "ringing", "wrapup"];
                let sends_away = text.split(',').map(str::trim).any(|word| {
                    let is = |one: &&str| word.eq_ignore_ascii_case(one);
                    counted.iter().any(&is) || harsh.iter().any(is) || same_switch(key, word)
                });
                if sends_away {
                    (State::Missing, format!("it is {text}, and sends callers away while operators are there: {why}"))
                } else {
                    (State::Ok, text.to_owned())
                }
            }
            None => unknown(why, "unavailable,invalid,unknown"),
        };
        add(code, empty, &format!("{key} = unavailable,invalid,unknown"));
    }

    let strategy = match queue.strategy.as_deref() {
        Some("linear") => (
            State::Ok,
            "linear: members are rung in the order in which they joined, so who joins first is always rung first"
                .to_owned(),
        ),
        Some(strategy) => (State::Ok, strategy.to_owned()),
        None => unknown("how members are chosen", "rrmemory, or what you mean"),
    };
    add("queue.strategy", strategy, "strategy = rrmemory");

    if queue.fixed > 0 {
        let means = format!(
            "{} members stand in the PBX's own configuration: AMI can pause them and not remove them, so leaving the queue is a pause there. Enter these memberships as fixed",
            queue.fixed
        );
        add("queue.fixed", (State::Ok, means), "");
    }
    findings
}

/// Asterisk takes several words for yes and no.
fn same_switch(key: &str, word: &str) -> bool {
    if key == "joinempty" { is_no(word) } else { is_yes(word) }
}

fn is_yes(text: &str) -> bool {
    ["yes", "true", "y", "t", "1", "on"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

fn is_no(text: &str) -> bool {
    ["no", "false", "n", "f", "0", "off"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// Whether a list of classes or variables has one of them.
fn names(list: &str, name: &str) -> bool {
    list.split(',').map(str::trim).any(|item| item == name || item == "all")
}
