//! What clients that mean well, and those that do not, see of a listener.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};
use caspervpn::config::address::Address;
use caspervpn::domain::id::RequestId;
use caspervpn::edge::listener::{ListenError, Listener, PassedSockets};
use caspervpn::edge::live_limits::{ConnectionLimits, LiveLimits};
use caspervpn::edge::observe::observe;
use caspervpn::edge::peer::Peer;
use caspervpn::edge::server::Server;
use caspervpn::runtime::clock::SystemClock;
use caspervpn::runtime::tasks::Tasks;
use futures_util::stream;
use http::Request;
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(10);

const LIMITS: ConnectionLimits = ConnectionLimits {
    handshake_timeout: Duration::from_secs(5),
    header_timeout: Duration::from_millis(400),
    idle_timeout: Duration::from_millis(800),
    age: Duration::from_secs(3600),
    header_bytes: 8192,
    connections: 4096,
    connections_per_address: 4096,
};

struct Site {
    tasks: Tasks,
    at: SocketAddr,
}

async fn greet(Extension(peer): Extension<Peer>, Extension(id): Extension<RequestId>) -> String {
    format!("{peer:?} {id}")
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(300)).await;
    "done at last"
}

async fn broken() -> &'static str {
    panic!("the handler breaks")
}

async fn endless() -> Body {
    let megabyte = Bytes::from(vec![b'x'; 1 << 20]);
    Body::from_stream(stream::repeat_with(move || Ok::<_, io::Error>(megabyte.clone())))
}

async fn large() -> Vec<u8> {
    vec![b'x'; LARGE]
}

/// More than the buffers of two sockets take.
const LARGE: usize = 32 << 20;

async fn events() -> impl IntoResponse {
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(stream::pending::<Result<Bytes, io::Error>>()),
    )
}

fn router() -> Router {
    let router = Router::new()
        .route("/large", get(large))
        .route("/events", get(events))
        .route("/greet", get(greet))
        .route("/slow", get(slow))
        .route("/broken", get(broken))
        .route("/endless", get(endless));
    observe(router, "test", Arc::new(SystemClock::new()), None)
}

fn serve(address: &Address, limits: ConnectionLimits) -> (Tasks, Option<SocketAddr>) {
    let tasks = Tasks::current(Arc::new(SystemClock::new()));
    let listener = Listener::open(address, 0o600, &mut PassedSockets::none()).unwrap();
    let at = listener.local_addr();
    Server::new("test", router(), LiveLimits::new(limits)).start(&tasks, listener);
    (tasks, at)
}

fn site(limits: ConnectionLimits) -> Site {
    let (tasks, at) = serve(&Address::Tcp("127.0.0.1:0".parse().unwrap()), limits);
    Site { tasks, at: at.unwrap() }
}

/// A listener that takes HTTP/2 as well.
fn serve_http2(limits: ConnectionLimits) -> (Tasks, SocketAddr) {
    let tasks = Tasks::current(Arc::new(SystemClock::new()));
    let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = Listener::open(&address, 0o600, &mut PassedSockets::none()).unwrap();
    let at = listener.local_addr().unwrap();
    Server::new("test", router(), LiveLimits::new(limits)).with_http2().start(&tasks, listener);
    (tasks, at)
}

fn request(path: &str) -> Request<String> {
    Request::get(format!("http://test{path}")).body(String::new()).unwrap()
}

impl Site {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = self.connect().await;
        ask(&mut stream, path, "connection: close\r\n").await;
        rest(&mut stream).await
    }
}

