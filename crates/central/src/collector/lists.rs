//! Lists of a PBX, as a collector is told them.

use ami::{Event, Message};
use calls::Snapshot;

/// What a PBX has. None is a list that was not asked for, or refused: it says nothing, least of all that nothing is there.
#[derive(Debug, Default)]
pub struct Lists {
    /// CoreShowChannels.
    pub channels: Option<Vec<Message>>,
    /// BridgeList.
    pub bridges: Option<Vec<Message>>,
    /// QueueStatus.
    pub queues: Option<Vec<Message>>,
    /// ParkedCalls.
    pub parked: Option<Vec<Message>>,
}

impl Lists {
    pub(super) fn read(&self) -> Snapshot<'_> {
        fn read(list: Option<&Vec<Message>>) -> Option<Vec<Event<'_>>> {
            Some(list?.iter().map(Event::read).collect())
        }
        let holds = |event| match event {
            Event::BridgeListItem { bridge, bridge_type, technology } => {
                (technology == "holding_bridge" || bridge_type == "parking").then_some(bridge)
            }
            _ => None,
        };
        let shown = |event| match event {
            Event::CoreShowChannel(shown) => Some(shown),
            _ => None,
        };
        let waits = |event| match event {
            Event::QueueEntry { queue, entry } => Some((queue, entry)),
            _ => None,
        };
        let parked = |event| match event {
            Event::ParkedCall(parked) => Some(parked),
            _ => None,
        };
        Snapshot {
            channels: read(self.channels.as_ref()).map(|list| list.into_iter().filter_map(shown).collect()),
            holding_bridges: read(self.bridges.as_ref()).map(|list| list.into_iter().filter_map(holds).collect()),
            waiting: read(self.queues.as_ref()).map(|list| list.into_iter().filter_map(waits).collect()),
            parked: read(self.parked.as_ref()).map(|list| list.into_iter().filter_map(parked).collect()),
        }
    }
}
