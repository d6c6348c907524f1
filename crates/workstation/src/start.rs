//! The composition root, and the handle by which a host speaks to the running workstation.

use serde_json::Value;
use softphone_api::{Command, Reply};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

use crate::awake::Awake;
use crate::cache::Cache;
use crate::clock;
use crate::desk::{Answering, Ask, Desk, Event, Refused};
use crate::host::{Answer, Method, PhoneError, RequestError, SignInForm, ViewUpdate};
use crate::keyring::Keyring;
use crate::outbox::Outbox;
use crate::preferences::PreferencesFile;
use crate::publish::Publisher;
use crate::record::Record;
use crate::softphone::{Order, Settings, Supervisor};
use crate::view::{ConnectProblem, View};

/// What a workstation needs to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is kept between starts: cache, outbox, record, logs.
    pub data_dir: PathBuf,
    /// Private directory of the softphone's socket and attach file; short, since a socket's path has at most 104 bytes.
    pub runtime_dir: PathBuf,
    /// `linedesk-softphone`.
    pub softphone_program: PathBuf,
    /// How the softphone starts the shell again when it died in a call; empty: not at all.
    pub shell_command: Vec<String>,
    /// PEM file with one more authority that may vouch for central.
    pub extra_ca: Option<PathBuf>,
    /// What the person at this machine prefers.
    pub preferences: PreferencesFile,
}

/// Why a workstation cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A directory.
    #[error("{path} cannot be made or is not private ({source}); check that it is yours and writable", path = path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The workstation is gone: it was quit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the workstation has ended")]
pub struct Ended;

/// Speaks to a running workstation. When the last one is dropped the loop goes on until [`Handle::quit`].
#[derive(Debug, Clone)]
pub struct Handle {
    events: mpsc::UnboundedSender<Event>,
    view: watch::Receiver<Arc<View>>,
}

/// Starts a workstation on the present tokio runtime. The view is filled from the cache when this returns.
///
/// # Errors
/// When a directory cannot be made.
pub async fn start(options: Options, keyring: Arc<dyn Keyring>) -> Result<Handle, StartError> {
    // A second call only says that it is done already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let log_dir = options.data_dir.join("logs");
    for path in [&options.data_dir, &log_dir, &options.runtime_dir] {
        make_private(path).map_err(|source| StartError::Directory { path: path.clone(), source })?;
    }
    let record = Record::load(&options.data_dir);
    let cache = Cache::open(&options.data_dir).await;
    let outbox = Outbox::open(&options.data_dir, clock::now_ms());
    let view = View::empty(record.server.clone(), record.username.clone());
    let (publisher, typed) = Publisher::new(&view);
    let (events, inbox) = mpsc::unbounded_channel();
    let (orders, order_inbox) = mpsc::unbounded_channel();
    let settings = Settings {
        program: options.softphone_program.clone(),
        runtime_dir: options.runtime_dir.clone(),
        log_dir,
        shell_command: options.shell_command.clone(),
    };
    let to_desk = events.clone();
    let supervisor = Supervisor::new(settings, order_inbox, move |event| {
        // The loop may have ended meanwhile.
        let _ = to_desk.send(Event::Phone(event));
    });
    tokio::spawn(supervisor.run());
    // Whoever sends to a loop that has ended is not heard, and need not be.
    let _ = orders.send(Order::Sound(Box::new(options.preferences.now().sound)));
    let mut desk = Desk {
        awake: Awake::start(),
        answering: Answering::default(),
        refused: Refused::default(),
        sound_asked: 0,
        sound_kept: 0,
        options,
        record,
        cache,
        outbox,
        keyring,
        keyring_turn: Arc::default(),
        trust: None,
        view,
        publisher,
        generation: 0,
        session: None,
        signing_in: None,
        lost_with_softphone: 0,
        orders,
        events: events.clone(),
    };
    desk.fill_from_cache().await;
    desk.publisher.step(&desk.view);
    tokio::spawn(desk.run(inbox));
    Ok(Handle { events, view: typed })
}

impl Handle {
    /// Signs in.
    ///
    /// # Errors
    /// Why not; the view is signed out again.
    pub async fn sign_in(&self, form: SignInForm) -> Result<(), ConnectProblem> {
        let gone = ConnectProblem::Unreachable { detail: Ended.to_string() };
        self.ask(|reply| Ask::SignIn(form, reply)).await.unwrap_or(Err(gone))
    }

    /// Ends the session and the shift; nothing is remembered.
    pub async fn sign_out(&self) {
        // That it has ended already is as good.
        let _ = self.ask(Ask::SignOut).await;
    }

    /// A request to central, below `/api/v1`. A status wish is kept while central is away (only the last, also over
    /// a restart of this program), all else is refused then.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn request(&self, method: Method, path: String, body: Option<Value>) -> Result<Answer, RequestError> {
        self.ask(|reply| Ask::Request { method, path, body, reply }).await.unwrap_or(Err(RequestError::SignedOut))
    }

    /// A command to the softphone.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn phone(&self, command: Command) -> Result<Reply, PhoneError> {
        self.ask(|reply| Ask::Phone(command, reply)).await.unwrap_or(Err(PhoneError::Lost))
    }

    /// Tries again after the softphone died too often.
    pub fn restart_softphone(&self) {
        self.say(Ask::RestartSoftphone);
    }

    /// The operator has read it.
    pub fn dismiss_notice(&self, number: u64) {
        self.say(Ask::DismissNotice(number));
    }

    /// The view: first whole, then what changes.
    ///
    /// # Errors
    /// When the workstation has ended.
    pub async fn subscribe(&self) -> Result<mpsc::Receiver<ViewUpdate>, Ended> {
        self.ask(Ask::Subscribe).await
    }

    /// The view in Rust; each step that is published.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// Ends the shift (what is remembered stays so), the softphone with its calls, and the loop. At most about two seconds.
    pub async fn quit(&self) {
        // That it has ended already is as good.
        let _ = self.ask(Ask::Quit).await;
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Ended> {
        let (reply, answer) = oneshot::channel();
        self.say(ask(reply));
        answer.await.map_err(|_| Ended)
    }

    fn say(&self, ask: Ask) {
        // Whoever waits for an answer hears of it by the dropped reply.
        let _ = self.events.send(Event::Ask(ask));
    }
}

/// Only its owner may look into it.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// A program that lies in the same directory as the one that runs.
///
/// # Errors
/// When the system does not say where that is.
pub fn beside_this_program(name: &str) -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}
