//! What was seen at a PBX, and what of it could be taken into the directory. A person confirms each; nothing comes in by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use central_api::PbxId;
use serde::{Deserialize, Serialize};

use super::house::PhonePlace;
use super::template::{MemberTemplate, number_in};
use super::{Directory, InCalls, Known, Shown};
use crate::store::Configuration;

/// What was seen at a PBX: a QueueStatus, and the endpoints of its channels and devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedPbx {
    /// Queues by name.
    pub queues: Vec<String>,
    /// Their members.
    pub members: Vec<SeenMember>,
    /// Endpoints.
    pub endpoints: Vec<SeenEndpoint>,
    /// What calls showed and the directory did not know then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_calls: Vec<InCalls>,
}

/// A member of a queue (event `QueueMember`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenMember {
    /// Which queue.
    pub queue: String,
    /// What it rings (`Location`).
    pub interface: String,
    /// Whose device state counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_interface: Option<String>,
    /// `MemberName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Penalty`.
    pub penalty: u32,
    /// It can be removed through AMI (`Membership`).
    pub dynamic: bool,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenEndpoint {
    /// As channels are named by it: `PJSIP/101`, `PJSIP/trunk-a`.
    pub endpoint: String,
    /// A device has registered itself there, as phones do; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered: Option<bool>,
    /// How many different numbers were seen at its far end: a phone has one, a line has many.
    pub far_numbers: u32,
}

/// From so many numbers at its far end on an endpoint is a line.
const OF_A_LINE: u32 = 3;

/// Something that could be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// How queues name phones.
    Template {
        /// What they have in common.
        template: MemberTemplate,
        /// So many members fit.
        fits: usize,
        /// Of so many.
        of: usize,
    },
    /// A queue.
    Queue {
        /// Its name on the PBX.
        queue: String,
    },
    /// A line.
    Line {
        /// What it would be called.
        name: String,
        /// Its endpoint.
        endpoint: String,
    },
    /// A number by which customers reach the house.
    Number {
        /// As it was dialled.
        number: String,
        /// In how many calls.
        count: u64,
    },
    /// A phone, nobody's for now.
    Phone {
        /// Its number.
        number: String,
        /// The name that a queue gives to whoever is there.
        name: Option<String>,
    },
    /// A person, by the name that a queue gives, who holds a phone that is nobody's.
    Person {
        /// The phone's number.
        number: String,
        /// Name.
        name: String,
    },
    /// A membership of a person who is known.
    Member {
        /// Sign-in name of the person.
        username: String,
        /// As it was seen.
        seen: SeenMember,
    },
}

impl Proposal {
    /// By which a person confirms it; the same each time.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Template { .. } => "template".to_owned(),
            Self::Queue { queue } => format!("queue:{queue}"),
            Self::Line { endpoint, .. } => format!("line:{endpoint}"),
            Self::Number { number, .. } => format!("number:{number}"),
            Self::Phone { number, .. } => format!("phone:{number}"),
            Self::Person { number, .. } => format!("person:{number}"),
            Self::Member { seen, .. } => format!("member:{}:{}", seen.queue, seen.interface),
        }
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template { template, fits, of } => {
                write!(f, "queues name phones as {}", template.interface)?;
                if let Some(state) = &template.state_interface {
                    write!(f, " with the state of {state}")?;
                }
                if let Some(word) = template.preset_word() {
                    write!(f, " ({word})")?;
                }
                write!(f, ": {fits} of {of} members")
            }
            Self::Queue { queue } => write!(f, "the queue {queue}"),
            Self::Line { name, endpoint } => write!(f, "the line {name}, {endpoint}"),
            Self::Number { number, count } => write!(f, "the external number {number}, dialled in {count} calls"),
            Self::Phone { number, name: Some(name) } => write!(f, "the phone {number}, in a queue called {name}"),
            Self::Phone { number, name: None } => write!(f, "the phone {number}"),
            Self::Person { number, name } => write!(f, "{name}, who holds the phone {number}"),
            Self::Member { username, seen } => {
                write!(f, "{username} in the queue {} as {}", seen.queue, seen.interface)
            }
        }
    }
}

