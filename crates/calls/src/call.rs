//! A call as people mean it: who spoke with whom, who waited where, who was asked in vain, who ended it.
//!
//! Four grains: the [`Call`]; its [`Visit`]s of queues; the [`Attempt`]s to reach somebody; the [`Talk`]s. Times are ms since the
//! Unix epoch, corrected for the clock of the PBX.

use serde::{Deserialize, Serialize};

use crate::assembly::PbxIx;

/// What an endpoint of a PBX is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A phone of the house.
    Phone,
    /// A line to the outside.
    Trunk,
    /// A line to another PBX of the house.
    OtherPbx,
    /// Nobody said.
    Unknown,
}

/// What the assembly has to know of the house.
pub trait Directory: std::fmt::Debug {
    /// What an endpoint is, e.g. `PJSIP/1001`.
    fn who(&self, pbx: PbxIx, endpoint: &str) -> Who;

    /// The PBX by which a phone there is one with that of the same name at its mirrors; itself where it has none.
    fn object(&self, pbx: PbxIx) -> PbxIx {
        pbx
    }
}

/// Why two channels are one call, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinReason {
    /// Two halves of a Local channel.
    LocalHalves,
    /// One dialled the other.
    Dial,
    /// They were in one bridge.
    Bridge,
    /// Asterisk gives them one linkedid.
    Linkedid,
    /// An attended transfer joined them.
    AttendedTransfer,
    /// A blind transfer.
    BlindTransfer,
    /// One took the ringing call of the other.
    Pickup,
    /// One took the other from the parking lot.
    Parking,
    /// One goes on as the other (before 12).
    Masquerade,
    /// They carry the same call id in a SIP header.
    CallHeader,
    /// Their SIP dialogs have the same Call-ID.
    SipCallId,
    /// Numbers and times fit; probable, not sure.
    NumberAndTime,
}

/// Who began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From outside.
    Incoming,
    /// To outside.
    Outgoing,
    /// Neither.
    Internal,
}

/// Somebody in a call: a phone of the house with all its channels, or one line to the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// What it is.
    pub who: Who,
    /// Where.
    pub pbx: u32,
    /// Endpoint, e.g. `PJSIP/1001`.
    pub endpoint: String,
    /// Number as the PBX has it; of a phone its own, of a line the one at its far end.
    pub number: Option<String>,
    /// Name as the PBX has it.
    pub name: Option<String>,
    /// Call-IDs of its SIP dialogs, where they were asked for.
    pub sip_call_ids: Vec<String>,
    /// Uniqueids of its channels.
    pub channels: Vec<String>,
}

/// Index of a [`Party`] in its call.
pub type PartyIx = usize;

/// How a visit of a queue ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Exit {
    /// Still there.
    Waiting,
    /// A member took the call.
    Answered {
        /// Who.
        by: Option<PartyIx>,
    },
    /// The caller hung up.
    Abandoned,
    /// The queue's time was over.
    Timeout,
    /// The caller pressed this key.
    Key {
        /// Which.
        key: char,
    },
    /// No place.
    Full,
    /// Nobody there when the caller came.
    Empty,
    /// Everybody left while the caller waited.
    LeftEmpty,
    /// All were tried once, and the queue goes on then.
    Continued,
    /// Taken out by an action at the PBX or moved elsewhere.
    Moved,
    /// It ended while the link to the PBX was away.
    LostInGap,
}

/// A caller in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Who waits.
    pub caller: PartyIx,
    /// Where.
    pub pbx: u32,
    /// Queue name on the PBX.
    pub queue: String,
    /// From when.
    pub entered_ms: i64,
    /// Until when he waited: taken, or gone.
    pub left_ms: Option<i64>,
    /// Place at the beginning, from 1; 0 for a queue that did not let him in.
    pub position: u32,
    /// How it ended.
    pub exit: Exit,
}

/// How an attempt to reach somebody ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It goes on.
    Ringing,
    /// Taken.
    Answered,
    /// Rang until its time was over.
    NotAnswered,
    /// Refused there, or busy.
    Declined,
    /// It could not be rung.
    Unreachable,
    /// Somebody else took the call.
    Elsewhere,
    /// The caller gave up.
    GivenUp,
    /// Sent on from there.
    Forwarded,
    /// It ended while the link to the PBX was away.
    LostInGap,
}

/// Somebody is rung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// For which visit of a queue, an index into [`Call::visits`].
    pub visit: Option<usize>,
    /// Who calls.
    pub caller: PartyIx,
    /// Who is rung, once a phone or line is known.
    pub party: Option<PartyIx>,
    /// What was dialled: the member's interface, else the endpoint.
    pub interface: String,
    /// The member's name in the queue.
    pub member: Option<String>,
    /// From when.
    pub began_ms: i64,
    /// When it began to ring.
    pub rang_ms: Option<i64>,
    /// Until when: answered, or over.
    pub ended_ms: Option<i64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Q.850 cause, where the PBX tells one.
    pub cause: Option<u32>,
    /// The call came back by it to who had moved it away.
    pub back: bool,
    /// From whom it came back, where somebody was rung meanwhile.
    pub back_from: Option<PartyIx>,
}

