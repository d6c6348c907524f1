//! The sound of a call: what its stream does, and who hears our microphone.

use std::time::Instant;

use softphone_api::{CallId, Reply};

use super::super::{Done, Loop};
use super::Stream;

impl Loop {
    pub(in super::super) fn mute(&mut self, id: CallId, muted: bool) -> Done {
        self.call(id)?;
        for id in self.together(id) {
            if let Some(call) = self.calls.get_mut(&id) {
                call.muted = muted;
                if call.stream == Stream::Active && !call.want_hold {
                    self.phone.connect(id, !muted)?;
                }
            }
            self.emit_call(id);
        }
        Ok(Reply::Done)
    }

    pub(in super::super) fn call_media(&mut self, id: CallId, stream: Stream) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let before = call.phase();
        call.stream = stream;
        call.received_at = Instant::now();
        call.probe_until = None;
        if stream == Stream::HeldByUs {
            call.held.get_or_insert_with(Instant::now);
        } else {
            call.held = None;
        }
        if (stream == Stream::HeldByUs) == call.want_hold {
            call.hold_at = None;
        }
        let microphone = !call.muted && !call.want_hold;
        if matches!(stream, Stream::Active | Stream::HeldThere) {
            if let Err(e) = self.phone.connect(id, microphone) {
                tracing::warn!(call = id.0, "joining the call with the sound device: {e}");
            }
            self.mix();
        }
        let encrypted = self.phone.counters(id).is_some_and(|c| c.encrypted);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let changed = call.phase() != before || call.encrypted != encrypted;
        call.encrypted = encrypted;
        if changed {
            self.emit_call(id);
            self.target_state(id);
        }
    }
}
