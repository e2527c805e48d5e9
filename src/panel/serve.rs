//! Answers a request for a file that is there: in which coding, whether at all, which part.

use axum::body::Body;
use axum::response::Response;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use crate::panel::assets::Asset;
use crate::panel::byte_range::Wanted;
use crate::panel::conditions::{self, Verdict};
use crate::panel::reply;

/// The answer to a GET or a HEAD.
pub(super) fn serve(asset: &Asset, method: &Method, headers: &HeaderMap) -> Response {
    let variant = asset.choose(headers);
    let length = variant.length();
    match conditions::judge(method, headers, variant.etag.as_bytes(), length) {
        Verdict::Send(Wanted::Whole) => {
            let body = if method == Method::HEAD { Body::empty() } else { Body::from(variant.content()) };
            reply::with(StatusCode::OK, variant.head.clone(), body)
        }
        Verdict::Send(Wanted::Part(part)) => {
            let place = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
            let mut head = variant.head.clone();
            head.insert(header::CONTENT_LENGTH, HeaderValue::from(part.len()));
            let body = Body::from(variant.content().slice(part));
            placed(reply::with(StatusCode::PARTIAL_CONTENT, head, body), place)
        }
        Verdict::Send(Wanted::Nothing) => {
            let words =
                reply::text(StatusCode::RANGE_NOT_SATISFIABLE, "The file ends before this range begins.\n");
            varying(placed(words, format!("bytes */{length}")), asset)
        }
        Verdict::Unchanged => {
            let mut response = reply::with(StatusCode::NOT_MODIFIED, reply::headers(), Body::empty());
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(asset.keep));
            response.headers_mut().insert(header::ETAG, variant.etag.clone());
            varying(response, asset)
        }
        Verdict::Failed => {
            let words = "The file is not the one that If-Match names.\n";
            varying(reply::text(StatusCode::PRECONDITION_FAILED, words), asset)
        }
    }
}

fn placed(mut response: Response, place: String) -> Response {
    if let Ok(place) = HeaderValue::try_from(place) {
        response.headers_mut().insert(header::CONTENT_RANGE, place);
    }
    response
}

fn varying(mut response: Response, asset: &Asset) -> Response {
    if asset.varies() {
        reply::vary(response.headers_mut());
    }
    response
}
