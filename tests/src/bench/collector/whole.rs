//! The whole way of a call: PBX, socket, central, database, and a supervisor who looks on.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use calls::Call;
use central_api::{FromLive, Machine, PROTOCOL, Role, Secret, SignIn, SignedIn, ToLive, Topic, path};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::action::{SECRET, USER};
use super::generator::Generator;
use super::mix::{RINGALL, Told};
use super::pbx::{Pace, Sent, now_us};
use super::stream::{QUEUES, Settings};
use super::tally::told;
use crate::bench::process;
use crate::lab::{Central, Lab, Postgres};

/// After the last event was sent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Each call is read by itself, out of a dozen tables.
const PATIENCE_TO_LIST: Duration = Duration::from_secs(300);
/// A connection that is silent is closed.
const PING: Duration = Duration::from_secs(5);
/// Nobody else is on this machine.
const SUPERVISOR: (&str, &str) = ("olga", "olga-password");

/// Where central keeps its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite,
    /// A server on the same machine, as safe as it is by default.
    Postgres,
}

impl Database {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What a stream took on its whole way.
#[derive(Debug)]
pub struct Whole {
    /// From its first event until its last call was in the database and had left the supervisor's screen.
    pub taken: Duration,
    /// Processor time of central, and of its database server.
    pub used: [Duration; 2],
    /// The most memory that central had, MB.
    pub memory: f64,
    /// From the time of an event to the frame that tells the supervisor of it, ms. Only of changes of what goes on in a call.
    pub lags_ms: Vec<f64>,
    /// What the PBX sent.
    pub sent: Sent,
}

/// A stream, the whole way. What is in the database in the end has to be what happened.
pub async fn follow_whole(
    lab: &Lab,
    settings: &Settings,
    pace: Pace,
    core: Option<usize>,
    database: Database,
) -> Result<Whole> {
    let postgres = match database {
        Database::Sqlite => None,
        Database::Postgres => Some(Postgres::start(lab).await?),
    };
    let mut generator = Generator::start(lab, settings, pace, core).await?;
    // A server of its own: none finds the calls of another run.
    let run = if matches!(pace, Pace::Times(_)) { "replay" } else { "live" };
    let name = format!("central-{run}-{}-{}", database.name(), settings.mix.name);
    let url = postgres.as_ref().map(Postgres::url);
    let house = house(generator.port, settings.at_once);
    let mut central = Central::start_on(lab, &name, &house, url.as_deref()).await?;
    until(&central, "the PBX is heard", |health| {
        health["pbxs"].as_object().is_some_and(|pbxs| pbxs.values().all(|pbx| pbx["up"] == true) && !pbxs.is_empty())
    })
    .await?;
    let mut screen = Screen::open(&central).await?;
    let server = || postgres.as_ref().map_or(Ok(Duration::ZERO), Postgres::used);
    let (began, before, server_before) = (Instant::now(), process::cpu(central.pid()?)?, server()?);
    generator.go().await?;
    let sent = generator.sent().await?;
    until(&central, "all calls are stored", |health| {
        let done = |calls: &serde_json::Value| calls["live"] == 0 && calls["waiting_for_database"] == 0;
        health["calls"].as_object().is_some_and(|calls| calls.values().all(done))
    })
    .await?;
    screen.empty().await?;
    let taken = began.elapsed();
    let used = [process::cpu(central.pid()?)? - before, server()? - server_before];
    let memory = process::peak_memory(central.pid()?)?;
    generator.end().await?;
    let lags_ms = screen.close().await?;
    let (mut known, mut found) = (settings.mix.truth(settings.rounds), stored(&central).await?);
    if matches!(pace, Pace::Times(_)) {
        // People who speak that much faster are together so shortly that it is taken for a trace of a transfer.
        (known.talks, found.talks) = (0, 0);
    }
    ensure!(found == known, "known {known:?}, in the database {found:?}");
    central.stop().await?;
    if let Some(postgres) = postgres {
        postgres.stop().await?;
    }
    Ok(Whole { taken, used, memory, lags_ms, sent })
}

/// The busy PBX with its phones, as an administrator describes it, and who looks on.
fn house(port: u16, at_once: usize) -> String {
    let mut text = format!(
        "[tenant]\nname = \"Bench\"\n\n[[user]]\nusername = \"{}\"\ndisplay_name = \"Olga\"\nrole = \"supervisor\"\n\
         password = \"{}\"\n\n[[pbx]]\nname = \"busy\"\nhost = \"127.0.0.1\"\nport = {port}\nusername = \"{USER}\"\n\
         secret = \"{SECRET}\"\n\n[[pbx.line]]\nname = \"world\"\nendpoint = \"PJSIP/trunk\"\n",
        SUPERVISOR.0, SUPERVISOR.1
    );
    for number in 0..at_once * RINGALL {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n[[phone]]\npbx = \"busy\"\nnumber = \"{}\"\n", 10_000 + number);
    }
    for queue in 0..QUEUES {
        let _ = write!(text, "\n[[queue]]\npbx = \"busy\"\nqueue = \"queue-{queue:02}\"\nname = \"Queue {queue}\"\n");
    }
    text
}

