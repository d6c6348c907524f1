//! Stories of a PBX told to the machine, with the clock in the test's hand.

use ami::{AmiError, Event, Frame, Message, Parser};

use super::contract::{
    Cause, DesiredMember, ObservedMember, OfferOutcome, PbxCall, PbxEvent, Progress, Returned, WatchedEndpoint,
};
use super::machine::{Effect, ListKind, Machine, Then};

mod contacts;
mod lines;

const LOCAL: &str = "Local/1003@operators/n";
const RECORDED: &str = include_str!("../../../ami/tests/data/asterisk16-local-call.txt");

struct Pbx {
    machine: Machine,
    now: i64,
    reports: Vec<PbxEvent>,
    sent: Vec<(String, Then)>,
    lists: Vec<ListKind>,
    returned: Vec<Returned>,
}

fn events(text: &str) -> Vec<Message> {
    let mut parser = Parser::new();
    if !text.starts_with("Asterisk") {
        parser.push(b"Asterisk Call Manager/11\n");
    }
    parser.push(text.as_bytes());
    parser.push(b"\n\n");
    let mut events = Vec::new();
    while let Some(frame) = parser.next_frame().unwrap() {
        if let Frame::Message(message) = frame
            && message.event().is_some()
        {
            events.push(message);
        }
    }
    events
}

fn answer(fields: &[(&str, &str)]) -> Message {
    let fields = [("Response", "Success")].iter().chain(fields);
    Message::new(fields.copied())
}

fn member(queue: &str, interface: &str, membership: &str, paused: Option<&str>) -> String {
    format!(
        "Event: QueueMember\nQueue: {queue}\nName: Op\nLocation: {interface}\nMembership: {membership}\nPenalty: 0\nStatus: 1\n\
         Paused: {}\nPausedReason: {}\n\n",
        u8::from(paused.is_some()),
        paused.unwrap_or_default()
    )
}

fn live(event: &str, queue: &str, interface: &str, paused: Option<&str>) -> String {
    member(queue, interface, "dynamic", paused)
        .replace("Event: QueueMember", &format!("Event: {event}"))
        .replace("Location", "Interface")
        .replace("Name: Op", "MemberName: Op")
}

fn wish(queue: &str, interface: &str, joined: bool, paused: Option<&str>) -> DesiredMember {
    DesiredMember {
        queue: queue.to_owned(),
        interface: interface.to_owned(),
        state_interface: None,
        member_name: "Op".to_owned(),
        penalty: 0,
        joined,
        paused: paused.map(str::to_owned),
    }
}

