//! Calls from a PBX's words to the database, also while that is away, and after a process that was killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calls::PbxIx;
use central_api::PbxId;
use tokio::sync::mpsc;

use super::{Again, Collecting, House, Input, Live, State, Teller};
use crate::store::databases::{TestDatabase, on_both_engines};
use crate::store::{Store, StoreOptions};

on_both_engines!(
    TestDatabase:
    what_a_pbx_says_is_stored_and_shown,
    what_was_told_and_not_stored_is_told_again,
    past_calls_are_told_again_and_split,
    calls_of_two_federations_are_split,
    a_federation_comes_back_before_it_has_ended,
    a_federation_that_is_no_more_leaves_raw_material_alone,
    what_a_killed_process_left_waiting_is_deleted,
    a_journal_that_cannot_begin_is_tried_again,
);

const PATIENCE: Duration = Duration::from_secs(60);
const HERE: PbxId = PbxId(0);

fn house() -> House {
    House { federations: vec![vec![HERE]], directory: Arc::new(super::tests::House), attributes: Vec::new() }
}

fn start(store: &Store, data: &Path) -> (Collecting, mpsc::UnboundedReceiver<Live>) {
    start_with(store, data, u64::MAX)
}

fn start_with(store: &Store, data: &Path, waiting_bytes: u64) -> (Collecting, mpsc::UnboundedReceiver<Live>) {
    let (to, live) = mpsc::unbounded_channel();
    (Collecting::start(store.clone(), data, waiting_bytes, &house(), to), live)
}

/// Says calls, all over by now.
fn say(collecting: &Collecting, calls: std::ops::Range<usize>) {
    let handle = collecting.handle(HERE).unwrap();
    let began = ami::now_us() / 1000 - 600_000;
    for call in calls {
        let events = super::tests::events(call).into_iter().enumerate();
        let events = events.map(|(step, message)| (began + call as i64 + step as i64 * 100, message));
        assert!(handle.tell(Input::Events(PbxIx(0), events.collect())));
    }
}

async fn until(collecting: &Collecting, reached: impl FnMut(&State) -> bool) {
    let mut state = collecting.watch(HERE).unwrap();
    let waits = tokio::time::timeout(PATIENCE, state.wait_for(reached)).await.map(drop);
    assert!(waits.is_ok(), "{:?}", collecting.states());
}

/// Keys of all that was told to have ended.
async fn ended(store: &Store) -> Vec<String> {
    let events = store.events_after(0, 100_000).await.unwrap().events;
    events.into_iter().filter(|event| event.kind == "call-ended").map(|event| event.key).collect()
}

async fn each_once(store: &Store, count: usize) {
    let keys = ended(store).await;
    assert_eq!((keys.len(), keys.iter().collect::<BTreeSet<_>>().len()), (count, count));
    for key in keys.iter().step_by(1 + count / 20) {
        let call = store.call(key.parse().unwrap()).await.unwrap().unwrap().call;
        assert!(call.visits.len() == 1 && call.talks.len() == 1, "{call}");
    }
}

async fn what_a_pbx_says_is_stored_and_shown(database: TestDatabase) {
    let (store, data) = (database.store().await, tempfile::tempdir().unwrap());
    let (collecting, mut live) = start(&store, data.path());
    say(&collecting, 0..40);
    until(&collecting, |state| state.figures.calls == 0 && state.figures.repeated >= 40).await;
    collecting.stop().await;
    each_once(&store, 40).await;
    let (mut changed, mut over) = (BTreeSet::new(), BTreeSet::new());
    while let Ok(news) = live.try_recv() {
        match news {
            Live::Changed(calls) => changed.extend(calls.into_iter().map(|call| call.id)),
            Live::Over(ids) => over.extend(ids),
            Live::Stale(..) => panic!("nothing was lost"),
        }
    }
    assert!(changed.is_subset(&over) && over.len() == 40, "whoever looked on has seen each go: {changed:?} {over:?}");
}

