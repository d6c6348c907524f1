//! What is kept of events: notes on channels, in the order of each channel.
//!
//! A note is a fact of one channel at one moment, without the dialect of the PBX it came from. Everything that is told of a call
//! follows from the notes of its channels, so the same notes give the same call, whenever they are read.

use serde::{Deserialize, Serialize};

/// A channel of an [`crate::Assembly`], numbered in the order in which they were heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub(crate) struct ChannelIx(pub(crate) u64);

/// A fact of a channel, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// Corrected time, ms since the Unix epoch.
    pub(crate) at: i64,
    pub(crate) what: What,
}

/// How a dialled channel came out (`DIALSTATUS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DialStatus {
    Answer,
    Busy,
    NoAnswer,
    Cancel,
    Unavailable,
    Congestion,
    Other,
}

impl DialStatus {
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "ANSWER" => Self::Answer,
            "BUSY" => Self::Busy,
            "NOANSWER" => Self::NoAnswer,
            "CANCEL" => Self::Cancel,
            "CHANUNAVAIL" => Self::Unavailable,
            "CONGESTION" => Self::Congestion,
            _ => Self::Other,
        }
    }
}

/// Why a queue let a caller go, where it says so (`QUEUESTATUS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum QueueStatus {
    Timeout,
    Full,
    JoinEmpty,
    LeaveEmpty,
    Continue,
    Withdrawn,
}

impl QueueStatus {
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "TIMEOUT" => Self::Timeout,
            "FULL" => Self::Full,
            "JOINEMPTY" | "JOINUNAVAIL" => Self::JoinEmpty,
            "LEAVEEMPTY" | "LEAVEUNAVAIL" => Self::LeaveEmpty,
            "CONTINUE" => Self::Continue,
            "WITHDRAW" => Self::Withdrawn,
            _ => return None,
        })
    }
}

/// The fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// It was heard of first. A channel that begins in state Ring (4) has called the PBX; the others are called. Of one that was
    /// there before we looked it is not known.
    Born {
        calls_in: Option<bool>,
    },
    /// Of one of which it was not known: what a list says.
    CallsIn(bool),
    Renamed(Box<str>),
    /// Who is at this channel.
    Caller {
        number: Option<Box<str>>,
        name: Option<Box<str>>,
    },
    /// Who is at the other end, as this channel is told.
    ConnectedTo {
        number: Option<Box<str>>,
        name: Option<Box<str>>,
    },
    Rings,
    Up,
    /// It came to another place of the dialplan, or runs an application that matters.
    At {
        context: Box<str>,
        exten: Box<str>,
        application: Box<str>,
        data: Box<str>,
    },
    Dials {
        dest: ChannelIx,
        /// The dial string; empty where it is not told.
        dialled: Box<str>,
    },
    /// Of the channel that was dialled.
    DialEnds {
        status: DialStatus,
        forward: Option<Box<str>>,
    },
    Enters {
        bridge: Box<str>,
        /// Nobody talks there: parking.
        holding: bool,
    },
    Leaves {
        bridge: Box<str>,
    },
    Holds,
    Resumes,
    Digit(char),
    JoinsQueue {
        queue: Box<str>,
        position: u32,
    },
    LeavesQueue {
        queue: Box<str>,
    },
    /// He waited there before the link broke and did not when it was back; how he left was not told.
    LeftQueueInGap {
        queue: Box<str>,
    },
    Abandons {
        queue: Box<str>,
    },
    QueueStatus(QueueStatus),
    /// Of the customer: a member is rung.
    Offered {
        queue: Box<str>,
        interface: Box<str>,
        member: Box<str>,
        dest: ChannelIx,
    },
    /// Of the customer: this member answered.
    Taken {
        queue: Box<str>,
        interface: Box<str>,
        dest: Option<ChannelIx>,
    },
    /// Of the customer: the member did not.
    NotTaken {
        queue: Box<str>,
        interface: Box<str>,
        dest: Option<ChannelIx>,
    },
    /// Of the customer: the member answered and hung up before they were joined.
    Dumped {
        dest: Option<ChannelIx>,
    },
    /// Of the channel of who hands over.
    TransfersBlind {
        success: bool,
        transferee: Option<ChannelIx>,
        context: Box<str>,
        exten: Box<str>,
    },
    /// Of the first channel of who hands over.
    TransfersAttended {
        success: bool,
        second: ChannelIx,
        transferee: Option<ChannelIx>,
        target: Option<ChannelIx>,
        /// Application of the target, when it is no phone.
        application: Option<Box<str>>,
    },
    /// It takes the ringing call of another channel.
    PicksUp {
        target: ChannelIx,
    },
    Parked {
        parker: Option<Box<str>>,
        space: Option<Box<str>>,
    },
    Unparked {
        retriever: Option<ChannelIx>,
    },
    ParkTimesOut,
    InConference(Box<str>),
    OutOfConference(Box<str>),
    ListensTo {
        /// Of a channel that may be forgotten before who listens to it.
        uniqueid: Box<str>,
    },
    ListensNoMore,
    Recorded,
    NotRecorded,
    RecordingMuted(bool),
    /// A value of the attribute catalogue.
    Attribute {
        name: Box<str>,
        value: Box<str>,
    },
    /// `Call-ID` of its SIP dialog.
    SipCallId(Box<str>),
    /// Its far side wants it ended.
    HangupRequested {
        cause: Option<u32>,
    },
    /// It is over.
    Gone {
        cause: Option<u32>,
    },
    /// It was over when the link came back; it ended at this moment at the earliest and `until` at the latest.
    LostInGap {
        until: i64,
    },
    /// Before 12: it has called the PBX, though at its begin it seemed to be called; chan_sip makes every channel in state Down.
    RingsIn,
    /// Before 12: another goes on in its place, and this one is about to end (Masquerade).
    GivesPlace {
        to: ChannelIx,
    },
    /// Before 12, of who dialled: how it went, with all that were dialled at once.
    Dialled(DialStatus),
    /// Before 12: a variable of it names the other side of a blind transfer; it is either.
    BlindTransferWith {
        other: ChannelIx,
    },
    /// Before 12: whoever it talks with has said goodbye.
    LeftAlone,
    /// Before 12: it was ended, and nobody said who wanted it.
    EndUnexplained,
    /// From here on its PBX was not heard for a while: what is not said of it after that may have been said meanwhile.
    Unheard,
    /// When the link was back he waited in the same queue as before.
    StillInQueue,
    /// As [`What::LeftQueueInGap`]; and what he does now has nothing to do with that queue.
    LeftQueueUnseen {
        queue: Box<str>,
    },
    /// A list says that a queue rang it.
    RungByQueue,
}
