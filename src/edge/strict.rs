//! Requests that two readers could understand in two ways are answered by none.
//!
//! hyper refuses what no reader should take (two lengths, folded lines, codings other than chunked). Here is what it leaves to us:
//! which host is meant, and where a request ends when it says so twice.

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, Version};

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
    use super::fault;
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
}
