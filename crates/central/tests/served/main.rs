//! A served central, from outside: HTTP and WebSocket on loopback, its own database each time. The PBX is replaced at the
//! channel edge only.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what cannot go on has failed")]

#[path = "../databases/mod.rs"]
mod databases;

mod commands;
mod desk;
mod house;
mod live;
mod pbx;
mod process;
mod sign_in;
mod tls;
