//! Accounts and their registrations.

mod backoff;
mod settings;

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use softphone_api::{
    Account, AccountId, Codec, CommandErrorCode, Media, Registration, RegistrationProblem, RegistrationState, Reply,
};

use backoff::{pause, problem_of, random};
use settings::{check, settings};

use super::phone::{NativeAccount, PhoneError, PhoneEvent};
use super::{Done, Event, Loop, ms, refuse, utc_ms};

/// A registrar that is silent for this long is said to be so; pjlib itself goes on asking for 32 s (RFC 3261, timer F).
const SILENT_AFTER: Duration = Duration::from_secs(5);
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
}

impl AccountState {
    pub(crate) fn registration(&self) -> Registration {
        let now = Instant::now();
        Registration {
            account: self.wanted.id.clone(),
            state: self.state,
            contact: self.contact.clone(),
            server: None,
            transport: None,
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

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retry_at.into_iter().chain(self.silent_at).min()
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

    fn set(&mut self, state: RegistrationState, status: u16, reason: String) {
        if self.state != state {
            self.since_ms = utc_ms();
        }
        if state != RegistrationState::Registered {
            self.contact = None;
            self.expires_at = None;
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
        let ports_changed = self.media.rtp_ports != media.rtp_ports;
        if self.media != media {
            self.media = media;
            self.apply_codecs()?;
            self.phone.rtp_ports(self.media.rtp_ports);
            self.reopen_sound();
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
        if state.state == RegistrationState::Off {
            return;
        }
        // Also when it failed: a registrar that did not answer may still have us.
        if let Err(e) = self.phone.account_register(state.native, false) {
            tracing::debug!("unregistering: {e}");
        }
        state.set(RegistrationState::Off, 0, String::new());
        self.emit_registration(id);
    }

    fn try_register(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get_mut(id) else { return };
        state.retry_at = None;
        let before = state.state;
        match self.phone.account_register(state.native, true) {
            Ok(()) => {
                state.silent_at = Some(Instant::now() + SILENT_AFTER);
                // A registration that stands is refreshed without a flicker; one that failed shows its reason until the answer.
                if matches!(state.state, RegistrationState::Off) {
                    state.set(RegistrationState::Trying, 0, String::new());
                }
            }
            // A REGISTER is still under way: look again.
            Err(e) if matches!(e.status, PJ_EBUSY | PJSIP_EBUSY) => {
                tracing::debug!("registering again: {e}");
                if state.state == RegistrationState::Off {
                    state.set(RegistrationState::Trying, 0, String::new());
                }
                state.retry_at = Some(Instant::now() + Duration::from_secs(1));
            }
            Err(e) => {
                state.failures += 1;
                state.retry_at = Some(Instant::now() + pause(state.failures, 0, random()));
                state.fail((&e).into(), 0, e.message);
            }
        }
        if state.state != before {
            self.emit_registration(id);
        }
    }

    pub(super) fn registration_answer(
        &mut self,
        native: NativeAccount,
        code: u16,
        reason: String,
        contact: Option<String>,
        tls: String,
        expires_s: u32,
    ) {
        self.tell_memory("registration");
        let Some(id) = self.account_of(native).cloned() else { return };
        let Some(state) = self.accounts.get_mut(&id) else { return };
        let wanted = state.on && (self.attached || self.idle_since.is_none());
        state.silent_at = None;
        if !wanted {
            state.retry_at = None;
            if state.state != RegistrationState::Off {
                state.set(RegistrationState::Off, code, reason);
                self.emit_registration(&id);
            }
            return;
        }
        if code / 100 == 2 && expires_s == 0 && contact.is_none() && state.state == RegistrationState::Off {
            // The answer to an earlier goodbye, overtaken by a new wish.
            self.try_register(&id);
            return;
        }
        match contact {
            Some(contact) if code / 100 == 2 && expires_s > 0 => {
                state.failures = 0;
                state.retry_at = None;
                state.set(RegistrationState::Registered, code, reason);
                state.contact = Some(contact);
                state.expires_at = Some(Instant::now() + Duration::from_secs(expires_s.into()));
                tracing::info!(account = %id.0, "registered");
            }
            _ => {
                let problem = problem_of(code, &tls);
                let reason = if !tls.is_empty() {
                    format!("TLS to {}:{} failed: {tls}", state.wanted.server, state.wanted.port)
                } else if code / 100 == 2 {
                    "the registrar's answer does not name our contact".to_owned()
                } else {
                    reason
                };
                state.failures += 1;
                let wait = pause(state.failures, code, random());
                state.retry_at = Some(Instant::now() + wait);
                tracing::warn!(account = %id.0, code, retry_in_ms = ms(wait), ?problem, "registration failed: {reason}");
                state.fail(problem, code, reason);
            }
        }
        self.emit_registration(&id);
    }

    pub(super) fn tick_accounts(&mut self, now: Instant) {
        let due: Vec<(AccountId, bool)> = self
            .accounts
            .iter()
            .filter(|(_, s)| s.deadline().is_some_and(|at| at <= now))
            .map(|(id, s)| (id.clone(), s.retry_at.is_some_and(|at| at <= now)))
            .collect();
        for (id, retry) in due {
            if retry {
                self.try_register(&id);
                continue;
            }
            let Some(state) = self.accounts.get_mut(&id) else { continue };
            state.silent_at = None;
            let reason = format!(
                "no answer from {}:{} for {} s; still trying",
                state.wanted.server,
                state.wanted.port,
                SILENT_AFTER.as_secs()
            );
            state.fail(RegistrationProblem::Timeout, 408, reason);
            self.emit_registration(&id);
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
