//! Handing a call to somebody: when they answer, after speaking with them, or blindly.
//!
//! The call that is handed over carries the [`Transfer`]; the call to the target says by `consults_for` whom it is about.
//! Whatever goes wrong, the operator has the call back and reads why.

use std::time::{Duration, Instant};

use softphone_api::{
    CallId, CallPhase, CommandErrorCode, EndedBy, Reply, Transfer, TransferFailure, TransferKind, TransferStep,
};

use super::super::{Done, Loop, refuse};
use super::CallState;
use crate::target;

/// How long the other side may take to say what became of a transfer.
const JOIN: Duration = Duration::from_secs(10);
/// From a target's answer until the two are joined. Asterisk is still putting the target into its bridge then: a REFER in the first
/// milliseconds left both in a bridge without sound in 4 of 24 tries on 16 and 22, and in none of 24 from 5 ms on.
const BEFORE_JOIN: Duration = Duration::from_millis(100);
/// Nobody lets a customer wait longer for one colleague.
const LONGEST_RING_S: u16 = 120;
/// A PBX that has joined two calls ends ours by itself. Sooner than this we do not: it may still be joining them.
pub(super) const PBX_ENDS: Duration = Duration::from_secs(2);
/// How long it rings at a colleague for whom the operator does not want to wait any more.
const RING: Duration = Duration::from_secs(20);

const ANSWERED: [CallPhase; 3] = [CallPhase::Talking, CallPhase::Held, CallPhase::HeldThere];

/// Nothing has come of it yet.
pub(super) fn is_under_way(transfer: &Transfer) -> bool {
    !matches!(transfer.step, TransferStep::Done | TransferStep::Failed)
}

/// What a SIP status says about a target that did not answer.
fn failure_of(code: u16) -> TransferFailure {
    match code {
        486 | 600 => TransferFailure::Busy,
        408 | 487 => TransferFailure::NoAnswer,
        403 | 488 | 603 | 606 => TransferFailure::Refused,
        _ => TransferFailure::Unavailable,
    }
}

impl Loop {
    pub(in super::super) fn hand_over(
        &mut self,
        id: CallId,
        to: &str,
        headers: &[(String, String)],
        ring_s: u16,
    ) -> Done {
        let ring = Duration::from_secs(ring_s.clamp(1, LONGEST_RING_S).into());
        self.call_for(id, to, headers, TransferKind::HandOver, Some(Instant::now() + ring))
    }

    pub(in super::super) fn consult(&mut self, id: CallId, to: &str, headers: &[(String, String)]) -> Done {
        self.call_for(id, to, headers, TransferKind::Consult, None)
    }

    fn call_for(
        &mut self,
        id: CallId,
        to: &str,
        headers: &[(String, String)],
        kind: TransferKind,
        ring_until: Option<Instant>,
    ) -> Done {
        self.may_go(id)?;
        let account = self.call(id)?.account.clone();
        let target = self.place(&account, to, headers, Some(id))?;
        if let Some(call) = self.calls.get_mut(&target) {
            call.ring_until = ring_until;
        }
        self.step(
            id,
            Transfer { kind, to: to.to_owned(), step: TransferStep::Calling, failure: None, sip_status: None },
        );
        Ok(Reply::Call { call: Box::new(self.call(target)?.public()) })
    }

    pub(in super::super) fn blind_transfer(&mut self, id: CallId, to: &str) -> Done {
        self.may_go(id)?;
        let domain = self.account(&self.call(id)?.account)?.domain();
        let uri = target::uri_of(to, domain).map_err(|e| refuse(CommandErrorCode::BadArgument, e.to_string()))?;
        self.phone.transfer(id, &uri)?;
        self.awaits_joining(id);
        let kind = TransferKind::Blind;
        self.step(
            id,
            Transfer { kind, to: to.to_owned(), step: TransferStep::Calling, failure: None, sip_status: None },
        );
        Ok(Reply::Done)
    }

    pub(in super::super) fn complete_transfer(&mut self, id: CallId) -> Done {
        let target = self.target_of(id)?;
        // A second REFER would be refused by the PBX, and its refusal taken for the first one's.
        if self.call(id)?.transfer.as_ref().is_some_and(|transfer| transfer.step == TransferStep::Joining) {
            return Err(refuse(CommandErrorCode::WrongPhase, format!("call {} is being joined already", id.0)));
        }
        if ANSWERED.contains(&self.call(target)?.phase()) {
            self.join(id, target);
            return Ok(Reply::Done);
        }
        // It still rings there: nobody waits for it any more, but the customer.
        if let Some(call) = self.calls.get_mut(&target) {
            call.ring_until = Some(Instant::now() + RING);
        }
        if let Some(transfer) = self.calls.get_mut(&id).and_then(|call| call.transfer.as_mut()) {
            transfer.kind = TransferKind::HandOver;
        }
        self.emit_call(id);
        Ok(Reply::Done)
    }

