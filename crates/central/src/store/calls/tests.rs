use ::calls::Ended;
use ::calls::call::*;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::generated::{NOON_MS, any_call, outgoing_call, queue_call};
use super::months::DAY_MS;
use super::{Listing, Put, put};
use crate::store::databases::{TestDatabase, on_both_engines};
use crate::store::engine::query;
use crate::store::{Store, StoreError};

on_both_engines!(
    TestDatabase:
    any_call_is_read_as_it_was_put,
    a_batch_is_written_once_however_often_it_is_told,
    what_is_not_committed_was_never_there,
    two_collectors_write_ten_thousand_calls,
    there_is_room_for_a_call_of_any_month,
    a_corrected_call_counts_and_the_former_one_stays,
    days_say_when_they_change,
    events_say_nothing_of_customers,
    reports_go_by_columns,
    a_call_is_found_by_its_dialogs_and_by_what_it_absorbed,
    what_no_index_could_take_stops_no_batch,
);

fn ended(id: u64, call: Call) -> Ended {
    Ended { id, absorbed: Vec::new(), call }
}

/// Calls from a few customers, one every ten seconds.
fn batch(ids: std::ops::Range<u64>) -> Vec<Ended> {
    ids.map(|id| {
        let number = format!("+7495123{:04}", id % 97);
        ended(id, queue_call(NOON_MS + id as i64 * 10_000, &number, "", 2, true))
    })
    .collect()
}

async fn count(store: &Store, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    query(sqlx::AssertSqlSafe(sql)).fetch_scalar(store.database()).await.unwrap()
}

/// A catalogue for the attributes of generated calls.
async fn catalogue(store: &Store) {
    store
        .write(|mut tx| async move {
            for (key, kind, source, personal) in [
                ("order", "text", "variable ORDER", false),
                ("passport", "text", "variable PASSPORT", true),
                ("score", "number", "variable SCORE", false),
                ("vip", "boolean", "variable VIP", false),
                ("language", "choice", "variable LANGUAGE", false),
                ("callback-order", "text", "user-event Callback.Order", false),
                ("callback-comment", "text", "user-event Callback.Comment", true),
            ] {
                query(
                    "INSERT INTO attributes (name, titles, kind, choices, grain, source, personal) \
                     VALUES ($1, '{}', $2, '[\"ru\",\"en\"]', 'visit', $3, $4)",
                )
                .bind(key)
                .bind(kind)
                .bind(source)
                .bind(personal)
                .execute(&mut tx)
                .await?;
            }
            tx.commit().await
        })
        .await
        .unwrap();
}

async fn any_call_is_read_as_it_was_put(database: TestDatabase) {
    let store = database.store().await;
    catalogue(&store).await;
    let mut runner = TestRunner::default();
    let calls: Vec<Ended> =
        (1..=300).map(|id| ended(id, any_call().new_tree(&mut runner).unwrap().current())).collect();
    for part in calls.chunks(60) {
        assert_eq!(store.put_calls(part, NOON_MS).await.unwrap(), Put { new: part.len(), known: 0 });
    }
    for told in &calls {
        let stored = store.call(told.id).await.unwrap().unwrap();
        assert_eq!((stored.id, stored.revision, stored.told_ms), (told.id, 1, NOON_MS));
        assert_eq!(stored.call, told.call, "call {}", told.id);
    }
    assert!(store.call(301).await.unwrap().is_none());
    store.correct_call(7, &calls[7].call, "derived", NOON_MS).await.unwrap();
    let (mut listing, mut listed) = (Listing::begun(0, i64::MAX), Vec::new());
    loop {
        let page = store.next_calls(&mut listing, 7).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed.len(), calls.len());
    assert!(listed.is_sorted_by_key(|stored| (stored.call.began_ms, stored.id)));
    for stored in listed {
        assert_eq!(Some(&stored), store.call(stored.id).await.unwrap().as_ref(), "listed as it is shown alone");
    }
}

