//! Accounts and their registrations.

mod backoff;
mod helpers;
mod moved;
mod servers;
mod settings;

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use softphone_api::{
    Account, AccountId, Codec, CommandErrorCode, Media, Registration, RegistrationProblem, RegistrationState, Reply,
};

use backoff::{elsewhere, pause, problem_of, random};
use servers::Servers;
use settings::{check, settings};

use super::phone::{NativeAccount, PhoneError, PhoneEvent, TlsFaults};
use super::{Done, Event, Loop, ms, refuse, utc_ms};

/// How long the end waits for the answers to our last REGISTERs.
const GOODBYE: Duration = Duration::from_millis(1_500);
/// pjlib's words for "a REGISTER is still under way".
const PJ_EBUSY: i32 = 70_011;
const PJSIP_EBUSY: i32 = 171_001;

pub(crate) struct AccountState {
    wanted: Account,
    native: NativeAccount,
    /// Somebody wants it registered.
    on: bool,
    state: RegistrationState,
    contact: Option<String>,
    since_ms: i64,
    expires_at: Option<Instant>,
    sip_status: u16,
    problem: Option<RegistrationProblem>,
    reason: String,
    /// Failed tries in a row.
    failures: u32,
    retry_at: Option<Instant>,
    silent_at: Option<Instant>,
    /// Our goodbye waits for its answer. pjlib forgets the registration then, with whatever REGISTER was begun meanwhile.
    said_goodbye: bool,
    servers: Servers,
}

/// What came back to a REGISTER.
#[derive(Debug)]
pub(super) struct Answer {
    /// Of which registration; see [`Servers::registration`].
    pub(super) number: u64,
    pub(super) code: u16,
    pub(super) reason: String,
    /// Our own, as the registrar confirmed it.
    pub(super) contact: Option<String>,
    pub(super) tls: String,
    pub(super) faults: TlsFaults,
    pub(super) expires_s: u32,
    /// Of what took the registration back.
    pub(super) goodbye: bool,
}

impl AccountState {
    pub(crate) fn registration(&self) -> Registration {
        let now = Instant::now();
        Registration {
            account: self.wanted.id.clone(),
            state: self.state,
            contact: self.contact.clone(),
            server: self.servers.confirmed.clone(),
            transport: self.servers.confirmed.is_some().then_some(self.wanted.transport),
            since_ms: self.since_ms,
            expires_s: self
                .expires_at
                .map(|at| u32::try_from(at.saturating_duration_since(now).as_secs()).unwrap_or(0)),
            sip_status: self.sip_status,
            problem: self.problem,
            reason: self.reason.clone(),
            retry_in_ms: self.retry_at.map(|at| ms(at.saturating_duration_since(now))),
        }
    }

    /// When something of it is due; `idle`: there is no call.
    pub(crate) fn deadline(&self, idle: bool) -> Option<Instant> {
        self.retry_at.into_iter().chain(self.silent_at).chain(self.servers.deadline(self.is_registered(), idle)).min()
    }

    pub(crate) fn is_registered(&self) -> bool {
        self.state == RegistrationState::Registered
    }

    pub(crate) fn native(&self) -> NativeAccount {
        self.native
    }

    pub(crate) fn domain(&self) -> &str {
        &self.wanted.domain
    }

    /// Names of whom we trust with our calls: the domain and its servers.
    pub(crate) fn places(&self) -> Vec<String> {
        let backups = self.wanted.backup_servers.iter().map(|server| server.host.clone());
        [self.wanted.domain.clone(), self.wanted.server.clone()].into_iter().chain(backups).collect()
    }

    pub(crate) fn dtmf(&self) -> softphone_api::DtmfMethod {
        self.wanted.dtmf
    }

    pub(crate) fn pass_headers(&self) -> &[String] {
        &self.wanted.pass_headers
    }

    fn set(&mut self, state: RegistrationState, status: u16, reason: String) {
        if self.state != state {
            self.since_ms = utc_ms();
        }
        if state != RegistrationState::Registered {
            self.contact = None;
            self.expires_at = None;
            self.servers.let_go();
        }
        self.state = state;
        self.sip_status = status;
        self.problem = None;
        self.reason = reason;
    }

    fn fail(&mut self, problem: RegistrationProblem, status: u16, reason: String) {
        self.set(RegistrationState::Failed, status, reason);
        self.problem = Some(problem);
    }
}

