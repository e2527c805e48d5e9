//! Connections to upstreams.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tracing::debug;

use crate::edge::listener::Stream;
use crate::edge::proxy::endpoint::At;
use crate::runtime::tasks::Group;

/// A connection to an upstream, for one request after the other.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Body>,
    heard: Arc<AtomicBool>,
}

impl Connection {
    /// Connects within `limit`. What happens on the connection runs in `group`.
    pub(super) async fn open(at: &At, limit: Duration, group: &Group) -> io::Result<Self> {
        let stream = dial(at, limit).await?;
        let heard = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Wire { stream, heard: Arc::clone(&heard) });
        let (sender, connection) = builder().handshake(io).await.map_err(io::Error::other)?;
        let stop = group.stop().clone();
        group.spawn(async move {
            tokio::select! {
                ended = connection.with_upgrades() => if let Err(cause) = ended {
                    debug!(error = %cause, "a connection to an upstream ended early");
                },
                () = stop.cancelled() => {}
            }
        });
        Ok(Self { sender, heard })
    }

    /// Sends a request. An error gives it back where nothing of it was sent.
    pub(super) fn send(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Body>>>> + use<> {
        self.heard.store(false, Ordering::Release);
        self.sender.try_send_request(request)
    }

    /// Whether any byte has come since the last request.
    pub(super) fn has_heard(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Opens a bare connection within `limit`.
pub(super) async fn dial(at: &At, limit: Duration) -> io::Result<Stream> {
    let dialling = async {
        match at {
            At::Tcp(at) => {
                let stream = TcpStream::connect(at).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Left(stream))
            }
            At::Unix(path) => UnixStream::connect(path).await.map(Stream::Right),
        }
    };
    timeout(limit, dialling).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// How answers are read.
pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.max_header_size(LONGEST_HEAD);
    builder
}

/// Longest head of an answer: twice what we let a client send.
const LONGEST_HEAD: usize = 65_536;

/// A stream that notes whether anything came.
#[derive(Debug)]
struct Wire {
    stream: Stream,
    heard: Arc<AtomicBool>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.heard.store(true, Ordering::Release);
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
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
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}
