//! From nobody to somebody and back.

use central_api::{
    BASE, Me, MeState, PROTOCOL, SessionEndReason, SignIn, SignedIn, SoftphoneProfile, StatusKind, path,
};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Desk, Event, Session, TrustOf, Work, secrets};
use crate::cache::Kept;
use crate::central::{Client, Server, follow, trust};
use crate::clock;
use crate::host::{Method, SignInForm};
use crate::keyring::{KeyringError, Remembered};
use crate::outbox::{Wish, owner};
use crate::record::machine_name;
use crate::softphone::Order;
use crate::view::{ConnectProblem, LinkState, NoticeKind, ProfileView, SessionView, View};

/// A polite end of the session takes no longer than this.
const FAREWELL: Duration = Duration::from_secs(2);

impl Session {
    pub(crate) fn new(me: &Me, server: &str) -> Self {
        Self {
            id: me.session.clone(),
            owner: owner(&me.user, server),
            offset_ms: None,
            client: None,
            token: None,
            profile: None,
            link: None,
            lost_calls: Vec::new(),
            register_again: HashMap::new(),
            me_is_live: false,
            shift_begun: false,
            shift_wish: None,
            keep_due: false,
        }
    }
}

impl Desk {
    /// At the start: the view is filled from the cache already; the keyring says whether it is still true.
    pub(crate) fn recall(&mut self) {
        let Some(session) = &self.session else { return };
        // A softphone that runs may carry a call: it is looked for before anybody else is asked.
        self.order(Order::Start(session.id.clone()));
        let (keyring, name) = (self.keyring.clone(), self.record.keyring_name());
        let (extra, tls) = (self.options.extra_ca.clone(), self.record.server.starts_with("https"));
        self.beside(async move {
            let both = tokio::join!(
                tokio::task::spawn_blocking(move || keyring.read(&name)),
                tokio::task::spawn_blocking(move || tls.then(|| trust(extra.as_deref()))),
            );
            let recalled = both.0.unwrap_or_else(|error| Err(KeyringError(error.to_string())));
            let trust = match both.1 {
                Ok(Some(trust)) => trust.map_err(|error| error.to_string()),
                Ok(None) => Err("not needed".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            Work::Recalled(recalled, trust)
        });
    }

    pub(crate) fn recalled(&mut self, outcome: Result<Option<Remembered>, KeyringError>, trust: TrustOf) {
        self.trust = trust.inspect_err(|error| tracing::debug!(error, "no TLS")).ok();
        let Some(session) = &mut self.session else { return };
        let remembered = match outcome {
            Ok(Some(remembered)) if remembered.session == session.id => remembered,
            Ok(_) => return self.forget_session(None),
            Err(error) => {
                self.forget_session(None);
                return self.view.add_notice(NoticeKind::NotRemembered { detail: error.0 });
            }
        };
        session.profile = session.profile.take().and_then(|profile| secrets::back_into(profile, &remembered.sip));
        let client = Server::parse(&self.record.server).and_then(|server| Client::new(server, self.trust.clone()));
        match client {
            Ok(client) => {
                session.client = Some(client.signed_in(remembered.token.clone(), remembered.fence));
                session.token = Some(remembered);
                self.configure_softphone();
                self.follow();
            }
            Err(problem) => self.link_state(LinkState::Lost, Some(problem)),
        }
    }

    pub(crate) async fn sign_in(&mut self, form: SignInForm, reply: oneshot::Sender<Result<(), ConnectProblem>>) {
        // A second press takes the place of the first; whoever waits for the first hears that it came to nothing.
        if let Some(earlier) = self.signing_in.take() {
            let _ = earlier.send(Err(ConnectProblem::Timeout));
        }
        if self.session.is_some() {
            self.end_session(None, true).await;
        }
        let server = match Server::parse(&form.server) {
            Ok(server) => server,
            Err(problem) => {
                self.signed_out(form.server, form.username, None);
                return drop(reply.send(Err(problem)));
            }
        };
        self.generation += 1;
        self.record.server = server.text().to_owned();
        self.record.username = form.username.trim().to_owned();
        self.view.session = SessionView::SigningIn;
        self.signing_in = Some(reply);
        let machine = central_api::Machine { id: self.record.machine.clone(), name: machine_name() };
        let body = SignIn {
            username: form.username.trim().to_owned(),
            password: form.password,
            machine,
            take_over: form.take_over,
            program: concat!("linedesk ", env!("CARGO_PKG_VERSION")).to_owned(),
            protocol: PROTOCOL,
        };
        let (known, extra) = (self.trust.clone(), self.options.extra_ca.clone());
        let (events, generation) = (self.events.clone(), self.generation);
        tokio::spawn(async move {
            let outcome = enter(server, known, extra, body).await;
            let work = match outcome {
                Ok((client, signed_in)) => Work::SignedIn(Box::new(client), Ok(Box::new(signed_in))),
                Err((client, problem)) => match client {
                    Some(client) => Work::SignedIn(Box::new(client), Err(problem)),
                    None => Work::SignInFailed(problem),
                },
            };
            // The loop may have ended meanwhile.
            let _ = events.send(Event::Of(generation, work));
        });
    }

    pub(crate) fn sign_in_failed(&mut self, problem: ConnectProblem) {
        tracing::info!(%problem, "sign-in failed");
        self.signed_out(self.record.server.clone(), self.record.username.clone(), None);
        if let Some(reply) = self.signing_in.take() {
            drop(reply.send(Err(problem)));
        }
    }

    pub(crate) async fn signed_in(&mut self, client: Client, outcome: Result<Box<SignedIn>, ConnectProblem>) {
        self.trust = client.tls.clone().or(self.trust.take());
        let signed_in = match outcome {
            Ok(signed_in) => *signed_in,
            Err(problem) => return self.sign_in_failed(problem),
        };
        let SignedIn { token, fence, me } = signed_in;
        tracing::info!(user = me.user.username, session = me.session, "{} signed in", me.user.username);
        let mut session = Session::new(&me, &self.record.server);
        session.token =
            Some(Remembered { session: me.session.clone(), token: token.clone(), fence, sip: BTreeMap::new() });
        session.client = Some(client.signed_in(token, fence));
        session.shift_begun = true;
        self.session = Some(session);
        self.cache.keep_only(&me.session).await;
        self.cache.put(&me.session, Kept::Who, &me).await;
        let server = self.record.server.clone();
        let id = me.session.clone();
        // Not remembered until the keyring says so.
        self.view =
            View { notices: std::mem::take(&mut self.view.notices), ..View::empty(String::new(), String::new()) };
        self.view.session = SessionView::SignedIn { server, me, remembered: false };
        self.record.session = None;
        self.record.save(&self.options.data_dir);
        self.order(Order::Start(id));
        self.remember();
        self.follow();
        if let Some(reply) = self.signing_in.take() {
            drop(reply.send(Ok(())));
        }
    }

    /// Puts the session's secrets into the keyring.
    pub(crate) fn remember(&mut self) {
        let Some(session) = &mut self.session else { return };
        let Some(remembered) = &mut session.token else { return };
        if let Some(profile) = &session.profile {
            remembered.sip = secrets::of(profile);
        }
        let (keyring, name, what) = (self.keyring.clone(), self.record.keyring_name(), remembered.clone());
        let turn = self.keyring_turn.clone();
        self.beside(async move {
            let _turn = turn.lock().await;
            let stored = tokio::task::spawn_blocking(move || keyring.write(&name, &what)).await;
            Work::Stored(stored.unwrap_or_else(|error| Err(KeyringError(error.to_string()))))
        });
    }

    pub(crate) fn stored(&mut self, outcome: Result<(), KeyringError>) {
        let SessionView::SignedIn { me, remembered, .. } = &mut self.view.session else { return };
        match outcome {
            Ok(()) => {
                *remembered = true;
                if self.record.session.as_ref() != Some(&me.session) {
                    self.record.session = Some(me.session.clone());
                    self.record.save(&self.options.data_dir);
                }
            }
            Err(error) => {
                *remembered = false;
                tracing::warn!(%error, "the keyring takes nothing");
                let said = |notice: &crate::view::Notice| matches!(notice.what, NoticeKind::NotRemembered { .. });
                if !self.view.notices.values().any(said) {
                    self.view.add_notice(NoticeKind::NotRemembered { detail: error.0 });
                }
            }
        }
    }

    /// Begins the live connection.
    fn follow(&mut self) {
        self.link_state(LinkState::Connecting, None);
        let (events, generation) = (self.events.clone(), self.generation);
        let Some(session) = &mut self.session else { return };
        let Some(client) = session.client.clone() else { return };
        let say = move |event| {
            // The loop may have ended meanwhile.
            let _ = events.send(Event::Of(generation, Work::Link(event)));
        };
        let task = tokio::spawn(follow(client, say));
        if let Some(before) = session.link.replace(task) {
            before.abort();
        }
    }

    /// The program was quit, which ended the shift, and was started again by somebody who is remembered: that is a sign-in.
    pub(crate) fn begin_shift(&mut self, me: &MeState) {
        let Some(session) = &mut self.session else { return };
        let ends = me.next.as_ref().is_some_and(|next| next.kind == StatusKind::Offline);
        let over = me.status.kind == StatusKind::Offline || ends;
        if std::mem::replace(&mut session.shift_begun, true) || !over {
            return;
        }
        let key = uuid::Uuid::new_v4().to_string();
        session.shift_wish = Some(key.clone());
        let wish = Wish {
            key,
            method: Method::Put,
            path: format!("{BASE}{}", path::ME_STATUS),
            body: Some(json!({ "kind": StatusKind::Preparing })),
            chosen_ms: clock::now_ms(),
            under_way: false,
        };
        self.outbox.put(&session.owner, wish);
        self.send_outbox();
    }

    pub(crate) async fn sign_out(&mut self, done: oneshot::Sender<()>) {
        self.end_session(None, true).await;
        // Whoever asked may have left meanwhile.
        let _ = done.send(());
    }

    /// Central ended it.
    pub(crate) async fn session_ended(&mut self, reason: Option<SessionEndReason>) {
        tracing::info!(?reason, "the session has ended");
        self.end_session(reason, false).await;
    }

    async fn end_session(&mut self, reason: Option<SessionEndReason>, tell_central: bool) {
        let Some(mut session) = self.session.take() else { return };
        self.outbox.forget(&session.owner);
        if let Some(link) = session.link.take() {
            link.abort();
        }
        if let Some(client) = session.client.take().filter(|_| tell_central) {
            let farewell = async move {
                let path = format!("{BASE}{}", path::SESSION);
                let key = uuid::Uuid::new_v4().to_string();
                let ended = timeout(FAREWELL, client.send(Method::Delete, &path, None, Some(&key))).await;
                tracing::info!(?ended, "session ended at central");
            };
            // The operator need not wait for it, but the program's end does.
            if timeout(FAREWELL, farewell).await.is_err() {
                tracing::warn!("central did not hear of the sign-out in time");
            }
        }
        self.session = Some(session);
        self.forget_session(reason);
    }

    /// Nothing of the session stays here.
    pub(crate) fn forget_session(&mut self, reason: Option<SessionEndReason>) {
        self.generation += 1;
        self.session = None;
        self.record.session = None;
        self.record.save(&self.options.data_dir);
        let (keyring, name, cache) = (self.keyring.clone(), self.record.keyring_name(), self.cache.clone());
        let turn = self.keyring_turn.clone();
        tokio::spawn(async move {
            cache.keep_only("").await;
            let _turn = turn.lock().await;
            let erased = tokio::task::spawn_blocking(move || keyring.erase(&name)).await;
            if let Ok(Err(error)) = erased {
                tracing::debug!(%error, "nothing to erase in the keyring");
            }
        });
        self.order(Order::Stop { when_idle: true, done: None });
        self.signed_out(self.record.server.clone(), self.record.username.clone(), reason);
    }

    fn signed_out(&mut self, server: String, username: String, ended: Option<SessionEndReason>) {
        self.view.session = SessionView::SignedOut { server, username, ended };
        self.view.profile = None;
        self.view.me = None;
        self.view.queues = None;
        self.view.reasons = Vec::new();
        self.link_state(LinkState::Off, None);
    }

    /// The program ends: the shift too, but who is remembered stays so. The softphone unregisters.
    pub(crate) async fn quit(&mut self) {
        self.keep().await;
        if let Some(session) = &self.session {
            self.outbox.forget(&session.owner);
        }
        let farewell = self.session.as_mut().and_then(|session| {
            if let Some(link) = session.link.take() {
                link.abort();
            }
            session.client.take()
        });
        let remembered = matches!(self.view.session, SessionView::SignedIn { remembered: true, .. });
        let shift = async {
            let Some(client) = farewell else { return };
            let key = uuid::Uuid::new_v4().to_string();
            let outcome = if remembered {
                let path = format!("{BASE}{}", path::ME_STATUS);
                let body = json!({ "kind": StatusKind::Offline });
                client.send(Method::Put, &path, Some(&body), Some(&key)).await
            } else {
                client.send(Method::Delete, &format!("{BASE}{}", path::SESSION), None, Some(&key)).await
            };
            tracing::info!(?outcome, "end of shift");
        };
        let (told, stopped) = oneshot::channel();
        self.order(Order::Stop { when_idle: false, done: Some(told) });
        let both = async { tokio::join!(shift, stopped) };
        if timeout(FAREWELL, both).await.is_err() {
            tracing::warn!("not everything was said at the end in time");
        }
        self.cache.close().await;
    }

    /// Fills the view from the cache, before anybody is asked.
    pub(crate) async fn fill_from_cache(&mut self) {
        let Some(id) = self.record.session.clone() else { return };
        let Some(me) = self.cache.get::<Me>(&id, Kept::Who).await else { return };
        let mut session = Session::new(&me, &self.record.server);
        self.view.session = SessionView::SignedIn { server: self.record.server.clone(), me, remembered: true };
        self.view.me = self.cache.get(&id, Kept::Me).await;
        self.view.queues = self.cache.get(&id, Kept::Queues).await;
        self.view.reasons = self.cache.get(&id, Kept::Reasons).await.unwrap_or_default();
        self.link_state(LinkState::Connecting, None);
        session.profile = self.cache.get::<SoftphoneProfile>(&id, Kept::Profile).await;
        self.view.profile = session.profile.as_ref().map(ProfileView::of);
        self.session = Some(session);
    }
}

type Entered = Result<(Client, SignedIn), (Option<Client>, ConnectProblem)>;

async fn enter(
    server: Server,
    known: Option<std::sync::Arc<rustls::ClientConfig>>,
    extra: Option<std::path::PathBuf>,
    body: SignIn,
) -> Entered {
    let tls = match known {
        None if server.is_tls() => {
            let read = tokio::task::spawn_blocking(move || trust(extra.as_deref())).await;
            let untrusted = |detail: String| (None, ConnectProblem::TlsUntrusted { detail });
            let config = read.map_err(|error| untrusted(error.to_string()))?;
            Some(config.map_err(|error| untrusted(error.to_string()))?)
        }
        known => known,
    };
    let client = Client::new(server, tls).map_err(|problem| (None, problem))?;
    let body = serde_json::to_value(&body)
        .map_err(|error| (None, ConnectProblem::BadAddress { detail: error.to_string() }))?;
    let key = uuid::Uuid::new_v4().to_string();
    match client.post(&format!("{BASE}{}", path::SESSION), &body, &key).await {
        Ok(signed_in) => Ok((client, signed_in)),
        Err(failure) => Err((Some(client), failure.into_connect_problem())),
    }
}
