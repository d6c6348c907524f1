//! How a call ends: one record for each, which says by whom and why.

use std::time::{Duration, Instant};

use softphone_api::{CallEnd, CallId, CallRecord, EndedBy, Event, Transfer, TransferFailure, TransferStep};

use super::super::{FORGET_AFTER, Loop};
use super::transfer::PBX_ENDS;
use super::{CallState, Invite, is_dead};

/// How long the softphone's own end waits for the other side to agree that the calls are over.
const LAST_WORDS: Duration = Duration::from_millis(700);

/// A call that is over while the PBX was joining it with another: it was joined, or the customer has hung up. SIP says so
/// only if the last NOTIFY still comes; else what becomes of the call to the target tells: a PBX that joins ends both.
#[derive(Debug)]
pub(crate) struct Undecided {
    pub(super) call: CallState,
    end: CallEnd,
    until: Instant,
}

/// The cause out of a Reason header (RFC 3326): `Q.850;cause=16;text="Normal Clearing"`, perhaps after one of SIP's own.
pub(super) fn q850(header: &str) -> Option<u16> {
    let of_q850 = header.split(',').find(|reason| reason.trim_start().to_ascii_lowercase().starts_with("q.850"))?;
    let cause = of_q850.split(';').find_map(|parameter| parameter.trim().strip_prefix("cause="))?;
    cause.trim().parse().ok()
}

impl Loop {
    pub(super) fn call_over(&mut self, id: CallId, code: u16, reason: String, q850: Option<u16>) {
        let Some(mut call) = self.calls.remove(&id) else { return };
        call.invite = Invite::Disconnected;
        call.progress = None;
        if let Some(since) = call.held.take() {
            call.held_before += since.elapsed();
        }
        let by = match call.ended_by {
            Some(by) => by,
            // A conversation that ends with one of these had nobody to end it.
            None if call.answered.is_some() && is_dead(code) => EndedBy::Loss,
            None => EndedBy::FarSide,
        };
        let (code, reason) = match call.redirections.refused {
            // pjsip's own word for it would be that we cancelled.
            Some(why) if by == EndedBy::FarSide => (302, why.to_owned()),
            // pjsip does not ask about a place where the call has been already.
            None if code / 100 == 3 => (code, "redirected in a circle".to_owned()),
            _ if by == EndedBy::Loss && code < 300 => (code, "no sound and no answer".to_owned()),
            _ => (code, reason),
        };
        tracing::info!(call = id.0, ?by, code, "call {} is over", id.0);
        self.forget.push((Instant::now() + FORGET_AFTER, id));
        let end = CallEnd { by, sip_status: code, reason, q850 };
        let joining = call.transfer.as_ref().is_some_and(|transfer| transfer.step == TransferStep::Joining);
        if joining && by != EndedBy::Loss && self.consulted_about(id).is_some() {
            self.undecided.push(Undecided { call, end, until: Instant::now() + PBX_ENDS });
            return;
        }
        if let Some(transfer) = call.transfer.as_mut().filter(|_| joining && by != EndedBy::Loss) {
            // The other one has gone before it: the PBX has joined the two and did not say so any more.
            transfer.step = TransferStep::Done;
        }
        self.record(call, end);
    }

    fn record(&mut self, mut call: CallState, end: CallEnd) {
        call.quality = call.course.whole();
        let (id, waiting, transfer, code) = (call.id, call.consults_for, call.transfer.clone(), end.sip_status);
        let by = end.by;
        let record = Box::new(CallRecord { call: call.public(), end });
        self.line_refused(&record.call, code);
        self.emit(Event::CallEnded { record });
        if let Some(waiting) = waiting {
            self.target_over(waiting, code, by);
        }
        self.waiting_over(id, transfer.as_ref());
        self.conference_shrinks();
        self.drop_retired();
        self.settle_sound();
        self.settle_when_idle();
    }

    /// It is known now whether the PBX has joined the call with the other one.
    pub(super) fn decide(&mut self, id: CallId, joined: bool) -> bool {
        let Some(at) = self.undecided.iter().position(|one| one.call.id == id) else { return false };
        let Undecided { mut call, end, .. } = self.undecided.remove(at);
        let step = if joined { TransferStep::Done } else { TransferStep::Failed };
        let failure = (!joined).then_some(TransferFailure::NotJoined);
        call.transfer = call.transfer.map(|transfer| Transfer { step, failure, ..transfer });
        if !joined {
            tracing::info!(call = id.0, "the call ended before it could be handed over");
        }
        self.record(call, end);
        true
    }

    pub(super) fn decide_due(&mut self, now: Instant) {
        let due: Vec<CallId> = self.undecided.iter().filter(|one| one.until <= now).map(|one| one.call.id).collect();
        for id in due {
            // The call to the target goes on, so nobody has taken our place in it.
            self.decide(id, false);
        }
    }

    pub(in super::super) fn undecided_deadline(&self) -> Option<Instant> {
        self.undecided.iter().map(|one| one.until).min()
    }

    /// The softphone ends, and all calls with it: their records still go out.
    pub(in super::super) fn end_all(&mut self, inbox: &std::sync::mpsc::Receiver<super::super::Event>) {
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            if self.finish(id, EndedBy::Us, 0).is_err() {
                tracing::debug!(call = id.0, "hanging up at the end");
            }
        }
        let end = Instant::now() + LAST_WORDS;
        while !self.calls.is_empty() {
            match inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(super::super::Event::Phone(event)) => self.phone_event(event),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.call_over(id, 200, "the softphone ended".to_owned(), None);
        }
        while let Some(one) = self.undecided.first() {
            let id = one.call.id;
            self.decide(id, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes() {
        for (header, cause) in [
            ("Q.850;cause=16", Some(16)),
            ("Q.850;cause=17;text=\"User busy\"", Some(17)),
            ("SIP;cause=200;text=\"Call completed elsewhere\", q.850 ; cause=26", Some(26)),
            ("SIP;cause=487", None),
            ("Q.850;cause=", None),
            ("Q.850;cause=99999999", None),
            ("", None),
        ] {
            assert_eq!(q850(header), cause, "{header}");
        }
    }
}
