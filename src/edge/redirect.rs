//! From HTTP to HTTPS, but for what certificate authorities look for in the clear (RFC 8555 §8.3).
//!
//! Invariant: nothing that was sent without encryption is acted upon. Only a browser's first step is sent on; a program that
//! sent its token in the clear is told so instead of being helped to do it again.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

/// Finds what is shown to a certificate authority for a token.
pub type FindProof = Arc<dyn Fn(String) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// Shows proofs to authorities. Mount it in front of everything: nothing may stand in their way.
pub fn proofs(find: FindProof) -> Router {
    let proof = get(move |Path(token): Path<String>| async move { show(find(token).await) });
    Router::new().route("/.well-known/acme-challenge/{token}", proof)
}

/// Sends every request to HTTPS on `port`, at the name it was made to.
pub fn routes(port: u16) -> Router {
    Router::new().fallback(move |request: Request| async move {
        let mut answer = respond(request.method(), request.uri(), request.headers(), port);
        // What is served here may change with a setting, so nobody is to remember it.
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    })
}

fn show(proof: Option<String>) -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    match proof {
        Some(proof) => (HEADERS, proof).into_response(),
        None => (StatusCode::NOT_FOUND, HEADERS, NO_PROOF).into_response(),
    }
}

fn respond(method: &Method, uri: &Uri, headers: &HeaderMap, port: u16) -> Response {
    let in_the_clear = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE);
    if in_the_clear || !matches!(*method, Method::GET | Method::HEAD) {
        return (StatusCode::FORBIDDEN, REFUSED).into_response();
    }
    match target(uri, headers, port) {
        Some(location) => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)], MOVED).into_response()
        }
        None => (StatusCode::BAD_REQUEST, NO_HOST).into_response(),
    }
}

fn target(uri: &Uri, headers: &HeaderMap, port: u16) -> Option<HeaderValue> {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let authority: Authority = uri.authority().cloned().or(named)?;
    // A name and password before the host are a way to make one host look like another.
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let host = authority.host();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let location = match port {
        HTTPS => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    HeaderValue::try_from(location).ok()
}

/// RFC 9110 §4.2.2.
const HTTPS: u16 = 443;

const MOVED: &str = "This is answered over HTTPS.\n";

const REFUSED: &str = "This is answered over HTTPS only. Nothing was done. If the request carried a token or a password, it \
    has crossed the network unencrypted: replace it, and write https:// in the program that sent it.\n";

const NO_PROOF: &str = "Nothing is shown here for this token.\n";

const NO_HOST: &str = "The request does not say which host it is for.\n";

#[cfg(test)]
mod tests {
    use super::respond;
    use axum::response::Response;
    use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
    use proptest::prelude::{any, proptest};

    fn ask(method: Method, uri: &str, host: Option<&str>, port: u16) -> Response {
        let host = host.map(|host| (header::HOST, HeaderValue::from_str(host).unwrap()));
        respond(&method, &uri.parse::<Uri>().unwrap(), &HeaderMap::from_iter(host), port)
    }

    fn location(answer: &Response) -> &str {
        assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
        answer.headers()[header::LOCATION].to_str().unwrap()
    }

    #[test]
    fn a_browser_goes_to_the_same_place_over_https() {
        let answer = ask(Method::GET, "/setup?a=b", Some("vpn.example.org:80"), 443);
        assert_eq!(location(&answer), "https://vpn.example.org/setup?a=b");
        let answer = ask(Method::HEAD, "/", Some("[2001:db8::1]"), 8443);
        assert_eq!(location(&answer), "https://[2001:db8::1]:8443/");
        let answer = ask(Method::GET, "http://vpn.example.org/x", Some("elsewhere.example"), 443);
        assert_eq!(
            location(&answer),
            "https://vpn.example.org/x",
            "RFC 9112 §3.2.2: the target wins over Host"
        );
    }

    #[test]
    fn nothing_sent_in_the_clear_is_sent_on() {
        assert_eq!(
            ask(Method::POST, "/api/v1/sessions", Some("a.example"), 443).status(),
            StatusCode::FORBIDDEN
        );
        let token = [
            (header::HOST, HeaderValue::from_static("a.example")),
            (header::AUTHORIZATION, HeaderValue::from_static("Bearer x")),
        ];
        let answer =
            respond(&Method::GET, &Uri::from_static("/api/v1/me"), &HeaderMap::from_iter(token), 443);
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn a_request_for_no_host_or_a_disguised_one_goes_nowhere() {
        for host in [None, Some("bank.example@evil.example"), Some(""), Some("a b")] {
            assert_eq!(ask(Method::GET, "/", host, 443).status(), StatusCode::BAD_REQUEST, "{host:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_host_says_the_answer_names_only_it(host in any::<Vec<u8>>()) {
            if let Ok(value) = HeaderValue::from_bytes(&host) {
                let headers = HeaderMap::from_iter([(header::HOST, value)]);
                let answer = respond(&Method::GET, &Uri::from_static("/"), &headers, 443);
                if let Some(location) = answer.headers().get(header::LOCATION) {
                    let host = std::str::from_utf8(&host).unwrap();
                    let named = location.to_str().unwrap().strip_prefix("https://").unwrap();
                    assert!(host.starts_with(named.strip_suffix('/').unwrap()));
                }
            }
        }
    }
}
