//! Links that break, lists that are refused, programs that are killed: what is told then, and what must not be.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

use ami::{Event, Message};
use calls::call::{EndedBy, Exit};
use calls::{Assembly, Call, Changed, Directory, Ended, JoinReason, LINGER_MS, Look, PbxIx, Snapshot, Who};

#[derive(Debug)]
struct House;

impl Directory for House {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        match endpoint {
            name if name.contains("trunk") => Who::Trunk,
            name if name.contains("station") => Who::OtherPbx,
            _ => Who::Phone,
        }
    }
}

const HERE: PbxIx = PbxIx(0);
const FAR: PbxIx = PbxIx(1);

/// A channel of the stories: its name, its uniqueid and the id of its call.
type Chan = (&'static str, &'static str, &'static str);

const CUSTOMER: Chan = ("PJSIP/trunk-1", "1.1", "1.1");
const OPERATOR: Chan = ("PJSIP/101-2", "1.2", "1.1");

struct Story {
    assembly: Assembly,
    ended: Vec<Ended>,
}

impl Story {
    fn new() -> Self {
        let mut assembly = Assembly::new();
        assembly.give_ids(1..1_000);
        assembly.keep_journal();
        Self { assembly, ended: Vec::new() }
    }

    fn say_at(&mut self, pbx: PbxIx, at: i64, event: &str, channel: Chan, more: &[(&str, &str)]) {
        let message = message(event, channel, more);
        self.assembly.event(pbx, at, &Event::read(&message));
    }

    fn say(&mut self, at: i64, event: &str, channel: Chan, more: &[(&str, &str)]) {
        self.say_at(HERE, at, event, channel, more);
    }

    /// A customer calls and waits in the queue from 1.1 s on.
    fn waits(&mut self) {
        self.say(1_000, "Newchannel", CUSTOMER, &[("ChannelState", "4"), ("CallerIDNum", "84951234567")]);
        let queue = [("Queue", "support"), ("Position", "1"), ("ChannelState", "6")];
        self.say(1_100, "QueueCallerJoin", CUSTOMER, &queue);
    }

    /// And speaks with an operator from 3 s on.
    fn talks(&mut self) {
        self.waits();
        self.say(2_000, "Newchannel", OPERATOR, &[("ChannelState", "0")]);
        self.say(3_000, "Newstate", OPERATOR, &[("ChannelState", "6")]);
        let taken = [("Queue", "support"), ("Interface", "PJSIP/101"), ("MemberName", "Anna")];
        let dest = [("DestChannel", OPERATOR.0), ("DestUniqueid", OPERATOR.1)];
        self.say(3_000, "AgentConnect", CUSTOMER, &[taken, [dest[0], dest[1], dest[1]]].concat());
        for channel in [OPERATOR, CUSTOMER] {
            self.say(3_000, "BridgeEnter", channel, &bridge("b1"));
        }
    }

    fn look(&mut self, gap_ms: Option<i64>, asked_ms: i64, snapshot: &Snapshot<'_>) {
        self.assembly.resync(Look { pbx: HERE, gap_ms, asked_ms, now_ms: asked_ms + 10 }, snapshot);
    }

    fn until(&mut self, now_ms: i64) -> &mut Self {
        let ended = self.assembly.take_ended(now_ms, &House);
        self.ended.extend(ended);
        self
    }

    fn only(&mut self) -> Call {
        self.until(1_000_000);
        assert_eq!(
            self.ended.len(),
            1,
            "{:#?}",
            self.ended.iter().map(|ended| ended.call.to_string()).collect::<Vec<_>>()
        );
        self.ended.pop().unwrap().call
    }
}

fn message(event: &str, channel: Chan, more: &[(&str, &str)]) -> Message {
    let own = [("Event", event), ("Channel", channel.0), ("Uniqueid", channel.1), ("Linkedid", channel.2)];
    let state = [("ChannelState", "6")];
    let state = if more.iter().any(|(key, _)| *key == "ChannelState") { &[][..] } else { &state[..] };
    let fields = own.iter().chain(state).chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Message::new(fields.collect::<Vec<_>>())
}

fn bridge(id: &str) -> [(&str, &str); 3] {
    [("BridgeUniqueid", id), ("BridgeType", "basic"), ("BridgeTechnology", "simple_bridge")]
}

/// Lists with these channels: each as CoreShowChannels tells it.
fn lists(channels: &[Message]) -> Snapshot<'_> {
    let shown = channels.iter().filter_map(|message| match Event::read(message) {
        Event::CoreShowChannel(shown) => Some(shown),
        _ => None,
    });
    Snapshot {
        channels: Some(shown.collect()),
        holding_bridges: Some(Vec::new()),
        waiting: Some(Vec::new()),
        parked: Some(Vec::new()),
    }
}

