//! GET /me.

use axum::Json;
use axum::extract::State;
use central_api::{Me, Problem, ProblemCode};

use crate::clock::now_ms;
use crate::http::Failure;
use crate::http::auth::SignedIn;
use crate::tenant::Tenant;

/// Who one is.
#[utoipa::path(get, path = "/me", tag = "me", responses((status = 200, body = Me), (status = 401, body = Problem)))]
pub async fn get(State(tenant): State<Tenant>, SignedIn(session): SignedIn) -> Result<Json<Me>, Failure> {
    let config = tenant.config.borrow().clone();
    let user = config
        .users
        .get(&session.user)
        .map(|row| row.user.clone())
        .ok_or_else(|| Failure::new(ProblemCode::SessionEnded, "the user is no more"))?;
    Ok(Json(Me { user, tenant: config.tenant.name.clone(), session: session.id, at_ms: now_ms() }))
}
