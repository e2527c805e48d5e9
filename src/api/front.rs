//! What happens to every request before a handler sees it and to every answer before it leaves.
//!
//! Invariant: an error without a problem document does not leave, whoever made it.

use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::api::problem::Problem;
use crate::api::{Api, doors};
use crate::domain::id::RequestId;

/// Carries the request's id, by which the log knows it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the request, bounds its time, and writes its error. A panic is the listener's to catch and to count.
pub async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id = request.extensions().get().copied().unwrap_or_else(|| api.new_request_id());
    request.extensions_mut().insert(id);
    if !request.body().is_end_stream() {
        request.extensions_mut().insert(api.0.body_limits);
    }
    let within = api.0.answer_within;
    let answer = async {
        match doors::admit(api.app(), api.origin(request.extensions())) {
            Err(refused) => refused.into_response(),
            Ok(()) if request.method().is_safe() => next.run(request).await,
            Ok(()) => act(&api, next, request).await,
        }
    };
    let answer = tokio::time::timeout(within, answer).await;
    let mut response = answer.unwrap_or_else(|_| too_slow(within));
    if response.status().is_client_error() || response.status().is_server_error() {
        response = refusal(response, id);
    }
    harden(response.headers_mut(), id);
    response
}

/// The answer to a request that was turned away before it came here because too many come from its address.
pub fn too_many_requests(id: Option<RequestId>, retry_after: Duration) -> Response {
    let problem = Problem::too_many_requests(retry_after);
    let Some(id) = id else { return problem.into_response() };
    let mut response = problem.render(id);
    harden(response.headers_mut(), id);
    response
}

/// Runs an act to its end, whether or not the client waits for it: what was committed must also reach the caches and
/// the nodes, and that happens after the commit.
async fn act(api: &Api, next: Next, request: Request) -> Response {
    let (give, answer) = oneshot::channel();
    let work = async move { drop(give.send(next.run(request).await)) };
    api.acts().spawn(work.in_current_span());
    // Only a panic loses the answer, and the supervisor has logged and counted it.
    answer.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn refusal(mut response: Response, id: RequestId) -> Response {
    let problem = response.extensions_mut().remove::<Problem>();
    let problem = problem.unwrap_or_else(|| Problem::bare(response.status()));
    let mut rendered = problem.render(id);
    // A 405 says which methods there are (RFC 9110 §15.5.6).
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        rendered.headers_mut().insert(header::ALLOW, allow);
    }
    rendered
}

fn too_slow(within: Duration) -> Response {
    let detail = format!(
        "no answer came within {} s, and whether the change was made is not known; a create with an \
         Idempotency-Key can be repeated without harm",
        within.as_secs()
    );
    Problem::busy(detail, Duration::from_secs(1)).into_response()
}

/// Answers are for the one who asked: nothing between keeps them, nothing takes them for a page.
fn harden(headers: &mut HeaderMap, id: RequestId) {
    const CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    // These four and what the server adds: growing the map each time takes longer than filling it.
    headers.reserve(8);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, CSP);
    let mut text = uuid::Uuid::encode_buffer();
    let text = id.as_uuid().hyphenated().encode_lower(&mut text);
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(REQUEST_ID, value);
    }
}