impl Pbx {
    fn new(managed: bool) -> Self {
        let machine = Machine::new(managed);
        Self { machine, now: 1_000_000, reports: Vec::new(), sent: Vec::new(), lists: Vec::new(), returned: Vec::new() }
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Report(event) => self.reports.push(event),
                Effect::Send { action, then } => self.sent.push((format!("{action:?}"), then)),
                Effect::List(kind) => self.lists.push(kind),
                Effect::Returned(returned) => self.returned.push(returned),
                Effect::GiveUp(why) => panic!("{why}"),
            }
        }
    }

    fn say(&mut self, text: &str) {
        for event in events(text) {
            let effects = self.machine.event(&Event::read(&event), self.now);
            self.take(effects);
        }
    }

    fn list(&mut self, kind: ListKind, text: &str) {
        assert!(self.lists.contains(&kind), "{kind:?} was not asked for");
        self.lists.retain(|asked| *asked != kind);
        let effects = self.machine.list(kind, Ok(events(text)), self.now);
        self.take(effects);
    }

    fn wish(&mut self, wishes: Vec<DesiredMember>) {
        let effects = self.machine.desire(wishes, self.now);
        self.take(effects);
    }

    /// Answers everything that was sent.
    fn answer(&mut self, answer: &Result<Message, AmiError>) {
        for (_, then) in std::mem::take(&mut self.sent) {
            let effects = self.machine.answer(&then, answer.clone(), self.now);
            self.take(effects);
        }
    }

    fn later(&mut self, ms: i64) {
        self.now += ms;
        let effects = self.machine.tick(self.now);
        self.take(effects);
    }

    /// A new connection to the run that was started at `start`, up to the end of the first look.
    fn connect(&mut self, start: &str, queues: &str) {
        let words = [
            ("CoreStartupDate", "2026-11-22"),
            ("CoreStartupTime", start),
            ("CoreReloadDate", "x"),
            ("CoreReloadTime", "y"),
        ];
        self.connect_with(100, Ok(answer(&words)), queues);
    }

    /// The same with this uptime, and this answer to the question for the start.
    fn connect_with(&mut self, uptime_s: u64, status: Result<Message, AmiError>, queues: &str) {
        let effects = self.machine.connected(self.now);
        self.take(effects);
        self.say(&format!("Event: FullyBooted\nUptime: {uptime_s}\n\n"));
        assert_eq!(self.sent().as_slice(), ["CoreStatus()"]);
        let effects = self.machine.answer(&Then::Boot, status, self.now);
        self.take(effects);
        self.list(ListKind::Queues, queues);
        assert!(!self.reports.iter().any(|event| matches!(event, PbxEvent::Member { .. })), "told before the link is");
        self.list(ListKind::Channels, "");
    }

    fn lose(&mut self) {
        let effects = self.machine.lost();
        self.take(effects);
    }

    fn sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent).into_iter().map(|(action, _)| action).collect()
    }

    fn link(&mut self) -> (bool, bool) {
        let links: Vec<_> = self
            .reports
            .iter()
            .filter_map(|event| match event {
                PbxEvent::Link { up, restarted } => Some((*up, *restarted)),
                _ => None,
            })
            .collect();
        self.reports.retain(|event| !matches!(event, PbxEvent::Link { .. }));
        assert_eq!(links.len(), 1, "{links:?}");
        links[0]
    }

    fn members(&mut self) -> Vec<(ObservedMember, Cause, Progress)> {
        let (mut members, mut rest) = (Vec::new(), Vec::new());
        for event in std::mem::take(&mut self.reports) {
            match event {
                PbxEvent::Member { observed, cause, progress, .. } => members.push((observed, cause, progress)),
                other => rest.push(other),
            }
        }
        self.reports = rest;
        members
    }

    /// Cause and progress of the one member event since the last time.
    fn one(&mut self) -> (Cause, Progress) {
        let mut members = self.members();
        assert_eq!(members.len(), 1, "{members:?}");
        let (_, cause, progress) = members.remove(0);
        (cause, progress)
    }
}

/// A joined, free, dynamic member; link up, nothing to do.
fn settled() -> Pbx {
    let mut pbx = Pbx::new(true);
    pbx.wish(vec![wish("dyn", LOCAL, true, None)]);
    pbx.connect("06:00:00", &member("dyn", LOCAL, "dynamic", None));
    assert_eq!(pbx.link(), (true, false));
    assert_eq!(pbx.one(), (Cause::Found, Progress::Applied));
    assert!(pbx.sent().is_empty());
    pbx
}

#[test]
fn an_absent_member_is_added_paused_in_one_action() {
    let mut pbx = Pbx::new(true);
    pbx.wish(vec![wish("dyn", LOCAL, true, Some("Lunch"))]);
    pbx.connect("06:00:00", "Event: QueueParams\nQueue: dyn\n\n");
    assert_eq!(pbx.one(), (Cause::Found, Progress::Pending));
    let expected =
        format!("QueueAdd(Queue: dyn, Interface: {LOCAL}, MemberName: Op, Penalty: 0, Paused: true, Reason: Lunch)");
    assert_eq!(pbx.sent(), [expected]);
    // Asterisk 16 takes no reason with QueueAdd: it follows.
    pbx.say(&live("QueueMemberAdded", "dyn", LOCAL, Some("")));
    assert_eq!(pbx.one(), (Cause::Ours, Progress::Pending));
    assert_eq!(pbx.sent(), [format!("QueuePause(Queue: dyn, Interface: {LOCAL}, Paused: true, Reason: Lunch)")]);
    pbx.say(&live("QueueMemberPause", "dyn", LOCAL, Some("Lunch")));
    assert_eq!(pbx.one(), (Cause::Ours, Progress::Applied));
    assert!(pbx.sent().is_empty());
}

