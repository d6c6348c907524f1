//! Hold and resume: one conversation at a time, and a re-INVITE that is sent until it is taken.

use std::time::{Duration, Instant};

use softphone_api::{CallId, CallPhase, Reply};

use super::super::{Done, Loop};
use super::{CallState, Stream};

/// A hold that pjlib could not send, because another re-INVITE is under way, is tried again after this.
const HOLD_BUSY: Duration = Duration::from_millis(150);
/// A hold that was sent and not confirmed (491, lost) is sent again after this.
const HOLD_LOST: Duration = Duration::from_millis(2_500);
/// A far side that has not taken it by then will not: as long as a re-INVITE lives and a few more.
const HOLD_GIVEN_UP: Duration = Duration::from_secs(50);

impl Loop {
    pub(in super::super) fn hold(&mut self, id: CallId) -> Done {
        self.in_phase(id, "be held", &[CallPhase::Talking, CallPhase::HeldThere, CallPhase::Held])?;
        for id in self.together(id) {
            self.wish_hold(id, true);
        }
        Ok(Reply::Done)
    }

    pub(in super::super) fn resume(&mut self, id: CallId) -> Done {
        self.in_phase(id, "be resumed", &[CallPhase::Held, CallPhase::Talking, CallPhase::HeldThere])?;
        let _ = self.hold_others(Some(id));
        for id in self.together(id) {
            self.wish_hold(id, false);
        }
        Ok(Reply::Done)
    }

    /// One conversation at a time. Who is held by it.
    pub(super) fn hold_others(&mut self, but: Option<CallId>) -> Vec<CallId> {
        if self.all_talk {
            return Vec::new();
        }
        let others = self.running(but);
        for id in &others {
            self.wish_hold(*id, true);
        }
        others
    }

    /// The conversation that runs, or is about to (it is being resumed, or rings there), without this call and those who are in
    /// a conference with it. Whom a customer is to be handed to has rules of its own until they answer.
    pub(super) fn running(&self, but: Option<CallId>) -> Vec<CallId> {
        let spared = but.map(|id| self.together(id)).unwrap_or_default();
        let runs = |c: &&CallState| {
            let is_target = c.consults_for.is_some() && c.answered.is_none();
            c.phase() != CallPhase::Ringing && !c.want_hold && !is_target
        };
        self.calls.values().filter(runs).map(|c| c.id).filter(|id| !spared.contains(id)).collect()
    }

    pub(super) fn wish_hold(&mut self, id: CallId, hold: bool) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.want_hold = hold;
        call.hold_until = Some(Instant::now() + HOLD_GIVEN_UP);
        self.apply_hold(id);
        if hold {
            // At once, not when the re-INVITE is answered: who is held must not hear us any more.
            self.set_microphone(id);
        }
    }

    pub(super) fn apply_hold(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.hold_at = None;
        let is_held = call.stream == Stream::HeldByUs;
        if !call.is_confirmed() || is_held == call.want_hold {
            return;
        }
        if let Some(over) = call.digits.over_at(Instant::now()).filter(|_| call.want_hold) {
            // A hold in the middle of a digit would cut it off.
            call.hold_at = Some(over);
            return;
        }
        if call.hold_until.is_some_and(|until| until <= Instant::now()) {
            tracing::warn!(call = id.0, hold = call.want_hold, "the other side does not take the hold; giving up");
            call.want_hold = is_held;
            self.set_microphone(id);
            self.emit_call(id);
            return;
        }
        let pause = match self.phone.hold(id, call.want_hold) {
            Ok(()) => HOLD_LOST,
            Err(e) => {
                tracing::debug!(call = id.0, "hold later: {e}");
                HOLD_BUSY
            }
        };
        call.hold_at = Some(Instant::now() + pause);
    }
}
