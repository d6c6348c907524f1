//! Who asks: the token in `Authorization`, and for commands the fence.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use central_api::{FENCE, ProblemCode, SessionEndReason};

use super::Failure;
use crate::clock::now_ms;
use crate::identity::token_hash;
use crate::store::SessionRow;
use crate::tenant::Tenant;

/// A request of a running session.
#[derive(Debug)]
pub struct SignedIn(pub SessionRow);

impl FromRequestParts<Tenant> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, tenant: &Tenant) -> Result<Self, Failure> {
        let session = find(&parts.headers, tenant).await?;
        check_running(&session, tenant)?;
        Ok(Self(session))
    }
}

/// A command of a running session that carries the fence of its own sign-in.
#[derive(Debug)]
pub struct Fenced(pub SessionRow);

impl FromRequestParts<Tenant> for Fenced {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, tenant: &Tenant) -> Result<Self, Failure> {
        let session = find(&parts.headers, tenant).await?;
        let fence: u64 = parts
            .headers
            .get(FENCE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| {
                Failure::new(
                    ProblemCode::Invalid,
                    format!("a command needs the header {FENCE} with the sign-in's number"),
                )
            })?;
        if matches!(session.ended, Some(SessionEndReason::Moved { .. })) || fence != session.fence {
            return Err(Failure::new(ProblemCode::StaleFence, "the operator works at another workstation now"));
        }
        check_running(&session, tenant)?;
        Ok(Self(session))
    }
}

fn check_running(session: &SessionRow, tenant: &Tenant) -> Result<(), Failure> {
    let detail = match &session.ended {
        None if session.seen_ms < now_ms() - tenant.options.session_idle_ms
            && !tenant.sessions.connected(&session.id) =>
        {
            "it was not used for too long; sign in again".to_owned()
        }
        None => return Ok(()),
        Some(SessionEndReason::Moved { machine }) => format!("the operator works at {machine} now"),
        Some(SessionEndReason::ReplacedAtSeat { by }) => format!("{by} signed in at this seat"),
        Some(SessionEndReason::SignedOut) => "signed out; sign in again".to_owned(),
        Some(SessionEndReason::Revoked) => "it was ended; sign in again".to_owned(),
    };
    Err(Failure::new(ProblemCode::SessionEnded, detail))
}

async fn find(headers: &HeaderMap, tenant: &Tenant) -> Result<SessionRow, Failure> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| Failure::new(ProblemCode::SessionEnded, "the request carries no token; sign in first"))?;
    tenant
        .store
        .session_by_token(&token_hash(token))
        .await?
        .ok_or_else(|| Failure::new(ProblemCode::SessionEnded, "the token is unknown; sign in again"))
}
