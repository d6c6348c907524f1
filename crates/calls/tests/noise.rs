//! Events that no PBX would send in this order: whatever comes, nothing breaks, rules of the figures hold, nothing is kept.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

#[expect(dead_code, reason = "the recorded streams are for other tests")]
mod streams;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ami::{Event, Message};
use calls::{Assembly, Call, LINGER_MS, Look, PbxIx};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use streams::{House, nothing};

/// An event: which, with which channels, bridges, queues, and after how many ms.
type Spec = (usize, usize, usize, usize, i64);

const CHANNELS: [&str; 8] = [
    "PJSIP/trunk-1",
    "PJSIP/101-2",
    "PJSIP/102-3",
    "Local/101@x-4;1",
    "Local/101@x-4;2",
    "PJSIP/trunk-5",
    "CBAnn/1-6",
    "PJSIP/101-7",
];

fn channel(fields: &mut Vec<(String, String)>, prefix: &str, at: usize, linked: usize) {
    let name = CHANNELS[at % CHANNELS.len()];
    for (key, value) in [
        ("Channel", name.to_owned()),
        ("Uniqueid", format!("1.{}", at % CHANNELS.len())),
        ("Linkedid", format!("1.{}", linked % CHANNELS.len())),
        ("ChannelState", (at % 7).to_string()),
        ("CallerIDNum", format!("49512345{linked}")),
        ("ConnectedLineNum", linked.to_string()),
        ("Context", "from-trunk".to_owned()),
        ("Exten", ["700", "s", "h", "1", ""][linked % 5].to_owned()),
    ] {
        fields.push((format!("{prefix}{key}"), value));
    }
}

fn message((what, one, two, three, _): Spec) -> Message {
    const NAMES: [&str; 47] = [
        "Newchannel",
        "Newstate",
        "Newexten",
        "NewCallerid",
        "Hangup",
        "HangupRequest",
        "Hold",
        "Unhold",
        "DialBegin",
        "DialEnd",
        "BridgeEnter",
        "BridgeEnter",
        "BridgeLeave",
        "LocalBridge",
        "QueueCallerJoin",
        "QueueCallerLeave",
        "QueueCallerAbandon",
        "AgentCalled",
        "AgentConnect",
        "AgentRingNoAnswer",
        "AgentDump",
        "VarSet",
        "DTMFEnd",
        "BlindTransfer",
        "AttendedTransfer",
        "Pickup",
        "ParkedCall",
        "UnParkedCall",
        "ParkedCallTimeOut",
        "Rename",
        "ChanSpyStart",
        "Bridge",
        "Masquerade",
        "UserEvent",
        // Of Asterisk before 12.
        "Join",
        "Leave",
        "Dial",
        "CEL",
        "Transfer",
        "MusicOnHoldStart",
        "MusicOnHoldStop",
        "ConfbridgeJoin",
        "ConfbridgeLeave",
        "MixMonitorStart",
        "MixMonitorStop",
        "ChanSpyStop",
        "NewConnectedLine",
    ];
    let name = NAMES[what % NAMES.len()];
    let mut fields = vec![("Event".to_owned(), name.to_owned())];
    channel(&mut fields, "", one, three);
    for prefix in ["Dest", "LocalOne", "Transferer", "OrigTransferer", "Target", "Parkee", "Spyer"] {
        channel(&mut fields, prefix, two, three);
    }
    for prefix in ["LocalTwo", "Transferee", "SecondTransferer", "TransferTarget", "Retriever", "Spyee"] {
        channel(&mut fields, prefix, three, one);
    }
    for (key, value) in [
        ("BridgeUniqueid", format!("b{}", two % 3)),
        ("BridgeTechnology", ["simple_bridge", "holding_bridge"][three % 2].to_owned()),
        ("Queue", format!("q{}", two % 2)),
        ("Interface", "PJSIP/101".to_owned()),
        ("DialStatus", ["ANSWER", "BUSY", "CANCEL", "NOANSWER"][three % 4].to_owned()),
        ("Application", ["Queue", "Dial", "Playback"][three % 3].to_owned()),
        ("AppData", format!("q{},t", two % 2)),
        ("Variable", "QUEUESTATUS".to_owned()),
        ("Value", ["TIMEOUT", "FULL", "x"][three % 3].to_owned()),
        ("Digit", "5".to_owned()),
        ("Cause", [0, 16, 17, 21, 26][three % 5].to_string()),
        ("Newname", CHANNELS[two % CHANNELS.len()].to_owned()),
        ("Channel1", CHANNELS[one % CHANNELS.len()].to_owned()),
        ("Channel2", CHANNELS[two % CHANNELS.len()].to_owned()),
        ("Uniqueid1", format!("1.{}", one % CHANNELS.len())),
        ("Uniqueid2", format!("1.{}", two % CHANNELS.len())),
        ("Original", CHANNELS[one % CHANNELS.len()].to_owned()),
        ("Clone", CHANNELS[two % CHANNELS.len()].to_owned()),
        ("SubEvent", ["Begin", "End"][three % 2].to_owned()),
        ("Dialstring", "101".to_owned()),
        (
            "EventName",
            ["CHAN_START", "ANSWER", "BRIDGE_START", "BRIDGE_END", "ATTENDEDTRANSFER", "PICKUP", "HANGUP", "CHAN_END"]
                [two % 8]
                .to_owned(),
        ),
        ("Peer", CHANNELS[three % CHANNELS.len()].to_owned()),
        ("TransferType", ["Blind", "Attended"][two % 2].to_owned()),
        ("Conference", "1".to_owned()),
    ] {
        fields.push((key.to_owned(), value));
    }
    fields.push(("UserEvent".to_owned(), "Request".to_owned()));
    Message::new(fields)
}

