//! One request over HTTP/3, and its answer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use bytes::Buf as _;
use futures_util::FutureExt as _;
use h3::error::Code;
use h3::server::{RequestResolver, RequestStream};
use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, HeaderName, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use time::OffsetDateTime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::debug;

use crate::domain::time::Timestamp;
use crate::edge::activity::Activity;
use crate::edge::exchange::{Asker, is_event_stream, malformed};
use crate::edge::http3::transport::{Arrival, Meter, Receiving, Sending, Transport};
use crate::edge::server::Server;
use crate::edge::strict;
use crate::runtime::clock::Clock;

/// What answers the requests of one connection.
pub(super) struct Desk {
    pub(super) server: Server,
    pub(super) asker: Asker,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) quic: quinn::Connection,
    pub(super) activity: Arc<Activity>,
    /// That the service stops.
    pub(super) stop: CancellationToken,
    /// Requests without a head that could be read.
    pub(super) faults: AtomicU32,
}

/// The client took nothing for as long as a connection may be idle, or is gone.
struct Cut;

impl Desk {
    /// Reads a request, answers it, and waits until the answer has arrived.
    pub(super) async fn answer(&self, resolver: RequestResolver<Transport, Bytes>, arrival: Arrival) {
        let Arrival { meter, mut done } = arrival;
        let limits = self.server.limits.now();
        let Ok(Ok((request, stream))) = timeout(limits.header_timeout, resolver.resolve_request()).await
        else {
            self.faults.fetch_add(1, Ordering::Relaxed);
            debug!(
                listener.name = self.server.name,
                "a request was refused: its head is too long, too late or none"
            );
            return;
        };
        let answering = self.activity.begin(true);
        let (stream, receiving) = stream.split();
        let mut sending = UnderWay { stream, is_whole: false };
        let has_body = *request.method() != Method::HEAD;
        let body = IncomingBody::of(request.headers(), receiving, meter);
        let answer = tokio::select! {
            biased;
            () = &mut done => return,
            answer = self.respond(request, body) => answer,
        };
        let sent = tokio::select! {
            biased;
            () = &mut done => return,
            sent = self.send(&mut sending.stream, answer, has_body) => sent,
        };
        sending.is_whole = sent.is_ok() && self.in_time(done).await.is_ok();
        drop(answering);
    }

    async fn respond(&self, request: Request<()>, body: IncomingBody) -> Response {
        let Server { name, router, passing, .. } = &self.server;
        if let Some(fault) = strict::fault(&request).or_else(|| strict::fault_of_http3(request.headers())) {
            return malformed(name, fault);
        }
        let mut request = request;
        self.asker.sign(&mut request, &self.server);
        let body = body.begun();
        let request = request.map(|()| body);
        let mut answer = match passing.clone().filter(|passing| passing.takes(&request)) {
            Some(passing) => passing.pass(request).await.map(Body::new),
            None => {
                let Ok(answer) = router.clone().oneshot(request).await;
                answer
            }
        };
        if let Some(hsts) = &self.asker.hsts {
            answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        answer
    }

    async fn send(
        &self,
        sending: &mut RequestStream<Sending, Bytes>,
        answer: Response,
        has_body: bool,
    ) -> Result<(), Cut> {
        let is_endless = is_event_stream(&answer);
        let (mut parts, mut body) = answer.into_parts();
        let is_bare = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        // What a HEAD would have been answered with is known only where a handler has said so.
        let length = body.size_hint().exact().filter(|length| !is_bare && (has_body || *length > 0));
        finish_head(&mut parts.headers, length, self.clock.now());
        self.in_time(sending.send_response(Response::from_parts(parts, ()))).await?.map_err(|_| Cut)?;
        if has_body && !is_bare {
            while let Some(frame) = self.next_frame(&mut body, is_endless).await {
                match frame.map_err(|_| Cut)?.into_data() {
                    Ok(data) => self.in_time(sending.send_data(data)).await?.map_err(|_| Cut)?,
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            self.in_time(sending.send_trailers(trailers)).await?.map_err(|_| Cut)?;
                        }
                    }
                }
            }
        }
        self.in_time(sending.finish()).await?.map_err(|_| Cut)
    }

    /// The next part of an answer. A stream of events has no end of its own that a stop could wait for.
    async fn next_frame(
        &self,
        body: &mut Body,
        is_endless: bool,
    ) -> Option<Result<Frame<Bytes>, axum::Error>> {
        tokio::select! {
            biased;
            () = self.stop.cancelled(), if is_endless => None,
            frame = body.frame() => frame,
        }
    }

    /// Waits for a step of sending as long as something is sent at all.
    async fn in_time<T>(&self, step: impl Future<Output = T>) -> Result<T, Cut> {
        let mut step = pin!(step);
        loop {
            let before = self.quic.stats().udp_tx.bytes;
            if let Ok(result) = timeout(self.server.limits.now().idle_timeout, &mut step).await {
                return Ok(result);
            }
            if self.quic.stats().udp_tx.bytes.saturating_sub(before) < SLOWEST_BYTES {
                return Err(Cut);
            }
        }
    }
}

