//! Live topics: a snapshot, then numbered merge patches.
//!
//! [`topic`] is pure (time is an argument); [`hub`] is the one task that owns all topics; [`connection`] is one WebSocket.

pub mod calls;
pub mod connection;
mod hub;
mod topic;

pub use hub::{Hub, Scopes, Subscriber};
