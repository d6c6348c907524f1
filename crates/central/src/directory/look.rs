//! What a PBX shows of itself, from what its manager interface tells.

use std::collections::{BTreeMap, BTreeSet};

use ami::Event;

use super::TECHNOLOGIES;
use super::observed::{ObservedPbx, SeenEndpoint, SeenMember};

impl ObservedPbx {
    /// From the events of QueueStatus, CoreShowChannels and DeviceStateList, and of any that come by themselves.
    #[must_use]
    pub fn of(events: &[Event<'_>]) -> Self {
        let mut queues: BTreeSet<String> = BTreeSet::new();
        let mut members = Vec::new();
        let mut endpoints: BTreeMap<String, (Option<bool>, BTreeSet<&str>)> = BTreeMap::new();
        for event in events {
            match event {
                Event::QueueParams { queue, .. } => drop(queues.insert((*queue).to_owned())),
                Event::QueueMember(info) => members.push(SeenMember {
                    queue: info.queue.clone(),
                    interface: info.interface.clone(),
                    state_interface: info.state_interface.clone(),
                    name: Some(info.name.clone()),
                    penalty: info.penalty,
                    dynamic: info.membership.eq_ignore_ascii_case("dynamic"),
                }),
                Event::CoreShowChannel(shown) => {
                    let channel = shown.channel.channel;
                    if let Some(endpoint) = channel.rsplit_once('-').and_then(|(endpoint, _)| named(endpoint)) {
                        let (_, numbers) = endpoints.entry(endpoint).or_default();
                        numbers.extend(shown.channel.caller_number);
                    }
                }
                Event::DeviceStateChange { device, .. } => {
                    if let Some(endpoint) = named(device) {
                        endpoints.entry(endpoint).or_default();
                    }
                }
                _ => {}
            }
        }
        let endpoints = endpoints.into_iter().map(|(endpoint, (registered, numbers))| SeenEndpoint {
            endpoint,
            registered,
            far_numbers: u32::try_from(numbers.len()).unwrap_or(u32::MAX),
        });
        Self { queues: queues.into_iter().collect(), members, endpoints: endpoints.collect(), in_calls: Vec::new() }
    }

    /// With what was seen before: queues and members are those of now; endpoints that are quiet now are there all the same, and
    /// so is what calls showed.
    #[must_use]
    pub fn after(mut self, before: Self) -> Self {
        for old in before.endpoints {
            match self.endpoints.iter_mut().find(|endpoint| endpoint.endpoint == old.endpoint) {
                Some(endpoint) => {
                    endpoint.registered = endpoint.registered.or(old.registered);
                    endpoint.far_numbers = endpoint.far_numbers.max(old.far_numbers);
                }
                None => self.endpoints.push(old),
            }
        }
        self.endpoints.sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
        let new = std::mem::replace(&mut self.in_calls, before.in_calls);
        self.with_calls(&new)
    }
}

/// The endpoint that people would name: parts of Asterisk itself are none, and a span has a number in each of its names.
pub(crate) fn named(endpoint: &str) -> Option<String> {
    let (technology, name) = endpoint.split_once('/')?;
    if !TECHNOLOGIES.contains(&technology) || name.is_empty() || name.contains('@') {
        return None;
    }
    match name.split_once('/') {
        Some((span, _)) => Some(format!("{technology}/{span}/*")),
        None => Some(endpoint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use ami::{Frame, Message, Parser};

    use super::*;

    const TOLD: &str = "\
Event: QueueParams\nQueue: 700\nMax: 0\nStrategy: rrmemory\n\n\
Event: QueueMember\nQueue: 700\nName: Olga Petrova\nLocation: Local/201@from-queue/n\nStateInterface: hint:201@ext-local\nMembership: static\nPenalty: 1\n\n\
Event: QueueParams\nQueue: 710\nMax: 0\nStrategy: rrmemory\n\n\
Event: CoreShowChannel\nChannel: PJSIP/trunk-a-00000001\nUniqueid: 1.1\nCallerIDNum: 74951234567\n\n\
Event: CoreShowChannel\nChannel: PJSIP/trunk-a-00000002\nUniqueid: 1.2\nCallerIDNum: 74957654321\n\n\
Event: CoreShowChannel\nChannel: PJSIP/trunk-a-00000003\nUniqueid: 1.3\nCallerIDNum: 74957654321\n\n\
Event: CoreShowChannel\nChannel: DAHDI/i1/84951112233-4\nUniqueid: 1.4\nCallerIDNum: 84951112233\n\n\
Event: CoreShowChannel\nChannel: Local/201@from-queue-00000001;1\nUniqueid: 1.5\nCallerIDNum: 201\n\n\
Event: CoreShowChannel\nChannel: CBAnn/room-00000001;2\nUniqueid: 1.6\n\n\
Event: DeviceStateChange\nDevice: PJSIP/203\nState: NOT_INUSE\n\n\
Event: DeviceStateChange\nDevice: Queue:700_avail\nState: NOT_INUSE\n\n\
Event: DeviceStateChange\nDevice: Custom:DND203\nState: NOT_INUSE\n\n";

    fn messages() -> Vec<Message> {
        let mut parser = Parser::new();
        parser.push(b"Asterisk Call Manager/9.0.0\r\n");
        parser.push(TOLD.replace('\n', "\r\n").as_bytes());
        let mut messages = Vec::new();
        while let Some(frame) = parser.next_frame().unwrap() {
            if let Frame::Message(message) = frame {
                messages.push(message);
            }
        }
        messages
    }

    #[test]
    fn a_pbx_shows_its_queues_members_and_endpoints() {
        let messages = messages();
        let events: Vec<Event<'_>> = messages.iter().map(Event::read).collect();
        let seen = ObservedPbx::of(&events);
        assert_eq!(seen.queues, ["700", "710"]);
        let [olga] = &seen.members[..] else { panic!("{:?}", seen.members) };
        assert_eq!((olga.name.as_deref(), olga.penalty, olga.dynamic), (Some("Olga Petrova"), 1, false));
        assert_eq!(olga.state_interface.as_deref(), Some("hint:201@ext-local"));
        let told = |seen: &ObservedPbx| {
            seen.endpoints.iter().map(|seen| format!("{} {}", seen.endpoint, seen.far_numbers)).collect::<Vec<_>>()
        };
        assert_eq!(told(&seen), ["DAHDI/i1/* 1", "PJSIP/203 0", "PJSIP/trunk-a 2"]);
        // A quiet hour takes nothing back but what left the queues.
        let quiet = ObservedPbx::of(&events[..1]).after(seen.clone());
        assert_eq!((quiet.queues.len(), quiet.members.len()), (1, 0));
        assert_eq!(told(&quiet), told(&seen));
        assert_eq!(seen.clone().after(seen.clone()), seen);
    }
}
