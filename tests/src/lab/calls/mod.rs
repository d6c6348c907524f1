//! The scenarios of calls: what people do with telephones in a call centre, played on real PBXs with real SIP, each of them a
//! small function that says in words what happened and measures it at the wire.
//!
//! What a manager's connection reports meanwhile is recorded, byte by byte with the time of arrival. The assembly of calls must
//! make out of the recording what the people did.
//!
//! All scenarios of a PBX can be played at the same time: each has its own phones, queues and numbers. In scenario 24, phones of
//! PBX A are 12401, 12402, …, those of PBX B 22401, …; queues are 7241, 7242; customers call from +7 495 124-00-01, …; who is
//! called outside has +7 812 124-00-01, ….
//!
//! `linedesk-scenarios` plays and records them by hand.

mod collected;
pub mod expected;
pub mod gap;
mod hall;
mod office;
mod others;
mod queue;
mod recorder;
mod run;
mod scenario;
mod stage;
mod told;
mod transfers;
mod trunk;

pub use collected::{Collected, HOLDERS, Holder};
pub use hall::{Hall, House, Kind, Site};
pub use recorder::{Recorder, Recording, write_whole};
pub use run::{Played, Recordings, alone, together};
pub use scenario::{Member, Office, Queue, Scenario};
pub use stage::Stage;
pub use told::Told;

/// All of them.
pub fn scenarios() -> Vec<&'static Scenario> {
    [queue::SCENARIOS, transfers::SCENARIOS, others::SCENARIOS, trunk::SCENARIOS].into_iter().flatten().collect()
}

/// One that takes minutes, and is not among them.
pub fn ringall_for_minutes() -> &'static Scenario {
    &queue::RINGALL_MINUTES
}

/// Those of these names.
pub fn named(names: &[&str]) -> Vec<&'static Scenario> {
    scenarios().into_iter().filter(|scenario| names.contains(&scenario.name)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_scenario_has_its_own_name_and_numbers() {
        let all = scenarios();
        let names: HashSet<_> = all.iter().map(|scenario| scenario.name).collect();
        let numbers: HashSet<_> = all.iter().map(|scenario| scenario.number).collect();
        assert_eq!((names.len(), numbers.len()), (all.len(), all.len()));
        assert!(all.iter().all(|scenario| (1..100).contains(&scenario.number)));
    }
}
