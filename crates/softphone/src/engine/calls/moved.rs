//! A call while our own address changes.

use std::time::{Duration, Instant};

use softphone_api::{CallDirection, CallId};

use super::super::Loop;
use super::super::phone::Invite;

/// Another re-INVITE is under way; ours comes after it.
const BUSY: Duration = Duration::from_millis(250);
/// It was sent and not taken (491, an error, lost).
const NOT_TAKEN: Duration = Duration::from_millis(2_500);

impl Loop {
    /// Tells the other side, once and as far as the call's state lets us.
    pub(in super::super) fn tell_where_we_are(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id).filter(|call| call.moved) else { return };
        let (invite, direction) = (call.invite, call.direction);
        match (invite, direction) {
            (Invite::Confirmed, _) => {
                tracing::info!(call = id.0, "telling the other side of call {} our new address", id.0);
                let sent = self.phone.call_moved(id);
                let Some(call) = self.calls.get_mut(&id) else { return };
                // Until the sound says that it has been taken.
                call.told_moved |= sent.is_ok();
                let pause = if sent.is_ok() { NOT_TAKEN } else { BUSY };
                call.moved_again = Some(Instant::now() + pause);
                if let Err(e) = sent {
                    tracing::debug!(call = id.0, "telling our new address later: {e}");
                }
            }
            // Can still be answered: the answer will carry the new address, and the rest is told when it is confirmed.
            (Invite::Incoming | Invite::Early | Invite::Connecting, CallDirection::Incoming) => {
                if let Err(e) = self.phone.call_moved(id) {
                    tracing::warn!(call = id.0, "telling our new address: {e}");
                }
            }
            // What is answered to our INVITE goes to where it came from (RFC 3261, 18.2.2), and nobody is there any more.
            (Invite::Calling | Invite::Early | Invite::Connecting, CallDirection::Outgoing) => self.lose(id),
            _ => {}
        }
    }
}
