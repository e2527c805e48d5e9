//! The life of one connection.
//!
//! Invariant: whatever a client does or leaves undone, its connection ends within the limits.

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, ready};
use http::header::{ALT_SVC, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY, UPGRADE};
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::debug;

use crate::edge::activity::{Activity, AnswerBody, Phase, Watched};
use crate::edge::gather::{Sending, gather};
use crate::edge::live_limits::ConnectionLimits;
use crate::edge::peer::Peer;
use crate::edge::proxies::{Vouched, note_unnamed};
use crate::edge::proxy::Held;
use crate::edge::server::{OpenConnection, Server};
use crate::edge::strict;
use crate::runtime::tasks::Group;
use crate::telemetry::names;

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

/// Who is at the other end of a connection.
pub(super) struct Asker {
    pub(super) peer: Peer,
    pub(super) by_proxy: bool,
    pub(super) hsts: Option<HeaderValue>,
    pub(super) open: Arc<OpenConnection>,
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
    let service = {
        let activity = Arc::clone(&activity);
        let Server { name, router, files, proxies, alt_svc, .. } = server.clone();
        let Asker { peer, by_proxy, hsts, open } = asker;
        let stop = stop.clone();
        let alt_svc = alt_svc.filter(|_| !by_proxy);
        hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
            let answering = activity.begin(request.version() == http::Version::HTTP_2);
            let fault = strict::fault(&request);
            let ends = fault.is_some() || strict::ends_connection(&request);
            if request.headers().contains_key(UPGRADE) {
                request.extensions_mut().insert(Held(Arc::clone(&open)));
            }
            let client = if by_proxy {
                let vouched = Vouched::of(request.headers());
                request.extensions_mut().insert(vouched);
                proxies.client(peer, request.headers())
            } else {
                note_unnamed(name, &peer, request.headers());
                peer
            };
            request.extensions_mut().insert(client);
            let known = match fault {
                Some(fault) => Some(malformed(name, fault)),
                None => files.as_ref().and_then(|files| files.answer(&mut request)),
            };
            let answer = match known {
                Some(answer) => Either::Left(ready(Ok(answer))),
                None => Either::Right(router.clone().oneshot(request.map(axum::body::Body::new))),
            };
            let (hsts, alt_svc, stop) = (hsts.clone(), alt_svc.clone(), stop.clone());
            async move {
                let mut answer = answer.await?;
                if let Some(hsts) = hsts {
                    answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, hsts);
                }
                if let Some(alt_svc) = alt_svc {
                    answer.headers_mut().insert(ALT_SVC, alt_svc);
                }
                if ends {
                    strict::end_connection(&mut answer);
                }
                let until = is_event_stream(&answer).then(|| Box::pin(stop.cancelled_owned()));
                Ok::<_, Infallible>(answer.map(|body| AnswerBody { body, _answering: answering, until }))
            }
        })
    };
    let stream = Watched { stream, activity: Arc::clone(&activity) };
    match http {
        Http::One => {
            let connection = http_1(&limits).serve_connection(TokioIo::new(stream), service).with_upgrades();
            let close = |connection: Pin<&mut _>| http1::UpgradeableConnection::graceful_shutdown(connection);
            watch(pin!(connection), close, &server, &activity, &stop).await;
        }
        Http::Two | Http::Either => {
            let (stream, sender) = gather(stream);
            let builder = builder(executor, http, &limits);
            let connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
            let close = |sending: Pin<&mut Sending<_, _>>| {
                auto::Connection::graceful_shutdown(sending.get_mut().connection());
            };
            watch(pin!(Sending::new(connection, sender)), close, &server, &activity, &stop).await;
        }
    }
}

/// Lets a connection run until it ends, is told to, or has done nothing for too long. `close` tells it to end after the
/// requests under way.
async fn watch<C, E>(
    mut connection: Pin<&mut C>,
    close: impl Fn(Pin<&mut C>),
    server: &Server,
    activity: &Activity,
    stop: &CancellationToken,
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
            () = stop.cancelled(), if !draining => {
                draining = true;
                close(connection.as_mut());
            }
            () = tokio::time::sleep(pause) => {
                if watch.is_over(activity.phase(), pause, &limits) {
                    debug!(listener.name = server.name, "a connection was cut: nothing came of it in time");
                    return;
                }
                age += pause;
                if age >= limits.age && !draining {
                    draining = true;
                    close(connection.as_mut());
                }
            }
        }
    }
}

/// Whether an answer goes on until somebody ends it.
pub(super) fn is_event_stream(answer: &Response) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

pub(super) fn malformed(listener: &'static str, fault: &'static str) -> Response {
    metrics::counter!(names::HTTP_MALFORMED.name, "listener" => listener).increment(1);
    debug!(listener.name = listener, "a request was refused: {fault}");
    (StatusCode::BAD_REQUEST, format!("{fault}\n")).into_response()
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
