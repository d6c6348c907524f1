use crate::databases::on_both_engines;
use crate::house::House;
use central_api::{FromLive, ProblemCode, SessionEndReason, path};
use serde_json::json;

on_both_engines!(
    House:
    a_sign_in_opens_me_profile_and_reasons,
    nothing_secret_lies_in_the_database_in_clear,
    wrong_passwords_are_refused_alike_and_then_slowed_down,
    a_second_machine_is_asked_and_moves_the_session,
    a_seat_that_was_quit_is_not_asked_about,
    a_seat_that_only_lost_its_link_is_asked_about,
    the_same_machine_again_replaces_silently_and_keeps_the_status,
    a_second_operator_at_the_seat_ends_the_firsts_shift,
    signing_out_ends_the_shift,
);

async fn a_sign_in_opens_me_profile_and_reasons(house: House) {
    let anna = house.signed_in("ANNA", "DESK-1").await;
    let me = anna.get(path::ME).await;
    assert_eq!((&me["user"]["display_name"], &me["tenant"]), (&json!("Anna Orlova"), &json!("ACME")));
    let profile = anna.get(path::ME_PROFILE).await;
    let account = &profile["accounts"][0];
    assert_eq!(profile["accounts"].as_array().unwrap().len(), 1, "only the own phone");
    assert_eq!(account["user"], "101");
    assert_eq!(account["password"], "sip-secret-101");
    assert_eq!((&account["server"], &account["domain"]), (&json!("pbx.example"), &json!("example")));
    assert_eq!((&account["transport"], &account["encryption"]), (&json!("tls"), &json!("sdes")));
    assert!(anna.lunch().await > 0);
}

async fn nothing_secret_lies_in_the_database_in_clear(house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let token = anna.token().to_owned();
    for secret in ["anna-password", "ami-secret", "sip-secret-101", &token] {
        assert!(!house.database.holds(secret).await, "{secret} is in the database");
    }
    assert!(house.database.holds("Anna Orlova").await, "what is no secret is found");
}

async fn wrong_passwords_are_refused_alike_and_then_slowed_down(house: House) {
    let mut client = house.client("DESK-1");
    let wrong = client.sign_in_with("anna", "wrong", false).await.unwrap_err();
    let unknown = client.sign_in_with("nobody", "wrong", false).await.unwrap_err();
    assert_eq!((wrong.status, wrong.code), (401, ProblemCode::WrongCredentials));
    assert_eq!(wrong, unknown, "which of the two is wrong is not told");
    for _ in 0..4 {
        client.sign_in_with("anna", "wrong", false).await.unwrap_err();
    }
    let slowed = client.sign_in("anna", false).await.unwrap_err();
    assert_eq!((slowed.status, slowed.code), (429, ProblemCode::TooManyAttempts));
    assert!((1..=30).contains(&slowed.retry_after_s.unwrap()));
    client.sign_in("olga", false).await.unwrap();
}

async fn a_second_machine_is_asked_and_moves_the_session(house: House) {
    let first = house.signed_in("anna", "DESK-1").await;
    let mut live = first.live().await;
    first.status("available").await.unwrap();
    live.me("available", |me| me["status"]["kind"] == "available").await;

    let mut second = house.client("DESK-2");
    let problem = second.sign_in("anna", false).await.unwrap_err();
    assert_eq!((problem.status, problem.code), (409, ProblemCode::SignedInElsewhere));
    let elsewhere = problem.elsewhere.unwrap();
    assert_eq!((elsewhere.machine.name.as_str(), elsewhere.connected), ("DESK-1", true));
    first.status("preparing").await.expect("asking moves nothing");
    first.status("available").await.unwrap();

    second.sign_in("anna", true).await.unwrap();
    let end = loop {
        if let FromLive::SessionEnded { reason } = live.frame().await.expect("the reason before the close") {
            break reason;
        }
    };
    assert_eq!(end, SessionEndReason::Moved { machine: "DESK-2".to_owned() });
    assert!(live.frame().await.is_none(), "then it is closed");
    assert_eq!(first.status("break").await.unwrap_err(), "stale-fence");
    assert_eq!(first.request("GET", path::ME).send().await.unwrap().status(), 401);
    assert!(second.session.as_ref().unwrap().fence > first.session.as_ref().unwrap().fence);

    let mut live = second.live().await;
    live.me("the status goes on", |me| me["status"]["kind"] == "available").await;
}

