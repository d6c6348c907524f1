//! The messages of both directions.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Call, CallRecord, Command, CommandError, HeadsetState, Registration, Reply, Secret, Snapshot, SoundState};

/// Version of this protocol, apart from the program's. Same major: everything of the older one works. Another major: only
/// attach, snapshot, hold and hang-up, until the last call is over and the softphone is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProtocolVersion {
    /// Grows when an old client would misunderstand.
    pub major: u16,
    /// Grows when something is added.
    pub minor: u16,
}

/// What this build speaks.
pub const PROTOCOL: ProtocolVersion = ProtocolVersion { major: 1, minor: 3 };

/// Client → softphone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToSoftphone {
    /// First of all. A later client of the same session takes the place of an earlier one.
    Hello {
        /// What the client speaks.
        protocol: ProtocolVersion,
        /// From the attach file, or given to the child at its start.
        token: Secret,
        /// The client's session; must be the softphone's.
        session: String,
        /// Program and version, for the log.
        client: String,
    },
    /// Ask.
    Request {
        /// Chosen by the client; the answer carries it.
        #[ts(type = "number")]
        id: u64,
        /// What.
        command: Command,
    },
    /// Still there.
    Heartbeat,
}

/// Why an attach was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedCode {
    /// The first message was not a `hello`, or not in time.
    NoHello,
    /// Wrong token.
    WrongToken,
    /// The softphone belongs to another session.
    OtherSession,
    /// A message could not be read.
    Malformed,
    /// A newer client has taken the place.
    Replaced,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done.
    Ok(Reply),
    /// Not done.
    Error(CommandError),
}

/// Softphone → client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromSoftphone {
    /// Attached.
    Welcome {
        /// What the softphone speaks.
        protocol: ProtocolVersion,
        /// Its program version.
        program: String,
        /// Its process id.
        pid: u32,
        /// The whole state.
        snapshot: Box<Snapshot>,
    },
    /// Not attached, or no longer; the connection closes.
    Refused {
        /// What a program branches on.
        code: RefusedCode,
        /// For the log.
        message: String,
    },
    /// The answer to a request.
    Response {
        /// Of the request.
        #[ts(type = "number")]
        id: u64,
        /// It.
        result: Outcome,
    },
    /// Something changed.
    Event {
        /// One more than the last.
        #[ts(type = "number")]
        number: u64,
        /// The softphone's UTC clock, ms since the Unix epoch.
        #[ts(type = "number")]
        at_ms: i64,
        /// What.
        event: Event,
    },
    /// Still there.
    Heartbeat,
}

/// Something changed: each event carries the whole new state of the thing that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Of an account.
    Registration {
        /// New state.
        registration: Registration,
    },
    /// A registration is gone because its account was removed.
    AccountRemoved {
        /// Which.
        account: crate::AccountId,
    },
    /// A call is new or has changed.
    Call {
        /// New state.
        call: Box<Call>,
    },
    /// A call is over and leaves the snapshot.
    CallEnded {
        /// What is left.
        record: Box<CallRecord>,
    },
    /// Devices or the choice changed.
    Sound {
        /// New state.
        sound: Box<SoundState>,
    },
    /// A headset came, went, or changed; absent: there is none.
    Headset {
        /// New state.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        headset: Option<HeadsetState>,
    },
    /// How loud the microphone is, ten times a second while [`crate::sound::SoundTest::Level`] or a recording runs.
    Level {
        /// Per cent of the scale, loudest of the last tenth of a second.
        microphone: u8,
    },
    /// A newer softphone said something this build does not know.
    #[serde(other)]
    #[ts(skip)]
    Unknown,
}
