//! The metrics, for whoever scrapes this machine.
//!
//! Invariant: strangers see them only with the token of the settings, and without one not even that there are any.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, header};

use crate::api::problem::Problem;
use crate::domain::id::RequestId;
use crate::secrets::token::TokenDigest;
use crate::telemetry::metrics::CONTENT_TYPE;

/// Renders every metric in Prometheus' text format.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// The route of the metrics, beside the probes of the listener.
pub fn routes(render: Render) -> Router {
    Router::new().route(METRICS, get(metrics)).with_state(render)
}

/// The same for whoever shows this token.
pub fn guarded(render: Render, token: TokenDigest) -> Router {
    let asked = move |request: Request, next: Next| async move {
        match bearer(request.headers()).map(TokenDigest::of_secret) {
            Some(shown) if shown == token => next.run(request).await,
            _ => refused(request.extensions().get().copied()),
        }
    };
    routes(render).route_layer(from_fn(asked))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

fn refused(id: Option<RequestId>) -> Response {
    let problem =
        Problem::unauthenticated("the figures take the token of the setting metrics.token", "Bearer");
    match id {
        Some(id) => problem.render(id),
        None => problem.into_response(),
    }
}

/// RFC 6750 §2.1.
const SCHEME: &[u8] = b"Bearer ";

/// Where the figures are.
pub const METRICS: &str = "/metrics";

async fn metrics(State(render): State<Render>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::{guarded, routes};
    use crate::secrets::token::TokenDigest;
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

    #[tokio::test]
    async fn a_stranger_with_another_token_sees_nothing() {
        let router =
            guarded(Arc::new(|| "caspervpn_ready 1\n".to_owned()), TokenDigest::of_secret(b"a-long-token"));
        let asked = async |authorization: Option<&str>| {
            let request = Request::get("/metrics");
            let request = match authorization {
                Some(value) => request.header(header::AUTHORIZATION, value),
                None => request,
            };
            router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
        };

        assert_eq!(asked(Some("Bearer a-long-token")).await, StatusCode::OK);
        assert_eq!(asked(Some("bearer a-long-token ")).await, StatusCode::OK, "RFC 9110 §11.1: any case");
        for other in [
            None,
            Some("Bearer a-long-toke"),
            Some("Bearer "),
            Some("Basic a-long-token"),
            Some("a-long-token"),
        ] {
            assert_eq!(asked(other).await, StatusCode::UNAUTHORIZED, "{other:?}");
        }
    }
}
