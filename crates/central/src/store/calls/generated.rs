//! Calls out of nothing: any that could be told, and two that are often told.

use calls::Call;
use calls::call::*;
use proptest::prelude::*;

/// 2026-11-20 12:00 UTC.
pub const NOON_MS: i64 = 1_795_176_000_000;

/// A party.
pub fn party(who: Who, endpoint: &str, number: &str, name: &str) -> Party {
    Party {
        who,
        pbx: 1,
        endpoint: endpoint.to_owned(),
        number: Some(number.to_owned()),
        name: (!name.is_empty()).then(|| name.to_owned()),
        sip_call_ids: Vec::new(),
        channels: vec![format!("1795176000.{}", endpoint.len() + number.len())],
    }
}

/// A customer called a queue; so many phones rang, and the first one answered, if anybody did.
pub fn queue_call(began_ms: i64, number: &str, name: &str, phones: usize, answered: bool) -> Call {
    let mut parties = vec![party(Who::Trunk, "PJSIP/trunk-1", number, name)];
    let phone = |nth: usize| format!("{}", 1001 + nth);
    for nth in 0..phones {
        let mut rung = party(Who::Phone, &format!("PJSIP/{}", phone(nth)), &phone(nth), "Operator");
        rung.channels = vec![format!("1795176000.{}", 100 + nth)];
        rung.sip_call_ids = vec![format!("2f4a9d1c-{nth:04}-{began_ms}@10.0.0.1")];
        parties.push(rung);
    }
    let until = began_ms + if answered { 12_000 } else { 240_000 };
    let attempts = (0..phones).map(|nth| Attempt {
        visit: Some(0),
        caller: 0,
        party: Some(1 + nth),
        interface: format!("PJSIP/{}", phone(nth)),
        member: Some(format!("Operator {nth}")),
        began_ms: began_ms + 3_000,
        rang_ms: Some(began_ms + 3_200),
        ended_ms: Some(until),
        outcome: match answered {
            true if nth == 0 => Outcome::Answered,
            true => Outcome::Elsewhere,
            false => Outcome::GivenUp,
        },
        cause: None,
        back: false,
        back_from: None,
    });
    let step = |after: i64, context: &str, exten: &str| Step {
        at_ms: began_ms + after,
        context: context.to_owned(),
        exten: exten.to_owned(),
        keys: String::new(),
    };
    let talk = Talk {
        parties: vec![0, 1],
        began_ms: until,
        ended_ms: Some(until + 180_000),
        holds: Vec::new(),
        recorded: true,
    };
    let joins = (0..phones).map(|nth| Joined {
        at_ms: began_ms + 3_000,
        one: "1795176000.23".to_owned(),
        two: format!("1795176000.{}", 100 + nth),
        reason: JoinReason::Dial,
    });
    Call {
        direction: Direction::Incoming,
        caller: 0,
        dialled: Some("74951880000".to_owned()),
        began_ms,
        answered_ms: answered.then_some(until),
        ended_ms: Some(if answered { until + 180_000 } else { until }),
        ended_by: EndedBy::Party { party: 0 },
        cause: Some(16),
        originated: false,
        visits: vec![Visit {
            caller: 0,
            pbx: 1,
            queue: "support".to_owned(),
            entered_ms: began_ms + 2_500,
            left_ms: Some(until),
            position: 1,
            exit: if answered { Exit::Answered { by: Some(1) } } else { Exit::Abandoned },
        }],
        attempts: attempts.collect(),
        talks: answered.then_some(talk).into_iter().collect(),
        moves: Vec::new(),
        steps: vec![step(0, "from-trunk", "74951880000"), step(40, "menu-main", "s"), step(2_400, "queues", "700")],
        listens: Vec::new(),
        attributes: Vec::new(),
        waited_ms: until - began_ms - 2_500,
        talked_ms: if answered { 180_000 } else { 0 },
        connected_ms: if answered { 180_000 } else { 0 },
        joins: joins.collect(),
        clocks: vec![Clock { pbx: 3, ahead_ms: -250 }],
        parties,
    }
}

