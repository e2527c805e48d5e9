//! QUIC streams as the protocol's library takes them.
//!
//! Invariant: no more of a stream is read than may be kept. The library collects frames of every kind but bodies whole, however
//! long they say they are; so what arrives is counted here, and bodies are credited as they are passed on.

use std::convert::TryFrom;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use bytes::Buf as _;
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use quinn::{ConnectionError, ReadError, VarInt, WriteError};

/// What is under way to become a stream.
type Opening<T> = Option<Pin<Box<dyn Future<Output = Result<T, ConnectionError>> + Send>>>;

/// Both directions, as QUIC has them.
type Pair = (quinn::SendStream, quinn::RecvStream);

/// A connection.
pub(super) struct Transport {
    opener: Opener,
    accepting_bidi: Opening<Pair>,
    accepting_uni: Opening<quinn::RecvStream>,
    /// Of all streams that are not requests, together.
    control: Arc<Meter>,
    head_bytes: u64,
    desk: Arc<Accepted>,
}

#[derive(Default)]
struct Accepted {
    latest: Mutex<Option<Arrival>>,
    refuses: AtomicBool,
}

/// What is known of a request's stream besides what the library tells.
pub(super) struct Arrival {
    /// How much of it may still be read.
    pub(super) meter: Arc<Meter>,
    /// Ends when the client wants no answer any more, or has all of it.
    pub(super) done: Done,
}

/// Ends when a stream's last byte has arrived, or the client does not want it.
pub(super) type Done = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells of the streams that were accepted.
pub(super) struct Arrivals(Arc<Accepted>);

impl Arrivals {
    /// The one of the request that was accepted last.
    pub(super) fn take(&self) -> Option<Arrival> {
        self.0.latest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes no more requests. Their clients may send them elsewhere: RFC 9114 §4.1.1.
    pub(super) fn refuse(&self) {
        self.0.refuses.store(true, Ordering::Release);
    }
}

/// How much of a stream may still be read.
pub(super) struct Meter {
    left: AtomicU64,
    most: u64,
}

impl Meter {
    fn of(most: u64) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(most), most })
    }

    fn charge(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let less = |left: u64| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    /// So much of it was a body's and has been passed on. For frames that hold nothing there is nothing back.
    pub(super) fn credit(&self, body_bytes: usize) {
        let back = u64::try_from(body_bytes).unwrap_or(0) + FRAME_HEAD;
        let more = |left: u64| Some((left + back).min(self.most));
        // There is always a number to write, so it always comes to it.
        let _ = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
    }
}

impl Transport {
    /// `head_bytes` is how long a request's head may be.
    pub(super) fn new(quic: quinn::Connection, head_bytes: u32) -> (Self, Arrivals) {
        let desk = Arc::new(Accepted::default());
        let transport = Self {
            opener: Opener { quic, opening_bidi: None, opening_uni: None },
            accepting_bidi: None,
            accepting_uni: None,
            control: Meter::of(CONTROL_BYTES),
            // A head is shorter on its way than when it is counted by RFC 9114 §4.2.2.
            head_bytes: u64::from(head_bytes) + READ_AHEAD,
            desk: Arc::clone(&desk),
        };
        (transport, Arrivals(desk))
    }
}

impl quic::Connection<Bytes> for Transport {
    type RecvStream = Receiving;
    type OpenStreams = Opener;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::RecvStream, ConnectionErrorIncoming>> {
        let quic = &self.opener.quic;
        let accepting = self.accepting_uni.get_or_insert_with(|| {
            let quic = quic.clone();
            Box::pin(async move { quic.accept_uni().await })
        });
        let accepted = ready!(accepting.as_mut().poll(cx));
        self.accepting_uni = None;
        let stream = accepted.map_err(connection_error)?;
        Poll::Ready(Ok(Receiving { stream, meter: Arc::clone(&self.control) }))
    }