    pub(in super::super) fn cancel_transfer(&mut self, id: CallId) -> Done {
        let target = self.target_of(id)?;
        self.give_up(id, target, TransferFailure::Cancelled);
        Ok(Reply::Done)
    }

    /// Joins two calls of a conference and leaves them.
    pub(super) fn join_members(&mut self, id: CallId, with: CallId) -> Done {
        self.may_go(id)?;
        let to = self.call(with)?.number.clone();
        if let Some(call) = self.calls.get_mut(&with) {
            call.consults_for = Some(id);
        }
        let kind = TransferKind::Consult;
        self.step(id, Transfer { kind, to, step: TransferStep::Consulting, failure: None, sip_status: None });
        self.join(id, with);
        Ok(Reply::Done)
    }

    /// Answered, and not on its way to somebody else already.
    fn may_go(&self, id: CallId) -> Result<(), softphone_api::CommandError> {
        self.in_phase(id, "be handed over", &ANSWERED)?;
        let call = self.call(id)?;
        if call.transfer.as_ref().is_some_and(is_under_way) || call.consults_for.is_some() {
            return Err(refuse(CommandErrorCode::WrongPhase, format!("call {} is being handed over already", id.0)));
        }
        Ok(())
    }

    fn target_of(&self, id: CallId) -> Result<CallId, softphone_api::CommandError> {
        self.call(id)?;
        let nobody = || refuse(CommandErrorCode::WrongPhase, format!("nobody is consulted about call {}", id.0));
        self.consulted_about(id).ok_or_else(nobody)
    }

    /// The call that waits for one to a target.
    pub(super) fn waiting_for_target(&self, id: CallId) -> Option<&CallState> {
        let ended = || self.undecided.iter().map(|one| &one.call).find(|call| call.id == id);
        self.calls.get(&id).or_else(ended)
    }

    pub(super) fn consulted_about(&self, id: CallId) -> Option<CallId> {
        self.calls.values().find(|call| call.consults_for == Some(id)).map(|call| call.id)
    }

