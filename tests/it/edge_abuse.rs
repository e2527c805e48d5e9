//! Clients that mean harm: requests that two readers understand in two ways, and floods of HTTP/2 frames. Each is ended, and
//! whoever comes meanwhile is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get};
use caspervpn::config::address::Address;
use caspervpn::edge::listener::{Listener, PassedSockets};
use caspervpn::edge::live_limits::{ConnectionLimits, LiveLimits};
use caspervpn::edge::server::Server;
use caspervpn::runtime::clock::SystemClock;
use caspervpn::runtime::tasks::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

/// Frames of one kind that a flood may send before it counts as endured. The peer cuts far earlier.
const FLOOD: usize = 200_000;

struct Site {
    tasks: Tasks,
    at: SocketAddr,
}

fn site() -> Site {
    let limits = ConnectionLimits {
        handshake_timeout: SOON,
        header_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(2),
        age: Duration::from_secs(3600),
        header_bytes: 16_384,
        connections: 100,
        connections_per_address: 100,
    };
    let router = Router::new().route("/", get(|| async { "here" })).route("/any", any(|| async { "any" }));
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

    /// Sends frames until the server ends the connection, and serves somebody else meanwhile.
    async fn flood(&self, opening: &[u8], mut next: impl FnMut(u32) -> Vec<u8> + Send + 'static) {
        let stream = TcpStream::connect(self.at).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        let preface =
            [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(4, 0, 0, &[]), opening].concat();
        to.write_all(&preface).await.unwrap();
        let draining = tokio::spawn(async move { from.read_to_end(&mut Vec::new()).await });
        let flooding = tokio::spawn(async move {
            for number in 0..FLOOD {
                if to.write_all(&next(u32::try_from(number).unwrap())).await.is_err() {
                    return true;
                }
            }
            false
        });
        let other = self.answer(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(other.ends_with("here"), "somebody else is served meanwhile: {other}");
        assert!(timeout(SOON, flooding).await.unwrap().unwrap(), "the server ends a flood");
        drop(draining);
        let after = self.answer(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(after.ends_with("here"), "and afterwards: {after}");
    }

    async fn end(self) {
        self.tasks.drain(SOON).await;
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET /` or `POST /` at `x`, by the static table of RFC 7541.
fn head(method: u8) -> Vec<u8> {
    vec![method, 0x86, 0x84, 0x41, 1, b'x']
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_answered_once_and_nothing_after_it() {
    let site = site();
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
    let site = site();
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
    let site = site();
    site.flood(&[], |number| {
        let stream = number * 2 + 1;
        let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(GET));
        [open, frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
    })
    .await;
    site.end().await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_ended() {
    let site = site();
    let begun = frame(HEADERS, END_STREAM, 1, &head(GET));
    // A header of two bytes' name and value, again and again.
    let more = [0, 1, b'a', 1, b'b'].repeat(200);
    site.flood(&begun, move |_| frame(9, 0, 1, &more)).await;
    site.end().await;
}

#[tokio::test]
async fn a_body_of_empty_frames_is_ended() {
    let site = site();
    let begun = frame(HEADERS, END_HEADERS, 1, &head(POST));
    site.flood(&begun, |_| frame(0, 0, 1, &[])).await;
    site.end().await;
}

#[tokio::test]
async fn settings_without_end_are_ended() {
    let site = site();
    site.flood(&[], |_| frame(4, 0, 0, &[]).repeat(50)).await;
    site.end().await;
}
