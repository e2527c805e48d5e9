//! The embedded web pages: which path shows which page, how long a browser may keep it, what a page may do.
//!
//! Must never: hold a secret or know who asks. Everything here is the same for everybody; the pages talk to the API.

mod assets;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use crate::panel::assets::Asset;

/// Answers every path that nothing else answers: put it behind the API as its fallback.
pub fn router() -> Router {
    Router::new().fallback(answer)
}

async fn answer(request: Request) -> Response {
    let mut response = respond(request.method(), request.uri().path(), request.headers());
    for (name, value) in SECURITY {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn respond(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let page = PAGES.iter().find(|(address, _)| *address == path).map(|(_, file)| *file);
    let hashed = path.strip_prefix('/').filter(|file| file.starts_with(HASHED));
    let found = page.or(hashed).and_then(assets::find);
    match (found, page) {
        (Some(asset), _) => serve(&asset, page.is_none(), method, headers),
        (None, Some(_)) => html(StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT),
        (None, None) => text(StatusCode::NOT_FOUND, "There is nothing at this address.\n"),
    }
}

fn serve(asset: &Asset, immutable: bool, method: &Method, headers: &HeaderMap) -> Response {
    let mut response = if holds(headers, &asset.etag) {
        with_status(StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        let body = if method == Method::HEAD { Body::empty() } else { Body::from(asset.content.clone()) };
        let mut response = with_status(StatusCode::OK, body);
        let kept = response.headers_mut();
        kept.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        kept.insert(header::CONTENT_LENGTH, HeaderValue::from(asset.content.len()));
        response
    };
    let keep = if immutable { KEEP_FOREVER } else { ASK_EACH_TIME };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Whether the browser says it already has this content (RFC 9110 §13.1.2: compared weakly, `*` is any).
fn holds(headers: &HeaderMap, etag: &str) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

fn text(status: StatusCode, words: &'static str) -> Response {
    plain(status, words, "text/plain; charset=utf-8")
}

fn html(status: StatusCode, page: &'static str) -> Response {
    plain(status, page, "text/html; charset=utf-8")
}

fn plain(status: StatusCode, words: &'static str, content_type: &'static str) -> Response {
    let mut response = with_status(status, Body::from(words));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn with_status(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Addresses of pages, without the ending that files have.
const PAGES: &[(&str, &str)] = &[
    ("/", "index.html"),
    ("/setup", "setup.html"),
    ("/link", "link.html"),
    ("/reset", "reset.html"),
    ("/invite", "invite.html"),
];

/// Below this folder each name holds the digest of its content, so what a name shows never changes.
const HASHED: &str = "assets/";

/// A year, the longest that RFC 9111 §5.2.2.1 readers are asked to honour.
const KEEP_FOREVER: &str = "public, max-age=31536000, immutable";

/// A page may be kept but is asked about each time, so that an upgrade shows at once.
const ASK_EACH_TIME: &str = "no-cache";

/// What every answer tells the browser. The pages need nothing from elsewhere and nothing inline.
const SECURITY: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>CasperVPN</title>\
    <h1>The web pages are not in this program</h1>\
    <p>It was compiled before they were built. Build both with <code>make run</code>, or <code>make web</code> and \
    then <code>cargo build</code>.</p><p>The API and the command line work without them.</p>";

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

    use super::{HASHED, PAGES, answer, assets, respond};

    fn get(path: &str) -> axum::response::Response {
        respond(&Method::GET, path, &HeaderMap::new())
    }

    #[test]
    fn page_is_shown_or_says_how_to_build_it() {
        for (address, file) in PAGES {
            let built = assets::find(file).is_some();
            let response = get(address);

            let status = if built { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            assert_eq!(response.status(), status, "{address}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        }
    }

    #[test]
    fn missing_asset_is_not_found_and_never_a_page() {
        for path in [
            "/assets/gone-abc.js",
            "/assets/",
            "/assets/../setup.html",
            "/setup.html",
            "/nothing",
            "//",
            "/setup/",
        ] {
            let response = get(path);

            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        }
    }

    #[test]
    fn hashed_asset_is_kept_for_good_and_not_sent_twice() {
        for path in assets::paths().iter().filter(|path| path.starts_with(HASHED)) {
            let first = get(&format!("/{path}"));
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
            let second = respond(&Method::GET, &format!("/{path}"), &headers);

            assert_eq!(first.status(), StatusCode::OK, "{path}");
            assert!(first.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
            assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(second.headers()[header::ETAG], first.headers()[header::ETAG]);
        }
    }

    #[test]
    fn every_built_file_has_a_type_we_serve() {
        for path in assets::paths() {
            assert!(assets::find(&path).is_some(), "{path}");
        }
    }

    #[test]
    fn other_methods_are_refused_with_what_is_allowed() {
        let response = respond(&Method::POST, "/setup", &HeaderMap::new());

        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[header::ALLOW], "GET, HEAD");
    }

    #[test]
    fn entity_tags_are_compared_in_lists_and_weakly() {
        let holds = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
            super::holds(&headers, "\"a\"")
        };

        assert!(holds("\"b\", W/\"a\"") && holds("*") && holds("\"a\""));
        assert!(!holds("\"b\"") && !holds("a"));
    }

    #[tokio::test]
    async fn every_answer_limits_what_a_page_may_do() {
        for path in ["/", "/setup", "/nothing"] {
            let request = axum::extract::Request::get(path).body(axum::body::Body::empty()).unwrap();

            let response = answer(request).await;

            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{path}");
            assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
}
