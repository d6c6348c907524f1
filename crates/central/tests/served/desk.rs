use crate::databases::on_both_engines;
use crate::house::{House, apply, wish};
use central_api::{Reachability, Topic, path};
use linedesk_central::pbx::contract::{
    Cause, ObservedMember, OfferOutcome, PbxCall, PbxCommand, PbxEvent, Progress, Returned,
};
use serde_json::json;

on_both_engines!(
    House:
    a_status_becomes_a_wish_and_comes_back_applied,
    join_and_leave,
    what_follows_a_call_pauses_at_once_and_begins_at_its_end,
    what_a_person_does_at_the_pbx_is_adopted,
    a_wish_that_waited_undoes_nothing_that_came_later,
    offers_not_taken_ask_whether_anybody_is_there,
    a_restarted_pbx_has_the_phones_register_again,
    a_pbx_is_told_which_lines_lead_to_others,
    a_lost_call_goes_back_to_its_queue,
    figures_of_queues_are_seen_by_those_whose_queues_they_are,
    a_status_outlives_a_restart_of_central,
    a_shift_ends_and_the_next_begins_in_one_session,
);

const LOCAL: &str = "Local/101@operators/n";

fn link_up() -> PbxEvent {
    PbxEvent::Link { up: true, restarted: false }
}

fn member(queue: &str, interface: &str, present: bool, paused: Option<&str>, cause: Cause) -> PbxEvent {
    PbxEvent::Member {
        queue: queue.to_owned(),
        interface: interface.to_owned(),
        observed: ObservedMember {
            present,
            fixed: queue == "sales",
            paused: paused.is_some(),
            paused_reason: paused.map(ToOwned::to_owned),
        },
        cause,
        progress: Progress::Applied,
    }
}

fn call(id: &str, queue: Option<&str>, answered: bool) -> PbxEvent {
    PbxEvent::Call(PbxCall {
        endpoint: "101".to_owned(),
        sip_call_id: id.to_owned(),
        queue: queue.map(ToOwned::to_owned),
        caller_number: Some("+74951234567".to_owned()),
        caller_name: None,
        waiting_since_ms: Some(1_000),
        ringing_ms: Some(2_000),
        answered_ms: answered.then_some(3_000),
    })
}

fn gone(id: &str) -> PbxEvent {
    PbxEvent::CallGone { endpoint: "101".to_owned(), sip_call_id: id.to_owned(), talked: true }
}

async fn a_status_becomes_a_wish_and_comes_back_applied(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    live.me("preparing", |me| me["status"]["kind"] == "preparing").await;
    house
        .pbx
        .wished("in the queue, paused", |wishes| {
            let wish = wish(wishes, "support", "101");
            wish.is_some_and(|wish| {
                wish.joined
                    && wish.paused.as_deref() == Some("Preparing")
                    && wish.interface == LOCAL
                    && wish.state_interface.as_deref() == Some("PJSIP/101")
                    && wish.member_name == "Anna Orlova"
            })
        })
        .await;
    assert!(wish(&house.pbx.wish, "support", "102").is_none(), "Olga never signed in and is left alone");
    live.me("nobody knows yet", |me| me["memberships"]["1"]["applied"] == "unknown").await;
    house.pbx.says(link_up()).await;
    live.me("the link is up", |me| me["pbxs"]["1"]["up"] == true).await;
    house.pbx.says(member("support", LOCAL, true, Some("Preparing"), Cause::Ours)).await;
    live.me("applied", |me| me["memberships"]["1"]["applied"] == "applied" && me["memberships"]["1"]["paused"] == true)
        .await;

    let lunch = anna.lunch().await;
    anna.command("PUT", path::ME_STATUS, json!({ "kind": "break", "reason": lunch })).await.unwrap();
    let me = live.me("lunch", |me| me["status"]["kind"] == "break").await;
    assert_eq!(me["status"]["reason"], lunch);
    assert_eq!(me["status"]["by"]["who"], "operator");
    assert_eq!(me["status"]["until_ms"].as_i64().unwrap() - me["status"]["since_ms"].as_i64().unwrap(), 1_800_000);
    assert_eq!(me["memberships"]["1"]["applied"], "pending");
    house
        .pbx
        .wished("paused with the reason", |wishes| wishes.iter().all(|wish| wish.paused.as_deref() == Some("Lunch")))
        .await;
    assert_eq!(anna.status("break").await.unwrap_err(), "invalid", "a break needs a reason");
    assert_eq!(anna.status("not-answering").await.unwrap_err(), "invalid", "nobody chooses that");
}

