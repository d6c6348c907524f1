//! What calls show of a house is found by an administrator, once each, and nothing of a customer is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ami::Message;
use calls::call::Attribute;
use calls::{Call, Ended, PbxIx, Who};
use tokio::sync::mpsc;

use super::{Notice, Notices};
use crate::collector::{Collecting, House, Input, Lists};
use crate::directory::{InCalls, Shown, proposals};
use crate::store::Store;
use crate::store::databases::{TestDatabase, on_both_engines};
use crate::store::generated::{NOON_MS, outgoing_call, party, queue_call};
use central_api::PbxId;

on_both_engines!(
    TestDatabase:
    what_calls_show_is_told_once_each,
    what_is_known_is_no_question,
    calls_and_looks_of_a_pbx_are_noticed_on_their_way,
);

const PATIENCE: Duration = Duration::from_secs(60);

const HOUSE: &str = r#"
[[pbx]]
name = "main"
host = "main.example"
username = "u"
secret = "s"
[[pbx.line]]
name = "city"
endpoint = "PJSIP/trunk-1"
"#;

async fn house(database: &TestDatabase, more: &str) -> (Store, PbxId) {
    let store = database.store().await;
    apply(&store, &format!("{HOUSE}{more}")).await;
    let pbx = *store.configuration().await.unwrap().pbxs.keys().next().unwrap();
    assert_eq!(pbx.0, 1, "calls of the tests are of this one");
    (store, pbx)
}

async fn apply(store: &Store, text: &str) {
    store.apply(&crate::apply::parse("test", text).unwrap(), &BTreeMap::new(), 1_000).await.unwrap();
}

/// All of them looked at, and what they show stored.
async fn notice(store: &Store, calls: Vec<Call>) {
    let (notices, task) = Notices::start(store.clone());
    let ended = (1..).zip(calls).map(|(id, call)| Ended { id, absorbed: Vec::new(), call });
    notices.tell(Notice::Calls(ended.collect()));
    notices.stop();
    task.await.unwrap();
}

async fn inbox(store: &Store) -> Vec<String> {
    let inbox = store.inbox().await.unwrap();
    let told = inbox.entries().map(|entry| {
        let times = (entry.first_ms - NOON_MS, entry.last_ms - NOON_MS);
        format!("{} {} {} {times:?} {}", entry.context, entry.exten.as_str(), entry.count, entry.examples[0].channel)
    });
    told.collect()
}

async fn proposed(store: &Store, pbx: PbxId) -> Vec<String> {
    let (_, seen) = store.observed(pbx).await.unwrap();
    let config = store.configuration().await.unwrap();
    proposals(&config, pbx, &seen).iter().map(ToString::to_string).collect()
}

/// Two customers call in, one is called; a phone of which nobody knows, an event of which nobody said what it is.
fn calls() -> Vec<Call> {
    let mut first = queue_call(NOON_MS, "79161112233", "Olga", 1, true);
    first.attributes.push(Attribute {
        at_ms: NOON_MS,
        party: Some(0),
        name: "UserEvent:Callback".to_owned(),
        value: "Number=79161112233\nReason=busy".to_owned(),
    });
    let mut second = queue_call(NOON_MS + 10_000, "79162223344", "", 1, false);
    second.parties.push(party(Who::Unknown, "PJSIP/door", "900", ""));
    let mut third = outgoing_call(NOON_MS + 20_000, "89163334455");
    third.steps[1].exten = "s".to_owned();
    vec![first, second, third]
}

async fn what_calls_show_is_told_once_each(database: TestDatabase) {
    let (store, pbx) = house(&database, "").await;
    notice(&store, calls()).await;
    assert_eq!(
        inbox(&store).await,
        [
            "from-trunk 74951880000 2 (0, 10000) PJSIP/trunk-1",
            // The customer's number is one of many, and a phone of the house has dialled it.
            "from-trunk _8XXXXXXXXXX 1 (20000, 20000) PJSIP/1001",
            "menu-main s 3 (40, 20040) PJSIP/trunk-1",
            "queues 700 3 (2400, 22400) PJSIP/trunk-1",
        ]
    );
    let told = [
        "the queue support",
        "the line door, PJSIP/door",
        "the external number 74951880000, dialled in 2 calls",
        "the phone 1001",
    ];
    assert_eq!(proposed(&store, pbx).await, told);
    let (_, seen) = store.observed(pbx).await.unwrap();
    let shown = |what| {
        let told = |shown: &InCalls| format!("{} {} {}", shown.name, shown.count, shown.far_numbers);
        seen.shown(what).map(told).collect::<Vec<_>>()
    };
    assert_eq!(shown(Shown::UserEvent), ["Callback.Number 1 0", "Callback.Reason 1 0"]);
    assert_eq!(shown(Shown::Queue), ["support 2 0"]);
    assert_eq!(shown(Shown::Endpoint), ["PJSIP/1001 3 1", "PJSIP/door 1 1"]);
    // Nothing of it is a customer's.
    let kept = format!("{:?} {seen:?}", store.inbox().await.unwrap());
    for theirs in ["1112233", "2223344", "3334455", "Olga", "busy"] {
        assert!(!kept.contains(theirs), "{theirs}: {kept}");
    }
    // Later ones are counted with them.
    notice(&store, calls()).await;
    assert!(inbox(&store).await[0].starts_with("from-trunk 74951880000 4 "));
    let confirmed =
        store.confirm(pbx, &["number:*".parse().unwrap(), "queue:*".parse().unwrap()], 2_000).await.unwrap();
    assert_eq!(confirmed.len(), 2);
    assert!(!proposed(&store, pbx).await.iter().any(|line| line.contains("queue") || line.contains("number")));
}

