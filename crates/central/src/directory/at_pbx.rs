//! The directory: each PBX's names, ready to be asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use calls::{PbxIx, Who};
use central_api::{PbxId, PhoneId, QueueId, UserId};
use rustc_hash::FxHashMap;

use super::federation::{Federation, federations, mirrors};
use super::house::Line;
use super::settings::{Scope, Setting, Settings, Tracked};
use super::{
    Assignment, Assignments, ExternalNumber, ExternalNumberId, Group, GroupId, LineId, LongAgo, Manner, Project,
    ProjectId, pbx_id, pbx_ix,
};
use crate::classify::{NamePattern, Rules, Sighting, Verdict};
use crate::numbers::{E164, NumberPlan, Seen, read};
use crate::store::Configuration;

/// Technologies by which a phone may be reached that the configuration names by its number alone.
pub(super) const OF_PHONES: [&str; 2] = ["PJSIP", "SIP"];

/// What is known of the house. It never changes; [`Directory::revision`] tells which configuration it is of.
#[derive(Debug)]
pub struct Directory {
    revision: i64,
    pbxs: FxHashMap<u32, AtPbx>,
    lines: FxHashMap<LineId, Line>,
    federations: Vec<Federation>,
    assignments: Assignments,
    settings: Settings,
    projects: FxHashMap<ProjectId, Project>,
    external_numbers: FxHashMap<ExternalNumberId, ExternalNumber>,
    groups: FxHashMap<GroupId, Group>,
    rules: Rules,
}

/// Behind an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A phone.
    Phone(PhoneId),
    /// A member of a queue that is named by its interface alone.
    Member(UserId),
    /// A line.
    Line(LineId, Who),
}

impl Known {
    fn who(self) -> Who {
        match self {
            Self::Phone(_) | Self::Member(_) => Who::Phone,
            Self::Line(_, who) => who,
        }
    }
}

/// One PBX.
#[derive(Debug)]
struct AtPbx {
    /// The first of its mirrors: by it a number of them all is one object.
    object: PbxId,
    endpoints: FxHashMap<Box<str>, Known>,
    /// Lines with a * in their endpoint, the most telling first.
    patterns: Vec<(NamePattern, Known)>,
    queues: FxHashMap<Box<str>, QueueId>,
    /// Interfaces that queues ring, also such as no channel is named by (Local/…).
    members: FxHashMap<QueueId, FxHashMap<Box<str>, UserId>>,
    plan: Option<Arc<NumberPlan>>,
    /// As they are written.
    numbers: FxHashMap<Box<str>, ExternalNumberId>,
    /// By what they are in E.164.
    numbers_e164: FxHashMap<E164, ExternalNumberId>,
}

impl Directory {
    /// Of a configuration. What contradicts itself in it is told by [`super::Problem::all`]; here a line wins against a phone.
    #[must_use]
    pub fn of(config: &Configuration) -> Self {
        let pairs = config.house.pbxs.iter().filter_map(|(pbx, place)| Some((*pbx, place.mirror_of?)));
        let mirrors = mirrors(config);
        let lines = config.house.lines.values();
        let ways = lines.clone().filter_map(|line| Some((line.pbx, line.to_pbx?)));
        let plans: FxHashMap<_, _> =
            config.house.plans.values().map(|row| (row.id, Arc::new(row.plan.clone()))).collect();
        let mut pbxs = FxHashMap::default();
        for mirror in &mirrors {
            for pbx in &mirror.pbxs {
                let mut at = AtPbx::of(config, &mirror.pbxs, *pbx);
                let plan = config.house.pbxs.get(pbx).and_then(|place| place.number_plan);
                at.plan = plan.and_then(|plan| plans.get(&plan).cloned());
                at.take_numbers(config, &mirror.pbxs);
                pbxs.insert(pbx_ix(*pbx).0, at);
            }
        }
        Self {
            revision: config.tenant.revision,
            pbxs,
            lines: lines.map(|line| (line.id, line.clone())).collect(),
            federations: federations(config.pbxs.keys().copied(), pairs.chain(ways)),
            assignments: config.house.assignments.clone(),
            settings: config.house.settings.clone(),
            projects: config.house.projects.iter().map(|(id, project)| (*id, project.clone())).collect(),
            external_numbers: config.house.external_numbers.iter().map(|(id, number)| (*id, number.clone())).collect(),
            groups: config.house.groups.iter().map(|(id, group)| (*id, group.clone())).collect(),
            rules: Rules::new(config.house.rules.clone()),
        }
    }

