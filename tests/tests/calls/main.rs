//! Calls as they are told of what people did on real PBXs: by the assembly from a recording, and by the real collector, whose links
//! break and whose PBXs are restarted meanwhile. Suite `calls`.

mod chance;
mod collected;
mod cut;
mod restarted;
mod scenarios;
#[expect(dead_code, reason = "of the laws of streams only the order is tried here; crates/calls tries all")]
#[expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]
#[path = "../../../crates/calls/tests/streams/mod.rs"]
mod streams;
