//! Digits that are sent within a call, one after the other.

use std::time::{Duration, Instant};

use softphone_api::{CallId, CallPhase, CommandErrorCode, Reply};

use super::super::{Done, Loop, refuse};
use crate::target;

/// One digit in this time: 160 ms of tone (pjmedia's length) and a pause that every PBX tells apart.
const DIGIT_EVERY: Duration = Duration::from_millis(240);
/// Digits that may wait.
const DIGITS: usize = 256;

impl Loop {
    pub(in super::super) fn dtmf(&mut self, id: CallId, digits: &str) -> Done {
        self.call(id)?;
        if !target::is_dtmf(digits) {
            return Err(refuse(CommandErrorCode::BadArgument, "digits may be 0-9, *, #, A-D, at most 128".to_owned()));
        }
        self.in_phase(id, "send digits", &[CallPhase::Talking, CallPhase::HeldThere, CallPhase::RingingThere])?;
        let Some(call) = self.calls.get_mut(&id) else { return Ok(Reply::Done) };
        if call.digits.len() + digits.len() > DIGITS {
            return Err(refuse(CommandErrorCode::BadArgument, "too many digits are waiting to be sent".to_owned()));
        }
        call.digits.extend(digits.chars().map(|c| c.to_ascii_uppercase()));
        if call.digit_at.is_none() {
            self.next_digit(id);
        }
        Ok(Reply::Done)
    }

    pub(super) fn next_digit(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.digit_at = None;
        let Some(digit) = call.digits.pop_front() else { return };
        if let Err(e) = self.phone.dtmf(id, &digit.to_string()) {
            tracing::warn!(call = id.0, "a digit could not be sent: {e}");
        }
        // Also after the last one, so that the next command keeps the distance.
        call.digit_at = Some(Instant::now() + DIGIT_EVERY);
    }
}
