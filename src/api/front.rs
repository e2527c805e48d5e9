//! What happens to every request before a handler sees it and to every answer before it leaves.
//!
//! Invariant: an error without a problem document does not leave, whoever made it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tracing::error;

use crate::api::Api;
use crate::api::problem::Problem;
use crate::domain::id::RequestId;
use crate::telemetry::names;

/// Longest time for an answer. The slowest honest one, a password among a full queue of others, takes a third.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Carries the request's id, by which the log knows it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the request, bounds its time, catches its panic, and writes its error.
pub async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id = request.extensions().get().copied().unwrap_or_else(|| api.new_request_id());
    request.extensions_mut().insert(id);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => panicked(id),
        Err(_) => too_slow(),
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = refusal(response, id);
    }
    // The listener counts answers by route, and stands outside of the routing.
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    harden(response.headers_mut(), id);
    response
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

fn panicked(id: RequestId) -> Response {
    metrics::counter!(names::HTTP_PANICS.name).increment(1);
    error!(request.id = %id, "request {id} ended in a panic; the panic's own line says where");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

fn too_slow() -> Response {
    let detail = format!(
        "no answer came within {} s, and whether the change was made is not known; a create with an \
         Idempotency-Key can be repeated without harm",
        ANSWER_WITHIN.as_secs()
    );
    Problem::busy(detail, Duration::from_secs(1)).into_response()
}

/// Answers are for the one who asked: nothing between keeps them, nothing takes them for a page.
fn harden(headers: &mut HeaderMap, id: RequestId) {
    const CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, CSP);
    let mut text = uuid::Uuid::encode_buffer();
    let text = id.as_uuid().hyphenated().encode_lower(&mut text);
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(REQUEST_ID, value);
    }
}
