//! The server: identity, statuses, queues, live topics, PBX links. `main` is only the door to [`cli`].

// The factory of databases is shared with the tests outside, which know this crate by its name.
#[cfg(test)]
extern crate self as linedesk_central;

mod ageing;
pub mod apply;
pub mod classify;
pub mod cli;
mod clock;
pub mod collector;
pub mod config;
pub mod desk;
pub mod directory;
mod first_bytes;
pub mod http;
pub mod identity;
pub mod links;
pub mod live;
mod log;
pub mod numbers;
pub mod pbx;
pub mod server;
pub mod store;
pub mod tenant;
