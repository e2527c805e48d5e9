//! The built binary as an edge without the API: what it passes on, to whom, and what becomes of requests whose replica
//! dies, hangs, lies or comes back.

mod names;
pub(crate) mod replica;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::api_house::setup_request;
use crate::edge_proxy::replica::{Mode, Replica};
use crate::http3::client::Client;
use crate::service::{Answer, Launch, PATIENCE, Service, eventually, exchange};
use crate::tls::House;

struct Edge {
    service: Service,
    socket: PathBuf,
    _dir: tempfile::TempDir,
}

impl Edge {
    /// In front of these upstreams, with times short enough for a test.
    fn before(upstreams: &[String], more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut launch = Launch::quiet(dir.path())
            .with("server.roles=edge")
            .with("listen.public=unix:public.sock")
            .with("proxy.health_interval_s=1")
            .with("proxy.health_timeout_s=1")
            .with("proxy.answer_timeout_s=2")
            .with(&format!("proxy.upstreams={}", upstreams.join(",")));
        for setting in more {
            launch = launch.with(setting);
        }
        Self { service: launch.serve(), socket: dir.path().join("public.sock"), _dir: dir }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let answer = exchange(self.connect(), method, path, headers, body);
        answer.unwrap_or_else(|| panic!("{method} {path}: no answer"))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], None)
    }

    /// All that comes back for these bytes until the connection ends.
    fn raw(&self, bytes: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = String::new();
        // An answer that breaks off ends with an error, after what has come.
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// A series of the metrics of this upstream.
    fn figure(&self, metric: &str, upstream: &Replica, more: &str) -> f64 {
        let text = self.service.call("GET", "/metrics", &[], None).body;
        let start = format!("{metric}{{upstream=\"{}\"{more}}} ", upstream.url());
        let value = text.lines().find_map(|line| line.strip_prefix(&start));
        value.unwrap_or_else(|| panic!("no {start} in {text}")).parse().unwrap()
    }
}

fn line<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let named =
        |line: &'a str| line.split_once(": ").filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|it| it.1);
    head.lines().filter_map(named).collect()
}

