//! An operator's session without a window: the link to central, the softphone's supervisor, the cache, and the view that
//! a window shows.
//!
//! It knows nothing of Tauri. Central owns statuses and memberships, the softphone owns calls and devices; this crate adds
//! only the state of the links and what waits in the outbox.

mod awake;
mod cache;
mod central;
mod clock;
mod desk;
pub mod host;
pub mod keyring;
mod outbox;
pub mod preferences;
mod publish;
mod record;
mod softphone;
mod start;
pub mod typescript;
pub mod view;

pub use start::{Ended, Handle, Options, StartError, beside_this_program, start};
