//! HTTP: one file a route, `<noun>/<verb>.rs`; errors are problem details.

mod auth;
mod command;
mod health;
mod live;
mod me;
mod problem;
mod reasons;
mod session;

pub use problem::Failure;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use central_api::{BASE, ProblemCode};
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant::Tenant;

/// No request needs more.
const BODY_LIMIT: usize = 64 * 1024;
/// No answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "linedesk-central",
        description = "What a workstation asks of central. Live topics: GET /live, WebSocket."
    ),
    components(schemas(
        central_api::Problem,
        central_api::FromLive,
        central_api::ToLive,
        central_api::MeState,
        central_api::QueuesState
    ))
)]
struct Api;

/// All routes of a tenant.
pub fn router(tenant: Tenant) -> axum::Router {
    let (api, openapi) = open_api_router().split_for_parts();
    let openapi = bytes::Bytes::from(openapi.to_json().unwrap_or_default());
    let document = get(move || async move { ([("content-type", "application/json")], openapi) });
    let no_store = axum::http::HeaderValue::from_static("no-store");
    axum::Router::new()
        .nest(BASE, api.route(central_api::path::OPENAPI, document))
        .fallback(|| async { Failure::new(ProblemCode::NotFound, "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            Failure::new(ProblemCode::Invalid, "this path does not take this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(SetResponseHeaderLayer::if_not_present(axum::http::header::CACHE_CONTROL, no_store))
        .layer(CatchPanicLayer::custom(|_| {
            let id = uuid::Uuid::new_v4();
            tracing::error!(%id, "a request handler panicked");
            Failure::new(ProblemCode::Internal, format!("central failed; its log has the id {id}")).into_response()
        }))
        .with_state(tenant)
}

/// The OpenAPI document.
#[must_use]
pub fn open_api() -> utoipa::openapi::OpenApi {
    open_api_router().into_openapi()
}

fn open_api_router() -> OpenApiRouter<Tenant> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(session::create::create, session::delete::delete))
        .routes(routes!(me::get::get))
        .routes(routes!(me::status::put))
        .routes(routes!(me::next::delete))
        .routes(routes!(me::queue::put))
        .routes(routes!(me::lost_calls::post))
        .routes(routes!(me::profile::get))
        .routes(routes!(reasons::list::list))
        .routes(routes!(health::get::get))
        .routes(routes!(live::get::get))
}