/// Somebody listened to a channel (ChanSpy). It counts as nobody's talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// Who.
    pub by: PartyIx,
    /// Uniqueid of the channel, which may be in another call.
    pub channel: String,
    /// From when.
    pub began_ms: i64,
    /// Until when.
    pub ended_ms: Option<i64>,
}

/// People in one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// Who, in the order in which they came into the call.
    pub parties: Vec<PartyIx>,
    /// From when.
    pub began_ms: i64,
    /// Until when.
    pub ended_ms: Option<i64>,
    /// When somebody was on hold within it: from, until, who had held.
    pub holds: Vec<Hold>,
    /// Whether any of it was recorded, and the recording not mute.
    pub recorded: bool,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who held.
    pub by: PartyIx,
    /// From when.
    pub began_ms: i64,
    /// Until when.
    pub ended_ms: Option<i64>,
}

/// How a call was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveKind {
    /// Handed on without a word.
    Blind,
    /// Handed on after a word, or at the answer.
    Attended,
    /// Taken while it rang at somebody else.
    Pickup,
    /// Parked.
    Park,
    /// Taken from the parking lot.
    Unpark,
    /// Came back from the parking lot.
    ParkTimeout,
    /// Sent on by the phone it rang at.
    Forward,
}

/// A move of a call from one to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// How.
    pub kind: MoveKind,
    /// When.
    pub at_ms: i64,
    /// Who moved it.
    pub by: Option<PartyIx>,
    /// Who was moved.
    pub who: Option<PartyIx>,
    /// To whom, when somebody took it.
    pub to: Option<PartyIx>,
    /// To which number, as it was dialled.
    pub number: Option<String>,
    /// Whether it came about.
    pub success: bool,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum EndedBy {
    /// It goes on.
    Nobody,
    /// A party hung up.
    Party {
        /// Which.
        party: PartyIx,
    },
    /// The PBX: its dialplan, an action, a time limit.
    Pbx,
    /// It vanished while the link to the PBX was away.
    LostInGap,
    /// Nothing says who (before 12, where neither HangupRequest nor the variables of SIP do).
    Unknown,
}

/// A step of the caller through the dialplan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at_ms: i64,
    /// Context.
    pub context: String,
    /// Extension.
    pub exten: String,
    /// Keys that were pressed there.
    pub keys: String,
}

/// A value of the attribute catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// When.
    pub at_ms: i64,
    /// On whose channel.
    pub party: Option<PartyIx>,
    /// Variable, or `UserEvent:NAME`.
    pub name: String,
    /// Value; of a UserEvent its fields, one `key=value` a line.
    pub value: String,
}

/// Why two channels are in this call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// When it was found.
    pub at_ms: i64,
    /// A channel.
    pub one: String,
    /// Another.
    pub two: String,
    /// Why.
    pub reason: JoinReason,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Who began it.
    pub direction: Direction,
    /// The caller, an index into [`Call::parties`].
    pub caller: PartyIx,
    /// What the caller dialled first.
    pub dialled: Option<String>,
    /// When it began.
    pub began_ms: i64,
    /// When the caller first spoke with somebody.
    pub answered_ms: Option<i64>,
    /// When its last channel was gone.
    pub ended_ms: Option<i64>,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Q.850 cause of the caller's channel.
    pub cause: Option<u32>,
    /// Somebody let the PBX make it (click-to-call): it was not dialled at a phone.
    pub originated: bool,
    /// Who was in it.
    pub parties: Vec<Party>,
    /// Visits of queues, in order.
    pub visits: Vec<Visit>,
    /// Attempts, in order.
    pub attempts: Vec<Attempt>,
    /// Conversations, in order.
    pub talks: Vec<Talk>,
    /// Moves, in order.
    pub moves: Vec<Move>,
    /// The caller's way through the dialplan.
    pub steps: Vec<Step>,
    /// Who listened to whom.
    pub listens: Vec<Listen>,
    /// Attributes, in order.
    pub attributes: Vec<Attribute>,
    /// What the caller waited in all, ms; overlapping waits count once.
    pub waited_ms: i64,
    /// Somebody spoke with somebody and nobody was on hold, ms.
    pub talked_ms: i64,
    /// Somebody was in conversation, on hold or not, ms.
    pub connected_ms: i64,
    /// Why these channels are one call.
    pub joins: Vec<Joined>,
    /// How the clocks of its PBXs went when it was told; of a PBX that gives its events no time nothing is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<Clock>,
}

/// The clock of a PBX. All instants of a call are by our own clock; what the PBX called an instant is so much later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Which.
    pub pbx: u32,
    /// By how much it is ahead of ours; less than 0: behind.
    pub ahead_ms: i64,
}
