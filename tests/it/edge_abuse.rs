//! Clients that mean harm: requests that two readers understand in two ways, and floods of HTTP/2 frames. Each is ended, or
//! waits until the flood reads what it is owed, and whoever comes meanwhile is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{any, get, post};
use caspervpn::config::address::Address;
use caspervpn::edge::listener::{Listener, PassedSockets};
use caspervpn::edge::live_limits::{ConnectionLimits, LiveLimits};
use caspervpn::edge::server::Server;
use caspervpn::runtime::clock::SystemClock;
use caspervpn::runtime::tasks::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

/// A time to be quiet that ends a connection while a test waits.
const SHORT: Duration = Duration::from_secs(2);

/// One that is far above the wait, so that nothing but the protocol's own defence can end a connection.
const LONG: Duration = Duration::from_secs(3600);

struct Site {
    tasks: Tasks,
    at: SocketAddr,
}

/// Whose clients may be quiet for so long.
fn site(quiet: Duration) -> Site {
    let limits = ConnectionLimits {
        handshake_timeout: SOON,
        header_timeout: quiet,
        idle_timeout: quiet,
        age: Duration::from_secs(3600),
        header_bytes: 16_384,
        connections: 100,
        connections_per_address: 100,
    };
    let router = Router::new()
        .route("/", get(|| async { "here" }))
        .route("/any", any(|| async { "any" }))
        .route("/read", post(|body: Bytes| async move { body.len().to_string() }));
    let tasks = Tasks::current(Arc::new(SystemClock::new()));
    let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = Listener::open(&address, 0o600, &mut PassedSockets::none()).unwrap();
    let at = listener.local_addr().unwrap();
    Server::new("test", router, LiveLimits::new(limits)).with_http2().start(&tasks, listener);
    Site { tasks, at }
}

impl Site {
    /// All that comes back for these bytes until the connection ends, which it does by itself.
    async fn answer(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(SOON, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection stays open after {:?}", String::from_utf8_lossy(bytes));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A connection that speaks HTTP/2, with these frames as its first.
    async fn open(&self, frames: &[u8]) -> (OwnedReadHalf, OwnedWriteHalf) {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &[]), frames];
        stream.write_all(&preface.concat()).await.unwrap();
        stream.into_split()
    }

    /// Sends frames until the server ends the connection, and serves somebody else meanwhile. The code of its GOAWAY, if it
    /// said one.
    async fn flood(
        &self,
        opening: &[u8],
        mut next: impl FnMut(u32) -> Vec<u8> + Send + 'static,
    ) -> Option<u32> {
        let (mut from, mut to) = self.open(opening).await;
        let reading = tokio::spawn(async move {
            let mut said = Vec::new();
            // The end may be a reset, after what was said.
            let _ = from.read_to_end(&mut said).await;
            said
        });
        let flooding = tokio::spawn(async move {
            let mut number = 0;
            while to.write_all(&next(number)).await.is_ok() {
                number += 1;
            }
        });
        self.serves_others().await;
        assert!(timeout(SOON, flooding).await.is_ok(), "the server ends a flood");
        let said = timeout(SOON, reading).await.unwrap().unwrap();
        self.serves_others().await;
        frames(&said).find(|(kind, ..)| *kind == GOAWAY).map(|(_, _, payload)| code(payload))
    }