#[test]
fn no_idempotent_request_fails_while_replicas_die_hang_and_reset() {
    let replicas: Vec<_> = (0..3).map(|_| Replica::start()).collect();
    let edge = Edge::before(&replicas.iter().map(Replica::url).collect::<Vec<_>>(), &[]);
    let (done, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let loads: Vec<_> = (0..4).map(|_| load(&edge, Arc::clone(&done), Arc::clone(&is_over))).collect();
    let met = |at: usize, result: &str| {
        let more = format!(",result=\"{result}\"");
        eventually(&format!("a request that is {result}"), PATIENCE, || {
            edge.figure("caspervpn_proxy_requests_total", &replicas[at], &more) > 0.0
        });
    };
    let is_back = |at: usize| {
        eventually("it is back", PATIENCE, || {
            edge.figure("caspervpn_proxy_upstream_up", &replicas[at], "") > 0.5
        });
    };

    eventually("the load", PATIENCE, || done.load(Ordering::SeqCst) >= 100);
    // Dead until a look at it has told so; its return is told by another look.
    let log_has = |what: String| eventually(&what, PATIENCE, || edge.service.log().contains(&what));
    replicas[0].kill();
    met(0, "unreachable");
    log_has(format!("is down at {}", replicas[0].at));
    replicas[0].revive();
    is_back(0);
    log_has(format!("is up at {}", replicas[0].at));
    replicas[1].behave(Mode::Reset);
    met(1, "broken");
    replicas[1].behave(Mode::Serve);
    is_back(1);
    replicas[2].behave(Mode::Hang);
    met(2, "late");
    is_over.store(true, Ordering::SeqCst);
    let bad: Vec<_> = loads.into_iter().flat_map(|load| load.join().unwrap()).collect();

    assert!(bad.is_empty(), "{bad:?}");
    let before = replicas[0].heads().len();
    eventually("the dead one is back", PATIENCE, || {
        edge.get("/thing").status == 200 && replicas[0].heads().len() > before
    });
    assert!(edge.figure("caspervpn_proxy_requests_total", &replicas[0], ",result=\"answered\"") > 0.0);
    let log = edge.service.stop();
    let told = |what: &str| log.lines().filter(|line| line.contains("WARN") && line.contains(what)).count();
    assert!((1..=10).contains(&told(&format!("is down at {}", replicas[0].at))), "{log}");
}

/// Asks again and again, by each method that may be sent twice, until it is over. The answers that are none.
fn load(
    edge: &Edge,
    done: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
) -> JoinHandle<Vec<(&'static str, Option<Answer>)>> {
    let socket = edge.socket.clone();
    std::thread::spawn(move || {
        let mut bad = Vec::new();
        for method in ["GET", "HEAD", "DELETE"].into_iter().cycle() {
            if is_over.load(Ordering::SeqCst) {
                break;
            }
            let answer = exchange(UnixStream::connect(&socket).unwrap(), method, "/thing", &[], None);
            if answer.as_ref().is_none_or(|answer| answer.status != 200) {
                bad.push((method, answer));
            }
            done.fetch_add(1, Ordering::SeqCst);
        }
        bad
    })
}

#[test]
fn a_change_reaches_one_replica_once_and_a_question_at_most_two() {
    let replicas = [Replica::start(), Replica::start(), Replica::start()];
    let edge = Edge::before(&replicas.each_ref().map(Replica::url), &[]);
    let came = || replicas.iter().map(|it| it.heads().len()).sum::<usize>();
    replicas.iter().for_each(|it| it.behave(Mode::Break));

    let answer = edge.ask("POST", "/things", &[], Some(json!({ "name": "one" })));

    assert_eq!((answer.status, came()), (502, 1), "{answer:?}");
    assert_eq!(answer.json()["code"], "upstream_broken");
    assert_eq!((edge.get("/things").status, came()), (502, 3));
    // A body could have been read in part, whatever the method is.
    assert_eq!((edge.ask("PUT", "/things/1", &[], Some(json!({}))).status, came()), (502, 4));

    replicas.iter().for_each(|it| it.behave(Mode::Hang));
    let answer = edge.ask("POST", "/things", &[], None);
    assert_eq!((answer.status, came()), (504, 5), "{answer:?}");
}

#[test]
fn a_change_finds_the_replica_that_is_there() {
    let (dead, alive) = (Replica::start(), Replica::start());
    let edge = Edge::before(&[dead.url(), alive.url()], &[]);
    dead.kill();

    let all: Vec<_> = (0..20).map(|_| edge.ask("POST", "/things", &[], Some(json!({}))).status).collect();

    assert_eq!((all, alive.heads().len()), (vec![200; 20], 20));
}

#[test]
fn with_nobody_there_the_edge_says_so_and_is_not_ready() {
    let replica = Replica::start();
    let edge = Edge::before(&[replica.url()], &[]);
    replica.kill();
    eventually("it is not ready", PATIENCE, || edge.get("/readyz").status == 503);

    let answer = edge.raw("GET /thing HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");

    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(line(&answer, "retry-after"), ["2"]);
    assert_eq!(line(&answer, "content-type"), ["application/problem+json"]);
    let id = line(&answer, "x-request-id")[0];
    assert!(answer.contains(&format!("\"request_id\":\"{id}\"")), "{answer}");
    let report = edge.service.call("GET", "/readyz", &[], None);
    assert!(
        report.body.contains("no upstream is up") && report.body.contains("onnection refused"),
        "{}",
        report.body
    );

    replica.revive();
    assert_eq!(edge.get("/thing").status, 200, "what is taken for down is asked when there is no other");
    eventually("it is ready", PATIENCE, || edge.get("/readyz").status == 200);
}

#[test]
fn a_replica_learns_who_asks_from_the_edge_alone() {
    let replica = Replica::start();
    let edge = Edge::before(&[replica.url()], &["listen.trusted_proxies=unix"]);

    let answer = edge.raw(
        "GET /thing?a=1 HTTP/1.1\r\nHost: vpn.example\r\nConnection: close, X-Private\r\nX-Private: 1\r\n\
         X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n\
         Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Request-Id: mine\r\nTE: trailers\r\nKeep-Alive: 5\r\n\
         Proxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\nAuthorization: Bearer t\r\n\r\n",
    );

    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(body.starts_with("GET /thing?a=1 HTTP/1.1\r\n"), "{body}");
    for (name, values) in [
        ("host", vec!["vpn.example"]),
        ("x-forwarded-for", vec!["198.51.100.7"]),
        ("x-forwarded-proto", vec!["https"]),
        ("x-forwarded-host", vec!["vpn.example"]),
        ("forwarded", vec!["for=198.51.100.7;host=\"vpn.example\";proto=https"]),
        ("authorization", vec!["Bearer t"]),
        ("x-request-id", line(head, "x-request-id")),
        ("x-private", vec![]),
        ("x-real-ip", vec![]),
        ("te", vec![]),
        ("keep-alive", vec![]),
        ("upgrade", vec![]),
        ("connection", vec![]),
        ("proxy-authorization", vec![]),
    ] {
        assert_eq!(line(body, name), values, "{name}: {body}");
    }
    assert_eq!(line(head, "x-end"), ["1"]);
    assert!(line(head, "x-hop").is_empty() && line(head, "keep-alive").is_empty(), "{head}");
}

#[test]
fn a_stranger_s_word_on_who_asks_is_dropped() {
    let replica = Replica::start();
    let edge = Edge::before(&[replica.url()], &[]);

    let forged =
        [("X-Forwarded-For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6"), ("X-Forwarded-Proto", "https")];
    let body = edge.ask("GET", "/thing", &forged, None).body;

    assert!(!body.contains("6.6.6.6"), "{body}");
    assert_eq!(line(&body, "forwarded"), ["for=unknown;host=\"localhost\";proto=http"]);
    assert_eq!(line(&body, "x-forwarded-proto"), ["http"]);
}

#[test]
fn a_websocket_carries_bytes_both_ways_and_ends_with_the_service() {
    let replica = Replica::start();
    let edge = Edge::before(&[replica.url()], &[]);
    let mut stream = edge.connect();
    let wish = "GET /echo HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(wish.as_bytes()).unwrap();
    let head = read_until(&mut stream, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!((line(&head, "upgrade"), line(&head, "connection")), (vec!["websocket"], vec!["upgrade"]));

    for text in ["one", "two", "three"] {
        stream.write_all(text.as_bytes()).unwrap();
        assert_eq!(read_until(&mut stream, text), text);
    }
    assert!(edge.figure("caspervpn_proxy_requests_in_flight", &replica, "") > 0.5);

    edge.service.stop();
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "the stop ends it");
}

#[test]
fn events_arrive_one_by_one() {
    let replica = Replica::start();
    let edge = Edge::before(&[replica.url()], &[]);
    let mut stream = edge.connect();
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();

    let first = read_until(&mut stream, "data: one\n\n");
    assert!(!first.contains("two"), "{first}");
    replica.release();
    read_until(&mut stream, "data: two\n\n");
}

fn read_until(stream: &mut UnixStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "ended after {:?}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_replica_that_lies_harms_nobody_else() {
    let replica = Replica::start();
    let edge = Edge::before(&[replica.url()], &[]);
    let say = |text: &str| Mode::Say(text.as_bytes().to_vec());
    for (what, mode) in [
        ("no HTTP", say("SSH-2.0-OpenSSH_9.9\r\n\r\n")),
        ("a length that is none", say("HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nhello")),
        ("two lengths", say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")),
        ("half a head", say("HTTP/1.1 200 OK\r\nContent-Len")),
        ("a protocol nobody asked for", say("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")),
        ("a head without end", Mode::Endless),
    ] {
        replica.behave(mode);
        let answer = edge.get("/thing");
        assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("upstream_broken")), "{what}");
        replica.behave(Mode::Serve);
        assert_eq!(edge.get("/thing").status, 200, "after {what}");
    }

    replica.behave(say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"));
    let answer = edge.raw("GET /thing HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert!(
        answer.contains("100\r\n") && answer.matches("HTTP/1.1").count() == 1,
        "cut, and seen to be: {answer}"
    );

    let evil =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    replica.behave(Mode::SayAndStay(evil.as_bytes().to_vec()));
    // On one connection, whose thread keeps the connections to replicas for itself.
    let mut client = edge.connect();
    for _ in 0..20 {
        client.write_all(b"GET /thing HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\nok") {
            let mut byte = [0];
            assert_eq!(
                client.read(&mut byte).unwrap(),
                1,
                "an answer that nobody asked for reaches nobody: {answer}"
            );
            answer.push(char::from(byte[0]));
        }
    }
}

#[test]
fn the_pages_and_the_api_are_reached_through_the_edge() {
    let dir = tempfile::tempdir().unwrap();
    let api =
        Launch::quiet(dir.path()).with("server.roles=api,worker").with("listen.trusted_proxies=unix").serve();
    let socket = dir.path().join("api.sock");
    let edge = Edge::before(&[format!("unix:{}", socket.display())], &[]);

    let document = edge.get("/api/v1/openapi.json").ok();
    let page = edge.ask("GET", "/", &[("Accept", "text/html")], None);
    let refused = edge.ask("POST", "/api/v1/users", &[], Some(json!({ "username": "x" })));

    assert_eq!(document["openapi"], "3.1.0");
    assert!(page.status == 200 && page.body.contains("<html"), "{page:?}");
    assert_eq!(refused.status, 401, "a host's administrator is none through the edge: {refused:?}");
    let id = refused.json()["request_id"].as_str().unwrap().to_owned();
    assert!(edge.service.log().contains(&id), "the edge's log knows the replica's id");

    api.stop();
    assert_eq!(edge.get("/api/v1/openapi.json").status / 100, 5);
    let again = Launch::quiet(dir.path()).with("server.roles=api,worker").serve();
    assert_eq!(edge.get("/api/v1/openapi.json").status, 200);
    again.stop();
    edge.service.stop();
}

#[test]
fn an_edge_alone_takes_tls_and_every_http_for_its_replica() {
    let dir = tempfile::tempdir().unwrap();
    let api =
        Launch::quiet(dir.path()).with("server.roles=api,worker").with("listen.trusted_proxies=unix").serve();
    api.post("/api/v1/setup", Some(setup_request()));
    let house = House::new();
    let _edge = house
        .launch(&[])
        .with("server.roles=edge")
        .with("tls.http3=true")
        .with(&format!("proxy.upstreams=unix:{}", dir.path().join("api.sock").display()))
        .serve();
    let wrong = r#"{"login":"nobody","password":"a wrong password"}"#;

    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let format = "%{http_version} %{http_code} %header{x-frame-options}";
        let page =
            house.curl_written(&["--insecure", flag, "-H", "accept: text/html"], "localhost", "/", format);
        assert_eq!(page, format!("{version} 200 DENY"));
        let refused = house.curl(&["--insecure", flag, "--json", wrong], "localhost", "/api/v1/sessions");
        assert_eq!(refused, "401", "{flag}");
    }
    let over_quic = async {
        let mut client = Client::connect(house.https).await;
        let page = client.ask("GET", "/", &[("accept", "text/html")], b"").await.unwrap();
        let head = [("content-type", "application/json")];
        (page, client.ask("POST", "/api/v1/sessions", &head, wrong.as_bytes()).await.unwrap())
    };
    let (page, refused) = tokio::runtime::Runtime::new().unwrap().block_on(over_quic);
    assert!(page.status == 200 && page.body.contains("<html"), "{page:?}");
    assert_eq!(refused.status, 401);

    let events = api.get("/api/v1/audit?action=session_create")["items"].clone();
    let sources: Vec<_> = events.as_array().unwrap().iter().map(|event| event["source"].clone()).collect();
    assert_eq!(
        sources,
        [json!("127.0.0.1"), json!("127.0.0.1"), json!("127.0.0.1")],
        "the clients', not the edge's"
    );
}

