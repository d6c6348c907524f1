//! Two programs on one database: what one transaction sees stays true until it commits.

use crate::databases::{TestDatabase, on_both_engines};
use central_api::Machine;
use linedesk_central::store::{Input, Opened, Opening, Store};
use std::collections::BTreeMap;

on_both_engines!(
    TestDatabase:
    two_sign_ins_at_once_leave_one_session,
    a_configuration_is_read_in_one_moment,
);

async fn with_anna(database: &TestDatabase) -> Store {
    let store = database.store().await;
    let input = linedesk_central::apply::parse("test", "[[user]]\nusername = \"anna\"\n").unwrap();
    let hashes = BTreeMap::from([("anna".to_owned(), "no hash, nobody signs in with it".to_owned())]);
    store.apply(&input, &hashes, 1).await.unwrap();
    store
}

async fn two_sign_ins_at_once_leave_one_session(database: TestDatabase) {
    let (one, two) = (with_anna(&database).await, database.store().await);
    let (user, _) = one.credentials("anna").await.unwrap().unwrap();
    let sign_in = async |store: &Store, at: u8| {
        let machine = Machine { id: format!("machine-{at}"), name: format!("DESK-{at}") };
        let opening = Opening {
            id: &format!("session-{at}"),
            user: user.id,
            display_name: "Anna",
            token_hash: &[at; 32],
            machine: &machine,
            program: "test",
            take_over: true,
            now_ms: i64::from(at),
            stale_before_ms: 0,
        };
        match store.open_session(&opening).await.unwrap() {
            Opened::Here { session, ended } => (session.fence, ended.len()),
            Opened::Elsewhere(_) => panic!("it takes over"),
        }
    };
    let mut opened: [(u64, usize); 4] =
        tokio::join!(sign_in(&one, 1), sign_in(&two, 2), sign_in(&one, 3), sign_in(&two, 4)).into();
    opened.sort_unstable();
    assert_eq!(opened, [(1, 0), (2, 1), (3, 1), (4, 1)], "each ended the one before and no other");
    assert_eq!(two.active_sessions(0).await.unwrap().len(), 1);
}

async fn a_configuration_is_read_in_one_moment(database: TestDatabase) {
    let (writer, reader) = (with_anna(&database).await, database.store().await);
    let writing = async {
        for round in 0..30 {
            let text = format!(
                "[tenant]\nname = \"round {round}\"\n[[pbx]]\nname = \"main\"\nhost = \"round{round}.example\"\n\
                 username = \"u\"\nsecret = \"s\"\n"
            );
            let input: Input = linedesk_central::apply::parse("test", &text).unwrap();
            writer.apply(&input, &BTreeMap::new(), 1).await.unwrap();
        }
    };
    let reading = async {
        loop {
            let config = reader.configuration().await.unwrap();
            let Some(pbx) = config.pbxs.values().next() else { continue };
            let round = config.tenant.name.trim_start_matches("round ");
            assert_eq!(pbx.host, format!("round{round}.example"), "half of the old, half of the new");
            if round == "29" {
                break;
            }
        }
    };
    tokio::join!(writing, reading);
}
