//! Sends a request to an upstream, and to another where the first did not take it.
//!
//! Invariant: a request of which anything was sent goes out a second time only if its method is idempotent (RFC 9110
//! §9.2.2), it has no body and no byte of an answer has come; and never a third time.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::timeout;
use tracing::debug;

use crate::domain::id::RequestId;
use crate::edge::proxy::Inner;
use crate::edge::proxy::choose::choose;
use crate::edge::proxy::connect::Connection;
use crate::edge::proxy::endpoint::{Endpoint, Flight};
use crate::edge::proxy::passing::Going;
use crate::edge::proxy::upstreams::End;

/// An answer whose head has come.
pub(super) struct Reached {
    pub(super) answer: Response<Incoming>,
    pub(super) connection: Connection,
    pub(super) flight: Flight,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No upstream is up, and none could be reached all the same.
    NoneUp,
    /// No upstream could be reached.
    Unreachable,
    /// The upstream broke off, or what it said was no HTTP.
    Broken,
    /// The upstream said nothing in time.
    Late,
    /// The client's own body broke off.
    Client,
}

/// How an attempt failed.
enum Failed {
    /// Nothing of it was sent, so here it is again.
    Unsent(Box<Request<Body>>, String),
    /// No byte of an answer had come when the connection broke.
    Unheard(String),
    /// An answer had begun.
    Heard(String),
    Late,
    Client,
}

/// Passes a request on, which has this id in the log.
pub(super) async fn send(
    proxy: &Arc<Inner>,
    mut request: Request<Body>,
    id: RequestId,
) -> Result<Reached, Failure> {
    let is_repeatable = request.method().is_idempotent() && request.body().is_end_stream();
    let some_up = proxy.ready_now();
    let mut tried: Vec<Arc<Endpoint>> = Vec::new();
    let mut is_second = false;
    let mut failure = if some_up { Failure::Unreachable } else { Failure::NoneUp };
    while let Some(endpoint) = proxy.choose(&tried) {
        let copy = (is_repeatable && !is_second).then(|| copy(&request));
        let mut flight = Flight::begin(Arc::clone(&endpoint));
        // What may not be sent twice goes over a connection that was not idle, which the other side might just be closing.
        let may_be_idle = copy.is_some();
        let again = match attempt(proxy, &endpoint, request, may_be_idle).await {
            Ok((answer, connection)) => {
                endpoint.health.succeeded();
                flight.end = End::Answered;
                return Ok(Reached { answer, connection, flight });
            }
            Err(Failed::Unsent(request, why)) => {
                flight.end = End::Unreachable;
                proxy.failed(&endpoint, &why);
                tried.push(endpoint);
                Some(*request)
            }
            Err(Failed::Unheard(why)) => {
                failure = Failure::Broken;
                flight.end = End::Broken;
                proxy.failed(&endpoint, &why);
                debug!(
                    request.id = %id,
                    upstream.name = endpoint.upstream.name(),
                    error = why,
                    "an upstream broke a connection"
                );
                // With no other there is still the same one, which may have restarted.
                if proxy.upstreams.endpoints().len() > tried.len() + 1 {
                    tried.push(endpoint);
                }
                is_second = true;
                copy
            }
            Err(Failed::Late) => {
                failure = Failure::Late;
                flight.end = End::Late;
                proxy.failed(&endpoint, "no answer came in time");
                tried.push(endpoint);
                is_second = true;
                copy
            }
            Err(Failed::Heard(why)) => {
                flight.end = End::Broken;
                proxy.failed(&endpoint, &why);
                debug!(
                    request.id = %id,
                    upstream.name = endpoint.upstream.name(),
                    error = why,
                    "an upstream gave no good answer"
                );
                return Err(Failure::Broken);
            }
            Err(Failed::Client) => return Err(Failure::Client),
        };
        request = again.ok_or(failure)?;
    }
    Err(failure)
}

impl Inner {
    fn ready_now(&self) -> bool {
        self.upstreams.ready(self.now_ms()).is_ok()
    }

    /// An endpoint that was not tried: of those that are up, else of all. A wrong health check must not end the service.
    fn choose(&self, tried: &[Arc<Endpoint>]) -> Option<Arc<Endpoint>> {
        let now_ms = self.now_ms();
        let endpoints = self.upstreams.endpoints();
        let is_tried = |it: &Arc<Endpoint>| tried.iter().any(|tried| Arc::ptr_eq(tried, it));
        let mut left: Vec<&Arc<Endpoint>> = endpoints.iter().filter(|it| !is_tried(it)).collect();
        if left.iter().any(|it| it.health.is_up(now_ms)) {
            left.retain(|it| it.health.is_up(now_ms));
        }
        choose(&left, |it| it.in_flight(), self.dice()).map(Arc::clone)
    }
}

/// The same request once more. It has no body.
fn copy(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(Body::empty());
    request.method().clone_into(copy.method_mut());
    request.uri().clone_into(copy.uri_mut());
    request.headers().clone_into(copy.headers_mut());
    copy
}

/// Sends a request to one endpoint, over a connection that is there or a fresh one.
async fn attempt(
    proxy: &Inner,
    endpoint: &Endpoint,
    mut request: Request<Body>,
    may_be_idle: bool,
) -> Result<(Response<Incoming>, Connection), Failed> {
    let mut idle = if may_be_idle { endpoint.take_idle() } else { None };
    loop {
        let is_fresh = idle.is_none();
        let mut connection = match idle.take() {
            Some(connection) => connection,
            None => match Connection::open(&endpoint.at, proxy.terms.connect_timeout).await {
                Ok(connection) => connection,
                Err(cause) => {
                    return Err(Failed::Unsent(Box::new(request), format!("it cannot be reached: {cause}")));
                }
            },
        };
        let pieces = Arc::new(AtomicU64::new(0));
        if !request.body().is_end_stream() {
            request = request.map(|body| Body::new(Going { body, pieces: Arc::clone(&pieces) }));
        }
        let sending = connection.send(request, &proxy.connections);
        let mut error = match head(sending, proxy.terms.answer_timeout, &pieces).await {
            Some(Ok(answer)) => return Ok((answer, connection)),
            Some(Err(error)) => error,
            None => return Err(Failed::Late),
        };
        match error.take_message() {
            // It had been closed before anything was sent. That says nothing of a fresh one.
            Some(unsent) if !is_fresh => request = unsent,
            Some(unsent) => return Err(Failed::Unsent(Box::new(unsent), error.error().to_string())),
            None => return Err(judged(&connection, error.error())),
        }
    }
}

fn judged(connection: &Connection, error: &hyper::Error) -> Failed {
    // The only fault that hyper calls the user's here is a body that could not be read.
    if error.is_user() {
        return Failed::Client;
    }
    let why = crate::telemetry::chain::chain(error).to_string();
    if connection.has_heard() { Failed::Heard(why) } else { Failed::Unheard(why) }
}

/// Waits for the head of an answer, for as long as pieces of the body go out and then `limit`. None when it is over.
async fn head(
    sending: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Body>>>>,
    limit: Duration,
    pieces: &AtomicU64,
) -> Option<Result<Response<Incoming>, TrySendError<Request<Body>>>> {
    let mut sending = pin!(sending);
    loop {
        let before = pieces.load(Ordering::Relaxed);
        match timeout(limit, sending.as_mut()).await {
            Ok(ended) => return Some(ended),
            Err(_) if pieces.load(Ordering::Relaxed) != before => {}
            Err(_) => return None,
        }
    }
}