    /// Of which configuration: it grows with each change.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// PBXs whose calls are to be assembled together, by one thread each set.
    #[must_use]
    pub fn federations(&self) -> &[Federation] {
        &self.federations
    }

    /// What an endpoint is, e.g. `PJSIP/1001`.
    #[must_use]
    pub fn find(&self, pbx: PbxId, endpoint: &str) -> Option<Known> {
        self.at(pbx)?.find(endpoint)
    }

    /// A line.
    #[must_use]
    pub fn line(&self, line: LineId) -> Option<&Line> {
        self.lines.get(&line)
    }

    /// A queue by its name on the PBX, or on a mirror of it.
    #[must_use]
    pub fn queue(&self, pbx: PbxId, name: &str) -> Option<QueueId> {
        self.at(pbx)?.queues.get(name).copied()
    }

    /// Who is behind an interface that the queue rings, e.g. `Local/101@from-queue/n`.
    #[must_use]
    pub fn member(&self, pbx: PbxId, queue: QueueId, interface: &str) -> Option<UserId> {
        self.at(pbx)?.members.get(&queue)?.get(interface).copied()
    }

    /// The PBX by which a number there is one object with the same number on its mirrors: the first of them, or itself.
    #[must_use]
    pub fn object(&self, pbx: PbxId) -> PbxId {
        self.at(pbx).map_or(pbx, |at| at.object)
    }

    /// How numbers are written at a PBX; absent: nobody said.
    #[must_use]
    pub fn plan(&self, pbx: PbxId) -> Option<&Arc<NumberPlan>> {
        self.at(pbx)?.plan.as_ref()
    }

    /// Where a caller's number was seen that came over this endpoint, for [`crate::numbers::read`].
    #[must_use]
    pub fn seen(&self, pbx: PbxId, endpoint: &str) -> Seen<'_> {
        match self.find(pbx, endpoint) {
            Some(Known::Line(line, _)) => Seen::Caller(self.lines.get(&line).map_or("", Line::trunk)),
            Some(_) => Seen::Inside,
            // Nobody said what it is: a trunk that the plan does not name.
            None => Seen::Caller(""),
        }
    }

    /// The number of the house that a caller dialled, as it came over this endpoint.
    #[must_use]
    pub fn external_number(&self, pbx: PbxId, endpoint: &str, dialled: &str) -> Option<&ExternalNumber> {
        let at = self.at(pbx)?;
        let by_e164 = || {
            let trunk = match at.find(endpoint) {
                Some(Known::Line(line, _)) => self.lines.get(&line).map_or("", Line::trunk),
                _ => "",
            };
            let e164 = read(at.plan.as_ref()?, Seen::Called(trunk), dialled).number.e164?;
            at.numbers_e164.get(&e164)
        };
        let id = at.numbers.get(dialled).or_else(by_e164)?;
        self.external_numbers.get(id)
    }

    /// What a call to this number is like: what it says itself, else what its project says.
    #[must_use]
    pub fn manner(&self, number: &ExternalNumber) -> Manner {
        match number.project.and_then(|project| self.projects.get(&project)) {
            Some(project) => number.manner.or(&project.manner),
            None => number.manner.clone(),
        }
    }

    /// A project.
    #[must_use]
    pub fn project(&self, project: ProjectId) -> Option<&Project> {
        self.projects.get(&project)
    }

    /// Groups that a person was in at this moment, by their ids.
    #[must_use]
    pub fn groups_of(&self, user: UserId, at_ms: i64) -> BTreeSet<GroupId> {
        let is_in = |group: &&Group| group.users_at(at_ms).any(|there| there == user);
        self.groups.values().filter(is_in).map(|group| group.id).collect()
    }

    /// What a place of a dialplan is, by the rules of its time. What is unknown is for [`crate::store::Store::seen`].
    #[must_use]
    pub fn classify(&self, sighting: &Sighting) -> Verdict {
        self.rules.classify(sighting)
    }

    /// Who held a phone at this moment; nobody may have: "number 105, nobody signed in".
    ///
    /// # Errors
    /// When it is too long ago for the directory; [`Store::holder`](crate::store::Store::holder) knows then.
    pub fn holder(&self, phone: PhoneId, at_ms: i64) -> Result<Option<&Assignment>, LongAgo> {
        self.assignments.holder(phone, at_ms)
    }

    /// Whether figures are made of a person at this moment. Calls of others are kept, and told of nobody.
    #[must_use]
    pub fn is_tracked(&self, user: UserId, at_ms: i64) -> bool {
        self.settings.at::<Tracked>(Scope::User(user), at_ms)
    }

    /// What a setting was at this moment.
    #[must_use]
    pub fn setting<S: Setting>(&self, scope: Scope, at_ms: i64) -> S::Value {
        self.settings.at::<S>(scope, at_ms)
    }

    fn at(&self, pbx: PbxId) -> Option<&AtPbx> {
        self.pbxs.get(&pbx_ix(pbx).0)
    }
}

