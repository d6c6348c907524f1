//! Accounts and their registrations.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use softphone_api::command::Encryption;
use softphone_api::{
    Account, AccountId, Codec, CommandErrorCode, Media, Registration, RegistrationProblem, RegistrationState, Reply,
    Transport,
};

use super::phone::{AccountSettings, NativeAccount, PhoneError, PhoneEvent};
use super::{Done, Event, Loop, ms, refuse, utc_ms};

/// A registrar that is silent for this long is said to be so; pjlib itself goes on asking for 32 s (RFC 3261, timer F).
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// How long the end waits for the answers to our last REGISTERs.
const GOODBYE: Duration = Duration::from_millis(1_500);
/// pjlib's words for "a REGISTER is still under way".
const PJ_EBUSY: i32 = 70_011;
const PJSIP_EBUSY: i32 = 171_001;
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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

/// What an answer to REGISTER means that is not the one we want; `tls` is what pjlib said about the server's certificate or
/// connection. Without any answer pjlib puts a status of its own in its place: 408, 502 or 503.
fn problem_of(status: u16, tls: &str) -> RegistrationProblem {
    use RegistrationProblem::{Refused, Timeout, TlsName, TlsUntrusted, UnknownAccount, Unreachable, WrongSecret};
    // The words of pj_ssl_cert_get_verify_status_strings, all that were found joined by commas; the names come after them.
    let (faults, _) = tls.split_once(" (certificate is for ").unwrap_or((tls, ""));
    if faults.contains("identity does not match") && !faults.contains(", ") {
        return TlsName;
    }
    if faults.to_lowercase().contains("certificate") {
        return TlsUntrusted;
    }
    match status {
        401 | 403 | 407 => WrongSecret,
        404 => UnknownAccount,
        408 | 504 => Timeout,
        0 | 500..600 => Unreachable,
        _ => Refused,
    }
}

/// Pause before try number `failures` + 1: doubling from 1 s to 30 s, up to a third longer or shorter, so that a hundred
/// phones do not come back in the same moment. A wrong secret is not tried faster than every 30 s: registrars ban for that.
#[must_use]
pub(crate) fn pause(failures: u32, status: u16, random: u8) -> Duration {
    let base = if matches!(status, 401 | 403 | 404 | 407) {
        LONGEST_PAUSE
    } else {
        Duration::from_secs(1 << failures.saturating_sub(1).min(5)).min(LONGEST_PAUSE)
    };
    base.mul_f64(2.0 / 3.0 + f64::from(random) / 255.0 * 2.0 / 3.0)
}

fn random() -> u8 {
    let mut byte = [128u8];
    // Without randomness there is no jitter, which is no reason not to register.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

fn check(accounts: &[Account], media: &Media) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for a in accounts {
        if !seen.insert(&a.id) {
            return Err(format!("account {:?} is given twice", a.id.0));
        }
        let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"' | ';' | ',');
        for (what, text) in [("server", &a.server), ("domain", &a.domain), ("user", &a.user)] {
            if text.is_empty() || text.contains(bad) || text.contains('@') {
                return Err(format!("account {:?}: {what} {text:?} cannot be used in a SIP address", a.id.0));
            }
        }
        if a.display_name.contains(char::is_control) || a.port == 0 || a.expires_s < 10 {
            return Err(format!("account {:?}: display name, port or expiry cannot be used", a.id.0));
        }
        if a.encryption == Encryption::Sdes && a.transport != Transport::Tls {
            return Err(format!("account {:?}: SDES keys travel in the clear without TLS; choose TLS or DTLS", a.id.0));
        }
        if !a.tls_ca_file.is_empty() && !std::path::Path::new(&a.tls_ca_file).is_file() {
            return Err(format!("account {:?}: the CA file {} is not there", a.id.0, a.tls_ca_file));
        }
    }
    if media.codecs.is_empty() {
        return Err("no codec is chosen".to_owned());
    }
    let (first, last) = media.rtp_ports;
    // Two ports (RTP, RTCP) for each of eight calls.
    if first < 1024 || last < first.saturating_add(15) {
        return Err(format!("RTP ports {first}-{last} are too few or reserved"));
    }
    Ok(())
}