async fn join_and_leave(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    anna.command("PUT", "/me/queues/1", json!({ "joined": false })).await.unwrap();
    live.me("out", |me| me["memberships"]["1"]["joined"] == false).await;
    house.pbx.wished("out", |wishes| wish(wishes, "support", "101").is_some_and(|wish| !wish.joined)).await;
    anna.command("PUT", "/me/queues/1", json!({ "joined": true })).await.unwrap();
    house.pbx.wished("in", |wishes| wish(wishes, "support", "101").is_some_and(|wish| wish.joined)).await;
    assert_eq!(anna.command("PUT", "/me/queues/99", json!({ "joined": true })).await.unwrap_err(), "not-found");
    assert_eq!(anna.command("PUT", "/me/queues/x", json!({ "joined": true })).await.unwrap_err(), "not-found");
    let olga = house.signed_in("olga", "DESK-2").await;
    assert_eq!(olga.command("PUT", "/me/queues/2", json!({ "joined": true })).await.unwrap_err(), "not-found");
}

async fn what_follows_a_call_pauses_at_once_and_begins_at_its_end(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    house.pbx.says(link_up()).await;
    anna.status("available").await.unwrap();
    let free = |wishes: &[_]| wish(wishes, "support", "101").is_some_and(|wish| wish.paused.is_none());
    house.pbx.wished("free", free).await;

    house.pbx.says(call("a@desk", Some("support"), false)).await;
    let me = live.me("the call is known", |me| me["calls"]["a@desk"]["queue_name"] == "Support").await;
    let card = &me["calls"]["a@desk"];
    assert_eq!((&card["project"], &card["greeting"]), (&json!("ACME delivery"), &json!("Good day")));
    assert_eq!((&card["waiting_since_ms"], &card["caller_number"]), (&json!(1_000), &json!("+74951234567")));
    house.pbx.says(call("a@desk", Some("support"), true)).await;
    house
        .pbx
        .wished("guarded from the answer on", |wishes| {
            wish(wishes, "support", "101").is_some_and(|wish| wish.paused.as_deref() == Some("After-call"))
        })
        .await;
    let me = live.me("answered", |me| me["calls"]["a@desk"]["answered_ms"] == 3_000).await;
    assert_eq!(me["status"]["kind"], "available", "for people it is not after-call yet");
    house.pbx.says(gone("a@desk")).await;
    let me = live.me("after-call", |me| me["status"]["kind"] == "after-call").await;
    assert!(me["calls"].as_object().unwrap().is_empty());
    assert_eq!(me["status"]["until_ms"].as_i64().unwrap() - me["status"]["since_ms"].as_i64().unwrap(), 15_000);
    anna.status("available").await.unwrap();
    house.pbx.wished("free again", free).await;

    house.pbx.says(call("b@desk", Some("support"), true)).await;
    live.me("a second call", |me| me["calls"]["b@desk"]["answered_ms"] == 3_000).await;
    let lunch = anna.lunch().await;
    anna.command("PUT", path::ME_STATUS, json!({ "kind": "break", "reason": lunch, "when": "after-call" }))
        .await
        .unwrap();
    house
        .pbx
        .wished("lunch at the PBX at once", |wishes| {
            wish(wishes, "support", "101").is_some_and(|wish| wish.paused.as_deref() == Some("Lunch"))
        })
        .await;
    let me = live.me("next: lunch", |me| me["next"]["reason"] == lunch).await;
    assert_eq!(me["status"]["kind"], "available");
    anna.command("DELETE", path::ME_STATUS_NEXT, json!({})).await.unwrap();
    live.me("taken back", |me| me.get("next").is_none()).await;
    anna.command("PUT", path::ME_STATUS, json!({ "kind": "break", "reason": lunch })).await.unwrap();
    house.pbx.says(gone("b@desk")).await;
    live.me("lunch begins", |me| me["status"]["kind"] == "break" && me.get("next").is_none()).await;
}

