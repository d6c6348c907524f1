//! The sound of a call: what its stream does, and who hears our microphone.

use std::time::Instant;

use softphone_api::{CallId, Reply, TransferKind};

use super::super::{Done, Loop};
use super::transfer::is_under_way;
use super::{CallState, Stream};

impl Loop {
    pub(in super::super) fn mute(&mut self, id: CallId, muted: bool) -> Done {
        self.call(id)?;
        for id in self.together(id) {
            if let Some(call) = self.calls.get_mut(&id) {
                call.muted = muted;
            }
            self.set_microphone(id);
            self.emit_call(id);
        }
        Ok(Reply::Done)
    }

    pub(in super::super) fn call_media(&mut self, id: CallId, stream: Stream) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (before, progress) = (call.phase(), call.progress);
        call.stream = stream;
        call.received_at = Instant::now();
        call.probe_until = None;
        if stream == Stream::HeldByUs {
            call.held.get_or_insert_with(Instant::now);
        } else if let Some(since) = call.held.take() {
            call.held_before += since.elapsed();
        }
        if (stream == Stream::HeldByUs) == call.want_hold {
            call.hold_at = None;
        } else if call.is_confirmed() && stream != Stream::None {
            // The wish has changed while the re-INVITE was under way.
            call.hold_at.get_or_insert_with(Instant::now);
        }
        // The other side has our new address.
        if call.told_moved {
            (call.moved, call.told_moved, call.moved_again) = (false, false, None);
        }
        // 0: what was said last stays true.
        call.goes_forward(0);
        if matches!(stream, Stream::Active | Stream::HeldThere) {
            self.settle_sound();
            self.set_microphone(id);
            self.mix();
        }
        let encrypted = self.phone.counters(id).is_some_and(|c| c.encrypted);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let changed = call.phase() != before || call.encrypted != encrypted || call.progress != progress;
        call.encrypted = encrypted;
        if changed {
            self.emit_call(id);
            self.target_state(id);
        }
        self.digits_go_on(id);
    }

    /// Joins the call with the sound device as it should be now: what comes is heard, and our microphone where it may be.
    pub(super) fn set_microphone(&self, id: CallId) {
        let Some(call) = self.calls.get(&id).filter(|call| matches!(call.stream, Stream::Active | Stream::HeldThere))
        else {
            return;
        };
        match self.phone.connect(id, self.may_hear_us(call)) {
            Ok(()) => {}
            // A far side that holds may want no sound in either direction, and then there is nothing to join.
            Err(e) if call.stream == Stream::HeldThere => tracing::debug!(call = id.0, "nothing comes from there: {e}"),
            Err(e) => tracing::warn!(call = id.0, "joining the call with the sound device: {e}"),
        }
    }

    /// Nobody hears the operator before the answer, on hold, muted, or while digits sound; and a colleague who is handed a
    /// call hears the customer first.
    fn may_hear_us(&self, call: &CallState) -> bool {
        let is_handed = |waiting: &CallState| {
            waiting.transfer.as_ref().is_some_and(|t| t.kind == TransferKind::HandOver && is_under_way(t))
        };
        let handed = call.consults_for.and_then(|id| self.waiting_for_target(id)).is_some_and(is_handed);
        call.answered.is_some() && !call.muted && !call.want_hold && !call.digits.sounding && !handed
    }
}