fn shown(channel: Chan, application: &str, bridge: &str, duration: &str) -> Message {
    message("CoreShowChannel", channel, &[("Application", application), ("BridgeId", bridge), ("Duration", duration)])
}

#[test]
fn a_list_that_was_not_given_says_nothing() {
    let mut story = Story::new();
    story.talks();
    let only_queues = Snapshot { waiting: Some(Vec::new()), ..Snapshot::default() };
    story.look(Some(3_000), 20_000, &only_queues);
    story.look(None, 40_000, &Snapshot::default());
    story.until(50_000);
    assert!(story.ended.is_empty(), "the call goes on");
    for channel in [OPERATOR, CUSTOMER] {
        story.say(60_000, "Hangup", channel, &[("Cause", "16")]);
    }
    assert_eq!(story.only().connected_ms, 57_000);
}

#[test]
fn what_vanished_in_a_gap_is_closed_within_it() {
    let mut story = Story::new();
    story.talks();
    story.look(Some(10_000), 20_000, &lists(&[]));
    let call = story.only();
    assert_eq!((call.ended_by, call.ended_ms), (EndedBy::LostInGap, Some(10_000)));
}

/// Whoever was joined with the customer then, and whoever ended that, nobody heard.
#[test]
fn who_was_handed_on_before_a_gap_is_not_hung_up_by_the_pbx() {
    let mut story = Story::new();
    story.talks();
    story.say(8_000, "BridgeLeave", OPERATOR, &bridge("b1"));
    story.say(8_000, "BridgeLeave", CUSTOMER, &bridge("b1"));
    story.say(8_010, "HangupRequest", OPERATOR, &[("Cause", "16")]);
    story.say(8_010, "Hangup", OPERATOR, &[("Cause", "16")]);
    story.look(Some(10_000), 20_000, &lists(&[]));
    let call = story.only();
    assert_eq!((call.ended_by, call.ended_ms, call.connected_ms), (EndedBy::LostInGap, Some(10_000), 5_000));
}

#[test]
fn a_channel_that_is_heard_of_after_it_was_given_up_was_there_all_the_time() {
    let mut story = Story::new();
    story.talks();
    story.look(Some(10_000), 20_000, &lists(&[]));
    story.until(20_600);
    assert!(story.ended.is_empty());
    for channel in [OPERATOR, CUSTOMER] {
        story.say(20_700, "DTMFEnd", channel, &[("Digit", "1"), ("Direction", "Received")]);
    }
    story.until(30_000);
    assert!(story.ended.is_empty(), "both are there");
    for channel in [OPERATOR, CUSTOMER] {
        story.say(33_000, "Hangup", channel, &[("Cause", "16")]);
    }
    let call = story.only();
    assert_eq!((call.connected_ms, call.ended_ms), (30_000, Some(33_000)));
}

#[test]
fn a_young_channel_is_not_closed_by_a_list_that_was_asked_for_before_it() {
    let mut story = Story::new();
    story.waits();
    // By the PBX's clock, which is a little behind ours.
    story.look(None, 1_200, &lists(&[]));
    story.until(60_000);
    assert!(story.ended.is_empty());
}

