//! POST /me/calls/lost.

use axum::extract::State;
use axum::response::Response;
use central_api::session::LostCalls;
use central_api::{Problem, ProblemCode};

use crate::desk::Event;
use crate::http::Failure;
use crate::http::auth::Fenced;
use crate::http::command::{Command, accepted, parse};
use crate::tenant::Tenant;

/// The softphone died with these calls: each customer goes back to the queue he came by, first in line.
#[utoipa::path(
    post, path = "/me/calls/lost", request_body = LostCalls, tag = "me",
    responses((status = 202), (status = 400, body = Problem), (status = 409, body = Problem))
)]
pub async fn post(
    State(tenant): State<Tenant>,
    Fenced(session): Fenced,
    command: Command,
) -> Result<Response, Failure> {
    let LostCalls { sip_call_ids } = parse(&command.body)?;
    if sip_call_ids.len() > 16 || sip_call_ids.iter().any(|id| id.len() > 256 || id.chars().any(char::is_control)) {
        return Err(Failure::new(
            ProblemCode::Invalid,
            "sip_call_ids: at most 16, each of at most 256 printable bytes",
        ));
    }
    let user = session.user;
    let work = async { accepted(tenant.desk.ask(|done| Event::Lost { user, sip_call_ids, done }).await) };
    command.once(&tenant, &session, work).await
}
