//! What the workstation tells a softphone by itself: how it is to sound, and which calls it answers or refuses. The softphone
//! here is a socket that says what the test wants and writes down what it is asked.

#![cfg(unix)]

use axum::extract::Json;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::routing::{get, post};
use central_api::{BASE, PROTOCOL, path};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use softphone_api::attach::ATTACH_FILE;
use softphone_api::{CallId, CallPhase, Command, RejectReason, SoundSettings, frame};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::codec::Framed;
use workstation::host::SignInForm;
use workstation::keyring::MemoryKeyring;
use workstation::preferences::PreferencesFile;
use workstation::view::{ProcessState, View};
use workstation::{Handle, Options};

const PATIENCE: Duration = Duration::from_secs(20);
/// Of the directory in which a softphone of the session `anna1` is found.
const PLACE: &str = "s-anna1";

/// Central, with one account and the rule for calls that are answered by themselves; `me` is its state of the operator.
async fn central(auto_answer: &'static str, me: Value) -> String {
    let sign_in = async || {
        let user = json!({"id": 1, "username": "anna", "display_name": "Anna", "role": "operator"});
        let me = json!({"user": user, "tenant": "ACME", "session": "anna1", "at_ms": 0});
        (StatusCode::CREATED, Json(json!({"token": "t", "fence": 1, "me": me})))
    };
    let account = json!({"phone": 7, "pbx": 1, "pbx_name": "Office", "server": "pbx", "port": 5060, "transport": "udp",
        "domain": "pbx", "user": "101", "password": "p", "display_name": "", "encryption": "off", "codes": {"park": "700"}});
    let profile = json!({"revision": 1, "accounts": [account], "codecs": ["pcma"], "echo_cancellation": true,
        "rtp_ports": [16384, 16500], "auto_answer": auto_answer});
    let live = move |upgrade: WebSocketUpgrade| async move { upgrade.on_upgrade(move |socket| follow(socket, me)) };
    let at = |below: &str| format!("{BASE}{below}");
    let router = axum::Router::new()
        .route(&at(path::SESSION), post(sign_in).delete(async || StatusCode::NO_CONTENT))
        .route(&at(path::LIVE), get(live))
        .route(&at(path::REASONS), get(async || Json(json!([]))))
        .route(&at(path::ME_PROFILE), get(async move || Json(profile)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn follow(mut socket: WebSocket, me: Value) {
    let say = async |socket: &mut WebSocket, frame: Value| {
        // The workstation may have ended.
        let _ = socket.send(Message::text(frame.to_string())).await;
    };
    say(&mut socket, json!({"type": "hello", "protocol": PROTOCOL, "epoch": "e", "at_ms": 0})).await;
    while let Some(Ok(message)) = socket.recv().await {
        let Ok(text) = message.to_text() else { continue };
        let asked: Value = serde_json::from_str(text).unwrap_or_default();
        if asked["type"] == "subscribe" && asked["topic"] == "me" {
            let snapshot =
                json!({"type": "snapshot", "epoch": "e", "topic": "me", "number": 1, "at_ms": 0, "state": me});
            say(&mut socket, snapshot).await;
        } else if asked["type"] == "ping" {
            say(&mut socket, json!({"type": "pong", "at_ms": 0})).await;
        }
    }
}

/// A softphone of the session, running before the workstation is; gone when dropped.
struct Softphone {
    /// Whose process id stands in the attach file.
    process: std::process::Child,
    asked: mpsc::UnboundedReceiver<Command>,
    events: mpsc::UnboundedSender<Value>,
}

impl Softphone {
    fn start(dir: &Path, refuses_tones: bool) -> Self {
        let process = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
        let place = dir.join("run").join(PLACE);
        std::fs::create_dir_all(&place).expect("made");
        let socket = place.join("socket");
        let listener = UnixListener::bind(&socket).expect("bound");
        let file = json!({"protocol": softphone_api::PROTOCOL, "socket": socket, "token": "t", "session": "anna1",
            "pid": process.id()});
        std::fs::write(place.join(ATTACH_FILE), file.to_string()).expect("written");
        let (tell, asked) = mpsc::unbounded_channel();
        let (events, mut to_say) = mpsc::unbounded_channel::<Value>();
        let pid = process.id();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut framed = Framed::new(stream, frame::codec());
            let sound = json!({"capture": {"use": "system"}, "playback": {"use": "system"}});
            let snapshot = json!({"event_number": 0, "at_ms": 0, "registrations": [], "calls": [], "sound": sound});
            let mut say =
                vec![json!({"type": "welcome", "protocol": softphone_api::PROTOCOL, "program": "x", "pid": pid,
                "snapshot": snapshot})];
            let (mut number, mut beat) = (0, tokio::time::interval(Duration::from_secs(1)));
            loop {
                for message in say.drain(..) {
                    let text = message.to_string();
                    if framed.send(bytes::Bytes::from(text)).await.is_err() {
                        return;
                    }
                }
                tokio::select! {
                    _ = beat.tick() => say.push(json!({"type": "heartbeat"})),
                    event = to_say.recv() => {
                        number += 1;
                        say.push(json!({"type": "event", "number": number, "at_ms": 0, "event": event}));
                    }
                    message = framed.next() => {
                        let Some(Ok(bytes)) = message else { return };
                        let message: Value = serde_json::from_slice(&bytes).expect("json");
                        if message["type"] != "request" {
                            continue;
                        }
                        let command = &message["command"];
                        let refused = refuses_tones && command["settings"]["ring_tone"]["tone"] == "file";
                        let error = json!({"error": {"code": "bad-argument", "message": "no such file"}});
                        let result = if refused { error } else { json!({"ok": {"reply": "done"}}) };
                        say.push(json!({"type": "response", "id": message["id"], "result": result}));
                        if tell.send(serde_json::from_value(command.clone()).expect("a command")).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Self { process, asked, events }
    }

    async fn next(&mut self) -> Command {
        timeout(PATIENCE, self.asked.recv()).await.expect("asked in time").expect("attached")
    }

    async fn next_sound(&mut self) -> SoundSettings {
        loop {
            if let Command::SetSound { settings } = self.next().await {
                return *settings;
            }
        }
    }

    fn says(&self, event: Value) {
        self.events.send(event).expect("attached");
    }
}

impl Drop for Softphone {
    fn drop(&mut self) {
        // It may have been ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn preferences(dir: &Path) -> PreferencesFile {
    PreferencesFile::open(dir.join("preferences.json"))
}

async fn signed_in(dir: &Path, server: String) -> Handle {
    let options = Options {
        data_dir: dir.join("data"),
        runtime_dir: dir.join("run"),
        softphone_program: dir.join("there-is-none"),
        shell_command: Vec::new(),
        extra_ca: None,
        preferences: preferences(dir),
    };
    let handle = workstation::start(options, Arc::new(MemoryKeyring::default())).await.expect("started");
    let password = central_api::Secret::new("p");
    let form = SignInForm { server, username: "anna".to_owned(), password, take_over: false };
    handle.sign_in(form).await.expect("signed in");
    handle
}

async fn until(handle: &Handle, what: &str, right: impl Fn(&View) -> bool) {
    let mut view = handle.view();
    let seen = timeout(PATIENCE, view.wait_for(|view| right(view))).await.map(drop);
    seen.unwrap_or_else(|_| panic!("never: {what}; last: {:#?}", handle.view().borrow()));
}

fn operator(kind: &str) -> Value {
    json!({"status": {"kind": kind, "since_ms": 0, "by": {"who": "operator"}}, "memberships": {}, "phones": {}, "pbxs": {},
        "calls": {"c1": {"queue": 1, "queue_name": "Support"}, "c2": {"queue": 2, "queue_name": "Sales"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_chosen_about_sound_is_kept_when_the_softphone_takes_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = |volume: u8| preferences(dir.path()).now().sound.ring_volume == volume;
    preferences(dir.path()).change(|now| now.sound.ring_volume = 35).expect("written");
    let mut softphone = Softphone::start(dir.path(), true);
    let handle = signed_in(dir.path(), central("off", operator("available")).await).await;
    // When it is attached, and again with the profile.
    assert_eq!(softphone.next_sound().await.ring_volume, 35);
    until(&handle, "the profile", |view| view.profile.is_some()).await;
    assert_eq!(softphone.next_sound().await.ring_volume, 35);
    let codes = handle.view().borrow().profile.clone().expect("there").accounts["7"].codes.clone();
    assert_eq!(codes.park.as_deref(), Some("700"));

    until(&handle, "attached", |view| view.softphone.state == ProcessState::Running).await;
    let settings = |value: Value| Box::new(serde_json::from_value::<SoundSettings>(value).expect("settings"));
    let file = settings(json!({"ring_volume": 10, "ring_tone": {"tone": "file", "path": "/there/is/none.wav"}}));
    handle.phone(Command::SetSound { settings: file }).await.expect_err("refused");
    let loud = settings(json!({"ring_volume": 80}));
    handle.phone(Command::SetSound { settings: loud }).await.expect("taken");
    // It is written before the workstation hears the next wish.
    handle.phone(Command::Devices).await.expect("taken");
    assert!(kept(80), "what was refused is not kept, what was taken is");
    let device = serde_json::from_value(json!({"use": "device", "name": "jabra"})).expect("a choice");
    let choose = Command::ChooseDevices { capture: device, playback: softphone_api::DeviceChoice::System };
    handle.phone(choose).await.expect("taken");
    handle.phone(Command::Devices).await.expect("taken");
    let now = preferences(dir.path()).now().sound;
    assert_eq!((now.ring_volume, json!(now.capture)), (80, json!({"use": "device", "name": "jabra"})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_is_shown_while_a_test_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let softphone = Softphone::start(dir.path(), false);
    let handle = signed_in(dir.path(), central("off", operator("available")).await).await;
    until(&handle, "attached", |view| view.phone.is_some()).await;
    let sound = json!({"capture": {"use": "system"}, "playback": {"use": "system"}});
    let level = |percent: u8| json!({"event": "level", "microphone": percent});
    let shown = |view: &View| view.phone.as_ref().and_then(|phone| phone.level);
    let mut testing = sound.clone();
    testing["test"] = json!({"test": "level", "step": "listening"});
    softphone.says(json!({"event": "sound", "sound": testing}));
    softphone.says(level(40));
    until(&handle, "the level", |view| shown(view) == Some(40)).await;
    softphone.says(json!({"event": "sound", "sound": sound}));
    // Its last word comes late.
    softphone.says(level(41));
    softphone.says(json!({"event": "headset", "headset": {"name": "Jabra", "muted": false}}));
    until(&handle, "what came after it", |view| view.phone.as_ref().is_some_and(|phone| phone.headset.is_some())).await;
    assert_eq!(shown(&handle.view().borrow()), None);
}

fn call(id: u64, phase: &str, answer_after_s: Option<u16>) -> Value {
    let call = json!({"id": id, "account": "7", "sip_call_id": format!("c{id}"), "direction": "incoming", "phase": phase,
        "remote_number": "1", "started_at_ms": 1, "age_ms": 1, "muted": false, "encrypted": false,
        "answer_after_s": answer_after_s});
    json!({"event": "call", "call": call})
}

fn ringing(answer_after_s: Option<u16>) -> Value {
    call(1, "ringing", answer_after_s)
}

fn with_headset() -> Value {
    let device = |capture: bool| json!({"name": "jabra", "label": "Jabra", "capture": capture, "is_default": false});
    let choice = json!({"use": "device", "name": "jabra"});
    let sound = json!({"capture": choice, "playback": choice, "capture_device": device(true),
        "playback_device": device(false)});
    json!({"event": "sound", "sound": sound})
}

/// The first command that is not of the greeting.
async fn next_wish(softphone: &mut Softphone) -> Command {
    loop {
        match softphone.next().await {
            Command::Configure { .. } | Command::SetSound { .. } | Command::ShellIs { .. } => {}
            command => return command,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_call_is_answered_by_itself_when_the_headset_comes() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut softphone = Softphone::start(dir.path(), false);
    let handle = signed_in(dir.path(), central("queue-calls", operator("available")).await).await;
    until(&handle, "central and softphone", |view| view.phone.is_some() && view.profile.is_some() && view.me.is_some())
        .await;
    softphone.says(ringing(None));
    until(&handle, "it rings", |view| view.calls().next().is_some()).await;
    // Nobody knows what the laptop's microphone hears; the answer below is the first command.
    handle.phone(Command::Devices).await.expect("taken");
    assert_eq!(next_wish(&mut softphone).await, Command::Devices);
    softphone.says(with_headset());
    let answer = next_wish(&mut softphone).await;
    assert!(matches!(answer, Command::Answer { by_itself: true, end_running: false, .. }), "{answer:?}");
    // Once: it still rings, and something happens.
    softphone.says(with_headset());
    softphone.says(ringing(None));
    softphone.says(json!({"event": "headset", "headset": {"name": "Jabra", "muted": false}}));
    until(&handle, "all of it", |view| view.phone.as_ref().is_some_and(|phone| phone.headset.is_some())).await;
    handle.phone(Command::Devices).await.expect("taken");
    assert_eq!(next_wish(&mut softphone).await, Command::Devices);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_pbx_asks_for_is_answered_after_its_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut softphone = Softphone::start(dir.path(), false);
    let handle = signed_in(dir.path(), central("by-header", operator("available")).await).await;
    until(&handle, "central and softphone", |view| view.phone.is_some() && view.profile.is_some() && view.me.is_some())
        .await;
    softphone.says(with_headset());
    let began = tokio::time::Instant::now();
    softphone.says(ringing(Some(1)));
    let answer = next_wish(&mut softphone).await;
    assert!(matches!(answer, Command::Answer { by_itself: true, .. }), "{answer:?}");
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_for_who_is_not_available() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut softphone = Softphone::start(dir.path(), false);
    let handle = signed_in(dir.path(), central("queue-calls", operator("preparing")).await).await;
    until(&handle, "central and softphone", |view| view.phone.is_some() && view.profile.is_some() && view.me.is_some())
        .await;
    softphone.says(with_headset());
    softphone.says(ringing(None));
    until(&handle, "it rings", |view| view.calls().next().is_some()).await;
    handle.phone(Command::Devices).await.expect("taken");
    assert_eq!(next_wish(&mut softphone).await, Command::Devices);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_at_the_headset_refuses_the_queue_call_beside_it_and_one_at_the_screen_does_so_itself() {
    for at_the_screen in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut softphone = Softphone::start(dir.path(), false);
        let handle = signed_in(dir.path(), central("off", operator("available")).await).await;
        until(&handle, "central and softphone", |view| view.phone.is_some() && view.me.is_some()).await;
        softphone.says(call(1, "ringing", None));
        softphone.says(call(2, "ringing", None));
        until(&handle, "both ring", |view| view.calls().count() == 2).await;
        if at_the_screen {
            let answer = |busy| Command::Answer { call: CallId(1), end_running: false, busy, by_itself: false };
            handle.phone(answer(Vec::new())).await.expect("taken");
            assert_eq!(next_wish(&mut softphone).await, answer(vec![CallId(2)]));
        }
        softphone.says(call(1, "connecting", None));
        softphone.says(call(1, "talking", None));
        until(&handle, "talking", |view| view.calls().any(|call| call.phase == CallPhase::Talking)).await;
        handle.phone(Command::Devices).await.expect("taken");
        if !at_the_screen {
            let busy = Command::Reject { call: CallId(2), reason: RejectReason::Busy };
            assert_eq!(next_wish(&mut softphone).await, busy);
        }
        assert_eq!(next_wish(&mut softphone).await, Command::Devices, "and no more than that");
    }
}
