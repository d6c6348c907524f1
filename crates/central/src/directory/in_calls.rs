//! What calls showed that the directory does not know: endpoints, queues, numbers of the house, fields of user events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ObservedPbx;

/// Of one PBX so many are kept; those that were quiet for longest go.
const MOST: usize = 200;

/// Something that calls showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InCalls {
    /// What.
    pub what: Shown,
    /// As the PBX calls it.
    pub name: String,
    /// In how many calls.
    pub count: u64,
    /// When first, ms since the Unix epoch.
    pub first_ms: i64,
    /// When last, ms since the Unix epoch.
    pub last_ms: i64,
    /// Of an endpoint: how many different numbers were at its far end, as far as it is known.
    #[serde(default)]
    pub far_numbers: u32,
}

/// What a call shows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// An endpoint: `PJSIP/trunk-a`.
    Endpoint,
    /// A queue.
    Queue,
    /// A number that somebody dialled from outside over a known line.
    Number,
    /// A field of a user event: `Callback.Reason`. Its values are nowhere kept.
    UserEvent,
}

impl InCalls {
    fn and(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.far_numbers = self.far_numbers.max(other.far_numbers);
    }
}

impl ObservedPbx {
    /// With what more calls showed.
    #[must_use]
    pub fn with_calls(mut self, more: &[InCalls]) -> Self {
        let all = self.in_calls.iter().chain(more);
        let mut known: BTreeMap<(Shown, &str), InCalls> = BTreeMap::new();
        for shown in all {
            let known = known.entry((shown.what, &shown.name));
            known.and_modify(|known| known.and(shown)).or_insert_with(|| shown.clone());
        }
        let mut known: Vec<InCalls> = known.into_values().collect();
        if known.len() > MOST {
            known.sort_by_key(|shown| std::cmp::Reverse(shown.last_ms));
            known.truncate(MOST);
            known.sort_by(|one, two| (one.what, &one.name).cmp(&(two.what, &two.name)));
        }
        self.in_calls = known;
        self
    }

    /// Of one kind.
    pub fn shown(&self, what: Shown) -> impl Iterator<Item = &InCalls> {
        self.in_calls.iter().filter(move |shown| shown.what == what)
    }
}

#[cfg(test)]
mod tests {
    use super::{InCalls, MOST, Shown};
    use crate::directory::ObservedPbx;

    #[test]
    fn what_calls_show_is_counted_and_bounded() {
        let shown = |name: &str, at_ms, far_numbers| InCalls {
            what: Shown::Queue,
            name: name.to_owned(),
            count: 2,
            first_ms: at_ms,
            last_ms: at_ms,
            far_numbers,
        };
        let seen = ObservedPbx::default().with_calls(&[shown("700", 20, 3)]).with_calls(&[shown("700", 10, 1)]);
        let both = InCalls { count: 4, first_ms: 10, last_ms: 20, ..shown("700", 0, 3) };
        assert_eq!(seen.in_calls, [both]);
        let many: Vec<InCalls> = (0..MOST as i64).map(|at| shown(&format!("q{at:03}"), 100 + at, 0)).collect();
        let full = seen.with_calls(&many);
        assert_eq!((full.in_calls.len(), &*full.in_calls[0].name), (MOST, "q000"), "700 was quiet for longest");
        // A look replaces what it sees, and this it does not see.
        assert_eq!(ObservedPbx::default().after(full.clone()), full);
    }
}