async fn what_a_person_does_at_the_pbx_is_adopted(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    house.pbx.says(link_up()).await;
    anna.status("available").await.unwrap();
    house.pbx.says(member("support", LOCAL, true, Some("tea"), Cause::Pbx)).await;
    let me = live.me("break", |me| me["status"]["kind"] == "break").await;
    assert_eq!(me["status"]["by"]["who"], "pbx");
    assert!(me["status"].get("reason").is_none());
    house
        .pbx
        .wished("paused everywhere, and the text at the PBX is left alone", |wishes| {
            wishes.iter().all(|wish| wish.paused.as_deref() == Some(""))
        })
        .await;
    house.pbx.says(member("support", LOCAL, true, None, Cause::Pbx)).await;
    live.me("available", |me| me["status"]["kind"] == "available" && me["status"]["by"]["who"] == "pbx").await;
    house.pbx.says(member("support", LOCAL, false, None, Cause::Pbx)).await;
    live.me("taken out", |me| {
        me["memberships"]["1"]["joined"] == false && me["memberships"]["1"]["by"]["who"] == "pbx"
    })
    .await;
    house.pbx.wished("out", |wishes| wish(wishes, "support", "101").is_some_and(|wish| !wish.joined)).await;
    house.pbx.says(member("sales", "PJSIP/101", true, Some("Lunch"), Cause::Pbx)).await;
    let lunch = anna.lunch().await;
    live.me("a known text is its reason", |me| me["status"]["reason"] == lunch).await;
    anna.status("available").await.unwrap();
    // A restart, our own doing and a first look change no wish.
    for cause in [Cause::Restart, Cause::Ours, Cause::Found] {
        house.pbx.says(member("sales", "PJSIP/101", true, Some("x"), cause)).await;
    }
    house.pbx.says(member("sales", "PJSIP/101", true, Some("Auto-Pause"), Cause::Autopause)).await;
    live.me("not answering", |me| me["status"]["kind"] == "not-answering").await;
    let kinds: Vec<_> = live
        .frames
        .iter()
        .filter_map(|frame| match frame {
            central_api::FromLive::Delta { topic: Topic::Me, patch, .. } => patch["status"]["kind"].as_str(),
            _ => None,
        })
        .collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "break").count(), 2, "{kinds:?}");
}

async fn a_wish_that_waited_undoes_nothing_that_came_later(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    anna.status("available").await.unwrap();
    house.pbx.says(link_up()).await;
    house.pbx.says(member("support", LOCAL, true, Some("tea"), Cause::Pbx)).await;
    let me = live.me("a break from the PBX", |me| me["status"]["by"]["who"] == "pbx").await;
    let since = me["status"]["since_ms"].as_i64().unwrap();

    let chosen = |at: i64| json!({ "kind": "available", "chosen_at_ms": at });
    anna.command("PUT", path::ME_STATUS, chosen(since - 5_000)).await.expect("passed over, which is no fault");
    let me = anna.live().await.me("the state after it", |me| me["status"].is_object()).await;
    assert_eq!((&me["status"]["kind"], &me["status"]["since_ms"]), (&json!("break"), &json!(since)));
    anna.command("PUT", path::ME_STATUS, chosen(since + 5_000)).await.unwrap();
    live.me("chosen after it", |me| me["status"]["kind"] == "available").await;
}

async fn offers_not_taken_ask_whether_anybody_is_there(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    anna.status("available").await.unwrap();
    for _ in 0..2 {
        let (queue, interface, outcome) = ("support".to_owned(), LOCAL.to_owned(), OfferOutcome::NotTaken);
        house.pbx.says(PbxEvent::OfferEnded { queue, interface, outcome }).await;
    }
    live.me("not answering", |me| me["status"]["kind"] == "not-answering").await;
    anna.status("available").await.unwrap();
    live.me("one key back", |me| me["status"]["kind"] == "available").await;
}

