//! What a collector makes of what it is told, step by step.

use std::path::Path;
use std::sync::Arc;

use ami::Message;
use calls::{LINGER_MS, PbxIx};
use tokio::sync::mpsc;

use super::super::tests::{House, events};
use super::{Input, Output, Settings, Work, now_ms};

const HERE: PbxIx = PbxIx(0);
const THERE: PbxIx = PbxIx(1);

fn open(journal: &Path) -> (Work, mpsc::UnboundedReceiver<Output>) {
    let (to, outputs) = mpsc::unbounded_channel();
    let settings = Settings {
        name: "0+1".to_owned(),
        journal: journal.to_owned(),
        attributes: Vec::new(),
        directory: Arc::new(House),
    };
    let mut work = Work::open(settings, to).unwrap();
    work.take(Input::Ids(1..100));
    (work, outputs)
}

/// The words of a call up to its last hangup, so long ago.
fn a_call(ended_ago_ms: i64) -> Vec<(i64, Message)> {
    let mut events = events(0);
    let over = events.iter().rposition(|message| message.event() == Some("Hangup")).unwrap();
    events.truncate(over + 1);
    let began_ms = now_ms() - ended_ago_ms - events.len() as i64 * 100;
    events.into_iter().enumerate().map(|(step, message)| (began_ms + (step as i64 + 1) * 100, message)).collect()
}

fn ended(work: &mut Work, outputs: &mut mpsc::UnboundedReceiver<Output>) -> usize {
    ended_of(work, outputs, true)
}

fn ended_of(work: &mut Work, outputs: &mut mpsc::UnboundedReceiver<Output>, caught_up: bool) -> usize {
    work.tell(caught_up, false);
    let told = std::iter::from_fn(|| outputs.try_recv().ok());
    told.map(|output| if let Output::Ended(_, ended) = output { ended.len() } else { 0 }).sum()
}

/// Something that is of no call.
fn nothing(said_ms: i64) -> Vec<(i64, Message)> {
    vec![(said_ms, Message::new(vec![("Event".to_owned(), "Reload".to_owned())]))]
}

/// What another PBX said meanwhile may belong to it.
#[test]
fn a_call_is_over_when_all_that_was_said_until_then_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let (mut work, mut outputs) = open(directory.path());
    work.take(Input::Events(THERE, nothing(now_ms() - 60_000)));
    work.take(Input::Behind(THERE, true));
    work.take(Input::Events(HERE, a_call(1_500)));
    assert_eq!(ended(&mut work, &mut outputs), 0, "what was said there in the last minute is still to come");
    work.take(Input::Events(THERE, nothing(now_ms() - 2_000)));
    assert_eq!(ended(&mut work, &mut outputs), 0);
    work.take(Input::Events(THERE, nothing(now_ms() - 100)));
    assert_eq!(ended(&mut work, &mut outputs), 1);
}

#[test]
fn a_pbx_that_is_away_or_removed_or_has_said_all_holds_no_call_up() {
    for gone in [Input::Lost(THERE), Input::Removed(THERE), Input::Behind(THERE, false)] {
        let directory = tempfile::tempdir().unwrap();
        let (mut work, mut outputs) = open(directory.path());
        work.take(Input::Events(THERE, nothing(now_ms() - 60_000)));
        work.take(Input::Behind(THERE, true));
        work.take(Input::Events(HERE, a_call(1_500)));
        assert_eq!(ended(&mut work, &mut outputs), 0);
        work.take(gone);
        assert_eq!(ended(&mut work, &mut outputs), 1);
    }
}

/// It may go on in what waits.
#[test]
fn a_call_is_not_over_by_the_clock_while_more_waits_to_be_taken_in() {
    let directory = tempfile::tempdir().unwrap();
    let (mut work, mut outputs) = open(directory.path());
    work.take(Input::Events(HERE, a_call(1_500)));
    assert_eq!(ended_of(&mut work, &mut outputs, false), 0);
    assert_eq!(ended(&mut work, &mut outputs), 1);
}

/// The links learn a moment later than the collector that another one collects.
#[test]
fn what_comes_to_a_closed_one_brings_no_call_back() {
    let directory = tempfile::tempdir().unwrap();
    let (mut work, _outputs) = open(directory.path());
    let words = a_call(0);
    work.take(Input::Events(HERE, words[..60].to_vec()));
    assert_eq!(work.assembly.figures().calls, 1);
    work.take(Input::Close);
    work.take(Input::Events(HERE, words[60..70].to_vec()));
    work.take(Input::Events(HERE, super::super::tests::events(1).into_iter().map(|event| (now_ms(), event)).collect()));
    work.take(Input::SipCallId { pbx: HERE, at_ms: now_ms(), uniqueid: "7".to_owned(), call_id: "x".to_owned() });
    let given_up = work.assembly.take_ended(now_ms() + LINGER_MS, &House);
    let figures = work.assembly.figures();
    assert_eq!((given_up.len(), figures.calls, figures.channels), (1, 0, 0), "{figures:?}");
}
