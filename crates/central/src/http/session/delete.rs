//! DELETE /session: sign out, which ends the shift. To end the shift alone, PUT /me/status.

use axum::extract::State;
use axum::http::StatusCode;
use central_api::{ChangedBy, Problem, SessionEndReason};

use crate::clock::now_ms;
use crate::desk::Event;
use crate::http::auth::SignedIn;
use crate::http::{Failure, command};
use crate::tenant::Tenant;

/// Ends the session and the shift: status offline, out of the dynamic queues, paused in the fixed ones.
#[utoipa::path(
    delete, path = "/session", tag = "session",
    responses((status = 204), (status = 401, body = Problem))
)]
pub async fn delete(State(tenant): State<Tenant>, SignedIn(session): SignedIn) -> Result<StatusCode, Failure> {
    let why = SessionEndReason::SignedOut;
    tenant.store.end_session(&session.id, &why, now_ms()).await?;
    tenant.sessions.end(&session.id, why);
    let (user, id) = (session.user, session.id.clone());
    let by = ChangedBy::Operator;
    let outcome = tenant.desk.ask(|done| Event::SignedOut { user, session: Some(id), by, done }).await;
    command::accepted(outcome)?;
    tracing::info!(user = %session.user, session = session.id, "signed out");
    Ok(StatusCode::NO_CONTENT)
}
