//! Who held which phone when. A call belongs to whoever held its phone then, not to whoever has it now.

use std::collections::BTreeMap;

use central_api::{PhoneId, UserId};
use serde::{Deserialize, Serialize};

/// A phone was somebody's for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Which.
    pub phone: PhoneId,
    /// Whose.
    pub user: UserId,
    /// Since when, ms since the Unix epoch; 0: since nobody knows when.
    pub from_ms: i64,
    /// Until when, this moment no more; absent: still is.
    pub to_ms: Option<i64>,
    /// How it came to it.
    pub why: Why,
}

/// How somebody came to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The configuration gave it: the person's own number.
    Configuration,
    /// The person signed in at the seat whose number it is.
    Seat,
}

impl Assignment {
    /// Whether it held at this moment.
    #[must_use]
    pub fn holds_at(&self, at_ms: i64) -> bool {
        self.from_ms <= at_ms && self.to_ms.is_none_or(|to| at_ms < to)
    }
}

/// The assignments that a live call may need: those that are open, and those that ended lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignments {
    of_phone: BTreeMap<PhoneId, Vec<Assignment>>,
    complete_since_ms: i64,
}

/// It was before what is kept in memory: the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("who held the phone then is no longer in memory; ask the store")]
pub struct LongAgo;

impl Assignments {
    /// All that held at this moment or later.
    #[must_use]
    pub fn new(complete_since_ms: i64, assignments: impl IntoIterator<Item = Assignment>) -> Self {
        let mut of_phone: BTreeMap<PhoneId, Vec<Assignment>> = BTreeMap::new();
        for assignment in assignments {
            of_phone.entry(assignment.phone).or_default().push(assignment);
        }
        for assignments in of_phone.values_mut() {
            assignments.sort_by_key(|assignment| assignment.from_ms);
        }
        Self { of_phone, complete_since_ms }
    }

    /// Who held the phone at this moment; nobody may have.
    ///
    /// # Errors
    /// When it is too long ago.
    pub fn holder(&self, phone: PhoneId, at_ms: i64) -> Result<Option<&Assignment>, LongAgo> {
        let all = self.of_phone.get(&phone).map_or(&[][..], Vec::as_slice);
        match all.iter().rev().find(|assignment| assignment.holds_at(at_ms)) {
            None if at_ms < self.complete_since_ms => Err(LongAgo),
            found => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_has_one_holder_or_nobody_or_is_too_old_to_tell() {
        let (phone, other) = (PhoneId(1), PhoneId(2));
        let held = |user, from_ms, to_ms| Assignment { phone, user: UserId(user), from_ms, to_ms, why: Why::Seat };
        let assignments = Assignments::new(100, [held(2, 150, None), held(1, 50, Some(120)), held(3, 120, Some(120))]);
        for (at, user) in
            [(100, Some(1)), (119, Some(1)), (120, None), (149, None), (150, Some(2)), (i64::MAX, Some(2))]
        {
            let holder = assignments.holder(phone, at).unwrap();
            assert_eq!(holder.map(|holder| holder.user.0), user, "{at}");
        }
        assert_eq!(assignments.holder(phone, 60).unwrap().unwrap().user, UserId(1), "what is known is told");
        assert_eq!(assignments.holder(phone, 49), Err(LongAgo));
        assert_eq!(assignments.holder(other, 100), Ok(None));
        assert_eq!(assignments.holder(other, 99), Err(LongAgo));
    }
}
