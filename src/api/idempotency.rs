//! Reads `Idempotency-Key`: a caller's proof that a repeated create is the same one.
//!
//! Invariant: what is kept of a request is keyed by a value that is not kept, so that nobody who reads the database
//! can test guesses of a password against it.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, Required};

use crate::api::body;
use crate::api::problem::{FieldFault, Problem};
use crate::app::ctx::{Ctx, Idempotency};

/// The header's name.
pub const HEADER: &str = "Idempotency-Key";
/// Longest key, in characters; a UUID has 36.
const MAX_CHARS: usize = 200;

/// The body of a create, with the key that makes its repetition harmless.
pub struct Once<T> {
    /// The body.
    pub request: T,
    key: Option<Idempotency>,
}

impl<T> Once<T> {
    /// The context to create in, and what to create.
    pub fn within(self, ctx: Ctx) -> (Ctx, T) {
        (Ctx { idempotency: self.key, ..ctx }, self.request)
    }
}

impl<T> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("key", &self.key.is_some()).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Once<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let key = key(request.headers())?;
        let path = request.uri().path().to_owned();
        let bytes = body::read(request).await?;
        let key = key.map(|key| digest_of(&key, &path, &bytes));
        Ok(Self { request: body::parse(&bytes)?, key })
    }
}

fn key(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None)
            if (1..=MAX_CHARS).contains(&value.len())
                && value.as_bytes().iter().all(u8::is_ascii_graphic) =>
        {
            Ok(Some(value.as_bytes().to_vec()))
        }
        (Some(_), _) => Err(Problem::at(
            StatusCode::BAD_REQUEST,
            "malformed_idempotency_key",
            FieldFault::header(HEADER, "is one text of 1 to 200 visible ASCII characters, such as a UUID"),
        )),
    }
}

/// The same body for another parent, which the path names, is another request.
fn digest_of(key: &[u8], path: &str, body: &[u8]) -> Idempotency {
    let mut found = Idempotency { key_hash: [0; 32], request_hash: [0; 32] };
    found.key_hash.copy_from_slice(digest::digest(&digest::SHA256, key).as_ref());
    let mut request = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    request.update(path.as_bytes());
    request.update(&[0]);
    request.update(body);
    found.request_hash.copy_from_slice(request.sign().as_ref());
    found
}

impl<T> IntoParams for Once<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_CHARS))
            .pattern(Some("^[!-~]{1,200}$"))
            .examples(["6f1c1c4e-6f0e-4a37-8a27-0d7a4c5f4b11"])
            .build();
        let parameter = ParameterBuilder::new()
            .name(HEADER)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Makes a repetition harmless: within 24 h the same key with the same body answers with the thing \
                 that the first request made, and `Idempotency-Replayed: true`. With another body it is refused.",
            ))
            .schema(Some(schema));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::Once;
    use axum::body::Body;
    use axum::extract::{FromRequest, Request};
    use serde_json::Value;

    async fn read(keys: &[&str], body: &str) -> Result<Once<Value>, &'static str> {
        let mut request = Request::builder().header("content-type", "application/json");
        for key in keys {
            request = request.header("idempotency-key", *key);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        Once::from_request(request, &()).await.map_err(|problem| problem.code())
    }

    #[tokio::test]
    async fn the_same_key_tells_one_body_from_another() {
        let first = read(&["k"], "1").await.unwrap().key.unwrap();
        let again = read(&["k"], "1").await.unwrap().key.unwrap();
        let other = read(&["k"], "2").await.unwrap().key.unwrap();

        assert_eq!(first, again);
        assert_eq!(first.key_hash, other.key_hash);
        assert_ne!(first.request_hash, other.request_hash);
        assert!(read(&[], "1").await.unwrap().key.is_none());
    }

    #[tokio::test]
    async fn a_key_is_one_visible_text() {
        let long = "x".repeat(201);
        for keys in [&["a b"][..], &[""], &["a", "b"], &[&long]] {
            assert_eq!(read(keys, "1").await.unwrap_err(), "malformed_idempotency_key");
        }
        assert!(read(&[&long[..200]], "1").await.is_ok());
    }
}
