//! STUN and TURN servers of the accounts: asked now and then, and used while they answer.

use std::time::Instant;

use softphone_api::Nat;

use super::super::network::NetworkEvent;
use super::super::network::nat::Living;
use super::super::{Event, Loop};

impl Loop {
    pub(super) fn helpers_due(&mut self, now: Instant) {
        if self.network.helpers.deadline().is_none_or(|at| at > now) {
            return;
        }
        let (number, to_engine) = (self.network.number(), self.network.to_engine.clone());
        self.network.helpers.ask(number, move |living| {
            // A full queue is waited for: without this answer the next question is a minute away.
            let _ = to_engine.send(Event::Network(NetworkEvent::Helpers { number, living }));
        });
    }

    pub(super) fn helpers_answered(&mut self, number: u64, living: Living) {
        if self.network.helpers.answered(number, living) {
            self.use_helpers();
        }
    }

    /// For the calls that begin from now on.
    pub(super) fn use_helpers(&mut self) {
        let helpers = &self.network.helpers;
        let of_accounts = || self.accounts.values().map(|state| -> &Nat { &state.wanted.nat });
        let stun = helpers.stun(of_accounts());
        if stun != self.network.helpers.told {
            if let Err(e) = self.phone.stun_servers(&stun) {
                tracing::warn!("STUN servers cannot be used: {e}");
            }
            self.network.helpers.told = stun;
        }
        let helpers = &self.network.helpers;
        for (id, state) in &self.accounts {
            let Some(turn) = &state.wanted.nat.turn else { continue };
            if let Err(e) = self.phone.account_turn(state.native, helpers.turn(turn).as_deref()) {
                tracing::warn!(account = %id.0, "the TURN server cannot be used: {e}");
            }
        }
    }
}
