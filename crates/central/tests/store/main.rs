//! The store from outside, on SQLite and on PostgreSQL. What one engine means the other has to mean as well; what only one
//! of them can do to us (a server that dies, a file that somebody holds) is here for that one.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what cannot go on has failed")]

#[path = "../databases/mod.rs"]
mod databases;

#[cfg(unix)]
mod away;
mod classification;
mod directory;
mod figures;
mod history;
mod links;
mod opening;
mod projects;
mod proposals;
mod schema;
mod seats;
mod sign_ins;
mod upgrade;
