//! The one who keeps a softphone running for the session.

use softphone_api::{
    Command, Event, FromSoftphone, Outcome, PROTOCOL, ProtocolVersion, RefusedCode, Reply, Snapshot, SoundSettings,
    ToSoftphone,
};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::attach::{self, Found};
use super::breaker::{Breaker, Verdict};
use super::child::Child;
use super::crash;
use super::link::{Link, LinkError};
use super::profile::Configuration;
use crate::host::PhoneError;
use crate::view::ProcessState;

/// A started softphone listens within this time, or something is wrong with it.
const START: Duration = Duration::from_secs(10);
/// Between the end of a connection and the end of its process.
const DYING: Duration = Duration::from_millis(500);
const HEARTBEAT: Duration = Duration::from_millis(softphone_api::frame::HEARTBEAT_EVERY_MS);
/// Minor version of the protocol.
const SET_SOUND_SINCE: u16 = 3;
const SILENT: Duration = Duration::from_millis(softphone_api::frame::HEARTBEAT_LOST_MS);

/// Where things are.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `linedesk-softphone`.
    pub program: PathBuf,
    /// Private directory of the attach file.
    pub runtime_dir: PathBuf,
    /// Directory of its log.
    pub log_dir: PathBuf,
    /// How the softphone starts the shell again.
    pub shell_command: Vec<String>,
}

/// To the supervisor.
#[derive(Debug)]
pub(crate) enum Order {
    /// Have a softphone for this session.
    Start(String),
    /// This is what it is to be, now and after each start.
    Configure(Configuration),
    /// This is what was chosen about sound, and was taken before or is asked for now: for each start.
    Sound(Box<SoundSettings>),
    /// Pass it on.
    Command(Command, Option<oneshot::Sender<Result<Reply, PhoneError>>>),
    /// Try again after giving up.
    Restart,
    /// End it: at once, or unregistered and after its last call.
    Stop {
        /// Wait for the last call?
        when_idle: bool,
        /// Told when it has ended.
        done: Option<oneshot::Sender<()>>,
    },
}

/// From the supervisor.
#[derive(Debug)]
pub(crate) enum PhoneEvent {
    /// How the process is.
    Process { state: ProcessState, deaths: u32, problem: String },
    /// Attached; this is its state.
    Attached {
        snapshot: Box<Snapshot>,
        /// It ran before we came.
        adopted: bool,
        /// It is a new one in the place of one that died.
        reborn: bool,
    },
    /// Something changed.
    Changed(Box<Event>),
    /// It died; its calls are lost.
    Died,
    /// Ended as ordered.
    Stopped,
}

/// How the work with one softphone, or with a session, goes on.
enum Next {
    /// Nobody is signed in.
    Idle,
    /// For another session.
    Session(String),
    /// The workstation ends; the softphone is left alone.
    Gone,
}

enum End {
    /// The process ended by itself.
    Died(String),
    /// The connection ended, the process did not; or a number was missing.
    Reattach,
    /// It was an older one and ended after its last call, as it should.
    Replace,
    /// A newer window took our place.
    Replaced,
    /// As ordered.
    Next(Next),
}

/// The actor.
pub(crate) struct Supervisor<S> {
    settings: Settings,
    orders: mpsc::UnboundedReceiver<Order>,
    say: S,
    configuration: Option<Configuration>,
    sound: Option<Box<SoundSettings>>,
    child: Option<Child>,
    breaker: Breaker,
    began: Instant,
    next_id: u64,
    /// Of the softphone that was attached last.
    pid: Option<u32>,
}

impl<S: Fn(PhoneEvent) + Send> Supervisor<S> {
    /// Makes it; `run` does the work.
    pub(crate) fn new(settings: Settings, orders: mpsc::UnboundedReceiver<Order>, say: S) -> Self {
        Self {
            settings,
            orders,
            say,
            configuration: None,
            sound: None,
            child: None,
            breaker: Breaker::default(),
            began: Instant::now(),
            next_id: 0,
            pid: None,
        }
    }

    /// Until the workstation ends.
    pub(crate) async fn run(mut self) {
        let mut next = Next::Idle;
        loop {
            next = match next {
                Next::Gone => return,
                Next::Session(session) => self.session(&session).await,
                Next::Idle => match self.orders.recv().await {
                    None => Next::Gone,
                    Some(Order::Start(session)) => Next::Session(session),
                    Some(Order::Configure(configuration)) => {
                        self.configuration = Some(configuration);
                        Next::Idle
                    }
                    Some(Order::Sound(sound)) => {
                        self.sound = Some(sound);
                        Next::Idle
                    }
                    Some(order) => {
                        decline(order);
                        Next::Idle
                    }
                },
            };
            if matches!(next, Next::Idle) {
                self.process(ProcessState::Off, "");
            }
        }
    }