    fn poll_accept_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, ConnectionErrorIncoming>> {
        loop {
            let quic = &self.opener.quic;
            let accepting = self.accepting_bidi.get_or_insert_with(|| {
                let quic = quic.clone();
                Box::pin(async move { quic.accept_bi().await })
            });
            let accepted = ready!(accepting.as_mut().poll(cx));
            self.accepting_bidi = None;
            let mut both = Both::new(accepted.map_err(connection_error)?, Meter::of(self.head_bytes));
            if self.desk.refuses.load(Ordering::Acquire) {
                both.receiving.stop(Code::H3_REQUEST_REJECTED.value());
                both.sending.end_by(Code::H3_REQUEST_REJECTED.value());
                continue;
            }
            let arrival = Arrival { meter: Arc::clone(&both.receiving.meter), done: both.sending.done() };
            *self.desk.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(arrival);
            return Poll::Ready(Ok(both));
        }
    }

    fn opener(&self) -> Self::OpenStreams {
        self.opener.clone()
    }
}

impl quic::OpenStreams<Bytes> for Transport {
    type BidiStream = Both;
    type SendStream = Sending;

    fn poll_open_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, StreamErrorIncoming>> {
        self.opener.poll_open_bidi(cx)
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::SendStream, StreamErrorIncoming>> {
        self.opener.poll_open_send(cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.opener.close(code, reason);
    }
}

/// Opens streams of ours.
pub(super) struct Opener {
    quic: quinn::Connection,
    opening_bidi: Opening<Pair>,
    opening_uni: Opening<quinn::SendStream>,
}

impl Clone for Opener {
    fn clone(&self) -> Self {
        Self { quic: self.quic.clone(), opening_bidi: None, opening_uni: None }
    }
}

impl quic::OpenStreams<Bytes> for Opener {
    type BidiStream = Both;
    type SendStream = Sending;

    fn poll_open_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, StreamErrorIncoming>> {
        let quic = &self.quic;
        let opening = self.opening_bidi.get_or_insert_with(|| {
            let quic = quic.clone();
            Box::pin(async move { quic.open_bi().await })
        });
        let opened = ready!(opening.as_mut().poll(cx));
        self.opening_bidi = None;
        Poll::Ready(opened.map(|pair| Both::new(pair, Meter::of(CONTROL_BYTES))).map_err(lost))
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::SendStream, StreamErrorIncoming>> {
        let quic = &self.quic;
        let opening = self.opening_uni.get_or_insert_with(|| {
            let quic = quic.clone();
            Box::pin(async move { quic.open_uni().await })
        });
        let opened = ready!(opening.as_mut().poll(cx));
        self.opening_uni = None;
        Poll::Ready(opened.map(|stream| Sending { stream, writing: None }).map_err(lost))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.quic.close(number(code.value()), reason);
    }
}

/// A stream in both directions.
pub(super) struct Both {
    sending: Sending,
    receiving: Receiving,
}

impl Both {
    fn new((sending, receiving): Pair, meter: Arc<Meter>) -> Self {
        Self {
            sending: Sending { stream: sending, writing: None },
            receiving: Receiving { stream: receiving, meter },
        }
    }
}

impl quic::BidiStream<Bytes> for Both {
    type SendStream = Sending;
    type RecvStream = Receiving;

    fn split(self) -> (Self::SendStream, Self::RecvStream) {
        (self.sending, self.receiving)
    }
}

impl quic::RecvStream for Both {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.receiving.poll_data(cx)
    }

    fn stop_sending(&mut self, error_code: u64) {
        self.receiving.stop(error_code);
    }

    fn recv_id(&self) -> StreamId {
        self.receiving.recv_id()
    }
}

impl quic::SendStream<Bytes> for Both {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.sending.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.sending.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.sending.poll_finish(cx)
    }

    fn reset(&mut self, reset_code: u64) {
        self.sending.end_by(reset_code);
    }

    fn send_id(&self) -> StreamId {
        self.sending.send_id()
    }
}

/// What comes from the client.
pub(super) struct Receiving {
    stream: quinn::RecvStream,
    meter: Arc<Meter>,
}

impl Receiving {
    fn stop(&mut self, code: u64) {
        // One that has ended cannot be stopped, and need not.
        drop(self.stream.stop(number(code)));
    }
}

impl quic::RecvStream for Receiving {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        let read = pin!(self.stream.read_chunk(usize::MAX, true)).poll(cx);
        let Some(chunk) = ready!(read).map_err(read_error)? else { return Poll::Ready(Ok(None)) };
        if !self.meter.charge(chunk.bytes.len()) {
            let error_code = Code::H3_EXCESSIVE_LOAD.value();
            self.stop(error_code);
            return Poll::Ready(Err(StreamErrorIncoming::StreamTerminated { error_code }));
        }
        Poll::Ready(Ok(Some(chunk.bytes)))
    }

