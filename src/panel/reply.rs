//! Begins every answer: its status, and what limits the pages in a browser.
//!
//! Invariant: no answer of the panel is made elsewhere, so none is without these headers.

use axum::body::Body;
use axum::response::Response;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

/// What every answer says.
pub(super) fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(ROOM);
    headers.extend(SECURITY.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers
}

/// An answer with these headers, which began as [`headers`].
pub(super) fn with(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Tells caches that others get other bytes, whichever this client got.
pub(super) fn vary(headers: &mut HeaderMap) {
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
}

/// A few words that no cache keeps.
pub(super) fn text(status: StatusCode, words: &'static str) -> Response {
    fleeting(status, words, "text/plain; charset=utf-8")
}

/// A page that no cache keeps.
pub(super) fn html(status: StatusCode, page: &'static str) -> Response {
    fleeting(status, page, "text/html; charset=utf-8")
}

fn fleeting(status: StatusCode, words: &'static str, content_type: &'static str) -> Response {
    let mut response = with(status, headers(), Body::from(words));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Headers an answer has in all, also of the connection and the request's id, so that the map never grows.
const ROOM: usize = 24;

/// What every answer tells the browser: what OWASP's Secure Headers Project lists. Left out are
/// `Strict-Transport-Security`, which belongs to who ends TLS, `Clear-Site-Data`, which belongs to the end of a
/// session, and what it lists as deprecated. The pages need nothing from elsewhere and nothing inline.
///
/// The first digest among the styles is that of an empty `<style>`: emotion, which makes the styles of MUI, adds an empty element
/// and fills it by the CSSOM's `insertRule`, which the policy does not judge. So the page gets its styles, and a style that
/// somebody smuggles into its text is refused as before, which `'unsafe-inline'` would not do. The second is that of the one
/// style that MUI's data grid writes as text, its variables; another version of it may want another. Pictures may come out of the
/// page itself (QR codes, what a person is about to save).
const SECURITY: [(HeaderName, &str); 10] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' \
         'sha256-MQsH0x2EnIlDkXkCblJoKJOcvgwvCtbjkHxFFe/SSj0='; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_DNS_PREFETCH_CONTROL, "off"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
    // Features that browsers know today, since they complain of others. The clipboard and passkeys stay usable.
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), \
         geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), \
         screen-wake-lock=(), sync-xhr=(), usb=(), xr-spatial-tracking=()",
    ),
];
