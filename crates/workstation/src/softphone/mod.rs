//! The softphone process: started, found again, configured, watched, and started again when it dies.

mod attach;
mod breaker;
mod child;
mod crash;
mod link;
mod profile;
mod supervisor;

pub(crate) use profile::configuration;
pub(crate) use supervisor::{Order, PhoneEvent, Settings, Supervisor};
