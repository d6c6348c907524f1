//! How a shell finds the softphone of its session again.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// The contents of `softphone.json` in the private runtime directory (directory 0700, file 0600; on Windows the pipe is
/// for the user's SID only). It is written by the softphone when it listens and removed when it ends.
///
/// The token in it is the one stated exception to "no secret in a file": without it a crashed window could not adopt the
/// running call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttachFile {
    /// Protocol of the softphone that wrote it.
    pub protocol: crate::ProtocolVersion,
    /// Path of the Unix-domain socket, or name of the named pipe.
    pub socket: String,
    /// Goes into [`crate::ToSoftphone::Hello`].
    pub token: Secret,
    /// The session the softphone belongs to; nobody adopts another's call.
    pub session: String,
    /// Process id of the softphone.
    pub pid: u32,
}

/// File name of [`AttachFile`] below the runtime directory.
pub const ATTACH_FILE: &str = "softphone.json";

/// How the names of crash files in the log directory begin; they end with `-<process id>.txt`. One with something in it is
/// what is left of a softphone that crashed.
pub const CRASH_FILES: &str = "softphone-crash-";

/// Milliseconds that an unattached softphone without a call lives on.
pub const UNATTACHED_IDLE_MS: u64 = 15_000;

/// Milliseconds within which the softphone starts the shell again when the shell died in a call.
pub const SHELL_RESTART_MS: u64 = 3_000;
