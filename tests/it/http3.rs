//! HTTP/3, as a client that means well and one that does not see it.

pub(crate) mod client;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use axum::{Extension, Router};
use caspervpn::edge::live_limits::{ConnectionLimits, LiveLimits};
use caspervpn::edge::peer::Peer;
use caspervpn::edge::quic::QuicSocket;
use caspervpn::edge::secure::Secure;
use caspervpn::edge::server::Server;
use caspervpn::runtime::clock::{Clock as _, SystemClock};
use caspervpn::runtime::tasks::Tasks;
use caspervpn::tls::certificate::ServedCertificate;
use caspervpn::tls::self_signed;
use caspervpn::tls::served::ServedCertificates;
use futures_util::{StreamExt as _, stream};
use http::{StatusCode, header};
use tokio::time::timeout;

use crate::api_house::setup_request;
use crate::namespaces::{Namespace, needs_root};
use crate::service::{Launch, PATIENCE, eventually};
use crate::tls::House;
use client::{Client, SOON, fingerprint, rest, shake};

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_and_the_api_answer_as_they_do_over_tcp() {
    let house = House::new();
    let service = house.launch(&[]).with("tls.http3=true").with("log.access=json").serve();
    service.post("/api/v1/setup", Some(setup_request()));
    let mut client = Client::connect(house.https).await;

    let page = client.ask("GET", "/", &[("accept", "text/html")], b"").await.unwrap();
    let document = client.get("/api/v1/openapi.json").await;
    let head = client.ask("HEAD", "/api/v1/openapi.json", &[], b"").await.unwrap();
    let body = br#"{"login":"nobody","password":"a wrong password"}"#;
    let refused =
        client.ask("POST", "/api/v1/sessions", &[("content-type", "application/json")], body).await.unwrap();

    assert!(page.status == 200 && page.body.contains("<html"), "{page:?}");
    for name in ["content-security-policy", "x-frame-options", "referrer-policy", "date", "x-request-id"] {
        assert!(page.headers.contains_key(name), "{name}: {:?}", page.headers);
    }
    assert!(document.status == 200 && document.body.contains("\"openapi\""));
    assert_eq!(head.headers[header::CONTENT_LENGTH], document.headers[header::CONTENT_LENGTH]);
    assert_eq!((head.body.as_str(), refused.status), ("", StatusCode::UNAUTHORIZED));
    let event = service.get("/api/v1/audit?action=session_create&limit=1");
    assert_eq!(event["items"][0]["source"], "127.0.0.1");
    let figures = service.call("GET", "/metrics", &[], None).body;
    assert!(figures.contains(r#"caspervpn_connections_open{listener="http3"} 1"#), "{figures}");
    assert!(figures.contains(r#"caspervpn_tls_handshakes_total{listener="http3",result="done"} 1"#));
    eventually("the access log", PATIENCE, || service.log().contains(r#""protocol":"HTTP/3.0""#));
    service.stop();
}

#[test]
fn browsers_are_told_of_it_only_while_it_is_on() {
    let house = House::new();
    let told =
        || house.curl_written(&["--insecure"], "localhost", "/livez", "%header{alt-svc}%{http_version}");

    let service = house.launch(&[]).serve();
    assert_eq!(told(), "2");
    assert!(std::net::UdpSocket::bind(house.https).is_ok(), "nobody has the UDP port");
    service.stop();
    let _service = house.launch(&[]).with("tls.http3=true").serve();

    assert_eq!(told(), format!("h3=\":{}\"; ma=86400", house.https.port()) + "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_name_gets_its_certificate_and_a_new_file_counts_without_a_restart() {
    let house = House::new();
    let (a, b) = (house.write("a", "a.example"), house.write("b", "b.example"));
    let service = house.launch(&[&a, &b]).with("tls.http3=true").serve();
    let before = fingerprint(house.https, "b.example").await;
    assert_eq!(before, house.fingerprint(Some("b.example")), "the one of TCP");
    assert_ne!(before, fingerprint(house.https, "a.example").await);

    house.write("b", "b.example");
    service.signal("HUP");
    eventually("the new certificate", PATIENCE, || house.fingerprint(Some("b.example")) != before);

    assert_eq!(fingerprint(house.https, "b.example").await, house.fingerprint(Some("b.example")));
}

#[test]
fn a_port_that_is_taken_is_named_and_a_socket_without_udp_is_refused() {
    let house = House::new();
    let taken = std::net::UdpSocket::bind(house.https).unwrap();

    let (code, log) = house.launch(&[]).with("tls.http3=true").refused();
    assert_eq!(code, Some(75), "{log}");
    assert!(log.contains("tls.http3") && log.contains(&format!("process {}", std::process::id())), "{log}");
    drop(taken);

    let unix = Launch::quiet(&house.directory.path().join("data"))
        .with("listen.https=unix:https.sock")
        .with("tls.http3=true");
    let refused = unix.verb(&["config", "check"]);
    let said =
        String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.status.success() && said.contains("HTTP/3 comes over UDP"), "{said}");
}

#[test]
fn connections_of_one_address_are_counted_over_both_ways_in() {
    needs_root();
    let namespace = Namespace::create("http3");
    namespace.shell("ip addr add 192.0.2.1/24 dev lo; ip addr add 192.0.2.2/24 dev lo");
    let directory = tempfile::tempdir().unwrap();
    let _service = Launch::inside(namespace.name(), directory.path())
        .with("tunnel.backend=off")
        .with("listen.https=192.0.2.1:443")
        .with("tls.http3=true")
        .with("limits.connections_per_address=2")
        .serve();
    let at: SocketAddr = "192.0.2.1:443".parse().unwrap();

    namespace.run(|| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut first = Client::try_from_to("192.0.2.2", at).await.unwrap();
            let _tcp = tokio::net::TcpSocket::new_v4().unwrap();
            _tcp.bind("192.0.2.2:0".parse().unwrap()).unwrap();
            let _tcp = _tcp.connect(at).await.unwrap();
            assert_eq!(first.get("/livez").await.status, 200);

            // The address is known to be the client's only after the handshake, so that ends, and then the connection does.
            let third = shake("192.0.2.2", at, "localhost").await;
            let ended = match third {
                Ok((_endpoint, connection)) => timeout(SOON, connection.closed()).await.unwrap(),
                Err(refused) => refused,
            };

            assert!(ended.to_string().contains("too many connections"), "{ended}");
            assert!(
                Client::try_from_to("192.0.2.1", at).await.is_ok(),
                "another address has places of its own"
            );
            assert_eq!(first.get("/livez").await.status, 200);
        });
    });
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_takes_nothing_more() {
    let site = Site::start(LIMITS);
    let (mut busy, idle) = (Client::connect(site.at).await, Client::connect(site.at).await);
    let mut slow = busy.begin("GET", "/slow", &[]).await.unwrap();
    slow.finish().await.unwrap();
    let mut large = busy.begin("GET", "/large", &[]).await.unwrap();
    large.finish().await.unwrap();
    // Its head has come, so both requests are known.
    let head = large.recv_response().await.unwrap();

    let late = async {
        timeout(SOON, idle.quic.closed()).await.unwrap();
        let again = timeout(Duration::from_secs(2), shake("127.0.0.1", site.at, "localhost")).await;
        again.is_ok_and(|shaken| shaken.is_ok())
    };
    let body = async {
        let (mut length, mut chunks) = (0, 0);
        while let Some(data) = large.recv_data().await.unwrap() {
            (length, chunks) = (length + bytes::Buf::remaining(&data), chunks + 1);
            if chunks % 64 == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        length
    };
    let (drained, answer, length, late) = tokio::join!(site.tasks.drain(SOON), rest(&mut slow), body, late);

    assert!(drained.is_clean(), "{drained:?}");
    assert_eq!(answer.unwrap().body, "done at last");
    assert_eq!((head.status(), length), (StatusCode::OK, LARGE), "no byte of a running answer is lost");
    assert!(!late, "nobody is taken any more");
    assert!(busy.begin("GET", "/greet", &[]).await.is_err());
}

#[tokio::test]
async fn a_stop_ends_streams_of_events_in_good_order_instead_of_waiting_for_them() {
    let site = Site::start(LIMITS);
    let mut client = Client::connect(site.at).await;
    let mut events = client.begin("GET", "/events", &[]).await.unwrap();
    events.finish().await.unwrap();
    events.recv_response().await.unwrap();
    events.recv_data().await.unwrap().expect("the first event");

    let (drained, end) = tokio::join!(site.tasks.drain(SOON), events.recv_data());

    assert!(drained.is_clean(), "{drained:?}");
    assert!(end.unwrap().is_none(), "the stream ends whole");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_whole_one() {
    let site = Site::start(LIMITS);
    let mut client = Client::connect(site.at).await;

    let broken = client.ask("GET", "/broken", &[], b"").await;
    let after = client.get("/greet").await;

    assert!(broken.is_err(), "{broken:?}");
    assert_eq!(after.status, StatusCode::OK, "the connection goes on");
}

#[tokio::test]
async fn a_connection_grown_old_ends_with_a_goodbye_and_its_answers() {
    let site = Site::start(ConnectionLimits { age: Duration::from_millis(300), ..LIMITS });
    let mut client = Client::connect(site.at).await;

    let answer = client.get("/slow").await;

    assert_eq!(answer.body, "done at last", "it took longer than the connection may be old");
    let ended = client.ended().await;
    assert!(ended.contains("H3_NO_ERROR"), "{ended}");

    let mut busy = Client::connect(site.at).await;
    let asking = async { while busy.ask("GET", "/greet", &[], b"").await.is_ok() {} };
    timeout(SOON, asking).await.expect("who asks all the time is told to come again, too");
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_and_whoever_reads_nothing_too() {
    let site = Site::start(ConnectionLimits {
        header_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(600),
        ..LIMITS
    });
    let idle = Client::connect(site.at).await;
    idle.closed().await;

    let mut deaf = Client::connect(site.at).await;
    let mut stream = deaf.begin("GET", "/endless", &[]).await.unwrap();
    stream.finish().await.unwrap();
    let head = stream.recv_response().await.unwrap();
    let before = tokio::time::Instant::now();
    deaf.closed().await;

    assert_eq!(head.status(), 200);
    assert!(before.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_head_too_long_is_refused_and_one_that_never_ends_is_not_kept() {
    let site = Site::start(LIMITS);
    let mut client = Client::connect(site.at).await;
    let long = "y".repeat(9000);
    assert_eq!(client.ask("GET", "/greet", &[("x", &long)], b"").await.unwrap().status, 431);

    for (what, kind) in [("a head", 0x1_u8), ("a frame that nobody knows", 0x21)] {
        let (mut send, _receive) = client.quic.open_bi().await.unwrap();
        // Of a length that no memory has: 2^60 bytes.
        let head = [&[kind][..], &(0xc000_0000_0000_0000_u64 | (1 << 60)).to_be_bytes()].concat();
        send.write_all(&head).await.unwrap();
        let part = vec![0; 64 * 1024];
        let flood = async {
            let mut sent = 0_usize;
            while send.write_all(&part).await.is_ok() {
                sent += part.len();
            }
            sent
        };
        let sent = timeout(SOON, flood).await.unwrap_or_else(|_| panic!("{what} is taken without end"));
        assert!(sent < 4 << 20, "{what}: {sent}");
    }

    assert_eq!(Client::connect(site.at).await.get("/greet").await.status, 200);
}

#[tokio::test]
async fn requests_that_are_none_end_the_connection_when_there_are_many() {
    let site = Site::start(LIMITS);
    let client = Client::connect(site.at).await;

    let flood = async {
        while let Ok((mut send, _receive)) = client.quic.open_bi().await {
            let _ = send.finish();
        }
    };
    timeout(SOON, flood).await.expect("the connection is closed");

    assert_eq!(Client::connect(site.at).await.get("/greet").await.status, 200);
}

#[tokio::test]
async fn a_flood_of_empty_frames_is_ended() {
    let site = Site::start(LIMITS);
    let mut client = Client::connect(site.at).await;
    let mut stream = client.begin("POST", "/echo", &[]).await.unwrap();

    let flood = async {
        let mut sent = 0_u32;
        while stream.send_data(Bytes::new()).await.is_ok() {
            sent += 1;
        }
        sent
    };
    let sent = timeout(PATIENCE, flood).await.expect("it is ended");

    assert!(sent > 1000, "{sent}");
    assert_eq!(Client::connect(site.at).await.get("/greet").await.status, 200);
}

#[tokio::test]
async fn a_body_is_what_its_request_says_and_nothing_is_said_of_connections() {
    let site = Site::start(LIMITS);
    let mut client = Client::connect(site.at).await;
    let large = vec![b'x'; 300_000];

    let echoed = client.ask("POST", "/echo", &[("content-length", "300000")], &large).await.unwrap();
    let short = client.ask("POST", "/echo", &[("content-length", "6")], b"hello").await.unwrap();
    let long = client.ask("POST", "/echo", &[("content-length", "4")], b"hello").await.unwrap();

    assert_eq!(echoed.body.len(), large.len());
    assert_eq!((short.status, long.status), (StatusCode::BAD_REQUEST, StatusCode::BAD_REQUEST));
    for (name, value) in
        [("transfer-encoding", "chunked"), ("connection", "upgrade"), ("content-length", "1e3")]
    {
        let answer = client.ask("GET", "/greet", &[(name, value)], b"").await;
        assert!(
            answer.as_ref().is_ok_and(|answer| answer.status == 400) || answer.is_err(),
            "{name}: {answer:?}"
        );
    }
    assert!(client.get("/greet").await.body.contains("Tcp(127.0.0.1:"));
}

#[tokio::test]
async fn a_client_that_wants_no_answer_any_more_ends_the_work_for_it() {
    let site = Site::start(LIMITS);
    let mut client = Client::connect(site.at).await;
    let mut stream = client.begin("GET", "/never", &[]).await.unwrap();
    stream.finish().await.unwrap();
    tokio::time::timeout(SOON, site.began.notified()).await.unwrap();

    stream.stop_sending(h3::error::Code::H3_REQUEST_CANCELLED);

    tokio::time::timeout(SOON, site.ended.notified()).await.expect("the handler is dropped");
}

struct Site {
    tasks: Tasks,
    at: SocketAddr,
    began: Arc<tokio::sync::Notify>,
    ended: Arc<tokio::sync::Notify>,
}

/// Tells when it is dropped.
struct Ending(Arc<tokio::sync::Notify>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Site {
    fn start(limits: ConnectionLimits) -> Self {
        let (began, ended) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
        let told = (Arc::clone(&began), Arc::clone(&ended));
        let never = async move || {
            let _ending = Ending(Arc::clone(&told.1));
            told.0.notify_one();
            std::future::pending::<&'static str>().await
        };
        let megabyte = Bytes::from(vec![b'x'; 1 << 20]);
        let endless = async move || {
            Body::from_stream(stream::repeat_with(move || Ok::<_, io::Error>(megabyte.clone())))
        };
        let events = async || {
            let first = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"data: 1\n\n"))]);
            let kind = [(header::CONTENT_TYPE, "text/event-stream")];
            (kind, Body::from_stream(first.chain(stream::pending())))
        };
        let broken = async || {
            let first = stream::iter([Bytes::from_static(b"the first half")]);
            let then =
                stream::once(async { std::iter::empty::<Bytes>().next().expect("a body that panics") });
            Body::from_stream(first.chain(then).map(Ok::<_, io::Error>))
        };
        let slow = async || {
            tokio::time::sleep(Duration::from_millis(700)).await;
            "done at last"
        };
        let router = Router::new()
            .route("/greet", get(async |Extension(peer): Extension<Peer>| format!("{peer:?}")))
            .route("/echo", post(async |body: Bytes| body))
            .route("/slow", get(slow))
            .route("/large", get(async || vec![b'x'; LARGE]))
            .route("/endless", get(endless))
            .route("/events", get(events))
            .route("/broken", get(broken))
            .route("/never", get(never));
        let clock = Arc::new(SystemClock::new());
        let pair = self_signed::make(vec!["localhost".to_owned()], clock.now()).unwrap();
        let certificates = ServedCertificates::default();
        let own = ServedCertificate::from_pem(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap();
        certificates.set(&[own], clock.now());
        let tasks = Tasks::current(clock);
        let at = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = QuicSocket::open(at).unwrap();
        let secure = Secure::new(certificates, 0).unwrap();
        Server::new("test", router, LiveLimits::new(limits)).start_quic(&tasks, socket, secure).unwrap();
        Self { tasks, at, began, ended }
    }
}

/// More than fits on its way at once.
const LARGE: usize = 3 << 20;

const LIMITS: ConnectionLimits = ConnectionLimits {
    handshake_timeout: Duration::from_secs(5),
    header_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(5),
    age: Duration::from_secs(3600),
    header_bytes: 8192,
    connections: 100,
    connections_per_address: 100,
};