async fn a_restarted_pbx_has_the_phones_register_again(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    house.pbx.says(link_up()).await;
    let contact = Some("sip:101@127.0.0.1:40000".to_owned());
    house.pbx.says(PbxEvent::Endpoint { endpoint: "101".to_owned(), state: Reachability::Reachable, contact }).await;
    let me = live.me("reachable", |me| me["phones"]["1"]["state"] == "reachable").await;
    assert_eq!((&me["phones"]["1"]["number"], &me["phones"]["1"]["register_again"]), (&json!("101"), &json!(0)));
    house.pbx.says(PbxEvent::Link { up: false, restarted: false }).await;
    live.me("nobody knows", |me| me["phones"]["1"]["state"] == "unknown" && me["pbxs"]["1"]["up"] == false).await;
    house.pbx.says(PbxEvent::Link { up: true, restarted: true }).await;
    live.me("register again", |me| me["phones"]["1"]["register_again"].as_u64() > Some(0)).await;
}

/// The Call-IDs of such lines join the halves of a call without a header.
async fn a_pbx_is_told_which_lines_lead_to_others(mut house: House) {
    let line = |endpoint: &str| {
        format!(
            "[[pbx]]\nname = \"lab\"\nhost = \"127.0.0.1\"\nport = 1\nusername = \"linedesk\"\n\
             [[pbx.line]]\nname = \"world\"\nendpoint = \"PJSIP/trunk\"\n\
             [[pbx.line]]\nname = \"between\"\nendpoint = \"{endpoint}\"\nto_pbx = \"far\"\n\
             [[pbx]]\nname = \"far\"\nhost = \"127.0.0.1\"\nport = 2\nusername = \"linedesk\"\nsecret = \"ami-secret\"\n"
        )
    };
    let told = async |house: &mut House| loop {
        if let PbxCommand::AskDialogs(lines) = house.pbx.command().await {
            break lines.iter().map(|line| line.as_str().to_owned()).collect::<Vec<_>>();
        }
    };
    assert_eq!(told(&mut house).await, [""; 0]);
    apply(&house.database, &line("PJSIP/far")).await;
    house.restart().await;
    assert_eq!(told(&mut house).await, ["PJSIP/far"]);
    apply(&house.database, &line("PJSIP/far-*")).await;
    assert_eq!(told(&mut house).await, ["PJSIP/far-*"]);
}

async fn a_lost_call_goes_back_to_its_queue(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    house.pbx.says(link_up()).await;
    anna.status("available").await.unwrap();
    house.pbx.says(call("a@desk", Some("support"), true)).await;
    live.me("in the call", |me| me["calls"]["a@desk"]["answered_ms"] == 3_000).await;
    anna.command("POST", path::ME_LOST_CALLS, json!({ "sip_call_ids": ["a@desk"] })).await.unwrap();
    let reply = loop {
        if let PbxCommand::ReturnToQueue { sip_call_ids, reply } = house.pbx.command().await {
            assert_eq!(sip_call_ids, ["a@desk"]);
            break reply;
        }
    };
    reply.send(vec![Returned { sip_call_id: "a@desk".to_owned(), outcome: Ok("support".to_owned()) }]).unwrap();
    live.me("the customer is back", |me| me["calls"]["a@desk"]["returned_to_queue"] == true).await;
    house.pbx.says(gone("a@desk")).await;
    house
        .pbx
        .wished("free for the next", |wishes| wish(wishes, "support", "101").is_some_and(|wish| wish.paused.is_none()))
        .await;
    house.pbx.says(call("b@desk", Some("support"), false)).await;
    let me = live.me("the next rings", |me| me["calls"].get("b@desk").is_some()).await;
    assert_eq!(me["status"]["kind"], "available", "no work follows a call that went back");
    assert_eq!(me["calls"]["a@desk"]["returned_to_queue"], true, "and it can still be read");
}

