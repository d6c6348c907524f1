//! Between the one engine and the one client: who is attached, what he is told, and what happens when he is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use softphone_api::{
    CallId, Command, CommandError, CommandErrorCode, Event, FromSoftphone, Outcome, PROTOCOL, RefusedCode, Reply,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::engine::{Engine, Out};
use crate::platform;
use crate::shell::Shell;

/// A client that said hello.
#[derive(Debug)]
pub struct Client {
    /// Number of the connection.
    pub id: u64,
    /// To it.
    pub out: mpsc::Sender<Outgoing>,
    /// Its process, where the system tells.
    pub pid: Option<u32>,
    /// What it calls itself.
    pub name: String,
}

/// To a connection.
#[derive(Debug)]
pub enum Outgoing {
    /// Write this.
    Message(FromSoftphone),
    /// Write what is before this, then close.
    Close,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// The other side closed, or its process died.
    Closed,
    /// No heartbeat in time.
    Silent,
    /// We closed.
    Dismissed,
}

/// From the connections.
#[derive(Debug)]
pub enum HubEvent {
    /// A client with the right token and session.
    Hello(Client),
    /// It asks.
    Request {
        /// Which client.
        client: u64,
        /// Its number of the request.
        id: u64,
        /// What.
        command: Box<Command>,
    },
    /// It is gone.
    Gone {
        /// Which.
        client: u64,
        /// How.
        how: Gone,
    },
    /// End, hanging up (a signal, or the end of stdin).
    Stop,
}

/// How long a shell that broke off in a call may take to come back by itself, before it is started again.
const GRACE: Duration = Duration::from_millis(500);
/// A shell that was started and has not attached by now is started once more.
const ATTACH_WITHIN: Duration = Duration::from_secs(15);

/// See the module.
#[derive(Debug)]
pub struct Hub {
    engine: Engine,
    active: Option<Client>,
    /// The active client has its snapshot.
    welcomed: bool,
    calls: BTreeSet<CallId>,
    shell: Shell,
    restart_at: Option<Instant>,
    ending: bool,
}

impl Hub {
    /// Takes the engine over.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            active: None,
            welcomed: false,
            calls: BTreeSet::new(),
            shell: Shell::default(),
            restart_at: None,
            ending: false,
        }
    }

    /// Runs until the engine has ended, and has told the client all of it.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<HubEvent>, mut engine_out: mpsc::Receiver<Out>) {
        loop {
            let restart_at = self.restart_at;
            tokio::select! {
                out = engine_out.recv() => match out {
                    Some(Out::Ended) | None => break,
                    Some(out) => self.engine_says(out),
                },
                event = inbox.recv() => match event {
                    Some(event) => self.client_says(event),
                    None => {
                        self.engine.stop();
                        // The engine's end comes as `Ended`.
                        while !matches!(engine_out.recv().await, Some(Out::Ended) | None) {}
                        break;
                    }
                },
                () = sleep_until(restart_at.unwrap_or_else(Instant::now)), if restart_at.is_some() => self.restart_shell(),
            }
        }
        if let Some(client) = self.active.take() {
            let _ = client.out.try_send(Outgoing::Close);
            // Resolves when the connection has written all and is gone.
            let _ = timeout(Duration::from_millis(500), client.out.closed()).await;
        }
        self.engine.join();
    }

    fn engine_says(&mut self, out: Out) {
        match out {
            Out::Event { number, at_ms, event } => {
                match &event {
                    Event::Call { call } => {
                        self.calls.insert(call.id);
                    }
                    Event::CallEnded { record } => {
                        self.calls.remove(&record.call.id);
                        if self.calls.is_empty() {
                            self.restart_at = None;
                        }
                    }
                    _ => {}
                }
                if self.welcomed {
                    self.tell(FromSoftphone::Event { number, at_ms, event });
                }
            }
            Out::Response { client, id, result } => {
                if self.active.as_ref().is_some_and(|c| c.id == client) {
                    self.tell(FromSoftphone::Response { id, result });
                }
            }
            Out::Snapshot { client, snapshot } => {
                if self.active.as_ref().is_some_and(|c| c.id == client) {
                    self.welcomed = true;
                    self.tell(FromSoftphone::Welcome {
                        protocol: PROTOCOL,
                        program: env!("CARGO_PKG_VERSION").to_owned(),
                        pid: std::process::id(),
                        snapshot,
                    });
                }
            }
            Out::Ended => {}
        }
    }

    fn client_says(&mut self, event: HubEvent) {
        match event {
            HubEvent::Hello(client) => self.hello(client),
            HubEvent::Request { client, id, command } => {
                if self.active.as_ref().is_some_and(|c| c.id == client) {
                    self.request(client, id, *command);
                }
            }
            HubEvent::Gone { client, how } => {
                if self.active.as_ref().is_some_and(|c| c.id == client) {
                    self.gone(how);
                }
            }
            HubEvent::Stop => {
                self.ending = true;
                self.engine.stop();
            }
        }
    }

    fn hello(&mut self, client: Client) {
        tracing::info!(client = client.id, pid = client.pid, calls = self.calls.len(), "{} is attached", client.name);
        if let Some(old) = self.active.take() {
            let message = "a newer client of this session is attached".to_owned();
            let _ =
                old.out.try_send(Outgoing::Message(FromSoftphone::Refused { code: RefusedCode::Replaced, message }));
            let _ = old.out.try_send(Outgoing::Close);
        }
        self.restart_at = None;
        self.welcomed = false;
        self.shell.reap();
        let id = client.id;
        self.active = Some(client);
        if !self.engine.attach(id) {
            tracing::error!("the engine takes no more events; the client is sent away");
            self.gone(Gone::Dismissed);
        }
    }

    fn request(&mut self, client: u64, id: u64, command: Command) {
        match command {
            Command::ShellIs { command } => {
                self.shell.set(command);
                self.tell(FromSoftphone::Response { id, result: Outcome::Ok(Reply::Done) });
                return;
            }
            Command::Shutdown { .. } => self.ending = true,
            _ => {}
        }
        if !self.engine.request(client, id, command) {
            let message = "the engine is busy; try again".to_owned();
            let error = CommandError { code: CommandErrorCode::Engine, message };
            self.tell(FromSoftphone::Response { id, result: Outcome::Error(error) });
        }
    }

    fn gone(&mut self, how: Gone) {
        let Some(client) = self.active.take() else { return };
        self.welcomed = false;
        self.engine.detach();
        tracing::warn!(client = client.id, ?how, calls = self.calls.len(), "{} is gone", client.name);
        // A shell that hangs but lives must not get a twin; its person can see and end it.
        let died = match how {
            Gone::Closed => true,
            Gone::Silent => client.pid.is_some_and(|pid| !platform::is_alive(pid)),
            Gone::Dismissed => false,
        };
        if died && !self.calls.is_empty() && !self.ending && self.shell.is_known() {
            self.restart_at = Some(Instant::now() + GRACE);
        }
    }

    fn restart_shell(&mut self) {
        self.restart_at = None;
        if self.active.is_some() || self.calls.is_empty() {
            return;
        }
        if self.shell.start() {
            self.restart_at = Some(Instant::now() + ATTACH_WITHIN);
        }
    }

    fn tell(&mut self, message: FromSoftphone) {
        let Some(client) = &self.active else { return };
        if client.out.try_send(Outgoing::Message(message)).is_err() {
            // It does not read, or is gone already; it can attach again and gets everything then.
            self.gone(Gone::Silent);
        }
    }
}
