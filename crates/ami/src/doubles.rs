//! Several connections to one PBX tell the same events; each is wanted once.
//!
//! Asterisk makes the text of an event once and writes it to every manager session, in the same order. So a text that one
//! connection delivered and another has not yet is expected there and passed over when it comes; what comes by whichever is
//! first. When a connection dies, the others bring what it would have brought, and nothing of it is missing or doubled.
//!
//! Texts are counted, not only remembered: without `timestampevents` two events may have the same one.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use crate::Message;

/// Connections to one PBX.
pub const MAX_CONNECTIONS: usize = 4;

/// How long a text is expected of a connection that has not told it. One that is further behind does not answer pings, and is
/// given up long before.
const EXPECTED_MS: i64 = 60_000;

/// Texts that are remembered at most: a minute of a PBX that says 15,000 events a second (some 60 MB).
const MAX_KNOWN: usize = 900_000;

/// Who told what.
#[derive(Debug)]
pub struct Doubles {
    connections: usize,
    most: usize,
    known: HashMap<u64, Told>,
    /// Texts by the time they were told first; a text may stand here although it is no longer known.
    by_age: VecDeque<(i64, u64)>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Told {
    last_ms: i64,
    delivered: u32,
    by: [u32; MAX_CONNECTIONS],
}

impl Doubles {
    /// For so many connections, at most [`MAX_CONNECTIONS`].
    #[must_use]
    pub fn new(connections: usize) -> Self {
        Self::bounded(connections, MAX_KNOWN)
    }

    fn bounded(connections: usize, most: usize) -> Self {
        let connections = connections.min(MAX_CONNECTIONS);
        Self { connections, most, known: HashMap::new(), by_age: VecDeque::new(), hasher: RandomState::new() }
    }

    /// Whether an event that came by a connection was not told by another one before. `now_ms` never goes back.
    pub fn is_new(&mut self, connection: usize, event: &Message, now_ms: i64) -> bool {
        if self.connections < 2 || connection >= self.connections {
            return true;
        }
        self.forget(now_ms);
        let text = self.hasher.hash_one(event.text());
        let told = self.known.entry(text).or_insert_with(|| {
            self.by_age.push_back((now_ms, text));
            Told::default()
        });
        told.last_ms = now_ms;
        told.by[connection] = told.by[connection].saturating_add(1);
        let is_new = told.by[connection] > told.delivered;
        if is_new {
            told.delivered = told.by[connection];
        } else if told.by[..self.connections].iter().all(|count| *count == told.delivered) {
            // All have told it: nothing more is expected.
            self.known.remove(&text);
        }
        is_new
    }

    /// Texts that are remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn forget(&mut self, now_ms: i64) {
        while let Some((at, text)) = self.by_age.front().copied() {
            let is_many = self.by_age.len() >= self.most;
            if !is_many && now_ms - at < EXPECTED_MS {
                return;
            }
            self.by_age.pop_front();
            match self.known.get(&text) {
                Some(told) if !is_many && now_ms - told.last_ms < EXPECTED_MS => {
                    self.by_age.push_back((told.last_ms, text))
                }
                Some(_) => drop(self.known.remove(&text)),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubles, EXPECTED_MS};
    use crate::Message;
    use proptest::prelude::*;

    fn event(text: &str) -> Message {
        Message::new([("Event", text)])
    }

    #[test]
    fn what_one_told_is_passed_over_by_the_other() {
        let mut doubles = Doubles::new(2);
        assert!(doubles.is_new(0, &event("a"), 0));
        assert!(!doubles.is_new(1, &event("a"), 1));
        assert!(doubles.is_empty());
        // The same text a second time is another event.
        assert!(doubles.is_new(1, &event("a"), 2));
        assert!(doubles.is_new(1, &event("a"), 3));
        assert!(!doubles.is_new(0, &event("a"), 4) && !doubles.is_new(0, &event("a"), 5));
        assert!(doubles.is_empty());
    }

    #[test]
    fn one_connection_remembers_nothing() {
        let mut doubles = Doubles::new(1);
        assert!(doubles.is_new(0, &event("a"), 0) && doubles.is_new(0, &event("a"), 0));
        assert!(doubles.is_empty());
    }

    #[test]
    fn what_a_dead_connection_owes_is_forgotten_in_time() {
        let mut doubles = Doubles::new(2);
        for at in 0..1000 {
            assert!(doubles.is_new(0, &event(&at.to_string()), at));
        }
        assert_eq!(doubles.len(), 1000);
        assert!(doubles.is_new(0, &event("late"), EXPECTED_MS + 499));
        assert_eq!(doubles.len(), 501);
        assert!(!doubles.is_new(1, &event("999"), EXPECTED_MS + 499), "it is expected still");
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut doubles = Doubles::bounded(2, 1_000);
        for at in 0..2_000 {
            doubles.is_new(0, &event(&at.to_string()), 0);
        }
        assert!(doubles.len() <= 1_000);
        assert!(doubles.by_age.len() <= 1_000);
    }

    proptest! {
        /// Two connections tell the same events, each from and until any moment, mixed in any way; but one of them stands at each
        /// moment. Each event is delivered once, in order.
        #[test]
        fn nothing_is_lost_or_doubled(
            events in 1_usize..60,
            kinds in 1_usize..60,
            // The first stands from the beginning to here, the second from there to the end.
            ends in 0_usize..60,
            begins in 0_usize..60,
            mix in prop::collection::vec(any::<bool>(), 120),
        ) {
            // With a time in it each text is its own; a few are the same all the same.
            let texts: Vec<String> = (0..events).map(|at| (at / events.div_ceil(kinds)).to_string()).collect();
            let begins = begins.min(ends).min(events);
            let ends = ends.min(events);
            let unique = kinds >= events;
            // Texts that repeat are told apart by counts alone, which needs both connections for all of them.
            let (mut first, mut second) = if unique { (0..ends, begins..events) } else { (0..events, 0..events) };
            let mut doubles = Doubles::new(2);
            let mut delivered = Vec::new();
            let mut mix = mix.into_iter().cycle();
            loop {
                // Who comes late cannot be ahead of what it was there for.
                let next = match (first.clone().next(), second.clone().next()) {
                    (None, None) => break,
                    (Some(_), Some(_)) => usize::from(mix.next().unwrap_or_default()),
                    (Some(_), None) => 0,
                    (None, Some(_)) => 1,
                };
                let at = if next == 0 { first.next() } else { second.next() };
                let at = at.expect("it has one");
                // The second begins in the middle: until then the first was alone.
                if next == 1 && unique {
                    while let Some(earlier) = first.clone().next().filter(|earlier| *earlier < begins) {
                        first.next();
                        if doubles.is_new(0, &event(&texts[earlier]), 0) {
                            delivered.push(texts[earlier].clone());
                        }
                    }
                }
                if doubles.is_new(next, &event(&texts[at]), 0) {
                    delivered.push(texts[at].clone());
                }
            }
            prop_assert_eq!(delivered, texts);
        }
    }
}
