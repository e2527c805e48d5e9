//! Requests that two readers could understand in two ways are answered by none.
//!
//! hyper refuses what no reader should take (two lengths, folded lines, codings other than chunked). Here is what it leaves to us:
//! which host is meant, and where a request ends when it says so twice.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};

/// What is wrong with a request, for the one who sent it.
pub(super) fn fault<B>(request: &Request<B>) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    // RFC 9112 §3.2: of more than one, or of none in HTTP/1.1, nothing may be made.
    if second.is_some() {
        return Some("the request names its host twice");
    }
    let target = request.uri().authority();
    if host.is_none() && target.is_none() && request.version() >= Version::HTTP_11 {
        return Some("the request does not say which host it is for");
    }
    let named = match host.map(authority) {
        Some(None) => return Some("the Host header is no host"),
        Some(Some(named)) => Some(named),
        None => None,
    };
    if let (Some(target), Some(named)) = (target, &named)
        && !target.as_str().eq_ignore_ascii_case(named.as_str())
    {
        return Some("the request names one host in its target and another in its Host header");
    }
    if target.is_some_and(|target| target.as_str().contains('@')) {
        return Some("a host with a name or password before it is not served");
    }
    let path = request.uri().path();
    let asks_of_all = path == "*" && request.method() == Method::OPTIONS;
    (!path.starts_with('/') && !asks_of_all).then_some("the target of the request is no path")
}

fn authority(host: &HeaderValue) -> Option<Authority> {
    let authority: Authority = host.to_str().ok()?.parse().ok()?;
    (!authority.host().is_empty() && !authority.as_str().contains('@')).then_some(authority)
}

/// What is wrong with the headers of an HTTP/3 request, which its library lets through: what would be about a connection means
/// nothing there, and something to a reader behind us (RFC 9114 §4.2).
pub(super) fn fault_of_http3(headers: &HeaderMap) -> Option<&'static str> {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
    if [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE]
        .iter()
        .any(|name| headers.contains_key(name))
    {
        return Some("the request has a header about the connection, which HTTP/3 has not");
    }
    if headers.get_all(TE).iter().any(|value| value != "trailers") {
        return Some("the request's TE header is not \"trailers\"");
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let is_number = |value: &HeaderValue| {
        value.as_bytes().iter().all(u8::is_ascii_digit)
            && value.to_str().is_ok_and(|text| text.parse::<u64>().is_ok())
    };
    let (length, second) = (lengths.next(), lengths.next());
    let is_odd = second.is_some() || length.is_some_and(|it| !is_number(it));
    is_odd.then_some("the request's length is no number, or is told twice")
}

/// Whether the connection must end with the answer. hyper prefers a transfer coding to a length and does not tell whether
/// both were there; then whatever follows might be part of the request to a reader in front (RFC 9112 §6.1).
pub(super) fn ends_connection<B>(request: &Request<B>) -> bool {
    request.version() < Version::HTTP_2 && request.headers().contains_key(TRANSFER_ENCODING)
}

/// Ends the connection with this answer.
pub(super) fn end_connection<B>(answer: &mut Response<B>) {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

#[cfg(test)]
mod tests {
    use super::{fault, fault_of_http3};
    use http::{Method, Request, Version};

    fn request(version: Version, target: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_for_one_host_is_taken() {
        for (version, target, hosts) in [
            (Version::HTTP_11, "/", &["a.example"][..]),
            (Version::HTTP_11, "/", &["[2001:db8::1]:8443"]),
            (Version::HTTP_11, "http://a.example/", &["A.example"]),
            (Version::HTTP_10, "/", &[]),
            (Version::HTTP_2, "https://a.example/", &[]),
        ] {
            assert_eq!(fault(&request(version, target, hosts)), None, "{target} {hosts:?}");
        }
        let mut all = request(Version::HTTP_11, "*", &["a.example"]);
        *all.method_mut() = Method::OPTIONS;
        assert_eq!(fault(&all), None);
    }

    #[test]
    fn a_request_for_none_or_for_two_is_not() {
        for (version, target, hosts) in [
            (Version::HTTP_11, "/", &[][..]),
            (Version::HTTP_11, "/", &["a.example", "a.example"]),
            (Version::HTTP_11, "/", &["a.example@b.example"]),
            (Version::HTTP_11, "/", &["a b"]),
            (Version::HTTP_11, "/", &[""]),
            (Version::HTTP_11, "http://a.example/", &["b.example"]),
            (Version::HTTP_2, "https://a.example/", &["b.example"]),
            (Version::HTTP_2, "https://x@a.example/", &[]),
            (Version::HTTP_11, "*", &["a.example"]),
        ] {
            assert!(fault(&request(version, target, hosts)).is_some(), "{target} {hosts:?}");
        }
    }

    #[test]
    fn what_http_3_has_no_word_for_is_refused() {
        let faulty = |headers: &[(&str, &str)]| {
            let built =
                headers.iter().fold(Request::get("/"), |all, (name, value)| all.header(*name, *value));
            fault_of_http3(built.body(()).unwrap().headers()).is_some()
        };

        assert!(!faulty(&[("te", "trailers"), ("content-length", "5"), ("accept", "*/*")]));
        for odd in [
            &[("transfer-encoding", "chunked")][..],
            &[("connection", "close")],
            &[("upgrade", "websocket")],
            &[("te", "gzip")],
            &[("content-length", "5"), ("content-length", "5")],
            &[("content-length", "+5")],
            &[("content-length", "")],
            &[("content-length", "18446744073709551616")],
        ] {
            assert!(faulty(odd), "{odd:?}");
        }
    }
}
