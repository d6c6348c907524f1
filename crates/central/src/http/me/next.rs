//! DELETE /me/status/next.

use axum::extract::State;
use axum::response::Response;
use central_api::Problem;

use crate::desk::Event;
use crate::http::Failure;
use crate::http::auth::Fenced;
use crate::http::command::{Command, accepted};
use crate::tenant::Tenant;

/// Takes the status chosen for after the call back.
#[utoipa::path(
    delete, path = "/me/status/next", tag = "me",
    responses((status = 202), (status = 401, body = Problem), (status = 409, body = Problem))
)]
pub async fn delete(
    State(tenant): State<Tenant>,
    Fenced(session): Fenced,
    command: Command,
) -> Result<Response, Failure> {
    let user = session.user;
    let work = async { accepted(tenant.desk.ask(|done| Event::ClearNext { user, done }).await) };
    command.once(&tenant, &session, work).await
}
