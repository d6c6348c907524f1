//! GET /health. Nobody signs in for it, so it tells figures of links, and no names, addresses or words of a PBX.

use axum::Json;
use axum::extract::State;
use central_api::Problem;

use crate::collector::State as CallsState;
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
        "pbxs": tenant.links.health(),
        "calls": calls(&tenant),
    })))
}

/// By federation, whose name is the ids of its PBXs.
fn calls(tenant: &Tenant) -> serde_json::Value {
    let states = tenant.calls.states();
    let state = |state: &CallsState| {
        serde_json::json!({
            "live": state.figures.calls,
            "waiting_for_database": state.waiting,
            "database_away_since_ms": state.database.as_ref().map(|(since_ms, _)| since_ms),
            "refused_by_database": state.refused,
            "journal_is_kept": state.journal.is_none(),
        })
    };
    states.iter().map(|(name, told)| (name.clone(), state(told))).collect::<serde_json::Map<_, _>>().into()
}
