//! Gives every request an id, a span, a line in the log and its place in the metrics, and survives a panic in it.
//!
//! Invariant: what is logged and counted is the matched route, never the path, which may hold a secret. A client
//! cannot choose the id.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures_util::FutureExt;
use http::header::Entry;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use metrics::{Counter, Gauge, Histogram};
use tracing::{Instrument, debug, error, info, info_span};
use uuid::Uuid;

use crate::domain::id::RequestId;
use crate::edge::access_log::{AccessLog, Asked, Ended};
use crate::edge::answer::Content;
use crate::edge::problem::problem;
use crate::runtime::clock::Clock;
use crate::telemetry::names;

/// The header that carries the id of the request in every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Observes every request to `router`, including those that match no route.
pub fn observe<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    listener: &'static str,
    clock: Arc<dyn Clock>,
    access: Option<Arc<AccessLog>>,
) -> Router<S> {
    router.layer(from_fn_with_state(Observer::new(listener, clock, access), observed))
}

/// Observes the requests of a listener. The id is an extension of the request, a [`RequestId`]. Where there is an access log,
/// requests are told there, and in the log only at the level debug.
#[derive(Debug, Clone)]
pub struct Observer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    listener: &'static str,
    clock: Arc<dyn Clock>,
    in_flight: Gauge,
    series: Series,
    access: Option<Arc<AccessLog>>,
}

impl Observer {
    /// `listener` is the name in the metrics.
    pub fn new(listener: &'static str, clock: Arc<dyn Clock>, access: Option<Arc<AccessLog>>) -> Self {
        let in_flight = metrics::gauge!(names::HTTP_REQUESTS_IN_FLIGHT.name, "listener" => listener);
        Self(Arc::new(Inner { listener, clock, in_flight, series: Series::default(), access }))
    }

    /// Observes a request for `file`, which is answered without waiting for anything. It needs no span: nothing else happens
    /// meanwhile.
    pub(super) fn at_once<B>(
        &self,
        request: &mut http::Request<B>,
        file: &'static str,
        answer: impl FnOnce(&http::Request<B>) -> Response,
    ) -> Response {
        let record = Record::begin(self, request, Some(file));
        let answer = catch_unwind(AssertUnwindSafe(|| answer(request)));
        record.end(answer)
    }
}

impl Observer {
    /// Observes a request that is passed on, without a span, which would cost a tenth of all that is done for it. So what is told of it
    /// meanwhile has to name its id. No function of its own waits here: each would hold, and copy, the request once more.
    pub(super) fn passed<B, Pass, Answering>(
        &self,
        mut request: http::Request<B>,
        pass: Pass,
    ) -> impl Future<Output = http::Response<Content>> + use<B, Pass, Answering>
    where
        Pass: FnOnce(http::Request<B>, RequestId) -> Answering,
        Answering: Future<Output = http::Response<Content>>,
    {
        let mut record = Record::begin(self, &mut request, None);
        record.is_passed_on = true;
        let answering = AssertUnwindSafe(pass(request, record.id)).catch_unwind();
        answering.map(|answer| record.end(answer))
    }
}

async fn observed(State(observer): State<Observer>, mut request: Request, next: Next) -> Response {
    let record = Record::begin(&observer, &mut request, None);
    let span = info_span!("request", request.id = %record.id, request.method = record.method, request.route = record.route());
    let answer = async { record.end(AssertUnwindSafe(next.run(request)).catch_unwind().await) };
    answer.instrument(span).await
}

/// The counters and durations of requests by route, and there by method and code: none of them is the client's to
/// choose, so they are few. They are found once, because looking a metric up by its labels takes longer than counting.
#[derive(Debug, Default)]
struct Series(RwLock<HashMap<Box<str>, Vec<Ending>>>);

#[derive(Debug)]
struct Ending {
    method: &'static str,
    code: u16,
    requests: Counter,
    durations: Histogram,
}

impl Series {
    fn count(&self, listener: &'static str, route: &str, method: &'static str, code: u16, took: Duration) {
        let same = |ending: &&Ending| ending.method == method && ending.code == code;
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(ending) = known.get(route).and_then(|endings| endings.iter().find(same)) {
            return ending.count(took);
        }
        drop(known);
        let ending = Ending::new(listener, route, method, code);
        ending.count(took);
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(route.into()).or_default().push(ending);
    }
}

impl Ending {
    fn new(listener: &'static str, route: &str, method: &'static str, code: u16) -> Self {
        let labels = [
            ("listener", listener.to_owned()),
            ("route", route.to_owned()),
            ("method", method.to_owned()),
            ("code", code.to_string()),
        ];
        let requests = metrics::counter!(names::HTTP_REQUESTS.name, &labels);
        let durations = metrics::histogram!(names::HTTP_REQUEST_DURATION_SECONDS.name, &labels[..3]);
        Self { method, code, requests, durations }
    }

