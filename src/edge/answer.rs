//! The body of an answer: made in this process, or an upstream's that is passed on.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::edge::activity::Answering;
use crate::edge::proxy::Coming;

/// What an answer says.
pub(super) enum Content {
    Made(Body),
    /// By itself, not as one of many kinds behind a pointer: every request that is passed on has one.
    Passed(Coming),
}

impl From<Body> for Content {
    fn from(body: Body) -> Self {
        Self::Made(body)
    }
}

impl HttpBody for Content {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut *self {
            Self::Made(body) => Pin::new(body).poll_frame(cx),
            Self::Passed(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(axum::Error::new)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Made(body) => body.is_end_stream(),
            Self::Passed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Made(body) => body.size_hint(),
            Self::Passed(body) => body.size_hint(),
        }
    }
}

/// An answer's body, which keeps the request under way until it has been sent or given up.
pub(super) struct AnswerBody {
    pub(super) content: Content,
    pub(super) answering: Answering,
    /// What ends it early: a stream of events has no end of its own that a stop could wait for.
    pub(super) until: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        let frame = Pin::new(&mut self.content).poll_frame(cx);
        match &frame {
            Poll::Pending => self.answering.note(true),
            Poll::Ready(_) => self.answering.took(),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
