//! The core: one loop over one closed `Event`, which owns the view.

mod beside;
mod by_itself;
mod central;
mod phone;
mod secrets;
mod session;

pub(crate) use beside::Refused;
pub(crate) use by_itself::Answering;

use central_api::{Reason, SignedIn, SoftphoneProfile};
use rustls::ClientConfig;
use serde_json::Value;
use softphone_api::{Command, Reply, SoundSettings};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::Options;
use crate::awake::Awake;
use crate::cache::Cache;
use crate::central::{Client, Failure, LinkEvent};
use crate::clock;
use crate::host::{Answer, Method, PhoneError, RequestError, SignInForm, ViewUpdate};
use crate::keyring::{Keyring, KeyringError, Remembered};
use crate::outbox::Outbox;
use crate::publish::Publisher;
use crate::record::Record;
use crate::softphone::{Order, PhoneEvent};
use crate::view::{ConnectProblem, View};

/// Everything that can happen to a workstation.
#[derive(Debug)]
pub(crate) enum Event {
    /// The host wants something.
    Ask(Ask),
    /// From work for one session; older sessions' late words are passed over.
    Of(Generation, Work),
    /// From the supervisor.
    Phone(PhoneEvent),
    /// The softphone took what was chosen about sound; the number says which choice it was.
    SoundTaken(u64, Box<SoundSettings>),
}

/// Grows with each session, so that late answers of the last one are known.
pub(crate) type Generation = u64;

/// What a host wants.
#[derive(Debug)]
pub(crate) enum Ask {
    SignIn(SignInForm, oneshot::Sender<Result<(), ConnectProblem>>),
    SignOut(oneshot::Sender<()>),
    Request { method: Method, path: String, body: Option<Value>, reply: oneshot::Sender<Result<Answer, RequestError>> },
    Phone(Command, oneshot::Sender<Result<Reply, PhoneError>>),
    RestartSoftphone,
    DismissNotice(u64),
    Subscribe(oneshot::Sender<mpsc::Receiver<ViewUpdate>>),
    Quit(oneshot::Sender<()>),
}

/// What work in the background brought.
#[derive(Debug)]
pub(crate) enum Work {
    /// The keyring at the start.
    Recalled(Result<Option<Remembered>, KeyringError>, TrustOf),
    /// Sign-in.
    SignedIn(Box<Client>, Result<Box<SignedIn>, ConnectProblem>),
    /// It did not come as far as a request.
    SignInFailed(ConnectProblem),
    /// The keyring after a sign-in or a new profile.
    Stored(Result<(), KeyringError>),
    /// The live connection.
    Link(LinkEvent),
    /// Softphone profile.
    Profile(Result<SoftphoneProfile, Failure>),
    /// Break reasons.
    Reasons(Result<Vec<Reason>, Failure>),
    /// A wish of the outbox was sent.
    Sent { key: String, outcome: Result<Answer, Failure> },
    /// Lost calls were reported.
    LossReported { calls: Vec<String>, outcome: Result<Answer, Failure> },
    /// Time to register again.
    Register(String),
    /// What changed is written to the cache.
    Keep,
}

/// TLS, or why there is none; read in the background because it reads many files.
pub(crate) type TrustOf = Result<Arc<ClientConfig>, String>;

/// Somebody is signed in (or was, and comes back from the keyring).
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// Whose wishes in the outbox.
    pub(crate) owner: String,
    /// Added to our clock to get the server's; none until central has told the time.
    pub(crate) offset_ms: Option<i64>,
    pub(crate) client: Option<Client>,
    pub(crate) token: Option<Remembered>,
    pub(crate) profile: Option<SoftphoneProfile>,
    pub(crate) link: Option<tokio::task::JoinHandle<()>>,
    /// Call-IDs that central has not heard of yet.
    pub(crate) lost_calls: Vec<String>,
    /// `register_again` of each phone as last seen live.
    pub(crate) register_again: HashMap<String, u64>,
    /// A snapshot of `me` came over the present connection.
    pub(crate) me_is_live: bool,
    /// This start of the program has begun the shift again.
    pub(crate) shift_begun: bool,
    /// Key of the wish that begins it.
    pub(crate) shift_wish: Option<String>,
    pub(crate) keep_due: bool,
}