/// The journal of a moment before the end, as a killed process leaves it, with a database that has some of the calls already.
async fn what_was_told_and_not_stored_is_told_again(database: TestDatabase) {
    let (store, data, killed) = (database.store().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (collecting, _live) = start(&store, data.path());
    say(&collecting, 0..10);
    until(&collecting, |state| state.figures.calls == 0 && state.figures.repeated >= 10 && state.waiting == 0).await;
    // Halfway through the eleventh, which begins after them.
    let handle = collecting.handle(HERE).unwrap();
    let began = ami::now_us() / 1000 - 500_000;
    let events =
        || super::tests::events(10).into_iter().enumerate().map(|(step, message)| (began + step as i64 * 100, message));
    assert!(handle.tell(Input::Events(PbxIx(0), events().take(60).collect())));
    until(&collecting, |state| state.figures.calls == 1).await;
    let copy = |from: &Path, to: &Path| {
        std::fs::create_dir_all(to).unwrap();
        for file in std::fs::read_dir(from).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file()) {
            std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    };
    copy(&data.path().join("calls/journal/0"), &killed.path().join("calls/journal/0"));
    let (again, _live) = start(&store, killed.path());
    let handle = again.handle(HERE).unwrap();
    assert!(handle.tell(Input::Events(PbxIx(0), events().skip(60).collect())));
    drop(handle);
    again.stop().await;
    each_once(&store, 11).await;
}

/// Two calls that a header of the dialplan made one: told again it stays so, split they are two, and told again they stay two.
async fn past_calls_are_told_again_and_split(database: TestDatabase) {
    let (store, data) = (database.store().await, tempfile::tempdir().unwrap());
    let (mut told, now) = super::tests::raw_of(&data.path().join("calls"), PbxIx(0), 3, true);
    assert_eq!(told.len(), 2, "the first two are one");
    let wrong = told.iter().find(|ended| ended.call.visits.len() == 2).unwrap().clone();
    // The other was told by a program that knew less.
    let right = told.iter().find(|ended| ended.id != wrong.id).unwrap().call.clone();
    told.iter_mut().filter(|ended| ended.id != wrong.id).for_each(|ended| ended.call.talks.clear());
    store.put_calls(&told, now).await.unwrap();
    let house = house();
    let teller = Teller { store: &store, data_dir: data.path(), house: &house };
    let again = teller.tell(0, i64::MAX, now).await.unwrap();
    assert_eq!(again, Again { same: 1, corrected: 1, new: 0 });
    let corrected = told.iter().find(|ended| ended.id != wrong.id).unwrap().id;
    let stored = store.call(corrected).await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.why.as_str(), stored.call.to_string()), (2, "derived", right.to_string()));

    let join = wrong.call.joins.iter().find(|join| join.reason == calls::JoinReason::CallHeader).unwrap();
    let refused = teller.split(wrong.id, &join.one, "no such channel", "anna", now).await.unwrap_err();
    assert!(refused.to_string().contains("has no two channels"), "{refused}");
    let again = teller.split(wrong.id, &join.one, &join.two, "anna", now).await.unwrap();
    assert_eq!(again, Again { same: 0, corrected: 1, new: 1 });
    let stored = store.call(wrong.id).await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.why.as_str(), stored.call.visits.len()), (2, "split", 1));
    assert_eq!(ended(&store).await.len(), 3);
    let again = teller.tell(0, i64::MAX, now).await.unwrap();
    assert_eq!(again, Again { same: 3, corrected: 0, new: 0 }, "it stays split, and its parts are known");
}

/// Wrong joins at two PBXs that share nothing: each part is another call.
async fn calls_of_two_federations_are_split(database: TestDatabase) {
    let (store, data) = (database.store().await, tempfile::tempdir().unwrap());
    let house = house();
    let teller = Teller { store: &store, data_dir: data.path(), house: &house };
    let mut now = 0;
    for pbx in [PbxIx(0), PbxIx(1)] {
        let (told, told_ms) = super::tests::raw_of(&data.path().join("calls"), pbx, 2, true);
        now = now.max(told_ms);
        let [wrong] = &told[..] else { panic!("the header makes them one: {}", told.len()) };
        store.put_calls(&told, now).await.unwrap();
        let join = wrong.call.joins.iter().find(|join| join.reason == calls::JoinReason::CallHeader).unwrap();
        let apart = [&join.one, &join.two].map(|uniqueid| (i64::from(pbx.0), uniqueid.clone()));
        store.split(&apart[0], &apart[1], "anna", now).await.unwrap();
    }
    let again = teller.tell(0, i64::MAX, now).await.unwrap();
    assert_eq!(again, Again { same: 0, corrected: 2, new: 2 });
    let again = teller.tell(0, i64::MAX, now).await.unwrap();
    assert_eq!(again, Again { same: 4, corrected: 0, new: 0 });
    let keys = ended(&store).await;
    assert_eq!((keys.len(), keys.iter().collect::<BTreeSet<_>>().len()), (4, 4));
}

const OTHER: PbxId = PbxId(1);

fn of(federations: &[&[PbxId]]) -> House {
    House { federations: federations.iter().map(|pbxs| pbxs.to_vec()).collect(), ..house() }
}

/// The links look for what is missing once a second; here at once.
async fn mended(collecting: &Collecting, mut reached: impl FnMut() -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(10));
    let mending = async {
        while !reached() {
            look.tick().await;
            collecting.mend();
        }
    };
    assert!(tokio::time::timeout(PATIENCE, mending).await.is_ok(), "{:?}", collecting.states());
}

