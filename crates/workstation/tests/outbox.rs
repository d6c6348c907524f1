//! A status chosen while central is away, and a program that is killed before central is back.

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Json, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post, put};
use central_api::{BASE, FENCE, FromLive, IDEMPOTENCY_KEY, PROTOCOL, path};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;
use workstation::host::{Method, SignInForm};
use workstation::keyring::MemoryKeyring;
use workstation::preferences::PreferencesFile;
use workstation::view::{LinkState, View};
use workstation::{Handle, Options};

const PATIENCE: Duration = Duration::from_secs(20);
/// Central's clock is so far ahead of that of the workstation.
const AHEAD_MS: i64 = 3_600_000;

/// What central was told: idempotency key, fence, body.
type Told = (String, String, Value);

/// Central as far as these tests need it; gone when dropped.
struct Central {
    url: String,
    told: mpsc::UnboundedReceiver<Told>,
    _runtime: Runtime,
}

impl Central {
    fn start(port: u16) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (tell, told) = mpsc::unbounded_channel();
        let at = |below: &str| format!("{BASE}{below}");
        let router = axum::Router::new()
            .route(&at(path::SESSION), post(sign_in).delete(async || StatusCode::NO_CONTENT))
            .route(&at(path::LIVE), get(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(live)))
            .route(&at(path::REASONS), get(async || Json(json!([]))))
            .route(&at(path::ME_STATUS), put(status))
            .with_state(tell);
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port))).expect("bound");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, told, _runtime: runtime }
    }

    fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    fn told(&mut self) -> Told {
        let told = &mut self.told;
        runtime().block_on(async { timeout(PATIENCE, told.recv()).await }).expect("nothing is said").expect("alive")
    }
}

async fn sign_in(Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let name = body["username"].as_str().unwrap_or_default().to_owned();
    let id = if name == "anna" { 1 } else { 2 };
    let user = json!({ "id": id, "username": name, "display_name": name, "role": "operator" });
    let me = json!({ "user": user, "tenant": "ACME", "session": format!("session of {name}"), "at_ms": now_ms() });
    (StatusCode::CREATED, Json(json!({ "token": format!("token of {name}"), "fence": id, "me": me })))
}

async fn status(State(tell): State<mpsc::UnboundedSender<Told>>, headers: HeaderMap, body: Json<Value>) -> StatusCode {
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    tell.send((header(IDEMPOTENCY_KEY), header(FENCE), body.0)).expect("the test listens");
    StatusCode::ACCEPTED
}

async fn live(mut socket: WebSocket) {
    let hello = FromLive::Hello { protocol: PROTOCOL, epoch: "e".to_owned(), at_ms: now_ms() + AHEAD_MS };
    let text = serde_json::to_string(&hello).expect("json");
    if socket.send(Message::text(text)).await.is_ok() {
        while let Some(Ok(_)) = socket.recv().await {}
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("not so late")
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A program; dropping it is a kill, since nothing gets to run afterwards.
struct Program {
    handle: Handle,
    runtime: Runtime,
}

impl Program {
    fn start(dir: &Path, keyring: &Arc<MemoryKeyring>) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let options = Options {
            data_dir: dir.join("data"),
            runtime_dir: dir.join("run"),
            softphone_program: dir.join("there-is-none"),
            shell_command: Vec::new(),
            extra_ca: None,
            preferences: PreferencesFile::open(dir.join("preferences.json")),
        };
        let handle = runtime.block_on(workstation::start(options, keyring.clone())).expect("started");
        Self { handle, runtime }
    }

    fn sign_in(&self, server: &str, username: &str) {
        let form = SignInForm {
            server: server.to_owned(),
            username: username.to_owned(),
            password: central_api::Secret::new("x"),
            take_over: false,
        };
        self.runtime.block_on(self.handle.sign_in(form)).expect("signed in");
        self.until("connected and remembered", |view| {
            let session = serde_json::to_value(&view.session).expect("json");
            view.central.state == LinkState::Connected && session["remembered"] == true
        });
    }

    fn until(&self, what: &str, right: impl Fn(&View) -> bool) {
        let mut view = self.handle.view();
        let seen =
            self.runtime.block_on(async { timeout(PATIENCE, view.wait_for(|view| right(view))).await.map(drop) });
        seen.unwrap_or_else(|_| panic!("never: {what}; last: {:#?}", self.handle.view().borrow()));
    }

    fn choose(&self, kind: &str) -> bool {
        let ask = self.handle.request(Method::Put, format!("{BASE}{}", path::ME_STATUS), Some(json!({ "kind": kind })));
        self.runtime.block_on(ask).expect("taken").queued
    }
}

#[test]
fn what_was_chosen_while_central_is_away_outlives_the_program() {
    let dir = tempfile::tempdir().expect("a directory");
    let keyring = Arc::new(MemoryKeyring::default());
    let mut central = Central::start(0);
    let port = central.port();
    let program = Program::start(dir.path(), &keyring);
    program.sign_in(&central.url, "anna");
    while program.choose("preparing") {}
    assert_eq!(central.told().2["kind"], "preparing");
    drop(central);
    program.until("away", |view| view.central.state == LinkState::Lost);
    assert!(program.choose("available"));
    let before = now_ms();
    assert!(program.choose("after-call"));
    let after = now_ms();
    drop(program);

    let _program = Program::start(dir.path(), &keyring);
    let mut central = Central::start(port);
    let (key, fence, body) = central.told();
    assert_eq!((fence.as_str(), &body["kind"]), ("1", &json!("after-call")), "the last one");
    assert!(!key.is_empty());
    let chosen = body["chosen_at_ms"].as_i64().expect("its time") - AHEAD_MS;
    assert!((before - 1_000..after + 1_000).contains(&chosen), "{before} {chosen} {after}, by central's clock");
}

#[test]
fn it_ends_with_the_shift_and_is_nobody_elses() {
    let dir = tempfile::tempdir().expect("a directory");
    let keyring = Arc::new(MemoryKeyring::default());
    let central = Central::start(0);
    let port = central.port();
    let program = Program::start(dir.path(), &keyring);
    program.sign_in(&central.url, "anna");
    drop(central);
    program.until("away", |view| view.central.state == LinkState::Lost);

    assert!(program.choose("available"));
    program.runtime.block_on(program.handle.quit());
    drop(program);
    let program = Program::start(dir.path(), &keyring);
    program.until("remembered, and central away", |view| view.central.problem.is_some());
    // Killed with a wish in the outbox; then somebody else sits down, for whom the keyring has nothing.
    assert!(program.choose("after-call"));
    drop(program);
    let program = Program::start(dir.path(), &Arc::new(MemoryKeyring::default()));
    let mut central = Central::start(port);
    program.sign_in(&central.url, "olga");
    while program.choose("preparing") {}
    let (_, fence, body) = central.told();
    assert_eq!((fence.as_str(), &body["kind"]), ("2", &json!("preparing")), "nothing of Anna's comes first");
}
