use super::{Operator, OwnCall, Pause, Refused, Settings};
use crate::pbx::contract::OfferOutcome;
use central_api::{ChangedBy, PbxId, QueueId, ReasonId, Status, StatusKind, StatusWish, When};
use std::collections::BTreeMap;

const HERE: PbxId = PbxId(1);
const THERE: PbxId = PbxId(2);
const SUPPORT: QueueId = QueueId(1);
const LUNCH: ReasonId = ReasonId(1);

/// What happens, one a line of a table.
#[derive(Debug, Clone, Copy)]
enum Do {
    Wish(StatusKind, When),
    /// Chosen so many ms ago, while the link was away.
    Late(StatusKind, i64),
    ClearNext,
    Ring(&'static str, Option<QueueId>),
    Answer(&'static str, Option<QueueId>),
    Gone(&'static str),
    Returned(&'static str),
    Offer(OfferOutcome),
    PbxPause,
    PbxUnpause,
    Autopause,
    LinkDown,
    LinkUp,
    SignIn,
    PhoneAway,
    PhoneBack,
    PbxUp,
    Wait(i64),
}
use Do::{
    Answer, Autopause, ClearNext, Gone, Late, LinkDown, LinkUp, Offer, PbxPause, PbxUnpause, PbxUp, PhoneAway,
    PhoneBack, Returned, Ring, SignIn, Wait, Wish,
};
use OfferOutcome::{NotTaken, Withdrawn};
use StatusKind::{AfterCall, Available, Break, NotAnswering, Offline, Preparing};
use When::{AfterCall as Later, Now};

fn settings() -> Settings {
    Settings {
        after_call_ms: 15_000,
        after_call_more_ms: 30_000,
        not_taken_limit: 2,
        away_pause_ms: 300_000,
        away_offline_ms: 900_000,
        grace_ms: 30_000,
        day_offset_ms: 0,
        reasons: BTreeMap::from([(LUNCH, Some(1_800_000))]),
    }
}

fn signed_in(now: i64) -> Operator {
    let status = Status { kind: Offline, reason: None, since_ms: 0, until_ms: None, by: ChangedBy::System };
    let mut operator = Operator::new(status, None, now, &settings());
    operator.sign_in(now, &settings());
    operator.link(true, now, &settings());
    operator
}

fn wish(kind: StatusKind, when: When) -> StatusWish {
    StatusWish { kind, reason: (kind == Break).then_some(LUNCH), when, chosen_at_ms: None }
}

/// The operator, and the time it is then.
fn run(steps: &[Do]) -> (Operator, i64) {
    let settings = settings();
    let mut now = 1_000_000;
    let mut operator = signed_in(now);
    operator.wish(&wish(Available, Now), now, &settings).unwrap();
    let call = |queue, answered| OwnCall { pbx: HERE, queue, answered, returned: false };
    for step in steps {
        match *step {
            Wish(kind, when) => operator.wish(&wish(kind, when), now, &settings).unwrap(),
            Late(kind, ago) => {
                let late = StatusWish { chosen_at_ms: Some(now - ago), ..wish(kind, Now) };
                operator.wish(&late, now, &settings).unwrap();
            }
            ClearNext => operator.clear_next(),
            Ring(id, queue) => operator.call(id, call(queue, false)),
            Answer(id, queue) => operator.call(id, call(queue, true)),
            Gone(id) => operator.gone(id, false, now, &settings),
            Returned(id) => operator.returned(id, now, &settings),
            Offer(outcome) => operator.offer(SUPPORT, outcome, now, &settings),
            PbxPause => operator.pbx_paused(None, now, &settings),
            PbxUnpause => operator.pbx_unpaused(now, &settings),
            Autopause => operator.autopaused(now, &settings),
            LinkDown => operator.link(false, now, &settings),
            LinkUp => operator.link(true, now, &settings),
            SignIn => operator.sign_in(now, &settings),
            PhoneAway => operator.phone(Some(false), now),
            PhoneBack => operator.phone(Some(true), now),
            PbxUp => operator.calls_told_soon(now),
            Wait(ms) => {
                // As the task does it: at each deadline, not once at the end.
                let end = now + ms;
                while let Some(at) = operator.deadline(now, &settings).filter(|at| *at <= end) {
                    assert!(at >= now, "a deadline in the past would be a busy loop");
                    now = at;
                    operator.tick(now, &settings);
                    if operator.deadline(now, &settings) == Some(now) {
                        panic!("a deadline that a tick does not use up");
                    }
                }
                now = end;
            }
        }
    }
    (operator, now)
}

#[test]
fn status_and_pause_after_what_happened() {
    let q = Some(SUPPORT);
    let lunch = Some(Pause::Break(Some(LUNCH)));
    let table: &[(&str, &[Do], StatusKind, Option<Pause>)] = &[
        ("available", &[], Available, None),
        ("ringing changes nothing", &[Ring("a", q)], Available, None),
        // After-call: the pause goes out at the answer, the status begins at the end.
        ("a queue call is guarded", &[Answer("a", q)], Available, Some(Pause::AfterCall)),
        ("after-call", &[Answer("a", q), Gone("a")], AfterCall, Some(Pause::AfterCall)),
        ("after-call is over", &[Answer("a", q), Gone("a"), Wait(15_000)], Available, None),
        ("ready now", &[Answer("a", q), Gone("a"), Wish(Available, Now)], Available, None),
        (
            "once more time",
            &[Answer("a", q), Gone("a"), Wish(AfterCall, Now), Wait(44_999)],
            AfterCall,
            Some(Pause::AfterCall),
        ),
        (
            "only once",
            &[Answer("a", q), Gone("a"), Wish(AfterCall, Now), Wish(AfterCall, Now), Wait(45_000)],
            Available,
            None,
        ),
        ("skipped by choice", &[Answer("a", q), Wish(Available, Now), Gone("a")], Available, None),
        ("not taken, no work", &[Ring("a", q), Gone("a")], Available, None),
        ("a direct call has none", &[Answer("a", None), Gone("a")], Available, None),
        (
            "a second call is waited for",
            &[Answer("a", q), Answer("b", None), Gone("a")],
            Available,
            Some(Pause::AfterCall),
        ),
        (
            "then it begins",
            &[Answer("a", q), Answer("b", None), Gone("a"), Gone("b")],
            AfterCall,
            Some(Pause::AfterCall),
        ),
        // Next.
        ("a next pauses at once", &[Answer("a", q), Wish(Break, Later)], Available, lunch),
        ("now in a call is a next", &[Answer("a", q), Wish(Break, Now)], Available, lunch),
        ("it begins at the end", &[Answer("a", q), Wish(Break, Now), Gone("a")], Break, lunch),
        ("taken back", &[Answer("a", q), Wish(Break, Now), ClearNext, Gone("a")], AfterCall, Some(Pause::AfterCall)),
        (
            "taken back by the status one has",
            &[Answer("a", q), Wish(Break, Now), Wish(Available, Now), Gone("a")],
            AfterCall,
            Some(Pause::AfterCall),
        ),
        ("a next while it rings", &[Ring("a", q), Wish(Break, Later)], Available, lunch),
        ("begins when it was not taken", &[Ring("a", q), Wish(Break, Later), Gone("a")], Break, lunch),
        ("no call, no waiting", &[Wish(Break, Later)], Break, lunch),
        // Offers.
        ("one offer not taken", &[Offer(NotTaken)], Available, None),
        ("two in a row", &[Offer(NotTaken), Offer(NotTaken)], NotAnswering, Some(Pause::NotAnswering)),
        ("a withdrawn one does not count", &[Offer(NotTaken), Offer(Withdrawn)], Available, None),
        (
            "an answer breaks the row",
            &[Offer(NotTaken), Offer(OfferOutcome::Answered), Offer(NotTaken)],
            Available,
            None,
        ),
        (
            "one key back, and the row begins anew",
            &[Offer(NotTaken), Offer(NotTaken), Wish(Available, Now), Offer(NotTaken)],
            Available,
            None,
        ),
        ("autopause of Asterisk", &[Autopause], NotAnswering, Some(Pause::NotAnswering)),
        // At the PBX.
        ("paused at the PBX", &[PbxPause], Break, Some(Pause::Break(None))),
        ("freed at the PBX", &[Wish(Break, Now), PbxUnpause], Available, None),
        ("paused at the PBX in a call", &[Answer("a", q), PbxPause], Available, Some(Pause::Break(None))),
        ("and after it", &[Answer("a", q), PbxPause, Gone("a")], Break, Some(Pause::Break(None))),
        ("freed at the PBX in a call", &[Answer("a", q), PbxUnpause], Available, None),
        ("nothing follows then", &[Answer("a", q), PbxUnpause, Gone("a")], Available, None),
        // A dead softphone.
        ("the customer is back", &[Answer("a", q), Returned("a")], Available, None),
        ("no work follows", &[Answer("a", q), Returned("a"), Gone("a")], Available, None),
        // The link to the PBX was away while a call ended, or while central started again in a call.
        (
            "a call that went on keeps its next",
            &[Ring("a", q), Wish(Break, Later), PbxUp, Answer("a", q), Wait(2_000)],
            Available,
            lunch,
        ),
        ("a call that ended unseen", &[Ring("a", q), Wish(Break, Later), PbxUp, Wait(2_000)], Break, lunch),
        // The end of the shift, and the next one.
        ("end of shift", &[Wish(Offline, Now)], Offline, Some(Pause::Offline)),
        ("twice", &[Wish(Offline, Now), Wish(Offline, Now)], Offline, Some(Pause::Offline)),
        ("in a call it goes on", &[Answer("a", q), Wish(Offline, Now)], Available, Some(Pause::Offline)),
        ("and ends with it", &[Answer("a", q), Wish(Offline, Now), Gone("a")], Offline, Some(Pause::Offline)),
        ("taken back in the call", &[Answer("a", None), Wish(Offline, Now), ClearNext, Gone("a")], Available, None),
        (
            "begun again in the call",
            &[Answer("a", q), Wish(Offline, Now), Wish(Preparing, Now), Gone("a")],
            Preparing,
            Some(Pause::Preparing),
        ),
        (
            "nobody at the PBX takes it back",
            &[Answer("a", q), Wish(Offline, Now), PbxUnpause, PbxPause, Gone("a")],
            Offline,
            Some(Pause::Offline),
        ),
        ("not while off shift either", &[Wish(Offline, Now), PbxUnpause], Offline, Some(Pause::Offline)),
        (
            "one that rang on is no work",
            &[Ring("a", q), Wish(Offline, Now), Answer("a", q), Gone("a")],
            Offline,
            Some(Pause::Offline),
        ),
        ("the next shift", &[Wish(Offline, Now), Wish(Preparing, Now)], Preparing, Some(Pause::Preparing)),
        ("at once available", &[Wish(Offline, Now), Wish(Available, Now)], Available, None),
        ("at once in a break", &[Wish(Offline, Now), Wish(Break, Now)], Break, lunch),
        ("by a sign-in", &[Wish(Offline, Now), SignIn], Preparing, Some(Pause::Preparing)),
        (
            "begun while talking",
            &[Wish(Offline, Now), Answer("a", None), Wish(Available, Now)],
            Preparing,
            Some(Pause::Preparing),
        ),
        (
            "and available after that",
            &[Wish(Offline, Now), Answer("a", None), Wish(Available, Now), Gone("a")],
            Available,
            None,
        ),
        (
            "a link begins nothing that a person ended",
            &[Wish(Offline, Now), LinkDown, LinkUp],
            Offline,
            Some(Pause::Offline),
        ),
        (
            "the program quits, the night passes, and it starts",
            &[Wish(Offline, Now), LinkDown, PhoneAway, Wait(50_000_000), Wish(Preparing, Now), Wait(29_999)],
            Preparing,
            Some(Pause::Preparing),
        ),
        (
            "the night does not count as being away",
            &[Wish(Offline, Now), LinkDown, PhoneAway, Wait(50_000_000), Wish(Available, Now), Wait(29_999)],
            Available,
            None,
        ),
        // A forgotten shift: the desk phone stays reachable, so nothing ends it.
        ("away for long on the same day", &[LinkDown, Wait(80_000_000), LinkUp], Available, None),
        ("over night", &[LinkDown, Wait(86_000_000), LinkUp], Preparing, Some(Pause::Preparing)),
        ("over night, by a sign-in", &[LinkDown, Wait(86_000_000), SignIn], Preparing, Some(Pause::Preparing)),
        ("a moment about midnight", &[Wait(85_000_000), LinkDown, Wait(800_000), LinkUp], Available, None),
        ("never in a call", &[LinkDown, Answer("a", None), Wait(86_000_000), LinkUp], Available, None),
        // A wish that waited for the link.
        ("chosen a while ago", &[Wait(60_000), Late(Break, 50_000)], Break, lunch),
        ("its shift is over", &[Wait(60_000), Wish(Offline, Now), Late(Break, 1_001)], Offline, Some(Pause::Offline)),
        (
            "its shift is over, and the next one runs",
            &[Wait(60_000), Wish(Offline, Now), Wish(Preparing, Now), Late(Break, 1_001)],
            Preparing,
            Some(Pause::Preparing),
        ),
        (
            "the clock ended its shift",
            &[LinkDown, PhoneAway, Wait(930_000), Late(Break, 60_000)],
            Offline,
            Some(Pause::Offline),
        ),
        ("chosen off shift", &[Wish(Offline, Now), Wait(60_000), Late(Available, 50_000)], Available, None),
        ("somebody at the PBX came later", &[Wait(60_000), PbxPause, PbxUnpause, Late(Break, 1_001)], Available, None),
        (
            "and a rule after that",
            &[Wait(60_000), PbxPause, PbxUnpause, Autopause, Late(Available, 1_001)],
            NotAnswering,
            Some(Pause::NotAnswering),
        ),
        (
            "somebody at the PBX came before",
            &[Wait(60_000), PbxPause, Wait(1_000), Late(Available, 500)],
            Available,
            None,
        ),
        ("clocks differ", &[Wait(60_000), PbxPause, Wait(500), Late(Available, 1_500)], Available, None),
        ("a rule alone gives way", &[Wait(60_000), Autopause, Late(Available, 50_000)], Available, None),
        (
            "the operator's own come in order",
            &[Wait(60_000), Wish(Break, Now), Late(Available, 5_000)],
            Available,
            None,
        ),
        // Lost links.
        ("away for a moment", &[Wait(60_000), LinkDown, Wait(299_999)], Available, None),
        ("away for long", &[Wait(60_000), LinkDown, Wait(300_000)], Available, Some(Pause::Away)),
        ("and back", &[Wait(60_000), LinkDown, Wait(300_000), LinkUp], Available, None),
        ("phone away alone", &[Wait(60_000), PhoneAway, Wait(3_600_000)], Available, None),
        ("both away: at once", &[Wait(60_000), LinkDown, PhoneAway], Available, Some(Pause::Away)),
        ("phone back", &[Wait(60_000), LinkDown, PhoneAway, PhoneBack], Available, None),
        ("both away, offline soon", &[Wait(60_000), LinkDown, PhoneAway, Wait(899_999)], Available, Some(Pause::Away)),
        ("both away, offline", &[Wait(60_000), LinkDown, PhoneAway, Wait(900_000)], Offline, Some(Pause::Offline)),
        (
            "back after that is preparing",
            &[Wait(60_000), LinkDown, PhoneAway, Wait(900_000), LinkUp],
            Preparing,
            Some(Pause::Preparing),
        ),
        (
            "not in a call",
            &[Wait(60_000), Answer("a", None), LinkDown, PhoneAway, Wait(1_800_000)],
            Available,
            Some(Pause::Away),
        ),
        ("a break is kept", &[Wait(60_000), Wish(Break, Now), LinkDown, Wait(600_000)], Break, lunch),
    ];
    for (name, steps, kind, pause) in table {
        let (operator, now) = run(steps);
        assert_eq!(operator.status().kind, *kind, "{name}");
        assert_eq!(operator.pause(HERE, now, &settings()), *pause, "{name}");
    }
}

#[test]
fn a_seat_that_counts_as_taken() {
    let q = Some(SUPPORT);
    let table: &[(&str, &[Do], bool)] = &[
        ("on shift", &[], true),
        ("no word for a while", &[LinkDown, Wait(899_999)], true),
        ("no word for long, a desk phone still answers", &[LinkDown, Wait(900_000)], false),
        ("shift over", &[Wish(Offline, Now), LinkDown], false),
        ("shift ends with the call", &[Answer("a", q), Wish(Offline, Now), LinkDown], true),
        ("and then it is over", &[Answer("a", q), Wish(Offline, Now), LinkDown, Gone("a")], false),
        ("in a call, whatever else", &[Wish(Offline, Now), LinkDown, Answer("a", None), Wait(900_000)], true),
        ("a call that only rings holds no seat", &[Wish(Offline, Now), LinkDown, Ring("a", None)], false),
        ("a dead call holds none either", &[LinkDown, Answer("a", q), Wait(900_000), Returned("a")], false),
    ];
    for (name, steps, taken) in table {
        let (operator, now) = run(steps);
        assert_eq!(operator.at_work(now, &settings()), *taken, "{name}");
    }
}

#[test]
fn after_a_start_nobody_is_away_for_the_grace() {
    let settings = settings();
    let status = Status { kind: Available, reason: None, since_ms: 0, until_ms: None, by: ChangedBy::Operator };
    let mut operator = Operator::new(status, None, 1_000_000, &settings);
    operator.phone(Some(false), 1_000_001);
    assert_eq!(operator.pause(HERE, 1_029_999, &settings), None);
    assert_eq!(operator.deadline(1_029_999, &settings), Some(1_030_000));
    assert_eq!(operator.pause(HERE, 1_030_000, &settings), Some(Pause::Away));
}

#[test]
fn talking_on_one_pbx_is_busy_on_the_others() {
    let (operator, now) = run(&[Answer("a", None)]);
    assert_eq!(operator.pause(HERE, now, &settings()), None, "there the device is in use");
    assert_eq!(operator.pause(THERE, now, &settings()), Some(Pause::BusyElsewhere));
}

#[test]
fn who_changed_it_and_until_when() {
    let (operator, now) = run(&[Wish(Break, Now)]);
    assert_eq!(operator.status().until_ms, Some(now + 1_800_000), "the reason's limit");
    assert_eq!(operator.status().by, ChangedBy::Operator);
    let (operator, _) = run(&[Answer("a", Some(SUPPORT)), PbxPause, Gone("a")]);
    assert_eq!(operator.status().by, ChangedBy::Pbx);
    let (operator, now) = run(&[Answer("a", Some(SUPPORT)), Gone("a")]);
    assert_eq!((operator.status().until_ms, operator.status().by.clone()), (Some(now + 15_000), ChangedBy::System));
}

#[test]
fn the_same_status_again_keeps_its_time() {
    let (mut operator, now) = run(&[Wish(Break, Now), Wait(60_000)]);
    let since = operator.status().since_ms;
    operator.wish(&wish(Break, Now), now, &settings()).unwrap();
    assert_eq!(operator.status().since_ms, since);
}

#[test]
fn what_cannot_be_wished() {
    let settings = settings();
    let mut operator = signed_in(0);
    let mut try_it =
        |kind, reason| operator.wish(&StatusWish { kind, reason, when: Now, chosen_at_ms: None }, 0, &settings);
    assert_eq!(try_it(NotAnswering, None), Err(Refused::Kind));
    assert_eq!(try_it(Break, None), Err(Refused::Reason));
    assert_eq!(try_it(Break, Some(ReasonId(99))), Err(Refused::Reason));
    operator.sign_out(ChangedBy::Operator, 0, &settings);
    assert_eq!(operator.wish(&wish(AfterCall, Now), 0, &settings), Err(Refused::OffShift));
    assert_eq!(operator.wish(&wish(NotAnswering, Now), 0, &settings), Err(Refused::Kind));
    assert_eq!(operator.status().kind, Offline);
}
