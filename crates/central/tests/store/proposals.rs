//! What was seen at a PBX becomes part of the directory when a person says so, and not before.

use crate::databases::{TestDatabase, on_both_engines};
use crate::directory::{HOUSE, apply, pbx};
use linedesk_central::directory::{
    Known, MemberTemplate, ObservedPbx, PhoneKind, SeenEndpoint, SeenMember, faults, proposals,
};
use linedesk_central::store::{Store, StoreError};

on_both_engines!(
    TestDatabase:
    what_was_seen_is_proposed_and_taken_in_by_its_key,
    what_is_not_proposed_is_refused_whole,
    members_are_named_by_the_template_of_their_pbx,
    one_person_under_two_interfaces_is_told,
);

fn member(queue: &str, interface: &str, name: &str) -> SeenMember {
    let number = interface.trim_start_matches("Local/").split('@').next().unwrap();
    SeenMember {
        queue: queue.to_owned(),
        interface: interface.to_owned(),
        state_interface: Some(format!("hint:{number}@ext-local")),
        name: Some(name.to_owned()),
        penalty: 2,
        dynamic: false,
    }
}

fn endpoint(endpoint: &str, registered: Option<bool>, far_numbers: u32) -> SeenEndpoint {
    SeenEndpoint { endpoint: endpoint.to_owned(), registered, far_numbers }
}

/// A FreePBX with two members, a phone in no queue, and a trunk.
fn seen() -> ObservedPbx {
    ObservedPbx {
        queues: vec!["700".to_owned(), "710".to_owned()],
        members: vec![
            member("700", "Local/201@from-queue/n", "Olga Petrova"),
            member("710", "Local/201@from-queue/n", "Olga Petrova"),
            member("700", "Local/202@from-queue/n", "202"),
        ],
        endpoints: vec![
            endpoint("PJSIP/201", Some(true), 1),
            endpoint("PJSIP/203", Some(true), 0),
            endpoint("PJSIP/city-trunk", Some(false), 12),
            endpoint("PJSIP/4951112233", None, 40),
        ],
        in_calls: Vec::new(),
    }
}

async fn keys(store: &Store, name: &str) -> Vec<String> {
    let (config, id) = (store.configuration().await.unwrap(), pbx(store, name).await);
    let (_, seen) = store.observed(id).await.unwrap();
    proposals(&config, id, &seen).iter().map(linedesk_central::directory::Proposal::key).collect()
}

async fn confirm(store: &Store, name: &str, keys: &[&str]) -> Result<Vec<String>, StoreError> {
    let keys: Vec<_> = keys.iter().map(|key| key.parse().unwrap()).collect();
    let taken = store.confirm(pbx(store, name).await, &keys, 5_000).await?;
    Ok(taken.iter().map(linedesk_central::directory::Proposal::key).collect())
}

async fn what_was_seen_is_proposed_and_taken_in_by_its_key(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    let alone = pbx(&store, "alone").await;
    let before = store.configuration().await.unwrap();
    let nothing = store.observed(alone).await.unwrap_err().to_string();
    assert!(nothing.contains("nothing was seen at this PBX yet"), "{nothing}");
    store.keep_observed(alone, 1_000, ObservedPbx::default()).await.unwrap();
    store.keep_observed(alone, 2_000, seen()).await.unwrap();
    assert_eq!(store.observed(alone).await.unwrap(), (2_000, seen().after(ObservedPbx::default())));
    assert_eq!(store.configuration().await.unwrap(), before, "nothing comes in by itself");
    let proposed = [
        "template",
        "queue:700",
        "queue:710",
        "line:PJSIP/4951112233",
        "line:PJSIP/city-trunk",
        "phone:201",
        "phone:202",
        "phone:203",
    ];
    assert_eq!(keys(&store, "alone").await, proposed);

    assert_eq!(confirm(&store, "alone", &["phone:20*"]).await.unwrap(), ["phone:201", "phone:202", "phone:203"]);
    // 202 has no name but its number, so nobody is proposed to hold it.
    let left = ["template", "queue:700", "queue:710", "line:PJSIP/4951112233", "line:PJSIP/city-trunk", "person:201"];
    assert_eq!(keys(&store, "alone").await, left);
    let rest = ["template", "queue:*", "line:PJSIP/city-trunk", "person:*", "member:*"];
    let taken = confirm(&store, "alone", &rest).await.unwrap();
    assert_eq!(taken[4..], ["person:201", "member:700:Local/201@from-queue/n", "member:710:Local/201@from-queue/n"]);
    assert_eq!(keys(&store, "alone").await, ["line:PJSIP/4951112233"]);

    let config = store.configuration().await.unwrap();
    let olga = &config.users.values().find(|row| row.user.display_name == "Olga Petrova").unwrap().user;
    assert_eq!(olga.username, "olga.petrova");
    let directory = store.directory().await.unwrap();
    let Some(Known::Phone(phone)) = directory.find(alone, "PJSIP/201") else { panic!("no phone") };
    assert_eq!(config.house.phones[&phone].kind, PhoneKind::DeskPhone);
    assert_eq!(store.holder(phone, 5_000).await.unwrap().unwrap().user, olga.id);
    let support = directory.queue(alone, "700").unwrap();
    let member = &config.members[&(olga.id, support)];
    assert_eq!((member.penalty, member.fixed, member.joined), (2, true, true), "as it was seen");
    assert_eq!(member.state_interface.as_deref(), Some("hint:201@ext-local"));
    assert_eq!(config.house.pbxs[&alone].member_template, MemberTemplate::preset("freepbx").ok());
    // Who has no password does not sign in.
    let (_, hash) = store.credentials("olga.petrova").await.unwrap().unwrap();
    let passwords = linedesk_central::identity::Passwords::new().await.unwrap();
    for tried in ["", "!"] {
        assert!(!passwords.verify(central_api::Secret::new(tried), Some(hash.clone())).await);
    }
}

