//! Everything that the softphone plays by itself: ringing, what a line says, beeps, and the tests for people.
//!
//! What should be heard follows from the state of the calls (`wish`), and is brought about after each event; so nothing
//! in the life of a call needs to start or stop a tone, and none is forgotten.

mod ear;
mod players;
mod ring;
mod settings;
mod sound_test;
mod wish;

use std::time::Instant;

use super::Loop;
pub(super) use ear::Beep;
pub(super) use settings::check_ring_tone;

/// What sounds now.
#[derive(Debug, Default)]
pub(super) struct Tones {
    players: players::Players,
    ring: ring::Ring,
    ear: ear::Ear,
    test: Option<sound_test::Test>,
}

impl Tones {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let test = self.test.as_ref().map(sound_test::Test::deadline);
        let all = [self.ring.deadline(), self.players.deadline(), self.ear.deadline(), test.flatten()];
        all.into_iter().flatten().min()
    }
}

impl Loop {
    /// After each event.
    pub(super) fn tick_tones(&mut self, now: Instant) {
        self.give_up_players(now);
        let wish = wish::wish(self.calls.values().map(super::calls::CallState::audible));
        // A call must ring at once: before a test is ended, which may take its time.
        self.settle_ring(wish.ring, now);
        self.settle_test(now);
        self.settle_ear(wish, now);
    }
}
