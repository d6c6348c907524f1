//! An operator's session without a window: the link to central, the softphone's supervisor, the cache, and the view that
//! a window shows.
//!
//! It knows nothing of Tauri. Central owns statuses and memberships, the softphone owns calls and devices; this crate adds
//! only the state of the links and what waits in the outbox.

pub mod host;
pub mod preferences;
pub mod typescript;
pub mod view;
