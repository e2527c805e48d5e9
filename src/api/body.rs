//! Reads a JSON body into a typed request, or says which part of it is at fault.
//!
//! Invariant: a handler never sees a body that breaks the rule of one of its types.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_path_to_error::{Path, Segment};

use crate::api::caller::Standing;
use crate::api::problem::{FieldFault, Problem};
use crate::config::limits::Limits;

/// What a body may take. It is an extension of a request that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Longest body.
    pub bytes: usize,
    /// Longest wait for one.
    pub timeout: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        (&Limits::default()).into()
    }
}

impl From<&Limits> for BodyLimits {
    fn from(limits: &Limits) -> Self {
        let bytes = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
        Self { bytes, timeout: Duration::from_secs(limits.body_timeout_s.into()) }
    }
}

/// A request's body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(&read(request).await?).map(Self)
    }
}

/// The bytes of a JSON body, within the limits of size and time, from somebody who may still act when it is there.
pub async fn read(mut request: Request) -> Result<Bytes, Problem> {
    require_json(request.headers())?;
    let standing = request.extensions_mut().remove::<Standing>();
    let bytes = collect(request).await?;
    if let Some(standing) = standing {
        standing.confirm().await?;
    }
    Ok(bytes)
}

async fn collect(request: Request) -> Result<Bytes, Problem> {
    let limits = request.extensions().get::<BodyLimits>().copied().unwrap_or_default();
    let body = Limited::new(request.into_body(), limits.bytes).collect();
    match tokio::time::timeout(limits.timeout, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limits)),
        // axum wraps the limit's error once more when the body was limited before.
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "incomplete_body",
            "the request's body ended before it was complete",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            format!("the request's body did not arrive within {} s", limits.timeout.as_secs()),
        )),
    }
}

/// A typed request from the bytes of a JSON body.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        malformed("not_utf8", format!("the body is not UTF-8: byte {at} does not fit"))
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        fault(pointer, text, &error.into_inner())
    })?;
    json.end().map_err(|error| fault(String::new(), text, &error))?;
    Ok(value)
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (essence, parameters) = given.split_once(';').unwrap_or((given, ""));
    let charset = parameters.split(';').map(str::trim).filter(|parameter| !parameter.is_empty());
    let is_utf8 = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    };
    if essence.trim().eq_ignore_ascii_case("application/json") && charset.into_iter().all(is_utf8) {
        return Ok(());
    }
    Err(Problem::at(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        FieldFault::header("Content-Type", "the body must be application/json in UTF-8"),
    ))
}

fn too_large(BodyLimits { bytes, .. }: BodyLimits) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the request's body has more than {bytes} bytes"),
    )
}

fn malformed(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, detail)
}

/// Tells a text that is no JSON from JSON that breaks a rule. serde_json calls a number in the place of a word bad
/// syntax, so the text itself is asked.
fn fault(pointer: String, text: &str, error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let said = error.to_string();
    let said = said.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&said);
    if error.is_data() || serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return Problem::invalid(FieldFault::pointer(named(pointer, said), sentence(said)));
    }
    malformed("malformed_json", format!("the body is not JSON: {said}, line {line} column {column}"))
}

/// serde tells of a field that is missing or twice at its parent; the pointer shall name the field.
fn named(pointer: String, text: &str) -> String {
    let field = ["missing field `", "duplicate field `", "unknown field `"]
        .into_iter()
        .find_map(|start| text.strip_prefix(start)?.split_once('`'))
        .map(|(field, _)| escape(field));
    match field {
        Some(field) if !pointer.ends_with(&format!("/{field}")) => format!("{pointer}/{field}"),
        _ => pointer,
    }
}

