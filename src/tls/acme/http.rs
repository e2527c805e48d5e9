//! The way to an authority: every call passes the guard of outgoing calls.
//!
//! Invariant: nothing that an authority answers reaches the protocol's library before what it would stumble over is gone: a
//! wait that no clock can count, an address that is none, a refusal that is no problem document.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient, Problem};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::domain::name::is_dns_name;
use crate::domain::outgoing::AllowedNets;
use crate::tls::outgoing::{Client, OutgoingError};

/// Calls one authority.
#[derive(Clone)]
pub(super) struct Guarded(Arc<Inner>);

struct Inner {
    client: Client,
    allowed: AllowedNets,
    directory: String,
    caa_identities: Mutex<Vec<String>>,
}

/// A call that an authority did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No answer.
    #[error(transparent)]
    Call(OutgoingError),
    /// Another status than one of success.
    #[error("answered {status}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The reason, where the answer had one.
        problem: Option<Problem>,
        /// When to ask again, where the answer said so; at most [`LONGEST_WAIT`].
        retry_after: Option<Duration>,
    },
    /// The directory does not say where to go.
    #[error("the directory has no usable {0}")]
    Directory(&'static str),
}

impl Guarded {
    /// `directory` is the URL that is answered with the addresses of everything else.
    pub(super) fn new(client: Client, allowed: AllowedNets, directory: String) -> Self {
        Self(Arc::new(Inner { client, allowed, directory, caa_identities: Mutex::default() }))
    }

    /// By which names CAA records know the authority, as the directory says: RFC 8555 §9.7.6. Nothing before that was loaded.
    pub(super) fn caa_identities(&self) -> Vec<String> {
        self.0.caa_identities.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpClient for Guarded {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let answer = inner.call(request).await.map_err(|failure| Error::Other(Box::new(failure)))?;
            Ok(BytesResponse::from(answer.map(http_body_util::Full::new)))
        })
    }
}

impl Inner {
    async fn call(&self, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Bytes>, Failure> {
        let (mut parts, body) = request.into_parts();
        // The client's own names the service and its version.
        parts.headers.remove(USER_AGENT);
        let is_get = parts.method == Method::GET;
        let is_directory = is_get && parts.uri == self.directory.as_str();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        let answer = self.client.send(&self.allowed, Request::from_parts(parts, body)).await;
        let mut answer = answer.map_err(Failure::Call)?.map(Bytes::from);
        let retry_after = retry_after(answer.headers());
        if !answer.status().is_success() {
            let problem = serde_json::from_slice::<Problem>(answer.body()).ok();
            if problem.as_ref().is_some_and(is_bad_nonce) {
                return Ok(answer);
            }
            return Err(Failure::Refused { status: answer.status(), problem, retry_after });
        }
        if is_directory {
            let identities = check_directory(answer.body())?;
            *self.caa_identities.lock().unwrap_or_else(PoisonError::into_inner) = identities;
        }
        let wait = retry_after.or_else(|| is_get.then_some(ASK_AGAIN));
        set_retry_after(answer.headers_mut(), wait);
        Ok(answer)
    }
}

/// Whether the nonce of a call was not taken: RFC 8555 §6.5. Another one may be.
pub(super) fn is_bad_nonce(problem: &Problem) -> bool {
    problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:badNonce")
}

/// Gives what the authority calls itself in CAA records.
fn check_directory(body: &[u8]) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        new_nonce: Option<String>,
        new_account: Option<String>,
        new_order: Option<String>,
        #[serde(default)]
        meta: serde_json::Value,
    }
    let named: Named = serde_json::from_slice(body).map_err(|_| Failure::Directory("addresses"))?;
    let all =
        [("newNonce", named.new_nonce), ("newAccount", named.new_account), ("newOrder", named.new_order)];
    for (name, address) in all {
        if address.and_then(|address| address.parse::<Uri>().ok()).is_none() {
            return Err(Failure::Directory(name));
        }
    }
    let identities = named.meta.get("caaIdentities").and_then(serde_json::Value::as_array);
    let names = identities.into_iter().flatten().filter_map(serde_json::Value::as_str);
    Ok(names.filter(|name| is_dns_name(name)).map(str::to_owned).collect())
}

/// A number of seconds, or a date that is compared with the answer's own, so that two clocks need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            Duration::try_from(date(text)? - date(headers.get(DATE)?.to_str().ok()?)?).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

fn date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc2822).ok()
}

fn set_retry_after(headers: &mut HeaderMap, wait: Option<Duration>) {
    match wait {
        Some(wait) => drop(headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()))),
        None => drop(headers.remove(RETRY_AFTER)),
    }
}

/// The longest that an authority is obeyed: some of Let's Encrypt's limits count by the week.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);

/// When to ask again for what is asked for again and again, where the authority does not say: RFC 9773 §4.3.3.
const ASK_AGAIN: Duration = Duration::from_secs(6 * 3600);

#[cfg(test)]
mod tests {
    use super::{LONGEST_WAIT, check_directory, retry_after};
    use http::HeaderMap;
    use std::time::Duration;

    #[test]
    fn a_wait_is_read_in_both_forms_and_never_endless() {
        let read = |retry_after_text: &str, date: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", retry_after_text.parse().unwrap());
            headers.insert("date", date.parse().unwrap());
            retry_after(&headers)
        };
        let noon = "Sun, 06 Nov 2033 12:00:00 GMT";

        assert_eq!(read("90", noon), Some(Duration::from_secs(90)));
        assert_eq!(read("Sun, 06 Nov 2033 12:00:30 GMT", noon), Some(Duration::from_secs(30)));
        assert_eq!(read("Sun, 06 Nov 2033 11:00:00 GMT", noon), Some(Duration::ZERO), "in the past");
        assert_eq!(read("18446744073709551615", noon), Some(LONGEST_WAIT));
        for odd in ["", "-1", "soon", "1e9", "18446744073709551616"] {
            assert_eq!(read(odd, noon), None, "{odd}");
        }
    }

    #[test]
    fn a_directory_names_its_addresses() {
        let good =
            r#"{"newNonce":"https://a/n","newAccount":"https://a/a","newOrder":"https://a/o","meta":{}}"#;
        assert_eq!(check_directory(good.as_bytes()).ok(), Some(Vec::new()));
        let named = good.replace("{}", r#"{"caaIdentities":["ca.example",5,"no name"]}"#);
        assert_eq!(check_directory(named.as_bytes()).ok(), Some(vec!["ca.example".to_owned()]));
        let odd = good.replace("{}", r#"{"caaIdentities":"ca.example"}"#);
        assert_eq!(check_directory(odd.as_bytes()).ok(), Some(Vec::new()));
        for bad in [
            "",
            "<html>",
            "{}",
            "[]",
            &good.replace("https://a/n", "http://[oops"),
            &good.replace("newOrder", "x"),
        ] {
            assert!(check_directory(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