/// A PBX is told together with another one, and alone again before the call on it was over.
async fn a_federation_comes_back_before_it_has_ended(database: TestDatabase) {
    let (store, data) = (database.store().await, tempfile::tempdir().unwrap());
    let (collecting, _live) = start(&store, data.path());
    say(&collecting, 0..3);
    let handle = collecting.handle(HERE).unwrap();
    let events = |call| super::tests::events(call).into_iter().map(|message| (ami::now_us() / 1000, message));
    assert!(handle.tell(Input::Events(PbxIx(0), events(3).take(60).collect())));
    until(&collecting, |state| state.figures.calls == 1 && state.figures.repeated >= 3).await;
    collecting.reconfigure(&of(&[&[HERE, OTHER]]));
    let together = collecting.handle(HERE).expect("another one collects at once");
    assert!(!together.is(&handle));
    collecting.reconfigure(&house());
    // Its links have not heard of it yet.
    handle.tell(Input::Events(PbxIx(0), events(4).collect()));
    mended(&collecting, || collecting.handle(HERE).is_some()).await;
    let back = collecting.handle(HERE).unwrap();
    assert!(!back.is(&handle) && !back.is(&together));
    assert!(back.tell(Input::Events(PbxIx(0), events(5).collect())));
    until(&collecting, |state| state.figures.calls == 0 && state.figures.repeated >= 1 && state.waiting == 0).await;
    drop((handle, together, back));
    collecting.stop().await;
    assert_eq!(ended(&store).await.len(), 5, "three, the one that was given up, and the last");
    assert!(!data.path().join("calls/journal/0+1").exists());
}

/// Nothing is told again, and nobody's number stays but in the raw material, which goes by its age.
async fn a_federation_that_is_no_more_leaves_raw_material_alone(database: TestDatabase) {
    let (store, data) = (database.store().await, tempfile::tempdir().unwrap());
    let (collecting, _live) = start(&store, data.path());
    say(&collecting, 0..3);
    until(&collecting, |state| state.figures.calls == 0 && state.figures.repeated >= 3).await;
    collecting.stop().await;
    // Of a process that was killed.
    std::fs::write(data.path().join("calls/journal/0/waiting"), "+79001234567").unwrap();
    let (to, _live) = mpsc::unbounded_channel();
    let collecting = Collecting::start(store.clone(), data.path(), u64::MAX, &of(&[&[OTHER]]), to);
    mended(&collecting, || !collecting.states().contains_key("0")).await;
    assert!(!data.path().join("calls/journal/0").exists());
    assert!(data.path().join("calls/raw/0").read_dir().unwrap().count() > 0);
    collecting.stop().await;
    each_once(&store, 3).await;
}

async fn what_a_killed_process_left_waiting_is_deleted(database: TestDatabase) {
    let (store, data) = (database.store().await, tempfile::tempdir().unwrap());
    let waiting = data.path().join("calls/journal/0/waiting");
    std::fs::create_dir_all(waiting.parent().unwrap()).unwrap();
    std::fs::write(&waiting, "+79001234567").unwrap();
    let (collecting, _live) = start(&store, data.path());
    say(&collecting, 0..1);
    until(&collecting, |state| state.figures.repeated >= 1).await;
    assert!(!waiting.exists());
    collecting.stop().await;
}

/// What stands in the way of a journal is told, and once it is gone calls are collected.
async fn a_journal_that_cannot_begin_is_tried_again(database: TestDatabase) {
    let (store, data) = (database.store().await, tempfile::tempdir().unwrap());
    std::fs::create_dir_all(data.path().join("calls/journal")).unwrap();
    let in_the_way = data.path().join("calls/journal/0");
    std::fs::write(&in_the_way, "no directory").unwrap();
    let (collecting, _live) = start(&store, data.path());
    assert!(!collecting.mend() && collecting.handle(HERE).is_none());
    std::fs::remove_file(&in_the_way).unwrap();
    assert!(collecting.mend() && !collecting.mend());
    say(&collecting, 0..1);
    until(&collecting, |state| state.figures.repeated >= 1 && state.figures.calls == 0 && state.waiting == 0).await;
    collecting.stop().await;
    each_once(&store, 1).await;
}

