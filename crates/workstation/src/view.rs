//! What the window shows: the two truths as their owners say them, and the state of the links to them.
//!
//! The view travels to the window as JSON: first whole, then as merge patches (RFC 7396), each numbered. Collections are
//! maps by id and optional fields are absent, for the patches' sake. The workstation adds nothing to what the softphone and
//! central say; it says how old it is.

use central_api::{
    AutoAnswer, FeatureCodes, Me, Problem, Reason, SessionEndReason, SignedInElsewhere, SoftphoneProfile,
};
use serde::{Deserialize, Serialize};
use softphone_api::{Call, CallPhase, CallRecord, HeadsetState, Registration, SoundState};
use std::collections::BTreeMap;
use ts_rs::TS;

/// Everything the window shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct View {
    /// Signed in or not.
    pub session: SessionView,
    /// Link to central.
    pub central: CentralLink,
    /// The softphone process.
    pub softphone: SoftphoneProcess,
    /// What the softphone says; absent until it said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub phone: Option<PhoneView>,
    /// What the administrator set for the softphone, as far as the window shows it; absent until it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub profile: Option<ProfileView>,
    /// Central's topic `me`, unchanged (`MeState`); from the cache until central answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "MeState")]
    pub me: Option<serde_json::Value>,
    /// Central's topic `queues`, unchanged (`QueuesState`); from the cache until central answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "QueuesState")]
    pub queues: Option<serde_json::Value>,
    /// Break reasons.
    pub reasons: Vec<Reason>,
    /// Add it to this machine's UTC clock to get the server's, ms.
    #[ts(type = "number")]
    pub server_offset_ms: i64,
    /// Things that happened and that the operator should read, by number; newest has the highest.
    #[ts(as = "std::collections::HashMap<String, Notice>")]
    pub notices: BTreeMap<u64, Notice>,
}

/// What the administrator set for the softphone, without what only the softphone needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProfileView {
    /// Echo canceller, where the person has not chosen.
    pub echo_cancellation: bool,
    /// Noise suppression, where the person has not chosen.
    pub noise_suppression: bool,
    /// Gain control, where the person has not chosen.
    pub gain_control: bool,
    /// Which calls are answered by themselves.
    pub auto_answer: AutoAnswer,
    /// By account (central's phone id).
    #[ts(type = "Record<string, AccountView>")]
    pub accounts: BTreeMap<String, AccountView>,
}

/// An account as the window shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AccountView {
    /// Name of its PBX.
    pub pbx_name: String,
    /// What the PBX does for a dialled code.
    pub codes: FeatureCodes,
}

impl ProfileView {
    /// The part of the profile that may be seen.
    pub(crate) fn of(profile: &SoftphoneProfile) -> Self {
        let accounts = profile.accounts.iter().map(|account| {
            let view = AccountView { pbx_name: account.pbx_name.clone(), codes: account.codes.clone() };
            (account.phone.to_string(), view)
        });
        Self {
            echo_cancellation: profile.echo_cancellation,
            noise_suppression: profile.noise_suppression,
            gain_control: profile.gain_control,
            auto_answer: profile.auto_answer,
            accounts: accounts.collect(),
        }
    }
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SessionView {
    /// Nobody.
    SignedOut {
        /// Server used last; empty at first.
        server: String,
        /// Name used last; empty at first.
        username: String,
        /// Why the last session ended, if it did not end by signing out here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        ended: Option<SessionEndReason>,
    },
    /// In progress.
    SigningIn,
    /// Somebody.
    SignedIn {
        /// Server's URL.
        server: String,
        /// Who.
        me: Me,
        /// False when there is no OS keyring: the password is asked again at the next start, nothing is stored.
        remembered: bool,
    },
}

/// The link to central.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CentralLink {
    /// State.
    pub state: LinkState,
    /// Since when, ms since the Unix epoch by this machine's clock.
    #[ts(type = "number")]
    pub since_ms: i64,
    /// Why it is not connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<ConnectProblem>,
}

/// State of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// Not wanted (signed out).
    Off,
    /// Under way; what is shown comes from the cache.
    Connecting,
    /// Live.
    Connected,
    /// Lost; it is tried again by itself. What is shown is as of `since_ms`.
    Lost,
}

/// The softphone child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SoftphoneProcess {
    /// State.
    pub state: ProcessState,
    /// Since when, ms since the Unix epoch by this machine's clock.
    #[ts(type = "number")]
    pub since_ms: i64,
    /// How often it died within the last five minutes.
    pub deaths: u32,
    /// What it said last or how it ended; for the details line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub problem: String,
}

/// State of the softphone child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessState {
    /// Not wanted (signed out).
    Off,
    /// Under way.
    Starting,
    /// Attached.
    Running,
    /// It died and is being started again.
    Restarting,
    /// It died three times within five minutes; it is started again only when the operator says so.
    Failed,
}

