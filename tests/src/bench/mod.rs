//! What `cargo xtask bench NAME` measures: figures of ours beside figures of a peer, taken in the same run on the same machine.
//!
//! A figure that cannot be measured is reported as missing with the reason; none is carried over from another run.

pub mod collector;
mod ours;
mod peers;
mod phone;
pub mod process;
mod report;
mod ring;
pub mod voice;
mod window;

pub use ours::Console;
pub use peers::{Baresip, BaresipSettings, Linphone};
pub use phone::{setups, talk};
pub use report::{Figure, Report, Target, median};
pub use ring::{Contact, first_contact};
pub use window::{Memory, Start, Workplace};