#[test]
fn a_change_by_hand_is_adopted_and_not_fought() {
    let mut pbx = settled();
    pbx.say(&live("QueueMemberPause", "dyn", LOCAL, Some("by hand")));
    let members = pbx.members();
    assert_eq!((members[0].1, members[0].0.paused_reason.as_deref()), (Cause::Pbx, Some("by hand")));
    // The desk says other things before it adopts: the old wish again changes nothing.
    pbx.wish(vec![wish("dyn", LOCAL, true, None)]);
    pbx.later(10_000);
    assert!(pbx.sent().is_empty());
    pbx.wish(vec![wish("dyn", LOCAL, true, Some("by hand"))]);
    assert_eq!(pbx.one(), (Cause::Ours, Progress::Applied));
    assert!(pbx.sent().is_empty());
    // And back, by the operator.
    pbx.wish(vec![wish("dyn", LOCAL, true, None)]);
    assert_eq!(pbx.sent(), [format!("QueuePause(Queue: dyn, Interface: {LOCAL}, Paused: false)")]);
}

#[test]
fn a_hand_right_after_our_action_is_not_taken_for_its_echo() {
    let mut pbx = Pbx::new(true);
    pbx.wish(vec![wish("dyn", LOCAL, true, Some("Lunch"))]);
    pbx.connect("06:00:00", "Event: QueueParams\nQueue: dyn\n\n");
    pbx.say(&live("QueueMemberAdded", "dyn", LOCAL, Some("Lunch")));
    pbx.members();
    pbx.now += 20;
    pbx.say(&live("QueueMemberPause", "dyn", LOCAL, Some("by hand")));
    assert_eq!(pbx.one().0, Cause::Pbx);
    pbx.wish(vec![wish("dyn", LOCAL, true, None)]);
    pbx.say(&live("QueueMemberPause", "dyn", LOCAL, None));
    assert_eq!(pbx.members().last().map(|(_, cause, _)| *cause), Some(Cause::Ours));
    pbx.now += 20;
    pbx.say(&live("QueueMemberPause", "dyn", LOCAL, Some("Lunch")));
    assert_eq!(pbx.one().0, Cause::Pbx, "the same as our first action, which had its echo");
}

#[test]
fn a_removal_by_hand_is_adopted() {
    let mut pbx = settled();
    pbx.say(&live("QueueMemberRemoved", "dyn", LOCAL, None));
    assert_eq!(pbx.one(), (Cause::Pbx, Progress::Pending));
    pbx.later(10_000);
    assert!(pbx.sent().is_empty());
}

#[test]
fn autopause_is_told_apart() {
    let mut pbx = settled();
    pbx.say(&live("QueueMemberPause", "dyn", LOCAL, Some("Auto-Pause")));
    assert_eq!(pbx.one().0, Cause::Autopause);
    assert!(pbx.sent().is_empty());
}

#[test]
fn a_state_of_the_device_is_no_change_of_the_member() {
    let mut pbx = settled();
    pbx.reports.clear();
    pbx.say(&live("QueueMemberStatus", "dyn", LOCAL, None).replace("Status: 1", "Status: 6"));
    assert_eq!(pbx.reports, [PbxEvent::Queue { queue: "dyn".to_owned(), waiting: 0, longest_since_ms: None, free: 0 }]);
}

#[test]
fn after_a_restart_the_wish_is_restored() {
    let mut pbx = settled();
    pbx.lose();
    assert_eq!(pbx.link(), (false, false));
    pbx.connect("07:00:00", "Event: QueueParams\nQueue: dyn\n\n");
    assert_eq!(pbx.link(), (true, true));
    assert_eq!(pbx.one(), (Cause::Restart, Progress::Pending));
    assert!(pbx.sent()[0].starts_with("QueueAdd("));
}

#[test]
fn after_a_gap_what_is_found_is_adopted() {
    let mut pbx = settled();
    pbx.lose();
    pbx.link();
    pbx.connect("06:00:00", &member("dyn", LOCAL, "dynamic", Some("by hand")));
    assert_eq!(pbx.link(), (true, false));
    assert_eq!(pbx.one(), (Cause::Pbx, Progress::Pending));
    pbx.later(10_000);
    assert!(pbx.sent().is_empty());
}

#[test]
fn a_wish_made_while_the_link_was_away_is_newer_than_what_is_found() {
    let mut pbx = settled();
    pbx.lose();
    pbx.link();
    pbx.wish(vec![wish("dyn", LOCAL, true, Some("Lunch"))]);
    assert!(pbx.sent().is_empty());
    pbx.connect("06:00:00", &member("dyn", LOCAL, "dynamic", Some("by hand")));
    assert_eq!(pbx.sent(), [format!("QueuePause(Queue: dyn, Interface: {LOCAL}, Paused: true, Reason: Lunch)")]);
}

