//! Which server an account speaks with: found, walked over, asked whether it lives, and returned to.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use softphone_api::{AccountId, RegistrationProblem, RegistrationState, Transport};

use super::super::network::NetworkEvent;
use super::super::network::resolve::{Found, Hop, Wanted};
use super::super::network::walk::Walk;
use super::super::network::watch::near_end;
use super::super::{Event, Loop};
use super::backoff::pause;
use super::random;

/// A server that is silent for this long is left for the next. With [`PULSE`] before it this makes eight seconds from a server's
/// death to the REGISTER elsewhere.
const PATIENCE: Duration = Duration::from_secs(4);
/// The only server is said to be silent after this; pjlib itself goes on asking for 32 s (RFC 3261, timer F).
const PATIENCE_WITHOUT_CHOICE: Duration = Duration::from_secs(5);
/// How often the server is asked whether it is there, when there is another to go to, and when there is none.
const PULSE: Duration = Duration::from_secs(4);
const PULSE_WITHOUT_CHOICE: Duration = Duration::from_secs(15);

/// An OPTIONS that was sent, its number and until when it may be answered.
#[derive(Debug, Clone, Copy)]
struct Question {
    number: u64,
    until: Instant,
}

/// The servers of an account.
#[derive(Debug, Default)]
pub(super) struct Servers {
    walk: Walk,
    /// `host:port` of the server that confirmed the registration.
    pub(super) confirmed: Option<String>,
    /// pjlib's number of the registration; what is told of an earlier one comes too late.
    pub(super) registration: u64,
    /// Which look-up is under way.
    look_up: Option<u64>,
    /// Our own address on the way to the server, when it was gone to.
    pub(super) near: Option<IpAddr>,
    pulse_at: Option<Instant>,
    pulse: Option<Question>,
    /// No answer can come to the REGISTER that waits, of which pjlib does not always hear: the next is a new one.
    pub(super) cut: bool,
    /// Since when pjlib refuses another REGISTER, because of one that is under way.
    pub(super) busy_since: Option<Instant>,
    /// A better server was asked whether it lives again.
    probe: Option<(Question, Hop)>,
}

impl Servers {
    pub(super) fn here(&self) -> Option<&Hop> {
        self.walk.here()
    }

    pub(super) fn label(&self) -> String {
        self.here().map(|hop| hop.label.clone()).unwrap_or_default()
    }

    pub(super) fn patience(&self) -> Duration {
        if self.walk.has_choice() { PATIENCE } else { PATIENCE_WITHOUT_CHOICE }
    }

    /// Up to a quarter shorter, so that phones that came back together do not ask together for the rest of the day.
    fn rhythm(&self) -> Duration {
        let longest = if self.walk.has_choice() { PULSE } else { PULSE_WITHOUT_CHOICE };
        longest.mul_f64(1.0 - f64::from(random()) / 255.0 / 4.0)
    }

    /// The registration is no more.
    pub(super) fn let_go(&mut self) {
        self.confirmed = None;
        self.pulse_at = None;
        self.pulse = None;
        self.probe = None;
    }

    pub(super) fn deadline(&self, registered: bool, idle: bool) -> Option<Instant> {
        if !registered {
            return None;
        }
        // One goes back only without a call.
        let better = if idle && self.probe.is_none() { self.walk.better_at() } else { None };
        let questions = [self.pulse, self.probe.as_ref().map(|(question, _)| *question)];
        questions.into_iter().flatten().map(|q| q.until).chain(self.pulse_at).chain(better).min()
    }
}

/// Whether an answer to OPTIONS says that nobody is there, or that the server is out of service. Anything else, even a refusal,
/// is a sign of life.
fn is_out(code: u16) -> bool {
    matches!(code, 0 | 408 | 502 | 503 | 504)
}

