//! Offers of queue calls to members, and how each ended.
//!
//! Asterisk says who connected and who did not answer. That a caller left, or that somebody else took the call, follows from
//! the channel's end; the verdict waits a moment, because events of two channels are not in order.

use std::collections::HashMap;

use ami::Event;

use super::contract::{OfferOutcome, PbxEvent};

/// How long AgentRingNoAnswer may come after the end of the channel.
const LATE_MS: i64 = 500;

#[derive(Debug)]
struct Offer {
    queue: String,
    interface: String,
    caller: String,
    gone_ms: Option<i64>,
}

/// Open offers, by the uniqueid of the channel towards the member.
#[derive(Debug, Default)]
pub(super) struct Offers {
    open: HashMap<String, Offer>,
}

impl Offers {
    pub(super) fn event(&mut self, event: &Event<'_>, now_ms: i64) -> Vec<PbxEvent> {
        match event {
            Event::AgentCalled(call) => {
                let offer = Offer {
                    queue: call.queue.to_owned(),
                    interface: call.interface.to_owned(),
                    caller: call.caller.uniqueid.to_owned(),
                    gone_ms: None,
                };
                self.open.insert(call.dest.uniqueid.to_owned(), offer);
                Vec::new()
            }
            Event::AgentConnect(call) => {
                let mut ended: Vec<_> = self.end(call.dest.uniqueid, OfferOutcome::Answered).into_iter().collect();
                ended.extend(self.withdraw(call.caller.uniqueid));
                ended
            }
            Event::AgentRingNoAnswer(call) => {
                self.end(call.dest.uniqueid, OfferOutcome::NotTaken).into_iter().collect()
            }
            Event::QueueCallerAbandon { caller, .. } => self.withdraw(caller.uniqueid),
            Event::Hangup { channel, .. } => {
                if let Some(offer) = self.open.get_mut(channel.uniqueid) {
                    offer.gone_ms.get_or_insert(now_ms);
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Verdicts that waited long enough.
    pub(super) fn tick(&mut self, now_ms: i64) -> Vec<PbxEvent> {
        let over = |offer: &Offer| offer.gone_ms.is_some_and(|gone| now_ms - gone >= LATE_MS);
        let ids: Vec<String> = self.open.iter().filter(|(_, offer)| over(offer)).map(|(id, _)| id.clone()).collect();
        ids.iter().filter_map(|id| self.end(id, OfferOutcome::Withdrawn)).collect()
    }

    /// The link was away: how they ended is not known, so nothing is said.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    fn withdraw(&mut self, caller: &str) -> Vec<PbxEvent> {
        let ids: Vec<String> =
            self.open.iter().filter(|(_, offer)| offer.caller == caller).map(|(id, _)| id.clone()).collect();
        ids.iter().filter_map(|id| self.end(id, OfferOutcome::Withdrawn)).collect()
    }

    fn end(&mut self, id: &str, outcome: OfferOutcome) -> Option<PbxEvent> {
        let Offer { queue, interface, .. } = self.open.remove(id)?;
        Some(PbxEvent::OfferEnded { queue, interface, outcome })
    }
}
