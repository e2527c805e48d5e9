//! Speaks `/api/v1` for the verbs: over the server's local socket, or to the same router in this process.

use std::fmt;
use std::io;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde_json::Value;
use uuid::Uuid;

use crate::cli::page::query;
use crate::daemon::exit::Exit;
use crate::daemon::local_api::{LocalApi, LocalApiError};

/// The API as the host's administrator.
pub(super) struct Client {
    api: LocalApi,
}

/// What the API answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The body; `null` where there is none.
    pub(super) body: Value,
    /// The revision in quotes, where the answer is one thing.
    pub(super) etag: Option<String>,
}

/// A verb failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Neither the server nor its data directory can be used.
    #[error("cannot reach the service")]
    Local {
        /// Why.
        #[source]
        cause: LocalApiError,
    },
    /// The API refused.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer is not what this program knows.
    #[error(
        "the service answered {status} with something that is no JSON; is it another version? restart it after an upgrade"
    )]
    Strange {
        /// The status.
        status: StatusCode,
    },
    /// No thing of that name, or several.
    #[error("{0}")]
    Name(String),
}

/// A problem+json answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl CallError {
    /// Whether nobody reads what was asked for any more, which is no failure of the verb.
    pub(super) fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Local { cause: LocalApiError::Take { cause } } => cause.kind() == io::ErrorKind::BrokenPipe,
            Self::Local { .. } | Self::Refused(_) | Self::Strange { .. } | Self::Name(_) => false,
        }
    }

    /// The code that a process ends with for it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Local { cause: LocalApiError::Take { .. } } => Exit::Failure,
            Self::Local { .. } => Exit::Unavailable,
            Self::Refused(_) | Self::Strange { .. } | Self::Name(_) => Exit::Failure,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |key: &str| self.body.get(key).and_then(Value::as_str);
        let said = text("detail").or_else(|| text("title"));
        f.write_str(said.unwrap_or_else(|| self.status.canonical_reason().unwrap_or("the service refused")))?;
        for fault in self.body.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let place = ["pointer", "parameter", "header"].iter().find_map(|key| fault.get(key)?.as_str());
            let detail = fault.get("detail").and_then(Value::as_str).unwrap_or_default();
            write!(f, "\n  {}: {detail}", place.unwrap_or("request"))?;
        }
        match text("request_id") {
            Some(id) if self.status.is_server_error() => write!(f, "\n  request {id}: see the server's log"),
            Some(_) | None => Ok(()),
        }
    }
}

impl Client {
    /// Ends what was opened for the calls.
    pub(super) async fn close(self) {
        self.api.close().await;
    }

    /// Wraps an open local API.
    pub(super) const fn new(api: LocalApi) -> Self {
        Self { api }
    }

    /// Reads.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, CallError> {
        self.call(Method::GET, path, None, None).await
    }

    /// Makes or acts.
    pub(super) async fn post(&self, path: &str, body: Option<Value>) -> Result<Answer, CallError> {
        self.call(Method::POST, path, None, body).await
    }

    /// Changes what is there now, whatever its revision.
    pub(super) async fn patch(&self, path: &str, body: Value) -> Result<Answer, CallError> {
        let etag = self.get(path).await?.etag;
        self.call(Method::PATCH, path, etag, Some(body)).await
    }

    /// Changes what is there at this revision.
    pub(super) async fn patch_at(&self, path: &str, revision: i64, body: Value) -> Result<Answer, CallError> {
        self.call(Method::PATCH, path, Some(format!("\"{revision}\"")), Some(body)).await
    }

    /// Deletes what is there at this revision.
    pub(super) async fn delete_at(&self, path: &str, revision: i64) -> Result<Answer, CallError> {
        self.call(Method::DELETE, path, Some(format!("\"{revision}\"")), None).await
    }

    /// Deletes what is there now, whatever its revision.
    pub(super) async fn delete(&self, path: &str) -> Result<Answer, CallError> {
        let etag = self.get(path).await?.etag;
        self.call(Method::DELETE, path, etag, None).await
    }

    /// Deletes a thing that has no revision.
    pub(super) async fn end(&self, path: &str) -> Result<Answer, CallError> {
        self.call(Method::DELETE, path, None, None).await
    }

    /// The id of a thing, given by id or by its exact name.
    pub(super) async fn resolve(&self, noun: &str, key: &str, text: &str) -> Result<String, CallError> {
        self.resolve_among(noun, key, text, &[]).await
    }

    /// The same among those that the query parameters leave.
    pub(super) async fn resolve_among(
        &self,
        noun: &str,
        key: &str,
        text: &str,
        filters: &[(&str, Option<String>)],
    ) -> Result<String, CallError> {
        if text.len() == 36 && Uuid::try_parse(text).is_ok() {
            return Ok(text.to_owned());
        }
        if text.trim().is_empty() {
            return Err(CallError::Name(format!("an empty text names nothing in {noun}")));
        }
        let own = [("limit", Some("200".to_owned())), ("q", Some(text.to_owned()))];
        let found = self.get(&query(&format!("/api/v1/{noun}"), own.iter().chain(filters))).await?.body;
        let items = found.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let same = |item: &&Value| item.get(key).and_then(Value::as_str) == Some(text);
        let ids: Vec<&str> = items.iter().filter(same).filter_map(|item| item.get("id")?.as_str()).collect();
        match ids.as_slice() {
            [id] => Ok((*id).to_owned()),
            [] => Err(CallError::Name(format!(
                "nothing in {noun} has the {key} {text:?}; `caspervpn {} list` shows what there is",
                noun.trim_end_matches('s'),
            ))),
            many => Err(CallError::Name(format!(
                "several {noun} are called {text:?}; give an id: {}",
                many.join(", ")
            ))),
        }
    }

    /// Reads an answer of any length, each part handed on as it comes.
    pub(super) async fn pour(
        &self,
        path: &str,
        taker: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), CallError> {
        let request = Request::get(path).header(header::HOST, "localhost").body(Bytes::new());
        let request = request.map_err(|_| CallError::Name(format!("{path:?} is not a path")))?;
        let response = self.api.pour(request, taker).await.map_err(|cause| CallError::Local { cause })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let body = serde_json::from_slice(response.body()).map_err(|_| CallError::Strange { status })?;
        Err(CallError::Refused(Refusal { status, body }))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        etag: Option<String>,
        body: Option<Value>,
    ) -> Result<Answer, CallError> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if let Some(etag) = etag {
            request = request.header(header::IF_MATCH, etag);
        }
        let bytes = match body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
        };
        let request = request.body(bytes).map_err(|_| CallError::Name(format!("{path:?} is not a path")))?;
        let response = self.api.call(request).await.map_err(|cause| CallError::Local { cause })?;
        let status = response.status();
        let etag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let bytes = response.into_body();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|_| CallError::Strange { status })?
        };
        if status.is_success() {
            Ok(Answer { body, etag })
        } else {
            Err(CallError::Refused(Refusal { status, body }))
        }
    }
}

/// A text as it may stand in a query.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Refusal, encode};
    use http::StatusCode;
    use serde_json::json;

    #[test]
    fn a_refusal_says_what_is_wrong_with_which_field() {
        let body = json!({
            "title": "Unprocessable", "detail": "the request breaks 1 rule",
            "errors": [{ "pointer": "/name", "detail": "may not be empty" }],
        });

        let text = Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, body }.to_string();

        assert_eq!(text, "the request breaks 1 rule\n  /name: may not be empty");
    }

    #[test]
    fn a_name_with_blanks_fits_a_query() {
        assert_eq!(encode("my läptop&x"), "my%20l%C3%A4ptop%26x");
    }
}
