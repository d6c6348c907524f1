//! What is heard of the same speech behind the same bad network: for `cargo xtask bench voice`.

mod headset;
mod hearing;
mod line;
mod relay;
mod talker;

pub use headset::Headset;
pub use hearing::{Recorder, coarse, delay};
pub use line::{Answered, Line};
pub use relay::{Exit, Relay, Wire};
pub use talker::{Talker, VoiceCodec, talk};
