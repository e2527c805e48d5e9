//! Answers a request for a file that is there: in which coding, whether at all, which part.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use crate::panel::assets::{Asset, Variant};
use crate::panel::byte_range::Wanted;
use crate::panel::coding::Coding;
use crate::panel::conditions::{self, Verdict};
use crate::panel::reply;

/// The answer to a GET or a HEAD. `keep` says how long caches may keep the file.
pub(super) fn serve(asset: &Asset, keep: &'static str, method: &Method, headers: &HeaderMap) -> Response {
    let variant = asset.choose(headers);
    let length = variant.content.len();
    let body =
        |content: &Bytes| if method == Method::HEAD { Body::empty() } else { Body::from(content.clone()) };
    let mut response = match conditions::judge(method, headers, variant.etag.as_bytes(), length) {
        Verdict::Send(Wanted::Whole) => {
            let mut response = sent(StatusCode::OK, body(&variant.content), asset, variant);
            response.headers_mut().insert(header::CONTENT_LENGTH, variant.content_length.clone());
            response
        }
        Verdict::Send(Wanted::Part(part)) => {
            let place = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
            let content = variant.content.slice(part);
            let mut response = sent(StatusCode::PARTIAL_CONTENT, body(&content), asset, variant);
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(content.len()));
            placed(response, place)
        }
        Verdict::Send(Wanted::Nothing) => {
            let words =
                reply::text(StatusCode::RANGE_NOT_SATISFIABLE, "The file ends before this range begins.\n");
            return varying(placed(words, format!("bytes */{length}")), asset);
        }
        Verdict::Unchanged => reply::begin(StatusCode::NOT_MODIFIED, Body::empty()),
        Verdict::Failed => {
            let words = "The file is not the one that If-Match names.\n";
            return varying(reply::text(StatusCode::PRECONDITION_FAILED, words), asset);
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response.headers_mut().insert(header::ETAG, variant.etag.clone());
    varying(response, asset)
}

fn sent(status: StatusCode, body: Body, asset: &Asset, variant: &Variant) -> Response {
    let mut response = reply::begin(status, body);
    let said = response.headers_mut();
    said.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    said.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(name) = name(variant.coding) {
        said.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

fn name(coding: Coding) -> Option<&'static str> {
    match coding {
        Coding::Identity => None,
        Coding::Gzip => Some("gzip"),
        Coding::Brotli => Some("br"),
    }
}

fn placed(mut response: Response, place: String) -> Response {
    if let Ok(place) = HeaderValue::try_from(place) {
        response.headers_mut().insert(header::CONTENT_RANGE, place);
    }
    response
}

/// Tells caches that others get other bytes, whichever this client got.
fn varying(mut response: Response, asset: &Asset) -> Response {
    if asset.varies() {
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}
