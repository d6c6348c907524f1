use ::calls::Ended;
use ::calls::call::Attribute;

use super::{Doubt, Retained, Retention};
use crate::store::calls::DAY_MS;
use crate::store::calls::generated::{NOON_MS, queue_call};
use crate::store::databases::{TestDatabase, on_both_engines};
use crate::store::engine::query;
use crate::store::{Asked, Input, PasswordHashes, Store};

on_both_engines!(
    TestDatabase:
    calls_go_by_months_with_all_that_hangs_on_them,
    values_go_before_their_calls,
    audit_and_events_go_at_their_time,
    a_clock_that_jumped_deletes_nothing,
    writers_go_on_meanwhile,
    times_are_set_and_shown,
);

const KEPT: Retention =
    Retention { calls_months: 36, notes_months: 12, audit_months: 36, traces_days: 7, events_days: 7 };

fn call(id: u64, days_ago: i64, number: &str) -> Ended {
    Ended { id, absorbed: vec![id + 1_000_000], call: queue_call(NOON_MS - days_ago * DAY_MS, number, "", 2, true) }
}

async fn count(store: &Store, table: &str) -> i64 {
    query(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"))).fetch_scalar(store.database()).await.unwrap()
}

async fn calls_go_by_months_with_all_that_hangs_on_them(database: TestDatabase) {
    let store = database.store().await;
    // It is 20 November 2026: November 2023 stays, October goes.
    let mut calls: Vec<Ended> = (1..=450).map(|id| call(id, 1_200, "+79001234567")).collect();
    calls.extend([call(501, 1_115, "+79007654321"), call(502, 1_110, "+79007654321"), call(503, 0, "+79000000003")]);
    store.put_calls(&calls, NOON_MS).await.unwrap();
    assert_eq!(count(&store, "call_months").await, 3);
    let retained = store.retain(NOON_MS, &KEPT).await.unwrap();
    assert_eq!(retained, Retained { calls: 450, personal: 1, ..Retained::default() });
    for (table, rows) in [
        ("calls", 3),
        ("call_revisions", 3),
        ("call_documents", 3),
        ("call_parties", 9),
        ("call_personal", 3),
        ("call_absorbed", 3),
        ("call_days", 3),
        ("personal_data", 2),
        ("call_months", 2),
    ] {
        assert_eq!(count(&store, table).await, rows, "{table}");
    }
    assert!(!database.holds("9001234567").await, "who has not called for so long is nobody's business");
    assert!(store.call(450).await.unwrap().is_none() && store.call(1_000_450).await.unwrap().is_none());
    assert_eq!(store.call(502).await.unwrap().unwrap().call, calls[451].call);
    assert_eq!(store.retain(NOON_MS, &KEPT).await.unwrap(), Retained::default());
    // There is room again for what comes late.
    store.put_calls(&[call(600, 1_200, "+79001234567")], NOON_MS).await.unwrap();
    assert!(store.call(600).await.unwrap().is_some());
}

async fn values_go_before_their_calls(database: TestDatabase) {
    let store = database.store().await;
    let file = "[[attribute]]\nname = 'passport'\ntitles.en = 'Passport'\nsource = 'variable PASSPORT'\npersonal = true\n\
                retention_days = 30\n[[attribute]]\nname = 'order'\ntitles.en = 'Order'\nsource = 'variable ORDER'\n\
                personal = false\nretention_days = 10\n[[attribute]]\nname = 'language'\ntitles.en = 'Language'\n\
                source = 'variable LANGUAGE'\npersonal = false";
    let input: Input = toml::from_str(file).unwrap();
    store.apply(&input, &PasswordHashes::new(), NOON_MS).await.unwrap();
    let with_values = |id, days_ago| {
        let mut ended = call(id, days_ago, "+79001234567");
        let value = |name: &str, value: String| Attribute {
            at_ms: ended.call.began_ms,
            party: Some(0),
            name: name.to_owned(),
            value,
        };
        let values =
            [("PASSPORT", format!("P{days_ago}")), ("ORDER", format!("O{days_ago}")), ("LANGUAGE", "ru".to_owned())];
        ended.call.attributes = values.map(|(name, text)| value(name, text)).to_vec();
        ended
    };
    store.put_calls(&[with_values(1, 40), with_values(2, 20), with_values(3, 0)], NOON_MS).await.unwrap();
    let retained = store.retain(NOON_MS, &KEPT).await.unwrap();
    assert_eq!(retained, Retained { values: 3, personal: 1, ..Retained::default() });
    let values = async |id| {
        let call = store.call(id).await.unwrap().unwrap().call;
        call.attributes.into_iter().map(|attribute| attribute.value).collect::<Vec<_>>()
    };
    assert_eq!(values(1).await, ["ru"]);
    assert_eq!(values(2).await, ["P20", "ru"]);
    assert_eq!(values(3).await, ["P0", "O0", "ru"]);
    let later = store.retain(NOON_MS + 11 * DAY_MS, &KEPT).await.unwrap();
    assert_eq!((later.values, later.personal), (2, 1));
    assert_eq!(values(2).await, ["ru"]);
}

async fn audit_and_events_go_at_their_time(database: TestDatabase) {
    let store = database.store().await;
    for months in [40, 1] {
        let now_ms = NOON_MS - months * 31 * DAY_MS;
        let asked = Asked { number: "101", plans: &[], likely: false, who: "cli:root", now_ms };
        store.find_customer(asked).await.unwrap();
    }
    store.put_calls(&[call(1, 8, "+79001234567")], NOON_MS - 8 * DAY_MS).await.unwrap();
    store.put_calls(&[call(2, 6, "+79001234567")], NOON_MS - 6 * DAY_MS).await.unwrap();
    let retained = store.retain(NOON_MS, &KEPT).await.unwrap();
    assert_eq!(retained, Retained { audit: 1, events: 1, ..Retained::default() });
    assert_eq!(store.audit_after(0, 10).await.unwrap().len(), 1);
    assert_eq!(store.events_after(1, 10).await.unwrap().events.len(), 1);
}

async fn a_clock_that_jumped_deletes_nothing(database: TestDatabase) {
    let store = database.store().await;
    store.put_calls(&[call(1, 10, "+79001234567"), call(2, 0, "+79001234567")], NOON_MS).await.unwrap();
    assert_eq!(store.retain(NOON_MS, &KEPT).await.unwrap(), Retained::default());
    let years = 5 * 366 * DAY_MS;
    let doubt = store.retain(NOON_MS + years, &KEPT).await.unwrap().doubt;
    assert_eq!(doubt, Some(Doubt::FarFromCalls { days: 5 * 366 }));
    // Calls come by the wrong clock, too, so that they look near.
    store.put_calls(&[call(3, -5 * 366, "+79001234567")], NOON_MS + years).await.unwrap();
    let doubt = store.retain(NOON_MS + years + 3_600_000, &KEPT).await.unwrap().doubt;
    assert!(matches!(doubt, Some(Doubt::Jumped { .. })), "{doubt:?}");
    // Somebody sets it right; it is believed again after a week, and nothing was lost.
    for days in 0..7 {
        let doubt = store.retain(NOON_MS + days * DAY_MS, &KEPT).await.unwrap().doubt;
        assert_eq!(doubt, Some(Doubt::Jumped { days: 7 - days }));
    }
    let retained = store.retain(NOON_MS + 7 * DAY_MS, &KEPT).await.unwrap();
    assert_eq!((retained.doubt, retained.calls, count(&store, "calls").await), (None, 0, 3));
    // A server that was off for a quarter and has calls again goes on after a week, too.
    let months = NOON_MS + 90 * DAY_MS;
    store.put_calls(&[call(4, -90, "+79001234567")], months).await.unwrap();
    assert!(store.retain(months, &KEPT).await.unwrap().doubt.is_some());
    let short = Retention { calls_months: 1, ..KEPT };
    let retained = store.retain(months + 7 * DAY_MS, &short).await.unwrap();
    assert_eq!((retained.doubt, retained.calls), (None, 2));
}

async fn writers_go_on_meanwhile(database: TestDatabase) {
    let (one, two) = (database.store().await, database.store().await);
    let old: Vec<Ended> = (1..=2_000).map(|id| call(id, 1_200, "+79001234567")).collect();
    for part in old.chunks(500) {
        one.put_calls(part, NOON_MS).await.unwrap();
    }
    // Calls that are all old would be a doubt about the clock.
    one.put_calls(&[call(3_000, 0, "+79001234567")], NOON_MS).await.unwrap();
    let writing = async {
        for id in 3_001..3_060 {
            one.put_calls(&[call(id, 0, "+79001234567")], NOON_MS).await.unwrap();
        }
    };
    let ((), retained) = tokio::join!(writing, two.retain(NOON_MS, &KEPT));
    assert_eq!(retained.unwrap().calls, 2_000);
    assert_eq!((count(&one, "calls").await, count(&one, "personal_data").await), (60, 1));
    assert!(one.call(3_059).await.unwrap().is_some());
}

async fn times_are_set_and_shown(database: TestDatabase) {
    let store = database.store().await;
    assert_eq!(store.retention().await.unwrap(), KEPT);
    let apply = async |file: &str| {
        let input: Input = toml::from_str(file).unwrap();
        store.apply(&input, &PasswordHashes::new(), NOON_MS).await
    };
    apply("[tenant.retention]\ncalls_months = 6\nevents_days = 3").await.unwrap();
    let set = store.retention().await.unwrap();
    assert_eq!(set, Retention { calls_months: 6, events_days: 3, ..KEPT });
    assert!(set.to_string().contains("calls 6 months, notes 12 months"), "{set}");
    let zero = apply("[tenant.retention]\ncalls_months = 0").await.unwrap_err().to_string();
    assert!(zero.contains("give 1 or more"), "{zero}");
    assert!(toml::from_str::<Input>("[tenant.retention]\ncall_months = 6").is_err());
}
