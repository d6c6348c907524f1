//! What the places of a dialplan are, and what is seen that nobody has said.

use crate::databases::{TestDatabase, on_both_engines};
use crate::directory::{HOUSE, apply, pbx};
use calls::{Call, Ended};
use central_api::PbxId;
use linedesk_central::classify::{Meaning, Sighting, Sightings, Verdict, What};
use linedesk_central::store::Store;
use serde_json::json;
use std::collections::BTreeMap;

on_both_engines!(
    TestDatabase:
    what_is_said_holds_from_its_date,
    a_rule_that_was_missing_tells_past_calls,
    what_nobody_said_is_in_the_inbox_until_somebody_does,
    the_inbox_is_bounded_and_says_so,
);

fn sighting(pbx: PbxId, context: &str, exten: &str, at_ms: i64) -> Sighting {
    Sighting {
        pbx,
        context: context.to_owned(),
        exten: exten.to_owned(),
        channel: "PJSIP/trunk-a-0000001a".to_owned(),
        trunk: None,
        of_customer: false,
        at_ms,
    }
}

fn all(seen: &[Sighting]) -> Vec<Sightings> {
    seen.iter().cloned().map(Sightings::from).collect()
}

async fn apply_at(store: &Store, text: &str, now_ms: i64) -> Result<Vec<String>, linedesk_central::store::StoreError> {
    let input = linedesk_central::apply::parse("test", text).unwrap();
    store.apply(&input, &BTreeMap::new(), now_ms).await
}

fn rule(keys: &str) -> String {
    format!("[[classification]]\npbx = \"main\"\ncontext = \"ext-queues\"\nexten = \"_7XX\"\n{keys}\n")
}

const DAY_MS: i64 = 24 * 3_600_000;