fn settings(a: &Account) -> AccountSettings<'_> {
    let (scheme, transport) = match a.transport {
        Transport::Udp => ("sip", "udp"),
        Transport::Tcp => ("sip", "tcp"),
        Transport::Tls => ("sip", "tls"),
    };
    let host =
        if a.server.contains(':') && !a.server.starts_with('[') { format!("[{}]", a.server) } else { a.server.clone() };
    let name = a.display_name.replace('\\', "").replace('"', "'");
    let display = if name.is_empty() { String::new() } else { format!("\"{name}\" ") };
    AccountSettings {
        id: format!("{display}<sip:{}@{}>", a.user, a.domain),
        registrar: format!("sip:{}", a.domain),
        route: format!("{scheme}:{host}:{};transport={transport};lr", a.port),
        auth_user: if a.auth_user.is_empty() { &a.user } else { &a.auth_user },
        password: &a.password,
        ca_file: &a.tls_ca_file,
        expires_s: a.expires_s,
        transport: a.transport,
        encryption: a.encryption,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_in_bounds() {
        let table =
            [(1, 408, 1.0), (2, 503, 2.0), (3, 0, 4.0), (5, 0, 16.0), (6, 0, 30.0), (60, 0, 30.0), (1, 403, 30.0)];
        for (failures, status, base) in table {
            let (low, high) = (pause(failures, status, 0).as_secs_f64(), pause(failures, status, 255).as_secs_f64());
            assert!((low - base * 2.0 / 3.0).abs() < 0.01, "{failures} {status}: {low}");
            assert!((high - base * 4.0 / 3.0).abs() < 0.01, "{failures} {status}: {high}");
        }
    }

    #[test]
    fn why_a_registration_failed() {
        use RegistrationProblem::{Refused, Timeout, TlsName, TlsUntrusted, UnknownAccount, Unreachable, WrongSecret};
        let other_name = "The server identity does not match to any identities specified in the certificate";
        let names = " (certificate is for pbx.example, 192.0.2.1)";
        let table = [
            (401, String::new(), WrongSecret),
            (403, String::new(), WrongSecret),
            (404, String::new(), UnknownAccount),
            (408, String::new(), Timeout),
            (503, String::new(), Unreachable),
            (502, String::new(), Unreachable),
            (603, String::new(), Refused),
            (423, String::new(), Refused),
            // A 200 OK without our contact.
            (200, String::new(), Refused),
            (503, format!("{other_name}{names}"), TlsName),
            (503, format!("The certificate is untrusted, {other_name}{names}"), TlsUntrusted),
            (503, format!("The certificate has expired or not yet valid{names}"), TlsUntrusted),
            (503, "SSL certificate verification error (PJSIP_TLS_ECERTVERIF)".to_owned(), TlsUntrusted),
            (503, "Connection refused".to_owned(), Unreachable),
        ];
        for (status, tls, problem) in table {
            assert_eq!(problem_of(status, &tls), problem, "{status} {tls}");
        }
    }

    #[test]
    fn sdes_needs_tls() {
        let mut account: Account = serde_json::from_str(
            r#"{"id":"a","server":"pbx","port":5060,"transport":"udp","domain":"pbx","user":"1","password":"x","encryption":"sdes"}"#,
        )
        .unwrap();
        assert!(check(std::slice::from_ref(&account), &Media::default()).unwrap_err().contains("TLS"));
        account.transport = Transport::Tls;
        assert!(check(std::slice::from_ref(&account), &Media::default()).is_ok());
        account.user = "1>\r\nX: y".to_owned();
        assert!(check(&[account], &Media::default()).is_err());
    }
}
