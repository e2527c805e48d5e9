//! The one door through which an error leaves: problem+json of RFC 9457, with the request's id.
//!
//! Invariant: the body of an internal error holds its id and nothing of its cause; the log has both, once.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

use crate::app::error::{AppError, Fault};
use crate::domain::id::RequestId;
use crate::telemetry::chain::chain;

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal on its way to the door. It travels as an extension of an empty response.
#[derive(Debug, Clone)]
pub struct Problem(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    status: StatusCode,
    code: &'static str,
    detail: String,
    faults: Vec<FieldFault>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<AppError>,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemView<'a> {
    /// Names the kind of problem.
    #[schema(example = "urn:caspervpn:problem:invalid")]
    r#type: String,
    /// The kind of problem in words; the same for every problem of its status.
    #[schema(example = "Unprocessable Content")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    status: u16,
    /// What happened this time, and what to do.
    #[schema(example = "a field of the request is not acceptable")]
    detail: &'a str,
    /// A word for programs.
    #[schema(example = "invalid")]
    code: &'static str,
    /// The request; the server's log knows it by the same id.
    request_id: RequestId,
    /// The parts of the request that are at fault, where they are known.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldFault],
}

/// A part of the request that is at fault: exactly one of `pointer`, `parameter` and `header` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({ "pointer": "/name", "detail": "may not be empty" }))]
pub struct FieldFault {
    /// A place in the body, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pointer: Option<String>,
    /// A query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// A request header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    header: Option<&'static str>,
    /// The rule, and what is wrong with the value.
    #[schema(example = "may not be empty")]
    detail: String,
}

impl FieldFault {
    /// A fault in the body.
    pub fn pointer(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, header: None, detail: shorten(detail.into()) }
    }

    /// A fault in the query.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.into()), header: None, detail: shorten(detail.into()) }
    }

    /// A fault in a header.
    pub fn header(name: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: None, header: Some(name), detail: shorten(detail.into()) }
    }
}

impl From<Fault> for FieldFault {
    fn from(fault: Fault) -> Self {
        Self::pointer(fault.pointer, fault.detail)
    }
}

