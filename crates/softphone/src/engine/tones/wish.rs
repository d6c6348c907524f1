//! What should be heard now. Pure: it follows from the calls alone, so no path through their lives can forget a tone.

use std::time::Instant;

use super::super::calls::Audible;

/// What should be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wish {
    /// On all devices that ring.
    pub(super) ring: bool,
    /// A call comes in while the operator is busy with another.
    pub(super) call_waiting: bool,
    /// It rings there.
    pub(super) ringback: bool,
    /// Since when the first of the held calls waits.
    pub(super) held: Option<Instant>,
}

pub(super) fn wish(calls: impl IntoIterator<Item = Audible>) -> Wish {
    let (mut ringing, mut busy) = (false, false);
    let mut wish = Wish::default();
    for call in calls {
        match call {
            Audible::Ringing => ringing = true,
            Audible::RingingThere => (busy, wish.ringback) = (true, true),
            // Whoever has a call on hold may be away from the headset: a further call rings.
            Audible::Held(since) => wish.held = Some(wish.held.map_or(since, |first| first.min(since))),
            Audible::Busy => busy = true,
        }
    }
    wish.ring = ringing && !busy;
    wish.call_waiting = ringing && busy;
    wish
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_call_rings_unless_the_operator_is_busy() {
        let since = Instant::now();
        assert_eq!(wish([]), Wish::default());
        assert_eq!(wish([Audible::Ringing]), Wish { ring: true, ..Wish::default() });
        for busy in [Audible::Busy, Audible::RingingThere] {
            let wish = wish([Audible::Ringing, busy, Audible::Ringing]);
            assert!(wish.call_waiting && !wish.ring, "{busy:?}");
        }
        let held = wish([Audible::Held(since), Audible::Ringing]);
        assert!(held.ring && !held.call_waiting);
    }

    #[test]
    fn ringback_and_the_longest_hold() {
        let since = Instant::now();
        let later = since + Duration::from_secs(3);
        let wish = wish([Audible::Held(later), Audible::Held(since), Audible::RingingThere]);
        assert_eq!(wish, Wish { ringback: true, held: Some(since), ..Wish::default() });
    }
}
