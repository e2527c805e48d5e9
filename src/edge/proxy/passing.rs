//! Bodies on their way: a request's to the upstream, an answer's to the client, piece by piece as they come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use tracing::debug;

use crate::domain::id::RequestId;
use crate::edge::proxy::Inner;
use crate::edge::proxy::connect::Connection;
use crate::edge::proxy::endpoint::Flight;
use crate::edge::proxy::upstreams::End;

/// A request's body, which counts the pieces that went, so that a slow sender is told from a silent receiver.
pub(super) struct Going {
    body: Body,
    pieces: Arc<AtomicU64>,
}

impl Going {
    /// Counts the pieces of a request's body from now on, if it has one.
    pub(super) fn count(request: &mut Request<Body>) -> Option<Arc<AtomicU64>> {
        if request.body().is_end_stream() {
            return None;
        }
        let pieces = Arc::new(AtomicU64::new(0));
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::new(Self { body, pieces: Arc::clone(&pieces) });
        Some(pieces)
    }
}

impl HttpBody for Going {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.pieces.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body. At its end the connection is kept for another request; given up before, it is closed.
pub(in crate::edge) struct Coming {
    body: Incoming,
    connection: Option<Connection>,
    flight: Flight,
    proxy: Arc<Inner>,
    id: RequestId,
    broken: Option<hyper::Error>,
    is_over: bool,
}

impl Coming {
    pub(super) const fn new(
        body: Incoming,
        connection: Connection,
        flight: Flight,
        proxy: Arc<Inner>,
        id: RequestId,
    ) -> Self {
        Self { body, connection: Some(connection), flight, proxy, id, broken: None, is_over: false }
    }
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(cause) = self.broken.take() {
            return Poll::Ready(Some(Err(cause)));
        }
        let Self { body, connection, .. } = &mut *self;
        let mut next = Pin::new(&mut *body).poll_frame(cx);
        if let (Poll::Pending, Some(connection)) = (&next, connection) {
            connection.drive(cx);
            next = Pin::new(body).poll_frame(cx);
        }
        match ready!(next) {
            Some(Err(cause)) => {
                debug!(request.id = %self.id, error = %cause, "an upstream's answer broke off");
                self.flight.end = End::Cut;
                self.proxy.failed(&self.flight.endpoint, "an answer broke off");
                self.broken = Some(cause);
                // What came before goes out first.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            frame => {
                self.is_over = frame.is_none();
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        if (self.is_over || self.body.is_end_stream())
            && let Some(connection) = self.connection.take()
        {
            let (most, now) = (self.proxy.terms.keep_idle, self.proxy.clock.instant());
            self.flight.endpoint.give_idle(connection, most, now);
        }
    }
}