#[test]
fn a_reload_that_loses_members_is_mended_three_times_a_minute() {
    let mut pbx = settled();
    for _ in 0..3 {
        pbx.say("Event: Reload\nModule: app_queue\n\n");
        pbx.list(ListKind::Queues, "Event: QueueParams\nQueue: dyn\n\n");
        pbx.lists.clear();
        let effects = pbx.machine.list(ListKind::Channels, Ok(Vec::new()), pbx.now);
        pbx.take(effects);
        assert_eq!(pbx.one(), (Cause::Restart, Progress::Pending));
        assert!(pbx.sent()[0].starts_with("QueueAdd("));
        pbx.say(&live("QueueMemberAdded", "dyn", LOCAL, None));
        assert_eq!(pbx.one(), (Cause::Ours, Progress::Applied));
        pbx.later(5_000);
    }
    pbx.say("Event: Reload\nModule: app_queue\n\n");
    pbx.list(ListKind::Queues, "Event: QueueParams\nQueue: dyn\n\n");
    let (cause, progress) = pbx.one();
    assert!(cause == Cause::Restart && matches!(progress, Progress::Failed(_)), "{progress:?}");
    assert!(pbx.sent().is_empty());
}

#[test]
fn what_is_refused_three_times_is_told_and_left_until_asked() {
    let mut pbx = settled();
    let refused = Err(AmiError::Refused { action: "QueueAdd".to_owned(), why: "No such queue".to_owned() });
    pbx.wish(vec![wish("nowhere", LOCAL, true, None)]);
    assert_eq!(pbx.one(), (Cause::Found, Progress::Pending));
    for _ in 0..3 {
        assert_eq!(pbx.sent.len(), 1);
        pbx.answer(&refused);
        pbx.later(2_000);
    }
    assert_eq!(pbx.one(), (Cause::Ours, Progress::Failed("No such queue".to_owned())));
    pbx.later(50_000);
    assert!(pbx.sent().is_empty());
    let effects = pbx.machine.retry(pbx.now);
    pbx.take(effects);
    assert_eq!(pbx.sent.len(), 1);
    assert_eq!(pbx.one().1, Progress::Pending);
    // A new link tries again, too.
    pbx.answer(&refused);
    pbx.lose();
    pbx.reports.clear();
    pbx.connect("06:00:00", "");
    assert_eq!(pbx.sent.len(), 1);
}

#[test]
fn an_accepted_action_without_effect_is_a_failure() {
    let mut pbx = settled();
    pbx.wish(vec![wish("dyn", LOCAL, true, Some("Lunch"))]);
    for _ in 0..3 {
        assert_eq!(pbx.sent.len(), 1);
        pbx.answer(&Ok(answer(&[])));
        pbx.later(3_000);
        pbx.later(3_000);
    }
    assert!(matches!(pbx.members().last(), Some((_, _, Progress::Failed(_)))));
    assert!(pbx.sent().is_empty());
}

#[test]
fn a_pbx_that_is_only_watched_is_sent_nothing() {
    let mut pbx = Pbx::new(false);
    pbx.wish(vec![wish("dyn", LOCAL, true, None), wish("support", "PJSIP/1001", true, Some("Lunch"))]);
    pbx.connect("06:00:00", &member("support", "PJSIP/1001", "static", None));
    assert!(pbx.members().iter().all(|(_, _, progress)| matches!(progress, Progress::Failed(_))));
    pbx.say(&live("QueueMemberPause", "support", "PJSIP/1001", Some("x")));
    assert_eq!(pbx.one(), (Cause::Pbx, Progress::Applied), "the PBX itself did what was wished");
    pbx.later(10_000);
    let effects = pbx.machine.return_to_queue(vec!["a@b".to_owned()], pbx.now);
    pbx.take(effects);
    assert!(pbx.sent().is_empty());
    assert!(pbx.returned[0].outcome.is_err());
}

#[test]
fn a_fixed_member_leaves_by_a_pause() {
    let mut pbx = Pbx::new(true);
    pbx.wish(vec![wish("support", "PJSIP/1001", false, None)]);
    pbx.connect("06:00:00", &member("support", "PJSIP/1001", "static", None));
    assert_eq!(pbx.sent(), ["QueuePause(Queue: support, Interface: PJSIP/1001, Paused: true, Reason: left the queue)"]);
}

