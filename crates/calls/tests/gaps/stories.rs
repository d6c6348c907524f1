//! Stories of queues, listeners, parking lots and legs between PBXs.

use calls::call::Exit;
use calls::{Assembly, Directory, JoinReason, LINGER_MS, PbxIx, Who};

use super::{CUSTOMER, Chan, FAR, HERE, House, OPERATOR, Story, bridge};

/// The other PBX is heard later than the dialled leg was refused.
#[test]
fn a_leg_that_is_gone_finds_its_other_end_until_its_call_is_told() {
    let (phone, out, far): (Chan, Chan, Chan) =
        (("PJSIP/101-1", "1.1", "1.1"), ("PJSIP/station-2", "1.2", "1.1"), ("PJSIP/station-9", "7.1", "7.1"));
    let mut story = Story::new();
    story.say(1_000, "Newchannel", phone, &[("ChannelState", "4"), ("CallerIDNum", "101")]);
    story.say(1_100, "Newchannel", out, &[("ChannelState", "0"), ("ConnectedLineNum", "101")]);
    let dest = [
        ("DestChannel", out.0),
        ("DestUniqueid", out.1),
        ("DestLinkedid", out.2),
        ("DialString", "station/sip:28101@far"),
    ];
    story.say(1_100, "DialBegin", phone, &dest);
    for channel in [out, phone] {
        story.say(1_200, "Hangup", channel, &[("Cause", "17")]);
    }
    assert!(story.until(1_900).ended.is_empty());
    let exten = [("ChannelState", "4"), ("CallerIDNum", "101"), ("Exten", "28101"), ("Context", "from-station")];
    story.say_at(FAR, 1_120, "Newchannel", far, &exten);
    let exten = [("Exten", "28101"), ("Context", "from-station"), ("Application", "Busy"), ("AppData", "")];
    story.say_at(FAR, 1_130, "Newexten", far, &exten);
    story.say_at(FAR, 1_180, "Hangup", far, &[("Cause", "17")]);
    let call = story.only();
    assert!(call.joins.iter().any(|join| join.reason == JoinReason::NumberAndTime), "{call}");
}

fn queue_step(story: &mut Story, at: i64, queue: &str) {
    let step = [("Context", "from-trunk"), ("Exten", "700"), ("Application", "Queue"), ("AppData", queue)];
    story.say(at, "Newexten", CUSTOMER, &step);
}

/// Two queues that are empty, and a third that is full, asked by one extension.
#[test]
fn each_queue_that_does_not_let_a_caller_in_is_a_visit() {
    let mut story = Story::new();
    story.say(1_000, "Newchannel", CUSTOMER, &[("ChannelState", "4"), ("CallerIDNum", "84951234567")]);
    for (at, queue, status) in [(1_010, "a", "JOINEMPTY"), (1_030, "b", "JOINEMPTY"), (1_050, "c", "FULL")] {
        queue_step(&mut story, at, queue);
        story.say(at + 5, "VarSet", CUSTOMER, &[("Variable", "QUEUESTATUS"), ("Value", status)]);
        story.say(at + 5, "VarSet", CUSTOMER, &[("Variable", "QUEUESTATUS"), ("Value", status)]);
    }
    story.say(2_000, "Hangup", CUSTOMER, &[("Cause", "16")]);
    let call = story.only();
    let visits: Vec<(&str, Exit)> = call.visits.iter().map(|visit| (visit.queue.as_str(), visit.exit)).collect();
    assert_eq!(visits, [("a", Exit::Empty), ("b", Exit::Empty), ("c", Exit::Full)]);
}

/// `Queue(support,B(pre^s^1))`: a piece of dialplan for the caller before each ring.
#[test]
fn who_passes_through_the_dialplan_while_a_queue_rings_for_him_still_waits() {
    let mut story = Story::new();
    story.say(1_000, "Newchannel", CUSTOMER, &[("ChannelState", "4"), ("CallerIDNum", "84951234567")]);
    queue_step(&mut story, 1_050, "support");
    story.say(1_100, "QueueCallerJoin", CUSTOMER, &[("Queue", "support"), ("Position", "1")]);
    let step = [("Context", "pre"), ("Exten", "s"), ("Application", "NoOp"), ("AppData", "")];
    story.say(2_000, "Newexten", CUSTOMER, &step);
    story.say(2_050, "Newchannel", OPERATOR, &[("ChannelState", "0")]);
    let offered = [("Queue", "support"), ("Interface", "PJSIP/101"), ("MemberName", "Anna")];
    let dest = [("DestChannel", OPERATOR.0), ("DestUniqueid", OPERATOR.1), ("DestLinkedid", OPERATOR.2)];
    story.say(2_100, "AgentCalled", CUSTOMER, &[offered, dest].concat());
    queue_step(&mut story, 2_150, "support");
    story.say(3_000, "Newstate", OPERATOR, &[("ChannelState", "6")]);
    story.say(3_000, "AgentConnect", CUSTOMER, &[offered, dest].concat());
    for channel in [OPERATOR, CUSTOMER] {
        story.say(3_000, "BridgeEnter", channel, &bridge("b1"));
    }
    for channel in [OPERATOR, CUSTOMER] {
        story.say(9_000, "Hangup", channel, &[("Cause", "16")]);
    }
    let call = story.only();
    let [visit] = &call.visits[..] else { panic!("{call}") };
    assert!(matches!(visit.exit, Exit::Answered { by: Some(_) }), "{call}");
    assert_eq!(visit.left_ms, Some(3_000), "{call}");
}

