//! The contract between the shell (or the headless workstation) and `linedesk-softphone`.
//!
//! A connection is a sequence of JSON messages, each behind a 32-bit big-endian length ([`frame`]); the same messages
//! travel as JSON lines on stdin and stdout of `linedesk-softphone console`. The client speaks first
//! ([`ToSoftphone::Hello`]); the softphone answers [`FromSoftphone::Welcome`] with a whole [`Snapshot`] or
//! [`FromSoftphone::Refused`]. After that requests are answered by their id and events are numbered without gaps from
//! the snapshot's number on, so a client that sees a gap knows that it must attach again.
//!
//! This crate does no I/O and reads no clock.

pub mod account;
pub mod attach;
pub mod call;
pub mod command;
pub mod frame;
pub mod message;
pub mod secret;
pub mod snapshot;
pub mod sound;

pub use account::{
    Account, AccountId, AddressFamily, Codec, DtmfMethod, Encryption, Media, Nat, ServerAddress, Transport, Turn,
};
pub use attach::AttachFile;
pub use call::{
    Call, CallDirection, CallEnd, CallId, CallPhase, CallRecord, EndedBy, Levels, Progress, Quality, Transfer,
    TransferFailure, TransferKind, TransferStep, Warning,
};
pub use command::{Command, CommandError, CommandErrorCode, LogLevel, RejectReason, Reply};
pub use message::{Event, FromSoftphone, Outcome, PROTOCOL, ProtocolVersion, RefusedCode, ToSoftphone};
pub use secret::Secret;
pub use snapshot::{Registration, RegistrationProblem, RegistrationState, Snapshot};
pub use sound::{
    AudioDevice, DeviceChoice, HeadsetProblem, HeadsetState, RingTone, SoundSettings, SoundState, SoundTest, TestState,
    TestStep,
};