/// The recorded call through a Local member, with the answers of Getvar between.
fn local_call(pbx: &mut Pbx, until: &str) {
    let effects = pbx.machine.watch(vec![WatchedEndpoint { endpoint: "1003".to_owned(), interface: LOCAL.to_owned() }]);
    pbx.take(effects);
    pbx.connect("06:00:00", "");
    pbx.sent.clear();
    pbx.reports.clear();
    let text = RECORDED;
    for message in events(text) {
        let event = Event::read(&message);
        if matches!(&event, Event::FullyBooted { .. } | Event::Reload { .. }) {
            continue;
        }
        if matches!(&event, Event::Hangup { channel, .. } if channel.channel.contains(until)) {
            return;
        }
        let effects = pbx.machine.event(&event, pbx.now);
        pbx.take(effects);
        if let Some((action, _)) = pbx.sent.first() {
            assert!(action.starts_with("Getvar(Channel: PJSIP/1003-"), "{action}");
            assert!(action.ends_with("Variable: CHANNEL(pjsip,call-id))"), "{action}");
            pbx.answer(&Ok(answer(&[("Value", "id@phone")])));
        }
        pbx.now += 10;
    }
}

fn calls(pbx: &Pbx) -> Vec<PbxCall> {
    let call = |event: &PbxEvent| match event {
        PbxEvent::Call(call) => Some(call.clone()),
        _ => None,
    };
    pbx.reports.iter().filter_map(call).collect()
}

#[test]
fn a_call_through_a_local_member_is_known_by_its_queue() {
    let mut pbx = Pbx::new(true);
    local_call(&mut pbx, "nobody");
    let calls = calls(&pbx);
    let first = &calls[0];
    assert_eq!((first.endpoint.as_str(), first.sip_call_id.as_str(), first.ringing_ms), ("1003", "id@phone", None));
    let ringing = calls.iter().find(|call| call.ringing_ms.is_some()).unwrap();
    assert_eq!((ringing.queue.as_deref(), ringing.caller_number.as_deref()), (Some("dyn"), Some("+74951234567")));
    assert!(ringing.waiting_since_ms < ringing.ringing_ms && ringing.answered_ms.is_none());
    let last = calls.last().unwrap();
    assert!(last.answered_ms.is_some());
    assert_eq!(
        (&last.queue, &last.waiting_since_ms),
        (&ringing.queue, &ringing.waiting_since_ms),
        "the end takes nothing away"
    );
    let gone = PbxEvent::CallGone { endpoint: "1003".to_owned(), sip_call_id: "id@phone".to_owned(), talked: true };
    assert!(pbx.reports.contains(&gone));
    let ended = |event: &&PbxEvent| matches!(event, PbxEvent::OfferEnded { .. });
    let offers: Vec<_> = pbx.reports.iter().filter(ended).collect();
    let answered =
        PbxEvent::OfferEnded { queue: "dyn".to_owned(), interface: LOCAL.to_owned(), outcome: OfferOutcome::Answered };
    assert_eq!(offers, [&answered]);
}

/// In the middle of the recorded call, both bridges standing.
fn talking() -> Pbx {
    let mut pbx = Pbx::new(true);
    let text = RECORDED;
    let end = text.find("Event: HangupRequest").unwrap();
    let effects = pbx.machine.watch(vec![WatchedEndpoint { endpoint: "1003".to_owned(), interface: LOCAL.to_owned() }]);
    pbx.take(effects);
    pbx.connect("06:00:00", "");
    contacts::registered(&mut pbx, "1003");
    for message in events(&text[..end]) {
        let event = Event::read(&message);
        if matches!(&event, Event::FullyBooted { .. } | Event::Reload { .. }) {
            continue;
        }
        let effects = pbx.machine.event(&event, pbx.now);
        pbx.take(effects);
        pbx.answer(&Ok(answer(&[("Value", "id@phone")])));
    }
    pbx
}