async fn what_is_known_is_no_question(database: TestDatabase) {
    let known = r#"
[[queue]]
queue = "support"
[[phone]]
number = "1001"
kind = "desk-phone"
[[external-number]]
number = "74951880000"
[[classification]]
context = "menu-*"
what = "menu"
[[classification]]
exten = "_8NXXXXXXXXX"
what = "trunk"
[[attribute]]
name = "reason"
titles = { en = "Reason" }
source = "user-event Callback.Reason"
personal = false
"#;
    let (store, pbx) = house(&database, known).await;
    notice(&store, calls()).await;
    let places: Vec<String> =
        inbox(&store).await.iter().map(|line| line[..line.find(" (").unwrap()].to_owned()).collect();
    assert_eq!(places, ["from-trunk 74951880000 2", "queues 700 3"], "what a rule knows is not there");
    let (_, seen) = store.observed(pbx).await.unwrap();
    let names: Vec<&str> = seen.in_calls.iter().map(|shown| shown.name.as_str()).collect();
    assert_eq!(names, ["PJSIP/door", "Callback.Number"]);
}

#[derive(Debug)]
struct Trunks;

impl calls::Directory for Trunks {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        if endpoint.contains("/trunk") { Who::Trunk } else { Who::Phone }
    }
}

/// The whole way: a PBX speaks, the call is stored, and what it showed is there; so is what its lists show.
async fn calls_and_looks_of_a_pbx_are_noticed_on_their_way(database: TestDatabase) {
    let (store, pbx) = house(&database, "").await;
    let data = tempfile::tempdir().unwrap();
    let (to, _live) = mpsc::unbounded_channel();
    let house = House { federations: vec![vec![pbx]], directory: Arc::new(Trunks), attributes: Vec::new() };
    let collecting = Collecting::start(store.clone(), data.path(), u64::MAX, &house, to);
    let handle = collecting.handle(pbx).unwrap();
    let (now_ms, ix) = (ami::now_us() / 1000, PbxIx(1));
    let events = crate::collector::tests::events(1).into_iter().enumerate();
    let events = events.map(|(step, message)| (now_ms - 600_000 + step as i64 * 100, message));
    assert!(handle.tell(Input::Events(ix, events.collect())));
    let listed = |fields: &[(&str, &str)]| {
        vec![Message::new(
            fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>(),
        )]
    };
    let queues = Some(listed(&[("Event", "QueueParams"), ("Queue", "sales")]));
    let look = |lists| Input::Lists { pbx: ix, asked_ms: now_ms, came_ms: now_ms, lists };
    assert!(handle.tell(look(Lists { queues, ..Lists::default() })));
    // A list that was refused does not mean that there are no queues.
    assert!(handle.tell(look(Lists { channels: Some(Vec::new()), ..Lists::default() })));
    drop(handle);
    let mut state = collecting.watch(pbx).unwrap();
    let told = state.wait_for(|state| state.figures.calls == 0 && state.figures.repeated > 0);
    tokio::time::timeout(PATIENCE, told).await.expect("the call ends").unwrap();
    collecting.stop().await;
    let (_, seen) = store.observed(pbx).await.unwrap();
    assert_eq!(seen.queues, ["sales"]);
    let names: Vec<&str> = seen.shown(Shown::Endpoint).map(|shown| shown.name.as_str()).collect();
    assert!(names.contains(&"PJSIP/1001"), "{names:?}");
    let inbox = store.inbox().await.unwrap();
    let places: Vec<(&str, &str)> =
        inbox.entries().map(|entry| (entry.context.as_str(), entry.exten.as_str())).collect();
    assert!(places.contains(&("from-trunk", "700")), "{places:?}");
}
