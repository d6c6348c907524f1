//! Calls of a federation of PBXs: events in, calls out, live and when they are over.
//!
//! A thread of its own owns the [`calls::Assembly`]; nothing waits for it and it waits for nobody but its journal. What it was told
//! is on disk before what follows from it is told to others, so a process that is killed tells the same calls again, with the
//! same ids, when it comes back.

mod journal;
mod thread;
mod time;

pub use journal::{Journal, JournalError, Place};
pub use thread::{Collector, Handle, Input, Output, Settings};
pub use time::PbxTime;
