//! Lets pages of named origins call the API from a browser (CORS, the Fetch standard §3.3).
//!
//! Invariants: only the API's addresses, and only origins that were named one by one. Never a cookie: such a page brings a
//! token of its own. A preflight is answered to everybody, before any limit or sign-in, since browsers send it without either.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, header};
use tower::{Layer, ServiceExt};
use tower_http::cors::CorsLayer;

use crate::edge::api_path::is_api;
use crate::edge::observe::REQUEST_ID;

/// The origins that are let in.
#[derive(Debug, Clone)]
pub struct Cors {
    allowed: Arc<[HeaderValue]>,
    layer: CorsLayer,
}

impl Cors {
    /// For these origins, as browsers write them; where there are none, there is nothing to do.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let allowed: Arc<[_]> =
            origins.into_iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
        let layer = CorsLayer::new()
            .allow_origin(allowed.to_vec())
            .allow_methods(METHODS)
            .allow_headers(SENT)
            .expose_headers(READ)
            .max_age(REMEMBERED)
            // Said here, also to those who get nothing else.
            .vary(Vec::new());
        (!allowed.is_empty()).then_some(Self { allowed, layer })
    }

    /// Puts it around every route of `router`, so that what refuses a request is read as well.
    pub fn around(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), shared))
    }
}

async fn shared(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    if !is_api(request.uri().path()) {
        return next.run(request).await;
    }
    let headers = request.headers();
    let is_let_in = headers.get(header::ORIGIN).is_some_and(|origin| cors.allowed.contains(origin));
    // The layer answers every OPTIONS as a preflight, which one without this header is not.
    let is_for_a_browser =
        request.method() != Method::OPTIONS || headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut answer = if is_let_in && is_for_a_browser {
        let Ok(answer) = cors.layer.layer(next).oneshot(request).await;
        answer
    } else {
        next.run(request).await
    };
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    answer
}

/// What the API's operations are called with.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Headers that the API reads and a browser asks about first.
const SENT: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
];

/// Headers of answers that a page may read beside those that every page may.
const READ: [HeaderName; 9] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    header::CONTENT_DISPOSITION,
    HeaderName::from_static("idempotency-replayed"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    REQUEST_ID,
];

/// How long a browser remembers a preflight. Chromium cuts it to two hours.
const REMEMBERED: Duration = Duration::from_secs(7200);
