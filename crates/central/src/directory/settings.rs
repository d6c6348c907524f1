//! What figures depend on, and from when on: a past figure uses what was valid then.

use std::collections::BTreeMap;

use central_api::{QueueId, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::GroupId;

/// One kind of setting. A new one is a type with this, and a line in [`is_understood`].
pub trait Setting {
    /// By which it is kept.
    const NAME: &'static str;
    /// Its values.
    type Value: Serialize + DeserializeOwned + PartialEq;
    /// What holds where nobody ever said anything.
    fn default() -> Self::Value;
}

macro_rules! settings {
    ($($(#[$doc:meta])* $type:ident($name:literal, $value:ty, $default:expr);)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $type;

            impl Setting for $type {
                const NAME: &'static str = $name;
                type Value = $value;
                fn default() -> $value {
                    $default
                }
            }
        )*

        /// Whether a value that is kept is one of its setting. Names of a newer program are nobody's business here.
        pub(crate) fn is_understood(name: &str, value: &str) -> bool {
            match name {
                $($name => serde_json::from_str::<$value>(value).is_ok(),)*
                _ => true,
            }
        }
    };
}

settings! {
    /// Service level: an answer within so many seconds is in time.
    ServiceLevelWithin("service-level-s", u32, 20);
    /// Service level: so many of a hundred are to be in time.
    ServiceLevelTarget("service-level-percent", u32, 80);
    /// Who gives up before so many seconds is no lost customer.
    ShortCall("short-call-s", u32, 5);
    /// A person's figures are made. Without them the calls are kept for the customer's sake, and told of nobody.
    Tracked("tracked", bool, true);
}

/// What a setting is said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything; what is said nowhere else.
    Tenant,
    /// A queue.
    Queue(QueueId),
    /// A group.
    Group(GroupId),
    /// A person.
    User(UserId),
}

/// All settings with their times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Value as JSON by the moment from which it holds, ms since the Unix epoch.
    of: BTreeMap<(String, Scope), BTreeMap<i64, String>>,
}

impl Settings {
    /// Puts a value in, from a moment on.
    pub fn put(&mut self, name: &str, scope: Scope, valid_from_ms: i64, value: String) {
        self.of.entry((name.to_owned(), scope)).or_default().insert(valid_from_ms, value);
    }

    /// What holds at this moment: what is said of the scope itself, else of the tenant, else the default.
    #[must_use]
    pub fn at<S: Setting>(&self, scope: Scope, at_ms: i64) -> S::Value {
        [scope, Scope::Tenant].into_iter().find_map(|scope| self.own_at::<S>(scope, at_ms)).unwrap_or_else(S::default)
    }

    /// What is said of the scope itself and holds at this moment.
    #[must_use]
    pub fn own_at<S: Setting>(&self, scope: Scope, at_ms: i64) -> Option<S::Value> {
        let times = self.of.get(&(S::NAME.to_owned(), scope))?;
        let (_, value) = times.range(..=at_ms).next_back()?;
        serde_json::from_str(value).ok()
    }

    /// Moments at which something of the scope itself changes, with the value from then on.
    pub fn changes<S: Setting>(&self, scope: Scope) -> impl Iterator<Item = (i64, S::Value)> {
        let times = self.of.get(&(S::NAME.to_owned(), scope)).into_iter().flatten();
        times.filter_map(|(from, value)| Some((*from, serde_json::from_str(value).ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_nearest_and_last_holds() {
        let (queue, other) = (Scope::Queue(QueueId(7)), Scope::Queue(QueueId(8)));
        let mut settings = Settings::default();
        assert_eq!(settings.at::<ServiceLevelWithin>(queue, 0), 20);
        for (scope, from, value) in
            [(Scope::Tenant, 0, "30"), (queue, 100, "10"), (queue, 200, "15"), (Scope::Tenant, 150, "40")]
        {
            settings.put(ServiceLevelWithin::NAME, scope, from, value.to_owned());
        }
        for (scope, at, value) in [
            (queue, 0, 30),
            (queue, 99, 30),
            (queue, 100, 10),
            (queue, 199, 10),
            (queue, 200, 15),
            (other, 149, 30),
            (other, 150, 40),
            (Scope::Group(GroupId(7)), 150, 40),
        ] {
            assert_eq!(settings.at::<ServiceLevelWithin>(scope, at), value, "{scope:?} {at}");
        }
        assert_eq!(settings.at::<ShortCall>(queue, 200), 5, "another setting");
        assert_eq!(settings.changes::<ServiceLevelWithin>(queue).collect::<Vec<_>>(), [(100, 10), (200, 15)]);
    }

    #[test]
    fn values_are_understood() {
        assert!(is_understood("service-level-s", "20") && is_understood("tracked", "false"));
        assert!(!is_understood("service-level-s", "\"soon\"") && !is_understood("tracked", "1"));
        assert!(is_understood("of tomorrow", "{}"));
    }
}