    fn stop_sending(&mut self, error_code: u64) {
        self.stop(error_code);
    }

    fn recv_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        // Whatever is not read is not needed: RFC 9114 §4.1.
        self.stop(Code::H3_NO_ERROR.value());
    }
}

/// What goes to the client.
pub(super) struct Sending {
    stream: quinn::SendStream,
    writing: Option<WriteBuf<Bytes>>,
}

impl Sending {
    fn end_by(&mut self, code: u64) {
        drop(self.stream.reset(number(code)));
    }

    fn done(&self) -> Done {
        let stopped = self.stream.stopped();
        Box::pin(async move { drop(stopped.await) })
    }
}

impl quic::SendStream<Bytes> for Sending {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        if let Some(data) = &mut self.writing {
            while data.has_remaining() {
                let written = Pin::new(&mut self.stream).poll_write(cx, data.chunk());
                data.advance(ready!(written).map_err(write_error)?);
            }
        }
        self.writing = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.writing.is_some() {
            return Err(StreamErrorIncoming::ConnectionErrorIncoming {
                connection_error: ConnectionErrorIncoming::InternalError("sent before it was ready".into()),
            });
        }
        self.writing = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        Poll::Ready(self.stream.finish().map_err(|cause| StreamErrorIncoming::Unknown(Box::new(cause))))
    }

    fn reset(&mut self, reset_code: u64) {
        self.end_by(reset_code);
    }

    fn send_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

fn number(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}

#[expect(clippy::expect_used, reason = "both libraries count streams to 2^62")]
fn stream_id(id: quinn::StreamId) -> StreamId {
    StreamId::try_from(u64::from(id)).expect("a number of a stream")
}

fn connection_error(cause: ConnectionError) -> ConnectionErrorIncoming {
    match cause {
        ConnectionError::ApplicationClosed(closed) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: closed.error_code.into_inner() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::Reset
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => ConnectionErrorIncoming::Undefined(Arc::new(cause)),
    }
}

fn lost(cause: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: connection_error(cause) }
}

fn read_error(cause: ReadError) -> StreamErrorIncoming {
    match cause {
        ReadError::Reset(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() },
        ReadError::ConnectionLost(cause) => lost(cause),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            StreamErrorIncoming::Unknown(Box::new(cause))
        }
    }
}

fn write_error(cause: WriteError) -> StreamErrorIncoming {
    match cause {
        WriteError::Stopped(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() },
        WriteError::ConnectionLost(cause) => lost(cause),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            StreamErrorIncoming::Unknown(Box::new(cause))
        }
    }
}

/// For settings and priorities of a whole connection: a browser writes some thirty bytes for each request that it would rather
/// have earlier or later.
const CONTROL_BYTES: u64 = 1 << 20;

/// What may be read of a body, in packets, before it is passed on.
const READ_AHEAD: u64 = 16 * 1024;

/// What is given back for a frame's head, which has two to sixteen bytes: RFC 9114 §7.1.
const FRAME_HEAD: u64 = 16;