/// A supervisor goes on to listen when the call is over and told.
#[test]
fn who_was_listened_to_is_known_when_that_call_is_forgotten() {
    let mut story = Story::new();
    let supervisor: Chan = ("PJSIP/200-9", "9.1", "9.1");
    story.talks();
    story.say(4_000, "Newchannel", supervisor, &[("ChannelState", "4"), ("CallerIDNum", "200")]);
    let spied = [("SpyeeChannel", OPERATOR.0), ("SpyeeUniqueid", OPERATOR.1), ("SpyeeLinkedid", OPERATOR.2)];
    let spies = [("SpyerChannel", supervisor.0), ("SpyerUniqueid", supervisor.1), ("SpyerLinkedid", supervisor.2)];
    story.say(5_000, "ChanSpyStart", supervisor, &[spied, spies].concat());
    for channel in [OPERATOR, CUSTOMER] {
        story.say(6_000, "Hangup", channel, &[("Cause", "16")]);
    }
    assert_eq!(story.until(20_000).ended.len(), 1);
    story.ended.clear();
    story.say(30_000, "Hangup", supervisor, &[("Cause", "16")]);
    let call = story.only();
    assert_eq!(call.listens.iter().map(|listen| listen.channel.as_str()).collect::<Vec<_>>(), [OPERATOR.1]);
}

#[test]
fn what_goes_on_is_shown_once_there_are_ids() {
    let mut story = Story::new();
    story.assembly = Assembly::new();
    story.talks();
    assert!(story.assembly.take_changed(4_000, &House).is_empty());
    story.assembly.give_ids(1..10);
    assert_eq!(story.assembly.take_changed(4_100, &House).len(), 1);
    assert!(story.assembly.take_changed(4_200, &House).is_empty());
}

/// Two PBXs with the same numbers.
#[derive(Debug)]
struct Mirrors;

impl Directory for Mirrors {
    fn who(&self, pbx: PbxIx, endpoint: &str) -> Who {
        House.who(pbx, endpoint)
    }

    fn object(&self, _: PbxIx) -> PbxIx {
        HERE
    }
}

/// A phone is registered at both PBXs, and both ring it for one customer.
#[test]
fn a_phone_of_two_mirrors_is_one_party() {
    let parties = |directory: &dyn Directory| {
        let mut story = Story::new();
        let (out, far, twin): (Chan, Chan, Chan) =
            (("PJSIP/station-2", "1.3", "1.1"), ("PJSIP/station-9", "7.1", "7.1"), ("PJSIP/101-5", "7.2", "7.1"));
        story.say(1_000, "Newchannel", CUSTOMER, &[("ChannelState", "4"), ("CallerIDNum", "84951234567")]);
        for (channel, dialled) in [(OPERATOR, "101"), (out, "station/sip:101@far")] {
            story.say(1_100, "Newchannel", channel, &[("ChannelState", "0"), ("ConnectedLineNum", "84951234567")]);
            let dest = [("DestChannel", channel.0), ("DestUniqueid", channel.1), ("DestLinkedid", channel.2)];
            story.say(1_100, "DialBegin", CUSTOMER, &[&dest[..], &[("DialString", dialled)]].concat());
        }
        let exten =
            [("ChannelState", "4"), ("CallerIDNum", "84951234567"), ("Exten", "101"), ("Context", "from-station")];
        story.say_at(FAR, 1_200, "Newchannel", far, &exten);
        for (pbx, channel) in [(HERE, out), (FAR, far)] {
            story.say_at(pbx, 1_210, "VarSet", channel, &[("Variable", "LINEDESK_CALL"), ("Value", "one")]);
        }
        story.say_at(FAR, 1_300, "Newchannel", twin, &[("ChannelState", "0")]);
        let dest = [("DestChannel", twin.0), ("DestUniqueid", twin.1), ("DestLinkedid", twin.2), ("DialString", "101")];
        story.say_at(FAR, 1_300, "DialBegin", far, &dest);
        for (pbx, channel) in [(FAR, twin), (FAR, far), (HERE, out), (HERE, OPERATOR), (HERE, CUSTOMER)] {
            story.say_at(pbx, 9_000, "Hangup", channel, &[("Cause", "16")]);
        }
        let ended = story.assembly.take_ended(9_000 + LINGER_MS, directory);
        let [only] = &ended[..] else { panic!("{} calls", ended.len()) };
        only.call.parties.iter().filter(|party| party.endpoint == "PJSIP/101").count()
    };
    assert_eq!((parties(&House), parties(&Mirrors)), (2, 1));
}

/// A dialplan goes there and back in a millisecond, and two links tell of it one after the other.
#[test]
fn a_step_that_is_said_again_is_no_step_back() {
    let mut story = Story::new();
    story.say(1_000, "Newchannel", CUSTOMER, &[("ChannelState", "4"), ("CallerIDNum", "84951234567")]);
    let steps = [("phones", "101", "Gosub"), ("cross", "s", "Set"), ("phones", "101", "Dial")];
    for (context, exten, application) in steps.into_iter().chain(steps) {
        let place = [("Context", context), ("Exten", exten), ("Extension", exten), ("Application", application)];
        story.say(1_100, "Newexten", CUSTOMER, &[&place[..], &[("AppData", "")]].concat());
    }
    story.say(2_000, "Hangup", CUSTOMER, &[("Cause", "16")]);
    let ended = story.assembly.take_ended(2_000 + LINGER_MS, &House);
    let [only] = &ended[..] else { panic!("{} calls", ended.len()) };
    let way: Vec<&str> = only.call.steps.iter().map(|step| step.context.as_str()).collect();
    assert_eq!(way, ["phones", "cross", "phones"]);
}