fn check(specs: &[Spec]) {
    let mut assembly = Assembly::new();
    assembly.give_ids(1..1_000_000);
    assembly.keep_journal();
    let mut journal = Vec::new();
    let mut now = 1_000_000;
    let mut told: Vec<Call> = Vec::new();
    for spec in specs {
        now += spec.4;
        if spec.0 % 13 == 0 {
            assembly.unheard(PbxIx(u32::from(spec.1 > 40)), now);
        }
        assembly.event(PbxIx(u32::from(spec.1 > 40)), now, &Event::read(&message(*spec)));
        if spec.0 % 5 == 0 {
            told.extend(assembly.take_changed(now, &House).into_iter().filter_map(|changed| changed.call));
        }
        told.extend(assembly.take_ended(now, &House).into_iter().map(|ended| ended.call));
        journal.extend(assembly.take_journal());
    }
    let mut again = Assembly::new();
    again.replay(&assembly.dump()).unwrap();
    let live = assembly.figures();
    let copied = again.figures();
    assert_eq!((live.channels, live.calls, live.notes), (copied.channels, copied.calls, copied.notes));
    Assembly::new().replay(&journal).unwrap();
    for pbx in [PbxIx(0), PbxIx(1)] {
        assembly.resync(Look { pbx, gap_ms: Some(now), asked_ms: now + 1, now_ms: now + 1 }, &nothing());
    }
    told.extend(assembly.take_ended(now + 10 * LINGER_MS, &House).into_iter().map(|ended| ended.call));
    let left = assembly.figures();
    assert_eq!((left.channels, left.calls, left.notes), (0, 0, 0));
    for call in told {
        assert!(0 <= call.talked_ms && call.talked_ms <= call.connected_ms, "{call}");
        assert!(call.ended_ms.is_none_or(|ended| call.connected_ms <= ended - call.began_ms), "{call}");
        assert!(call.ended_ms.is_none_or(|ended| call.waited_ms <= ended - call.began_ms), "{call}");
        for visit in &call.visits {
            assert!(visit.left_ms.is_none_or(|left| left >= visit.entered_ms), "{call}");
        }
        let _ = call.to_string();
    }
}

fn specs(most: usize) -> impl Strategy<Value = Vec<Spec>> {
    prop::collection::vec((0..64_usize, 0..64_usize, 0..64_usize, 0..64_usize, 0..2_000_i64), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_nothing_breaks(specs in specs(120)) {
        check(&specs);
    }
}

/// The same for minutes.
#[test]
fn deep_whatever_comes_nothing_breaks() {
    for_minutes(|runner| {
        let checked = runner.run(&specs(400), |specs| {
            check(&specs);
            Ok(())
        });
        checked.unwrap();
    });
}

/// Round after round for `LINEDESK_FUZZ_S` seconds, three minutes unless it is set; `LINEDESK_SEED` repeats the rounds of another time.
fn for_minutes(mut round: impl FnMut(&mut TestRunner)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let lasts = Duration::from_secs(number("LINEDESK_FUZZ_S").unwrap_or(180));
    let seed = number("LINEDESK_SEED")
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    eprintln!("LINEDESK_SEED={seed} repeats it");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (began, mut rounds) = (Instant::now(), 0);
    while began.elapsed() < lasts {
        round(&mut runner);
        rounds += 1;
    }
    eprintln!("{rounds} rounds of 200");
}
