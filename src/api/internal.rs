//! The metrics, for whoever scrapes this machine. It is never public.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

use crate::telemetry::metrics::CONTENT_TYPE;

/// Renders every metric in Prometheus' text format.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// The route of the metrics, beside the probes of the listener.
pub fn routes(render: Render) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(render)
}

async fn metrics(State(render): State<Render>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::routes;
    use axum::body::Body;
    use http::{Request, StatusCode, header};
    use http_body_util::BodyExt;
    use std::sync::Arc;
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_scrape_gets_what_is_rendered_then() {
        let router = routes(Arc::new(|| "caspervpn_ready 1\n".to_owned()));

        let response = router.oneshot(Request::get("/metrics").body(Body::empty()).unwrap()).await.unwrap();

        assert_eq!(response.status(), StatusCode::OK);
        assert!(
            response.headers()[header::CONTENT_TYPE]
                .to_str()
                .unwrap()
                .starts_with("text/plain; version=0.0.4")
        );
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "caspervpn_ready 1\n");
    }
}
