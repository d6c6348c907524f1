//! A central in this process, its clients, and the PBX end of its channels.

use crate::databases::TestDatabase;
use central_api::{FENCE, FromLive, IDEMPOTENCY_KEY, Problem, SignIn, SignedIn, ToLive, Topic, merge_patch, path};
use futures_util::{SinkExt as _, StreamExt as _};
use linedesk_central::config::Config;
use linedesk_central::links::{Link, Links};
use linedesk_central::pbx::contract::{DesiredMember, PbxCommand, PbxEvent, PbxReport};
use linedesk_central::server::Server;
use linedesk_central::store::{Engine, PbxRow};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// Anna (101) and Olga (102) may join support and sales; Ivan watches. Support's members are dynamic, sales' fixed.
pub const OFFICE: &str = r#"
[tenant]
name = "ACME"

[[pbx]]
name = "lab"
host = "127.0.0.1"
port = 1
username = "linedesk"
secret = "ami-secret"
managed = true
sip = { server = "pbx.example", port = 5061, transport = "tls", domain = "example", encryption = "sdes" }

[[queue]]
queue = "support"
name = "Support"
project = "ACME delivery"
greeting = "Good day"

[[queue]]
queue = "sales"
name = "Sales"

[[user]]
username = "Anna"
display_name = "Anna Orlova"
password = "anna-password"
phone = [{ number = "101", secret = "sip-secret-101" }]
member = [{ queue = "support", interface = "Local/{number}@operators/n", state_interface = "PJSIP/{number}" }, { queue = "sales", fixed = true }]

[[user]]
username = "olga"
display_name = "Olga Ivanova"
password = "olga-password"
phone = [{ number = "102", secret = "sip-secret-102" }]
member = [{ queue = "support", joined = false }]

[[user]]
username = "ivan"
role = "supervisor"
password = "ivan-password"
"#;

pub fn provider() {
    // A second test in the same process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A running central.
pub struct House {
    pub url: String,
    pub database: TestDatabase,
    pub pbx: FakePbx,
    config: Config,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<tokio::task::JoinHandle<()>>,
}

fn config(data: &Path) -> Config {
    let text = format!("listen = \"127.0.0.1:0\"\ndata = \"{}\"\n", data.display());
    let file = data.join("central.toml");
    std::fs::create_dir_all(data).unwrap();
    std::fs::write(&file, text).unwrap();
    Config::read(&file).unwrap()
}

pub async fn apply(database: &TestDatabase, text: &str) {
    let store = database.store().await;
    let input = linedesk_central::apply::parse("test", text).unwrap();
    linedesk_central::apply::carry_out(&store, &input).await.unwrap();
    store.close().await;
}

impl House {
    pub async fn open() -> Self {
        Self::on(Engine::Sqlite).await
    }

    /// With a database of that kind.
    pub async fn on(engine: Engine) -> Self {
        Self::of(engine, |_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::of(Engine::Sqlite, change).await
    }

    async fn of(engine: Engine, change: impl FnOnce(&mut Config)) -> Self {
        provider();
        let database = TestDatabase::on(engine).await;
        let mut config = config(&database.options.data_dir);
        config.database = database.options.location.clone();
        change(&mut config);
        apply(&database, OFFICE).await;
        let pbx = FakePbx::default();
        let mut house = Self { url: String::new(), database, pbx, config, stop: None, serving: None };
        house.start().await;
        house
    }

    pub async fn start(&mut self) {
        let (links, pbx) = FakeLinks::new();
        let server = Server::start(&self.config, Arc::new(links)).await.unwrap();
        self.url = server.url();
        self.pbx = pbx;
        let (stop, stopped) = oneshot::channel::<()>();
        self.stop = Some(stop);
        self.serving = Some(tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server.serve_until(stopped).await.unwrap();
        }));
    }

    pub async fn restart(&mut self) {
        drop(self.stop.take());
        timeout(PATIENCE, self.serving.take().unwrap()).await.unwrap().unwrap();
        self.start().await;
    }

    pub fn client(&self, machine: &str) -> Client {
        Client::new(&self.url, machine)
    }

    /// Signed in, at a machine of that name.
    pub async fn signed_in(&self, name: &str, machine: &str) -> Client {
        let mut client = self.client(machine);
        client.sign_in(name, false).await.unwrap();
        client
    }
}