impl From<&PhoneError> for RegistrationProblem {
    fn from(error: &PhoneError) -> Self {
        if error.port_in_use() { Self::PortInUse } else { Self::Engine }
    }
}

impl Loop {
    pub(super) fn apply_codecs(&self) -> Result<(), PhoneError> {
        let ids: Vec<&str> = self
            .media
            .codecs
            .iter()
            .map(|c| match c {
                Codec::Opus => "opus/48000",
                Codec::G722 => "G722/16000",
                Codec::Pcma => "PCMA/8000",
                Codec::Pcmu => "PCMU/8000",
            })
            .collect();
        self.phone.codecs(&ids)
    }

    /// Equal accounts are left alone; a changed one is made anew, because a new secret, server or transport needs that.
    pub(super) fn configure(&mut self, accounts: Vec<Account>, media: Media) -> Done {
        check(&accounts, &media).map_err(|m| refuse(CommandErrorCode::BadArgument, m))?;
        let of_accounts = |m: &Media| (m.rtp_ports, m.sip_dscp, m.rtp_dscp);
        let ports_changed = of_accounts(&self.media) != of_accounts(&media);
        if self.media != media {
            self.media = media;
            self.apply_codecs()?;
            self.phone.rtp_ports(self.media.rtp_ports);
            self.phone.dscp(self.media.sip_dscp, self.media.rtp_dscp);
            self.settle_sound();
        }
        let gone: Vec<AccountId> = self
            .accounts
            .iter()
            .filter(|(id, state)| ports_changed || !accounts.iter().any(|a| a.id == **id && *a == state.wanted))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &gone {
            self.drop_account(id);
            if !accounts.iter().any(|a| a.id == *id) {
                self.emit(softphone_api::Event::AccountRemoved { account: id.clone() });
            }
        }
        self.network.helpers.want(accounts.iter().map(|a| &a.nat));
        let mut problem = None;
        for id in std::mem::take(&mut self.unmade).into_keys() {
            if !accounts.iter().any(|a| a.id == id) {
                self.emit(softphone_api::Event::AccountRemoved { account: id });
            }
        }
        for account in accounts {
            if self.accounts.contains_key(&account.id) {
                continue;
            }
            let id = account.id.clone();
            match self.phone.account_add(&settings(&account)) {
                Ok(native) => {
                    let state = AccountState {
                        wanted: account,
                        native,
                        on: true,
                        state: RegistrationState::Off,
                        contact: None,
                        since_ms: utc_ms(),
                        expires_at: None,
                        sip_status: 0,
                        problem: None,
                        reason: String::new(),
                        failures: 0,
                        retry_at: None,
                        silent_at: None,
                        said_goodbye: false,
                        servers: Servers::default(),
                    };
                    self.accounts.insert(id.clone(), state);
                    self.try_register(&id);
                }
                // The other accounts are still made: one bad profile must not silence the rest.
                Err(e) => {
                    let registration = Registration {
                        account: id.clone(),
                        state: RegistrationState::Failed,
                        contact: None,
                        server: None,
                        transport: None,
                        since_ms: utc_ms(),
                        expires_s: None,
                        sip_status: 0,
                        problem: Some((&e).into()),
                        reason: e.message.clone(),
                        retry_in_ms: None,
                    };
                    self.unmade.insert(id.clone(), registration.clone());
                    self.emit(softphone_api::Event::Registration { registration });
                    problem = Some((id, e));
                }
            }
        }
        self.use_helpers();
        match problem {
            None => Ok(Reply::Done),
            Some((id, e)) => {
                let mut refused = softphone_api::CommandError::from(e);
                refused.message = format!("account {:?} could not be made: {}", id.0, refused.message);
                Err(refused)
            }
        }
    }

    pub(super) fn registrations(&self) -> Vec<Registration> {
        self.accounts.values().map(AccountState::registration).chain(self.unmade.values().cloned()).collect()
    }

    fn drop_account(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.remove(id) else { return };
        if self.calls.values().any(|c| c.native_account() == state.native) {
            // Its call goes on; the account goes with the call.
            let _ = self.phone.account_register(state.native, false);
            self.retired.push(state.native);
        } else if let Err(e) = self.phone.account_remove(state.native) {
            tracing::warn!("removing an account: {e}");
        }
    }