async fn ask(stream: &mut TcpStream, path: &str, headers: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Everything until the server closes, which it must do soon.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is a way to close as well.
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut text)).await.expect("closed in time");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn every_answer_carries_an_id_that_the_client_did_not_choose() {
    let site = site(LIMITS);
    let mut stream = site.connect().await;

    ask(&mut stream, "/greet", "x-request-id: mine\r\nconnection: close\r\n").await;
    let answer = rest(&mut stream).await;

    let header = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    assert!(answer.ends_with(header), "{answer}");
    assert!(!answer.contains("mine") && answer.contains("Tcp(127.0.0.1:"), "{answer}");
    assert!(site.get("/nowhere").await.contains("x-request-id: "));
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_500_with_only_the_id_and_the_next_request_is_served() {
    let site = site(LIMITS);

    let answer = site.get("/broken").await;

    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("application/problem+json"), "{answer}");
    assert!(!answer.contains("breaks"), "{answer}");
    assert!(site.get("/greet").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_sends_its_head_too_slowly_is_cut() {
    let site = site(LIMITS);
    let mut stream = site.connect().await;
    let began = Instant::now();

    let (mut reader, mut writer) = stream.split();
    let trickle = async {
        for byte in b"GET /greet HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'y')) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        _ = reader.read_to_end(&mut answer) => {}
        () = trickle => {}
        () = tokio::time::sleep(SOON) => panic!("still open"),
    }

    assert!(began.elapsed() < LIMITS.header_timeout * 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_that_stalls_within_its_second_head_is_cut_sooner_than_an_idle_one() {
    let limits = ConnectionLimits { idle_timeout: Duration::from_secs(60), ..LIMITS };
    let site = site(limits);
    let mut stream = site.connect().await;
    ask(&mut stream, "/greet", "").await;
    let mut first = [0; 1024];
    assert!(stream.read(&mut first).await.unwrap() > 0);

    stream.write_all(b"GET /gre").await.unwrap();

    rest(&mut stream).await;
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_after_the_idle_timeout() {
    let site = site(LIMITS);
    let mut stream = site.connect().await;
    ask(&mut stream, "/greet", "").await;
    let began = Instant::now();

    rest(&mut stream).await;

    assert!(began.elapsed() >= LIMITS.idle_timeout, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut() {
    let site = site(LIMITS);
    let mut stream = site.connect().await;
    ask(&mut stream, "/endless", "").await;
    tokio::time::sleep(LIMITS.idle_timeout * 4).await;

    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    tokio::time::timeout(SOON, async {
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            read += count;
        }
    })
    .await
    .expect("what was sent before the cut is finite");

    assert!(read > 0);
}

#[tokio::test]
async fn a_client_on_a_slow_line_gets_all_of_its_answer_however_long_that_takes() {
    let site = site(LIMITS);
    let mut stream = site.connect().await;
    ask(&mut stream, "/large", "connection: close\r\n").await;

    let (began, mut read, mut buffer) = (Instant::now(), 0, vec![0; 1 << 20]);
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        read += count;
        if began.elapsed() < LIMITS.idle_timeout * 3 {
            tokio::time::sleep(LIMITS.idle_timeout / 8).await;
        }
    }

    assert!(read > LARGE, "{read}");
}

#[tokio::test]
async fn a_client_that_leaves_no_window_for_its_answer_is_cut_though_it_reads_and_pings() {
    let (_tasks, at) = serve_http2(LIMITS);
    let stream = TokioIo::new(TcpStream::connect(at).await.unwrap());
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(0)
        .keep_alive_interval(LIMITS.idle_timeout / 8)
        .handshake(stream)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let began = Instant::now();

    let answer = sender.send_request(request("/greet")).await.unwrap();

    assert_eq!(answer.status(), 200);
    let ended = tokio::time::timeout(SOON, connection).await;
    assert!(ended.is_ok() && began.elapsed() >= LIMITS.idle_timeout, "{ended:?} {:?}", began.elapsed());
}

#[tokio::test]
async fn an_answer_that_takes_long_to_make_is_waited_for_in_both_versions() {
    let brief = Duration::from_millis(60);
    let (_tasks, at) = serve_http2(ConnectionLimits { header_timeout: brief, idle_timeout: brief, ..LIMITS });
    let stream = TokioIo::new(TcpStream::connect(at).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);

    let answer = sender.send_request(request("/slow")).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let mut stream = TcpStream::connect(at).await.unwrap();
    ask(&mut stream, "/slow", "connection: close\r\n").await;

    assert_eq!(body, "done at last");
    assert!(rest(&mut stream).await.ends_with("done at last"));
}

#[tokio::test]
async fn a_stream_of_events_ends_with_the_age_of_its_connection() {
    let site = site(ConnectionLimits { age: LIMITS.idle_timeout, ..LIMITS });
    let mut stream = site.connect().await;
    ask(&mut stream, "/events", "").await;

    let answer = rest(&mut stream).await;

    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_head_of_bare_line_feeds_is_one_request_and_one_within_a_body_is_none() {
    // RFC 9112 §2.2 lets a server take them in a head; a chunk's size ends with both (§7.1).
    let site = site(LIMITS);
    let mut lenient = site.connect().await;
    lenient
        .write_all(b"GET /greet HTTP/1.1\nhost: test\nconnection: close\n\nGET /greet HTTP/1.1\n\n")
        .await
        .unwrap();
    let mut strict = site.connect().await;
    let body =
        "POST /greet HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n";
    strict.write_all(format!("{body}GET /greet HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await.unwrap();

    let (taken, refused) = (rest(&mut lenient).await, rest(&mut strict).await);

    assert!(taken.starts_with("HTTP/1.1 200") && taken.matches("HTTP/1.1 ").count() == 1, "{taken}");
    assert!(refused.matches("HTTP/1.1 ").count() <= 1 && !refused.contains("HTTP/1.1 200"), "{refused}");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_with_431() {
    let site = site(LIMITS);
    let mut stream = site.connect().await;

    ask(&mut stream, "/greet", &format!("x: {}\r\n", "y".repeat(20_000))).await;

    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_thousand_half_open_connections_do_not_stop_the_others() {
    let site = site(ConnectionLimits { header_timeout: Duration::from_secs(30), ..LIMITS });
    let mut half_open = Vec::new();
    for _ in 0..1000 {
        let mut stream = site.connect().await;
        stream.write_all(b"GET /").await.unwrap();
        half_open.push(stream);
    }

    let began = Instant::now();
    let answer = site.get("/greet").await;

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_a_place_given_back_is_used_again() {
    let site = site(ConnectionLimits { connections: 1, ..LIMITS });
    let mut first = site.connect().await;
    ask(&mut first, "/greet", "").await;
    assert!(first.read(&mut [0; 1024]).await.unwrap() > 0);

    let refused = site.get("/greet").await;
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;

    assert_eq!(refused, "");
    assert!(site.get("/greet").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_closes_what_is_idle_and_refuses_the_rest() {
    let site = site(LIMITS);
    let mut idle = site.connect().await;
    ask(&mut idle, "/greet", "").await;
    assert!(idle.read(&mut [0; 1024]).await.unwrap() > 0);
    let mut busy = site.connect().await;
    ask(&mut busy, "/slow", "").await;
    tokio::time::sleep(Duration::from_millis(50)).await;

    let began = Instant::now();
    let (drained, busy, idle, refused) = tokio::join!(
        site.tasks.drain(SOON),
        async { rest(&mut busy).await },
        async {
            rest(&mut idle).await;
            began.elapsed()
        },
        async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            TcpStream::connect(site.at).await.is_err()
        }
    );

    assert!(drained.is_clean());
    assert!(busy.ends_with("done at last") && busy.contains("connection: close"), "{busy}");
    assert!(idle < Duration::from_millis(200), "{idle:?}");
    assert!(refused);
}

#[tokio::test]
async fn a_connection_grown_old_ends_after_its_running_answer_in_both_versions() {
    let old = ConnectionLimits {
        age: Duration::from_millis(100),
        idle_timeout: Duration::from_secs(60),
        header_timeout: Duration::from_secs(60),
        ..LIMITS
    };
    let site = site(old);
    let mut first = site.connect().await;

    ask(&mut first, "/slow", "").await;
    let answer = rest(&mut first).await;

    assert!(answer.ends_with("done at last") && answer.contains("connection: close"), "{answer}");

    let (_tasks, at) = serve_http2(old);
    let stream = TokioIo::new(TcpStream::connect(at).await.unwrap());
    let (mut requests, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let connection = tokio::spawn(connection);

    let answer = requests.send_request(request("/slow")).await.unwrap().into_body().collect().await.unwrap();

    assert_eq!(answer.to_bytes(), "done at last");
    let ended = tokio::time::timeout(SOON, connection).await.expect("told to come again").unwrap();
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test]
async fn a_unix_socket_has_its_mode_tells_who_connects_and_is_gone_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    let (tasks, _) = serve(&Address::Unix(path.clone()), LIMITS);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;

    let asked = path.clone();
    let answer = tasks.spawn_blocking("client", move || {
        let mut stream = StdUnixStream::connect(asked).unwrap();
        stream.write_all(b"GET /greet HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();

    let pid = std::process::id();
    assert!(answer.contains(&format!("pid: Some({pid})")), "{answer}");
    assert_eq!(mode, 0o600);
    assert!(tasks.drain(SOON).await.is_clean());
    assert!(!path.exists());
}

#[tokio::test]
async fn a_dead_socket_is_replaced_and_a_living_one_or_a_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        |name: &str| Listener::open(&Address::Unix(dir.path().join(name)), 0o600, &mut PassedSockets::none());
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("dead")).unwrap());
    std::fs::write(dir.path().join("file"), "precious").unwrap();

    let replaced = open("dead").unwrap();

    assert!(matches!(open("dead"), Err(ListenError::Served { .. })));
    assert!(matches!(open("file"), Err(ListenError::NotASocket { .. })));
    drop(replaced);
}

/// Not a test: the process that some tests below start. It serves until it is killed.
#[test]
#[ignore = "the child of other tests"]
fn child() {
    let Ok(address) = std::env::var("EDGE_CHILD_ADDRESS") else { return };
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut passed = PassedSockets::take(names.split(':').map(str::to_owned).collect());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = Listener::open(&Address::parse(&address).unwrap(), 0o600, &mut passed).unwrap();
        let tasks = Tasks::current(Arc::new(SystemClock::new()));
        let limits = ConnectionLimits { header_timeout: SOON, idle_timeout: SOON, ..LIMITS };
        Server::new("child", router(), LiveLimits::new(limits)).start(&tasks, listener);
        std::future::pending::<()>().await;
    });
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_child(wrapper: &[&str], address: &str) -> Killed {
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "edge::child", "--ignored", "--nocapture"]);
    command.env("EDGE_CHILD_ADDRESS", address).env("EDGE", "1");
    Killed(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn connect_soon(port: u16) -> StdTcpStream {
    let until = Instant::now() + SOON;
    loop {
        match StdTcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_socket_that_systemd_holds_is_served_by_its_name() {
    let port = free_port();
    let listen = format!("--listen=127.0.0.1:{port}");
    let wrapper = ["systemd-socket-activate", &listen, "--fdname=api", "-E", "EDGE_CHILD_ADDRESS"];
    let _child = start_child(&wrapper, "systemd:api");

    let mut stream = connect_soon(port);
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(b"GET /greet HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn without_descriptors_the_accept_loop_waits_instead_of_spinning() {
    let port = free_port();
    let wrapper = ["sh", "-c", "ulimit -n 40; exec \"$0\" \"$@\""];
    let child = start_child(&wrapper, &format!("127.0.0.1:{port}"));
    let mut held: Vec<_> = (0..100).map(|_| connect_soon(port)).collect();
    std::thread::sleep(Duration::from_millis(300));

    let before = cpu_ticks(child.0.id());
    std::thread::sleep(Duration::from_secs(2));
    let spent = cpu_ticks(child.0.id()) - before;
    held.truncate(1);
    let mut stream = held.remove(0);
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(b"GET /greet HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();

    // A hundred ticks are a second of one core.
    assert!(spent < 20, "{spent} ticks in two seconds");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
