//! Calls as a headset sees them, and what its buttons do to them: what the operator would do at the screen.

use softphone_api::{CallId, CallPhase, Command, RejectReason, Reply};

use super::super::{Done, Loop};
use super::CallState;
use crate::headset::session::{Action, Line};

impl CallState {
    /// It is in the operator's ear, or about to be. One that we hang up is over for them, also while the PBX confirms.
    fn runs(&self) -> bool {
        let is_there = match self.phase() {
            CallPhase::Talking | CallPhase::HeldThere => !self.want_hold,
            CallPhase::Dialing | CallPhase::RingingThere | CallPhase::Connecting => true,
            CallPhase::Ringing | CallPhase::Held | CallPhase::Ended => false,
        };
        is_there && self.ended_by.is_none()
    }

    pub(in super::super) fn rings(&self) -> bool {
        self.phase() == CallPhase::Ringing && self.ended_by.is_none()
    }

    fn waits(&self) -> bool {
        self.is_confirmed() && (self.want_hold || self.phase() == CallPhase::Held) && self.ended_by.is_none()
    }
}

impl Loop {
    pub(in super::super) fn line(&self, testing: bool) -> Line {
        let calls = || self.calls.values();
        let is_meant = calls().find(|call| call.runs()).or_else(|| calls().find(|call| call.waits()));
        Line {
            ringing: calls().any(CallState::rings),
            talking: calls().any(CallState::runs),
            held: calls().any(CallState::waits),
            muted: is_meant.is_some_and(|call| call.muted),
            testing,
        }
    }

    pub(in super::super) fn headset_asks(&mut self, action: Action) -> Done {
        let first = |wanted: fn(&CallState) -> bool| self.calls.values().find(|call| wanted(call)).map(|call| call.id);
        let (ringing, running) = (first(CallState::rings), first(CallState::runs));
        match (action, ringing, running) {
            (Action::Answer, Some(id), _) => self.answer(id, false, &[], false),
            (Action::Refuse, Some(id), _) => self.reject(id, RejectReason::Busy),
            (Action::HangUp, _, Some(_)) => self.hang_up_running(),
            (Action::Mute(muted), _, Some(id)) => self.mute(id, muted),
            (Action::StopTest, ..) => self.command(Command::StopTest),
            // It ended in the same moment.
            _ => Ok(Reply::Done),
        }
    }

    /// One call, or all of the conference.
    fn hang_up_running(&mut self) -> Done {
        let running: Vec<CallId> = self.calls.values().filter(|call| call.runs()).map(|call| call.id).collect();
        // All are tried, whatever becomes of one.
        let ends: Vec<Done> = running.into_iter().map(|id| self.hang_up(id)).collect();
        ends.into_iter().collect::<Result<Vec<Reply>, _>>().map(|_| Reply::Done)
    }
}
