//! Connections to upstreams.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tracing::debug;

use crate::edge::listener::Stream;
use crate::edge::proxy::endpoint::At;
use crate::runtime::tasks::Group;

/// A connection to an upstream, for one request after the other. Whoever waits for an answer drives it: a task of its own
/// would have to be woken, and wake, for each request.
pub(super) struct Connection {
    sender: SendRequest<Body>,
    /// What happens on the connection, unless a task has it or it is over.
    driver: Option<Driver>,
    heard: Arc<AtomicBool>,
}

/// Why there is no answer to what was sent.
#[derive(Debug)]
pub(super) struct NotAnswered {
    pub(super) error: hyper::Error,
    /// Whether nothing of the request went out.
    pub(super) is_unsent: bool,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl Connection {
    /// Connects within `limit`.
    pub(super) async fn open(at: &At, limit: Duration) -> io::Result<Self> {
        let stream = dial(at, limit).await?;
        let heard = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Wire { stream, heard: Arc::clone(&heard) });
        let (sender, connection) = builder().handshake(io).await.map_err(io::Error::other)?;
        Ok(Self { sender, driver: Some(Box::pin(connection.with_upgrades())), heard })
    }

    /// Sends a request and waits for the head of its answer. Where nothing of it was sent, it is put back.
    /// With a body the connection gets a task in `group`, so that the body goes on when the answer does not wait for it.
    pub(super) async fn send(
        &mut self,
        request: &mut Request<Body>,
        group: &Group,
    ) -> Result<Response<Incoming>, NotAnswered> {
        self.heard.store(false, Ordering::Release);
        if !request.body().is_end_stream() {
            self.run(group);
        }
        let mut answer = pin!(self.sender.try_send_request(mem::take(request)));
        let ended = poll_fn(|cx| {
            drive(&mut self.driver, cx);
            answer.as_mut().poll(cx)
        })
        .await;
        ended.map_err(|mut error| {
            let unsent = error.take_message().map(|unsent| *request = unsent);
            NotAnswered { is_unsent: unsent.is_some(), error: error.into_error() }
        })
    }

    /// Does what there is to do on the connection.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, cx);
    }

    /// Leaves the connection to a task in `group`. It ends with what is under way.
    pub(super) fn run(&mut self, group: &Group) {
        let Some(driver) = self.driver.take() else { return };
        let stop = group.stop().clone();
        group.spawn_here(async move {
            tokio::select! {
                ended = driver => note(ended),
                () = stop.cancelled() => {}
            }
        });
    }

    /// Whether any byte has come since the last request.
    pub(super) fn has_heard(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    /// Whether it can take another request. Looks whether the other side has closed it.
    pub(super) fn is_free(&mut self) -> bool {
        // Nobody need be woken when it closes: it is looked at again before it is used.
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }
}

fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    if let Some(running) = driver
        && let Poll::Ready(ended) = running.as_mut().poll(cx)
    {
        note(ended);
        *driver = None;
    }
}

fn note(ended: hyper::Result<()>) {
    if let Err(cause) = ended {
        debug!(error = %cause, "a connection to an upstream ended early");
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("heard", &self.heard).finish_non_exhaustive()
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
