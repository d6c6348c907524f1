//! Calls of a federation of PBXs: events in, calls out, live and when they are over.
//!
//! A thread of its own owns the [`calls::Assembly`]; nothing waits for it and it waits for nobody but its journal. What it was told
//! is on disk before what follows from it is told to others, so a process that is killed tells the same calls again, with the
//! same ids, when it comes back.

mod again;
mod collecting;
mod forgetting;
mod house;
mod journal;
mod keeper;
mod lists;
mod noticing;
mod overflow;
mod raw;
mod thread;
mod time;
mod unknown;

#[cfg(test)]
mod keeping_tests;
#[cfg(test)]
pub(crate) mod tests;

pub use again::{Again, AgainError, Teller};
pub use collecting::{Collecting, House};
pub use forgetting::{InFiles, forget};
pub use journal::{Done, Journal, JournalError, Place};
pub use keeper::{Keeper, Live, State};
pub use lists::Lists;
pub use noticing::{Notice, Notices};
pub use overflow::{Overflow, Waiting};
pub use raw::Raw;
pub use thread::{Collector, Handle, Input, Inputs, Output, Settings, StartError, WeakHandle, inputs};
pub use time::PbxTime;