impl Problem {
    /// A problem of a status, with a word for programs and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self::of(status, code, detail.into(), Vec::new())
    }

    /// A part of the request is at fault.
    pub fn at(status: StatusCode, code: &'static str, fault: FieldFault) -> Self {
        let detail = match (&fault.pointer, &fault.parameter, fault.header) {
            (Some(pointer), ..) if pointer.is_empty() => format!("the request's body: {}", fault.detail),
            (Some(pointer), ..) => format!("the field {pointer}: {}", fault.detail),
            (None, Some(name), _) => format!("the query parameter {name}: {}", fault.detail),
            (None, None, Some(name)) => format!("the header {name}: {}", fault.detail),
            (None, None, None) => fault.detail.clone(),
        };
        Self::of(status, code, detail, vec![fault])
    }

    /// A field, parameter or header breaks the rule of its type.
    pub fn invalid(fault: FieldFault) -> Self {
        Self::at(StatusCode::UNPROCESSABLE_ENTITY, "invalid", fault)
    }

    /// There is nothing here.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is nothing at this address; /api/v1/openapi.json lists what there is",
        )
    }

    /// The caller has not said, or not proved, who it is. `challenge` says how to (RFC 9110 §11.6.1).
    pub fn unauthenticated(detail: impl Into<String>, challenge: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// So many requests came from an address that this one has to wait.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        let retry_after = seconds(retry_after);
        let detail = format!(
            "too many requests come from this address; send this one again in {} s, and fewer at once",
            retry_after.to_str().unwrap_or("some")
        );
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
            .with(header::RETRY_AFTER, retry_after)
    }

    /// The server has no room or no time for this now.
    pub fn busy(detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
            .with(header::RETRY_AFTER, seconds(retry_after))
    }

    /// The problem of an error that came from below without one: an unknown method, a panic.
    pub fn bare(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "this address does not know this method; the header Allow lists those it knows",
            ),
            StatusCode::NOT_FOUND => return Self::not_found(),
            status if status.is_server_error() => ("internal", INTERNAL),
            _ => ("refused", "the request cannot be served as it is"),
        };
        Self::new(status, code, detail)
    }

    /// Adds a header to the answer.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Some(facts) = Arc::get_mut(&mut self.0) {
            facts.headers.push((name, value));
        }
        self
    }

    /// The status it will be answered with.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The word for programs.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The faulty parts.
    pub fn faults(&self) -> &[FieldFault] {
        &self.0.faults
    }

    /// Writes the answer, and for an internal error the log's line.
    pub fn render(&self, id: RequestId) -> Response {
        let facts = &self.0;
        if let Some(cause) = &facts.cause {
            error!(request.id = %id, error = %chain(cause), "request {id} failed");
        }
        let view = ProblemView {
            r#type: format!("urn:caspervpn:problem:{}", facts.code),
            title: facts.status.canonical_reason().unwrap_or("Error"),
            status: facts.status.as_u16(),
            detail: &facts.detail,
            code: facts.code,
            request_id: id,
            errors: &facts.faults,
        };
        // A struct of texts always has a JSON form; an empty body would still carry the status.
        let body = serde_json::to_vec(&view).unwrap_or_default();
        let mut response = (facts.status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        for (name, value) in &facts.headers {
            response.headers_mut().append(name, value.clone());
        }
        response
    }

    fn of(status: StatusCode, code: &'static str, detail: String, faults: Vec<FieldFault>) -> Self {
        Self(Arc::new(Facts { status, code, detail, faults, headers: Vec::new(), cause: None }))
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let text = error.to_string();
        match error {
            AppError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", text),
            AppError::Forbidden { .. } => Self::new(StatusCode::FORBIDDEN, "forbidden", text),
            AppError::Unproven { code, .. } => Self::new(StatusCode::FORBIDDEN, code, text),
            AppError::Unauthenticated { .. } => Self::unauthenticated(text, "Bearer"),
            AppError::Invalid { faults } => {
                let faults: Vec<FieldFault> = faults.into_iter().map(FieldFault::from).collect();
                match <[FieldFault; 1]>::try_from(faults) {
                    Ok([fault]) => Self::invalid(fault),
                    Err(faults) => Self::of(StatusCode::UNPROCESSABLE_ENTITY, "invalid", text, faults),
                }
            }
            AppError::Conflict { code, detail, pointer } => {
                // A key used for another request is the request's fault, not that of the state of things.
                let status = if code == IDEMPOTENCY_KEY_REUSED {
                    StatusCode::UNPROCESSABLE_ENTITY
                } else {
                    StatusCode::CONFLICT
                };
                let faults = pointer.map(|pointer| FieldFault::pointer(pointer, detail.clone()));
                Self::of(status, code, detail, faults.into_iter().collect())
            }
            AppError::Stale { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "stale", text),
            AppError::TooMany { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", text)
                    .with(header::RETRY_AFTER, seconds(retry_after))
            }
            AppError::Busy { retry_after, .. } => Self::busy(text, retry_after),
            cause @ AppError::Internal { .. } => Self(Arc::new(Facts {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "internal",
                detail: INTERNAL.to_owned(),
                faults: Vec::new(),
                headers: Vec::new(),
                cause: Some(cause),
            })),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The app's word for an `Idempotency-Key` that came with another body before.
pub const IDEMPOTENCY_KEY_REUSED: &str = "idempotency_key_reused";

const INTERNAL: &str = "something went wrong inside the server; its log has the cause under this request_id";

/// `Retry-After` in whole seconds, at least one, so that nobody comes back at once.
fn seconds(span: Duration) -> HeaderValue {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    HeaderValue::from(whole.max(1))
}

/// Longest detail, in characters: a message may quote the value, and a value may be as long as the body.
const MAX_DETAIL_CHARS: usize = 300;

fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_DETAIL_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{FieldFault, Problem};
    use crate::app::error::AppError;
    use crate::domain::id::RequestId;
    use http::{StatusCode, header};
    use http_body_util::BodyExt;
    use serde_json::Value;
    use std::time::Duration;
    use uuid::Uuid;

    const ID: RequestId = RequestId::new(Uuid::from_u128(7));

    async fn body(problem: &Problem) -> Value {
        let bytes = problem.render(ID).into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn an_internal_error_shows_its_id_and_hides_its_cause() {
        let cause = std::io::Error::other("disk on fire");
        let problem = Problem::from(AppError::broken("saving the device")(cause));

        let found = body(&problem).await;

        assert_eq!(found["status"], 500);
        assert_eq!(found["request_id"], ID.to_string());
        assert!(!found.to_string().contains("fire") && !found.to_string().contains("saving"));
    }

    #[tokio::test]
    async fn a_problem_has_every_member_of_the_rfc_and_ours() {
        let problem = Problem::invalid(FieldFault::pointer("/name", "may not be empty"));

        let found = body(&problem).await;

        assert_eq!(found["type"], "urn:caspervpn:problem:invalid");
        assert_eq!(found["title"], "Unprocessable Entity");
        assert_eq!(found["detail"], "the field /name: may not be empty");
        assert_eq!(found["errors"][0]["pointer"], "/name");
        assert_eq!(found["errors"][0].get("parameter"), None);
    }

    #[test]
    fn a_wait_is_at_least_a_second_and_rounded_up() {
        let wait = |ms| {
            let problem = Problem::from(AppError::TooMany { retry_after: Duration::from_millis(ms) });
            problem.render(ID).headers()[header::RETRY_AFTER].to_str().unwrap().to_owned()
        };

        assert_eq!([wait(0), wait(1), wait(1001)], ["1", "1", "2"]);
    }

    #[test]
    fn every_refusal_of_the_app_has_its_status() {
        let status = |error| Problem::from(error).status();

        assert_eq!(status(AppError::not_found("user")), StatusCode::NOT_FOUND);
        assert_eq!(status(AppError::Stale { noun: "user" }), StatusCode::PRECONDITION_FAILED);
        assert_eq!(status(AppError::conflict("taken", "taken")), StatusCode::CONFLICT);
        assert_eq!(
            status(AppError::conflict("idempotency_key_reused", "")),
            StatusCode::UNPROCESSABLE_ENTITY
        );
        let signed_out = Problem::from(AppError::Unauthenticated { why: "sign in first" }).render(ID);
        assert_eq!(signed_out.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }

    #[test]
    fn a_quoted_value_is_cut() {
        let fault = FieldFault::pointer("/name", "ä".repeat(1000));

        assert_eq!(fault.detail.chars().count(), 301);
    }
}
