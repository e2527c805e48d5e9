//! The router of machines that look after this one: metrics and probes. It is never public.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use http::{StatusCode, header};
use serde::Serialize;

/// What the probes ask. The daemon fills it in: it knows what runs.
#[derive(Clone)]
pub struct Probes {
    /// Renders every metric in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether the process works at all. A process that says no is to be killed.
    pub live: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Looks at everything that a request needs.
    pub ready: Arc<dyn Fn() -> BoxFuture<'static, Readiness> + Send + Sync>,
}

/// Whether requests may come.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    /// Whether they may: every check that is required passed, and the service is not draining.
    pub ready: bool,
    /// Each thing that was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What it is: `database`, `disk`, `tunnel`.
    pub name: &'static str,
    /// Whether it is well.
    pub ok: bool,
    /// Whether requests can be served without it.
    pub required: bool,
    /// What is wrong and what to do, where it is not well; else what was found.
    pub detail: String,
}

/// The internal router.
pub fn router(probes: Probes) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/health", get(health))
        .with_state(probes)
}

/// Prometheus text format 0.0.4.
async fn metrics(State(probes): State<Probes>) -> Response {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, TEXT)], (probes.metrics)()).into_response()
}

async fn livez(State(probes): State<Probes>) -> Response {
    let (status, text) = if (probes.live)() {
        (StatusCode::OK, "live\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "stuck\n")
    };
    (status, [(header::CACHE_CONTROL, "no-store")], text).into_response()
}

async fn readyz(State(probes): State<Probes>) -> Response {
    let readiness = (probes.ready)().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(readiness)).into_response()
}

/// The name that the load balancers of the old stack know: a summary of `/readyz`.
async fn health(State(probes): State<Probes>) -> Response {
    let readiness = (probes.ready)().await;
    let all_well = readiness.checks.iter().all(|check| check.ok);
    let (status, word) = match (readiness.ready, all_well) {
        (true, true) => (StatusCode::OK, "healthy"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
    };
    let body = Json(serde_json::json!({ "status": word }));
    (status, [(header::CACHE_CONTROL, "no-store")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::{Check, Probes, Readiness, router};
    use axum::body::Body;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use std::sync::Arc;
    use tower::ServiceExt;

    fn probes(ready: bool, ok: bool) -> Probes {
        let check = Check { name: "tunnel", ok, required: false, detail: "off".to_owned() };
        let readiness = Readiness { ready, checks: vec![check] };
        Probes {
            metrics: Arc::new(|| "caspervpn_ready 1\n".to_owned()),
            live: Arc::new(|| true),
            ready: Arc::new(move || {
                let readiness = readiness.clone();
                Box::pin(async move { readiness })
            }),
        }
    }

    async fn get(probes: Probes, path: &str) -> (StatusCode, String) {
        let response = router(probes).oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_fault_that_requests_do_not_need_leaves_the_service_ready() {
        let (status, body) = get(probes(true, false), "/readyz").await;

        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("tunnel"));
        assert_eq!(get(probes(true, false), "/health").await.1, r#"{"status":"degraded"}"#);
    }

    #[tokio::test]
    async fn a_service_that_is_not_ready_says_so_on_both_names() {
        assert_eq!(get(probes(false, true), "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(get(probes(false, true), "/health").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(get(probes(false, true), "/livez").await.0, StatusCode::OK);
    }
}