impl calls::Directory for Directory {
    fn who(&self, pbx: PbxIx, endpoint: &str) -> Who {
        self.find(pbx_id(pbx), endpoint).map_or(Who::Unknown, Known::who)
    }

    fn object(&self, pbx: PbxIx) -> PbxIx {
        u32::try_from(Self::object(self, pbx_id(pbx)).0).map_or(pbx, PbxIx)
    }
}

impl AtPbx {
    /// `mirrors` are all PBXs whose numbers are those of this one; it is among them.
    fn of(config: &Configuration, mirrors: &BTreeSet<PbxId>, pbx: PbxId) -> Self {
        let mut at = Self {
            object: mirrors.first().copied().unwrap_or(pbx),
            endpoints: FxHashMap::default(),
            patterns: Vec::new(),
            queues: FxHashMap::default(),
            members: FxHashMap::default(),
            plan: None,
            numbers: FxHashMap::default(),
            numbers_e164: FxHashMap::default(),
        };
        // Mirrors first: what the PBX itself says of a name stands over it.
        for place in mirrors.iter().filter(|place| **place != pbx).chain([&pbx]) {
            let queues = config.queues.values().filter(|queue| queue.pbx == *place);
            at.queues.extend(queues.map(|queue| (Box::from(queue.pbx_queue.as_str()), queue.id)));
        }
        let is_here = |queue: QueueId| config.queues.get(&queue).is_some_and(|queue| mirrors.contains(&queue.pbx));
        for member in config.members.values().filter(|member| is_here(member.queue)) {
            at.members.entry(member.queue).or_default().insert(Box::from(member.interface.as_str()), member.user);
            for device in [Some(&member.interface), member.state_interface.as_ref()].into_iter().flatten() {
                if is_device(device) {
                    at.endpoints.insert(Box::from(device.as_str()), Known::Member(member.user));
                }
            }
        }
        let phones = |place: PbxId| config.house.phones.values().filter(move |phone| phone.pbx == place);
        for phone in mirrors.iter().filter(|place| **place != pbx).chain([&pbx]).flat_map(|place| phones(*place)) {
            for technology in OF_PHONES {
                let endpoint = format!("{technology}/{}", phone.number).into_boxed_str();
                at.endpoints.insert(endpoint, Known::Phone(phone.id));
            }
        }
        for line in config.house.lines.values().filter(|line| line.pbx == pbx) {
            let who = if line.to_pbx.is_some() { Who::OtherPbx } else { Who::Trunk };
            let known = Known::Line(line.id, who);
            if line.endpoint.is_exact() {
                at.endpoints.insert(Box::from(line.endpoint.as_str()), known);
            } else {
                at.patterns.push((line.endpoint.clone(), known));
            }
        }
        at.patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.as_str().len()));
        at
    }

    fn take_numbers(&mut self, config: &Configuration, mirrors: &BTreeSet<PbxId>) {
        for number in config.house.external_numbers.values().filter(|number| mirrors.contains(&number.pbx)) {
            self.numbers.insert(Box::from(number.number.as_str()), number.id);
            let e164 = self.plan.as_ref().and_then(|plan| read(plan, Seen::Called(""), &number.number).number.e164);
            if let Some(e164) = e164 {
                self.numbers_e164.insert(e164, number.id);
            }
        }
    }

    fn find(&self, endpoint: &str) -> Option<Known> {
        let by_name = self.endpoints.get(endpoint).copied();
        by_name.or_else(|| self.patterns.iter().find(|(pattern, _)| pattern.matches(endpoint)).map(|(_, known)| *known))
    }
}

/// Whether channels are named by it: `PJSIP/101` is a device, `Local/101@from-queue/n` and `hint:101@ext-local` are none.
pub(super) fn is_device(interface: &str) -> bool {
    let technology = interface.split_once('/').map_or("", |(technology, _)| technology);
    !technology.is_empty()
        && technology.chars().all(|sign| sign.is_ascii_alphanumeric())
        && !technology.eq_ignore_ascii_case("local")
        && !interface.contains('@')
}