    /// Lets go of accounts whose last call has ended.
    pub(super) fn drop_retired(&mut self) {
        let calls = &self.calls;
        let (keep, gone) = self.retired.iter().partition(|a| calls.values().any(|c| c.native_account() == **a));
        self.retired = keep;
        let gone: Vec<NativeAccount> = gone;
        for native in gone {
            let _ = self.phone.account_remove(native);
        }
    }

    pub(super) fn account(&self, id: &AccountId) -> Result<&AccountState, softphone_api::CommandError> {
        self.accounts
            .get(id)
            .ok_or_else(|| refuse(CommandErrorCode::NoSuchAccount, format!("there is no account {:?}", id.0)))
    }

    pub(super) fn account_of(&self, native: NativeAccount) -> Option<&AccountId> {
        self.accounts.iter().find(|(_, s)| s.native == native).map(|(id, _)| id)
    }

    pub(super) fn register(&mut self, id: &AccountId) -> Done {
        self.account(id)?;
        if let Some(state) = self.accounts.get_mut(id) {
            state.on = true;
            state.failures = 0;
        }
        self.try_register(id);
        Ok(Reply::Done)
    }

    pub(super) fn unregister(&mut self, id: &AccountId) -> Done {
        self.account(id)?;
        if let Some(state) = self.accounts.get_mut(id) {
            state.on = false;
        }
        self.say_goodbye(id);
        Ok(Reply::Done)
    }