#[test]
fn settings_under_which_nothing_could_be_passed_on_are_refused_before_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let check = |settings: &[&str]| {
        let launch = settings.iter().fold(Launch::quiet(dir.path()), |launch, setting| launch.with(setting));
        let output = launch.verb(&["config", "check"]);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let edge = "server.roles=edge";

    assert_eq!(check(&[edge, "proxy.upstreams=http://10.0.0.2:8080"]).0, Some(0));
    for (settings, told) in [
        (&[edge][..], "none is named: set proxy.upstreams"),
        (&[edge, "proxy.upstreams=https://10.0.0.2"], "upstreams are reached without TLS"),
        (&[edge, "proxy.upstreams=http://10.0.0.2/v1"], "scheme, host and port alone"),
        (&[edge, "proxy.upstreams=unix:api.sock"], "an absolute path"),
        (&[edge, "proxy.upstreams=http://a:1,http://a:1"], "http://a:1 is named twice"),
        (
            &[edge, "listen.public=127.0.0.1:81", "proxy.upstreams=http://127.0.0.1:81"],
            "pass requests on to itself",
        ),
        (&[edge, "proxy.upstreams=http://a:1", "proxy.health_interval_s=0"], "is not between 1 and 300"),
        (&[edge, "proxy.upstreams=http://a:1", "proxy.health_path=readyz"], "is no path"),
        (&[edge, "proxy.upstream=http://a:1"], "did you mean proxy.upstreams"),
    ] {
        let (code, said) = check(settings);
        assert!(code == Some(78) && said.contains(told), "{settings:?}: {code:?} {said}");
    }
}
