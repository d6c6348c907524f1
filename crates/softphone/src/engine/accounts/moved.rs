//! Our own address has changed (cable to Wi-Fi, VPN, a new lease), or the machine has slept: registrations and calls are told.

use std::net::IpAddr;
use std::time::Instant;

use softphone_api::{AccountId, RegistrationProblem, RegistrationState};

use super::super::Loop;
use super::super::network::NetworkEvent;
use super::super::network::watch::{LOOK_EVERY, near_end};

/// What has become of our address on the way to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Same,
    /// Another address, or a way again.
    New,
    Gone,
}

fn way(before: Option<IpAddr>, now: Option<IpAddr>) -> Way {
    match (before, now) {
        (before, now) if before == now => Way::Same,
        (_, None) => Way::Gone,
        _ => Way::New,
    }
}

impl Loop {
    pub(in super::super) fn network_event(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::Resolved { account, number, found } => self.looked_up(&account, number, found),
            NetworkEvent::Helpers { number, living } => self.helpers_answered(number, living),
            NetworkEvent::Changed => self.network.change.noticed(Instant::now()),
        }
    }

    pub(in super::super) fn tick_network(&mut self, now: Instant) {
        self.helpers_due(now);
        if self.network.deadline() > now {
            return;
        }
        self.network.change.seen();
        self.network.look_at = now + LOOK_EVERY;
        let slept = self.network.sleep.was(crate::platform::slept_in_all());
        if slept {
            tracing::info!("the machine has slept");
        }
        self.look_at_our_address(slept);
    }

    fn look_at_our_address(&mut self, slept: bool) {
        let mut new = Vec::new();
        let mut gone = Vec::new();
        for (id, state) in &mut self.accounts {
            if state.state == RegistrationState::Off {
                continue;
            }
            let Some(at) = state.servers.here().map(|hop| hop.route.at) else {
                // It rests, perhaps because there was no network: now there may be one.
                if slept {
                    new.push(id.clone());
                }
                continue;
            };
            let near = near_end(at);
            match way(state.servers.near, near) {
                Way::Same if !slept => {}
                Way::Same | Way::New => new.push(id.clone()),
                Way::Gone => gone.push(id.clone()),
            }
            state.servers.near = near;
        }
        for id in gone {
            self.no_way(&id);
        }
        if !new.is_empty() {
            self.we_moved(&new);
        }
    }

    /// There is no way to the server; it is looked for again when the network changes, and after the pause.
    fn no_way(&mut self, id: &AccountId) {
        let Some(state) = self.accounts.get(id) else { return };
        let reason = format!("there is no network to {}", state.servers.label());
        self.rest(id, RegistrationProblem::Unreachable, 0, reason);
    }

    fn we_moved(&mut self, accounts: &[AccountId]) {
        tracing::info!("our address has changed: registering again");
        self.phone.moved();
        // Another network may have another way out.
        self.network.helpers.ask_now();
        for id in accounts {
            let Some(state) = self.accounts.get_mut(id) else { continue };
            state.failures = 0;
            let native = state.native;
            for call in self.calls.values_mut().filter(|call| call.native_account() == native) {
                call.moved = true;
            }
            if state.servers.here().is_some() {
                self.go(id);
                // At once: sound waits for nothing else. The registration's answer only confirms.
                self.tell_calls_where_we_are(id);
            } else {
                self.try_register(id);
            }
        }
    }

    /// The calls of an account go on from our new address.
    pub(super) fn tell_calls_where_we_are(&mut self, id: &AccountId) {
        let Some(native) = self.accounts.get(id).map(|state| state.native) else { return };
        let calls: Vec<_> =
            self.calls.values().filter(|c| c.moved && c.native_account() == native).map(|c| c.id()).collect();
        for call in calls {
            self.tell_where_we_are(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways() {
        let (a, b) = (Some(IpAddr::from([10, 0, 0, 1])), Some(IpAddr::from([10, 0, 0, 2])));
        for (before, now, what) in
            [(a, a, Way::Same), (a, b, Way::New), (None, a, Way::New), (a, None, Way::Gone), (None, None, Way::Same)]
        {
            assert_eq!(way(before, now), what, "{before:?} {now:?}");
        }
    }
}
