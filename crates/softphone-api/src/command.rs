//! What a client may ask of the softphone, and what it answers.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::sound::{SoundSettings, SoundTest};
use crate::{Account, AccountId, AudioDevice, Call, CallId, DeviceChoice, Media, Quality, Snapshot};

fn default_ring_s() -> u16 {
    20
}

/// Why a ringing call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// 486: the next one may have it.
    Busy,
    /// 603: not wanted.
    Decline,
    /// 480: nobody here.
    Unavailable,
}

/// A wish. Each is answered once, by [`Reply`] or [`CommandError`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Command {
    /// The whole wanted configuration: accounts that are not in it are unregistered and removed, equal ones are left alone.
    Configure {
        /// All accounts.
        accounts: Vec<Account>,
        /// Media for all of them.
        media: Media,
    },
    /// Register (again) now.
    Register {
        /// Which.
        account: AccountId,
    },
    /// Unregister and stay so until `Register`.
    Unregister {
        /// Which.
        account: AccountId,
    },
    /// Call a number or a SIP URI. Answered with the new call.
    Dial {
        /// Which account carries it.
        account: AccountId,
        /// Number (digits, `+`, `*`, `#`) or `sip:`/`sips:` URI.
        target: String,
        /// Extra headers of the profile.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// Answer a ringing call; a conversation is held first, or ended.
    Answer {
        /// Which.
        call: CallId,
        /// End the conversation instead of holding it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[ts(optional, as = "Option<bool>")]
        end_running: bool,
        /// Ringing calls that are refused with *busy* in the same moment, so that their queues go on to somebody free.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(optional, as = "Option<Vec<CallId>>")]
        busy: Vec<CallId>,
        /// Nobody pressed anything: a beep tells the operator, and [`crate::Call::answered_by_itself`] says so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[ts(optional, as = "Option<bool>")]
        by_itself: bool,
    },
    /// Refuse a ringing call.
    Reject {
        /// Which.
        call: CallId,
        /// How.
        reason: RejectReason,
    },
    /// End a call in whatever phase.
    HangUp {
        /// Which.
        call: CallId,
    },
    /// Hold.
    Hold {
        /// Which.
        call: CallId,
    },
    /// Take back from hold; another call in conversation is held first.
    Resume {
        /// Which.
        call: CallId,
    },
    /// Hand over when answered: hold the call, call the target, join the two at the answer. When nobody answers, it is busy or
    /// refused, the call is back with the reason ([`crate::Transfer`]). Answered with the call to the target.
    HandOver {
        /// Which.
        call: CallId,
        /// As in `Dial`.
        target: String,
        /// As in `Dial`.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// How long it may ring there, seconds.
        #[serde(default = "default_ring_s")]
        ring_s: u16,
    },
    /// Hold the call and speak with the target first; then `CompleteTransfer`, or hang up either. `Resume` swaps between the
    /// two. Answered with the call to the target.
    Consult {
        /// Which.
        call: CallId,
        /// As in `Dial`.
        target: String,
        /// As in `Dial`.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// Join a call with the one that consults for it, and leave both. While it still rings there, it is handed over when answered.
    CompleteTransfer {
        /// The call that is handed over.
        call: CallId,
    },
    /// Take a hand-over or a consultation back: the call to the target ends, the call is resumed.
    CancelTransfer {
        /// The call that was to be handed over.
        call: CallId,
    },
    /// Tell the other side to call the target, without asking there first. When the target does not answer, most PBXs do not
    /// give the call back.
    BlindTransfer {
        /// Which.
        call: CallId,
        /// As in `Dial`.
        target: String,
    },
    /// All these calls hear each other and the operator: 2 to 4 calls that were answered. Calls that are not named leave the
    /// conference and are held. One call named, or none: the conference is over.
    Conference {
        /// Which.
        calls: Vec<CallId>,
    },
    /// Leave a conference of two calls and join them with each other (REFER with Replaces). More cannot be joined by SIP: with three or
    /// four calls it is refused.
    LeaveConference,
    /// Microphone of this call off or on.
    Mute {
        /// Which.
        call: CallId,
        /// Off?
        muted: bool,
    },
    /// Send digits, `0-9*#A-D`, in the way of the account (RFC 4733, SIP INFO or tones).
    Dtmf {
        /// Which.
        call: CallId,
        /// In order.
        digits: String,
    },
    /// The sound devices there are now.
    Devices,
    /// Choose devices; the choice is kept while the device is absent.
    ChooseDevices {
        /// What the operator speaks into.
        capture: DeviceChoice,
        /// What the operator hears.
        playback: DeviceChoice,
    },
    /// Everything about sound, at once; since version 1.3.
    SetSound {
        /// All of it.
        settings: Box<SoundSettings>,
    },
    /// Begin a test of sound; one that runs is stopped. Refused in a call, but for the level.
    StartTest {
        /// Which.
        #[serde(flatten)]
        test: SoundTest,
    },
    /// End the test that runs, if one does.
    StopTest,
    /// What is logged from now on, until the softphone ends.
    Log {
        /// How much.
        level: LogLevel,
        /// Whole SIP messages, with secrets and digests masked.
        #[serde(default)]
        sip_trace: bool,
        /// Numbers are written out instead of masked.
        #[serde(default)]
        numbers: bool,
    },
    /// Statistics of a call, now.
    Statistics {
        /// Which.
        call: CallId,
    },
    /// The whole state.
    Snapshot,
    /// How to start the shell again if it dies in a call: program and arguments. Empty: do not.
    ShellIs {
        /// Program, then its arguments.
        command: Vec<String>,
    },
    /// End the softphone: at once, hanging up, or when the last call is over.
    Shutdown {
        /// Wait for the last call?
        when_idle: bool,
    },
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// And what is odd.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And why.
    Debug,
    /// Everything.
    Trace,
}

/// The answer to a command that was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// Nothing to say but yes.
    Done,
    /// The call that `Dial` made.
    Call {
        /// It.
        call: Box<Call>,
    },
    /// To `Devices`.
    Devices {
        /// All, capture and playback.
        devices: Vec<AudioDevice>,
    },
    /// To `Statistics`; nothing when no stream runs.
    Statistics {
        /// It.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        quality: Option<Quality>,
    },
    /// To `Snapshot`.
    Snapshot {
        /// It.
        snapshot: Box<Snapshot>,
    },
}

/// Why a command was not done; a consumer branches on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum CommandErrorCode {
    /// No such call (any more).
    NoSuchCall,
    /// No such account.
    NoSuchAccount,
    /// The call is not in a phase where this can be done.
    WrongPhase,
    /// The account is not registered, so no call can be made.
    NotRegistered,
    /// The text given cannot be used (a number, a URI, digits, a device).
    BadArgument,
    /// The port is taken by another program.
    PortInUse,
    /// pjsua2 said no.
    Engine,
    /// The command is not known to this version.
    Unknown,
}

/// A refused command. `message` is English for logs; what a person reads is made from `code` in the person's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    /// What a program branches on.
    pub code: CommandErrorCode,
    /// What was attempted and why it failed.
    pub message: String,
}
