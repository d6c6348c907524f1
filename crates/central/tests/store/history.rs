//! What must stay true of the past: who held which phone, and what figures depended on.

use crate::databases::{TestDatabase, on_both_engines};
use crate::directory::{HOUSE, pbx};
use central_api::{PhoneId, UserId};
use linedesk_central::directory::{PhoneKind, Scope, ServiceLevelTarget, ServiceLevelWithin, ShortCall, Why, pbx_ix};
use linedesk_central::store::{Store, StoreError};
use std::collections::BTreeMap;

on_both_engines!(
    TestDatabase:
    a_call_belongs_to_whoever_held_its_phone_then,
    two_who_take_one_phone_at_once_do_not_both_hold_it,
    a_phone_may_be_nobodys,
    figures_change_from_now_on_and_never_for_the_past,
    who_is_not_tracked_is_so_for_a_time,
);

/// As [`crate::directory::apply`], at a moment.
async fn apply_at(store: &Store, text: &str, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let input = linedesk_central::apply::parse("test", text).unwrap();
    let hash = |name: &str| (name.to_owned(), "no hash, nobody signs in with it".to_owned());
    store.apply(&input, &BTreeMap::from(["anna", "boris"].map(hash)), now_ms).await
}

async fn user(store: &Store, name: &str) -> UserId {
    let config = store.configuration().await.unwrap();
    config.users.values().find(|row| row.user.username == name).unwrap().user.id
}

async fn phone(store: &Store) -> PhoneId {
    *store.configuration().await.unwrap().house.phones.keys().next().unwrap()
}

const TO_BORIS: &str = "[[user]]\nusername = \"boris\"\n[[user.phone]]\npbx = \"main\"\nnumber = \"101\"\n";

async fn a_call_belongs_to_whoever_held_its_phone_then(database: TestDatabase) {
    let store = database.store().await;
    apply_at(&store, HOUSE, 1_000).await.unwrap();
    let (phone, anna, boris) = (phone(&store).await, user(&store, "anna").await, user(&store, "boris").await);
    apply_at(&store, TO_BORIS, 2_000).await.unwrap();
    apply_at(&store, TO_BORIS, 3_000).await.unwrap();
    // Anna takes it for a shift; what the configuration says stays, and taken again it does not take the phone from her.
    store.hand_over(phone, Some(anna), Some("session-1"), 4_000).await.unwrap();
    let revision = store.revision().await.unwrap();
    store.hand_over(phone, Some(anna), Some("session-1"), 4_500).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), revision, "nothing was new");
    apply_at(&store, TO_BORIS, 5_000).await.unwrap();
    store.hand_over(phone, None, None, 6_000).await.unwrap();
    // A clock that was set back.
    store.hand_over(phone, Some(boris), None, 100).await.unwrap();
    let held = [
        (999, None),
        (1_000, Some((anna, Why::Configuration))),
        (1_999, Some((anna, Why::Configuration))),
        (2_000, Some((boris, Why::Configuration))),
        (3_999, Some((boris, Why::Configuration))),
        (4_000, Some((anna, Why::Seat))),
        (5_999, Some((anna, Why::Seat))),
        (6_000, Some((boris, Why::Seat))),
        (i64::MAX, Some((boris, Why::Seat))),
    ];
    let directory = store.directory().await.unwrap();
    for (at_ms, holder) in held {
        let stored = store.holder(phone, at_ms).await.unwrap();
        assert_eq!(stored.as_ref().map(|held| (held.user, held.why)), holder, "{at_ms}");
        assert_eq!(directory.holder(phone, at_ms).unwrap().cloned(), stored, "{at_ms}");
    }
    assert_eq!(directory.holder(PhoneId(99), 1_000), Ok(None));
    // What is long past is in the database alone.
    let week = 7 * 24 * 3_600_000;
    store.hand_over(phone, Some(anna), None, week).await.unwrap();
    let directory = store.directory().await.unwrap();
    assert!(directory.holder(phone, 1_500).is_err());
    assert_eq!(store.holder(phone, 1_500).await.unwrap().unwrap().user, anna);
    assert_eq!(directory.holder(phone, week - 1).unwrap().unwrap().user, boris, "it ended lately");
}

