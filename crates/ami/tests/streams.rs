//! Recorded streams of real PBXs, and what no stream may do to the parser.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ami::{Event, Frame, Message, ParseError, Parser};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

const STREAMS: [(&str, &[u8]); 3] = [
    ("16 call", include_bytes!("data/asterisk16-queue-call.txt")),
    ("22 call", include_bytes!("data/asterisk22-queue-call.txt")),
    ("22 abandon", include_bytes!("data/asterisk22-queue-abandon.txt")),
];

fn frames<'b>(chunks: impl IntoIterator<Item = &'b [u8]>) -> Result<Vec<Frame>, ParseError> {
    let mut parser = Parser::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        parser.push(chunk);
        while let Some(frame) = parser.next_frame()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

fn events(stream: &[u8]) -> Vec<Message> {
    let frames = frames([stream]).unwrap();
    frames
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Message(message) if message.event().is_some() => Some(message),
            Frame::Message(_) | Frame::Banner(_) => None,
        })
        .collect()
}

/// What each stream must hold: how many messages, and how many events are understood.
#[test]
fn recorded_streams_are_read_whole() {
    for (name, stream) in STREAMS {
        let text = std::str::from_utf8(stream).unwrap();
        let expected = text.split("\n\n").filter(|part| part.contains(": ")).count();
        let read = frames([stream]).unwrap();
        // The banner stands in the same paragraph as the first answer.
        assert_eq!(read.len(), expected + 1, "{name}");
        assert!(matches!(&read[0], Frame::Banner(version) if !version.is_empty()), "{name}");
        let raw: Vec<String> = events(stream)
            .iter()
            .filter_map(|message| match Event::read(message) {
                Event::Other(message) => message.event().map(str::to_owned),
                _ => None,
            })
            .collect();
        let unused = [
            "TestEvent",
            "VarSet",
            "ChallengeSent",
            "SuccessfulAuth",
            "RTCPSent",
            "RTCPReceived",
            "MixMonitorStart",
            "MixMonitorStop",
            "MusicOnHoldStart",
            "MusicOnHoldStop",
            "DialState",
            "HangupRequest",
            "SoftHangupRequest",
            "BridgeCreate",
            "BridgeDestroy",
            "Cdr",
            "HangupHandlerPush",
            "HangupHandlerRun",
            "LocalOptimizationBegin",
            "DAHDIChannel",
        ];
        for event in raw {
            assert!(unused.contains(&event.as_str()), "{name}: {event} is known but was not understood");
        }
    }
}

#[test]
fn an_answered_queue_call_reads_alike_on_16_and_22() {
    for (name, stream) in &STREAMS[..2] {
        let mut story = Vec::new();
        for message in events(stream) {
            match Event::read(&message) {
                Event::QueueCallerJoin { caller, queue, position } => {
                    assert_eq!((caller.caller_number, position), (Some("+74951234567"), 1), "{name}");
                    assert_eq!((caller.context, caller.exten), (Some("from-trunk"), Some("700")));
                    assert_eq!(caller.priority, Some(3), "{name}: the priority of Queue() itself");
                    story.push(format!("join {queue}"));
                }
                Event::AgentCalled(call) => {
                    assert!(call.dest.channel.starts_with("PJSIP/1001-"), "{name}");
                    story.push(format!("called {}", call.interface));
                }
                Event::AgentConnect(call) => story.push(format!("connect {}", call.interface)),
                Event::AgentComplete(call) => story.push(format!("complete {}", call.interface)),
                Event::QueueCallerLeave { queue, .. } => story.push(format!("leave {queue}")),
                _ => {}
            }
        }
        let expected =
            ["join support", "called PJSIP/1001", "leave support", "connect PJSIP/1001", "complete PJSIP/1001"];
        assert_eq!(story, expected, "{name}");
    }
}

