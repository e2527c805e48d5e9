//! The headers of a request that is passed on, and of its answer.
//!
//! Invariant: what is told of the client comes from [`Peer`] alone; every header of that kind which came with the request
//! is gone.

use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::id::RequestId;
use crate::edge::observe::{REQUEST_ID, id_header};
use crate::edge::peer::{Peer, push_address};

/// How a client reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What a replica is told of a request.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) client: Option<Peer>,
    pub(super) scheme: Scheme,
    /// The host that the client asked.
    pub(super) host: Option<HeaderValue>,
    pub(super) id: RequestId,
}

/// Makes the headers of a request those that a replica gets.
pub(super) fn prepare(headers: &mut HeaderMap, told: &Told) {
    // hyper reads such a body by its chunks, and then the length says nothing (RFC 9112 §6.3).
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    strip(headers);
    // The client was told to go on when its body was first read.
    headers.remove(EXPECT);
    remove_all(headers, is_about_client);
    join_cookies(headers);
    introduce(headers, told);
}

/// Removes what is meant for this connection alone: RFC 9110 §7.6.1, with the headers that `Connection` names.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    remove_all(headers, |name| OF_ONE_HOP.contains(name));
}

/// One look over what is there: to look for each by its name takes longer, and most requests have none.
fn remove_all(headers: &mut HeaderMap, is_wanted: impl Fn(&HeaderName) -> bool) {
    let found: Vec<_> = headers.keys().filter(|name| is_wanted(name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Whether `Connection` has this word.
pub(super) fn connection_has(headers: &HeaderMap, word: &str) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
}

const OF_ONE_HOP: [HeaderName; 8] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
];

/// Whether a header says who asks, or by which way. Those outside of `X-Forwarded-*` are what other proxies write.
fn is_about_client(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("x-forwarded")
        || matches!(
            name,
            "forwarded"
                | "x-real-ip"
                | "x-client-ip"
                | "x-cluster-client-ip"
                | "true-client-ip"
                | "x-request-id"
        )
}

/// HTTP/2 lets a client send each cookie by itself; HTTP/1.1 wants them in one header (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

fn introduce(headers: &mut HeaderMap, told: &Told) {
    let ip = told.client.as_ref().and_then(Peer::ip);
    // One room for all texts, of which each header takes a copy of the right length.
    let mut text = String::with_capacity(128);
    if let Some(ip) = ip {
        push_address(&mut text, ip);
        insert(headers, X_FORWARDED_FOR, &text);
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(told.scheme.as_str()));
    text.clear();
    push_forwarded(&mut text, ip, told);
    insert(headers, FORWARDED, &text);
    headers.insert(REQUEST_ID, id_header(told.id));
    if let Some(host) = &told.host {
        headers.insert(X_FORWARDED_HOST, host.clone());
        headers.insert(HOST, host.clone());
    }
}

/// What can be no header is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// RFC 7239 §4. An IPv6 address stands in brackets and quotes, and who has no address is unknown.
fn push_forwarded(text: &mut String, ip: Option<IpAddr>, told: &Told) {
    let (before, after) = if matches!(ip, Some(IpAddr::V6(_))) { ("for=\"[", "]\"") } else { ("for=", "") };
    text.push_str(before);
    match ip {
        Some(ip) => push_address(text, ip),
        None => text.push_str("unknown"),
    }
    text.push_str(after);
    if let Some(host) = told.host.as_ref().and_then(plain_host) {
        for piece in [";host=\"", host, "\""] {
            text.push_str(piece);
        }
    }
    text.push_str(";proto=");
    text.push_str(told.scheme.as_str());
}

/// A host may hold commas and semicolons (RFC 3986 §3.2.2), at which a simple reader would begin another element.
fn plain_host(host: &HeaderValue) -> Option<&str> {
    let host = host.to_str().ok()?;
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    is_plain.then_some(host)
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

#[cfg(test)]
mod tests {
    use super::{Scheme, Told, prepare};
    use crate::domain::id::RequestId;
    use crate::edge::peer::Peer;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn prepared(client: &str, host: &str, sent: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let told = Told {
            client: Some(Peer::Tcp(client.parse().unwrap())),
            scheme: Scheme::Https,
            host: Some(HeaderValue::from_str(host).unwrap()),
            id: RequestId::new(uuid::Uuid::nil()),
        };
        prepare(&mut headers, &told);
        headers
    }

    #[test]
    fn who_asks_is_told_in_each_way_and_what_came_is_gone() {
        let headers = prepared(
            "[2001:db8::7]:4711",
            "vpn.example:8443",
            &[
                ("x-forwarded-for", "6.6.6.6"),
                ("x-forwarded-for", "7.7.7.7"),
                ("forwarded", "for=6.6.6.6"),
                ("x-real-ip", "6.6.6.6"),
            ],
        );

        let all =
            |name: &str| headers.get_all(name).iter().map(|it| it.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all("x-forwarded-for"), ["2001:db8::7"]);
        assert_eq!(all("forwarded"), ["for=\"[2001:db8::7]\";host=\"vpn.example:8443\";proto=https"]);
        assert_eq!(all("x-forwarded-proto"), ["https"]);
        assert_eq!(all("x-real-ip"), [""; 0]);
    }

    #[test]
    fn a_host_that_looks_like_another_hop_stays_out_of_forwarded() {
        let headers = prepared("192.0.2.1:1", "a,for=6.6.6.6", &[]);

        assert_eq!(headers["forwarded"], "for=192.0.2.1;proto=https");
        assert_eq!(headers["host"], "a,for=6.6.6.6");
    }

    #[test]
    fn what_is_for_one_hop_does_not_pass_and_what_connection_must_not_name_does() {
        let headers = prepared(
            "192.0.2.1:1",
            "a.example",
            &[
                ("connection", "close, X-Private, Host, x-forwarded-for"),
                ("x-private", "1"),
                ("te", "trailers"),
                ("upgrade", "h2c"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
                ("transfer-encoding", "chunked"),
                ("content-length", "5"),
                ("accept", "text/html"),
            ],
        );

        for gone in
            ["connection", "x-private", "te", "upgrade", "keep-alive", "proxy-connection", "content-length"]
        {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(
            (&headers["host"], &headers["accept"]),
            (&"a.example".parse().unwrap(), &"text/html".parse().unwrap())
        );
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
    }

    #[test]
    fn cookies_that_came_apart_are_one() {
        let headers = prepared("192.0.2.1:1", "a.example", &[("cookie", "a=1"), ("cookie", "b=2")]);

        assert_eq!(headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