async fn two_who_take_one_phone_at_once_do_not_both_hold_it(database: TestDatabase) {
    let (store, other) = (database.store().await, database.store().await);
    apply_at(&store, HOUSE, 1_000).await.unwrap();
    let (phone, anna, boris) = (phone(&store).await, user(&store, "anna").await, user(&store, "boris").await);
    store.hand_over(phone, None, None, 1_500).await.unwrap();
    let (one, two) = tokio::join!(
        store.hand_over(phone, Some(anna), Some("a"), 2_000),
        other.hand_over(phone, Some(boris), Some("b"), 2_000)
    );
    one.unwrap();
    two.unwrap();
    let now = store.holder(phone, 2_000).await.unwrap().unwrap();
    assert_eq!((now.from_ms, now.to_ms), (2_000, None));
    let directory = store.directory().await.unwrap();
    assert_eq!(directory.holder(phone, 3_000).unwrap(), Some(&now));
    assert!(store.holder(phone, 1_999).await.unwrap().is_none());
}

async fn a_phone_may_be_nobodys(database: TestDatabase) {
    let store = database.store().await;
    apply_at(&store, HOUSE, 1_000).await.unwrap();
    let (main, anna) = (pbx(&store, "main").await, user(&store, "anna").await);
    let bare = "[[phone]]\npbx = \"main\"\nnumber = \"105\"\n";
    apply_at(&store, bare, 1_000).await.unwrap();
    let config = store.configuration().await.unwrap();
    let found = config.house.phones.values().find(|phone| phone.number == "105").unwrap().clone();
    assert_eq!((found.user, found.kind), (None, PhoneKind::DeskPhone));
    assert!(!config.phones.contains_key(&found.id), "no workstation registers it");
    let directory = store.directory().await.unwrap();
    use calls::Directory as _;
    assert_eq!(directory.who(pbx_ix(main), "PJSIP/105"), calls::Who::Phone);
    assert_eq!(directory.holder(found.id, 2_000), Ok(None));
    // It becomes somebody's, and nobody's again.
    apply_at(&store, &format!("{bare}user = \"Anna\"\n"), 2_000).await.unwrap();
    apply_at(&store, bare, 3_000).await.unwrap();
    apply_at(&store, &format!("{bare}user = \"\"\nkind = \"mobile\"\n"), 4_000).await.unwrap();
    let holder = async |at_ms| store.holder(found.id, at_ms).await.unwrap().map(|held| held.user);
    assert_eq!([holder(1_999).await, holder(3_500).await, holder(4_000).await], [None, Some(anna), None]);
    for (keys, why) in
        [("user = \"nobody-known\"", "there is no such user"), ("kind = \"softphone\"", "without a SIP password")]
    {
        let refused = apply_at(&store, &format!("{bare}{keys}\n"), 5_000).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    // With a password it is registered by a workstation.
    let own = "[[user]]\nusername = \"anna\"\n[[user.phone]]\npbx = \"main\"\nnumber = \"105\"\nsecret = \"s\"\n";
    apply_at(&store, own, 6_000).await.unwrap();
    let config = store.configuration().await.unwrap();
    assert_eq!(config.phones[&found.id].user, anna, "the same phone");
    assert_eq!(config.house.phones[&found.id].kind, PhoneKind::Softphone);
}

const DAY_MS: i64 = 24 * 3_600_000;

async fn figures_change_from_now_on_and_never_for_the_past(database: TestDatabase) {
    let store = database.store().await;
    apply_at(&store, HOUSE, 1_000).await.unwrap();
    let main = pbx(&store, "main").await;
    let queue = Scope::Queue(store.directory().await.unwrap().queue(main, "support").unwrap());
    for scope in [Scope::Tenant, queue] {
        assert_eq!(store.setting_at::<ServiceLevelWithin>(scope, 0).await.unwrap(), 20);
        assert_eq!(store.setting_at::<ServiceLevelTarget>(scope, 0).await.unwrap(), 80);
        assert_eq!(store.setting_at::<ShortCall>(scope, 0).await.unwrap(), 5);
    }
    let tenant = "[tenant.figures]\nservice_level_s = 30\n";
    let support =
        "[[queue]]\npbx = \"main\"\nqueue = \"support\"\n[queue.figures]\nservice_level_s = 10\nshort_call_s = 3\n";
    apply_at(&store, tenant, 2_000).await.unwrap();
    apply_at(&store, support, 3_000).await.unwrap();
    // On the fifth day the queue is to be slower; said on the second, and again on the ninth, when it is so.
    let later = format!("{support}valid_from = 1970-01-06\n").replace("service_level_s = 10", "service_level_s = 25");
    apply_at(&store, &later, DAY_MS).await.unwrap();
    apply_at(&store, &later, 8 * DAY_MS).await.unwrap();
    apply_at(&store, tenant, 9 * DAY_MS).await.unwrap();
    let within = [
        (Scope::Tenant, 1_999, 20),
        (Scope::Tenant, 2_000, 30),
        (queue, 1_999, 20),
        (queue, 2_999, 30),
        (queue, 3_000, 10),
        (queue, 5 * DAY_MS - 1, 10),
        (queue, 5 * DAY_MS, 25),
        (queue, i64::MAX, 25),
    ];
    let directory = store.directory().await.unwrap();
    for (scope, at_ms, seconds) in within {
        assert_eq!(store.setting_at::<ServiceLevelWithin>(scope, at_ms).await.unwrap(), seconds, "{scope:?} {at_ms}");
        assert_eq!(directory.setting::<ServiceLevelWithin>(scope, at_ms), seconds, "{scope:?} {at_ms}");
    }
    let past = later.replace("= 25", "= 26");
    let refused = apply_at(&store, &past, 8 * DAY_MS).await.unwrap_err().to_string();
    assert!(
        refused.contains("service-level-s of the queue support on main cannot change from 1970-01-06 00:00:00"),
        "{refused}"
    );
    let refused = apply_at(&store, "[tenant.figures]\nservice_level_percent = 101", 1).await.unwrap_err().to_string();
    assert!(refused.contains("101 %"), "{refused}");
}

async fn who_is_not_tracked_is_so_for_a_time(database: TestDatabase) {
    let store = database.store().await;
    apply_at(&store, HOUSE, 1_000).await.unwrap();
    let (anna, boris) = (user(&store, "anna").await, user(&store, "boris").await);
    let said = |keys: &str| format!("[[user]]\nusername = \"anna\"\n{keys}\n");
    let tracked = async |user, at_ms| store.directory().await.unwrap().is_tracked(user, at_ms);
    apply_at(&store, &said("tracked = true"), 2_000).await.unwrap();
    assert!(tracked(anna, 0).await);
    let a_week = said("tracked = false\ntracked_from = 1970-01-03\ntracked_until = 1970-01-10");
    // Said before, in and after its time: it is one week each time.
    for now_ms in [2_000, 3 * DAY_MS, 20 * DAY_MS] {
        apply_at(&store, &a_week, now_ms).await.unwrap();
        for (day, is) in [(1, true), (2, false), (8, false), (9, true), (30, true)] {
            assert_eq!(tracked(anna, day * DAY_MS).await, is, "day {day}");
        }
    }
    apply_at(&store, &said("tracked = false"), 30 * DAY_MS).await.unwrap();
    assert!(
        !tracked(anna, 30 * DAY_MS).await && tracked(anna, 30 * DAY_MS - 1).await && tracked(boris, 30 * DAY_MS).await
    );
    for (keys, why) in [
        ("tracked_from = 1970-03-01", "does not say whether it is on"),
        ("tracked = true\ntracked_from = 1970-03-05\ntracked_until = 1970-03-01", "ends before it begins"),
        ("tracked = true\ntracked_from = 1970-01-31", "cannot change from 1970-01-31"),
    ] {
        let refused = apply_at(&store, &said(keys), 40 * DAY_MS).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}
