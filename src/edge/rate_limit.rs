//! Bounds how many requests come from one address, in two budgets: without credentials, and with them.
//!
//! Invariants: what is held is of fixed size, whatever addresses come ([`Bucket`]). Credentials are only seen to be there,
//! never judged here. OPTIONS costs nothing, since browsers ask so before they ask.
//!
//! The crate's limiter and key extractor are used, its layer is not: that one tells to come back after 0 seconds, answers 500
//! to whoever has no address, and can let nobody through uncounted.

mod budget;
mod client;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{HeaderMap, Method, Request, header};
use tower_governor::key_extractor::KeyExtractor;

use crate::config::limits::Limits;
use crate::domain::id::RequestId;
use crate::edge::api_path::is_api;
use crate::edge::rate_limit::budget::Budget;
pub use crate::edge::rate_limit::client::Bucket;
use crate::edge::rate_limit::client::Clients;

/// Requests a minute from one address. Zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRates {
    /// Of those without credentials.
    pub anonymous: u32,
    /// Of those with an `Authorization` header or a cookie of ours, good or not.
    pub with_credentials: u32,
}

impl From<&Limits> for RequestRates {
    fn from(limits: &Limits) -> Self {
        Self {
            anonymous: limits.requests_anonymous_per_minute,
            with_credentials: limits.requests_with_credentials_per_minute,
        }
    }
}

/// What the limits ask of the rest of the service.
#[derive(Clone)]
pub struct Surroundings {
    /// The names of our cookies.
    pub cookies: &'static [&'static str],
    /// Whether an address is never limited.
    pub is_unlimited: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// Writes the answer to a request that came too soon, which may come again after that long.
    pub refuse: fn(Option<RequestId>, Duration) -> Response,
}

/// The limits of one process, shared by its listeners. Cloning it gives another handle to the same ones.
#[derive(Clone)]
pub struct RequestLimits(Arc<Parts>);

struct Parts {
    clients: Clients,
    anonymous: Option<Budget>,
    with_credentials: Option<Budget>,
    cookies: &'static [&'static str],
    refuse: fn(Option<RequestId>, Duration) -> Response,
}

impl fmt::Debug for RequestLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { anonymous, with_credentials, .. } = &*self.0;
        f.debug_struct("RequestLimits")
            .field("anonymous", anonymous)
            .field("with_credentials", with_credentials)
            .finish_non_exhaustive()
    }
}

impl RequestLimits {
    /// Limits under which nobody has asked yet.
    pub fn new(rates: RequestRates, around: Surroundings) -> Self {
        let clients = Clients::new(around.is_unlimited);
        Self(Arc::new(Parts {
            anonymous: Budget::new("anonymous", rates.anonymous, &clients),
            with_credentials: Budget::new("credentials", rates.with_credentials, &clients),
            clients,
            cookies: around.cookies,
            refuse: around.refuse,
        }))
    }

    /// The answer to a request for a page or a file that came too soon.
    pub(super) fn refusal<B>(&self, request: &Request<B>) -> Option<Response> {
        let (budget, bucket) = self.0.charged(request)?;
        budget.charge(bucket).err().map(|wait| self.0.refused(budget, request, wait))
    }

    /// Puts the limits before every route of `router`, also before its fallback.
    pub fn before(&self, router: Router) -> Router {
        match &*self.0 {
            Parts { anonymous: None, with_credentials: None, .. } => router,
            Parts { .. } => router.layer(from_fn_with_state(self.clone(), limited)),
        }
    }
}

async fn limited(
    State(RequestLimits(limits)): State<RequestLimits>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let Some((budget, bucket)) = limits.charged(&request) else { return next.run(request).await };
    match budget.charge(bucket) {
        // Pages and files say nothing of it: no program reads it there, and caches would keep it.
        Ok(left) if is_api(request.uri().path()) => {
            let mut answer = next.run(request).await;
            budget.tell(answer.headers_mut(), left);
            answer
        }
        Ok(_) => next.run(request).await,
        Err(wait) => limits.refused(budget, &request, wait),
    }
}

impl Parts {
    /// What the request costs, if anything: a unit of a budget, from its client's share.
    fn charged<B>(&self, request: &Request<B>) -> Option<(&Budget, Bucket)> {
        if request.method() == Method::OPTIONS {
            return None;
        }
        let budget = if self.has_credentials(request.headers()) {
            self.with_credentials.as_ref()
        } else {
            self.anonymous.as_ref()
        };
        Some((budget?, self.clients.extract(request).ok()?))
    }

    fn refused<B>(&self, budget: &Budget, request: &Request<B>, wait: Duration) -> Response {
        let mut answer = (self.refuse)(request.extensions().get().copied(), wait);
        budget.tell_spent(answer.headers_mut(), wait);
        answer
    }

    fn has_credentials(&self, headers: &HeaderMap) -> bool {
        let ours = |pair: &[u8]| {
            let name = pair.trim_ascii().split(|byte| *byte == b'=').next().unwrap_or_default();
            self.cookies.iter().any(|cookie| cookie.as_bytes() == name)
        };
        headers.contains_key(header::AUTHORIZATION)
            || headers
                .get_all(header::COOKIE)
                .iter()
                .any(|cookies| cookies.as_bytes().split(|byte| *byte == b';').any(ours))
    }
}

#[cfg(test)]
mod tests;