/// What of this is not in the directory yet, in the order in which it can be taken in.
#[must_use]
pub fn proposals(config: &Configuration, pbx: PbxId, seen: &ObservedPbx) -> Vec<Proposal> {
    let directory = Directory::of(config);
    let known_template = config.house.pbxs.get(&pbx).and_then(|place| place.member_template.clone());
    let mut proposals = Vec::new();
    let observed = MemberTemplate::of(&seen.members);
    if let (None, Some((template, fits))) = (&known_template, &observed) {
        proposals.push(Proposal::Template { template: template.clone(), fits: *fits, of: seen.members.len() });
    }
    let template = known_template.or(observed.map(|(template, _)| template)).unwrap_or_default();
    let names = names(&template, seen);

    let mut queues: BTreeSet<&String> = seen.queues.iter().collect();
    queues.extend(seen.members.iter().map(|member| &member.queue));
    // A queue that the PBX makes when it is needed is in no list in between.
    queues.extend(seen.shown(Shown::Queue).map(|shown| &shown.name));
    let unknown = queues.into_iter().filter(|queue| directory.queue(pbx, queue).is_none());
    proposals.extend(unknown.map(|queue| Proposal::Queue { queue: queue.clone() }));

    let mut phones: BTreeSet<&str> = names.keys().copied().collect();
    let endpoints = endpoints(seen);
    for endpoint in endpoints.iter().filter(|endpoint| directory.find(pbx, &endpoint.endpoint).is_none()) {
        let Some((_, name)) = endpoint.endpoint.split_once('/') else { continue };
        if is_line(endpoint, phones.contains(name)) {
            proposals.push(Proposal::Line { name: name.to_owned(), endpoint: endpoint.endpoint.clone() });
        } else {
            phones.insert(name);
        }
    }
    for shown in seen.shown(Shown::Number) {
        if directory.external_number(pbx, "", &shown.name).is_none() {
            proposals.push(Proposal::Number { number: shown.name.clone(), count: shown.count });
        }
    }
    for number in phones {
        let name = names.get(number).copied().flatten();
        match phone(config, &directory, pbx, number) {
            None => proposals.push(Proposal::Phone { number: number.to_owned(), name: name.map(str::to_owned) }),
            Some(PhonePlace { user: None, .. }) => {
                let person = name.map(|name| Proposal::Person { number: number.to_owned(), name: name.to_owned() });
                proposals.extend(person);
            }
            Some(_) => {}
        }
    }
    for member in &seen.members {
        let number = template.number(&member.interface).or_else(|| number_in(&member.interface));
        let holder = number.and_then(|number| phone(config, &directory, pbx, number)?.user);
        let Some(user) = holder.and_then(|holder| config.users.get(&holder)) else { continue };
        let Some(queue) = directory.queue(pbx, &member.queue) else { continue };
        if !config.members.contains_key(&(user.user.id, queue)) {
            proposals.push(Proposal::Member { username: user.user.username.clone(), seen: member.clone() });
        }
    }
    proposals
}

/// One name under two interfaces: Queue() would ring one person twice, and a pause would hold half.
#[must_use]
pub fn faults(seen: &ObservedPbx) -> Vec<String> {
    let mut interfaces: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for member in &seen.members {
        if let Some(name) = member.name.as_deref().filter(|name| !name.trim().is_empty()) {
            interfaces.entry(name).or_default().insert(&member.interface);
        }
    }
    let twice = interfaces.into_iter().filter(|(_, interfaces)| interfaces.len() > 1);
    twice
        .map(|(name, interfaces)| {
            let list: Vec<&str> = interfaces.into_iter().collect();
            format!(
                "{name} is in the queues under {}: one person would be rung twice, and a pause would hold for one of them \
                 alone; let every queue name the person alike",
                list.join(" and ")
            )
        })
        .collect()
}

/// Endpoints that a look or a call showed.
fn endpoints(seen: &ObservedPbx) -> Vec<SeenEndpoint> {
    let mut all: BTreeMap<&str, SeenEndpoint> =
        seen.endpoints.iter().map(|endpoint| (endpoint.endpoint.as_str(), endpoint.clone())).collect();
    for shown in seen.shown(Shown::Endpoint) {
        let fresh = || SeenEndpoint { endpoint: shown.name.clone(), registered: None, far_numbers: 0 };
        let endpoint = all.entry(&shown.name).or_insert_with(fresh);
        endpoint.far_numbers = endpoint.far_numbers.max(shown.far_numbers);
    }
    all.into_values().collect()
}

/// Numbers of members, and their names where those are no numbers themselves.
fn names<'s>(template: &MemberTemplate, seen: &'s ObservedPbx) -> BTreeMap<&'s str, Option<&'s str>> {
    let mut names: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for member in &seen.members {
        let Some(number) = template.number(&member.interface).or_else(|| number_in(&member.interface)) else {
            continue;
        };
        let is_name = |name: &&str| !name.trim().is_empty() && *name != number && *name != member.interface;
        let known = names.entry(number).or_default();
        *known = known.or(member.name.as_deref().filter(is_name));
    }
    names
}

fn phone<'c>(config: &'c Configuration, directory: &Directory, pbx: PbxId, number: &str) -> Option<&'c PhonePlace> {
    match directory.find(pbx, &format!("PJSIP/{number}")) {
        Some(Known::Phone(phone)) => config.house.phones.get(&phone),
        _ => None,
    }
}

fn is_line(endpoint: &SeenEndpoint, is_member: bool) -> bool {
    let name = endpoint.endpoint.split_once('/').map_or("", |(_, name)| name);
    let is_number = !name.is_empty() && name.chars().all(|sign| sign.is_ascii_digit());
    !is_member && (endpoint.far_numbers >= OF_A_LINE || (!is_number && endpoint.registered != Some(true)))
}