/// Asterisk writes a list at once, while what happened before it still waits to be written.
#[test]
fn a_list_that_overtakes_events_takes_nothing_from_them() {
    let exten = [("Exten", "7001"), ("Context", "from-trunk")];
    let begins = |story: &mut Story| {
        let state = [("ChannelState", "4"), ("CallerIDNum", "84951234567")];
        story.say(1_000, "Newchannel", CUSTOMER, &[state, exten].concat());
        let step = [("ChannelState", "6"), ("Application", "Answer"), ("AppData", "")];
        story.say(1_010, "Newexten", CUSTOMER, &[&step[..], &exten].concat());
        story.talks();
        for channel in [OPERATOR, CUSTOMER] {
            story.say(9_000, "Hangup", channel, &[("Cause", "16")]);
        }
    };
    let mut plain = Story::new();
    begins(&mut plain);
    let told = plain.only();
    assert!(told.to_string().contains("to 7001") && told.visits.len() == 1, "{told}");
    let mut story = Story::new();
    let customer = message("CoreShowChannel", CUSTOMER, &[("ChannelState", "4"), ("Duration", "00:00:00")]);
    story.look(Some(0), 1_020, &lists(&[customer]));
    let dump = story.assembly.dump();
    begins(&mut story);
    let journal = story.assembly.take_journal();
    let found = story.only();
    assert_eq!((found.began_ms, found.ended_ms, found.connected_ms), (told.began_ms, told.ended_ms, told.connected_ms));
    assert_eq!((found.visits[0].exit, found.visits[0].entered_ms), (told.visits[0].exit, told.visits[0].entered_ms));
    assert_eq!(found.to_string(), told.to_string());
    for before in [&[][..], &dump] {
        let mut again = Story::new();
        again.assembly.replay(before).unwrap();
        again.assembly.replay(&journal).unwrap();
        assert_eq!(again.only().to_string(), told.to_string());
    }
}

#[test]
fn what_was_asked_for_makes_no_event_older() {
    let mut story = Story::new();
    story.talks();
    // By our clock, a little later than what the PBX says next.
    story.assembly.sip_call_id(HERE, 3_400, OPERATOR.1, "call-id-1");
    story.say(3_350, "BridgeLeave", OPERATOR, &bridge("b1"));
    story.say(3_360, "Hangup", OPERATOR, &[("Cause", "16")]);
    story.say(3_370, "Hangup", CUSTOMER, &[("Cause", "16")]);
    let call = story.only();
    assert_eq!(call.talks.len(), 1);
    assert_eq!(call.talks[0].ended_ms, Some(3_370));
    assert!(call.parties.iter().any(|party| party.sip_call_ids == ["call-id-1"]));
}

#[test]
fn who_was_answered_in_a_gap_was_answered() {
    let mut story = Story::new();
    story.waits();
    let (customer, operator) = (shown(CUSTOMER, "Queue", "b1", "30"), shown(OPERATOR, "AppQueue", "b1", "10"));
    story.look(Some(5_000), 30_000, &lists(&[customer, operator]));
    for channel in [OPERATOR, CUSTOMER] {
        story.say(50_000, "Hangup", channel, &[("Cause", "16")]);
    }
    let call = story.only();
    let operator = call.parties.iter().position(|party| party.endpoint == "PJSIP/101");
    assert_eq!(call.visits[0].exit, Exit::Answered { by: operator });
    assert_eq!(call.connected_ms, 50_000 - 30_010);
}

#[test]
fn who_left_a_queue_in_a_gap_and_speaks_with_nobody_is_not_told_to_have_given_up() {
    let mut story = Story::new();
    story.waits();
    let customer = shown(CUSTOMER, "Playback", "", "30");
    story.look(Some(5_000), 30_000, &lists(&[customer]));
    story.say(40_000, "Hangup", CUSTOMER, &[("Cause", "16")]);
    assert_eq!(story.only().visits[0].exit, Exit::LostInGap);
}

#[test]
fn a_call_that_was_there_before_us_is_nobody_s_click() {
    let mut story = Story::new();
    let (customer, operator) = (shown(CUSTOMER, "Queue", "b1", "30"), shown(OPERATOR, "AppQueue", "b1", "10"));
    story.look(None, 30_000, &lists(&[customer, operator]));
    for channel in [OPERATOR, CUSTOMER] {
        story.say(50_000, "Hangup", channel, &[("Cause", "16")]);
    }
    let call = story.only();
    assert!(!call.originated);
    assert_eq!(call.parties[call.caller].endpoint, "PJSIP/trunk");
    assert_eq!(call.began_ms, 10);
}

