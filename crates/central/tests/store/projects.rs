//! Projects, the numbers that customers dial, groups of people.

use crate::databases::{TestDatabase, on_both_engines};
use crate::directory::{HOUSE, apply, pbx};
use linedesk_central::directory::{ManagedBy, Numbers, Scope, ServiceLevelWithin};
use linedesk_central::store::Store;
use std::collections::BTreeMap;

on_both_engines!(
    TestDatabase:
    a_queue_has_the_name_and_the_greeting_of_its_project,
    a_dialled_number_is_found_however_it_came,
    who_was_in_a_group_stays_known,
);

async fn a_queue_has_the_name_and_the_greeting_of_its_project(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    // A file of before: the project is a text, and becomes one.
    let queues = "[[queue]]\npbx = \"main\"\nqueue = \"support\"\nproject = \"ACME\"\n\
                  [[queue]]\npbx = \"main\"\nqueue = \"sales\"\nproject = \"ACME\"\ngreeting = \"Sales, good day\"\nmanaged_by = \"linedesk\"\n";
    apply(&store, queues).await.unwrap();
    let project = "[[project]]\nname = \"ACME\"\ngreeting = \"ACME, good day\"\nscript = \"https://wiki.example/acme\"\nzone = \"Europe/Moscow\"\n";
    apply(&store, project).await.unwrap();
    apply(&store, queues).await.unwrap();
    let config = store.configuration().await.unwrap();
    assert_eq!(config.house.projects.len(), 1);
    let queue = |name: &str| config.queues.values().find(|queue| queue.pbx_queue == name).unwrap();
    let told = |name: &str| (queue(name).project.as_deref(), queue(name).greeting.as_deref(), queue(name).managed_by);
    assert_eq!(told("support"), (Some("ACME"), Some("ACME, good day"), ManagedBy::Pbx));
    assert_eq!(told("sales"), (Some("ACME"), Some("Sales, good day"), ManagedBy::Linedesk));
    assert_eq!(queue("sales").project_id, config.house.projects.keys().next().copied());
    assert_eq!(
        apply(&store, "[[project]]\nname = \" \"").await.unwrap_err().to_string().split(',').next(),
        Some("a project has no name")
    );
}

async fn a_dialled_number_is_found_however_it_came(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    let numbers = r#"
[[number-plan]]
name = "moscow"
preset = "russia"
area_code = "495"
own_numbers = ["+74951112233"]
[[pbx]]
name = "main"
host = "h"
username = "u"
number_plan = "moscow"
[[pbx]]
name = "twin"
host = "h"
username = "u"
secret = "s"
number_plan = "moscow"
mirror_of = "main"
[[project]]
name = "ACME"
greeting = "ACME, good day"
zone = "Europe/Moscow"
[[external-number]]
pbx = "main"
number = "+74951112233"
name = "Head office"
project = "ACME"
greeting = "Head office"
[[external-number]]
pbx = "main"
number = "700800"
project = "Shop"
screen_pop = "https://crm.example/{number}"
[[external-number]]
pbx = "alone"
number = "700800"
"#;
    apply(&store, numbers).await.unwrap();
    apply(&store, numbers).await.unwrap();
    let directory = store.directory().await.unwrap();
    let [main, twin, alone] = [pbx(&store, "main").await, pbx(&store, "twin").await, pbx(&store, "alone").await];
    for (place, endpoint, dialled, name) in [
        (main, "PJSIP/trunk-a", "+74951112233", Some("Head office")),
        (main, "PJSIP/trunk-a", "84951112233", Some("Head office")),
        (main, "PJSIP/unknown", "1112233", Some("Head office")),
        (twin, "PJSIP/trunk-a", "74951112233", Some("Head office")),
        (main, "PJSIP/trunk-a", "700800", Some("700800")),
        (main, "PJSIP/trunk-a", "84951112234", None),
        (alone, "PJSIP/trunk-a", "84951112233", None),
        (alone, "PJSIP/trunk-a", "700800", Some("700800")),
    ] {
        let found = directory.external_number(place, endpoint, dialled);
        assert_eq!(found.map(|number| number.name.as_str()), name, "{dialled} on {place}");
    }
    let head = directory.external_number(main, "", "+74951112233").unwrap();
    let manner = directory.manner(head);
    assert_eq!((manner.greeting.as_deref(), manner.zone.as_deref()), (Some("Head office"), Some("Europe/Moscow")));
    assert_eq!(directory.project(head.project.unwrap()).unwrap().name, "ACME");
    let [ours, theirs] = [main, alone].map(|pbx| directory.external_number(pbx, "", "700800").unwrap().id);
    assert_ne!(ours, theirs, "the same number on two PBXs is two objects");
    for (text, why) in [
        ("[[external-number]]\npbx = \"main\"\nnumber = \"\"", "is none"),
        ("[[external-number]]\npbx = \"nowhere\"\nnumber = \"1\"", "there is no PBX nowhere"),
        ("[[external-number]]\npbx = \"main\"\nnumber = \"1\"\nscript = \"file:///x\"", "no page of the web"),
        ("[[project]]\nname = \"x\"\nzone = \"MSK\"", "no name of the tz database"),
    ] {
        let refused = apply(&store, text).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

async fn apply_at(store: &Store, text: &str, now_ms: i64) -> Result<Vec<String>, linedesk_central::store::StoreError> {
    let input = linedesk_central::apply::parse("test", text).unwrap();
    store.apply(&input, &BTreeMap::new(), now_ms).await
}

async fn who_was_in_a_group_stays_known(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    let group = |keys: &str| format!("[[group]]\nname = \"day\"\n{keys}\n");
    apply_at(&store, &group("users = [\"Anna\"]\nnumbers = \"seat\""), 2_000).await.unwrap();
    apply_at(&store, &group("users = [\"anna\", \"boris\"]"), 3_000).await.unwrap();
    apply_at(&store, &group("users = [\"boris\", \"BORIS\"]"), 4_000).await.unwrap();
    apply_at(&store, &group("[group.figures]\nservice_level_s = 40"), 5_000).await.unwrap();
    apply_at(&store, &group("users = [\"anna\", \"boris\"]"), 6_000).await.unwrap();
    let config = store.configuration().await.unwrap();
    let (id, day) = config.house.groups.iter().next().unwrap();
    assert_eq!(day.numbers, Numbers::Seat, "what is not said stays");
    let names = |at_ms| {
        let mut names: Vec<&str> = day.users_at(at_ms).map(|user| config.users[&user].user.username.as_str()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    let told: Vec<String> = [1_999, 2_000, 3_000, 4_000, 5_999, 6_000].map(names).into();
    assert_eq!(told, ["", "anna", "anna boris", "boris", "boris", "anna boris"]);
    let directory = store.directory().await.unwrap();
    let anna = config.users.values().find(|row| row.user.username == "anna").unwrap().user.id;
    assert_eq!([directory.groups_of(anna, 3_999).len(), directory.groups_of(anna, 4_000).len()], [1, 0]);
    assert_eq!(directory.setting::<ServiceLevelWithin>(Scope::Group(*id), 5_000), 40);
    let refused = apply_at(&store, &group("users = [\"nobody\"]"), 7_000).await.unwrap_err().to_string();
    assert!(refused.contains("cannot have nobody in it, there is no such user"), "{refused}");
}
