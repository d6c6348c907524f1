//! Notices that the network has changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::super::Event;
use super::NetworkEvent;

/// How often our address is looked at when nobody tells of a change, and whether the machine has slept.
pub(in super::super) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The address that packets to `to` would have as their source: by the routing table, without sending anything. `None`: there
/// is no way.
pub(in super::super) fn near_end(to: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|near| near.ip())
}

/// Linux tells of every address, route and interface that comes or goes; the thread ends with the engine. Elsewhere, and when it
/// does not tell, [`LOOK_EVERY`] is enough.
pub(in super::super) fn start(events: SyncSender<Event>, told: Arc<AtomicBool>) {
    let Some(changes) = crate::platform::network_changes() else { return };
    let thread = std::thread::Builder::new().name("network".into()).stack_size(1 << 16).spawn(move || {
        // The kernel says too much rather than too little; who listens looks for himself what it means.
        while changes.wait() {
            // A storm of changes is one change for us.
            if told.swap(true, Ordering::AcqRel) {
                continue;
            }
            match events.try_send(Event::Network(NetworkEvent::Changed)) {
                // A full queue is the engine's own trouble, and it looks every two seconds anyway.
                Ok(()) => {}
                Err(std::sync::mpsc::TrySendError::Full(_)) => told.store(false, Ordering::Release),
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => break,
            }
        }
    });
    if let Err(e) = thread {
        tracing::warn!("changes of the network are noticed later: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ends() {
        let to = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(near_end(to("127.0.0.1:5060")), Some(Ipv4Addr::LOCALHOST.into()));
        // Not for anybody: RFC 5737 says so, but a route may lead there, so only that it does not panic.
        let _ = near_end(to("192.0.2.1:5060"));
    }
}
