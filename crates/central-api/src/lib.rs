//! The contract between a workstation (or a browser) and `linedesk-central`: HTTP paths, bodies, live frames, problems.
//!
//! Optional fields are absent, never `null`: state travels as JSON Merge Patch (RFC 7396), where `null` means "remove".
//! Collections that change in state are maps by id, never arrays, because a patch replaces an array whole.
//!
//! Instants are milliseconds since the Unix epoch by the server's clock; a frame carries the server's time, so that a
//! screen can show durations with its own monotonic clock.
//!
//! This crate does no I/O and reads no clock.

pub mod call;
pub mod id;
pub mod live;
pub mod merge_patch;
pub mod problem;
pub mod profile;
pub mod queue;
pub mod secret;
pub mod session;
pub mod status;

pub use call::{CallDirection, CallPhase, CallsState, LiveCall, LiveParty};
pub use id::{PbxId, PhoneId, QueueId, ReasonId, UserId};
pub use live::{
    CallInfo, FromLive, MeState, PbxLink, PhoneAtPbx, QueuesState, Reachability, SessionEndReason, ToLive, Topic,
};
pub use problem::{Problem, ProblemCode};
pub use profile::{
    AutoAnswer, FeatureCodes, SipAccount, SipAddressFamily, SipCodec, SipDtmf, SipEncryption, SipNat, SipServer,
    SipTransport, SipTurn, SoftphoneProfile,
};
pub use queue::{Applied, Membership, MembershipWish, QueueFigures};
pub use secret::Secret;
pub use session::{Machine, Me, Role, SignIn, SignedIn, SignedInElsewhere, User};
pub use status::{ChangedBy, NextStatus, Reason, ReasonClass, Status, StatusKind, StatusWish, When};

/// Every path begins with it.
pub const BASE: &str = "/api/v1";

/// Version of this contract, apart from the program's. Central serves workstations two releases back.
pub const PROTOCOL: u32 = 1;

/// Header with a key that the client makes for each command; the same key is carried out once and answered alike for
/// seven days. The same key with another body is [`ProblemCode::IdempotencyConflict`].
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Header with [`SignedIn::fence`]; a command of a workstation that was moved away is refused with
/// [`ProblemCode::StaleFence`].
pub const FENCE: &str = "linedesk-fence";

/// Paths below [`BASE`], each with its method.
pub mod path {
    /// POST [`crate::SignIn`] → [`crate::SignedIn`]; DELETE ends the session and the shift.
    pub const SESSION: &str = "/session";
    /// GET → [`crate::Me`].
    pub const ME: &str = "/me";
    /// PUT [`crate::StatusWish`] → 202, the change follows on the live topic `me`.
    pub const ME_STATUS: &str = "/me/status";
    /// DELETE takes the *next* status back → 202.
    pub const ME_STATUS_NEXT: &str = "/me/status/next";
    /// PUT [`crate::MembershipWish`] → 202. `{queue}` is a [`crate::QueueId`].
    pub const ME_QUEUE: &str = "/me/queues/{queue}";
    /// POST [`crate::session::LostCalls`] → 202: the softphone died with these calls; customers go back to their queue, first.
    pub const ME_LOST_CALLS: &str = "/me/calls/lost";
    /// GET → [`crate::SoftphoneProfile`].
    pub const ME_PROFILE: &str = "/me/softphone-profile";
    /// GET → list of [`crate::Reason`].
    pub const REASONS: &str = "/reasons";
    /// GET, WebSocket upgrade: [`crate::ToLive`] and [`crate::FromLive`] as text frames. The token goes in `Authorization`.
    pub const LIVE: &str = "/live";
    /// GET → 200 when central can serve; no sign-in.
    pub const HEALTH: &str = "/health";
    /// GET → OpenAPI; no sign-in.
    pub const OPENAPI: &str = "/openapi.json";
}