/// The loop's state.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) awake: Awake,
    pub(crate) answering: Answering,
    pub(crate) refused: Refused,
    /// Number of the last choice about sound, and of the last one that was kept.
    pub(crate) sound_asked: u64,
    pub(crate) sound_kept: u64,
    pub(crate) options: Options,
    pub(crate) record: Record,
    pub(crate) cache: Cache,
    pub(crate) outbox: Outbox,
    pub(crate) keyring: Arc<dyn Keyring>,
    /// One at a time and in order: what is erased late must not be what was written after it.
    pub(crate) keyring_turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) trust: Option<Arc<ClientConfig>>,
    pub(crate) view: View,
    pub(crate) publisher: Publisher,
    pub(crate) generation: Generation,
    pub(crate) session: Option<Session>,
    pub(crate) signing_in: Option<oneshot::Sender<Result<(), ConnectProblem>>>,
    pub(crate) lost_with_softphone: u32,
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

async fn until(due: Option<Instant>) {
    match due {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Desk {
    /// Until the host quits or is gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Event>) {
        self.recall();
        loop {
            let (due, answer_due) = (self.publisher.due, self.answering.due);
            let event = tokio::select! {
                event = inbox.recv() => event,
                () = until(answer_due) => {
                    self.answer_by_itself();
                    continue;
                }
                () = until(due) => {
                    self.publisher.step(&self.view);
                    self.forget_shown();
                    continue;
                }
            };
            match event {
                None => return,
                Some(Event::Ask(Ask::Quit(done))) => {
                    self.quit().await;
                    // Whoever asked may be gone.
                    let _ = done.send(());
                    return;
                }
                Some(Event::Ask(ask)) => self.ask(ask).await,
                Some(Event::Of(generation, work)) if generation == self.generation => self.work(work).await,
                Some(Event::Of(..)) => {}
                Some(Event::Phone(event)) => self.phone_event(event),
                Some(Event::SoundTaken(asked, settings)) => self.sound_taken(asked, *settings),
            }
            self.answer_by_itself();
            self.awake.call_runs(self.view.calls().next().is_some());
            self.publisher.changed(&self.view);
            self.forget_shown();
        }
    }

    /// What was to be seen once has been, when nothing waits for the next step.
    fn forget_shown(&mut self) {
        if self.publisher.due.is_none() && self.view.forget_ended_calls() {
            self.publisher.changed(&self.view);
        }
    }

    async fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::SignIn(form, reply) => self.sign_in(form, reply).await,
            Ask::SignOut(done) => self.sign_out(done).await,
            Ask::Request { method, path, body, reply } => self.request(method, path, body, reply),
            Ask::Phone(command, reply) => self.phone_command(command, reply),
            Ask::RestartSoftphone => self.order(Order::Restart),
            Ask::DismissNotice(number) => drop(self.view.notices.remove(&number)),
            Ask::Subscribe(reply) => drop(reply.send(self.publisher.subscribe(&self.view))),
            Ask::Quit(_) => unreachable!("the loop ends with it"),
        }
    }

    async fn work(&mut self, work: Work) {
        match work {
            Work::Recalled(outcome, trust) => self.recalled(outcome, trust),
            Work::SignedIn(client, outcome) => self.signed_in(*client, outcome).await,
            Work::SignInFailed(problem) => self.sign_in_failed(problem),
            Work::Stored(outcome) => self.stored(outcome),
            Work::Link(event) => self.link_event(event).await,
            Work::Profile(outcome) => self.profile(outcome).await,
            Work::Reasons(outcome) => self.reasons(outcome).await,
            Work::Sent { key, outcome } => self.sent(&key, outcome),
            Work::LossReported { calls, outcome } => self.loss_reported(calls, &outcome),
            Work::Register(phone) => self.register(phone),
            Work::Keep => self.keep().await,
        }
    }

    /// Does something beside the loop; its outcome comes back as an event of the present session.
    pub(crate) fn beside(&self, work: impl Future<Output = Work> + Send + 'static) {
        let (events, generation) = (self.events.clone(), self.generation);
        tokio::spawn(async move {
            let outcome = work.await;
            // The loop may have ended meanwhile.
            let _ = events.send(Event::Of(generation, outcome));
        });
    }

    pub(crate) fn order(&self, order: Order) {
        // The supervisor lives as long as the loop.
        let _ = self.orders.send(order);
    }

    pub(crate) fn link_state(&mut self, state: crate::view::LinkState, problem: Option<ConnectProblem>) {
        let link = &mut self.view.central;
        if link.state != state {
            link.since_ms = clock::now_ms();
            link.state = state;
        }
        link.problem = problem;
    }
}
