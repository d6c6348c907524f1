use crate::databases::on_both_engines;
use crate::house::{House, Live, apply};
use central_api::{FENCE, Topic, path};
use serde_json::{Value, json};

on_both_engines!(
    House:
    a_key_is_carried_out_once,
    a_command_needs_the_fence_of_its_sign_in,
    what_cannot_be_understood_is_a_problem_with_its_reason,
    health_and_openapi_need_no_sign_in,
    a_configuration_applied_while_serving_is_taken_over,
    to_apply_twice_changes_nothing,
    the_softphones_settings_are_the_tenants,
    how_softphones_reach_a_pbx_is_what_the_file_says,
);

async fn a_key_is_carried_out_once(house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let mut live = anna.live().await;
    let put = |body: Value, key: &'static str| anna.command_with_key("PUT", path::ME_STATUS, body, key);
    put(json!({ "kind": "available" }), "one").await.unwrap();
    put(json!({ "kind": "preparing" }), "two").await.unwrap();
    put(json!({ "kind": "available" }), "one").await.unwrap();
    assert_eq!(put(json!({ "kind": "preparing" }), "one").await.unwrap_err(), "idempotency-conflict");
    assert_eq!(put(json!({ "kind": "not-answering" }), "three").await.unwrap_err(), "invalid");
    assert_eq!(put(json!({ "kind": "not-answering" }), "three").await.unwrap_err(), "invalid", "answered alike");
    live.me("the repeated one was not carried out again", |me| me["status"]["kind"] == "preparing").await;
    let olga = house.signed_in("olga", "DESK-2").await;
    olga.command_with_key("PUT", path::ME_STATUS, json!({ "kind": "preparing" }), "one").await.unwrap();
}

async fn a_command_needs_the_fence_of_its_sign_in(house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let put = |fence: Option<&str>| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{}{}", house.url, central_api::BASE, path::ME_STATUS);
        let request = client.put(url).bearer_auth(anna.token()).json(&json!({ "kind": "available" }));
        match fence {
            Some(fence) => request.header(FENCE, fence),
            None => request,
        }
        .send()
    };
    assert_eq!(put(None).await.unwrap().status(), 400);
    let stale = put(Some("0")).await.unwrap();
    assert_eq!(stale.status(), 409);
    assert_eq!(stale.json::<Value>().await.unwrap()["code"], "stale-fence");
}

async fn what_cannot_be_understood_is_a_problem_with_its_reason(house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let answer = anna.request("PUT", path::ME_STATUS).body("{\"kind\":\"dancing\"}").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
        (400, "application/problem+json")
    );
    let problem: Value = answer.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("dancing"), "{problem}");
    let answer = anna.request("PUT", path::ME_STATUS).body(vec![b' '; 70_000]).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "too-large");
    let answer = anna.request("GET", "/nothing").send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "not-found");
    let answer = anna.request("POST", path::ME).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "invalid");
}

async fn health_and_openapi_need_no_sign_in(house: House) {
    let client = house.client("nobody");
    assert_eq!(client.get(path::HEALTH).await["status"], "ok");
    let document = client.get(path::OPENAPI).await;
    for (path, methods) in [
        (path::SESSION, &["post", "delete"][..]),
        (path::ME, &["get"]),
        (path::ME_STATUS, &["put"]),
        (path::ME_STATUS_NEXT, &["delete"]),
        (path::ME_QUEUE, &["put"]),
        (path::ME_LOST_CALLS, &["post"]),
        (path::ME_PROFILE, &["get"]),
        (path::REASONS, &["get"]),
        (path::LIVE, &["get"]),
        (path::HEALTH, &["get"]),
    ] {
        for method in methods {
            assert!(document["paths"][path][method].is_object(), "{method} {path}");
        }
    }
    for path in [path::ME, path::ME_PROFILE, path::REASONS] {
        assert_eq!(client.request("GET", path).send().await.unwrap().status(), 401, "{path}");
    }
}

async fn a_configuration_applied_while_serving_is_taken_over(house: House) {
    let olga = house.signed_in("olga", "DESK-2").await;
    olga.status("available").await.unwrap();
    let mut live: Live = olga.live().await;
    live.until(Topic::Queues, "support", |state| state["queues"].get("1").is_some()).await;
    let more = "[[user]]\nusername = \"olga\"\nmember = [{ queue = \"sales\" }]\n";
    apply(&house.database, more).await;
    live.until(Topic::Queues, "sales too", |state| state["queues"].get("2").is_some()).await;
    let me = live.me("sales too", |me| me["memberships"].get("2").is_some()).await;
    assert_eq!(me["status"]["kind"], "available");
}