/// The PBX's end of the channels.
#[derive(Default)]
pub struct FakePbx {
    ends: Option<mpsc::UnboundedReceiver<End>>,
    end: Option<End>,
    pub wish: Vec<DesiredMember>,
}

struct End {
    pbx: central_api::PbxId,
    reports: mpsc::Sender<PbxReport>,
    commands: mpsc::UnboundedReceiver<PbxCommand>,
}

#[derive(Debug)]
struct FakeLinks(mpsc::UnboundedSender<End>);

#[derive(Debug)]
struct FakeLink(Mutex<mpsc::UnboundedSender<PbxCommand>>);

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("End")
    }
}

impl FakeLinks {
    fn new() -> (Self, FakePbx) {
        let (to, ends) = mpsc::unbounded_channel();
        (Self(to), FakePbx { ends: Some(ends), end: None, wish: Vec::new() })
    }
}

impl Links for FakeLinks {
    fn open(
        &self,
        pbx: &PbxRow,
        secrets: Vec<central_api::Secret>,
        _calls: Option<linedesk_central::collector::Handle>,
        reports: mpsc::Sender<PbxReport>,
    ) -> Box<dyn Link> {
        assert_eq!(secrets[0].expose(), "ami-secret");
        let (to, commands) = mpsc::unbounded_channel();
        let _ = self.0.send(End { pbx: pbx.id, reports, commands });
        Box::new(FakeLink(Mutex::new(to)))
    }
}

impl Link for FakeLink {
    fn send(&self, command: PbxCommand) {
        let _ = self.0.lock().unwrap().send(command);
    }
}

impl FakePbx {
    async fn end(&mut self) -> &mut End {
        if self.end.is_none() {
            self.end = Some(timeout(PATIENCE, self.ends.as_mut().unwrap().recv()).await.unwrap().unwrap());
        }
        self.end.as_mut().unwrap()
    }

    pub async fn command(&mut self) -> PbxCommand {
        let end = self.end().await;
        timeout(PATIENCE, end.commands.recv()).await.expect("the PBX hears nothing").expect("the link is closed")
    }

    /// Wishes until one is as expected.
    pub async fn wished(&mut self, what: &str, right: impl Fn(&[DesiredMember]) -> bool) {
        while !right(&self.wish) {
            match timeout(PATIENCE, self.command()).await {
                Ok(PbxCommand::Desire(wish)) => self.wish = wish,
                Ok(_) => {}
                Err(_) => panic!("never wished: {what}; last: {:?}", self.wish),
            }
        }
    }

    pub async fn says(&mut self, event: PbxEvent) {
        let end = self.end().await;
        end.reports.send(PbxReport { pbx: end.pbx, event }).await.unwrap();
    }
}

/// The wish for one member.
pub fn wish<'a>(wishes: &'a [DesiredMember], queue: &str, number: &str) -> Option<&'a DesiredMember> {
    wishes.iter().find(|wish| wish.queue == queue && wish.interface.contains(number))
}

/// A workstation's HTTP side.
pub struct Client {
    http: reqwest::Client,
    pub url: String,
    pub machine: String,
    pub session: Option<SignedIn>,
}

impl Client {
    pub fn new(url: &str, machine: &str) -> Self {
        provider();
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { http, url: url.to_owned(), machine: machine.to_owned(), session: None }
    }

    pub async fn sign_in(&mut self, name: &str, take_over: bool) -> Result<(), Problem> {
        let password = format!("{}-password", name.to_lowercase());
        self.sign_in_with(name, &password, take_over).await
    }

    pub async fn sign_in_with(&mut self, name: &str, password: &str, take_over: bool) -> Result<(), Problem> {
        let body = SignIn {
            username: name.to_owned(),
            password: central_api::Secret::new(password),
            machine: central_api::Machine { id: format!("id-{}", self.machine), name: self.machine.clone() },
            take_over,
            program: "test 1".to_owned(),
            protocol: central_api::PROTOCOL,
        };
        let answer = self.http.post(self.at(path::SESSION)).json(&body).send().await.unwrap();
        if answer.status() == 201 {
            self.session = Some(answer.json().await.unwrap());
            return Ok(());
        }
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        Err(answer.json().await.unwrap())
    }