    fn count(&self, took: Duration) {
        self.requests.increment(1);
        self.durations.record(took);
    }
}

/// A request under way. Dropped before its end, it was given up by the client.
struct Record {
    observer: Arc<Inner>,
    began: Instant,
    id: RequestId,
    method: &'static str,
    route: Option<MatchedPath>,
    asked: Option<Asked>,
    is_passed_on: bool,
    ended: bool,
}

impl Record {
    fn begin<B>(observer: &Observer, request: &mut http::Request<B>, file: Option<&'static str>) -> Self {
        let observer = Arc::clone(&observer.0);
        observer.in_flight.increment(1);
        let id = RequestId::new(observer.clock.new_id());
        request.headers_mut().remove(REQUEST_ID);
        request.extensions_mut().insert(id);
        let (method, route) = (known(request.method()), request.extensions().get().cloned());
        Self {
            began: observer.clock.instant(),
            asked: observer.access.as_ref().map(|access| access.note(request, method, file)),
            observer,
            id,
            method,
            route,
            is_passed_on: false,
            ended: false,
        }
    }

    fn route(&self) -> &str {
        self.route.as_ref().map_or(UNMATCHED, MatchedPath::as_str)
    }

    /// Ends it with an answer, or with the panic that came instead.
    fn end<B: HttpBody + From<Body>>(
        mut self,
        answer: thread::Result<http::Response<B>>,
    ) -> http::Response<B> {
        let mut answer = answer.unwrap_or_else(|_| {
            metrics::counter!(names::HTTP_PANICS.name, "listener" => self.observer.listener).increment(1);
            error!(request.id = %self.id, "request {} ended in a panic", self.id);
            panicked(self.id).map(B::from)
        });
        let theirs = match answer.headers_mut().entry(REQUEST_ID) {
            Entry::Vacant(empty) => {
                empty.insert(id_header(self.id));
                None
            }
            Entry::Occupied(theirs) => self.is_passed_on.then(|| theirs.get().clone()),
        };
        self.ended = true;
        self.write(answer.status().as_u16(), answer.body().size_hint().exact(), theirs.as_ref());
        answer
    }

    /// `theirs` is the id that an upstream gave the request.
    fn write(&self, code: u16, bytes: Option<u64>, theirs: Option<&HeaderValue>) {
        let Self { observer, id, method, .. } = self;
        let route = self.route();
        let took = observer.clock.instant().saturating_duration_since(self.began);
        observer.series.count(observer.listener, route, method, code, took);
        let duration_ms = took.as_secs_f64() * 1000.0;
        // Probes and scrapes come every few seconds for ever.
        let is_quiet = QUIET_ROUTES.contains(&route);
        if let (Some(access), Some(asked), false) = (&observer.access, &self.asked, is_quiet) {
            let began = observer.clock.now().before(took);
            let (listener, id) = (observer.listener, *id);
            access.write(asked, &Ended { listener, id, began, took, status: code, bytes });
        }
        let upstream = theirs.and_then(|theirs| theirs.to_str().ok());
        if is_quiet || observer.access.is_some() {
            debug!(request.id = %id, request.upstream = upstream, status = code, duration_ms, "{method} {route} answered {code}");
        } else {
            info!(request.id = %id, request.upstream = upstream, status = code, duration_ms, "{method} {route} answered {code}");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.observer.in_flight.decrement(1);
        if !self.ended {
            self.write(GIVEN_UP, None, None);
        }
    }
}

/// The id as a header. It comes once, so HTTP/2 must not push another out of its table for it: marked as sensitive, it is left
/// out of there (RFC 7541 §6.2.3).
pub(super) fn id_header(id: RequestId) -> HeaderValue {
    let mut value = HeaderValue::from_str(id.as_uuid().hyphenated().encode_lower(&mut Uuid::encode_buffer()))
        .unwrap_or(HeaderValue::from_static(UNMATCHED));
    value.set_sensitive(true);
    value
}

/// A body with nothing but the id: what broke is in the log, under it.
fn panicked(id: RequestId) -> Response {
    let detail = "something went wrong inside the server; its log has the cause under this request_id";
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail, id)
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
const GIVEN_UP: u16 = 499;

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
        let router =
            observe(Router::new().nest("/api/v1", devices), "api", Arc::new(SystemClock::new()), None);

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

        let mut answer = Box::pin(observe(router, "api", clock, None).oneshot(request));
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), &mut answer).await;
        drop(answer);

        assert!(waited.is_err());
        assert!(metrics.render().contains(r#"method="GET",code="499"} 1"#));
    }
}
