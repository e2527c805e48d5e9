//! The life of one connection.
//!
//! Invariant: whatever a client does or leaves undone, its connection ends within the limits.

use std::fmt::Display;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::edge::activity::{Activity, Phase, Watched};
use crate::edge::exchange::{Asker, Desk};
use crate::edge::gather::{Sending, gather};
use crate::edge::live_limits::ConnectionLimits;
use crate::edge::server::Server;
use crate::runtime::tasks::Group;

/// Which HTTP a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Http {
    /// HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
    /// Whichever its first bytes are.
    Either,
}

/// Serves a connection until it ends, is told to, or has done nothing for too long.
pub(super) async fn serve(
    server: Server,
    http: Http,
    asker: Asker,
    executor: StreamExecutor,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    stop: CancellationToken,
) {
    let activity = Arc::new(Activity::default());
    let limits = server.limits.now();
    // A stream of events has no end of its own that a stop, or a connection grown old, could wait for.
    let ends = stop.child_token();
    let desk = Desk { server: server.clone(), asker, activity: Arc::clone(&activity), ends: ends.clone() };
    let service = hyper::service::service_fn(move |request| desk.answer(request));
    let stream = Watched { stream, activity: Arc::clone(&activity) };
    match http {
        Http::One => {
            let connection = http_1(&limits).serve_connection(TokioIo::new(stream), service).with_upgrades();
            let close = |connection: Pin<&mut _>| http1::UpgradeableConnection::graceful_shutdown(connection);
            watch(pin!(connection), close, &server, &activity, &ends).await;
        }
        Http::Two | Http::Either => {
            let (stream, sender) = gather(stream);
            let builder = builder(executor, http, &limits);
            let connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
            let close = |sending: Pin<&mut Sending<_, _>>| {
                auto::Connection::graceful_shutdown(sending.get_mut().connection());
            };
            watch(pin!(Sending::new(connection, sender)), close, &server, &activity, &ends).await;
        }
    }
}

/// Lets a connection run until it ends, is told to by `ends`, or has done nothing for too long. One grown old tells itself.
/// `close` has it end after the requests under way.
async fn watch<C, E>(
    mut connection: Pin<&mut C>,
    close: impl Fn(Pin<&mut C>),
    server: &Server,
    activity: &Activity,
    ends: &CancellationToken,
) where
    C: Future<Output = Result<(), E>>,
    E: Display,
{
    let (mut draining, mut age) = (false, Duration::ZERO);
    let mut watch = Watch::new(activity.phase());
    loop {
        let limits = server.limits.now();
        let pause = watch.pause(&limits);
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(cause) = ended {
                    debug!(listener.name = server.name, error = %cause, "a connection ended early");
                }
                return;
            }
            () = ends.cancelled(), if !draining => {
                draining = true;
                close(connection.as_mut());
            }
            () = tokio::time::sleep(pause) => {
                if watch.is_over(activity.phase(), pause, &limits) {
                    debug!(listener.name = server.name, "a connection was cut: nothing came of it in time");
                    return;
                }
                age += pause;
                if age >= limits.age {
                    ends.cancel();
                }
            }
        }
    }
}

/// How long a connection has been in one phase. It is looked at now and then, so that a request costs no timer.
pub(super) struct Watch {
    phase: Phase,
    lasting: Duration,
}

impl Watch {
    pub(super) const fn new(phase: Phase) -> Self {
        Self { phase, lasting: Duration::ZERO }
    }

    /// Time to the next look. A phase may last that much longer than its limit, and begin that much earlier than it is
    /// seen; but thousands of idle connections are not to wake up all the time.
    pub(super) fn pause(&self, limits: &ConnectionLimits) -> Duration {
        let limit = limits.header_timeout.min(limits.idle_timeout).min(limits.age);
        match self.phase {
            Phase::Head(_) => limit / 4,
            Phase::Idle(_) | Phase::Answering { .. } => limit,
        }
    }

    /// Whether the phase has lasted as long as it may, `pause` after the last look.
    pub(super) fn is_over(&mut self, phase: Phase, pause: Duration, limits: &ConnectionLimits) -> bool {
        self.lasting = if phase == self.phase { self.lasting + pause } else { Duration::ZERO };
        self.phase = phase;
        match phase {
            Phase::Head(_) => self.lasting >= limits.header_timeout,
            Phase::Idle(_) | Phase::Answering { blocked: Some(_) } => self.lasting >= limits.idle_timeout,
            // A long answer may be quiet for good reasons, as a stream of events is.
            Phase::Answering { blocked: None } => false,
        }
    }
}

/// Runs the streams of HTTP/2 connections: with the connection where an answer is there at once, else beside it.
#[derive(Debug, Clone)]
pub(super) struct StreamExecutor(pub(super) Group);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        self.0.begin(stream);
    }
}

/// HTTP/1.1 alone, where a connection may become something else. Without a timer of its own: [`watch`] has the time of the
/// head, too.
fn http_1(limits: &ConnectionLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX));
    builder
}

fn builder(executor: StreamExecutor, http: Http, limits: &ConnectionLimits) -> auto::Builder<StreamExecutor> {
    let builder = auto::Builder::new(executor);
    let mut builder = if http == Http::Two { builder.http2_only() } else { builder };
    builder.http1().max_buf_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.header_bytes)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Requests at once on one connection: RFC 9113 §6.5.2 and RFC 9114 §6.1 recommend no fewer than 100.
pub(super) const STREAMS: u32 = 100;

const PING_EVERY: Duration = Duration::from_secs(30);

const PING_TIMEOUT: Duration = Duration::from_secs(10);
