//! The contract between the shell (or the headless workstation) and `linedesk-softphone`.
//!
//! A connection is a sequence of JSON messages, each behind a 32-bit big-endian length ([`frame`]); the same messages
//! travel as JSON lines on stdin and stdout of `linedesk-softphone console`. The client speaks first
//! ([`ToSoftphone::Hello`]); the softphone answers [`FromSoftphone::Welcome`] with a whole [`Snapshot`] or
//! [`FromSoftphone::Refused`]. After that requests are answered by their id and events are numbered without gaps from
//! the snapshot's number on, so a client that sees a gap knows that it must attach again.
//!
//! This crate does no I/O and reads no clock.

pub mod attach;
pub mod call;
pub mod command;
pub mod frame;
pub mod message;
pub mod secret;
pub mod snapshot;

pub use attach::AttachFile;
pub use call::{
    Call, CallDirection, CallEnd, CallId, CallPhase, CallRecord, EndedBy, Quality, Transfer, TransferFailure,
    TransferKind, TransferStep, Warning,
};
pub use command::{
    Account, AccountId, Codec, Command, CommandError, CommandErrorCode, Media, RejectReason, Reply, Transport,
};
pub use message::{Event, FromSoftphone, Outcome, PROTOCOL, ProtocolVersion, RefusedCode, ToSoftphone};
pub use secret::Secret;
pub use snapshot::{
    AudioDevice, DeviceChoice, Registration, RegistrationProblem, RegistrationState, Snapshot, SoundState,
};
