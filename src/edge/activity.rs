//! What a connection is doing, so that one that does nothing can be cut.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one connection has done so far.
#[derive(Debug, Default)]
pub struct Activity {
    started: AtomicU64,
    finished: AtomicU64,
    progress: AtomicU64,
    /// Requests for which something of ours is still to come, not something of the client's.
    working: AtomicU64,
    /// Pieces of answers that the client had room for.
    taken: AtomicU64,
    write_blocked: AtomicBool,
    head_begun: AtomicBool,
    multiplexed: AtomicBool,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A request's head is awaited or arriving. `.0` counts the requests before it.
    Head(u64),
    /// Nothing is asked.
    Idle(u64),
    /// Requests are being answered; `blocked` holds the progress at which the client took no more.
    Answering { blocked: Option<u64> },
}

impl Activity {
    pub(super) fn phase(&self) -> Phase {
        let started = self.started.load(Ordering::Acquire);
        // The last of an answer may be on its way for long, on a slow line, when all of it was handed over.
        if self.write_blocked.load(Ordering::Acquire) {
            return Phase::Answering { blocked: Some(self.progress.load(Ordering::Acquire)) };
        }
        if started > self.finished.load(Ordering::Acquire) {
            // HTTP/2 has windows of its own: a client may read all that comes, and let no piece of an answer come.
            let is_held = self.working.load(Ordering::Acquire) == 0;
            return Phase::Answering { blocked: is_held.then(|| self.taken.load(Ordering::Acquire)) };
        }
        let heading = started == 0 || self.head_begun.load(Ordering::Acquire);
        if heading && !self.multiplexed.load(Ordering::Acquire) {
            Phase::Head(started)
        } else {
            Phase::Idle(started)
        }
    }

    /// Notes that a request's head has arrived. It is being answered until the result is dropped.
    pub(super) fn begin(self: &Arc<Self>, multiplexed: bool) -> Answering {
        // On HTTP/2 any frame is read while no request is under way, so bytes do not mean that a head has begun.
        self.multiplexed.store(multiplexed, Ordering::Release);
        self.head_begun.store(false, Ordering::Release);
        self.working.fetch_add(1, Ordering::AcqRel);
        self.started.fetch_add(1, Ordering::AcqRel);
        Answering { activity: Arc::clone(self), is_working: true }
    }

    fn was_read(&self) {
        self.progress.fetch_add(1, Ordering::AcqRel);
        let idle = self.started.load(Ordering::Acquire) == self.finished.load(Ordering::Acquire);
        if idle {
            self.head_begun.store(true, Ordering::Release);
        }
    }

    fn was_written(&self, pending: bool) {
        self.write_blocked.store(pending, Ordering::Release);
        if !pending {
            self.progress.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Answering {
    activity: Arc<Activity>,
    is_working: bool,
}

impl Answering {
    /// Notes whether the next piece of the answer is still to be made, or waits for the client to have room.
    pub(super) fn note(&mut self, is_working: bool) {
        if is_working == self.is_working {
            return;
        }
        self.is_working = is_working;
        if is_working {
            self.activity.working.fetch_add(1, Ordering::AcqRel);
        } else {
            self.activity.working.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Notes that the client had room for a piece.
    pub(super) fn took(&mut self) {
        self.activity.taken.fetch_add(1, Ordering::AcqRel);
        self.note(false);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.note(false);
        self.activity.finished.fetch_add(1, Ordering::AcqRel);
    }
}

/// A stream that notes what happens on it.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.was_read();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.activity.was_written(result.is_pending());
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.activity.was_written(result.is_pending());
        result
    }
}