async fn a_batch_is_written_once_however_often_it_is_told(database: TestDatabase) {
    let store = database.store().await;
    assert_eq!(store.put_calls(&[], NOON_MS).await.unwrap(), Put::default());
    assert_eq!(store.put_calls(&batch(1..11), NOON_MS).await.unwrap(), Put { new: 10, known: 0 });
    assert_eq!(store.put_calls(&batch(1..11), NOON_MS).await.unwrap(), Put { new: 0, known: 10 });
    assert_eq!(store.put_calls(&batch(6..16), NOON_MS).await.unwrap(), Put { new: 5, known: 5 });
    let twice = [batch(16..18), batch(16..18)].concat();
    assert_eq!(store.put_calls(&twice, NOON_MS).await.unwrap(), Put { new: 2, known: 2 });
    for (table, rows) in
        [("calls", 17), ("call_parties", 51), ("call_talks", 34), ("outbox", 17), ("personal_data", 17)]
    {
        assert_eq!(count(&store, table).await, rows, "{table}");
    }
}

/// As when the collector is killed before the commit: it then tells everything again.
async fn what_is_not_committed_was_never_there(database: TestDatabase) {
    let store = database.store().await;
    let calls = batch(1..20);
    let told: Vec<&Ended> = calls.iter().collect();
    let mut tx = store.begin().await.unwrap();
    assert_eq!(put(&mut tx, &told, NOON_MS).await.unwrap(), 19);
    drop(tx);
    for table in ["calls", "call_revisions", "call_months", "call_days", "personal_data", "outbox"] {
        assert_eq!(count(&store, table).await, 0, "{table}");
    }
    assert_eq!(store.put_calls(&calls, NOON_MS).await.unwrap(), Put { new: 19, known: 0 });
    assert_eq!(store.call(7).await.unwrap().unwrap().call, calls[6].call);
}

/// Two federations of PBXs, each with its collector; one of them was killed and tells its last batches again.
async fn two_collectors_write_ten_thousand_calls(database: TestDatabase) {
    let (one, two) = (database.store().await, database.store().await);
    let writing = async |store: &Store, ids: std::ops::Range<u64>| {
        let mut sum = Put::default();
        let mut last = ids.start;
        for first in ids.clone().step_by(500) {
            let put = store.put_calls(&batch(last..first + 500), NOON_MS).await.unwrap();
            sum = Put { new: sum.new + put.new, known: sum.known + put.known };
            last = first + 250;
        }
        sum
    };
    let (a, b) = tokio::join!(writing(&one, 1..5_001), writing(&two, 5_001..10_001));
    assert_eq!((a.new, b.new), (5_000, 5_000));
    assert_eq!((a.known, b.known), (2_250, 2_250));
    assert_eq!((count(&one, "calls").await, count(&one, "call_personal").await), (10_000, 10_000));
    assert_eq!(count(&one, "personal_data").await, 97, "each customer once");
    let events = one.last_event().await.unwrap();
    assert_eq!(events, 10_000);
}

async fn there_is_room_for_a_call_of_any_month(database: TestDatabase) {
    let store = database.store().await;
    let other = database.store().await;
    store.make_months(NOON_MS).await.unwrap();
    store.make_months(NOON_MS).await.unwrap();
    assert_eq!(count(&store, "call_months").await, 3);
    // Two years ago, before everything, the turn of a month, and a clock that is ahead.
    let begins = [NOON_MS - 730 * DAY_MS, 0, -5, 1_793_491_199_999, 1_793_491_200_000, NOON_MS + 40 * 366 * DAY_MS];
    let call = |began_ms| queue_call(began_ms, "+74951234567", "Ivan", 1, true);
    let calls: Vec<Ended> = begins.iter().zip(1..).map(|(began_ms, id)| ended(id, call(*began_ms))).collect();
    store.put_calls(&calls, NOON_MS).await.unwrap();
    // Another program knows of the months that this one made.
    other.put_calls(&[ended(100, call(1))], NOON_MS).await.unwrap();
    assert_eq!(count(&store, "call_months").await, 3 + 5);
    for told in &calls {
        assert_eq!(store.call(told.id).await.unwrap().unwrap().call, told.call);
    }
}

