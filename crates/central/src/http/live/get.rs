//! GET /live: the WebSocket.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use central_api::{Problem, ProblemCode};

use crate::http::Failure;
use crate::http::auth::SignedIn;
use crate::live::connection;
use crate::tenant::Tenant;

/// No client says more in one frame.
const FRAME_LIMIT: usize = 16 * 1024;

/// Live topics as text frames ([`central_api::FromLive`], [`central_api::ToLive`]).
#[utoipa::path(
    get, path = "/live", tag = "live",
    responses((status = 101), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub async fn get(
    State(tenant): State<Tenant>,
    headers: HeaderMap,
    SignedIn(session): SignedIn,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    if !same_origin(&headers) {
        return Err(Failure::new(ProblemCode::Forbidden, "the page that asks is not of this server"));
    }
    let upgrade = upgrade.map_err(|rejection| Failure::new(ProblemCode::Invalid, rejection.body_text()))?;
    Ok(upgrade
        .max_message_size(FRAME_LIMIT)
        .max_frame_size(FRAME_LIMIT)
        .on_upgrade(move |socket| connection::run(socket, tenant, session)))
}

/// A browser names the page's origin; programs name none.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_some() && origin == host
}