    async fn serves_others(&self) {
        let other = self.answer(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(other.ends_with("here"), "somebody else is served: {other}");
    }

    async fn end(self) {
        self.tasks.drain(SOON).await;
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Kind, flags and payload of each whole frame.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (u8, u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_at_checked(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (payload, rest) = rest.split_at_checked(usize::try_from(length).unwrap())?;
        bytes = rest;
        Some((head[3], head[4], payload))
    })
}

/// Of a GOAWAY, behind the last stream that was taken.
fn code(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[4..8].try_into().unwrap())
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
/// What no server knows it may not mind: RFC 9113 §4.1.
const UNKNOWN: u8 = 0x7f;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A request of `x` for this path, by the static table of RFC 7541.
fn head(method: u8, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    [&[method, 0x86, 0x41, 1, b'x', 0x04, length], path.as_bytes()].concat()
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_answered_once_and_nothing_after_it() {
    let site = site(SHORT);
    let smuggled = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for (what, request, status) in [
        (
            "a length and a coding",
            "POST /any HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "200",
        ),
        (
            "the same the other way",
            "POST /any HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
            "200",
        ),
        (
            "two lengths",
            "POST /any HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 6\r\n\r\n",
            "400",
        ),
        ("a length with a sign", "POST /any HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n", "400"),
        (
            "an unknown coding",
            "POST /any HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "a coding after chunked",
            "POST /any HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "a coding in HTTP/1.0",
            "POST /any HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        ("a space before the colon", "POST /any HTTP/1.1\r\nHost: x\r\nContent-Length : 6\r\n\r\n", "400"),
        ("a folded line", "GET /any HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n", "400"),
        ("a bare CR in a value", "GET /any HTTP/1.1\r\nHost: x\rX-A: b\r\n\r\n", "400"),
        ("two hosts", "GET /any HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
        ("no host", "GET /any HTTP/1.1\r\n\r\n", "400"),
        ("a host in the target and another", "GET http://y/any HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("a target that is no path", "GET any HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ] {
        let answer = site.answer(format!("{request}{smuggled}").as_bytes()).await;

        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} "))
                || answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{what}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{what}: {answer}");
    }
    site.end().await;
}

#[tokio::test]
async fn a_chunk_whose_size_is_no_size_ends_the_connection() {
    let site = site(SHORT);
    for size in ["fffffffffffffffff", "-1", "0x1", "1 1", ""] {
        let request =
            format!("POST /any HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n");
        let answer = site.answer(format!("{request}GET / HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;

        assert!(!answer.contains("here"), "{size:?}: {answer}");
    }
    site.end().await;
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_without_end_are_ended() {
    let site = site(LONG);
    let code = site
        .flood(&[], |number| {
            let stream = number * 2 + 1;
            let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(GET, "/"));
            [open, frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
        })
        .await;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    site.end().await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_ended() {
    let site = site(LONG);
    let begun = frame(HEADERS, END_STREAM, 1, &head(GET, "/"));
    // A header of two bytes' name and value, again and again.
    let more = [0, 1, b'a', 1, b'b'].repeat(200);
    let code = site.flood(&begun, move |_| frame(CONTINUATION, 0, 1, &more)).await;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    site.end().await;
}

#[tokio::test]
async fn a_body_of_empty_frames_is_ended() {
    let site = site(LONG);
    // Somebody reads it: a body that nobody wants is reset, whatever comes of it.
    let begun = frame(HEADERS, END_HEADERS, 1, &head(POST, "/read"));
    let code = site.flood(&begun, |_| frame(DATA, 0, 1, &[])).await;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    site.end().await;
}

/// Each is answered, which the protocol asks for; whoever floods and asks nothing has the time that others have for a head.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn settings_and_pings_without_end_are_ended_with_the_time_to_ask_something() {
    let site = site(SHORT);
    for one in [frame(SETTINGS, 0, 0, &[]), frame(PING, 0, 0, &[0; 8]), frame(UNKNOWN, 0, 0, &[0; 8])] {
        // So many at once that there are always more to read.
        let many = one.repeat(20_000);
        let code = site.flood(&[], move |_| many.clone()).await;
        assert_eq!(code, None, "nothing is wrong with them but that they are all");
    }
    site.end().await;
}

/// Nothing but that keeps the answers from growing without end, as the protocol has no limit of their number.
#[tokio::test]
async fn settings_and_pings_are_taken_no_faster_than_their_answers_are_read() {
    let site = site(LONG);
    for (kind, payload) in [(SETTINGS, &[][..]), (PING, &[0; 8])] {
        let one = frame(kind, 0, 0, payload);
        let many = one.repeat(1000);
        let (mut from, mut to) = site.open(&[]).await;
        let mut sent = 0;
        while let Ok(count) = timeout(STALLED, to.write(&many[sent % many.len()..])).await {
            sent += count.unwrap();
            assert!(sent < MOST_UNDER_WAY, "what nobody reads the answers of is taken without end");
        }
        site.serves_others().await;

        let owed = sent / one.len() + usize::from(kind == SETTINGS);
        let mut said = Vec::new();
        let reading = async {
            let is_answer = |it: &(u8, u8, &[u8])| (it.0, it.1) == (kind, ACK);
            // An answer is as long as what it answers, so there is nothing to count before.
            while said.len() < owed * one.len() || frames(&said).filter(is_answer).count() < owed {
                assert!(from.read_buf(&mut said).await.unwrap() > 0, "the connection lasts");
            }
        };
        assert!(timeout(SOON, reading).await.is_ok(), "every answer is there for whoever reads it");
    }
    site.end().await;
}

/// A flood that cannot send anything for so long is held up.
const STALLED: Duration = Duration::from_secs(2);

/// More than the kernel's buffers of a connection hold, in bytes: tcp(7) has 6 MiB to receive by itself, newer kernels 32 MiB,
/// and 4 MiB to send.
const MOST_UNDER_WAY: usize = 64 << 20;
