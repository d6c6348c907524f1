use crate::house::{House, Live};
use central_api::live::Resume;
use central_api::{FromLive, ToLive, Topic, path};
use tokio_tungstenite::tungstenite;

fn refused(result: Result<Live, tungstenite::Error>) -> u16 {
    match result {
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in"),
    }
}

#[tokio::test]
async fn who_may_not_is_not_let_in() {
    let house = House::open().await;
    let anna = house.signed_in("anna", "DESK-1").await;
    assert_eq!(refused(Live::connect(&house.url, "guessed", &[]).await), 401);
    let strange = [("origin", "https://evil.example")];
    assert_eq!(refused(Live::connect(&house.url, anna.token(), &strange).await), 403);
    let own = [("origin", house.url.as_str())];
    Live::connect(&house.url, anna.token(), &own).await.unwrap();
    let in_url = anna.request("GET", &format!("{}?token={}", path::LIVE, anna.token())).send().await.unwrap();
    assert_eq!(in_url.status(), 400, "not a WebSocket");
}

#[tokio::test]
async fn ping_is_answered_and_unknown_frames_are_ignored() {
    let house = House::open().await;
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    for strange in ["{\"type\":\"of-tomorrow\",\"x\":1}", "not JSON", "[]"] {
        live.say_text(strange).await;
    }
    live.say(&ToLive::Ping).await;
    loop {
        if let FromLive::Pong { at_ms } = live.frame().await.unwrap() {
            assert!(at_ms > 0);
            break;
        }
    }
}

#[tokio::test]
async fn who_comes_back_gets_only_what_is_missing() {
    let house = House::open().await;
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    live.me("preparing", |me| me["status"]["kind"] == "preparing").await;
    let (number, state) = live.states[&Topic::Me].clone();
    let resume = Resume { epoch: live.epoch.clone(), number };
    drop(live);
    anna.status("available").await.unwrap();

    let mut live = Live::connect(&house.url, anna.token(), &[]).await.unwrap();
    live.states.insert(Topic::Me, (number, state));
    live.say(&ToLive::Subscribe { topic: Topic::Me, resume: Some(resume.clone()) }).await;
    live.me("available", |me| me["status"]["kind"] == "available").await;
    assert!(live.frames.iter().all(|frame| !matches!(frame, FromLive::Snapshot { .. })), "{:?}", live.frames);

    let other = Resume { epoch: "of another process".to_owned(), ..resume };
    live.say(&ToLive::Subscribe { topic: Topic::Me, resume: Some(other) }).await;
    while !matches!(live.frame().await.unwrap(), FromLive::Snapshot { topic: Topic::Me, .. }) {}
}

#[tokio::test]
async fn a_silent_connection_is_lost() {
    let house = House::open().await;
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    let begun = std::time::Instant::now();
    while live.frame().await.is_some() {}
    let lasted = begun.elapsed().as_secs();
    assert!((14..19).contains(&lasted), "{lasted} s");
}
