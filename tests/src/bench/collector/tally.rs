//! What was told of the calls of a stream, to hold against what is known of it.

use ami::{Event, Message};
use calls::call::{Exit, MoveKind, Outcome};
use calls::{Assembly, Call, Directory, LINGER_MS, PbxIx, Who};

use super::mix::Told;

/// The PBX of a stream: all but the trunk are phones.
#[derive(Debug)]
pub struct House;

impl Directory for House {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        if endpoint.contains("/trunk") { Who::Trunk } else { Who::Phone }
    }
}

/// An assembly whose ended calls are counted.
#[derive(Debug)]
pub struct Counted {
    /// The assembly.
    pub assembly: Assembly,
    told: Told,
    last_ms: i64,
}

impl Default for Counted {
    fn default() -> Self {
        Self::new()
    }
}

impl Counted {
    /// Without any call.
    pub fn new() -> Self {
        let mut assembly = Assembly::new();
        assembly.give_ids(1..u64::MAX);
        Self { assembly, told: Told::default(), last_ms: 0 }
    }

    /// Takes an event at the time that it carries.
    pub fn event(&mut self, message: &Message) {
        self.last_ms = message.timestamp_us().map_or(self.last_ms, |at| at / 1000);
        self.assembly.event(PbxIx(0), self.last_ms, &Event::read(message));
    }

    /// Counts the calls that are over, by the time of the last event.
    pub fn end(&mut self) {
        for ended in self.assembly.take_ended(self.last_ms, &House) {
            self.told += told(&ended.call);
        }
    }

    /// All that was told, once nothing comes any more; and how many channels are still there.
    pub fn finish(mut self) -> (Told, usize) {
        self.last_ms += LINGER_MS;
        self.end();
        (self.told, self.assembly.figures().channels)
    }
}

/// What is told of a call.
pub(super) fn told(call: &Call) -> Told {
    let exits = |which: fn(&Exit) -> bool| call.visits.iter().filter(|visit| which(&visit.exit)).count() as u64;
    let vain = |outcome: &Outcome| matches!(outcome, Outcome::NotAnswered | Outcome::GivenUp);
    let transfers = call.moves.iter().filter(|moved| moved.kind == MoveKind::Attended && moved.success);
    Told {
        calls: 1,
        answered: exits(|exit| matches!(exit, Exit::Answered { by: Some(_) })),
        abandoned: exits(|exit| *exit == Exit::Abandoned),
        timed_out: exits(|exit| *exit == Exit::Timeout),
        attempts: call.attempts.len() as u64,
        vain: call.attempts.iter().filter(|attempt| vain(&attempt.outcome)).count() as u64,
        talks: call.talks.len() as u64,
        transfers: transfers.count() as u64,
    }
}
