//! What of a call is to be heard beside its own sound.

use std::time::Instant;

use softphone_api::CallPhase;

use super::{CallState, Stream};

/// What a call asks of the softphone's own tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audible {
    /// It rings here.
    Ringing,
    /// It rings there, and nothing comes from there to be heard.
    RingingThere,
    /// On hold by us, since then.
    Held(Instant),
    /// The operator is busy with it.
    Busy,
}

impl CallState {
    pub(crate) fn audible(&self) -> Audible {
        match self.phase() {
            CallPhase::Ringing => Audible::Ringing,
            // With early media the PBX plays what there is to hear.
            CallPhase::RingingThere if self.stream == Stream::None => Audible::RingingThere,
            CallPhase::Held => Audible::Held(self.held.unwrap_or(self.started)),
            _ => Audible::Busy,
        }
    }
}
