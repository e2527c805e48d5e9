//! The cookie by which a browser is signed in, and the proof that a page of ours acts with it.
//!
//! Invariant: over the network the cookie is `Secure`, `HttpOnly`, `SameSite=Strict` and bound to this host by its name;
//! the plain one is given to and taken from this machine alone.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::api::caller::Origin;
use crate::api::problem::Problem;
use crate::secrets::token::CookieToken;

/// Carries the proof with each change that a browser makes.
pub const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// RFC 6265bis §4.1.3.2: a browser takes this name only with `Secure`, `Path=/` and no `Domain`.
pub const NAME: &str = "__Host-caspervpn";
/// Over HTTP on this machine no browser would take the other.
pub const LOCAL_NAME: &str = "caspervpn-local";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// That the caller came by a cookie, for handlers that say so. It must stand behind the caller among the arguments.
#[derive(Debug, Clone)]
pub struct ByCookie(pub Option<Zeroizing<String>>);

impl FromRequestParts<Api> for ByCookie {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(None)))
    }
}

/// How a cookie is to be given to whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over HTTPS, as far as anybody can tell.
    Secure,
    /// Over HTTP on this machine.
    Local,
}

impl FromRequestParts<Api> for Way {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let origin = api.origin(&parts.extensions);
        if is_local(&parts.headers, origin) {
            return Ok(Self::Local);
        }
        let scheme = text(&parts.headers, &header::ORIGIN);
        if scheme.is_some_and(|origin| origin.starts_with("http://")) {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "https_needed",
                "a browser keeps the cookie of a session over HTTPS only; open the panel by https, or on the machine \
                 itself by http://localhost",
            ));
        }
        Ok(Self::Secure)
    }
}

impl Way {
    /// The header that gives a cookie to the browser.
    pub fn give(self, value: &str) -> Result<HeaderValue, Problem> {
        let text = match self {
            Self::Secure => format!("{NAME}={value}; Path=/; Secure; HttpOnly; SameSite=Strict"),
            Self::Local => format!("{LOCAL_NAME}={value}; Path=/; HttpOnly; SameSite=Strict"),
        };
        HeaderValue::from_str(&text).map_err(|_| Problem::bare(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// The headers that take every cookie of ours from the browser.
pub fn taken() -> [(HeaderName, HeaderValue); 2] {
    const SECURE: HeaderValue =
        HeaderValue::from_static("__Host-caspervpn=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    const LOCAL: HeaderValue =
        HeaderValue::from_static("caspervpn-local=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    [(header::SET_COOKIE, SECURE), (header::SET_COOKIE, LOCAL)]
}

/// The session's cookie, where one came. Two of them would leave open which counts.
pub fn find(headers: &HeaderMap, origin: Origin) -> Result<Option<&str>, Problem> {
    let local = is_local(headers, origin).then_some(LOCAL_NAME);
    for name in [Some(NAME), local].into_iter().flatten() {
        let mut values = named(headers, name);
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some(value), None) => return Ok(Some(value)),
            (Some(_), Some(_)) => {
                return Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "two_credentials",
                    format!(
                        "there are two cookies named {name}; remove the cookies of this address and sign in"
                    ),
                ));
            }
        }
    }
    Ok(None)
}

/// Whether a change that came by the cookie was made by a page of ours: it holds the proof, and the browser says
/// nothing else.
pub fn is_proved(parts: &Parts, token: &CookieToken) -> bool {
    let proof = text(&parts.headers, &CSRF_TOKEN);
    proof.is_some_and(|proof| token.is_proved_by(proof)) && is_from_here(parts)
}

/// A browser says where a request was made. One that says nothing is none, or too old to be tricked any better.
fn is_from_here(parts: &Parts) -> bool {
    if parts.headers.contains_key(SEC_FETCH_SITE) {
        return text(&parts.headers, &SEC_FETCH_SITE) == Some("same-origin");
    }
    if !parts.headers.contains_key(header::ORIGIN) {
        return true;
    }
    let made_at = text(&parts.headers, &header::ORIGIN).and_then(|origin| origin.split_once("://"));
    let (Some((scheme, made_at)), Some(host)) = (made_at, host(parts)) else { return false };
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let bare = |text: &str| text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase();
    bare(made_at) == bare(host)
}

fn named<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = &'h str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(given, _)| *given == name).map(|(_, value)| value)
}

fn host(parts: &Parts) -> Option<&str> {
    match parts.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => text(&parts.headers, &header::HOST),
    }
}

/// The one value of a header.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (None | Some(_), _) => None,
    }
}

/// Whether a browser on this machine asks without TLS. Behind a proxy on this machine every caller seems to be here, so the
/// browser's own words count too.
fn is_local(headers: &HeaderMap, origin: Origin) -> bool {
    let by_https = text(headers, &header::ORIGIN).is_some_and(|origin| origin.starts_with("https://"));
    is_here(origin.address) && text(headers, &header::HOST).is_some_and(is_name_of_here) && !by_https
}

/// Who has no address came over a unix socket.
fn is_here(address: Option<IpAddr>) -> bool {
    address.is_none_or(|address| address.to_canonical().is_loopback())
}

fn is_name_of_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{is_from_here, is_name_of_here, named};
    use http::request::Parts;
    use http::{HeaderMap, Request, header};

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_change_from_another_site_is_told_by_what_the_browser_says() {
        for (headers, ours) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://proxied.example")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("host", "vpn.example"), ("origin", "https://vpn.example")], true),
            (&[("host", "vpn.example:443"), ("origin", "https://VPN.example")], true),
            (&[("host", "vpn.example:8443"), ("origin", "https://vpn.example")], false),
            (&[("host", "vpn.example"), ("origin", "https://vpn.example.evil.example")], false),
            (&[("host", "vpn.example"), ("origin", "null")], false),
            (
                &[
                    ("host", "vpn.example"),
                    ("origin", "https://vpn.example"),
                    ("origin", "https://a.example"),
                ],
                false,
            ),
            (&[("origin", "https://vpn.example")], false),
        ] {
            assert_eq!(is_from_here(&parts(headers)), ours, "{headers:?}");
        }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name_in_every_header() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; xcaspervpn-local=2".parse().unwrap());
        headers.append(header::COOKIE, "caspervpn-local=3;caspervpn-local=4".parse().unwrap());

        assert_eq!(named(&headers, "caspervpn-local").collect::<Vec<_>>(), ["3", "4"]);
    }

    #[test]
    fn only_loopback_names_are_this_machine() {
        for here in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
            assert!(is_name_of_here(here), "{here}");
        }
        for elsewhere in ["localhost.example", "vpn.example:8080", "192.0.2.1", "127.0.0.1.example", ""] {
            assert!(!is_name_of_here(elsewhere), "{elsewhere}");
        }
    }
}
