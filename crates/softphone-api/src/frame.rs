//! Framing on the local socket: a 32-bit big-endian length, then that many bytes of JSON.

use tokio_util::codec::LengthDelimitedCodec;

/// No message is longer; a longer one closes the connection before it is read.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// The codec of both ends.
#[must_use]
pub fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().length_field_length(4).max_frame_length(MAX_FRAME_BYTES).new_codec()
}

/// Heartbeats go both ways at this interval, in milliseconds.
pub const HEARTBEAT_EVERY_MS: u64 = 1_000;

/// A peer that was silent for this long, in milliseconds, counts as gone.
pub const HEARTBEAT_LOST_MS: u64 = 5_000;