    async fn session(&mut self, session: &str) -> Next {
        self.breaker.reset();
        let mut first = true;
        let mut died = false;
        loop {
            self.process(if died { ProcessState::Restarting } else { ProcessState::Starting }, "");
            let problem = match self.acquire(session).await {
                Err(next) => return self.leave(next),
                Ok(Err(problem)) => problem,
                Ok(Ok((link, snapshot, adopted))) => {
                    let attached = PhoneEvent::Attached {
                        snapshot: Box::new(snapshot.clone()),
                        adopted: adopted && first,
                        reborn: died,
                    };
                    (self.say)(attached);
                    self.pid = Some(link.pid);
                    self.process(ProcessState::Running, "");
                    (first, died) = (false, false);
                    match self.attached(session, link, snapshot.event_number).await {
                        End::Reattach | End::Replace => continue,
                        End::Next(next) => return self.leave(next),
                        End::Died(problem) => problem,
                        End::Replaced => match self.given_up("another Linedesk window has taken the phone").await {
                            None => continue,
                            Some(next) => return self.leave(next),
                        },
                    }
                }
            };
            let left = self.pid.take().and_then(|pid| crash::left_by(&self.settings.log_dir, pid));
            let problem = match left {
                Some(path) => format!("{problem}; where it crashed is written in {}", path.display()),
                None => problem,
            };
            tracing::warn!(%problem, "the softphone ended unexpectedly");
            self.child = None;
            died = true;
            (self.say)(PhoneEvent::Died);
            match self.breaker.died(self.began.elapsed()) {
                Verdict::Restart => self.process(ProcessState::Restarting, &problem),
                Verdict::GiveUp => {
                    if let Some(next) = self.given_up(&problem).await {
                        return self.leave(next);
                    }
                }
            }
        }
    }

    /// What belongs to the session goes with it: the next person must not get the last one's accounts.
    fn leave(&mut self, next: Next) -> Next {
        if !matches!(next, Next::Gone) {
            self.configuration = None;
            self.child = None;
            (self.say)(PhoneEvent::Stopped);
        }
        next
    }

    /// Waits for the operator's word; nothing: try again.
    async fn given_up(&mut self, problem: &str) -> Option<Next> {
        self.process(ProcessState::Failed, problem);
        loop {
            match self.orders.recv().await {
                None => return Some(Next::Gone),
                Some(Order::Restart) => {
                    self.breaker.reset();
                    return None;
                }
                Some(Order::Start(session)) => return Some(Next::Session(session)),
                Some(Order::Configure(configuration)) => self.configuration = Some(configuration),
                Some(Order::Sound(sound)) => self.sound = Some(sound),
                Some(Order::Stop { done, .. }) => {
                    tell(done);
                    return Some(Next::Idle);
                }
                Some(order) => decline(order),
            }
        }
    }

    /// An attached softphone, found or started; orders are heard meanwhile.
    async fn acquire(&mut self, session: &str) -> Result<Result<(Link, Snapshot, bool), String>, Next> {
        let search = find_or_start(self.settings.clone(), session.to_owned());
        tokio::pin!(search);
        loop {
            tokio::select! {
                found = &mut search => return Ok(found.map(|(child, link, snapshot)| {
                    let adopted = child.is_none();
                    // After a mere loss of the connection the process is still our child.
                    let still_ours = self.child.as_ref().is_some_and(|child| child.pid == link.pid);
                    if !(adopted && still_ours) {
                        self.child = child;
                    }
                    (link, snapshot, adopted && !still_ours)
                })),
                order = self.orders.recv() => match order {
                    None => return Err(Next::Gone),
                    Some(Order::Configure(configuration)) => self.configuration = Some(configuration),
                    Some(Order::Sound(sound)) => self.sound = Some(sound),
                    Some(Order::Start(other)) if other != session => return Err(Next::Session(other)),
                    Some(Order::Stop { done, .. }) => {
                        tell(done);
                        return Err(Next::Idle);
                    }
                    Some(order) => decline(order),
                },
            }
        }
    }