async fn to_apply_twice_changes_nothing(house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    anna.command("PUT", "/me/queues/1", json!({ "joined": false })).await.unwrap();
    let store = house.database.store().await;
    let before = store.configuration().await.unwrap();
    apply(&house.database, crate::house::OFFICE).await;
    let mut after = store.configuration().await.unwrap();
    assert_eq!(after.tenant.revision, before.tenant.revision + 1);
    after.tenant.revision = before.tenant.revision;
    // Sealed anew with another nonce, so these differ; everything else is the same, the operator's own wish too.
    for (id, phone) in &mut after.phones {
        phone.secret.clone_from(&before.phones[id].secret);
    }
    for (id, pbx) in &mut after.pbxs {
        pbx.secret.clone_from(&before.pbxs[id].secret);
    }
    assert_eq!(before, after);
    assert!(after.members.values().any(|member| !member.joined && member.by == central_api::ChangedBy::Operator));
}

#[test]
fn a_file_with_a_fault_is_named_by_line_and_never_quoted() {
    let text = "[[user]]\nusername = \"anna\"\npasword = \"hunter2secret\"\n";
    let error = linedesk_central::apply::parse("office.toml", text).unwrap_err().to_string();
    assert!(error.contains("office.toml, line 3") && error.contains("pasword"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

async fn the_softphones_settings_are_the_tenants(house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let before = anna.get(path::ME_PROFILE).await;
    assert_eq!(before["codecs"], json!(["opus", "g722", "pcma", "pcmu"]));
    assert_eq!((&before["echo_cancellation"], &before["rtp_ports"]), (&json!(true), &json!([16384, 32767])));
    let mut live: Live = anna.live().await;
    live.until(Topic::Queues, "support", |state| state["queues"]["1"]["name"] == "Support").await;
    // The queue's new name says when the server has taken the file over.
    let text = "[tenant.softphone]\ncodecs = [\"pcma\", \"pcmu\"]\necho_cancellation = false\n\
                [[queue]]\nqueue = \"support\"\nname = \"Help\"\n";
    apply(&house.database, text).await;
    live.until(Topic::Queues, "taken over", |state| state["queues"]["1"]["name"] == "Help").await;
    let after = anna.get(path::ME_PROFILE).await;
    assert_eq!(after["codecs"], json!(["pcma", "pcmu"]));
    assert_eq!((&after["echo_cancellation"], &after["rtp_ports"]), (&json!(false), &json!([16384, 32767])));
    assert!(after["revision"].as_u64() > before["revision"].as_u64());

    let store = house.database.store().await;
    for (line, words) in [
        ("codecs = [\"gsm\"]", "line 2: unknown variant `gsm`, expected one of `opus`, `g722`, `pcma`, `pcmu`"),
        ("codecs = []", "tenant.softphone.codecs is empty"),
        ("codecs = [\"opus\", \"opus\"]", "names opus twice"),
        ("rtp_ports = [16384, 16390]", "at least 16 ports in all"),
        ("rtp_ports = [16384, 70000]", "line 2"),
        ("echo = true", "unknown field `echo`"),
        ("sip_dscp = 96", "tenant.softphone.sip_dscp cannot be 96"),
        ("auto_answer = \"always\"", "set it to \"off\", \"queue-calls\" or \"by-header\""),
    ] {
        let input = linedesk_central::apply::parse("test", &format!("[tenant.softphone]\n{line}\n"));
        let refused = match input {
            Ok(input) => linedesk_central::apply::carry_out(&store, &input).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(refused.to_string().contains(words), "{line}: {refused}");
    }
    let kept = store.configuration().await.unwrap().tenant.softphone;
    assert_eq!((kept.codecs.len(), kept.rtp_ports), (2, (16384, 32767)), "what is refused changes nothing");
}

/// The PBX of the house, as its file names it, with more below it.
fn main_pbx(more: &str) -> String {
    format!("[[pbx]]\nname = \"lab\"\nhost = \"127.0.0.1\"\nusername = \"linedesk\"\n{more}")
}

async fn how_softphones_reach_a_pbx_is_what_the_file_says(house: House) {
    let anna = house.signed_in("anna", "DESK-1").await;
    let before = anna.get(path::ME_PROFILE).await;
    let plain = &before["accounts"][0];
    assert_eq!((&plain["backup_servers"], &plain["dtmf"]), (&json!([]), &json!("rfc4733")));
    assert_eq!((&plain["codes"], &plain["nat"]), (&json!({}), &json!({"ice": false, "stun_servers": []})));
    assert_eq!((&before["auto_answer"], &before["rtp_dscp"]), (&json!("off"), &json!(46)));

    let mut live: Live = anna.live().await;
    let text = main_pbx(
        r#"[pbx.sip]
        server = "pbx.example"
        port = 0
        transport = "tls"
        backup_servers = ["pbx2.example", "[2001:db8::7]:5081"]
        outbound_proxy = "edge.example:5081"
        encryption = "sdes"
        encryption_optional = true
        ice = true
        stun_servers = ["stun.example"]
        turn = { server = "turn.example", transport = "tls", user = "desk", secret = "turnsecret" }
        dtmf = "info"
        pass_headers = ["X-Order"]
        [pbx.codes]
        park = "700"
        pickup = "*8"
        echo_test = "*43"
        [tenant.softphone]
        noise_suppression = true
        sip_dscp = 0
        auto_answer = "queue-calls"
        "#,
    );
    apply(&house.database, &format!("{text}[[queue]]\nqueue = \"support\"\nname = \"Help\"\n")).await;
    live.until(Topic::Queues, "taken over", |state| state["queues"]["1"]["name"] == "Help").await;
    let after = anna.get(path::ME_PROFILE).await;
    let account = &after["accounts"][0];
    assert_eq!((&account["server"], &account["port"]), (&json!("pbx.example"), &json!(0)));
    let backup = json!([{"host": "pbx2.example", "port": 5061}, {"host": "2001:db8::7", "port": 5081}]);
    assert_eq!(account["backup_servers"], backup);
    assert_eq!(account["outbound_proxy"], json!({"host": "edge.example", "port": 5081}));
    assert_eq!((&account["encryption"], &account["encryption_optional"]), (&json!("sdes"), &json!(true)));
    let turn = json!({"server": {"host": "turn.example", "port": 5349}, "transport": "tls", "user": "desk",
        "password": "turnsecret"});
    let stun = json!([{"host": "stun.example", "port": 3478}]);
    assert_eq!(account["nat"], json!({"ice": true, "stun_servers": stun, "turn": turn}));
    assert_eq!((&account["dtmf"], &account["pass_headers"]), (&json!("info"), &json!(["X-Order"])));
    assert_eq!(account["codes"], json!({"park": "700", "pickup": "*8", "echo_test": "*43"}));
    assert_eq!((&after["noise_suppression"], &after["gain_control"]), (&json!(true), &json!(false)));
    assert_eq!((&after["sip_dscp"], &after["auto_answer"]), (&json!(0), &json!("queue-calls")));

    assert!(!house.database.holds("turnsecret").await, "it is sealed");

    let store = house.database.store().await;
    for (more, words) in [
        ("[pbx.sip]\nbackup_servers = [\"sip:pbx2\"]", "backup_servers of the PBX lab cannot be"),
        ("[pbx.sip]\nencryption_optional = true", "its encryption is off"),
        ("[pbx.sip]\naddress_family = \"ipv6\"", "forbids its own server 127.0.0.1"),
        ("[pbx.sip]\nstun_servers = [\"stun.example:0\"]", "port 0"),
        ("[pbx.sip]\npass_headers = [\"Authorization\"]", "carries a digest"),
        ("[pbx.codes]\npark = \"seven\"", "nobody can dial"),
    ] {
        let input = linedesk_central::apply::parse("test", &main_pbx(more)).unwrap();
        let refused = linedesk_central::apply::carry_out(&store, &input).await.unwrap_err().to_string();
        assert!(refused.contains(words) && refused.contains(';'), "{more}: {refused}");
    }
    // The secret of the TURN server is kept when it is left out, and needed when there is none.
    let keeps = main_pbx("[pbx.sip]\nturn = { server = \"turn2.example\", user = \"desk\" }\n");
    apply(&house.database, &keeps).await;
    let config = store.configuration().await.unwrap();
    let turn = config.pbxs.values().next().unwrap().sip.turn.clone().unwrap();
    let secret = store.unseal(&linedesk_central::store::Turn::purpose("lab"), &turn.secret).unwrap();
    assert_eq!((turn.server.host.as_str(), turn.server.port, secret.expose()), ("turn2.example", 3478, "turnsecret"));
    apply(&house.database, &main_pbx("")).await;
    let sip = store.configuration().await.unwrap().pbxs.into_values().next().unwrap().sip;
    // Nobody said how SIP travels.
    assert_eq!((sip.transport, sip.port), (central_api::SipTransport::Tcp, 5060));
    let input = linedesk_central::apply::parse("test", &keeps).unwrap();
    let refused = linedesk_central::apply::carry_out(&store, &input).await.unwrap_err().to_string();
    assert!(refused.contains("has no `secret`"), "{refused}");
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let house = House::open().await;
    let open = async |said: &[u8]| {
        let mut stream = tokio::net::TcpStream::connect(house.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(said).await.unwrap();
        stream
    };
    let (mut silent, mut slow) = (open(b"").await, open(b"GET /api/v1/health HTTP/1.1\r\nhost: x\r\nx-slow: ").await);
    let (mut heard, mut refusal) = (Vec::new(), Vec::new());
    let closed = async { tokio::join!(silent.read_to_end(&mut heard), slow.read_to_end(&mut refusal)) };
    let (silent, _) = tokio::time::timeout(crate::house::PATIENCE, closed).await.expect("still open");
    assert!(!matches!(silent, Ok(more) if more > 0), "nothing was asked, nothing is answered");
}
