//! One request over HTTP/1.1 or HTTP/2, and its answer.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, FutureExt, TryFutureExt, ready};
use http::header::{ALT_SVC, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY, UPGRADE};
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::debug;

use crate::edge::activity::Activity;
use crate::edge::answer::{AnswerBody, Content};
use crate::edge::peer::Peer;
use crate::edge::proxies::{Vouched, note_unnamed};
use crate::edge::proxy::Held;
use crate::edge::server::{OpenConnection, Server};
use crate::edge::strict;
use crate::telemetry::names;

/// Who is at the other end of a connection.
pub(super) struct Asker {
    pub(super) peer: Peer,
    pub(super) by_proxy: bool,
    pub(super) hsts: Option<HeaderValue>,
    pub(super) open: Arc<OpenConnection>,
}

impl Asker {
    /// Writes down who sent a request, for all who answer it.
    pub(super) fn sign<B>(&self, request: &mut Request<B>, server: &Server) {
        let client = if self.by_proxy {
            let vouched = Vouched::of(request.headers());
            request.extensions_mut().insert(vouched);
            server.proxies.client(self.peer, request.headers())
        } else {
            note_unnamed(server.name, &self.peer, request.headers());
            self.peer
        };
        request.extensions_mut().insert(client);
    }
}

/// What answers the requests of one connection.
pub(super) struct Desk {
    pub(super) server: Server,
    pub(super) asker: Asker,
    pub(super) activity: Arc<Activity>,
    /// That the connection is to end.
    pub(super) ends: CancellationToken,
}

impl Desk {
    /// Answers a request.
    pub(super) fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<http::Response<AnswerBody>, Infallible>> + Send + use<> {
        let mut answering = self.activity.begin(request.version() == Version::HTTP_2);
        let fault = strict::fault(&request);
        let ends = fault.is_some() || strict::ends_connection(&request);
        if request.headers().contains_key(UPGRADE) {
            request.extensions_mut().insert(Held(Arc::clone(&self.asker.open)));
        }
        self.asker.sign(&mut request, &self.server);
        let answer = self.content(fault, request);
        let (hsts, over) = (self.asker.hsts.clone(), self.ends.clone());
        let alt_svc = self.server.alt_svc.clone().filter(|_| !self.asker.by_proxy);
        answer.map_ok(move |mut answer| {
            if let Some(hsts) = hsts {
                answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, hsts);
            }
            if let Some(alt_svc) = alt_svc {
                answer.headers_mut().insert(ALT_SVC, alt_svc);
            }
            if ends {
                strict::end_connection(&mut answer);
            }
            let until = is_event_stream(&answer).then(|| Box::pin(over.cancelled_owned()));
            answering.note(false);
            answer.map(|content| AnswerBody { content, answering, until })
        })
    }

    /// Whoever knows the answer first: for what has a `fault` nobody is asked, files are at hand, the rest is passed on or routed.
    fn content(
        &self,
        fault: Option<&'static str>,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<http::Response<Content>, Infallible>> + Send + use<> {
        let Server { name, files, passing, router, .. } = &self.server;
        let known = match fault {
            Some(fault) => Some(malformed(name, fault)),
            None => files.as_ref().and_then(|files| files.answer(&mut request)),
        };
        if let Some(answer) = known {
            return Either::Left(ready(Ok(answer.map(Content::from))));
        }
        let request = request.map(body);
        Either::Right(match passing.as_ref().filter(|passing| passing.takes(&request)) {
            // Behind a pointer: otherwise the state of each request, also of one for a file, were as large as this and copied as often.
            Some(passing) => Either::Left(Box::pin(passing.pass(request)).map(Ok)),
            None => Either::Right(router.clone().oneshot(request).map_ok(|answer| answer.map(Content::from))),
        })
    }
}

/// A request's body. Most have none, and then nothing is made of it.
fn body(body: Incoming) -> Body {
    if body.is_end_stream() { Body::empty() } else { Body::new(body) }
}

/// Whether an answer goes on until somebody ends it.
pub(super) fn is_event_stream<B>(answer: &http::Response<B>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

pub(super) fn malformed(listener: &'static str, fault: &'static str) -> Response {
    metrics::counter!(names::HTTP_MALFORMED.name, "listener" => listener).increment(1);
    debug!(listener.name = listener, "a request was refused: {fault}");
    (StatusCode::BAD_REQUEST, format!("{fault}\n")).into_response()
}
