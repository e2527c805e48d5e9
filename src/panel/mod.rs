//! The embedded web pages: which address shows which page, how long a browser may keep it, what a page may do.
//!
//! Must never: hold a secret or know who asks. Everything here is the same for everybody; the pages talk to the API.

mod assets;
mod byte_range;
mod coding;
mod conditions;
mod navigation;
mod quality;
mod reply;
mod serve;

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use crate::panel::assets::{Asset, Built};

/// Answers every path that nothing else answers: put it behind the API as its fallback.
pub fn router() -> Router {
    LazyLock::force(&FILES);
    Router::new().fallback(answer)
}

/// The path of a file that is served here, as it stands in the program.
pub fn find_file(path: &str) -> Option<&'static str> {
    FILES.0.get_key_value(path).map(|(path, _)| path.as_str())
}

/// Answers for a path by the headers that came with it.
pub fn respond(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    FILES.respond(method, path, headers)
}

async fn answer(request: Request) -> Response {
    respond(request.method(), request.uri().path(), request.headers())
}

/// What this program carries. It never changes, so all listeners share it.
static FILES: LazyLock<Files> = LazyLock::new(|| Files::of(assets::embedded()));

/// The files by the paths they are served at.
struct Files(HashMap<String, Asset>);

impl Files {
    fn of(built: impl Iterator<Item = Built>) -> Self {
        Self(assets::table(built, address))
    }

    fn respond(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response {
        if method != Method::GET && method != Method::HEAD {
            let mut response =
                reply::text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        if let Some(asset) = self.0.get(path) {
            return serve::serve(asset, method, headers);
        }
        // A script or a style that is gone must never come as a page: caches and browsers would take it for the file.
        if path != SHELL.0 && (path.starts_with(HASHED) || !navigation::is_navigation(path, headers)) {
            return reply::text(StatusCode::NOT_FOUND, "There is nothing at this address.\n");
        }
        if is_for_programs(path) {
            return reply::html(StatusCode::NOT_FOUND, NOTHING_HERE);
        }
        // One page shows everything else: it reads from the address what is wanted, and says so where there is nothing.
        match self.0.get(SHELL.0) {
            Some(shell) => serve::serve(shell, method, headers),
            None => reply::html(StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT),
        }
    }
}

/// Whether an address is, or is below, one that programs ask and no page is ever at.
fn is_for_programs(path: &str) -> bool {
    let below = |address: &&str| {
        path.strip_prefix(*address).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    FOR_PROGRAMS.iter().any(|address| below(&address))
}

/// Where a built file is served, if anywhere, and how long it may be kept: the page at the root, what has a digest in its name
/// at its own.
fn address(file: &str) -> Option<(String, &'static str)> {
    if file == SHELL.1 {
        return Some((SHELL.0.to_owned(), ASK_EACH_TIME));
    }
    let path = format!("/{file}");
    path.starts_with(HASHED).then_some((path, KEEP_FOREVER))
}

/// The page that shows whatever address is not a file: where it is, and the file it is in.
const SHELL: (&str, &str) = ("/", "index.html");

/// The API, what RFC 8615 keeps for protocols, the probes and the metrics.
const FOR_PROGRAMS: &[&str] = &["/api", "/.well-known", "/livez", "/readyz", "/health", "/metrics"];

/// Below this path each name holds the digest of its content, so what a name shows never changes.
const HASHED: &str = "/assets/";

/// A year, the longest that RFC 9111 §5.2.2.1 readers are asked to honour.
const KEEP_FOREVER: &str = "public, max-age=31536000, immutable";

/// A page may be kept but is asked about each time, so that an upgrade shows at once.
const ASK_EACH_TIME: &str = "no-cache";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>CasperVPN</title>\
    <h1>The web pages are not in this program</h1>\
    <p>It was compiled before they were built. Build both with <code>make run</code>, or <code>make web</code> and \
    then <code>cargo build</code>.</p><p>The API and the command line work without them.</p>";

const NOTHING_HERE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not found</title>\
    <h1>There is nothing at this address</h1>\
    <p>Look whether the link was shortened on its way to you, or go to the <a href=\"/\">start page</a>.</p>";

#[cfg(test)]
mod tests;
