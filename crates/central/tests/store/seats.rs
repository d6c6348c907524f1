//! Who sits where: a phone is held by whoever is signed in at its workstation, and a call is theirs with whom it began.

use crate::databases::{TestDatabase, on_both_engines};
use calls::Call;
use calls::call::{Attempt, Direction, EndedBy, Outcome, Party, Talk, Who};
use central_api::{Machine, SessionEndReason, UserId};
use linedesk_central::directory::{Assignment, Why};
use linedesk_central::store::{Opened, Opening, Store};
use std::collections::BTreeMap;

on_both_engines!(
    TestDatabase:
    a_softphone_is_held_while_somebody_is_signed_in,
    a_call_stays_with_whom_it_began,
    whoever_takes_the_seat_of_another_takes_no_phone_of_his,
    signing_in_and_out_at_once_leaves_each_phone_with_one_or_nobody,
);

/// Anna and Boris have softphones, and Anna a phone on her desk; all given at 1,000.
const HOUSE: &str = r#"
[[pbx]]
name = "main"
host = "main.example"
username = "u"
secret = "s"
[[user]]
username = "anna"
[[user.phone]]
number = "101"
secret = "s"
[[user]]
username = "boris"
[[user.phone]]
number = "102"
secret = "s"
[[phone]]
number = "201"
kind = "desk-phone"
user = "anna"
"#;

async fn house(database: &TestDatabase) -> Store {
    let store = database.store().await;
    let input = linedesk_central::apply::parse("test", HOUSE).unwrap();
    let hash = |name: &str| (name.to_owned(), "no hash, nobody signs in with it".to_owned());
    store.apply(&input, &BTreeMap::from(["anna", "boris"].map(hash)), 1_000).await.unwrap();
    store
}

async fn user(store: &Store, name: &str) -> UserId {
    store.credentials(name).await.unwrap().unwrap().0.id
}

async fn sign_in(store: &Store, name: &str, machine: &str, now_ms: i64) -> String {
    let session = format!("{name}-{machine}-{now_ms}");
    let machine = Machine { id: machine.to_owned(), name: machine.to_owned() };
    let opening = Opening {
        id: &session,
        user: user(store, name).await,
        display_name: name,
        token_hash: session.as_bytes(),
        machine: &machine,
        program: "test",
        take_over: true,
        now_ms,
        stale_before_ms: now_ms - 100_000,
    };
    assert!(matches!(store.open_session(&opening).await.unwrap(), Opened::Here { .. }));
    session
}

async fn sign_out(store: &Store, session: &str, now_ms: i64) {
    store.end_session(session, &SessionEndReason::SignedOut, now_ms).await.unwrap();
}

async fn held(store: &Store, number: &str, at_ms: i64) -> Option<Assignment> {
    let config = store.configuration().await.unwrap();
    let phone = config.house.phones.values().find(|phone| phone.number == number).unwrap().id;
    let stored = store.holder(phone, at_ms).await.unwrap();
    // What is long ago the database alone knows.
    if let Ok(holder) = store.directory().await.unwrap().holder(phone, at_ms) {
        assert_eq!(holder, stored.as_ref(), "{number} at {at_ms}");
    }
    stored
}

async fn holder(store: &Store, number: &str, at_ms: i64) -> Option<UserId> {
    held(store, number, at_ms).await.map(|held| held.user)
}

async fn a_softphone_is_held_while_somebody_is_signed_in(database: TestDatabase) {
    let store = house(&database).await;
    let anna = user(&store, "anna").await;
    let revision = store.revision().await.unwrap();
    let first = sign_in(&store, "anna", "DESK-1", 2_000).await;
    let stamp = store.assignments_stamp().await.unwrap();
    sign_out(&store, &first, 3_000).await;
    assert_ne!(store.assignments_stamp().await.unwrap(), stamp);
    // What comes late or twice changes nothing.
    sign_out(&store, &first, 3_500).await;
    let second = sign_in(&store, "anna", "DESK-1", 4_000).await;
    sign_out(&store, &first, 4_500).await;
    // She moves, and the session that she left is ended once more.
    let third = sign_in(&store, "anna", "DESK-2", 5_000).await;
    sign_out(&store, &second, 5_500).await;
    for (at_ms, whose) in [
        (999, None),
        (1_000, Some(anna)),
        (2_999, Some(anna)),
        (3_000, None),
        (3_999, None),
        (4_000, Some(anna)),
        (4_999, Some(anna)),
        (5_000, Some(anna)),
        (i64::MAX, Some(anna)),
    ] {
        assert_eq!(holder(&store, "101", at_ms).await, whose, "{at_ms}");
        assert_eq!(holder(&store, "201", at_ms).await, (at_ms >= 1_000).then_some(anna), "a desk phone stays hers");
    }
    let seat = held(&store, "101", 6_000).await.unwrap();
    assert_eq!((seat.from_ms, seat.why), (5_000, Why::Seat), "the second seat is a time of its own");
    // Nobody signs her out; the session grows old.
    assert_eq!(store.end_stale_sessions(5_000, 7_000).await.unwrap(), 0);
    assert_eq!(store.end_stale_sessions(5_001, 8_000).await.unwrap(), 1);
    assert_eq!([holder(&store, "101", 7_999).await, holder(&store, "101", 8_000).await], [Some(anna), None]);
    sign_out(&store, &third, 9_000).await;
    assert_eq!(store.revision().await.unwrap(), revision, "no PBX is linked anew because somebody comes to work");
}