/// An operator of one PBX dials a number that arrives at another; both ends are called `station` there.
fn across(story: &mut Story, number: &'static str, uid: [&'static str; 3], header: Option<[&str; 2]>) {
    let (phone, out, far) =
        (("PJSIP/101-1", uid[0], uid[0]), ("PJSIP/station-2", uid[1], uid[0]), ("PJSIP/station-9", uid[2], uid[2]));
    story.say(1_000, "Newchannel", phone, &[("ChannelState", "4"), ("CallerIDNum", "101")]);
    story.say(1_100, "Newchannel", out, &[("ChannelState", "0"), ("ConnectedLineNum", "101")]);
    let dialled = format!("station/sip:{number}@far");
    let dest = [("DestChannel", out.0), ("DestUniqueid", out.1), ("DestLinkedid", out.2), ("DialString", &dialled)];
    story.say(1_100, "DialBegin", phone, &dest);
    let exten = [("ChannelState", "4"), ("CallerIDNum", "101"), ("Exten", number), ("Context", "from-station")];
    story.say_at(FAR, 1_200, "Newchannel", far, &exten);
    let exten = [("Exten", number), ("Context", "from-station"), ("Application", "Answer"), ("AppData", "")];
    story.say_at(FAR, 1_250, "Newexten", far, &exten);
    if let Some([here, there]) = header {
        story.say(1_300, "VarSet", out, &[("Variable", "LINEDESK_CALL"), ("Value", here)]);
        story.say_at(FAR, 1_300, "VarSet", far, &[("Variable", "LINEDESK_CALL"), ("Value", there)]);
    }
    for (pbx, channel) in [(HERE, phone), (HERE, out), (FAR, far)] {
        story.say_at(pbx, 9_000, "Hangup", channel, &[("Cause", "16")]);
    }
}

#[test]
fn numbers_and_time_join_calls_between_two_pbxs() {
    let mut story = Story::new();
    across(&mut story, "28101", ["1.1", "1.2", "7.1"], None);
    let call = story.only();
    assert!(call.joins.iter().any(|join| join.reason == JoinReason::NumberAndTime));
}

#[test]
fn different_headers_are_different_calls_whatever_numbers_say() {
    let mut story = Story::new();
    across(&mut story, "28101", ["1.1", "1.2", "7.1"], Some(["call-a", "call-b"]));
    story.until(20_000);
    assert_eq!(story.ended.len(), 2);
}

#[test]
fn two_that_fit_equally_well_are_left_apart() {
    let mut story = Story::new();
    across(&mut story, "28101", ["1.1", "1.2", "7.1"], None);
    across(&mut story, "28101", ["2.1", "2.2", "8.1"], None);
    assert_eq!(story.until(20_000).ended.len(), 4);
}

#[test]
fn what_was_left_apart_is_left_apart_by_the_journal_too() {
    let mut story = Story::new();
    across(&mut story, "28101", ["1.1", "1.2", "7.1"], None);
    across(&mut story, "28101", ["2.1", "2.2", "8.1"], None);
    // Decided, but not told yet: the last hangup was just now.
    story.until(9_000 + LINGER_MS - 1);
    let mut again = Story::new();
    again.assembly.replay(&story.assembly.take_journal()).unwrap();
    assert_eq!(again.until(20_000).ended.len(), 4);
}

#[test]
fn a_dump_mends_what_the_journal_before_it_lost() {
    let mut story = Story::new();
    story.waits();
    let before = story.assembly.take_journal();
    story.talks();
    let lost = story.assembly.take_journal();
    assert!(!lost.is_empty());
    let dump = story.assembly.dump();
    story.assembly.take_journal();
    for channel in [OPERATOR, CUSTOMER] {
        story.say(50_000, "Hangup", channel, &[("Cause", "16")]);
    }
    let after = story.assembly.take_journal();
    let told = story.only();
    for journal in
        [[&before[..], &lost, &dump, &after], [&before, &dump, &[], &after], [&before, &lost[..9], &dump, &after]]
    {
        let mut again = Story::new();
        for part in journal {
            // Cut in the middle of a note, too.
            let _ = again.assembly.replay(part);
        }
        assert_eq!(again.only().to_string(), told.to_string());
        let figures = again.assembly.figures();
        assert_eq!((figures.channels, figures.calls, figures.notes), (0, 0, 0));
    }
}