/// The softphone's state, by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PhoneView {
    /// By account (central's phone id).
    #[ts(type = "Record<string, Registration>")]
    pub registrations: BTreeMap<String, Registration>,
    /// By call number. A call that is over is there once more, as it ended, and gone with the next step.
    #[ts(type = "Record<string, Call>")]
    pub calls: BTreeMap<u64, Call>,
    /// Sound.
    pub sound: SoundState,
    /// The headset whose buttons are heard; absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub headset: Option<HeadsetState>,
    /// While the microphone is tested: how loud it is, per cent of the scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub level: Option<u8>,
}

/// Why central cannot be reached or does not let us in. The window says it in the person's language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum ConnectProblem {
    /// The server field is not `https://…` (or `http://` to this very machine).
    #[error("the server address cannot be used: {detail}")]
    BadAddress {
        /// What is wrong.
        detail: String,
    },
    /// The name has no address.
    #[error("the server name cannot be found: {detail}")]
    UnknownHost {
        /// Resolver's words.
        detail: String,
    },
    /// No connection.
    #[error("the server cannot be reached: {detail}")]
    Unreachable {
        /// System's words.
        detail: String,
    },
    /// No answer in time.
    #[error("the server does not answer in time")]
    Timeout,
    /// The certificate is for another name.
    #[error("the server's certificate is for another name: {detail}")]
    TlsName {
        /// Names that it carries, or the verifier's words.
        detail: String,
    },
    /// The certificate is not trusted or has expired.
    #[error("the server's certificate is not trusted: {detail}")]
    TlsUntrusted {
        /// Verifier's words.
        detail: String,
    },
    /// Something answers, but not central.
    #[error("this is not a Linedesk server: {detail}")]
    NotCentral {
        /// What came.
        detail: String,
    },
    /// The operator works elsewhere: ask, then sign in with `take_over`.
    #[error("signed in elsewhere")]
    Elsewhere {
        /// Where.
        elsewhere: Box<SignedInElsewhere>,
    },
    /// Central's refusal.
    #[error("refused: {}", problem.title)]
    Refused {
        /// It.
        problem: Box<Problem>,
    },
}

/// Something the operator should read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Notice {
    /// When, ms since the Unix epoch by this machine's clock.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// What.
    pub what: NoticeKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The softphone died and is back; `calls` were lost with it.
    SoftphoneRestarted {
        /// How many calls it carried.
        calls: u32,
    },
    /// The window died and took its call back.
    CallAdopted,
    /// A customer whose call was lost is back in the queue, first.
    CustomerReturned {
        /// Queue name.
        queue: String,
    },
    /// A call ended otherwise than by hanging up (refused, broke off, busy).
    CallEnded {
        /// The record.
        record: Box<CallRecord>,
    },
    /// No OS keyring: nothing is remembered.
    NotRemembered {
        /// The keyring's words.
        detail: String,
    },
    /// A person at the PBX changed a membership or pause; it was adopted.
    ChangedAtPbx {
        /// Queue name; empty for all.
        queue: String,
    },
}

/// Notices kept; the oldest go first.
const MAX_NOTICES: usize = 20;

impl View {
    /// Nobody is signed in.
    #[must_use]
    pub fn empty(server: String, username: String) -> Self {
        let since_ms = crate::clock::now_ms();
        Self {
            session: SessionView::SignedOut { server, username, ended: None },
            central: CentralLink { state: LinkState::Off, since_ms, problem: None },
            softphone: SoftphoneProcess { state: ProcessState::Off, since_ms, deaths: 0, problem: String::new() },
            phone: None,
            profile: None,
            me: None,
            queues: None,
            reasons: Vec::new(),
            server_offset_ms: 0,
            notices: BTreeMap::new(),
        }
    }

    /// Something happened that the operator should read.
    pub(crate) fn add_notice(&mut self, what: NoticeKind) {
        let number = self.notices.last_key_value().map_or(1, |(number, _)| number + 1);
        self.notices.insert(number, Notice { at_ms: crate::clock::now_ms(), what });
        while self.notices.len() > MAX_NOTICES {
            self.notices.pop_first();
        }
    }

    /// The calls that are not over.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.phone.iter().flat_map(|phone| phone.calls.values()).filter(|call| call.phase != CallPhase::Ended)
    }

    /// Calls that were shown as they ended go; whether there were any.
    pub(crate) fn forget_ended_calls(&mut self) -> bool {
        let Some(phone) = &mut self.phone else { return false };
        let before = phone.calls.len();
        phone.calls.retain(|_, call| call.phase != CallPhase::Ended);
        phone.calls.len() != before
    }
}
