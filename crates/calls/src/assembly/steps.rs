//! Steps of the dialplan: which of them say where a caller is, and which were said already.

use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;

/// Steps of one millisecond that are known again.
const MAX_STEPS: usize = 64;

/// Context, extension, application and its data.
pub(super) type Step<'s> = (&'s str, &'s str, &'s str, &'s str);

/// A channel's steps of its last millisecond, as hashes.
#[derive(Debug, Default)]
pub(super) struct Steps {
    at: i64,
    hashes: Vec<u64>,
}

impl Steps {
    /// Whether a step was said before in its millisecond; from now on it was.
    pub(super) fn is_known(&mut self, at: i64, step: Step<'_>) -> bool {
        let hash = FxBuildHasher.hash_one(step);
        if std::mem::replace(&mut self.at, at) != at {
            self.hashes.clear();
        }
        let known = self.hashes.contains(&hash);
        if !known && self.hashes.len() < MAX_STEPS {
            self.hashes.push(hash);
        }
        known
    }
}

/// Applications that say where a caller is; the others are the dialplan's own business.
pub(super) fn matters(application: &str) -> bool {
    matches!(
        application,
        "Queue"
            | "Dial"
            | "Park"
            | "Pickup"
            | "VoiceMail"
            | "ConfBridge"
            | "MeetMe"
            | "Read"
            | "BackGround"
            | "Background"
            | "WaitExten"
            | "Playback"
            | "ChanSpy"
            | "ExtenSpy"
            | "AgentLogin"
            | "Echo"
            | "MusicOnHold"
            | "FollowMe"
            | "Hangup"
    )
}
