//! Answers for files that are there, without a way through the routes: they are known before anybody asks.
//!
//! Invariant: a file is observed, limited and judged here as it would be there.

use std::fmt;
use std::sync::Arc;

use axum::response::Response;
use http::{Extensions, HeaderMap, Method, Request};

use crate::edge::access_log::FindFile;
use crate::edge::observe::Observer;
use crate::edge::rate_limit::RequestLimits;

/// The files that a listener serves. Cloning it gives another handle to the same ones.
#[derive(Clone)]
pub struct Files(Arc<Shelf>);

/// What the files of a listener are served by.
pub struct Shelf {
    /// Tells and counts the requests.
    pub observer: Observer,
    /// Bounds them.
    pub limits: RequestLimits,
    /// Says whether a path is a file's.
    pub find: FindFile,
    /// The answer to whoever may not have one.
    pub refuse: Refuse,
    /// Answers for a file that is there.
    pub serve: fn(&Method, &str, &HeaderMap) -> Response,
}

/// Gives the answer to whoever sent a request with these extensions, if it is not let in.
pub type Refuse = Box<dyn Fn(&Extensions) -> Option<Response> + Send + Sync>;

impl Files {
    /// Serves from this shelf.
    pub fn new(shelf: Shelf) -> Self {
        Self(Arc::new(shelf))
    }

    /// The answer, if a file is asked for.
    pub(super) fn answer<B>(&self, request: &mut Request<B>) -> Option<Response> {
        let Shelf { observer, limits, find, refuse, serve } = &*self.0;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let file = find(request.uri().path())?;
        Some(observer.at_once(request, file, |request| {
            let refusal = limits.refusal(request).or_else(|| refuse(request.extensions()));
            refusal.unwrap_or_else(|| serve(request.method(), file, request.headers()))
        }))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}