    fn at(&self, path: &str) -> String {
        format!("{}{}{path}", self.url, central_api::BASE)
    }

    pub fn token(&self) -> &str {
        self.session.as_ref().unwrap().token.expose()
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method.parse().unwrap(), self.at(path));
        match &self.session {
            Some(session) => request.bearer_auth(session.token.expose()).header(FENCE, session.fence.to_string()),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.request("GET", path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// A command; the problem's code when it is refused.
    pub async fn command(&self, method: &str, path: &str, body: Value) -> Result<(), String> {
        let key = uuid::Uuid::new_v4().to_string();
        self.command_with_key(method, path, body, &key).await
    }

    pub async fn command_with_key(&self, method: &str, path: &str, body: Value, key: &str) -> Result<(), String> {
        let answer = self.request(method, path).header(IDEMPOTENCY_KEY, key).json(&body).send().await.unwrap();
        if answer.status().is_success() {
            return Ok(());
        }
        Err(answer.json::<Value>().await.unwrap()["code"].as_str().unwrap().to_owned())
    }

    pub async fn status(&self, kind: &str) -> Result<(), String> {
        self.command("PUT", path::ME_STATUS, json!({ "kind": kind })).await
    }

    pub async fn lunch(&self) -> i64 {
        let reasons = self.get(path::REASONS).await;
        let lunch = reasons.as_array().unwrap().iter().find(|reason| reason["names"]["en"] == "Lunch").unwrap();
        lunch["id"].as_i64().unwrap()
    }

    pub async fn live(&self) -> Live {
        let mut live = Live::connect(&self.url, self.token(), &[]).await.unwrap();
        for topic in [Topic::Me, Topic::Queues] {
            live.say(&ToLive::Subscribe { topic, resume: None }).await;
        }
        live
    }
}

/// A workstation's live side, keeping the state as the contract says.
pub struct Live {
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    pub epoch: String,
    pub states: HashMap<Topic, (u64, Value)>,
    pub frames: Vec<FromLive>,
}

impl Live {
    pub async fn connect(url: &str, token: &str, headers: &[(&'static str, &str)]) -> Result<Self, tungstenite::Error> {
        let url = format!("{}{}{}", url.replacen("http", "ws", 1), central_api::BASE, path::LIVE);
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = timeout(PATIENCE, tokio_tungstenite::connect_async(request)).await.unwrap()?;
        let mut live = Self { socket, epoch: String::new(), states: HashMap::new(), frames: Vec::new() };
        let Some(FromLive::Hello { epoch, protocol, .. }) = live.frame().await else { panic!("no hello") };
        assert_eq!(protocol, central_api::PROTOCOL);
        live.epoch = epoch;
        Ok(live)
    }

    pub async fn say(&mut self, message: &ToLive) {
        self.say_text(&serde_json::to_string(message).unwrap()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next frame; none when the connection is closed.
    pub async fn frame(&mut self) -> Option<FromLive> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("no frame comes") {
                Some(Ok(Message::Text(text))) => {
                    let frame: FromLive = serde_json::from_str(&text).unwrap();
                    self.take(&frame);
                    self.frames.push(frame.clone());
                    return Some(frame);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    fn take(&mut self, frame: &FromLive) {
        match frame {
            FromLive::Snapshot { epoch, topic, number, state, .. } => {
                assert_eq!(*epoch, self.epoch);
                self.states.insert(*topic, (*number, state.clone()));
            }
            FromLive::Delta { topic, number, patch, .. } => {
                let (last, state) = self.states.get_mut(topic).expect("a delta before a snapshot");
                assert_eq!(*number, *last + 1, "a gap in the numbers");
                *last = *number;
                merge_patch::apply(state, patch);
            }
            _ => {}
        }
    }

    /// Frames until the operator's own state is as expected.
    pub async fn me(&mut self, what: &str, right: impl Fn(&Value) -> bool) -> Value {
        self.until(Topic::Me, what, right).await
    }

    pub async fn until(&mut self, topic: Topic, what: &str, right: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some((_, state)) = self.states.get(&topic)
                && right(state)
            {
                return state.clone();
            }
            let next = timeout(PATIENCE, self.frame()).await;
            if !matches!(next, Ok(Some(_))) {
                panic!("never: {what}; last: {:#?}", self.states.get(&topic));
            }
        }
    }
}
