//! The conference: calls that hear each other and the operator. They are held, resumed and muted together.

use softphone_api::{CallId, CallPhase, CommandErrorCode, Reply};

use super::super::{Done, Loop, refuse};
use super::{CallState, Stream};

/// With the operator these are five.
const MOST: usize = 4;

impl Loop {
    pub(super) fn members(&self) -> Vec<CallId> {
        self.calls.values().filter(|call| call.conference).map(|call| call.id).collect()
    }

    /// The calls that are held, resumed and muted with this one.
    pub(super) fn together(&self, id: CallId) -> Vec<CallId> {
        if self.calls.get(&id).is_some_and(|call| call.conference) { self.members() } else { vec![id] }
    }

    pub(in super::super) fn conference(&mut self, ids: &[CallId]) -> Done {
        for id in ids {
            self.in_phase(*id, "be in a conference", &[CallPhase::Talking, CallPhase::Held, CallPhase::HeldThere])?;
        }
        let is_in = |call: &CallState| ids.contains(&call.id);
        let count = self.calls.values().filter(|call| is_in(call)).count();
        if count > MOST {
            let message = format!("a conference has at most {MOST} calls besides the operator");
            return Err(refuse(CommandErrorCode::BadArgument, message));
        }
        let leaving: Vec<CallId> = self.members().into_iter().filter(|id| count < 2 || !ids.contains(id)).collect();
        for id in &leaving {
            self.leave(*id);
        }
        for id in leaving.iter().filter(|id| !ids.contains(id)) {
            self.wish_hold(*id, true);
            self.emit_call(*id);
        }
        if count < 2 {
            if let [only, ..] = ids {
                self.resume(*only)?;
                self.emit_call(*only);
            }
            return Ok(Reply::Done);
        }
        for call in self.calls.values_mut().filter(|call| is_in(call)) {
            call.conference = true;
            // Who is consulted about a customer speaks with them from now on.
            call.consults_for = None;
            call.transfer = None;
        }
        let members = self.members();
        let _ = self.hold_others(members.first().copied());
        for id in members {
            self.wish_hold(id, false);
            // Whom somebody was being handed to did not hear us yet.
            self.set_microphone(id);
            self.emit_call(id);
        }
        self.mix();
        Ok(Reply::Done)
    }

    pub(in super::super) fn leave_conference(&mut self) -> Done {
        let members = self.members();
        let [one, other] = members[..] else {
            let message = format!("two calls can be joined with each other, not {}", members.len());
            return Err(refuse(CommandErrorCode::WrongPhase, message));
        };
        self.join_members(one, other)
    }

    /// Everybody in the conference hears everybody; what is joined already stays so.
    pub(super) fn mix(&self) {
        let members: Vec<&CallState> =
            self.calls.values().filter(|call| call.conference && call.stream == Stream::Active).collect();
        for (i, one) in members.iter().enumerate() {
            for other in &members[i + 1..] {
                if let Err(e) = self.phone.mix(one.id, other.id, true) {
                    tracing::warn!(
                        call = one.id.0,
                        other = other.id.0,
                        "two calls of the conference are not joined: {e}"
                    );
                }
            }
        }
    }

    /// It hears the others no more.
    fn leave(&mut self, id: CallId) {
        for other in self.members().into_iter().filter(|other| *other != id) {
            // Whose stream is gone already hears nobody.
            let _ = self.phone.mix(id, other, false);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.conference = false;
        }
    }

    /// A call is over: one alone is no conference.
    pub(super) fn conference_shrinks(&mut self) {
        if let [last] = self.members()[..] {
            self.leave(last);
            self.emit_call(last);
        }
    }
}