/// Phone 101 is rung at a moment.
fn call(began_ms: i64, rung_ms: i64, pbx: u32) -> Call {
    let party = |who, endpoint: &str| Party {
        who,
        pbx,
        endpoint: endpoint.to_owned(),
        number: None,
        name: None,
        sip_call_ids: Vec::new(),
        channels: Vec::new(),
    };
    let attempt = Attempt {
        visit: None,
        caller: 0,
        party: Some(1),
        interface: "PJSIP/101".to_owned(),
        member: None,
        began_ms: rung_ms,
        rang_ms: None,
        ended_ms: None,
        outcome: Outcome::Answered,
        cause: None,
        back: false,
        back_from: None,
    };
    let talk =
        Talk { parties: vec![0, 1], began_ms: rung_ms + 500, ended_ms: None, holds: Vec::new(), recorded: false };
    Call {
        direction: Direction::Incoming,
        caller: 0,
        dialled: None,
        began_ms,
        answered_ms: None,
        ended_ms: None,
        ended_by: EndedBy::Nobody,
        cause: None,
        originated: false,
        parties: vec![party(Who::Trunk, "PJSIP/city"), party(Who::Phone, "PJSIP/101")],
        visits: Vec::new(),
        attempts: vec![attempt],
        talks: vec![talk],
        moves: Vec::new(),
        steps: Vec::new(),
        listens: Vec::new(),
        attributes: Vec::new(),
        waited_ms: 0,
        talked_ms: 0,
        connected_ms: 0,
        joins: Vec::new(),
        clocks: Vec::new(),
    }
}

async fn a_call_stays_with_whom_it_began(database: TestDatabase) {
    let store = house(&database).await;
    let (anna, boris) = (user(&store, "anna").await, user(&store, "boris").await);
    let session = sign_in(&store, "anna", "DESK-1", 2_000).await;
    sign_out(&store, &session, 3_000).await;
    let config = store.configuration().await.unwrap();
    let (phone, pbx) =
        (config.house.phones.values().find(|phone| phone.number == "101").unwrap().id, config.pbxs.keys());
    let pbx = u32::try_from(pbx.copied().next().unwrap().0).unwrap();
    store.hand_over(phone, Some(boris), None, 4_000).await.unwrap();
    let directory = store.directory().await.unwrap();
    let mut own = call(2_100, 2_200, pbx);
    own.caller = 1;
    for (call, whose) in [
        // She signs out while it rings; he is there when it is answered.
        (call(1_900, 2_900, pbx), Some(anna)),
        (call(2_900, 3_900, pbx), None),
        (call(2_900, 4_000, pbx), Some(boris)),
        (own, Some(anna)),
        (call(2_900, 4_000, pbx + 1), None),
    ] {
        assert_eq!(directory.operator(&call, 1), Ok(whose), "{call}");
        assert_eq!(store.operator(&directory, &call, 1).await.unwrap(), whose);
        assert_eq!(directory.operator(&call, 0), Ok(None), "a line is nobody's");
    }
}

async fn whoever_takes_the_seat_of_another_takes_no_phone_of_his(database: TestDatabase) {
    let store = house(&database).await;
    let boris = user(&store, "boris").await;
    sign_in(&store, "anna", "DESK-1", 2_000).await;
    sign_in(&store, "boris", "DESK-1", 3_000).await;
    assert_eq!([holder(&store, "101", 3_000).await, holder(&store, "102", 3_000).await], [None, Some(boris)]);
}

/// Several programs at once, and one that is given up in the middle: nobody holds a phone who is not signed in, and nobody is
/// signed in without the phones.
async fn signing_in_and_out_at_once_leaves_each_phone_with_one_or_nobody(database: TestDatabase) {
    let (one, two) = (house(&database).await, database.store().await);
    // Nobody is there yet, whatever the configuration says.
    for phone in one.configuration().await.unwrap().phones.keys() {
        one.hand_over(*phone, None, None, 2_000).await.unwrap();
    }
    for round in 1..20_i64 {
        let at_ms = 10_000 * round;
        let (first, second) = tokio::join!(
            sign_in(&one, "anna", "DESK-1", at_ms),
            sign_in(&two, if round % 2 == 0 { "anna" } else { "boris" }, "DESK-2", at_ms + 1)
        );
        // One that is given up on the way: killed, as far as the database sees.
        let given_up = tokio::time::timeout(
            std::time::Duration::from_micros(u64::try_from(round).unwrap() * 150),
            sign_in(&one, "boris", "DESK-1", at_ms + 2),
        );
        let (_, ()) = tokio::join!(given_up, sign_out(&two, if round % 3 == 0 { &first } else { &second }, at_ms + 3));
        // Whatever was given up has come to its end when the next one writes.
        one.session_seen("nobody's", at_ms).await.unwrap();
        let sessions = one.active_sessions(0).await.unwrap();
        for (name, number) in [("anna", "101"), ("boris", "102")] {
            let user = user(&one, name).await;
            let here = sessions.iter().any(|session| session.user == user);
            let open = held(&one, number, i64::MAX).await;
            assert_eq!(open.is_some(), here, "round {round}: {name} {sessions:?} {open:?}");
            assert!(open.is_none_or(|open| open.user == user));
        }
    }
}