#[test]
fn what_was_told_is_told_again_and_takes_nothing_in() {
    let mut story = Story::new();
    story.talks();
    for channel in [OPERATOR, CUSTOMER] {
        story.say(9_000, "Hangup", channel, &[("Cause", "16")]);
    }
    story.until(20_000);
    let mut again = Story::new();
    again.assembly.replay(&story.assembly.take_journal()).unwrap();
    // The same linkedid after hours: a PBX with another clock, or a stray event.
    again.say(30_000, "Newchannel", ("PJSIP/102-7", "1.7", "1.1"), &[("ChannelState", "4")]);
    again.until(31_000);
    assert_eq!((again.ended.len(), again.ended[0].id), (1, story.ended[0].id));
    assert_eq!(again.ended[0].call.to_string(), story.ended[0].call.to_string());
    assert_eq!(again.assembly.figures().calls, 1, "the stray one by itself");
}

#[test]
fn local_channels_of_a_restarted_pbx_are_not_those_of_before() {
    let mut story = Story::new();
    let local = |uid: [&'static str; 2]| {
        [("Local/101@x-00000001;1", uid[0], uid[0]), ("Local/101@x-00000001;2", uid[1], uid[0])]
    };
    for channel in local(["100.1", "100.2"]) {
        story.say(1_000, "Newchannel", channel, &[("ChannelState", "0")]);
    }
    for channel in local(["900.1", "900.2"]) {
        story.say(60_000, "Newchannel", channel, &[("ChannelState", "0")]);
    }
    assert_eq!(story.assembly.figures().calls, 2);
}

#[test]
fn a_hold_ends_with_the_bridge_it_was_made_in() {
    let mut story = Story::new();
    story.talks();
    story.say(10_000, "Hold", OPERATOR, &[]);
    for channel in [OPERATOR, CUSTOMER] {
        story.say(12_000, "BridgeLeave", channel, &bridge("b1"));
        story.say(12_000, "BridgeEnter", channel, &bridge("b2"));
    }
    story.say(20_000, "Hold", OPERATOR, &[]);
    story.say(25_000, "Unhold", OPERATOR, &[]);
    for channel in [OPERATOR, CUSTOMER] {
        story.say(50_000, "Hangup", channel, &[("Cause", "16")]);
    }
    let call = story.only();
    let held: i64 =
        call.talks.iter().flat_map(|talk| &talk.holds).map(|hold| hold.ended_ms.unwrap() - hold.began_ms).sum();
    assert_eq!(held, 7_000);
}

/// What happens at the same time is told in any order.
#[test]
fn who_still_talks_does_not_wait() {
    let mut story = Story::new();
    story.talks();
    let lot = [("Parkinglot", "lot"), ("ParkingSpace", "701")];
    let parkee = [("ParkeeChannel", CUSTOMER.0), ("ParkeeUniqueid", CUSTOMER.1), ("ParkeeLinkedid", CUSTOMER.2)];
    story.say(8_000, "ParkedCall", CUSTOMER, &[&lot[..], &parkee].concat());
    for channel in [OPERATOR, CUSTOMER] {
        story.say(8_040, "BridgeLeave", channel, &bridge("b1"));
    }
    story.say(8_100, "Hangup", OPERATOR, &[("Cause", "16")]);
    story.say(12_000, "Hangup", CUSTOMER, &[("Cause", "16")]);
    let call = story.only();
    assert_eq!((call.talked_ms, call.waited_ms), (5_040, 1_900 + 3_960));
}

