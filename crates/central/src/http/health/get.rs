//! GET /health.

use axum::Json;
use axum::extract::State;
use central_api::Problem;

use crate::http::Failure;
use crate::tenant::Tenant;

/// Whether central can serve; no sign-in.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200), (status = 503, body = Problem)))]
pub async fn get(State(tenant): State<Tenant>) -> Result<Json<serde_json::Value>, Failure> {
    tenant.store.alive().await?;
    Ok(Json(serde_json::json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": central_api::PROTOCOL,
    })))
}