/// Somebody of the house called out.
pub fn outgoing_call(began_ms: i64, number: &str) -> Call {
    let mut call = queue_call(began_ms, number, "", 1, true);
    call.direction = Direction::Outgoing;
    call.parties.swap(0, 1);
    call.dialled = Some(number.to_owned());
    call.visits.clear();
    call.attempts[0].visit = None;
    call.attempts[0].member = None;
    call.attempts[0].interface = format!("PJSIP/{number}@trunk-1");
    call.steps[0].exten = number.to_owned();
    call.steps[1].exten = format!("_{number}-out");
    call
}

/// Digits, signs, letters of several languages, and what has a meaning of its own in a stored text.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,4}",
        3 => "[+]?[0-9]{7,15}",
        2 => "(PJSIP|SIP|Local)/[+]?[0-9]{3,12}@[a-z]{2,6}(/n)?",
        1 => "[\\PC‹›/@;0-9]{0,12}",
        1 => "‹[0-9]{0,3}›?[0-9]{0,9}",
        1 => Just(String::new()),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    // Three days around a turn of the month, so that calls lie in two months.
    (-36 * 3_600_000_i64..36 * 3_600_000).prop_map(|after| 1_793_491_200_000 + after)
}

fn maybe<T: Strategy>(of: T) -> impl Strategy<Value = Option<T::Value>>
where
    T::Value: Clone,
{
    proptest::option::of(of)
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![Just(Who::Phone), Just(Who::Trunk), Just(Who::OtherPbx), Just(Who::Unknown)]
}

fn list<T: Strategy>(of: T) -> impl Strategy<Value = Vec<T::Value>> {
    proptest::collection::vec(of, 0..4)
}

fn any_party() -> impl Strategy<Value = Party> {
    (who(), any::<u32>(), text(), maybe(text()), maybe(text()), list(text()), list(text())).prop_map(
        |(who, pbx, endpoint, number, name, sip_call_ids, channels)| Party {
            who,
            pbx,
            endpoint,
            number,
            name,
            sip_call_ids,
            channels,
        },
    )
}

const AT: std::ops::Range<usize> = 0..4;

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        Just(Exit::Waiting),
        maybe(AT).prop_map(|by| Exit::Answered { by }),
        Just(Exit::Abandoned),
        Just(Exit::Timeout),
        any::<char>().prop_filter("PostgreSQL has no NUL", |key| *key != '\0').prop_map(|key| Exit::Key { key }),
        Just(Exit::Full),
        Just(Exit::Empty),
        Just(Exit::LeftEmpty),
        Just(Exit::Continued),
        Just(Exit::Moved),
        Just(Exit::LostInGap),
    ]
}

fn visit() -> impl Strategy<Value = Visit> {
    (AT, any::<u32>(), text(), time(), maybe(time()), any::<u32>(), exit()).prop_map(
        |(caller, pbx, queue, entered_ms, left_ms, position, exit)| Visit {
            caller,
            pbx,
            queue,
            entered_ms,
            left_ms,
            position,
            exit,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Ringing),
        Just(Outcome::Answered),
        Just(Outcome::NotAnswered),
        Just(Outcome::Declined),
        Just(Outcome::Unreachable),
        Just(Outcome::Elsewhere),
        Just(Outcome::GivenUp),
        Just(Outcome::Forwarded),
        Just(Outcome::LostInGap),
    ]
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let people = (maybe(AT), AT, maybe(AT), text(), maybe(text()));
    let end = (time(), maybe(time()), maybe(time()), outcome(), maybe(any::<u32>()), any::<bool>(), maybe(AT));
    (people, end).prop_map(|(people, end)| {
        let (visit, caller, party, interface, member) = people;
        let (began_ms, rang_ms, ended_ms, outcome, cause, back, back_from) = end;
        Attempt {
            visit,
            caller,
            party,
            interface,
            member,
            began_ms,
            rang_ms,
            ended_ms,
            outcome,
            cause,
            back,
            back_from,
        }
    })
}

fn talk() -> impl Strategy<Value = Talk> {
    let hold = (AT, time(), maybe(time())).prop_map(|(by, began_ms, ended_ms)| Hold { by, began_ms, ended_ms });
    (list(AT), time(), maybe(time()), list(hold), any::<bool>()).prop_map(
        |(parties, began_ms, ended_ms, holds, recorded)| Talk { parties, began_ms, ended_ms, holds, recorded },
    )
}

