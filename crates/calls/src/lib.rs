//! Call assembly: AMI reports channels, people ask about calls.
//!
//! Events of one or several PBXs go into an [`Assembly`]; calls come out, live and when they are over. No I/O, no clock: the time
//! comes with each event. What is told follows from notes that are kept of each channel, never from the order in which
//! different channels were heard of.

mod assembly;
pub mod call;
mod note;
mod story;
mod tell;

pub use assembly::{Assembly, Blank, Changed, Ended, Figures, LINGER_MS, Look, PbxIx, Snapshot, Unreadable, blanked};
pub use call::{Call, Directory, JoinReason, Who};
