//! PUT /me/status.

use axum::extract::State;
use axum::response::Response;
use central_api::{Problem, StatusWish};

use crate::http::Failure;
use crate::http::auth::Fenced;
use crate::http::command::{Command, accepted, parse};
use crate::tenant::Tenant;

/// Wishes a status; the change follows on the live topic *me*.
///
/// `offline` ends the shift, in a call after it: out of the dynamic queues and paused in the fixed ones, while the wishes to
/// be in them are kept for the next shift. The session stays. `preparing`, `available` or `break` begins the next shift.
#[utoipa::path(
    put, path = "/me/status", request_body = StatusWish, tag = "me",
    responses((status = 202), (status = 400, body = Problem), (status = 401, body = Problem), (status = 409, body = Problem))
)]
pub async fn put(State(tenant): State<Tenant>, Fenced(session): Fenced, command: Command) -> Result<Response, Failure> {
    let wish: StatusWish = parse(&command.body)?;
    let work = async { accepted(tenant.desk.status(session.user, session.id.clone(), wish).await) };
    command.once(&tenant, &session, work).await
}