#[test]
fn an_abandoned_call_is_told() {
    let told = events(STREAMS[2].1)
        .iter()
        .any(|message| matches!(Event::read(message), Event::QueueCallerAbandon { queue: "support", .. }));
    assert!(told);
}

#[test]
fn cut_at_every_byte_a_stream_gives_the_same_messages() {
    let stream = &STREAMS[0].1[..6000];
    let whole = frames([stream]).unwrap();
    for at in 0..stream.len() {
        assert_eq!(frames([&stream[..at], &stream[at..]]).unwrap(), whole, "cut at {at}");
    }
    assert_eq!(frames(stream.chunks(1)).unwrap(), whole);
}

fn line() -> impl Strategy<Value = (String, String)> {
    // A value begins with no blank, since one blank after the colon belongs to the format.
    ("[A-Za-z][A-Za-z0-9-]{0,12}", "([^\\r\\n\\x00 ][^\\r\\n\\x00]{0,30})?")
}

fn messages() -> impl Strategy<Value = Vec<Vec<(String, String)>>> {
    prop::collection::vec(prop::collection::vec(line(), 1..8), 0..8)
}

proptest! {
    /// What was written is read again, however it is cut and whatever the line ends are.
    #[test]
    fn written_messages_are_read(messages in messages(), end in 0_usize..3, cuts in prop::collection::vec(1_usize..40, 1..60)) {
        let (line_end, message_end) = [("\r\n", "\r\n"), ("\n", "\n"), ("\r\n", "\n")][end];
        let mut bytes = format!("Asterisk Call Manager/11.0.0{line_end}").into_bytes();
        for fields in &messages {
            for (key, value) in fields {
                bytes.extend_from_slice(format!("{key}: {value}{line_end}").as_bytes());
            }
            bytes.extend_from_slice(message_end.as_bytes());
        }
        let mut chunks = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        let read = frames(chunks).unwrap();
        let expected: Vec<Frame> = std::iter::once(Frame::Banner("11.0.0".to_owned()))
            .chain(messages.into_iter().map(|fields| Frame::Message(Message::new(fields))))
            .collect();
        prop_assert_eq!(read, expected);
    }

    /// Noise: no panic, and cutting it does not change what is read.
    #[test]
    fn noise_is_read_the_same_however_it_is_cut(
        noise in noise(),
        with_banner in any::<bool>(),
        cut in 0_usize..400,
    ) {
        check_noise(&noise, with_banner, cut);
    }
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    let sign = prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'E'), any::<u8>()];
    prop::collection::vec(sign, 0..400)
}

fn check_noise(noise: &[u8], with_banner: bool, cut: usize) {
    let mut bytes = if with_banner { b"Asterisk Call Manager/1\r\n".to_vec() } else { Vec::new() };
    bytes.extend_from_slice(noise);
    let at = cut.min(bytes.len());
    let whole = frames([bytes.as_slice()]);
    assert_eq!(&frames([&bytes[..at], &bytes[at..]]), &whole);
    for frame in whole.into_iter().flatten() {
        if let Frame::Message(message) = frame {
            assert!(!message.is_empty());
            let _ = Event::read(&message);
        }
    }
}

/// Noise, and recorded streams with wrong bytes in them, for minutes.
#[test]
fn deep_whatever_comes_is_read_the_same_however_it_is_cut() {
    let wrong = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20);
    let damaged = (0..STREAMS.len(), any::<prop::sample::Index>(), wrong);
    let anything = (noise(), any::<bool>(), 0_usize..400, damaged);
    for_minutes(|runner| {
        let checked = runner.run(&anything, |(noise, with_banner, cut, (stream, from, wrong))| {
            check_noise(&noise, with_banner, cut);
            let stream = STREAMS[stream].1;
            let from = from.index(stream.len());
            let mut part = stream[from..stream.len().min(from + 4_000)].to_vec();
            for (at, byte) in wrong {
                let at = at.index(part.len());
                part[at] = byte;
            }
            check_noise(&part, true, cut);
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