async fn figures_of_queues_are_seen_by_those_whose_queues_they_are(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let olga = house.signed_in("olga", "DESK-2").await;
    let ivan = house.signed_in("ivan", "DESK-3").await;
    let (mut anna, mut olga, mut ivan) = (anna.live().await, olga.live().await, ivan.live().await);
    house.pbx.says(link_up()).await;
    for queue in ["support", "sales"] {
        let queue = queue.to_owned();
        house.pbx.says(PbxEvent::Queue { queue, waiting: 3, longest_since_ms: Some(7), free: 1 }).await;
    }
    for (who, live) in [("anna", &mut anna), ("ivan", &mut ivan)] {
        let state = live.until(Topic::Queues, who, |state| state["queues"]["2"]["waiting"] == 3).await;
        assert_eq!(state["queues"]["1"]["longest_since_ms"], 7);
        assert_eq!((&state["queues"]["1"]["free"], &state["queues"]["1"]["live"]), (&json!(1), &json!(true)));
    }
    let state = olga.until(Topic::Queues, "support", |state| state["queues"]["1"]["waiting"] == 3).await;
    assert!(state["queues"].get("2").is_none(), "sales is not Olga's: {state}");
    house.pbx.says(PbxEvent::Link { up: false, restarted: false }).await;
    anna.until(Topic::Queues, "as of the loss", |state| state["queues"]["1"]["live"] == false).await;
}

async fn a_status_outlives_a_restart_of_central(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let lunch = anna.lunch().await;
    anna.command("PUT", path::ME_STATUS, json!({ "kind": "break", "reason": lunch })).await.unwrap();
    anna.command("PUT", "/me/queues/1", json!({ "joined": false })).await.unwrap();
    let mut live = anna.live().await;
    let before = live.me("lunch", |me| me["status"]["kind"] == "break").await;
    house.restart().await;
    assert!(live.frame().await.is_none(), "the connection is closed");
    let mut again = house.client("DESK-1");
    again.session = anna.session;
    let mut live = again.live().await;
    let after = live.me("lunch still", |me| me["status"]["kind"] == "break").await;
    assert_eq!(before["status"], after["status"], "with its time");
    assert_eq!(after["memberships"]["1"]["joined"], false);
    house.pbx.wished("the wish is told again", |wishes| wish(wishes, "sales", "101").is_some()).await;
}

async fn a_shift_ends_and_the_next_begins_in_one_session(mut house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    house.pbx.says(link_up()).await;
    anna.command("PUT", "/me/queues/2", json!({ "joined": false })).await.unwrap();
    anna.status("available").await.unwrap();
    house.pbx.says(call("a@desk", Some("support"), true)).await;
    live.me("in a call", |me| me["calls"]["a@desk"]["answered_ms"] == 3_000).await;
    anna.status("offline").await.unwrap();
    let me = live.me("after the call", |me| me["next"]["kind"] == "offline").await;
    assert_eq!(me["status"]["kind"], "available");
    house
        .pbx
        .wished("still in the queue, no further call", |wishes| {
            wish(wishes, "support", "101").is_some_and(|wish| wish.joined && wish.paused.as_deref() == Some("Offline"))
        })
        .await;
    house.pbx.says(gone("a@desk")).await;
    let me = live.me("offline", |me| me["status"]["kind"] == "offline").await;
    assert_eq!(me["status"]["by"]["who"], "operator");
    assert_eq!(me["memberships"]["1"]["joined"], true, "the wish is kept");
    house
        .pbx
        .wished("out, and what is fixed is paused", |wishes| {
            wishes.iter().all(|wish| !wish.joined && wish.paused.as_deref() == Some("Offline"))
        })
        .await;
    assert_eq!(anna.status("after-call").await.unwrap_err(), "invalid", "no work follows a shift that is over");
    assert_eq!(anna.command("PUT", "/me/queues/1", json!({ "joined": false })).await.unwrap_err(), "invalid");

    // The program is quit; its session and its wishes outlive that, and a restart of central too.
    drop(live);
    house.restart().await;
    let mut again = house.client("DESK-1");
    again.session = anna.session;
    let mut live = again.live().await;
    live.me("no link begins a shift that a person ended", |me| me["status"]["kind"] == "offline").await;
    again.status("preparing").await.unwrap();
    live.me("the next shift", |me| me["status"]["kind"] == "preparing").await;
    house
        .pbx
        .wished("in the queue of the shift before, not in the one left", |wishes| {
            let support = wish(wishes, "support", "101");
            support.is_some_and(|wish| wish.joined && wish.paused.as_deref() == Some("Preparing"))
                && wish(wishes, "sales", "101").is_some_and(|wish| !wish.joined)
        })
        .await;
    again.status("offline").await.unwrap();
    again.status("available").await.unwrap();
    live.me("available at once", |me| me["status"]["kind"] == "available").await;
}