async fn what_is_said_holds_from_its_date(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    let main = pbx(&store, "main").await;
    let what = async |at_ms| {
        let directory = store.directory().await.unwrap();
        match directory.classify(&sighting(main, "ext-queues", "700", at_ms)) {
            Verdict::Known { meaning, .. } => Some((meaning.what, meaning.id.is_some())),
            Verdict::Unknown => None,
        }
    };
    assert_eq!(what(0).await, None);
    apply_at(&store, &rule("what = \"menu\""), 1_000).await.unwrap();
    assert_eq!(what(0).await, Some((What::Menu, false)), "always was so");
    let support = rule("what = \"queue\"\nqueue = \"support\"");
    apply_at(&store, &support, 2_000).await.unwrap();
    apply_at(&store, &support, 3_000).await.unwrap();
    assert_eq!([what(1_999).await, what(2_000).await], [Some((What::Menu, false)), Some((What::Queue, true))]);
    let planned = rule("what = \"service\"\nvalid_from = 1970-01-05\nvalid_to = 1970-01-08");
    for now_ms in [4_000, 6 * DAY_MS] {
        apply_at(&store, &planned, now_ms).await.unwrap();
        assert_eq!(what(4 * DAY_MS - 1).await, Some((What::Queue, true)));
        assert_eq!([what(4 * DAY_MS).await, what(7 * DAY_MS).await], [Some((What::Service, false)), None]);
    }
    assert_eq!(store.configuration().await.unwrap().house.rules.len(), 3);
    let twice = [rule("what = \"menu\""), rule("what = \"queue\"")].concat();
    for (text, why) in [
        (twice, "is said twice"),
        (rule("what = \"menu\"\nqueue = \"support\""), "which of another kind"),
        (rule("what = \"queue\"\nqueue = \"nowhere\""), "there is no queue nowhere on main"),
        (rule("what = \"external-number\"\nnumber = \"1\""), "there is no external number 1 on main"),
        (rule("what = \"menu\"\nvalid_from = 1970-01-05\nvalid_to = 1970-01-05"), "ends before it begins"),
    ] {
        let refused = apply_at(&store, &text, 9 * DAY_MS).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

/// A call is stored, and then somebody says what the places were that it came through.
async fn a_rule_that_was_missing_tells_past_calls(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    let main = pbx(&store, "main").await;
    let call: Call = serde_json::from_value(json!({
        "direction": "incoming", "caller": 0, "dialled": "84951234567", "began_ms": DAY_MS, "answered_ms": null,
        "ended_ms": DAY_MS + 9_000, "ended_by": { "by": "pbx" }, "cause": 16, "originated": false,
        "parties": [{ "who": "trunk", "pbx": main.0, "endpoint": "PJSIP/trunk-a", "number": "+79001234567", "name": null,
            "sip_call_ids": [], "channels": ["1795469755.1"] }],
        "visits": [], "attempts": [], "talks": [], "moves": [], "listens": [], "attributes": [], "joins": [],
        "steps": [
            { "at_ms": DAY_MS, "context": "from-trunk", "exten": "84951234567", "keys": "" },
            { "at_ms": DAY_MS + 1_000, "context": "ivr-5", "exten": "s", "keys": "2" },
            { "at_ms": DAY_MS + 5_000, "context": "ext-queues", "exten": "700", "keys": "" },
        ],
        "waited_ms": 0, "talked_ms": 0, "connected_ms": 0,
    }))
    .unwrap();
    store.put_calls(&[Ended { id: 7, absorbed: Vec::new(), call }], DAY_MS).await.unwrap();
    let way = async || {
        let (directory, stored) = (store.directory().await.unwrap(), store.call(7).await.unwrap().unwrap());
        let what = |verdict| match verdict {
            Verdict::Known { meaning: Meaning { what, .. }, .. } => Some(what),
            Verdict::Unknown => None,
        };
        directory.way(&stored.call).into_iter().map(|(_, verdict)| what(verdict)).collect::<Vec<_>>()
    };
    assert_eq!(way().await, [None; 3]);
    let menu = "[[classification]]\npbx = \"main\"\ncontext = \"ivr-*\"\nwhat = \"menu\"\n";
    apply_at(&store, &(rule("what = \"queue\"\nqueue = \"support\"\nvalid_from = 1970-01-01") + menu), 9 * DAY_MS)
        .await
        .unwrap();
    assert_eq!(way().await, [None, Some(What::Menu), Some(What::Queue)]);
    let by_trunk =
        "[[classification]]\npbx = \"main\"\nexten = \"_8.\"\ntrunk = \"city\"\nwhat = \"external-number\"\n";
    let later =
        "[[classification]]\npbx = \"main\"\ncontext = \"ivr-*\"\nwhat = \"service\"\nvalid_from = 1970-01-05\n";
    apply_at(&store, by_trunk, 9 * DAY_MS).await.unwrap();
    apply_at(&store, later, 9 * DAY_MS).await.unwrap();
    assert_eq!(way().await, [Some(What::ExternalNumber), Some(What::Menu), Some(What::Queue)], "as it was then");
}

async fn what_nobody_said_is_in_the_inbox_until_somebody_does(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    let main = pbx(&store, "main").await;
    let seen = [
        sighting(main, "ext-queues", "700", 1),
        sighting(main, "ext-queues", "710", 2),
        sighting(main, "ivr-5", "s", 3),
        sighting(main, "ivr-5", "s", 4),
        sighting(main, "nobody-knows", "x1", 5),
        sighting(PbxId(99), "ext-queues", "700", 5),
    ];
    store.seen("batch-1", &all(&seen), 10).await.unwrap();
    store.seen("batch-1", &all(&seen), 11).await.unwrap();
    let entries = async || {
        let inbox = store.inbox().await.unwrap();
        inbox
            .entries()
            .map(|entry| format!("{} {} {}", entry.context, entry.exten.as_str(), entry.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        entries().await,
        ["ext-queues 700 1", "ext-queues 710 1", "ivr-5 s 2", "nobody-knows x1 1"],
        "each batch once"
    );
    let proposed = store.proposed_rules().await.unwrap();
    let ids: Vec<String> = proposed.iter().map(|rule| rule.id.clone()).collect();
    assert_eq!(proposed.iter().map(|rule| rule.proposal.what).collect::<Vec<_>>(), [What::Queue, What::Menu]);
    assert_eq!(store.directory().await.unwrap().classify(&seen[0]), Verdict::Unknown, "nothing is used before");

    let refused = store.confirm_rules(&[ids[0].clone(), "nonsense".to_owned()], 20).await.unwrap_err().to_string();
    assert!(refused.contains("no rule nonsense is proposed"), "{refused}");
    assert_eq!(store.proposed_rules().await.unwrap(), proposed, "all or none");
    store.confirm_rules(&ids[..1], 20).await.unwrap();
    assert_eq!(entries().await, ["ivr-5 s 2", "nobody-knows x1 1"]);
    let directory = store.directory().await.unwrap();
    assert!(matches!(directory.classify(&seen[1]), Verdict::Known { meaning, .. } if meaning.what == What::Queue));
    // A rule that an administrator writes takes it out as well, and what is known does not come in.
    apply_at(&store, "[[classification]]\npbx = \"main\"\ncontext = \"nobody-*\"\nwhat = \"passage\"", 30)
        .await
        .unwrap();
    store.seen("batch-2", &all(&seen), 40).await.unwrap();
    assert_eq!(entries().await, ["ivr-5 s 4"]);
    assert_eq!(store.inbox().await.unwrap().entries().next().unwrap().examples.len(), 1, "two alike are one example");
}

async fn the_inbox_is_bounded_and_says_so(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    let main = pbx(&store, "main").await;
    let many: Vec<Sighting> = (0..600).map(|at| sighting(main, &format!("context-{at}"), "s", at)).collect();
    let (first, rest) = many.split_at(450);
    store.seen("one", &all(first), 1).await.unwrap();
    store.seen("two", &all(rest), 1).await.unwrap();
    let inbox = store.inbox().await.unwrap();
    assert_eq!((inbox.entries().count(), inbox.forgotten()), (500, 100));
    assert!(inbox.entries().all(|entry| entry.last_ms >= 100), "those that were quiet for longest went");
}
