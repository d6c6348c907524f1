//! PUT /me/queues/{queue}.

use axum::extract::{Path, State};
use axum::response::Response;
use central_api::{MembershipWish, Problem, ProblemCode, QueueId};

use crate::desk::Event;
use crate::http::Failure;
use crate::http::auth::Fenced;
use crate::http::command::{Command, accepted, parse};
use crate::tenant::Tenant;

/// Joins or leaves a queue; how far the PBX is follows on the live topic *me*.
#[utoipa::path(
    put, path = "/me/queues/{queue}", request_body = MembershipWish, tag = "me", params(("queue" = i64, Path)),
    responses((status = 202), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub async fn put(
    State(tenant): State<Tenant>,
    Fenced(session): Fenced,
    Path(queue): Path<String>,
    command: Command,
) -> Result<Response, Failure> {
    let queue: QueueId =
        queue.parse().map_err(|_| Failure::new(ProblemCode::NotFound, "a queue is named by its number"))?;
    let MembershipWish { joined } = parse(&command.body)?;
    let user = session.user;
    let work = async { accepted(tenant.desk.ask(|done| Event::Membership { user, queue, joined, done }).await) };
    command.once(&tenant, &session, work).await
}
