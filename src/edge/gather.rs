//! Gathers what an HTTP/2 connection writes, so that the frames of many answers leave in one TLS record and one system call.
//!
//! hyper sends every frame of some size by itself. Here it only puts it down: what has been put down is sent when hyper has
//! nothing more to say for now, or when it is as much as a record holds.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The end of a stream that hyper has.
#[derive(Debug)]
pub(super) struct Gathered<S>(Arc<Mutex<Outbox<S>>>);

/// The end of the same stream that sends what was gathered.
#[derive(Debug)]
pub(super) struct Sender<S>(Arc<Mutex<Outbox<S>>>);

/// A connection that sends what it has written each time it has nothing more to write.
#[derive(Debug)]
pub(super) struct Sending<'a, C, S> {
    connection: Pin<&'a mut C>,
    sender: Sender<S>,
}

#[derive(Debug)]
struct Outbox<S> {
    stream: S,
    waiting: Vec<u8>,
    sent: usize,
}

/// Both ends of `stream`.
pub(super) fn gather<S>(stream: S) -> (Gathered<S>, Sender<S>) {
    let outbox = Arc::new(Mutex::new(Outbox { stream, waiting: Vec::new(), sent: 0 }));
    (Gathered(Arc::clone(&outbox)), Sender(outbox))
}

/// The plaintext that a TLS record holds: RFC 8446 §5.1.
const RECORD: usize = 16 * 1024;

impl<'a, C, S> Sending<'a, C, S> {
    /// `connection` has the other end of the stream.
    pub(super) const fn new(connection: Pin<&'a mut C>, sender: Sender<S>) -> Self {
        Self { connection, sender }
    }

    pub(super) fn connection(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }
}

impl<C, S, E> Future for Sending<'_, C, S>
where
    C: Future<Output = Result<(), E>>,
    S: AsyncWrite + Unpin,
    E: From<io::Error>,
{
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // At its end it has shut the stream, which sends everything.
        if let Poll::Ready(ended) = self.connection.as_mut().poll(cx) {
            return Poll::Ready(ended);
        }
        let mut outbox = lock(&self.sender.0);
        ready!(outbox.poll_empty(cx))?;
        ready!(Pin::new(&mut outbox.stream).poll_flush(cx))?;
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> Outbox<S> {
    fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.waiting.len() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.waiting[self.sent..]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        // Not kept: thousands of connections are idle.
        (self.waiting, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    fn poll_put(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if self.waiting.len() + length > RECORD {
            ready!(self.poll_empty(cx))?;
        }
        if length > RECORD {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        if self.waiting.capacity() == 0 {
            self.waiting.reserve_exact(RECORD);
        }
        for slice in slices {
            self.waiting.extend_from_slice(slice);
        }
        Poll::Ready(Ok(length))
    }
}

/// A panic of the other end leaves bytes that may be half of a frame; the connection ends with the panic.
fn lock<S>(outbox: &Mutex<Outbox<S>>) -> MutexGuard<'_, Outbox<S>> {
    outbox.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_put(cx, &[IoSlice::new(bytes)])
    }

    /// Left to [`Sending`].
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outbox = lock(&self.0);
        ready!(outbox.poll_empty(cx))?;
        Pin::new(&mut outbox.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_put(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::{RECORD, Sending, gather};
    use futures_util::FutureExt;
    use std::future::pending;
    use std::io;
    use std::pin::{Pin, pin};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};
    use tokio::io::{AsyncWrite, AsyncWriteExt};

    /// Takes so many bytes with each write, and keeps them apart.
    #[derive(Clone)]
    struct Wire(Arc<Mutex<Vec<Vec<u8>>>>, usize);

    impl AsyncWrite for Wire {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.1);
            self.0.lock().unwrap().push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What a connection that says this in pieces, and then waits, has written.
    fn written(pieces: &[&[u8]], at_once: usize) -> Vec<Vec<u8>> {
        let wire = Wire(Arc::default(), at_once);
        let (mut stream, sender) = gather(wire.clone());
        let connection = async {
            for piece in pieces {
                stream.write_all(piece).await?;
                stream.flush().await?;
            }
            pending::<io::Result<()>>().await
        };

        assert!(Sending::new(pin!(connection), sender).now_or_never().is_none());

        wire.0.lock().unwrap().clone()
    }

    #[test]
    fn what_is_said_at_one_go_leaves_at_one_go() {
        assert_eq!(written(&[b"head", b"body", b"head"], RECORD), [b"headbodyhead"]);
    }

    #[test]
    fn more_than_a_record_holds_leaves_in_order_whatever_the_wire_takes() {
        let long = vec![b'x'; RECORD + 1];
        for at_once in [7, 1000, 3 * RECORD] {
            let written = written(&[b"head", &long, b"tail", &long[2..], b"end"], at_once);

            assert_eq!(written.concat(), [b"head", &long[..], b"tail", &long[2..], b"end"].concat());
        }
    }
}