    fn step(&mut self, id: CallId, transfer: Transfer) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.transfer = Some(transfer);
        }
        self.emit_call(id);
    }

    fn step_to(&mut self, id: CallId, step: TransferStep) {
        let transfer = self.calls.get_mut(&id).and_then(|call| call.transfer.as_mut());
        let Some(transfer) = transfer.filter(|transfer| is_under_way(transfer) && transfer.step != step) else {
            return;
        };
        transfer.step = step;
        self.emit_call(id);
    }

    fn awaits_joining(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.join_until = Some(Instant::now() + JOIN);
        }
    }

    fn join(&mut self, id: CallId, target: CallId) {
        if let Some(call) = self.calls.get_mut(&target) {
            call.ring_until = None;
        }
        match self.phone.transfer_into(id, target) {
            Ok(()) => {
                self.awaits_joining(id);
                self.step_to(id, TransferStep::Joining);
            }
            Err(e) => {
                tracing::warn!(call = id.0, "the two calls cannot be joined: {e}");
                self.give_up(id, target, TransferFailure::NotJoined);
            }
        }
    }

    /// The call to the target ends, the other one is the operator's again.
    fn give_up(&mut self, id: CallId, target: CallId, failure: TransferFailure) {
        self.transfer_failed(id, failure, None);
        let _ = self.finish(target, EndedBy::Us, 0);
    }

    fn transfer_failed(&mut self, id: CallId, failure: TransferFailure, sip_status: Option<u16>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(transfer) = call.transfer.as_mut().filter(|transfer| is_under_way(transfer)) else { return };
        transfer.step = TransferStep::Failed;
        transfer.failure = Some(failure);
        transfer.sip_status = sip_status.filter(|code| *code != 0);
        tracing::info!(call = id.0, ?failure, "the call is not handed over");
        self.is_back(id);
    }

    /// Taken from hold, unless the operator speaks with somebody else meanwhile.
    fn is_back(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.join_until = None;
        }
        let speaks = self.calls.values().any(|call| {
            call.id != id && call.consults_for != Some(id) && call.phase() == CallPhase::Talking && !call.want_hold
        });
        if !speaks {
            self.wish_hold(id, false);
        }
        self.emit_call(id);
    }

    fn handed_over(&mut self, id: CallId) {
        self.step_to(id, TransferStep::Done);
        if let Some(call) = self.calls.get_mut(&id) {
            call.join_until = None;
        }
        for call in [Some(id), self.consulted_about(id)].into_iter().flatten() {
            self.pbx_ends(call);
        }
    }

    fn pbx_ends(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.ended_by.get_or_insert(EndedBy::Us);
            call.end_at.get_or_insert_with(|| Instant::now() + PBX_ENDS);
        }
    }

    /// How our REFER fares, as the other side tells.
    pub(in super::super) fn transfer_told(&mut self, id: CallId, code: u16, over: bool) {
        if over && code >= 200 && self.decide(id, code < 300) {
            return;
        }
        let Some(transfer) = self.calls.get(&id).and_then(|call| call.transfer.clone()) else { return };
        if !is_under_way(&transfer) {
            return;
        }
        let blind = transfer.kind == TransferKind::Blind;
        match code {
            180..=189 if blind => {
                self.awaits_joining(id);
                self.step_to(id, TransferStep::Ringing);
            }
            200..=299 if over => self.handed_over(id),
            300.. if over && blind => self.transfer_failed(id, failure_of(code), Some(code)),
            300.. if over => match self.consulted_about(id) {
                Some(target) => self.give_up(id, target, TransferFailure::NotJoined),
                None => self.transfer_failed(id, TransferFailure::NotJoined, Some(code)),
            },
            _ => {}
        }
    }

    /// The call to a target has come further.
    pub(super) fn target_state(&mut self, target: CallId) {
        let Some(call) = self.calls.get(&target) else { return };
        let (Some(id), phase, waits) = (call.consults_for, call.phase(), call.ring_until.is_some()) else { return };
        let joins = call.join_at.is_some();
        match phase {
            CallPhase::RingingThere => self.step_to(id, TransferStep::Ringing),
            phase if ANSWERED.contains(&phase) => {
                let is_new = self
                    .calls
                    .get(&id)
                    .and_then(|call| call.transfer.as_ref())
                    .is_some_and(|transfer| matches!(transfer.step, TransferStep::Calling | TransferStep::Ringing));
                if is_new && waits {
                    if let Some(call) = self.calls.get_mut(&target) {
                        call.ring_until = None;
                        call.join_at = Some(Instant::now() + BEFORE_JOIN);
                    }
                } else if is_new && !joins {
                    self.step_to(id, TransferStep::Consulting);
                }
            }
            _ => {}
        }
    }

    /// The call to a target is over: what becomes of the call that waits for it?
    pub(super) fn target_over(&mut self, id: CallId, code: u16, by: EndedBy) {
        if self.decide(id, by == EndedBy::FarSide) {
            return;
        }
        let step = self.calls.get(&id).and_then(|call| call.transfer.as_ref()).map(|transfer| transfer.step);
        match step {
            Some(TransferStep::Calling | TransferStep::Ringing) => {
                self.transfer_failed(id, failure_of(code), Some(code));
            }
            // They have spoken, and the colleague or the operator hung up.
            Some(TransferStep::Consulting) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.transfer = None;
                }
                self.is_back(id);
            }
            // While the two are joined the PBX ends both; what it says about it is still to come.
            _ => {}
        }
    }

    /// The call that was to be handed over is over: what becomes of the call to its target?
    pub(super) fn waiting_over(&mut self, id: CallId, transfer: Option<&Transfer>) {
        let Some(target) = self.consulted_about(id) else { return };
        match transfer.map(|transfer| (transfer.step, transfer.kind)) {
            Some((TransferStep::Joining | TransferStep::Done, _)) => self.pbx_ends(target),
            Some((_, TransferKind::HandOver)) => drop(self.finish(target, EndedBy::Us, 0)),
            _ => {
                // The customer hung up first: the operator goes on speaking with the colleague.
                if let Some(call) = self.calls.get_mut(&target) {
                    call.consults_for = None;
                    self.emit_call(target);
                }
            }
        }
    }

    /// It rang long enough, or nobody said what became of the joining.
    pub(super) fn transfer_due(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(call.end_at) {
            call.end_at = None;
            let _ = self.finish(id, EndedBy::Us, 0);
        } else if is_due(call.join_at) {
            call.join_at = None;
            if let Some(waiting) = call.consults_for {
                self.join(waiting, id);
            }
        } else if is_due(call.ring_until) {
            call.ring_until = None;
            if let Some(waiting) = call.consults_for {
                self.give_up(waiting, id, TransferFailure::NoAnswer);
            }
        } else if is_due(call.join_until) {
            call.join_until = None;
            match self.consulted_about(id) {
                Some(target) => self.give_up(id, target, TransferFailure::NotJoined),
                None => self.transfer_failed(id, TransferFailure::NotJoined, None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TransferFailure, failure_of};

    #[test]
    fn why_nobody_took_it() {
        use TransferFailure::{Busy, NoAnswer, Refused, Unavailable};
        for (code, failure) in [
            (486, Busy),
            (600, Busy),
            (408, NoAnswer),
            (487, NoAnswer),
            (603, Refused),
            (403, Refused),
            (404, Unavailable),
            (480, Unavailable),
            (503, Unavailable),
        ] {
            assert_eq!(failure_of(code), failure, "{code}");
        }
    }
}
