//! Gives every request an id, a span, a line in the log and its place in the metrics, and survives a panic in it.
//!
//! Invariant: what is logged and counted is the matched route, never the path, which may hold a secret. A client
//! cannot choose the id.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tracing::{Instrument, debug, info, info_span};

use crate::domain::id::RequestId;
use crate::runtime::clock::Clock;
use crate::telemetry::names;

/// The header that carries the id of the request in every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Observes every request to `router`, including those that match no route. `listener` is the name in the metrics.
/// The id is an extension of the request, a [`RequestId`].
pub fn observe<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    listener: &'static str,
    clock: Arc<dyn Clock>,
) -> Router<S> {
    router.layer(from_fn_with_state(Observer { listener, clock }, observed))
}

#[derive(Debug, Clone)]
struct Observer {
    listener: &'static str,
    clock: Arc<dyn Clock>,
}

async fn observed(State(observer): State<Observer>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new(observer.clock.new_id());
    request.headers_mut().remove(REQUEST_ID);
    request.extensions_mut().insert(id);
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let method = known(request.method());
    let span = info_span!("request", request.id = %id, request.method = method, request.route = route);
    let record = Record::begin(&observer, id, method, route);
    let answer = async {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let mut answer = answer.unwrap_or_else(|_| {
            metrics::counter!(names::HTTP_PANICS.name, "listener" => observer.listener).increment(1);
            panicked(id)
        });
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            answer.headers_mut().insert(REQUEST_ID, value);
        }
        record.end(answer.status());
        answer
    };
    answer.instrument(span).await
}

/// A request under way. Dropped before its end, it was given up by the client.
struct Record {
    clock: Arc<dyn Clock>,
    began: Instant,
    listener: &'static str,
    id: RequestId,
    method: &'static str,
    route: String,
    ended: bool,
}

impl Record {
    fn begin(observer: &Observer, id: RequestId, method: &'static str, route: &str) -> Self {
        metrics::gauge!(names::HTTP_REQUESTS_IN_FLIGHT.name, "listener" => observer.listener).increment(1);
        Self {
            clock: Arc::clone(&observer.clock),
            began: observer.clock.instant(),
            listener: observer.listener,
            id,
            method,
            route: route.to_owned(),
            ended: false,
        }
    }

    fn end(mut self, status: StatusCode) {
        self.ended = true;
        self.write(status.as_str());
    }

    fn write(&self, code: &str) {
        let Self { listener, id, method, route, .. } = self;
        let took = self.clock.instant().saturating_duration_since(self.began);
        let labels = [
            ("listener", (*listener).to_owned()),
            ("route", route.clone()),
            ("method", (*method).to_owned()),
            ("code", code.to_owned()),
        ];
        metrics::counter!(names::HTTP_REQUESTS.name, &labels).increment(1);
        metrics::histogram!(names::HTTP_REQUEST_DURATION_SECONDS.name, &labels[..3]).record(took);
        let duration_ms = took.as_secs_f64() * 1000.0;
        // Probes and scrapes come every few seconds for ever.
        if QUIET_ROUTES.contains(&route.as_str()) {
            debug!(request.id = %id, status = code, duration_ms, "{method} {route} answered {code}");
        } else {
            info!(request.id = %id, status = code, duration_ms, "{method} {route} answered {code}");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        metrics::gauge!(names::HTTP_REQUESTS_IN_FLIGHT.name, "listener" => self.listener).decrement(1);
        if !self.ended {
            self.write(GIVEN_UP);
        }
    }
}

/// A body with nothing but the id: what broke is in the log, under it.
fn panicked(id: RequestId) -> Response {
    let body = format!(
        r#"{{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"request {id} failed","request_id":"{id}"}}"#
    );
    (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "application/problem+json")], body)
        .into_response()
}

/// A client may send any word as the method; only the standard ones are told apart.
fn known(method: &Method) -> &'static str {
    const METHODS: [&str; 9] =
        ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or(UNMATCHED)
}

/// Stands for every route and method that is not one of ours, so that scanners do not make series.
const UNMATCHED: &str = "_other";

/// The client went away before the answer; nginx's code for it.
const GIVEN_UP: &str = "499";

const QUIET_ROUTES: [&str; 4] = ["/livez", "/readyz", "/health", "/metrics"];

#[cfg(test)]
mod tests {
    use super::observe;
    use crate::domain::time::Timestamp;
    use crate::runtime::clock::{SystemClock, TestClock};
    use crate::telemetry::metrics::Metrics;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use http::Request;
    use std::sync::Arc;
    use tower::ServiceExt;

    #[tokio::test]
    async fn requests_are_counted_by_matched_route_and_never_by_path_or_invented_method() {
        let (recorder, metrics) = Metrics::build(Timestamp::from_millis(0)).unwrap();
        let _installed = metrics::set_default_local_recorder(&recorder);
        let devices = Router::new().route("/devices/{id}", get(|| async { "" }));
        let router = observe(Router::new().nest("/api/v1", devices), "api", Arc::new(SystemClock::new()));

        for (method, path) in
            [("GET", "/api/v1/devices/secret-one"), ("GET", "/wp-login.php"), ("BREW", "/api/v1/devices/two")]
        {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap();
        }

        let text = metrics.render();
        let count = |series: &str| text.contains(&format!("caspervpn_http_requests_total{{{series}}} 1\n"));
        assert!(count(r#"listener="api",route="/api/v1/devices/{id}",method="GET",code="200""#), "{text}");
        assert!(count(r#"listener="api",route="_other",method="GET",code="404""#), "{text}");
        assert!(count(r#"listener="api",route="/api/v1/devices/{id}",method="_other",code="405""#), "{text}");
        assert!(!text.contains("secret-one") && !text.contains("BREW"), "{text}");
        assert!(text.contains("caspervpn_http_requests_in_flight{listener=\"api\"} 0"), "{text}");
    }

    #[tokio::test]
    async fn a_request_that_the_client_gave_up_is_counted_as_499() {
        let (recorder, metrics) = Metrics::build(Timestamp::from_millis(0)).unwrap();
        let _installed = metrics::set_default_local_recorder(&recorder);
        let clock = Arc::new(TestClock::at(Timestamp::from_millis(0)));
        let router = Router::new().route("/", get(|| async { std::future::pending::<()>().await }));
        let request = Request::builder().uri("/").body(Body::empty()).unwrap();

        let mut answer = Box::pin(observe(router, "api", clock).oneshot(request));
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), &mut answer).await;
        drop(answer);

        assert!(waited.is_err());
        assert!(metrics.render().contains(r#"method="GET",code="499"} 1"#));
    }
}
