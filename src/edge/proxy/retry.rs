//! Sends a request to an upstream, and to another where the first did not take it.
//!
//! Invariant: a request of which anything was sent goes out a second time only if its method is idempotent (RFC 9110
//! §9.2.2), it has no body and no byte of an answer has come; and never a third time.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::timeout;
use tracing::debug;

use crate::domain::id::RequestId;
use crate::edge::proxy::Inner;
use crate::edge::proxy::choose::choose;
use crate::edge::proxy::connect::{Connection, NotAnswered};
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
    /// Nothing of the request was sent, and it is still there.
    Unsent(String),
    /// No byte of an answer had come when the connection broke.
    Unheard(String),
    /// An answer had begun.
    Heard(String),
    Late,
    Client,
}

/// Passes a request on, which has this id in the log. The request stays where it is until it is sent: to carry it through every
/// step of the way would copy it each time.
pub(super) async fn send(
    proxy: &Arc<Inner>,
    request: &mut Request<Body>,
    id: RequestId,
) -> Result<Reached, Failure> {
    let is_repeatable = request.method().is_idempotent() && request.body().is_end_stream();
    let some_up = proxy.ready_now();
    let mut tried: Vec<Arc<Endpoint>> = Vec::new();
    let mut is_second = false;
    let mut failure = if some_up { Failure::Unreachable } else { Failure::NoneUp };
    while let Some(endpoint) = proxy.choose(&tried) {
        let copy = (is_repeatable && !is_second).then(|| copy(request));
        let mut flight = Flight::begin(Arc::clone(&endpoint));
        // What may not be sent twice goes over a connection that was not idle, which the other side might just be closing.
        let may_be_idle = copy.is_some();
        let failed = match attempt(proxy, &endpoint, request, may_be_idle).await {
            Ok((answer, connection)) => {
                endpoint.health.succeeded();
                flight.end = End::Answered;
                return Ok(Reached { answer, connection, flight });
            }
            Err(failed) => failed,
        };
        flight.end = failed.end();
        proxy.note(&endpoint, &failed, id);
        match failed {
            Failed::Unsent(_) => {
                tried.push(endpoint);
                continue;
            }
            Failed::Unheard(_) => {
                failure = Failure::Broken;
                // With no other there is still the same one, which may have restarted.
                if proxy.upstreams.endpoints().len() > tried.len() + 1 {
                    tried.push(endpoint);
                }
            }
            Failed::Late => {
                failure = Failure::Late;
                tried.push(endpoint);
            }
            Failed::Heard(_) => return Err(Failure::Broken),
            Failed::Client => return Err(Failure::Client),
        }
        is_second = true;
        *request = copy.ok_or(failure)?;
    }
    Err(failure)
}

impl Failed {
    const fn end(&self) -> End {
        match self {
            Self::Unsent(_) => End::Unreachable,
            Self::Unheard(_) | Self::Heard(_) => End::Broken,
            Self::Late => End::Late,
            Self::Client => End::GivenUp,
        }
    }
}

impl Inner {
    fn ready_now(&self) -> bool {
        self.upstreams.ready(self.now_ms()).is_ok()
    }

    /// Holds a failure against the endpoint, unless it was the client's, and tells what nobody else will.
    fn note(&self, endpoint: &Endpoint, failed: &Failed, id: RequestId) {
        let (why, told) = match failed {
            Failed::Unsent(why) => (why.as_str(), None),
            Failed::Unheard(why) => (why.as_str(), Some("an upstream broke a connection")),
            Failed::Heard(why) => (why.as_str(), Some("an upstream gave no good answer")),
            Failed::Late => ("no answer came in time", None),
            Failed::Client => return,
        };
        self.failed(endpoint, why);
        if let Some(told) = told {
            debug!(request.id = %id, upstream.name = endpoint.upstream.name(), error = why, "{told}");
        }
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
    request: &mut Request<Body>,
    may_be_idle: bool,
) -> Result<(Response<Incoming>, Connection), Failed> {
    let pieces = Going::count(request);
    let mut idle = if may_be_idle { endpoint.take_idle() } else { None };
    loop {
        let is_fresh = idle.is_none();
        let mut connection = match idle.take() {
            Some(connection) => connection,
            None => match Connection::open(&endpoint.at, proxy.terms.connect_timeout).await {
                Ok(connection) => connection,
                Err(cause) => return Err(Failed::Unsent(format!("it cannot be reached: {cause}"))),
            },
        };
        let sending = connection.send(request, &proxy.connections);
        match head(sending, proxy.terms.answer_timeout, pieces.as_deref()).await {
            Some(Ok(answer)) => return Ok((answer, connection)),
            // It had been closed before anything was sent. That says nothing of a fresh one.
            Some(Err(NotAnswered { is_unsent: true, .. })) if !is_fresh => {}
            Some(Err(NotAnswered { is_unsent: true, error })) => {
                return Err(Failed::Unsent(error.to_string()));
            }
            Some(Err(NotAnswered { error, .. })) => return Err(judged(&connection, &error)),
            None => return Err(Failed::Late),
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
    sending: impl Future<Output = Result<Response<Incoming>, NotAnswered>>,
    limit: Duration,
    pieces: Option<&AtomicU64>,
) -> Option<Result<Response<Incoming>, NotAnswered>> {
    let count = || pieces.map_or(0, |pieces| pieces.load(Ordering::Relaxed));
    let mut sending = pin!(sending);
    loop {
        let before = count();
        match timeout(limit, sending.as_mut()).await {
            Ok(ended) => return Some(ended),
            Err(_) if count() != before => {}
            Err(_) => return None,
        }
    }
}