async fn what_is_not_proposed_is_refused_whole(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    store.keep_observed(pbx(&store, "alone").await, 1, seen()).await.unwrap();
    let before = store.configuration().await.unwrap();
    for keys in [&["phone:201", "phone:999"][..], &["member:*"], &["phone:201", "phone:201"]] {
        let refused = confirm(&store, "alone", keys).await.unwrap_err().to_string();
        assert!(refused.contains("is not proposed for the PBX alone"), "{refused}");
        assert_eq!(store.configuration().await.unwrap(), before, "{keys:?}");
    }
}

async fn members_are_named_by_the_template_of_their_pbx(database: TestDatabase) {
    let store = database.store().await;
    let office = |template: &str| {
        format!(
            "[[pbx]]\nname = \"main\"\nhost = \"h\"\nusername = \"u\"\nsecret = \"s\"\n{template}\n\
             [[queue]]\nqueue = \"700\"\n[[user]]\nusername = \"anna\"\ndisplay_name = \"Anna Orlova\"\n\
             [[user.phone]]\nnumber = \"101\"\nsecret = \"s\"\n[[user.member]]\nqueue = \"700\"\n"
        )
    };
    let told = async |template: &str| {
        apply(&store, &office(template)).await.unwrap();
        let config = store.configuration().await.unwrap();
        let member = config.members.values().next().unwrap().clone();
        (member.interface, member.state_interface.unwrap_or_default(), member.member_name)
    };
    for (template, interface, state, name) in [
        ("", "PJSIP/101", "", "Anna Orlova"),
        ("member_template = \"freepbx\"", "Local/101@from-queue/n", "hint:101@ext-local", "Anna Orlova"),
        ("", "Local/101@from-queue/n", "hint:101@ext-local", "Anna Orlova"),
        ("member_template = \"mikopbx\"", "Local/101@internal/n", "hint:101@internal-hints", "101"),
        (
            "member_template = { interface = \"SIP/{number}\", member_name = \"{name} ({number})\" }",
            "SIP/101",
            "",
            "Anna Orlova (101)",
        ),
        ("member_template = \"\"", "PJSIP/101", "", "Anna Orlova"),
    ] {
        assert_eq!(told(template).await, (interface.to_owned(), state.to_owned(), name.to_owned()), "{template}");
    }
    for (template, why) in [
        ("member_template = \"freeswitch\"", "there is no preset of this name"),
        ("member_template = { interface = \"PJSIP/desk\" }", "its interface names no phone"),
    ] {
        let refused = apply(&store, &office(template)).await.unwrap_err().to_string();
        assert!(
            refused.contains("the member template of the PBX main cannot be taken") && refused.contains(why),
            "{refused}"
        );
    }
}

async fn one_person_under_two_interfaces_is_told(database: TestDatabase) {
    let store = database.store().await;
    apply(&store, HOUSE).await.unwrap();
    let second = "[[queue]]\npbx = \"main\"\nqueue = \"sales\"\n[[user]]\nusername = \"anna\"\n\
                  [[user.member]]\npbx = \"main\"\nqueue = \"sales\"\ninterface = \"PJSIP/101\"\n";
    let warnings = apply(&store, second).await.unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("anna is in the queues of the PBX main under Local/101@from-queue/n and PJSIP/101"),
        "{warnings:?}"
    );
    assert_eq!(apply(&store, second).await.unwrap(), [""; 0], "said once");
    let mut seen = seen();
    assert_eq!(faults(&seen), [""; 0]);
    seen.members.push(member("720", "Local/299@from-queue/n", "Olga Petrova"));
    let faults = faults(&seen);
    assert!(
        faults[0].contains("Olga Petrova is in the queues under Local/201@from-queue/n and Local/299"),
        "{faults:?}"
    );
}
