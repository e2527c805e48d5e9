//! Writes answers: one thing with its ETag, a page, a thing that was made.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::api::problem::Problem;
use crate::app::error::AppError;
use crate::app::{Created, Revision};
use crate::domain::page::Page;

/// What a handler returns.
pub type Answer<T = Response> = Result<T, Problem>;

/// A thing that has revisions.
pub trait Revised {
    /// Where it is, under `/api/v1`.
    fn location(&self) -> String;
    /// Its revision: the ETag.
    fn revision(&self) -> Revision;
}

/// One thing with its ETag.
pub fn item<T: Serialize + Revised>(it: T) -> Answer {
    let mut body = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut body, &it).map_err(AppError::broken("writing an answer"))?;
    let headers = [(header::CONTENT_TYPE, JSON), (header::ETAG, etag(it.revision()))];
    Ok((headers, body).into_response())
}

/// Bytes that nearly every single thing fits in.
const ROOM: usize = 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A thing that was made, or had been made by the same request before.
pub fn created<T: Serialize + Revised, U: Into<T>>(made: Created<U>) -> Answer {
    let (it, replayed): (T, bool) = match made {
        Created::New(it) => (it.into(), false),
        Created::Replayed(it) => (it.into(), true),
    };
    let (tag, location) = (etag(it.revision()), format!("/api/v1{}", it.location()));
    let mut response = (StatusCode::CREATED, [(header::ETAG, tag)], Json(it)).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A page of a list.
pub fn page<T, U: From<T>, P: From<Page<U>> + Serialize>(page: Page<T>) -> Answer<Json<P>> {
    Ok(Json(P::from(page.map(U::from))))
}

/// It is done, and there is nothing to show.
pub const fn done() -> Answer<StatusCode> {
    Ok(StatusCode::NO_CONTENT)
}

/// Says that a create had been done before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

fn etag(revision: Revision) -> HeaderValue {
    // A number in quotes is always a header's value.
    HeaderValue::from_str(&format!("\"{revision}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// The page of a noun, as it is written: items and where the next page begins.
macro_rules! page_of {
    ($(#[$doc:meta])* $name:ident of $item:ty) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            /// The rows.
            items: Vec<$item>,
            /// Where the next page begins: give it as `after`. Null on the last page.
            next: Option<crate::domain::page::Cursor>,
        }

        impl From<crate::domain::page::Page<$item>> for $name {
            fn from(page: crate::domain::page::Page<$item>) -> Self {
                Self { items: page.items, next: page.next }
            }
        }
    };
}

pub(crate) use page_of;
