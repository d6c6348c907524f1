//! Links to PBXs. [`contract`] is what the rest of central sees; [`actor`] runs one link; everything between is pure: events
//! and the time go in, actions and reports come out.

pub mod actor;
mod calls;
pub mod check;
mod connections;
pub mod contract;
mod endpoints;
pub mod health;
mod look;
mod looking;
mod machine;
mod membership;
mod observed;
mod offers;
mod reconcile;
mod returning;
#[cfg(test)]
mod scenarios;

pub use actor::{PbxConfig, PbxHandle, spawn};
pub use health::{LinkHealth, PbxHealth};
