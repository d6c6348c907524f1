//! Digits that are sent within a call, one after the other, in the way that the account says.
//!
//! None is dropped and none is sent twice: a digit leaves the queue when it was handed on, the next one follows when this
//! one is surely over, and all wait while the call is held.

use std::time::{Duration, Instant};

use softphone_api::{CallId, CallPhase, CommandErrorCode, DtmfMethod, Reply};

use super::super::{Done, Loop, refuse};
use super::CallState;
use crate::target;

/// pjmedia sends an event for 240 ms (200 of tone, the end three times); the rest is a pause that every PBX tells apart.
const EVENT_EVERY: Duration = Duration::from_millis(280);
/// What an INFO says about the length of its digit, and the time until the next one.
const INFO_MS: u32 = 160;
const INFO_EVERY: Duration = Duration::from_millis(240);
/// Longer than pjsip waits for the answer to an INFO (RFC 3261, timer F).
const INFO_LOST: Duration = Duration::from_secs(34);
/// Twice what ITU-T Q.24 asks a receiver to understand, so that lost packets do not make two digits of one.
const TONE_MS: u32 = 120;
const TONE_PAUSE_MS: u32 = 100;
const TONE_EVERY: Duration = Duration::from_millis((TONE_MS + TONE_PAUSE_MS) as u64);
/// Digits that may wait.
const DIGITS: usize = 256;
/// How often a digit that pjlib does not take is offered to it.
const TRIES: u32 = 20;

/// Digits that wait, and the one that is on its way.
#[derive(Debug, Default)]
pub(super) struct Digits {
    method: DtmfMethod,
    waiting: std::collections::VecDeque<char>,
    /// When the next one may go; none: at once.
    pub(super) next_at: Option<Instant>,
    /// Sent at; its answer is still to come.
    asked: Option<Instant>,
    /// Tones sound in the place of the microphone.
    pub(super) sounding: bool,
    failures: u32,
}

impl Digits {
    pub(super) fn by(method: DtmfMethod) -> Self {
        Self { method, ..Self::default() }
    }

    /// When the digit that sounds now is over; none: no digit is in the sound.
    pub(super) fn over_at(&self, now: Instant) -> Option<Instant> {
        self.next_at.filter(|at| self.method != DtmfMethod::Info && *at > now)
    }
}

fn takes_digits(call: &CallState) -> bool {
    let phase = matches!(call.phase(), CallPhase::Talking | CallPhase::HeldThere | CallPhase::RingingThere);
    phase && !call.want_hold
}

impl Loop {
    pub(in super::super) fn dtmf(&mut self, id: CallId, digits: &str) -> Done {
        self.call(id)?;
        if !target::is_dtmf(digits) {
            return Err(refuse(CommandErrorCode::BadArgument, "digits may be 0-9, *, #, A-D, at most 128".to_owned()));
        }
        self.in_phase(id, "send digits", &[CallPhase::Talking, CallPhase::HeldThere, CallPhase::RingingThere])?;
        let Some(call) = self.calls.get_mut(&id) else { return Ok(Reply::Done) };
        if call.digits.waiting.len() + digits.len() > DIGITS {
            return Err(refuse(CommandErrorCode::BadArgument, "too many digits are waiting to be sent".to_owned()));
        }
        call.digits.waiting.extend(digits.chars().map(|c| c.to_ascii_uppercase()));
        self.digits_go_on(id);
        Ok(Reply::Done)
    }

    /// After something that digits may have waited for.
    pub(super) fn digits_go_on(&mut self, id: CallId) {
        if self.calls.get(&id).is_some_and(|call| call.digits.next_at.is_none() && !call.digits.waiting.is_empty()) {
            self.next_digit(id);
        }
    }

    pub(super) fn next_digit(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.digits.next_at = None;
        call.digits.asked = None;
        let digit = if takes_digits(call) { call.digits.waiting.front().copied() } else { None };
        let Some(digit) = digit else {
            self.tones_are_over(id);
            return;
        };
        let method = call.digits.method;
        if method == DtmfMethod::InBand && !call.digits.sounding {
            call.digits.sounding = true;
            self.set_microphone(id);
        }
        let sent = match method {
            DtmfMethod::Rfc4733 => self.phone.dtmf(id, digit),
            DtmfMethod::Info => self.phone.dtmf_info(id, digit, INFO_MS),
            DtmfMethod::InBand => self.phone.tone(id, digit, TONE_MS, TONE_PAUSE_MS),
        };
        let (now, pause) = match method {
            DtmfMethod::Rfc4733 => (Instant::now(), EVENT_EVERY),
            DtmfMethod::Info => (Instant::now(), INFO_LOST),
            DtmfMethod::InBand => (Instant::now(), TONE_EVERY),
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        // Also after the last one, so that the next command keeps the distance.
        call.digits.next_at = Some(now + pause);
        match sent {
            Ok(()) => {
                call.digits.waiting.pop_front();
                call.digits.failures = 0;
                call.digits.asked = (method == DtmfMethod::Info).then_some(now);
            }
            Err(e) if call.digits.failures < TRIES => {
                tracing::debug!(call = id.0, "a digit has to wait: {e}");
                call.digits.failures += 1;
                call.digits.next_at = Some(now + EVENT_EVERY);
            }
            Err(e) => {
                tracing::warn!(call = id.0, lost = call.digits.waiting.len(), "digits could not be sent: {e}");
                call.digits.waiting.clear();
                call.digits.failures = 0;
            }
        }
    }

    /// The other side has answered the INFO that carried a digit: only now the next one goes, or it could overtake.
    pub(in super::super) fn digit_answered(&mut self, id: CallId, code: u16) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(asked) = call.digits.asked.take() else { return };
        if code >= 300 {
            tracing::warn!(call = id.0, code, "the other side does not take a digit by SIP INFO");
        }
        call.digits.next_at = Some(asked + INFO_EVERY);
    }

    fn tones_are_over(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.digits.sounding) else { return };
        // The bridge's clock is not ours: while it was late, tones have queued up in it.
        let cut = call.digits.failures >= TRIES;
        if !self.phone.tone_end(id, cut) {
            call.digits.failures += 1;
            call.digits.next_at = Some(Instant::now() + TONE_EVERY);
            return;
        }
        call.digits.failures = 0;
        call.digits.sounding = false;
        self.set_microphone(id);
    }
}
