//! The first call: the whole line from the window to the PBX and back, everything in it real.
//!
//! `cargo xtask test --only first-call` runs these one at a time, each in a lab of its own.

mod break_downs;
mod by_itself;
mod call_window;
mod closing;
mod handing_over;
mod line;
mod next_status;
mod pbx_changes;
mod queue_call;
mod refusals;
mod seats;
mod sound_settings;
