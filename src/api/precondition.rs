//! Reads `If-Match`: which revision of a thing the caller means to change (RFC 9110 §13.1.1).

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{StatusCode, header};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, Required};

use crate::api::problem::{FieldFault, Problem};
use crate::app::Revision;

/// The revision a change is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Revision);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        match (values.next(), values.next()) {
            (None, _) => Err(missing()),
            (Some(value), None) => parse(value.as_bytes()).map(Self),
            (Some(_), Some(_)) => Err(malformed()),
        }
    }
}

/// The revision of one strong entity tag.
fn parse(value: &[u8]) -> Result<Revision, Problem> {
    let text = std::str::from_utf8(value).map_err(|_| malformed())?.trim();
    let (is_weak, tag) = match text.strip_prefix("W/") {
        Some(tag) => (true, tag),
        None => (false, text),
    };
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(malformed)?;
    if inner.contains('"') {
        return Err(malformed());
    }
    // A tag of another form is no revision of ours, and a weak one never matches (RFC 9110 §8.8.3.2).
    let is_plain = !is_weak && inner.bytes().all(|byte| byte.is_ascii_digit());
    inner.parse().ok().filter(|_| is_plain).ok_or_else(stale)
}

fn missing() -> Problem {
    Problem::at(
        StatusCode::PRECONDITION_REQUIRED,
        "if_match_required",
        FieldFault::header("If-Match", "is missing: send the ETag of what you have read, such as \"3\""),
    )
}

fn malformed() -> Problem {
    Problem::at(
        StatusCode::BAD_REQUEST,
        "malformed_if_match",
        FieldFault::header("If-Match", "is not one entity tag such as \"3\""),
    )
}

fn stale() -> Problem {
    Problem::at(
        StatusCode::PRECONDITION_FAILED,
        "stale",
        FieldFault::header(
            "If-Match",
            "is not a revision of this thing; read it again and repeat the change",
        ),
    )
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^\"[0-9]{1,18}\"$"))
            .examples(["\"3\""])
            .build();
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(
                "The ETag of what was read. It keeps two people from undoing each other's change.",
            ))
            .schema(Some(schema));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::IfMatch;
    use axum::extract::FromRequestParts;
    use http::Request;

    async fn code(values: &[&str]) -> Result<i64, &'static str> {
        let mut request = Request::builder();
        for value in values {
            request = request.header("if-match", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        match IfMatch::from_request_parts(&mut parts, &()).await {
            Ok(IfMatch(revision)) => Ok(revision),
            Err(problem) => Err(problem.code()),
        }
    }

    #[tokio::test]
    async fn one_strong_tag_is_a_revision_and_nothing_else_is() {
        assert_eq!(code(&["\"12\""]).await, Ok(12));
        assert_eq!(code(&[]).await, Err("if_match_required"));
        for bad in ["12", "*", "\"1\", \"2\"", "\"", "", "W/3"] {
            assert_eq!(code(&[bad]).await, Err("malformed_if_match"), "{bad}");
        }
        assert_eq!(code(&["\"1\"", "\"2\""]).await, Err("malformed_if_match"));
        for other in ["W/\"12\"", "\"abc\"", "\"-1\"", "\"+1\"", "\"\"", "\"99999999999999999999\""] {
            assert_eq!(code(&[other]).await, Err("stale"), "{other}");
        }
    }
}
