//! Answers `If-None-Match` (RFC 9110 §13.1.2): 304 where the caller has the revision that it would be sent.
//!
//! Invariant: a request without the header costs one look at its headers.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// The tags that a reader has already, as the request says them.
#[derive(Debug)]
pub struct Known(Vec<HeaderValue>);

impl Known {
    /// What a request says, where it asks for something to read.
    pub fn of(request: &Request) -> Option<Self> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !reads || !request.headers().contains_key(header::IF_NONE_MATCH) {
            return None;
        }
        Some(Self(request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect()))
    }

    /// The answer without its body, where that is known.
    pub fn spare(&self, mut response: Response) -> Response {
        if response.status() != StatusCode::OK || !self.has(response.headers()) {
            return response;
        }
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
            response.headers_mut().remove::<HeaderName>(name);
        }
        response
    }

    /// Compared weakly, as reading allows (RFC 9110 §8.8.3.2). Our tags hold no comma.
    fn has(&self, answer: &HeaderMap) -> bool {
        let Some(tag) = answer.get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
        let texts = self.0.iter().filter_map(|value| value.to_str().ok());
        let mut tags = texts.flat_map(|text| text.split(',')).map(str::trim);
        tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::Known;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::response::Response;

    fn status(known: &str, tag: Option<&str>) -> u16 {
        let request = Request::get("/").header("if-none-match", known).body(Body::empty()).unwrap();
        let mut response = Response::builder();
        if let Some(tag) = tag {
            response = response.header("etag", tag);
        }
        let response = response.body(Body::from("{}")).unwrap();
        Known::of(&request).unwrap().spare(response).status().as_u16()
    }

    #[test]
    fn only_a_known_tag_spares_the_body() {
        for known in ["\"3\"", "W/\"3\"", "\"2\", \"3\"", "*"] {
            assert_eq!(status(known, Some("\"3\"")), 304, "{known}");
        }
        for other in ["\"2\"", "3", "", "\"33\""] {
            assert_eq!(status(other, Some("\"3\"")), 200, "{other}");
        }
        assert_eq!(status("*", None), 200);
        let act = Request::post("/").header("if-none-match", "*").body(Body::empty()).unwrap();
        assert!(Known::of(&act).is_none());
    }
}