impl Loop {
    /// From the first server, after looking where they are.
    pub(super) fn begin_walk(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        let wanted = Wanted::from(&state.wanted);
        if let Some(found) = wanted.known() {
            self.servers_found(id, found);
            return;
        }
        let number = self.network.number();
        state.servers.look_up = Some(number);
        let (account, to_engine) = (id.clone(), self.network.to_engine.clone());
        wanted.look_up(move |found| {
            // A full queue is waited for: without this answer the account would stay where it is.
            let _ = to_engine.send(Event::Network(NetworkEvent::Resolved { account, number, found }));
        });
    }

    pub(super) fn looked_up(&mut self, id: &AccountId, number: u64, found: Found) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        if state.servers.look_up != Some(number) {
            return;
        }
        state.servers.look_up = None;
        if state.state == RegistrationState::Off {
            return;
        }
        self.servers_found(id, found);
    }

    fn servers_found(&mut self, id: &AccountId, found: Found) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        if !found.unknown.is_empty() {
            tracing::warn!(account = %id.0, "no address is known of {}", found.unknown.join(", "));
        }
        // A nameserver that is silent for once is no reason to forget where the servers were.
        if !found.hops.is_empty() {
            state.servers.walk.servers_are(found.hops);
        }
        if state.servers.walk.begin(Instant::now()).is_some() {
            self.go(id);
            return;
        }
        let reason = format!("no address is known of {}: check the name and the nameserver", found.unknown.join(", "));
        self.rest(id, RegistrationProblem::Unreachable, 0, reason);
    }

    /// Registers where the walk is, anew.
    pub(super) fn go(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        let Some(hop) = state.servers.here().cloned() else { return };
        tracing::info!(account = %id.0, "registering through {}", hop.label);
        state.servers.near = near_end(hop.route.at);
        state.servers.cut = false;
        state.servers.busy_since = None;
        state.servers.probe = None;
        state.servers.pulse = None;
        state.servers.pulse_at = None;
        state.retry_at = None;
        match self.phone.account_go(state.native, &hop.route) {
            Ok(number) => {
                state.servers.registration = number;
                state.said_goodbye = false;
                self.send_register(id);
            }
            Err(e) => {
                let problem = (&e).into();
                self.rest(id, problem, 0, e.message);
            }
        }
    }

    /// The server here does not answer, or is out of service.
    pub(super) fn move_on(&mut self, id: &AccountId, problem: RegistrationProblem, code: u16, reason: String) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        let left = state.servers.label();
        if state.servers.walk.failed(Instant::now(), random()).is_none() {
            self.rest(id, problem, code, reason);
            return;
        }
        tracing::warn!(account = %id.0, code, ?problem, "{left} is left for another server: {reason}");
        if state.state == RegistrationState::Registered {
            state.set(RegistrationState::Trying, code, reason);
            self.emit_registration(id);
        }
        self.go(id);
    }

    /// A REGISTER has had no answer for a while.
    pub(super) fn silent(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        let servers = &state.servers;
        let (label, seconds, choice) = (servers.label(), servers.patience().as_secs(), servers.walk.has_choice());
        if choice {
            let reason = format!("no answer from {label} for {seconds} s");
            self.move_on(id, RegistrationProblem::Timeout, 408, reason);
            return;
        }
        let reason = format!("no answer from {label} for {seconds} s; still trying");
        state.fail(RegistrationProblem::Timeout, 408, reason);
        self.emit_registration(id);
    }

    /// The server here has taken the registration.
    pub(super) fn server_confirmed(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        let servers = &mut state.servers;
        servers.walk.worked();
        let label = servers.label();
        if servers.confirmed.as_ref() != Some(&label) {
            tracing::info!(account = %id.0, "registered through {label}");
        }
        servers.confirmed = Some(label);
        servers.pulse_at = Some(Instant::now() + servers.rhythm());
        self.servers_may_speak();
    }

    /// Lets the servers of all accounts through the door, and those go that are not used any more; while a call runs, whoever
    /// was spoken with may still belong to it.
    fn servers_may_speak(&self) {
        if !self.calls.is_empty() {
            return;
        }
        let here = self.accounts.values().filter_map(|state| state.servers.here());
        let addresses: Vec<IpAddr> = here.map(|hop| hop.route.at.ip()).collect();
        if let Err(e) = self.phone.servers_are(&addresses) {
            tracing::error!("telling who may speak to us: {e}");
        }
    }

    /// A question is due, or was not answered.
    pub(super) fn server_due(&mut self, id: &AccountId, now: Instant) {
        let (idle, number) = (self.calls.is_empty(), self.network.number());
        let Some(state) = self.accounts.get_mut(id) else { return };
        let (native, servers) = (state.native, &mut state.servers);
        if servers.pulse.is_some_and(|question| question.until <= now) {
            let reason = format!("no answer from {} for {} s", servers.label(), PATIENCE.as_secs());
            self.move_on(id, RegistrationProblem::Timeout, 408, reason);
            return;
        }
        if let Some((_, hop)) = servers.probe.take_if(|(question, _)| question.until <= now) {
            servers.walk.still_dead(&hop, now, random());
        }
        let question = Question { number, until: now + PATIENCE };
        if servers.pulse_at.is_some_and(|at| at <= now) {
            servers.pulse_at = None;
            let Some(here) = servers.here().cloned() else { return };
            servers.pulse = Some(question);
            if let Err(e) = self.phone.ask(native, &here.route, number) {
                tracing::debug!(account = %id.0, "asking {}: {e}", here.label);
            }
        } else if idle && servers.probe.is_none() {
            let Some(better) = servers.walk.better(now).cloned() else { return };
            servers.probe = Some((question, better.clone()));
            if let Err(e) = self.phone.ask(native, &better.route, number) {
                tracing::debug!(account = %id.0, "asking {}: {e}", better.label);
            }
        }
    }

    /// An OPTIONS was answered, or cannot be any more.
    pub(in super::super) fn server_answered(&mut self, number: u64, code: u16) {
        let now = Instant::now();
        let is_probe = |s: &Servers| s.probe.as_ref().is_some_and(|(question, _)| question.number == number);
        let of = |s: &Servers| s.pulse.is_some_and(|question| question.number == number) || is_probe(s);
        let Some(id) = self.accounts.iter().find(|(_, state)| of(&state.servers)).map(|(id, _)| id.clone()) else {
            return;
        };
        let idle = self.calls.is_empty();
        let Some(state) = self.accounts.get_mut(&id) else { return };
        let servers = &mut state.servers;
        if !is_probe(servers) {
            servers.pulse = None;
            servers.pulse_at = Some(now + servers.rhythm());
            if is_out(code) {
                let reason = format!("{} is out of service or out of reach (status {code})", servers.label());
                self.move_on(&id, RegistrationProblem::Unreachable, code, reason);
            }
            return;
        }
        let Some((_, hop)) = servers.probe.take() else { return };
        if is_out(code) {
            servers.walk.still_dead(&hop, now, random());
        } else if idle && state.state == RegistrationState::Registered {
            tracing::info!(account = %id.0, "{} lives again", hop.label);
            // What stands at the other server stays until it expires: we can be reached all the while.
            servers.walk.return_to(&hop);
            self.go(&id);
        }
    }

    /// A connection has ended; whoever was registered through it cannot be reached any more.
    pub(in super::super) fn disconnected(&mut self, from: Option<SocketAddr>) {
        for state in self.accounts.values_mut() {
            let through = state.wanted.transport != Transport::Udp
                && state.servers.here().is_some_and(|hop| Some(hop.route.at) == from);
            if through && state.silent_at.is_some() {
                state.servers.cut = true;
                state.retry_at = Some(Instant::now() + pause(state.failures + 1, 0, random()));
            } else if through && state.state == RegistrationState::Registered {
                // A server that restarts has cut off everybody at once: not all come back in the same moment.
                let wait = Duration::from_millis(u64::from(random()) * 2);
                state.retry_at = Some(Instant::now() + wait);
            }
        }
    }
}
