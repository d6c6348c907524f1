use ::calls::Ended;
use ::calls::call::{Attribute, Call, Move, MoveKind};

use std::collections::BTreeMap;

use super::{Asked, CustomerCall, Forgotten};
use crate::classify::Sighting;
use crate::directory::{InCalls, Shown};
use crate::numbers::Preset;
use crate::store::calls::generated::{NOON_MS, outgoing_call, queue_call};
use crate::store::databases::{TestDatabase, on_both_engines};
use crate::store::engine::query;
use crate::store::{AttributeInput, Input, PasswordHashes, Store};

on_both_engines!(
    TestDatabase:
    a_customer_is_found_by_number_with_all_calls,
    what_is_exported_is_all_of_one_and_nothing_of_others,
    a_forgotten_customer_is_in_no_file_and_figures_stay,
    a_customer_is_forgotten_while_others_write,
    a_forgotten_customer_is_not_learnt_again_from_a_correction,
    a_plan_knows_two_spellings_as_one,
    a_customer_is_found_and_forgotten_in_what_was_seen,
);

const ANNA: &str = "+79001234567";
const IVAN: &str = "+79007654321";

fn asked(number: &str) -> Asked<'_> {
    Asked { number, plans: &[], likely: false, who: "cli:root", now_ms: NOON_MS }
}

fn ended(id: u64, call: Call) -> Ended {
    Ended { id, absorbed: Vec::new(), call }
}

/// Everywhere where a number can hide.
fn calls() -> Vec<Ended> {
    let mut moved = queue_call(NOON_MS + 1_000, ANNA, "Anna Petrova", 1, true);
    moved.moves = vec![Move {
        kind: MoveKind::Blind,
        at_ms: NOON_MS + 20_000,
        by: Some(1),
        who: Some(0),
        to: None,
        number: Some("89007654321".to_owned()),
        success: true,
    }];
    moved.steps[1].keys = "79001234567".to_owned();
    let attribute = |name: &str, value: &str| Attribute {
        at_ms: NOON_MS + 1_500,
        party: Some(0),
        name: name.to_owned(),
        value: value.to_owned(),
    };
    moved.attributes = vec![
        attribute("PASSPORT", "45 04 778899"),
        attribute("ORDER", "ring 79001234567 after six"),
        attribute("BACK", "79001234567"),
        attribute("UNNAMED", "nobody asked for this"),
    ];
    vec![
        ended(1, queue_call(NOON_MS, ANNA, "", 1, false)),
        ended(2, moved),
        ended(3, outgoing_call(NOON_MS + 2_000, "79001234567")),
        ended(4, queue_call(NOON_MS + 3_000, IVAN, "Ivan Sidorov", 1, true)),
    ]
}

async fn store(database: &TestDatabase) -> Store {
    let store = database.store().await;
    let attribute = |name: &str, kind: &str, personal: bool| -> AttributeInput {
        let of = format!("name = '{name}'\ntype = '{kind}'\nsource = 'variable {name}'\npersonal = {personal}");
        toml::from_str(&format!("titles.en = 'x'\n{of}")).unwrap()
    };
    let attributes = vec![
        attribute("PASSPORT", "text", true),
        attribute("ORDER", "text", false),
        attribute("BACK", "number", false),
    ];
    let input = Input { attributes, ..Input::default() };
    store.apply(&input, &PasswordHashes::new(), NOON_MS).await.unwrap();
    store.put_calls(&calls(), NOON_MS).await.unwrap();
    store
}

async fn figures(store: &Store) -> (i64, i64, i64, i64) {
    query(
        "SELECT COUNT(*), CAST(SUM(talked_ms) AS BIGINT), CAST(SUM(waited_ms) AS BIGINT), \
         (SELECT COUNT(DISTINCT p.customer_id) FROM call_parties c JOIN personal_data p ON p.id = c.personal_id) FROM calls",
    )
    .fetch_one(store.database())
    .await
    .unwrap()
}