async fn until(central: &Central, what: &str, right: impl Fn(&serde_json::Value) -> bool) -> Result<()> {
    let began = Instant::now();
    loop {
        let health = central.health().await?;
        if right(&health) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("{what}: not within {PATIENCE:?}; central is {health}");
        }
        // Nothing tells when it is.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What is told of the calls in the database.
async fn stored(central: &Central) -> Result<Told> {
    let mut all = Told::default();
    let list = ["call", "list", "2000-01-01", "2100-01-01", "--json"];
    let listed = central.run_within(PATIENCE_TO_LIST, &list, "").await?;
    for line in listed.lines() {
        let mut stored: serde_json::Value = serde_json::from_str(line).context("not a stored call")?;
        let call: Call = serde_json::from_value(stored["call"].take())?;
        all += told(&call);
    }
    Ok(all)
}

/// A supervisor's screen: the calls that go on, as a live connection tells them.
struct Screen {
    task: JoinHandle<Result<Vec<f64>>>,
    shown: watch::Receiver<usize>,
    close: watch::Sender<bool>,
}

impl Screen {
    async fn open(central: &Central) -> Result<Self> {
        let base = format!("{}{}", central.url(), central_api::BASE);
        let sign_in = SignIn {
            username: SUPERVISOR.0.to_owned(),
            password: Secret::new(SUPERVISOR.1),
            machine: Machine { id: "bench".to_owned(), name: "bench".to_owned() },
            take_over: false,
            program: "bench-collector".to_owned(),
            protocol: PROTOCOL,
        };
        let answer = reqwest::Client::new().post(format!("{base}{}", path::SESSION)).json(&sign_in).send().await?;
        let signed_in: SignedIn = answer.error_for_status()?.json().await?;
        ensure!(signed_in.me.user.role == Role::Supervisor, "a supervisor was asked for");
        let live = format!("{}{}", base.replacen("http", "ws", 1), path::LIVE);
        let mut request = live.into_client_request()?;
        let token = format!("Bearer {}", signed_in.token.expose());
        request.headers_mut().insert("authorization", token.parse()?);
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
        let subscribe = serde_json::to_string(&ToLive::Subscribe { topic: Topic::Calls, resume: None })?;
        socket.send(Message::text(subscribe)).await?;
        let (count, shown) = watch::channel(0);
        let (close, mut closed) = watch::channel(false);
        let task = tokio::spawn(async move {
            let (mut screen, mut lags_ms) = (HashSet::new(), Vec::new());
            let ping = serde_json::to_string(&ToLive::Ping)?;
            let mut pings = tokio::time::interval(PING);
            loop {
                let message = tokio::select! {
                    _ = pings.tick() => None,
                    message = socket.next() => Some(message.context("central has closed the live connection")??),
                    _ = closed.wait_for(|closed| *closed) => return Ok(lags_ms),
                };
                let Some(message) = message else {
                    socket.send(Message::text(&ping)).await?;
                    continue;
                };
                let Message::Text(text) = message else { continue };
                let now_ms = now_us() as f64 / 1000.0;
                match serde_json::from_str(&text)? {
                    FromLive::Snapshot { topic: Topic::Calls, state, .. } => {
                        screen.clear();
                        take(&mut screen, &state, |_| {});
                    }
                    FromLive::Delta { topic: Topic::Calls, patch, .. } => {
                        take(&mut screen, &patch, |since_ms| lags_ms.push(now_ms - since_ms as f64));
                    }
                    _ => continue,
                }
                count.send_replace(screen.len());
            }
        });
        Ok(Self { task, shown, close })
    }

    /// Waits until no call is shown.
    async fn empty(&mut self) -> Result<()> {
        let empty = tokio::time::timeout(PATIENCE, self.shown.wait_for(|shown| *shown == 0)).await;
        match empty.context("calls stay on the screen")? {
            Ok(_) => Ok(()),
            // The task is over: it says why.
            Err(_) => Err(match (&mut self.task).await? {
                Err(why) => why.context("the live connection broke"),
                Ok(_) => anyhow!("the live connection was closed here"),
            }),
        }
    }

    async fn close(self) -> Result<Vec<f64>> {
        self.close.send_replace(true);
        self.task.await?
    }
}

/// Calls that come and go by a state or a patch, and since when what goes on in them goes on.
fn take(screen: &mut HashSet<String>, patch: &serde_json::Value, mut since: impl FnMut(i64)) {
    for (id, call) in patch["calls"].as_object().into_iter().flatten() {
        if call.is_null() {
            screen.remove(id);
            continue;
        }
        screen.insert(id.clone());
        if let Some(since_ms) = call["since_ms"].as_i64() {
            since(since_ms);
        }
    }
}
