//! A call as the softphone knows it. The softphone is the owner of this truth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::AccountId;

/// Number of a call within one run of the softphone; never used again in that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
pub struct CallId(#[ts(type = "number")] pub u64);

/// Who began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum CallDirection {
    /// They call us.
    Incoming,
    /// We call them.
    Outgoing,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum CallPhase {
    /// Outgoing, INVITE sent, nothing heard yet.
    Dialing,
    /// Outgoing, 180 or 183 received.
    RingingThere,
    /// Incoming, waiting for the operator.
    Ringing,
    /// Answered here, the ACK is still to come.
    Connecting,
    /// In conversation.
    Talking,
    /// Held by us.
    Held,
    /// Held by the other side.
    HeldThere,
    /// Over; the call leaves the snapshot with the event that says so.
    Ended,
}

/// One call. Instants are milliseconds since the Unix epoch (UTC) for people; durations are from the softphone's
/// monotonic clock, so a clock jump never shows as a long call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Call {
    /// Our number of it.
    pub id: CallId,
    /// The account that carries it.
    pub account: AccountId,
    /// SIP Call-ID: the key by which central knows the same call.
    pub sip_call_id: String,
    /// Who began it.
    pub direction: CallDirection,
    /// Where it is.
    pub phase: CallPhase,
    /// User part of the other side's URI as it came; never a key.
    pub remote_number: String,
    /// Display name as it came (P-Asserted-Identity, else Remote-Party-ID, else From).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub remote_name: Option<String>,
    /// Headers of its INVITE that the account passes on, by the name that the account gives; since version 1.3.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(optional, as = "Option<std::collections::HashMap<String, String>>")]
    pub headers: BTreeMap<String, String>,
    /// The caller's PBX asks that it be answered by itself after so many seconds (`Alert-Info`, `Call-Info`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub answer_after_s: Option<u16>,
    /// It was answered by itself, with a beep.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub answered_by_itself: bool,
    /// Outgoing, not answered yet: what happens there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub progress: Option<Progress>,
    /// When it began here.
    #[ts(type = "number")]
    pub started_at_ms: i64,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub answered_at_ms: Option<i64>,
    /// Milliseconds since it began, at the time of this message.
    #[ts(type = "number")]
    pub age_ms: u64,
    /// Milliseconds since the answer, at the time of this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub talk_ms: Option<u64>,
    /// Milliseconds since the present hold began, at the time of this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub hold_ms: Option<u64>,
    /// Milliseconds on hold in all, the present one too, at the time of this message.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[ts(optional, type = "number")]
    pub held_in_all_ms: u64,
    /// Our microphone is off for this call.
    pub muted: bool,
    /// Whether media is encrypted.
    pub encrypted: bool,
    /// This call was made to consult somebody about that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub consults_for: Option<CallId>,
    /// It is being handed to somebody, or the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub transfer: Option<Transfer>,
    /// It is part of the conference: its calls hear each other and the operator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub conference: bool,
    /// What the operator should be told while talking; in the order in which it began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<Warning>>")]
    pub warnings: Vec<Warning>,
    /// The last measurement, at most a second old while talking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub quality: Option<Quality>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(ms: &u64) -> bool {
    *ms == 0
}

/// What happens to an outgoing call before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// It rings there (180).
    Ringing,
    /// The other side plays something that is heard (183 or 180 with sound).
    EarlyMedia,
    /// It goes on to somebody else (181, or a redirection that was followed).
    Forwarded,
    /// It waits there in a line (182).
    Queued,
    /// Said by a newer softphone.
    #[serde(other)]
    Unknown,
}

/// Something is wrong with the sound of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// Nothing at all comes from the microphone: it is off or broken.
    MicrophoneSilent,
    /// Muted, but speaking.
    MutedSpeaking,
    /// The microphone is so loud that it distorts.
    Clipping,
    /// Packets come, with silence in them.
    FarSilent,
    /// No packet comes: one-way sound.
    NothingArrives,
    /// Loss that is heard, on the way to us.
    LossHere,
    /// Loss that is heard, on the way from us, as the other side reports.
    LossThere,
    /// Said by a newer softphone.
    #[serde(other)]
    Unknown,
}