async fn a_customer_is_found_by_number_with_all_calls(database: TestDatabase) {
    let store = store(&database).await;

    let found = store.find_customer(asked("+7 (900) 123-45-67")).await.unwrap();
    let calls: Vec<i64> = found.calls.iter().map(|call| call.id).collect();
    assert_eq!(calls, [3, 2, 1]);
    assert_eq!(found.calls[0], CustomerCall { id: 3, started_ms: NOON_MS + 2_000 });
    let mut known: Vec<(&str, &str, &str)> =
        found.details.iter().map(|detail| (&*detail.number, &*detail.name, &*detail.value)).collect();
    known.sort_unstable();
    assert_eq!(
        known,
        [(ANNA, "", ""), (ANNA, "", "45 04 778899"), (ANNA, "Anna Petrova", ""), ("79001234567", "", "")]
    );
    let nobody = store.find_customer(asked("89001234567")).await.unwrap();
    assert_eq!((nobody.details.len(), nobody.calls.len()), (0, 0));
    assert_eq!(nobody.also_likely, [ANNA, "79001234567"]);
    let likely = store.find_customer(Asked { likely: true, ..asked("89001234567") }).await.unwrap();
    assert_eq!(likely, found);
    assert!(store.find_customer(asked("")).await.is_err());
    let entries = store.audit_after(0, 10).await.unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!((entries[0].who.as_str(), entries[0].what.as_str()), ("cli:root", "customer-found"));
    assert_eq!((&entries[0].about["calls"], &entries[0].about["details"]), (&3.into(), &4.into()));
    assert!(entries.iter().all(|entry| !entry.about.to_string().contains("9001234567")));
}

async fn what_is_exported_is_all_of_one_and_nothing_of_others(database: TestDatabase) {
    let store = store(&database).await;
    let export = store.export_customer(asked(ANNA)).await.unwrap();
    let text = serde_json::to_string(&export).unwrap();
    for own in [ANNA, "Anna Petrova", "45 04 778899", "ring 79001234567 after six"] {
        assert!(text.contains(own), "{own} is missing in {text}");
    }
    assert_eq!(export.calls.len(), 3);
    assert!(!text.contains("9007654321") && !text.contains("Sidorov"), "{text}");
    assert!(!text.contains("nobody asked"), "what the catalogue does not name is not kept");
    assert_eq!(store.audit_after(0, 10).await.unwrap()[0].what, "customer-exported");
}

async fn a_forgotten_customer_is_in_no_file_and_figures_stay(database: TestDatabase) {
    let store = store(&database).await;
    let before = figures(&store).await;
    let events = store.last_event().await.unwrap();
    assert!(database.holds("9001234567").await && database.holds("Petrova").await);
    assert_eq!(store.forget_customer(asked(ANNA)).await.unwrap(), Forgotten { details: 4, calls: 3, seen: 0 });
    for gone in ["9001234567", "Petrova", "45 04 778899"] {
        assert!(!database.holds(gone).await, "{gone} is still there");
    }
    assert!(database.holds("9007654321").await && database.holds("Sidorov").await);
    assert_eq!((figures(&store).await, store.last_event().await.unwrap()), (before, events));
    let call = store.call(2).await.unwrap().unwrap();
    assert!(call.forgotten && !store.call(4).await.unwrap().unwrap().forgotten);
    assert_eq!((call.call.parties[0].number.as_deref(), call.call.parties[0].name.as_deref()), (Some(""), Some("")));
    assert_eq!(call.call.moves[0].number.as_deref(), Some("89007654321"), "somebody else's");
    assert_eq!(call.call.attributes[1].value, "ring  after six");
    let numbers: i64 = query("SELECT COUNT(number) FROM call_attributes").fetch_scalar(store.database()).await.unwrap();
    assert_eq!(numbers, 0, "not as a quantity either");
    let out = store.call(3).await.unwrap().unwrap().call;
    assert_eq!((out.dialled.as_deref(), out.attempts[0].interface.as_str()), (Some(""), "PJSIP/@trunk-1"));
    assert_eq!(store.forget_customer(asked(ANNA)).await.unwrap(), Forgotten::default());
    // Told again by a collector that was killed, it stays as it is; a new call is a stranger's.
    store.put_calls(&calls(), NOON_MS).await.unwrap();
    assert!(!database.holds("9001234567").await);
    store.put_calls(&[ended(5, queue_call(NOON_MS, ANNA, "", 1, true))], NOON_MS).await.unwrap();
    let found = store.find_customer(asked(ANNA)).await.unwrap();
    assert_eq!((found.details.len(), found.calls.len()), (1, 1));
    let entries = store.audit_after(0, 10).await.unwrap();
    assert_eq!(entries[0].what, "customer-forgotten");
}

