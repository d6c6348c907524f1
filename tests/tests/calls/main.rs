//! Calls as they are told of what people did on real PBXs: by the assembly from a recording, and by the real collector, whose links
//! break and whose PBXs are restarted meanwhile. Suite `calls`.

mod collected;
mod cut;
mod restarted;
mod scenarios;
