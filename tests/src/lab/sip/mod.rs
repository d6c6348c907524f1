//! What the lab's user agents share: messages (RFC 3261, RFC 8866), digest (RFC 2617) and sound (RFC 3550, RFC 4733).
//!
//! The customers of one call each (`customer/`) and the phones with many (`phone/`) are written with it; the softphone under
//! test shares nothing with them.

mod digest;
mod hearing;
mod media;
mod message;
mod rtp;

pub use digest::{Challenge, Login};
pub use hearing::{Hearing, Voices};
pub use media::{Direction, Heard, Media, Packet, Voice};
pub use message::{Message, token};