async fn a_seat_that_was_quit_is_not_asked_about(house: House) {
    let first = house.signed_in("anna", "DESK-1").await;
    let live = first.live().await;
    first.status("available").await.unwrap();
    // What the program says when it is quit; its link goes a little later.
    first.status("offline").await.unwrap();
    let mut second = house.client("DESK-2");
    let asked = second.sign_in("anna", false).await.unwrap_err();
    assert!(asked.elsewhere.unwrap().connected, "off shift, but somebody sits there");
    drop(live);
    while let Err(asked) = second.sign_in("anna", false).await {
        assert!(asked.elsewhere.unwrap().connected, "asked about a seat that nobody uses");
    }
    let mut live = second.live().await;
    live.me("a new shift", |me| me["status"]["kind"] == "preparing").await;
    assert_eq!(first.status("available").await.unwrap_err(), "stale-fence");
}

async fn a_seat_that_only_lost_its_link_is_asked_about(house: House) {
    let first = house.signed_in("anna", "DESK-1").await;
    let live = first.live().await;
    first.status("available").await.unwrap();
    drop(live);
    let mut second = house.client("DESK-2");
    while second.sign_in("anna", false).await.expect_err("the shift goes on at DESK-1").elsewhere.unwrap().connected {}
    first.status("available").await.expect("asking moves nothing");
}

#[tokio::test]
async fn a_seat_that_was_left_for_long_is_not_asked_about() {
    let house = House::with(|config| config.away_offline_s = 0).await;
    let first = house.signed_in("anna", "DESK-1").await;
    let live = first.live().await;
    first.status("available").await.unwrap();
    drop(live);
    let mut second = house.client("DESK-2");
    while let Err(asked) = second.sign_in("anna", false).await {
        assert!(asked.elsewhere.unwrap().connected, "asked about a seat that was left");
    }
    let mut live = second.live().await;
    live.me("the status goes on", |me| me["status"]["kind"] == "available").await;
}

async fn the_same_machine_again_replaces_silently_and_keeps_the_status(house: House) {
    let first = house.signed_in("anna", "DESK-1").await;
    first.status("available").await.unwrap();
    let again = house.signed_in("anna", "DESK-1").await;
    let mut live = again.live().await;
    live.me("still available", |me| me["status"]["kind"] == "available").await;
    assert_eq!(first.status("preparing").await.unwrap_err(), "stale-fence");
    again.status("preparing").await.unwrap();
}

async fn a_second_operator_at_the_seat_ends_the_firsts_shift(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    anna.status("available").await.unwrap();
    live.me("available", |me| me["status"]["kind"] == "available").await;
    let _olga = house.signed_in("olga", "DESK-1").await;
    loop {
        if let FromLive::SessionEnded { reason } = live.frame().await.expect("the reason before the close") {
            assert_eq!(reason, SessionEndReason::ReplacedAtSeat { by: "Olga Ivanova".to_owned() });
            break;
        }
    }
    assert_eq!(anna.status("available").await.unwrap_err(), "session-ended");
    house
        .pbx
        .wished("Anna is out", |wishes| crate::house::wish(wishes, "support", "101").is_some_and(|anna| !anna.joined))
        .await;
}

async fn signing_out_ends_the_shift(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    anna.status("available").await.unwrap();
    house
        .pbx
        .wished("Anna is in", |wishes| {
            crate::house::wish(wishes, "support", "101").is_some_and(|anna| anna.joined && anna.paused.is_none())
        })
        .await;
    assert_eq!(anna.request("DELETE", path::SESSION).send().await.unwrap().status(), 204);
    house.pbx.wished("Anna is out", |wishes| wishes.iter().all(|wish| !wish.joined && wish.paused.is_some())).await;
    loop {
        if let FromLive::SessionEnded { reason } = live.frame().await.expect("the reason before the close") {
            assert_eq!(reason, SessionEndReason::SignedOut);
            break;
        }
    }
    assert_eq!(anna.status("available").await.unwrap_err(), "session-ended");
    let again = house.signed_in("anna", "DESK-2").await;
    again.live().await.me("a new shift", |me| me["status"]["kind"] == "preparing").await;
}