/// An answer on its way. Dropped half-way, as by a panic, it is cut: quinn would end it in good order, and half an answer would pass
/// for a whole one.
struct UnderWay {
    stream: RequestStream<Sending, Bytes>,
    is_whole: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.is_whole {
            self.stream.stop_stream(Code::H3_REQUEST_CANCELLED);
        }
    }
}

/// A request's body as it arrives.
struct IncomingBody {
    stream: RequestStream<Receiving, Bytes>,
    meter: Arc<Meter>,
    /// What is still to come, where the request has said how much there is.
    left: Option<u64>,
    /// Read before anybody asked for it.
    first: Option<Option<Bytes>>,
}

/// A body that is not what its request says, or did not arrive.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("the body is longer or shorter than the request's content-length says")]
    Length,
    #[error("the body did not arrive")]
    Lost(#[source] h3::error::StreamError),
}

impl IncomingBody {
    fn of(headers: &HeaderMap, stream: RequestStream<Receiving, Bytes>, meter: Arc<Meter>) -> Self {
        let left = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { stream, meter, left, first: None }
    }

    /// Mostly there is none, and its end has come with the head: then that is known from the beginning.
    fn begun(mut self) -> Body {
        match poll_fn(|cx| self.poll_chunk(cx)).now_or_never() {
            Some(Ok(None)) => Body::empty(),
            Some(Ok(first)) => {
                self.first = Some(first);
                Body::new(self)
            }
            Some(Err(cause)) => {
                Body::from_stream(futures_util::stream::once(async { Err::<Bytes, _>(cause) }))
            }
            None => Body::new(self),
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        let read = std::task::ready!(self.stream.poll_recv_data(cx)).map_err(BodyError::Lost)?;
        let Some(mut data) = read else {
            // RFC 9114 §4.1.2: otherwise what follows here would be another request to a reader behind us.
            let is_whole = self.left.is_none_or(|left| left == 0);
            return Poll::Ready(if is_whole { Ok(None) } else { Err(BodyError::Length) });
        };
        let data = data.copy_to_bytes(data.remaining());
        self.meter.credit(data.len());
        if let Some(left) = self.left {
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            self.left = Some(left.checked_sub(length).ok_or(BodyError::Length)?);
        }
        Poll::Ready(Ok(Some(data)))
    }
}

impl HttpBody for IncomingBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let chunk = match self.first.take() {
            Some(first) => Ok(first),
            None => std::task::ready!(self.poll_chunk(cx)),
        };
        Poll::Ready(chunk.transpose().map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.first.iter().flatten().map(Bytes::len).sum::<usize>();
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        self.left.map_or_else(SizeHint::new, |left| SizeHint::with_exact(left.saturating_add(read)))
    }
}

/// What hyper does for the other versions: the date (RFC 9110 §6.6.1), the length where it is known, and nothing that is about
/// a connection (RFC 9114 §4.2).
fn finish_head(headers: &mut HeaderMap, length: Option<u64>, now: Timestamp) {
    for name in &OF_ONE_HOP {
        headers.remove(name);
    }
    if let Some(length) = length
        && !headers.contains_key(CONTENT_LENGTH)
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(date) = http_date(now).filter(|_| !headers.contains_key(DATE)) {
        headers.insert(DATE, date);
    }
}

/// RFC 9110 §5.6.7.
fn http_date(at: Timestamp) -> Option<HeaderValue> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = OffsetDateTime::from_unix_timestamp(at.as_seconds()).ok()?;
    let day = DAYS.get(usize::from(at.weekday().number_days_from_monday()))?;
    let month = MONTHS.get(usize::from(u8::from(at.month())).checked_sub(1)?)?;
    let (hour, minute, second) = at.to_hms();
    let text = format!("{day}, {:02} {month} {} {hour:02}:{minute:02}:{second:02} GMT", at.day(), at.year());
    HeaderValue::try_from(text).ok()
}

const OF_ONE_HOP: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Less than this in the time that a connection may be idle is no progress: acknowledgements of a client that asks only whether we
/// are still there make up a few kilobytes.
const SLOWEST_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::finish_head;
    use crate::domain::time::Timestamp;
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn a_head_says_when_and_how_long_and_nothing_of_a_connection() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));

        finish_head(&mut headers, Some(5), Timestamp::from_millis(784_111_777_000));

        assert_eq!(headers[header::DATE], "Sun, 06 Nov 1994 08:49:37 GMT", "the example of RFC 9110");
        assert_eq!(headers[header::CONTENT_LENGTH], "5");
        assert_eq!(headers.len(), 2);
    }
}
