//! Errors as problem details (RFC 9457).

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// What a consumer branches on; the text for a person is made from it in the person's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// 401: name or password is wrong; which of the two is not said.
    WrongCredentials,
    /// 429: too many wrong passwords; `retry_after_s` says how long to wait.
    TooManyAttempts,
    /// 409: the operator works at another machine; [`Problem::elsewhere`] says where. Ask, then sign in with `take_over`.
    SignedInElsewhere,
    /// 401: the token is unknown, expired, or was revoked.
    SessionEnded,
    /// 409: the operator was moved to another workstation meanwhile.
    StaleFence,
    /// 403: the role does not have this right.
    Forbidden,
    /// 404.
    NotFound,
    /// 400, 422: the body or a header cannot be used; `detail` names the field.
    Invalid,
    /// 413.
    TooLarge,
    /// 409: the idempotency key was used with another body.
    IdempotencyConflict,
    /// 426: this program is too old for the server.
    TooOld,
    /// 503: central cannot do this now (database away, starting, stopping).
    Unavailable,
    /// 500: our fault; `detail` carries the id that the log has.
    Internal,
    /// The server is newer and says something this build does not know.
    #[serde(other)]
    Unknown,
}

/// `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// What a program branches on.
    pub code: ProblemCode,
    /// Short English summary for logs.
    pub title: String,
    /// What exactly; English, for logs and details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub detail: Option<String>,
    /// With [`ProblemCode::SignedInElsewhere`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub elsewhere: Option<crate::SignedInElsewhere>,
    /// With [`ProblemCode::TooManyAttempts`] and [`ProblemCode::Unavailable`]: seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub retry_after_s: Option<u32>,
}
