//! What an administrator has said that cannot all be so, told before it is taken.

use std::collections::{BTreeMap, BTreeSet};

use central_api::PbxId;

use super::at_pbx::{OF_PHONES, is_device};
use crate::classify::Rules;
use crate::numbers::Severity;
use crate::store::Configuration;

/// Something in the configuration that will not do what it seems to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Must not be taken; else it works, perhaps not as meant.
    pub is_error: bool,
    /// What, why, and what to do.
    pub text: String,
}

impl Problem {
    /// All of them.
    #[must_use]
    pub fn all(config: &Configuration) -> Vec<Self> {
        let mut problems = Vec::new();
        lines(config, &mut problems);
        ends(config, &mut problems);
        plans(config, &mut problems);
        mirrors(config, &mut problems);
        members(config, &mut problems);
        let rules = Rules::new(config.house.rules.clone()).check();
        problems.extend(rules.into_iter().map(|problem| Problem::warning(problem.to_string())));
        problems
    }

    pub(super) fn error(text: String) -> Self {
        Self { is_error: true, text }
    }

    pub(super) fn warning(text: String) -> Self {
        Self { is_error: false, text }
    }
}

/// One endpoint is one thing.
fn lines(config: &Configuration, problems: &mut Vec<Problem>) {
    let mut people: BTreeMap<(PbxId, String), String> = BTreeMap::new();
    let name_of = |user| config.users.get(&user).map_or_else(String::new, |row| row.user.display_name.clone());
    for member in config.members.values() {
        let Some(queue) = config.queues.get(&member.queue) else { continue };
        for device in [Some(&member.interface), member.state_interface.as_ref()].into_iter().flatten() {
            if is_device(device) {
                people.insert((queue.pbx, device.clone()), name_of(member.user));
            }
        }
    }
    for phone in config.house.phones.values() {
        let person = phone.user.map_or_else(|| "nobody".to_owned(), name_of);
        for technology in OF_PHONES {
            people.insert((phone.pbx, format!("{technology}/{}", phone.number)), person.clone());
        }
    }
    let mut known: BTreeMap<(PbxId, &str), &str> = BTreeMap::new();
    for line in config.house.lines.values() {
        let pbx = config.pbxs.get(&line.pbx).map_or("", |pbx| &pbx.name);
        if let Some(person) = people.get(&(line.pbx, line.endpoint.as_str().to_owned())) {
            problems.push(Problem::error(format!(
                "the line {} of the PBX {pbx} cannot be {}: that is the phone of {person}, and one endpoint is one thing; \
                 correct the line or the phone",
                line.name, line.endpoint
            )));
        }
        if let Some(other) = known.insert((line.pbx, line.endpoint.as_str()), &line.name) {
            problems.push(Problem::error(format!(
                "the lines {other} and {} of the PBX {pbx} cannot both be {}: one endpoint is one line; correct one of them",
                line.name, line.endpoint
            )));
        }
    }
}

/// A call between two PBXs has an end at both: without the other one it would be told as two calls.
fn ends(config: &Configuration, problems: &mut Vec<Problem>) {
    let lines = || config.house.lines.values();
    for line in lines() {
        let Some(to) = line.to_pbx else { continue };
        if !lines().any(|back| back.pbx == to && back.to_pbx == Some(line.pbx)) {
            let name = |pbx| config.pbxs.get(&pbx).map_or("", |pbx| pbx.name.as_str());
            problems.push(Problem::warning(format!(
                "the line {} of the PBX {} leads to {}, where no line leads back, so a call over it would be told as two; add its \
                 other end as a [[pbx.line]] of {} with to_pbx = \"{}\"",
                line.name,
                name(line.pbx),
                name(to),
                name(to),
                name(line.pbx)
            )));
        }
    }
}

/// What is wrong with the plans by themselves, and with what lines say of them.
fn plans(config: &Configuration, problems: &mut Vec<Problem>) {
    for row in config.house.plans.values() {
        problems.extend(row.plan.check().into_iter().map(|problem| {
            let text = format!("the number plan {}: {problem}", row.name);
            if problem.severity() == Severity::Error { Problem::error(text) } else { Problem::warning(text) }
        }));
    }
    for line in config.house.lines.values() {
        let Some(trunk) = &line.trunk else { continue };
        let plan = config.house.plan_of(line.pbx);
        if plan.is_none_or(|row| !row.plan.trunks.contains_key(trunk)) {
            let pbx = config.pbxs.get(&line.pbx).map_or("", |pbx| &pbx.name);
            let plan = plan.map_or_else(|| "it has none".to_owned(), |row| format!("{} has no such", row.name));
            problems.push(Problem::error(format!(
                "the line {} of the PBX {pbx} cannot go by the rules of {trunk} in the number plan of its PBX: {plan}; add \
                 [number-plan.trunks.{trunk}], or take `trunk` away",
                line.name
            )));
        }
    }
}

/// The same number on mirrors is one, so they have to write it alike.
fn mirrors(config: &Configuration, problems: &mut Vec<Problem>) {
    for (pbx, place) in &config.house.pbxs {
        let Some(original) = place.mirror_of else { continue };
        let name = |pbx| config.pbxs.get(&pbx).map_or("", |pbx| pbx.name.as_str());
        if original == *pbx {
            problems.push(Problem::error(format!(
                "the PBX {} cannot be a mirror of itself; name another in `mirror_of`, or leave it out",
                name(*pbx)
            )));
        }
        let plan_of = |pbx| config.house.pbxs.get(pbx).and_then(|place| place.number_plan);
        if plan_of(pbx).is_none() || plan_of(pbx) != plan_of(&original) {
            problems.push(Problem::error(format!(
                "the PBX {} cannot be a mirror of {}: they do not name one number plan, so the same number may not mean the \
                 same; write the same `number_plan` at both",
                name(*pbx),
                name(original)
            )));
        }
    }
}

/// One person is one interface on a PBX, or Queue() rings twice and a pause holds for half.
fn members(config: &Configuration, problems: &mut Vec<Problem>) {
    let mut interfaces: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for member in config.members.values() {
        let Some(queue) = config.queues.get(&member.queue) else { continue };
        interfaces.entry((queue.pbx, member.user)).or_default().insert(&member.interface);
    }
    for ((pbx, user), interfaces) in interfaces.into_iter().filter(|(_, interfaces)| interfaces.len() > 1) {
        let person = config.users.get(&user).map_or("", |row| row.user.display_name.as_str());
        let pbx = config.pbxs.get(&pbx).map_or("", |pbx| &pbx.name);
        let list: Vec<&str> = interfaces.into_iter().collect();
        problems.push(Problem::warning(format!(
            "{person} is in the queues of the PBX {pbx} under {}: one person would be rung twice, and a pause would hold for one \
             of them alone; give every [[user.member]] there the same interface",
            list.join(" and ")
        )));
    }
}