/// serde's words for what JSON and a caller call otherwise.
fn sentence(text: &str) -> String {
    if text.starts_with("missing field") {
        return "is missing".to_owned();
    }
    if text.starts_with("duplicate field") {
        return "is there twice".to_owned();
    }
    if text == "expected value" {
        return "is of another type than this field takes".to_owned();
    }
    text.replacen("unknown field", "is not known here: unknown field", 1)
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// RFC 6901 §3.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::{Body, BodyLimits, parse};
    use crate::api::problem::{FieldFault, Problem};
    use crate::domain::name::DeviceName;
    use axum::extract::{FromRequest, Request};
    use http::{StatusCode, header};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: DeviceName,
        #[serde(default)]
        ports: Vec<u16>,
    }

    fn refused(text: &[u8]) -> Problem {
        parse::<Sample>(text).unwrap_err()
    }

    async fn send(content_type: Option<&str>, body: Vec<u8>) -> Result<Body<Sample>, Problem> {
        let mut request = Request::builder();
        if let Some(value) = content_type {
            request = request.header(header::CONTENT_TYPE, value);
        }
        Body::from_request(request.body(axum::body::Body::from(body)).unwrap(), &()).await
    }

    #[test]
    fn a_fault_is_told_with_its_pointer_and_the_types_own_sentence() {
        let empty = refused(br#"{"name":"  "}"#);
        let nested = refused(br#"{"name":"a","ports":[1,70000]}"#);

        let good: Sample = parse(br#"{"name":" a ","ports":[1]}"#).unwrap();
        assert_eq!((good.name.as_str(), good.ports), ("a", vec![1]));
        assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(empty.faults(), [FieldFault::pointer("/name", "may not be empty")]);
        assert_eq!(
            nested.faults(),
            [FieldFault::pointer("/ports/1", "invalid value: integer `70000`, expected u16")]
        );
    }

    #[test]
    fn an_unknown_a_missing_and_a_doubled_field_are_named() {
        let unknown = refused(br#"{"name":"a","port/s":1}"#);
        let missing = refused(b"{}");
        let doubled = refused(br#"{"name":"a","name":"b"}"#);

        assert!(
            unknown.faults()[0]
                == FieldFault::pointer(
                    "/port~1s",
                    "is not known here: unknown field `port/s`, expected `name` or `ports`"
                )
        );
        assert_eq!(missing.faults(), [FieldFault::pointer("/name", "is missing")]);
        assert_eq!(doubled.faults(), [FieldFault::pointer("/name", "is there twice")]);
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = "[".repeat(10_000);
        let cases: [(&[u8], &str); 6] = [
            (b"", "malformed_json"),
            (b"{\"name\":", "malformed_json"),
            (b"{\"name\":\"a\"} x", "malformed_json"),
            (b"{\"name\":\"\xff\"}", "not_utf8"),
            (b"\xef\xbb\xbf{}", "malformed_json"),
            (deep.as_bytes(), "invalid"),
        ];

        for (text, code) in cases {
            assert_eq!(refused(text).code(), code, "{:?}", String::from_utf8_lossy(text).get(..20));
        }
    }

    #[test]
    fn a_deep_nest_behind_a_known_field_does_not_overflow_the_stack() {
        let deep = format!("{{\"name\":{}", "[".repeat(100_000));

        assert!(refused(deep.as_bytes()).status().is_client_error());
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_as_a_whole() {
        assert_eq!(refused(b"7").status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused(b"null").status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[tokio::test]
    async fn only_json_in_utf8_is_read() {
        let body = || br#"{"name":"a"}"#.to_vec();

        for good in
            ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
        {
            assert!(send(Some(good), body()).await.is_ok(), "{good}");
        }
        for bad in [None, Some("text/plain"), Some("application/json; charset=latin1"), Some("application/x")]
        {
            assert_eq!(send(bad, body()).await.unwrap_err().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }

    #[tokio::test]
    async fn a_body_has_a_longest_size() {
        let found = send(Some("application/json"), vec![b' '; BodyLimits::default().bytes + 1]).await;

        assert_eq!(found.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