/// How a call is handed to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum TransferKind {
    /// On hold until the other answers, joined at the answer.
    HandOver,
    /// The operator speaks with the other first.
    Consult,
    /// The other side is told to call them, and is gone.
    Blind,
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum TransferStep {
    /// The target is being called.
    Calling,
    /// It rings there.
    Ringing,
    /// The operator speaks with the target; the call waits on hold.
    Consulting,
    /// The other side was asked to join the two.
    Joining,
    /// It is theirs; the call ends here.
    Done,
    /// It came to nothing: `failure` says why. The call is the operator's again.
    Failed,
}

/// Why a transfer came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum TransferFailure {
    /// Nobody answered in time.
    NoAnswer,
    /// Busy.
    Busy,
    /// Refused.
    Refused,
    /// No such number, or nobody registered there.
    Unavailable,
    /// Taken back here.
    Cancelled,
    /// The other side, mostly the PBX, does not join calls, or did not say whether it did.
    NotJoined,
}

/// A call on its way to somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Transfer {
    /// How.
    pub kind: TransferKind,
    /// To whom, as it was dialled.
    pub to: String,
    /// How far it is.
    pub step: TransferStep,
    /// With `Failed`: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub failure: Option<TransferFailure>,
    /// SIP status of the failure, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub sip_status: Option<u16>,
}

/// What is measured of a call's sound, once a second. Shares and MOS of a running call are those of its last ten seconds; in its
/// record they, the jitter and the round trip are those of the whole call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Quality {
    /// Codec name as in SDP, e.g. `opus`.
    pub codec: String,
    /// Clock rate of the codec in Hz.
    pub clock_rate: u32,
    /// Packets received since the call began.
    #[ts(type = "number")]
    pub rx_packets: u64,
    /// Packets sent since the call began.
    #[ts(type = "number")]
    pub tx_packets: u64,
    /// Lost on the way to us, per cent.
    pub rx_loss_percent: f32,
    /// Lost on the way from us as the other side reports (RTCP), per cent.
    pub tx_loss_percent: f32,
    /// Of all packets towards us, thrown away because they came too late, per cent; part of `rx_loss_percent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub rx_discard_percent: Option<f32>,
    /// Mean delay of the jitter buffer, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub buffer_delay_ms: Option<f32>,
    /// Interarrival jitter towards us (RFC 3550), ms.
    pub rx_jitter_ms: f32,
    /// Round trip by RTCP, ms; absent until both sides have reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub rtt_ms: Option<f32>,
    /// Estimated MOS of what we hear, 1.0–4.5, by the E-model (ITU-T G.107).
    pub mos: f32,
    /// The least that `mos` has been in this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub mos_min: Option<f32>,
    /// The loudest of the last second; absent in the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub levels: Option<Levels>,
}

/// How loud it was, 0–100 on a scale like the ear's (µ-law): 0 is digital silence, a room about 4, speech 30 to 70.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Levels {
    /// Into the microphone that calls are spoken into; 0 while they carry silence instead.
    pub microphone: u8,
    /// From the other side.
    pub heard: u8,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// The operator or this program.
    Us,
    /// The other side, or the PBX for it.
    FarSide,
    /// No media, no signalling: it broke off.
    Loss,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CallEnd {
    /// Who ended it.
    pub by: EndedBy,
    /// SIP status that ended it; 200 for an ordinary BYE.
    pub sip_status: u16,
    /// SIP reason phrase, or our own word.
    pub reason: String,
    /// Cause of ITU-T Q.850, where the other side gave one (RFC 3326): 16 normal, 17 busy, 19 no answer, 34 no circuit …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub q850: Option<u16>,
}

/// What is left of a call: one record for each, sent with [`crate::Event::CallEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CallRecord {
    /// The call in its last state.
    pub call: Call,
    /// How it ended.
    pub end: CallEnd,
}