async fn a_corrected_call_counts_and_the_former_one_stays(database: TestDatabase) {
    let store = database.store().await;
    store.put_calls(&batch(1..4), NOON_MS).await.unwrap();
    let former = store.call(2).await.unwrap().unwrap();
    // It turns out to have begun the day before, at another customer's.
    let corrected = queue_call(NOON_MS - DAY_MS, "+74957654321", "Olga", 3, false);
    assert_eq!(store.correct_call(2, &corrected, "derived-again", NOON_MS + 5).await.unwrap(), 2);
    let now = store.call(2).await.unwrap().unwrap();
    assert_eq!((&now.call, now.revision, now.why.as_str()), (&corrected, 2, "derived-again"));
    let all = store.call_revisions(2).await.unwrap();
    assert_eq!((all.len(), &all[0], &all[1]), (2, &now, &former));
    for (table, current, all) in [("calls", 3, 4), ("call_attempts", 2 + 2 + 3, 9), ("call_talks", 4, 6)] {
        assert_eq!(count(&store, table).await, all, "{table}");
        assert_eq!(count(&store, &format!("{table} WHERE current = 1")).await, current, "{table}");
    }
    // Told again by a collector that knows nothing of the correction.
    assert_eq!(store.put_calls(&batch(1..4), NOON_MS).await.unwrap(), Put { new: 0, known: 3 });
    assert_eq!(store.call(2).await.unwrap().unwrap(), now);
    let events = store.events_after(3, 10).await.unwrap().events;
    assert_eq!((events.len(), events[0].kind.as_str(), events[0].key.as_str()), (1, "call-corrected", "2"));
    let none = store.correct_call(9, &corrected, "split", NOON_MS).await.unwrap_err();
    assert!(matches!(none, StoreError::Input(_)), "{none}");
}

async fn days_say_when_they_change(database: TestDatabase) {
    let store = database.store().await;
    let day = NOON_MS.div_euclid(DAY_MS);
    let call = |days: i64| queue_call(NOON_MS + days * DAY_MS, "+74951234567", "", 1, true);
    let changed = async |since| {
        let days = store.days_changed_since(since).await.unwrap();
        let last = days.last().map_or(since, |day| day.revision);
        (days.iter().map(|changed| changed.day - day).collect::<Vec<_>>(), last)
    };
    assert_eq!(changed(0).await, (vec![], 0));
    store.put_calls(&[ended(1, call(0)), ended(2, call(-1)), ended(3, call(0))], NOON_MS).await.unwrap();
    let (days, last) = changed(0).await;
    assert_eq!(days, [-1, 0]);
    assert_eq!(changed(last).await, (vec![], last));
    store.put_calls(&[ended(1, call(0))], NOON_MS).await.unwrap();
    assert_eq!(changed(last).await.0, [0; 0], "nothing was new");
    store.put_calls(&[ended(4, call(0))], NOON_MS).await.unwrap();
    let (days, last) = changed(last).await;
    assert_eq!(days, [0]);
    store.correct_call(2, &call(-2), "derived-again", NOON_MS).await.unwrap();
    assert_eq!(changed(last).await.0, [-2, -1], "the day that it was thought to be of, too");
    assert_eq!(changed(0).await.0, [0, -2, -1]);
}

async fn events_say_nothing_of_customers(database: TestDatabase) {
    let store = database.store().await;
    let calls = [
        ended(1, outgoing_call(NOON_MS, "79001234567")),
        ended(2, queue_call(NOON_MS, "+79007654321", "Ivan", 1, true)),
    ];
    store.put_calls(&calls, NOON_MS).await.unwrap();
    let events = store.events_after(0, 10).await.unwrap().events;
    assert_eq!(
        events.iter().map(|event| (event.kind.as_str(), event.key.as_str())).collect::<Vec<_>>(),
        [("call-ended", "1"), ("call-ended", "2")]
    );
    let body: serde_json::Value = serde_json::from_str(&events[1].body).unwrap();
    assert_eq!((&body["call"], &body["direction"]), (&2.into(), &"incoming".into()));
    assert_eq!(body["queues"], serde_json::json!([{ "pbx": 1, "queue": "support" }]));
    for event in &events {
        assert!(!event.body.contains("9001234567") && !event.body.contains("9007654321"), "{}", event.body);
        assert!(!event.body.contains("Ivan"));
    }
    assert!(store.call(1).await.unwrap().unwrap().call.dialled.is_some());
}

