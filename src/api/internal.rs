//! `/metrics`, for the machines that look after this one. It is never on a public listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

use crate::telemetry::metrics::CONTENT_TYPE;

/// Renders every metric in Prometheus' text format.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// The route of the metrics.
pub fn routes(render: Render) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(render)
}

async fn metrics(State(render): State<Render>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], render()).into_response()
}