#[test]
fn who_looks_on_is_told_of_calls_that_became_one() {
    let mut story = Story::new();
    let other: Chan = ("PJSIP/102-7", "1.7", "1.7");
    story.waits();
    story.say(1_500, "Newchannel", other, &[("ChannelState", "4")]);
    let ids: Vec<u64> = story.assembly.take_changed(2_000, &House).into_iter().map(|changed| changed.id).collect();
    assert_eq!(ids.len(), 2);
    for channel in [CUSTOMER, other] {
        story.say(3_000, "BridgeEnter", channel, &bridge("b1"));
    }
    let changed = story.assembly.take_changed(3_000, &House);
    assert_eq!(
        changed.iter().map(|Changed { id, absorbed, .. }| (*id, absorbed.clone())).collect::<Vec<_>>(),
        [(ids[0], vec![ids[1]])]
    );
}

#[test]
fn a_pbx_that_is_ours_no_more_leaves_nothing() {
    let mut story = Story::new();
    story.talks();
    story.assembly.heard(HERE, 8_000);
    story.assembly.give_up(HERE, 20_000);
    let call = story.only();
    assert_eq!(call.ended_ms, Some(8_000));
    assert_eq!(story.assembly.figures().channels, 0);
}

#[test]
fn a_long_story_keeps_who_talks_with_whom() {
    let mut story = Story::new();
    story.talks();
    for at in 0..30_000 {
        let (digit, at) = (if at % 2 == 0 { "1" } else { "2" }, 4_000 + at * 100);
        story.say(at, "DTMFEnd", CUSTOMER, &[("Digit", digit), ("Direction", "Received")]);
    }
    assert!(story.assembly.figures().dropped > 0);
    let end = 4_000_000;
    for channel in [OPERATOR, CUSTOMER] {
        story.say(end, "BridgeLeave", channel, &bridge("b1"));
        story.say(end + 10_000, "Hangup", channel, &[("Cause", "16")]);
    }
    story.until(end + 20_000);
    assert_eq!(story.ended[0].call.connected_ms, end - 3_000);
}

#[test]
fn the_journal_knows_until_when_each_pbx_was_heard() {
    let mut story = Story::new();
    story.talks();
    for at in [4_000, 4_100, 9_000] {
        story.assembly.heard(HERE, at);
    }
    let mut again = Assembly::new();
    again.replay(&story.assembly.take_journal()).unwrap();
    assert_eq!(again.heard_until(), [(HERE, 9_000)]);
    let mut again = Assembly::new();
    again.replay(&story.assembly.dump()).unwrap();
    assert_eq!(again.heard_until(), [(HERE, 9_000)]);
}

#[test]
fn a_wrong_join_can_be_split() {
    let mut story = Story::new();
    let (other, colleague): (Chan, Chan) = (("PJSIP/trunk-7", "5.1", "5.1"), ("PJSIP/102-8", "5.2", "5.1"));
    story.talks();
    story.say(4_000, "Newchannel", other, &[("ChannelState", "4"), ("CallerIDNum", "84957654321")]);
    story.say(4_100, "Newchannel", colleague, &[("ChannelState", "0")]);
    // Something of the dialplan gives both the same header.
    for channel in [CUSTOMER, other] {
        story.say(5_000, "VarSet", channel, &[("Variable", "LINEDESK_CALL"), ("Value", "the same")]);
    }
    for channel in [OPERATOR, CUSTOMER, colleague, other] {
        story.say(9_000, "Hangup", channel, &[("Cause", "16")]);
    }
    let journal = story.assembly.take_journal();
    let wrong = story.only();
    let join = wrong.joins.iter().find(|join| join.reason == JoinReason::CallHeader).unwrap();
    let mut again = Story::new();
    again.assembly.keep_apart((HERE, &join.one), (HERE, &join.two));
    again.assembly.replay(&journal).unwrap();
    again.until(1_000_000);
    let mut parties: Vec<Vec<&str>> = again
        .ended
        .iter()
        .map(|ended| ended.call.parties.iter().map(|party| party.endpoint.as_str()).collect())
        .collect();
    parties.sort();
    assert_eq!(parties, [["PJSIP/trunk", "PJSIP/101"], ["PJSIP/trunk", "PJSIP/102"]]);
}

#[path = "gaps/stories.rs"]
mod stories;