async fn reports_go_by_columns(database: TestDatabase) {
    let store = database.store().await;
    let mut held = queue_call(NOON_MS, "+74951234567", "", 2, true);
    held.talks[0].holds = vec![Hold { by: 1, began_ms: NOON_MS + 20_000, ended_ms: Some(NOON_MS + 26_000) }];
    held.joins[1].reason = JoinReason::NumberAndTime;
    let calls = [ended(1, held), ended(2, queue_call(NOON_MS, "+74951234568", "", 2, false))];
    store.put_calls(&calls, NOON_MS).await.unwrap();
    let queue: (String, i64, i64) = query(
        "SELECT exit, COUNT(*), CAST(SUM(left_ms - entered_ms) AS BIGINT) FROM call_visits \
         WHERE pbx = 1 AND queue = 'support' AND current = 1 AND exit = 'answered' GROUP BY exit",
    )
    .fetch_one(store.database())
    .await
    .unwrap();
    assert_eq!(queue, ("answered".to_owned(), 1, 9_500));
    let who: Vec<(String, String, i64)> = query(
        "SELECT endpoint, outcome, COUNT(*) FROM call_attempts WHERE pbx = 1 AND current = 1 \
         GROUP BY endpoint, outcome ORDER BY endpoint, outcome",
    )
    .fetch_all(store.database())
    .await
    .unwrap();
    let who: Vec<_> =
        who.iter().map(|(endpoint, outcome, count)| (endpoint.as_str(), outcome.as_str(), *count)).collect();
    assert_eq!(
        who,
        [
            ("PJSIP/1001", "answered", 1),
            ("PJSIP/1001", "given_up", 1),
            ("PJSIP/1002", "elsewhere", 1),
            ("PJSIP/1002", "given_up", 1)
        ]
    );
    let talk: (i64, i64, i64) =
        query("SELECT ended_ms - began_ms, held_ms, recorded FROM call_talks WHERE endpoint = 'PJSIP/1001'")
            .fetch_one(store.database())
            .await
            .unwrap();
    assert_eq!(talk, (180_000, 6_000, 1));
    let probable: Vec<(i64, i64)> =
        query("SELECT id, recorded FROM calls WHERE probable = 1").fetch_all(store.database()).await.unwrap();
    assert_eq!(probable, [(1, 1)]);
}

async fn a_call_is_found_by_its_dialogs_and_by_what_it_absorbed(database: TestDatabase) {
    let store = database.store().await;
    let calls = [
        Ended { id: 5, absorbed: vec![3, 4], call: queue_call(NOON_MS, "+74951234567", "", 2, true) },
        ended(6, queue_call(NOON_MS + 60_000, "+74951234567", "", 2, true)),
    ];
    store.put_calls(&calls, NOON_MS).await.unwrap();
    let dialog = &calls[0].call.parties[2].sip_call_ids[0];
    let found = async |dialog: &str, from_ms| store.calls_of_dialog(dialog, from_ms, NOON_MS + DAY_MS).await.unwrap();
    assert_eq!(found(dialog, NOON_MS - DAY_MS).await, [5]);
    assert_eq!(found(dialog, NOON_MS + 1).await, [0; 0]);
    assert_eq!(found("nobody's", 0).await, [0; 0]);
    let begun = async |from_ms, to_ms| {
        let listed = store.next_calls(&mut Listing::begun(from_ms, to_ms), 100).await.unwrap();
        listed.into_iter().map(|stored| stored.id).collect::<Vec<_>>()
    };
    assert_eq!(begun(NOON_MS, NOON_MS + 60_001).await, [5, 6]);
    assert_eq!(begun(NOON_MS + 1, NOON_MS + 60_001).await, [6]);
    assert_eq!(begun(NOON_MS, NOON_MS + 60_000).await, [5]);
    assert_eq!(store.call(4).await.unwrap(), store.call(5).await.unwrap());
    let event = &store.events_after(0, 1).await.unwrap().events[0];
    assert_eq!(serde_json::from_str::<serde_json::Value>(&event.body).unwrap()["absorbed"], serde_json::json!([3, 4]));
}

/// PostgreSQL's indexes refuse long values, and its text has no NUL; a stranger who sends such a thing must not stop the calls
/// beside his.
async fn what_no_index_could_take_stops_no_batch(database: TestDatabase) {
    let store = database.store().await;
    let long = "x1".repeat(40_000);
    let mut call = queue_call(NOON_MS, &long, &long, 1, true);
    call.parties[0].sip_call_ids = vec![long.clone()];
    call.visits[0].queue = long.clone();
    store.put_calls(&[ended(1, call.clone())], NOON_MS).await.unwrap();
    assert_eq!(store.call(1).await.unwrap().unwrap().call, call);
    assert_eq!(store.calls_of_dialog(&long, 0, i64::MAX).await.unwrap(), [1]);
    let nul = queue_call(NOON_MS, "+7495\u{0}123", "I\u{0}van", 1, true);
    store.put_calls(&[ended(2, nul)], NOON_MS).await.unwrap();
    assert_eq!(store.call(2).await.unwrap().unwrap().call.parties[0].name.as_deref(), Some("I\u{fffd}van"));
}