    /// After an attach: what was let go while nobody was there.
    pub(super) fn register_wanted(&mut self) {
        let ids: Vec<AccountId> = self
            .accounts
            .iter()
            .filter(|(_, s)| s.on && matches!(s.state, RegistrationState::Off))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.try_register(&id);
        }
    }

    pub(super) fn unregister_all(&mut self) {
        let ids: Vec<AccountId> = self.accounts.keys().cloned().collect();
        for id in ids {
            self.say_goodbye(&id);
        }
    }

    fn say_goodbye(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        state.retry_at = None;
        state.silent_at = None;
        state.servers.cut = false;
        state.servers.busy_since = None;
        if state.state == RegistrationState::Off {
            return;
        }
        // Also when it failed: a registrar that did not answer may still have us.
        match self.phone.account_register(state.native, false) {
            Ok(()) => state.said_goodbye = true,
            // There is nothing to take back; or a REGISTER is under way, and its answer is.
            Err(e) => tracing::debug!("unregistering: {e}"),
        }
        state.set(RegistrationState::Off, 0, String::new());
        self.emit_registration(id);
    }

    /// Where we are in the walk over the servers, or from its beginning.
    fn try_register(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        state.retry_at = None;
        if state.servers.cut {
            state.failures += 1;
            self.go(id);
            return;
        }
        // A registration that stands is refreshed without a flicker; one that failed shows its reason until the answer.
        if state.state == RegistrationState::Off {
            state.set(RegistrationState::Trying, 0, String::new());
            self.emit_registration(id);
        }
        match self.accounts.get(id).map(|state| state.servers.here().is_some()) {
            Some(true) => self.send_register(id),
            Some(false) => self.begin_walk(id),
            None => {}
        }
    }

    fn send_register(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        let sent = if state.said_goodbye {
            Err(PhoneError { status: PJ_EBUSY, os_error: 0, message: "a goodbye is under way".to_owned() })
        } else {
            self.phone.account_register(state.native, true)
        };
        match sent {
            Ok(()) => {
                state.servers.busy_since = None;
                state.silent_at = Some(Instant::now() + state.servers.patience());
            }
            // A REGISTER of pjlib's own or a goodbye is still under way: look again, but not for its whole 32 s.
            Err(e) if matches!(e.status, PJ_EBUSY | PJSIP_EBUSY) => {
                tracing::debug!("registering again: {e}");
                let now = Instant::now();
                if *state.servers.busy_since.get_or_insert(now) + state.servers.patience() <= now {
                    self.go(id);
                    return;
                }
                state.retry_at.get_or_insert(now + Duration::from_secs(1));
            }
            // What the system refused pjlib tells by an event, too.
            Err(e) if e.os_error != 0 => state.silent_at = Some(Instant::now() + state.servers.patience()),
            Err(e) => {
                let problem = (&e).into();
                self.rest(id, problem, 0, e.message);
            }
        }
    }

    /// It failed, and is tried again after a pause.
    fn rest(&mut self, id: &AccountId, problem: RegistrationProblem, code: u16, reason: String) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        state.failures += 1;
        let wait = pause(state.failures, code, random());
        state.retry_at = Some(Instant::now() + wait);
        state.silent_at = None;
        tracing::warn!(account = %id.0, code, retry_in_ms = ms(wait), ?problem, "registration failed: {reason}");
        state.fail(problem, code, reason);
        self.emit_registration(id);
    }

    pub(super) fn registration_answer(&mut self, native: NativeAccount, answer: Answer) {
        let Answer { number, code, reason, contact, tls, faults, expires_s, goodbye } = answer;
        self.tell_memory("registration");
        let Some(id) = self.account_of(native).cloned() else { return };
        let Some(state) = self.accounts.get_mut(&id) else { return };
        if state.servers.registration != number {
            // Of a server that we have left.
            return;
        }
        state.servers.busy_since = None;
        if goodbye {
            state.said_goodbye = false;
        }
        let wanted = state.on && (self.attached || self.idle_since.is_none());
        if !wanted {
            state.retry_at = None;
            state.silent_at = None;
            // Our goodbye found this REGISTER under way. A registrar that keeps us after a goodbye is not asked again.
            if code / 100 == 2 && expires_s > 0 && !goodbye {
                match self.phone.account_register(state.native, false) {
                    Ok(()) => state.said_goodbye = true,
                    Err(e) => tracing::debug!(account = %id.0, "unregistering once more: {e}"),
                }
            }
            if state.state != RegistrationState::Off {
                state.set(RegistrationState::Off, code, reason);
                self.emit_registration(&id);
            }
            return;
        }
        if goodbye {
            // A new wish has overtaken it: its REGISTER is under way, or found the goodbye so.
            if state.silent_at.is_none() {
                self.try_register(&id);
            }
            return;
        }
        state.silent_at = None;
        state.servers.cut = false;
        match contact {
            Some(contact) if code / 100 == 2 && expires_s > 0 => {
                state.failures = 0;
                state.retry_at = None;
                state.set(RegistrationState::Registered, code, reason);
                state.contact = Some(contact);
                state.expires_at = Some(Instant::now() + Duration::from_secs(expires_s.into()));
                self.server_confirmed(&id);
                self.emit_registration(&id);
                self.tell_calls_where_we_are(&id);
            }
            _ => {
                let problem = problem_of(code, faults);
                let reason = if !tls.is_empty() {
                    format!("TLS to {} failed: {tls}", state.servers.label())
                } else if code / 100 == 2 {
                    "the registrar's answer does not name our contact".to_owned()
                } else {
                    reason
                };
                if elsewhere(problem) {
                    self.move_on(&id, problem, code, reason);
                } else {
                    self.rest(&id, problem, code, reason);
                }
            }
        }
    }

    pub(super) fn tick_accounts(&mut self, now: Instant) {
        let idle = self.calls.is_empty();
        let due: Vec<AccountId> = self
            .accounts
            .iter()
            .filter(|(_, s)| s.deadline(idle).is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            let Some(state) = self.accounts.get_mut(&id) else { continue };
            if state.retry_at.is_some_and(|at| at <= now) {
                self.try_register(&id);
            } else if state.silent_at.is_some_and(|at| at <= now) {
                state.silent_at = None;
                self.silent(&id);
            } else {
                self.server_due(&id, now);
            }
        }
    }

    fn emit_registration(&mut self, id: &AccountId) {
        if let Some(state) = self.accounts.get(id) {
            let registration = state.registration();
            self.emit(softphone_api::Event::Registration { registration });
        }
    }

    /// At the end: gives the registrars a moment to answer, so that no contact is left behind. Accounts that are off from
    /// the start have nothing to wait for.
    pub(super) fn await_unregistered(&mut self, inbox: &Receiver<Event>) {
        let mut open: Vec<NativeAccount> = self
            .accounts
            .values()
            .filter(|s| s.sip_status == 0 && s.since_ms + 200 > utc_ms())
            .map(|s| s.native)
            .collect();
        let end = Instant::now() + GOODBYE;
        while !open.is_empty() {
            match inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Event::Phone(PhoneEvent::Registration { account, .. })) => open.retain(|a| *a != account),
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }
}
