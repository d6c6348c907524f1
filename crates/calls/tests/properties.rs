//! What no order of events and no repetition may change, of streams that were recorded.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

mod streams;

use proptest::prelude::*;
use streams::laws::{self, MOVED_MS};
use streams::recorded;

/// Of real PBXs in the lab; numbers are invented.
const STREAMS: [(&str, &str); 3] = [
    ("16 call", include_str!("../../ami/tests/data/asterisk16-queue-call.txt")),
    ("22 call", include_str!("../../ami/tests/data/asterisk22-queue-call.txt")),
    ("22 abandon", include_str!("../../ami/tests/data/asterisk22-queue-abandon.txt")),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_permitted_order_gives_the_same_calls(moves in prop::collection::vec(0..=MOVED_MS, 40..200)) {
        for (name, text) in STREAMS {
            laws::order(name, &recorded(text), &moves);
        }
    }

    #[test]
    fn what_is_said_twice_changes_nothing(
        which in prop::collection::vec(any::<bool>(), 10..100),
        later in prop::collection::vec(1_usize..8, 10..50),
    ) {
        for (name, text) in STREAMS {
            let [once, twice] = laws::repetition(&recorded(text), &which, &later);
            assert_eq!(once, twice, "{name}");
        }
    }

    #[test]
    fn half_of_a_stream_breaks_nothing(keep in prop::collection::vec(any::<bool>(), 10..100)) {
        for (name, text) in STREAMS {
            laws::part(name, &recorded(text), &keep);
        }
    }

    #[test]
    fn a_journal_gives_the_same_calls(killed in 0_usize..10_000, dumped in 0_usize..10_000) {
        for (name, text) in STREAMS {
            laws::journal(name, &recorded(text), killed, dumped);
        }
    }
}