fn moved() -> impl Strategy<Value = Move> {
    let kind = prop_oneof![
        Just(MoveKind::Blind),
        Just(MoveKind::Attended),
        Just(MoveKind::Pickup),
        Just(MoveKind::Park),
        Just(MoveKind::Unpark),
        Just(MoveKind::ParkTimeout),
        Just(MoveKind::Forward),
    ];
    (kind, time(), maybe(AT), maybe(AT), maybe(AT), maybe(text()), any::<bool>())
        .prop_map(|(kind, at_ms, by, who, to, number, success)| Move { kind, at_ms, by, who, to, number, success })
}

fn step() -> impl Strategy<Value = Step> {
    (time(), text(), text(), text()).prop_map(|(at_ms, context, exten, keys)| Step { at_ms, context, exten, keys })
}

fn listen() -> impl Strategy<Value = Listen> {
    (AT, text(), time(), maybe(time())).prop_map(|(by, channel, began_ms, ended_ms)| Listen {
        by,
        channel,
        began_ms,
        ended_ms,
    })
}

/// Of the catalogue of [`super::tests`].
fn attribute() -> impl Strategy<Value = Attribute> {
    let variable = ("(ORDER|PASSPORT|SCORE|VIP|LANGUAGE)", text());
    let event = proptest::collection::vec(("(Order|Comment)", text()), 1..3).prop_map(|fields| {
        let fields: Vec<String> = fields.into_iter().map(|(field, value)| format!("{field}={value}")).collect();
        ("UserEvent:Callback".to_owned(), fields.join("\n"))
    });
    (time(), maybe(AT), prop_oneof![variable, event]).prop_map(|(at_ms, party, (name, value))| Attribute {
        at_ms,
        party,
        name,
        value,
    })
}

fn clock() -> impl Strategy<Value = Clock> {
    (any::<u32>(), any::<i64>()).prop_map(|(pbx, ahead_ms)| Clock { pbx, ahead_ms })
}

fn joined() -> impl Strategy<Value = Joined> {
    let reason = prop_oneof![
        Just(JoinReason::LocalHalves),
        Just(JoinReason::Dial),
        Just(JoinReason::Bridge),
        Just(JoinReason::Linkedid),
        Just(JoinReason::AttendedTransfer),
        Just(JoinReason::BlindTransfer),
        Just(JoinReason::Pickup),
        Just(JoinReason::Parking),
        Just(JoinReason::Masquerade),
        Just(JoinReason::CallHeader),
        Just(JoinReason::SipCallId),
        Just(JoinReason::NumberAndTime),
    ];
    (time(), text(), text(), reason).prop_map(|(at_ms, one, two, reason)| Joined { at_ms, one, two, reason })
}

/// Any call.
pub fn any_call() -> impl Strategy<Value = Call> {
    let direction = prop_oneof![Just(Direction::Incoming), Just(Direction::Outgoing), Just(Direction::Internal)];
    let ended_by = prop_oneof![
        Just(EndedBy::Nobody),
        AT.prop_map(|party| EndedBy::Party { party }),
        Just(EndedBy::Pbx),
        Just(EndedBy::LostInGap),
        Just(EndedBy::Unknown),
    ];
    let whole = (direction, AT, maybe(text()), time(), maybe(time()), maybe(time()), ended_by, maybe(any::<u32>()));
    let grains = (list(any_party()), list(visit()), list(attempt()), list(talk()), list(moved()), list(step()));
    let rest = (list(listen()), list(attribute()), list(joined()), any::<bool>(), 0..90_000_000_i64, list(clock()));
    (whole, grains, rest).prop_map(|(whole, grains, rest)| {
        let (direction, caller, dialled, began_ms, answered_ms, ended_ms, ended_by, cause) = whole;
        let (parties, visits, attempts, talks, moves, steps) = grains;
        let (listens, attributes, joins, originated, waited_ms, clocks) = rest;
        Call {
            direction,
            caller,
            dialled,
            began_ms,
            answered_ms,
            ended_ms,
            ended_by,
            cause,
            originated,
            parties,
            visits,
            attempts,
            talks,
            moves,
            steps,
            listens,
            attributes,
            waited_ms,
            talked_ms: waited_ms / 3,
            connected_ms: waited_ms / 2,
            joins,
            clocks,
        }
    })
}