    async fn attached(&mut self, session: &str, mut link: Link, mut number: u64) -> End {
        let mut waiting: HashMap<u64, oneshot::Sender<Result<Reply, PhoneError>>> = HashMap::new();
        let mut stopping: Option<Next> = None;
        let mut done: Vec<oneshot::Sender<()>> = Vec::new();
        let foreign_version = link.protocol.major != PROTOCOL.major;
        if self.greet(&mut link, foreign_version).await.is_err() {
            return self.closed(&link).await;
        }
        let mut heard = Instant::now();
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                message = link.next() => {
                    heard = Instant::now();
                    match message {
                        Ok(FromSoftphone::Event { number: this, event, .. }) => {
                            if this != number + 1 {
                                tracing::warn!(expected = number + 1, got = this, "events are missing, attaching again");
                                break End::Reattach;
                            }
                            number = this;
                            (self.say)(PhoneEvent::Changed(Box::new(event)));
                        }
                        Ok(FromSoftphone::Response { id, result }) => answer(waiting.remove(&id), result),
                        Ok(FromSoftphone::Refused { code: RefusedCode::Replaced, .. }) => break End::Replaced,
                        Ok(FromSoftphone::Refused { code, message }) => {
                            tracing::warn!(?code, message, "the softphone closes the connection");
                        }
                        Ok(FromSoftphone::Welcome { .. } | FromSoftphone::Heartbeat) => {}
                        // A newer softphone may say what we do not know.
                        Err(LinkError::Malformed(error)) => tracing::warn!(%error, "a message of the softphone cannot be read"),
                        Err(error) => {
                            tracing::debug!(%error, "the connection to the softphone ended");
                            break self.closed(&link).await;
                        }
                    }
                }
                order = self.orders.recv() => {
                    let mut commands = Vec::new();
                    match order {
                        None => return End::Next(Next::Gone),
                        Some(Order::Start(other)) if other != session => {
                            // Nobody adopts another's call.
                            commands.push((Command::Shutdown { when_idle: false }, None));
                            stopping = Some(Next::Session(other));
                        }
                        Some(Order::Start(_) | Order::Restart) => {}
                        Some(Order::Configure(configuration)) => {
                            if !foreign_version && stopping.is_none() && self.configuration.as_ref() != Some(&configuration) {
                                commands.push((configuration.command(), None));
                                commands.extend(self.sound_command(link.protocol).map(|command| (command, None)));
                            }
                            self.configuration = Some(configuration);
                        }
                        // The softphone that runs has said yes to it already.
                        Some(Order::Sound(sound)) => self.sound = Some(sound),
                        Some(Order::Command(command, reply)) => commands.push((command, reply)),
                        Some(Order::Stop { when_idle, done: told }) => {
                            done.extend(told);
                            for account in self.configuration.iter().flat_map(|configuration| &configuration.accounts) {
                                commands.push((Command::Unregister { account: account.id.clone() }, None));
                            }
                            commands.push((Command::Shutdown { when_idle }, None));
                            stopping.get_or_insert(Next::Idle);
                        }
                    }
                    let mut lost = false;
                    for (command, reply) in commands {
                        let id = self.fresh_id();
                        lost |= link.send(&ToSoftphone::Request { id, command }).await.is_err();
                        if let Some(reply) = reply {
                            waiting.insert(id, reply);
                        }
                    }
                    if lost {
                        break self.closed(&link).await;
                    }
                }
                _ = beat.tick() => {
                    if heard.elapsed() >= SILENT {
                        attach::kill(link.pid);
                        break End::Died("it answered nothing for five seconds and was ended".to_owned());
                    }
                    if link.send(&ToSoftphone::Heartbeat).await.is_err() {
                        break self.closed(&link).await;
                    }
                }
                status = ended(&mut self.child) => break End::Died(status),
            }
        };
        match (stopping, end) {
            (Some(next), End::Died(_) | End::Replaced | End::Reattach) => {
                done.into_iter().for_each(|done| tell(Some(done)));
                End::Next(next)
            }
            (None, End::Died(_)) if foreign_version => End::Replace,
            (_, end) => end,
        }
    }

    async fn greet(&mut self, link: &mut Link, foreign_version: bool) -> Result<(), LinkError> {
        let mut commands = Vec::new();
        if foreign_version {
            tracing::info!("the softphone speaks another version, it is replaced after its last call");
            commands.push(Command::Shutdown { when_idle: true });
        } else {
            if !self.settings.shell_command.is_empty() {
                commands.push(Command::ShellIs { command: self.settings.shell_command.clone() });
            }
            commands.extend(self.configuration.as_ref().map(Configuration::command));
            commands.extend(self.sound_command(link.protocol));
        }
        for command in commands {
            let id = self.fresh_id();
            link.send(&ToSoftphone::Request { id, command }).await?;
        }
        Ok(())
    }

    /// The connection is gone: is the process, too?
    async fn closed(&mut self, link: &Link) -> End {
        if self.child.is_some() {
            return match timeout(DYING, ended(&mut self.child)).await {
                Ok(status) => End::Died(status),
                Err(_) => End::Reattach,
            };
        }
        let gone = async {
            let mut tick = interval(Duration::from_millis(10));
            while attach::alive(link.pid) {
                tick.tick().await;
            }
        };
        match timeout(DYING, gone).await {
            Ok(()) => End::Died("it ended".to_owned()),
            Err(_) => End::Reattach,
        }
    }

    /// What was chosen about sound, for a softphone that knows the command.
    fn sound_command(&self, protocol: ProtocolVersion) -> Option<Command> {
        let settings = self.sound.clone()?;
        (protocol.minor >= SET_SOUND_SINCE).then_some(Command::SetSound { settings })
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn process(&mut self, state: ProcessState, problem: &str) {
        let deaths = self.breaker.count(self.began.elapsed());
        (self.say)(PhoneEvent::Process { state, deaths, problem: problem.to_owned() });
    }
}