async fn a_customer_is_forgotten_while_others_write(database: TestDatabase) {
    let (one, two) = (store(&database).await, database.store().await);
    let writing = async {
        for first in (10..1_010_u64).step_by(50) {
            let call = |id| ended(id, queue_call(NOON_MS + 5_000, if id % 2 == 0 { ANNA } else { IVAN }, "", 1, true));
            let calls: Vec<Ended> = (first..first + 50).map(call).collect();
            assert_eq!(one.put_calls(&calls, NOON_MS).await.unwrap().new, 50);
        }
    };
    let forgetting = async {
        let mut sum = 0;
        for _ in 0..10 {
            sum += two.forget_customer(asked(ANNA)).await.unwrap().calls;
        }
        sum
    };
    let ((), before) = tokio::join!(writing, forgetting);
    let after = two.forget_customer(asked(ANNA)).await.unwrap().calls;
    assert_eq!(before + after, 3 + 500, "each of her calls once");
    assert!(!database.holds("9001234567").await);
    assert_eq!(two.find_customer(asked(IVAN)).await.unwrap().calls.len(), 1 + 500);
}

/// What it is derived from again still has her number for some days.
async fn a_forgotten_customer_is_not_learnt_again_from_a_correction(database: TestDatabase) {
    let store = store(&database).await;
    store.forget_customer(asked(ANNA)).await.unwrap();
    let mut again = calls().swap_remove(1).call;
    again.talked_ms += 1;
    assert_eq!(store.correct_call(2, &again, "derived-again", NOON_MS).await.unwrap(), 2);
    let call = store.call(2).await.unwrap().unwrap();
    assert!(call.forgotten);
    assert_eq!((call.call.talked_ms, call.call.parties[0].name.as_deref()), (again.talked_ms, Some("")));
    for gone in ["9001234567", "Petrova", "45 04 778899"] {
        assert!(!database.holds(gone).await, "{gone} is there again");
    }
    store.correct_call(2, &again, "derived-again", NOON_MS).await.unwrap();
    assert!(store.call(2).await.unwrap().unwrap().forgotten, "also the next time");
}

async fn a_plan_knows_two_spellings_as_one(database: TestDatabase) {
    let store = store(&database).await;
    let plans = [Preset::Russia.plan(None)];
    let found = store.find_customer(Asked { plans: &plans, ..asked("89001234567") }).await.unwrap();
    assert_eq!(found.calls.len(), 3, "{found:?}");
}

async fn a_customer_is_found_and_forgotten_in_what_was_seen(database: TestDatabase) {
    let store = database.store().await;
    let pbx = "[[pbx]]\nname = 'main'\nhost = 'h'\nusername = 'u'\nsecret = 's'\n";
    store.apply(&toml::from_str(pbx).unwrap(), &PasswordHashes::new(), NOON_MS).await.unwrap();
    let pbx = *store.configuration().await.unwrap().pbxs.keys().next().unwrap();
    let sighting = |exten: &str| Sighting {
        pbx,
        context: "internal".to_owned(),
        exten: exten.to_owned(),
        channel: "PJSIP/1001".to_owned(),
        trunk: None,
        of_customer: false,
        at_ms: NOON_MS,
    };
    // As it was kept by a program that did not tell customers' numbers from others.
    let seen = ["79001234567", "700"].map(|exten| sighting(exten).into());
    store.seen("batch", &seen, NOON_MS).await.unwrap();
    let shown = |what, name: &str| InCalls {
        what,
        name: name.to_owned(),
        count: 1,
        first_ms: NOON_MS,
        last_ms: NOON_MS,
        far_numbers: 0,
    };
    let shown = vec![shown(Shown::Endpoint, "SIP/79001234567"), shown(Shown::Queue, "700")];
    store.keep_in_calls("batch-2", &BTreeMap::from([(pbx, shown)]), NOON_MS).await.unwrap();
    assert_eq!(store.find_customer(asked(ANNA)).await.unwrap().places.len(), 1);
    let export = serde_json::to_string(&store.export_customer(asked(ANNA)).await.unwrap()).unwrap();
    assert!(export.contains("79001234567") && !export.contains("\"700\""), "{export}");
    let forgotten = store.forget_customer(asked(ANNA)).await.unwrap();
    assert_eq!(forgotten, Forgotten { seen: 2, ..Forgotten::default() });
    assert!(!database.holds("9001234567").await);
    let inbox = store.inbox().await.unwrap();
    let told: Vec<(&str, u64)> = inbox.entries().map(|entry| (entry.exten.as_str(), entry.count)).collect();
    assert_eq!(told, [("700", 1), ("_7XXXXXXXXXX", 1)]);
    assert_eq!(store.observed(pbx).await.unwrap().1.in_calls.len(), 1);
    assert_eq!(store.forget_customer(asked(ANNA)).await.unwrap(), Forgotten::default());
}
