//! GET /reasons.

use axum::Json;
use axum::extract::State;
use central_api::{Problem, Reason};

use crate::http::auth::SignedIn;
use crate::tenant::Tenant;

/// Break reasons.
#[utoipa::path(
    get, path = "/reasons", tag = "reasons",
    responses((status = 200, body = Vec<Reason>), (status = 401, body = Problem))
)]
pub async fn list(State(tenant): State<Tenant>, _: SignedIn) -> Json<Vec<Reason>> {
    Json(tenant.config.borrow().reasons.values().map(|row| row.reason.clone()).collect())
}
