//! What a scenario's driver measured by itself, for whoever compares it with what a PBX reported.

use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::lab::{Leg, Phone};

/// A scenario as it went. Times are milliseconds since its begin.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Its name.
    pub scenario: String,
    /// In words.
    pub story: String,
    /// Asterisk: 16 or 22.
    pub version: &'static str,
    /// Members: `pjsip` or `local`.
    pub kind: &'static str,
    /// Begin of the scenario: milliseconds since 1970. Add it to the other times to have them absolute.
    pub began_at: u64,
    /// When the driver was done.
    pub took: i64,
    /// Who took part.
    pub people: Vec<Person>,
    /// Every SIP call of everybody, in order of their beginnings.
    pub legs: Vec<ToldLeg>,
    /// Who heard whom, both ways at the same time.
    pub talks: Vec<Talk>,
    /// Waits in queues, as the driver saw them.
    pub visits: Vec<Visit>,
    /// Who ended a talk or gave up, when: a person's wish. (A phone also ends its call after a transfer.)
    pub hung_up: Vec<(i64, String)>,
    /// What people did, in words.
    pub steps: Vec<Step>,
    /// How it ended, in words.
    pub outcome: String,
}

/// Somebody with a number.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    pub number: String,
    pub name: String,
    /// `operator` (a phone of a PBX) or `outside` (behind the trunk).
    pub role: &'static str,
    /// `a` or `b`: whose phone, or behind whose trunk.
    pub pbx: &'static str,
}

/// A SIP call of one phone.
#[derive(Debug, Clone, Serialize)]
pub struct ToldLeg {
    pub phone: String,
    pub call_id: String,
    /// `in` or `out`, as the phone sees it.
    pub direction: &'static str,
    /// Dialled number, or who calls as the phone saw it.
    pub far: String,
    pub far_name: String,
    pub began: i64,
    pub ringing: Option<i64>,
    pub answered: Option<i64>,
    pub ended: Option<i64>,
    /// `phone` (hung up, gave up, refused) or `pbx`.
    pub ended_by: Option<&'static str>,
    /// SIP status of a call that was not answered.
    pub status: Option<u16>,
    /// Reason header of BYE or CANCEL.
    pub reason: Option<String>,
    /// When this phone held the other side.
    pub holds: Vec<(i64, Option<i64>)>,
    /// When the PBX told this phone that it is held.
    pub held: Vec<(i64, Option<i64>)>,
    pub keys: Vec<(i64, String)>,
    pub transfers: Vec<ToldTransfer>,
    /// Who was heard: mark, first and last packet.
    pub heard: Vec<(String, i64, i64)>,
}

/// A REFER.
#[derive(Debug, Clone, Serialize)]
pub struct ToldTransfer {
    pub at: i64,
    pub to: String,
    pub attended: bool,
    pub accepted: Option<u16>,
    pub result: Option<(i64, u16)>,
}

/// Two who heard each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Talk {
    pub between: (String, String),
    pub from: i64,
    pub to: i64,
}

/// A wait in a queue.
#[derive(Debug, Clone, Serialize)]
pub struct Visit {
    pub who: String,
    pub queue: String,
    /// From the PBX's answer to the customer (Queue() begins right after it).
    pub from: i64,
    pub to: i64,
    /// `answered`, `abandoned`, `timeout`, `key`, `full`, `empty`, `handed-over` (somebody else waits from then on),
    /// `picked-up` (by somebody whom the queue did not ring).
    pub how: &'static str,
    /// Who answered.
    pub by: Option<String>,
}

/// Something somebody did.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub at: i64,
    pub what: String,
}

/// The begin of a scenario by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Begin {
    pub instant: Instant,
    pub wall: SystemTime,
}

impl Begin {
    /// Now.
    pub fn now() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now() }
    }

    /// Milliseconds since it.
    pub fn to(&self, moment: Instant) -> i64 {
        match moment.checked_duration_since(self.instant) {
            Some(after) => millis(after),
            None => -millis(self.instant - moment),
        }
    }

    /// Milliseconds since 1970.
    pub fn absolute(&self) -> u64 {
        let since = self.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// A phone's legs by this clock.
    pub fn legs(&self, phone: &Phone) -> Vec<ToldLeg> {
        phone.legs().into_iter().map(|leg| self.leg(leg)).collect()
    }

    fn leg(&self, leg: Leg) -> ToldLeg {
        let some = |moment: Option<Instant>| moment.map(|moment| self.to(moment));
        let interval = |(from, to): (Instant, Option<Instant>)| (self.to(from), some(to));
        let end = leg.end.as_ref();
        ToldLeg {
            direction: if leg.incoming { "in" } else { "out" },
            began: self.to(leg.began),
            ringing: some(leg.ringing),
            answered: some(leg.answered),
            ended: some(end.map(|end| end.at)),
            ended_by: end.map(|end| if end.by_us { "phone" } else { "pbx" }),
            status: end.and_then(|end| end.status),
            reason: end.and_then(|end| end.reason.clone()),
            holds: leg.holds.into_iter().map(interval).collect(),
            held: leg.held.into_iter().map(interval).collect(),
            keys: leg.keys.into_iter().map(|(at, keys)| (self.to(at), keys)).collect(),
            transfers: leg
                .transfers
                .into_iter()
                .map(|transfer| ToldTransfer {
                    at: self.to(transfer.at),
                    to: transfer.to,
                    attended: transfer.attended,
                    accepted: transfer.accepted,
                    result: transfer.result.map(|(at, status)| (self.to(at), status)),
                })
                .collect(),
            heard: leg
                .heard
                .into_iter()
                .filter(|hearing| hearing.whom != leg.phone)
                .map(|hearing| (hearing.whom, self.to(hearing.from), self.to(hearing.to)))
                .collect(),
            phone: leg.phone,
            call_id: leg.call_id,
            far: leg.far,
            far_name: leg.far_name,
        }
    }
}

/// Who talked with whom: both heard the other, and that at the same time.
pub fn talks(legs: &[ToldLeg]) -> Vec<Talk> {
    let mut talks = Vec::new();
    for one in legs {
        for other in legs.iter().filter(|other| one.phone < other.phone) {
            for (_, from, to) in one.heard.iter().filter(|(whom, ..)| *whom == other.phone) {
                for (_, begin, end) in other.heard.iter().filter(|(whom, ..)| *whom == one.phone) {
                    let (from, to) = (*from.max(begin), *to.min(end));
                    if from < to {
                        talks.push(Talk { between: (one.phone.clone(), other.phone.clone()), from, to });
                    }
                }
            }
        }
    }
    talks.sort_by_key(|talk| talk.from);
    talks
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(phone: &str, heard: &[(&str, i64, i64)]) -> ToldLeg {
        let heard = heard.iter().map(|(whom, from, to)| ((*whom).to_owned(), *from, *to)).collect();
        ToldLeg { heard, ..Begin::now().leg(Leg::new(phone, "id", false, "9", "")) }
    }

    #[test]
    fn to_talk_both_must_hear() {
        let legs = [leg("1", &[("2", 0, 1_000), ("3", 2_000, 3_000)]), leg("2", &[("1", 100, 1_100)]), leg("3", &[])];
        assert_eq!(talks(&legs), [Talk { between: ("1".to_owned(), "2".to_owned()), from: 100, to: 1_000 }]);
    }
}