type Acquired = (Option<Child>, Link, Snapshot);

async fn find_or_start(mut settings: Settings, session: String) -> Result<Acquired, String> {
    settings.runtime_dir = attach::directory(&settings.runtime_dir, &session);
    match attach::look(&settings.runtime_dir, &session) {
        Found::Ours(file) => match Link::attach(&file, &session).await {
            Ok((link, snapshot)) => return Ok((None, link, snapshot)),
            Err(LinkError::Silent) => {
                tracing::warn!(pid = file.pid, "a softphone of this session listens but does not answer, it is ended");
                attach::kill(file.pid);
            }
            // The process id may belong to somebody else by now, so nobody is ended for it.
            Err(error) => tracing::info!(%error, pid = file.pid, "the softphone of the attach file is not there"),
        },
        Found::Foreign => tracing::info!("the softphone of another session is still running; it ends by itself"),
        Found::Nothing => {}
    }
    let mut child = Child::start(&settings.program, &settings.runtime_dir, &settings.log_dir, &session)
        .map_err(|error| format!("{} cannot be started: {error}", settings.program.display()))?;
    let pid = child.pid;
    tracing::info!(pid, "softphone {pid} started");
    let file = tokio::select! {
        file = attach::wait_for(&settings.runtime_dir, pid) => file,
        status = child.ended() => return Err(format!("it ended at its start: {status}")),
        () = tokio::time::sleep(START) => {
            attach::kill(pid);
            return Err("it was not ready within ten seconds".to_owned());
        }
    };
    match Link::attach(&file, &session).await {
        Ok((link, snapshot)) => Ok((Some(child), link, snapshot)),
        Err(error) => {
            attach::kill(pid);
            Err(error.to_string())
        }
    }
}

async fn ended(child: &mut Option<Child>) -> String {
    match child {
        Some(child) => child.ended().await,
        // An adopted softphone is not our child: its death is seen at the socket.
        None => std::future::pending().await,
    }
}

fn answer(reply: Option<oneshot::Sender<Result<Reply, PhoneError>>>, result: Outcome) {
    let result = match result {
        Outcome::Ok(reply) => Ok(reply),
        Outcome::Error(error) => Err(PhoneError::Refused { error }),
    };
    match reply {
        // Whoever asked may have left meanwhile.
        Some(reply) => drop(reply.send(result)),
        None => {
            if let Err(error) = result {
                tracing::warn!(%error, "the softphone refused a command of the workstation");
            }
        }
    }
}

fn decline(order: Order) {
    match order {
        Order::Command(_, Some(reply)) => drop(reply.send(Err(PhoneError::NotRunning))),
        Order::Stop { done, .. } => tell(done),
        _ => {}
    }
}

fn tell(done: Option<oneshot::Sender<()>>) {
    if let Some(done) = done {
        // Whoever asked may have left meanwhile.
        let _ = done.send(());
    }
}
