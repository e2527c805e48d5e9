//! Errors that the edge makes itself, in the form that the API's have.
//!
//! Invariant: a body tells what happened and the request's id, nothing of a cause.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::domain::id::RequestId;

/// A problem document of RFC 9457. `code` and `detail` are words of ours, without quotes.
pub(super) fn problem(
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
    id: RequestId,
) -> Response {
    let (number, title) = (status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    let body = format!(
        r#"{{"type":"urn:caspervpn:problem:{code}","title":"{title}","status":{number},"detail":"{detail}","code":"{code}","request_id":"{id}"}}"#
    );
    let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body).into_response()
}
