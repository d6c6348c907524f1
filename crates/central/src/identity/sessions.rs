//! Live connections of sessions, and the news that a session is over.

use central_api::SessionEndReason;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

#[derive(Debug)]
struct Entry {
    ended: watch::Sender<Option<SessionEndReason>>,
    connections: usize,
}

/// All sessions with a live connection.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    live: Arc<Mutex<HashMap<String, Entry>>>,
}

/// One live connection; counted until it is dropped.
#[derive(Debug)]
pub struct Presence {
    sessions: Sessions,
    id: String,
}

impl Sessions {
    /// A connection of a session; the receiver hears the session's end.
    #[must_use]
    pub fn connect(&self, id: &str) -> (Presence, watch::Receiver<Option<SessionEndReason>>) {
        let mut live = self.lock();
        let entry =
            live.entry(id.to_owned()).or_insert_with(|| Entry { ended: watch::channel(None).0, connections: 0 });
        entry.connections += 1;
        (Presence { sessions: self.clone(), id: id.to_owned() }, entry.ended.subscribe())
    }

    /// Whether any is left.
    #[must_use]
    pub fn connected(&self, id: &str) -> bool {
        self.lock().contains_key(id)
    }

    /// Tells all connections of a session that it is over.
    pub fn end(&self, id: &str, why: SessionEndReason) {
        if let Some(entry) = self.lock().get(id) {
            entry.ended.send_replace(Some(why));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        // Counts cannot be left half changed, so a panic elsewhere does not spoil them.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut live = self.sessions.lock();
        if let Some(entry) = live.get_mut(&self.id) {
            entry.connections -= 1;
            if entry.connections == 0 {
                live.remove(&self.id);
            }
        }
    }
}