#[test]
fn a_lost_call_sends_its_customer_back_first_in_line() {
    let mut pbx = talking();
    let effects = pbx.machine.return_to_queue(vec!["id@phone".to_owned(), "other".to_owned()], pbx.now);
    pbx.take(effects);
    assert_eq!(pbx.returned.len(), 1);
    assert!(pbx.returned.remove(0).outcome.is_err(), "nobody knows the other");
    assert!(pbx.sent.is_empty(), "the queue would ring the dead contact");
    pbx.now += 200;
    contacts::registers_anew(&mut pbx, "1003");
    let mut all = Vec::new();
    while !pbx.sent.is_empty() {
        all.extend(pbx.sent.iter().map(|(action, _)| action.clone()));
        pbx.answer(&Ok(answer(&[])));
    }
    let expected = [
        "Setvar(Channel: PJSIP/trunk-00000002, Variable: QUEUE_PRIO, Value: 1000000)",
        "Redirect(Channel: PJSIP/trunk-00000002, Context: from-trunk, Exten: 702, Priority: 2)",
        "Hangup(Channel: PJSIP/1003-00000003)",
    ];
    assert_eq!(all, expected);
    assert!(pbx.returned.is_empty(), "only his arrival is a success");
    let join = RECORDED.split("\n\n").find(|part| part.starts_with("Event: QueueCallerJoin")).unwrap();
    pbx.say(&format!("{join}\n\n"));
    assert_eq!(pbx.returned, [Returned { sip_call_id: "id@phone".to_owned(), outcome: Ok("dyn".to_owned()) }]);
}

#[test]
fn a_customer_who_does_not_arrive_is_told() {
    let mut pbx = Pbx::new(true);
    local_call(&mut pbx, "trunk");
    pbx.returned.clear();
    let effects = pbx.machine.return_to_queue(vec!["id@phone".to_owned()], pbx.now);
    pbx.take(effects);
    // The bridge is gone in this part of the recording: nobody is on the other side, and the dead leg is hung up.
    assert!(pbx.returned[0].outcome.is_err(), "{:?}", pbx.returned);
    assert_eq!(pbx.sent(), ["Hangup(Channel: PJSIP/1003-00000003)"]);
}

fn agent(event: &str, interface: &str, dest: &str) -> String {
    format!(
        "Event: {event}\nQueue: dyn\nInterface: {interface}\nChannel: PJSIP/trunk-1\nUniqueid: 1.1\nDestChannel: PJSIP/x-{dest}\n\
         DestUniqueid: 1.{dest}\n\n"
    )
}

#[test]
fn each_offer_ends_once() {
    let other = "PJSIP/1001";
    let outcome = |pbx: &mut Pbx| -> Vec<(String, OfferOutcome)> {
        std::mem::take(&mut pbx.reports)
            .into_iter()
            .filter_map(|event| match event {
                PbxEvent::OfferEnded { interface, outcome, .. } => Some((interface, outcome)),
                _ => None,
            })
            .collect()
    };
    let mut pbx = settled();
    pbx.wish(vec![wish("dyn", LOCAL, true, None), wish("dyn", other, true, None)]);
    let hangup = |dest: &str| format!("Event: Hangup\nChannel: PJSIP/x-{dest}\nUniqueid: 1.{dest}\n\n");
    let calls = [agent("AgentCalled", LOCAL, "2"), agent("AgentCalled", other, "3")].concat();

    pbx.say(&format!("{calls}{}", agent("AgentConnect", other, "3")));
    assert_eq!(
        outcome(&mut pbx),
        [(other.to_owned(), OfferOutcome::Answered), (LOCAL.to_owned(), OfferOutcome::Withdrawn)]
    );

    pbx.say(&format!("{calls}{}{}", hangup("2"), agent("AgentRingNoAnswer", LOCAL, "2")));
    assert_eq!(outcome(&mut pbx), [(LOCAL.to_owned(), OfferOutcome::NotTaken)]);
    pbx.say("Event: QueueCallerAbandon\nQueue: dyn\nChannel: PJSIP/trunk-1\nUniqueid: 1.1\n\n");
    assert_eq!(outcome(&mut pbx), [(other.to_owned(), OfferOutcome::Withdrawn)]);

    pbx.say(&format!("{}{}", agent("AgentCalled", LOCAL, "2"), hangup("2")));
    assert!(outcome(&mut pbx).is_empty(), "the word of the queue may still come");
    pbx.later(600);
    assert_eq!(outcome(&mut pbx), [(LOCAL.to_owned(), OfferOutcome::Withdrawn)]);
    pbx.later(600);
    assert!(outcome(&mut pbx).is_empty());
}