/// Somebody changed the password, and mends it: no call is put aside for that.
#[cfg(unix)]
#[tokio::test]
async fn a_database_that_lets_nobody_in_loses_no_call_on_postgres() {
    use crate::store::databases::cluster::Own;
    let (server, data) = (Own::start().await, tempfile::tempdir().unwrap());
    let location = server.url().parse().unwrap();
    let options =
        StoreOptions { location, patience: Duration::from_millis(500), ..StoreOptions::new(data.path().join("data")) };
    let store = Store::create(&options).await.unwrap();
    let (collecting, _live) = start(&store, data.path());
    say(&collecting, 0..1);
    until(&collecting, |state| state.figures.repeated >= 1 && state.figures.calls == 0 && state.waiting == 0).await;
    server.let_in(false).await;
    say(&collecting, 1..20);
    until(&collecting, |state| state.database.is_some() && state.waiting == 19).await;
    let mut state = collecting.watch(HERE).unwrap();
    let shut_out = state.wait_for(|state| state.database.as_ref().is_some_and(|(_, why)| why.contains("does not let")));
    drop(tokio::time::timeout(PATIENCE, shut_out).await.unwrap().unwrap());
    server.let_in(true).await;
    until(&collecting, |state| state.database.is_none() && state.waiting == 0).await;
    assert_eq!(collecting.states()["0"].refused, 0);
    each_once(&store, 20).await;
    collecting.stop().await;
}

/// Away for longer than the room on disk lasts: what ended then is told from the journal when it is back, and what goes on goes on.
#[cfg(unix)]
#[tokio::test]
async fn what_waits_on_disk_is_bounded_on_postgres() {
    use crate::store::databases::cluster::Own;
    const ROOM: u64 = 100_000;
    const CALLS: usize = 1_400;
    let (mut server, data) = (Own::start().await, tempfile::tempdir().unwrap());
    let location = server.url().parse().unwrap();
    let options =
        StoreOptions { location, patience: Duration::from_millis(500), ..StoreOptions::new(data.path().join("data")) };
    let store = Store::create(&options).await.unwrap();
    let (collecting, _live) = start_with(&store, data.path(), ROOM);
    say(&collecting, 0..1);
    until(&collecting, |state| state.figures.repeated >= 1 && state.figures.calls == 0 && state.waiting == 0).await;
    server.kill();
    say(&collecting, 1..2);
    until(&collecting, |state| state.database.is_some()).await;
    say(&collecting, 2..CALLS);
    until(&collecting, |state| state.waiting == CALLS - 1).await;
    let long = std::fs::metadata(data.path().join("calls/journal/0/waiting")).unwrap().len();
    assert!((ROOM..ROOM * 2).contains(&long), "{long} bytes wait, and the others stand in the journal alone");
    let before = collecting.handle(HERE).unwrap();
    let events = || super::tests::events(CALLS).into_iter().enumerate();
    let began = ami::now_us() / 1000 - 500_000;
    let events = || events().map(|(step, message)| (began + step as i64 * 100, message));
    assert!(before.tell(Input::Events(PbxIx(0), events().take(60).collect())));
    until(&collecting, |state| state.figures.calls == 1).await;
    server.start_again().await;
    mended(&collecting, || collecting.handle(HERE).is_some_and(|now| !now.is(&before))).await;
    assert!(collecting.handle(HERE).unwrap().tell(Input::Events(PbxIx(0), events().skip(60).collect())));
    until(&collecting, |state| state.database.is_none() && state.waiting == 0 && state.figures.calls == 0).await;
    collecting.stop().await;
    each_once(&store, CALLS + 1).await;
}

/// Killed in the middle of the load, away for a while, and back: nothing is lost, memory is bounded, the state says so.
#[cfg(unix)]
#[tokio::test]
async fn a_database_that_is_away_loses_no_call_on_postgres() {
    use crate::store::databases::cluster::Own;
    const FIRST: usize = 50;
    const CALLS: usize = 1_500;
    let (mut server, data) = (Own::start().await, tempfile::tempdir().unwrap());
    let location = server.url().parse().unwrap();
    let options =
        StoreOptions { location, patience: Duration::from_millis(500), ..StoreOptions::new(data.path().join("data")) };
    let store = Store::create(&options).await.unwrap();
    let (collecting, _live) = start(&store, data.path());
    say(&collecting, 0..FIRST);
    until(&collecting, |state| state.figures.calls == 0 && state.figures.repeated >= FIRST as u64).await;
    server.kill();
    say(&collecting, FIRST..CALLS);
    until(&collecting, |state| state.database.is_some() && state.waiting >= CALLS - FIRST).await;
    assert!(std::fs::metadata(data.path().join("calls/journal/0/waiting")).unwrap().len() > 0, "not all in memory");
    let why = collecting.states()["0"].database.clone().unwrap().1;
    assert!(why.contains("PostgreSQL"), "{why}");
    server.start_again().await;
    until(&collecting, |state| state.database.is_none() && state.waiting == 0).await;
    each_once(&store, CALLS).await;
    collecting.stop().await;
}
