//! A process that starts, is asked, is told by signals, and ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use caspervpn::config::address::Address;
use caspervpn::daemon::exit::Exit;
use caspervpn::daemon::lifecycle::Lifecycle;
use caspervpn::daemon::signals::Signals;
use caspervpn::edge::listener::{Listener, PassedSockets};
use caspervpn::edge::live_limits::{ConnectionLimits, LiveLimits};
use caspervpn::edge::probes::{Detail, routes};
use caspervpn::edge::server::Server;
use caspervpn::runtime::clock::{Clock, SystemClock};
use caspervpn::runtime::job::Jobs;
use caspervpn::runtime::readiness::{Readiness, Stage, Weight};
use caspervpn::runtime::tasks::Tasks;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(10);

/// Not a test: the service that the tests below start. It writes its port, then a line for each reload.
#[test]
#[ignore = "the child of other tests"]
fn child() {
    if std::env::var("LIFECYCLE_CHILD").is_err() {
        return;
    }
    let exit = caspervpn::runtime::executor::run(service()).unwrap();
    // The harness would report success; the code is what the tests look at.
    exit_with(exit);
}

#[expect(clippy::exit, reason = "the child's exit code is what is tested")]
fn exit_with(exit: Exit) {
    std::process::exit(exit.code().into());
}

async fn service() -> Exit {
    let mut signals = Signals::new().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let tasks = Tasks::current(Arc::clone(&clock));
    let readiness = Readiness::new(clock, [Stage::Store, Stage::Edge]);
    let stuck = std::env::var("LIFECYCLE_STUCK").is_ok();
    let began = Instant::now();
    readiness.check("writer", Weight::Vital, move || {
        let broken = stuck && began.elapsed() > Duration::from_secs(1);
        async move { if broken { Err("stuck".to_owned()) } else { Ok(()) } }
    });
    readiness.note("tunnel", "no tunnel: needs CAP_NET_ADMIN");
    readiness.up(Stage::Store).unwrap();
    let slow = get(|| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        "done at last"
    });
    let endless = get(|| async { std::future::pending::<()>().await });
    let router = Router::new().route("/slow", slow).route("/endless", endless).merge(routes(
        readiness.clone(),
        Detail::Full,
        "1.2.3",
    ));
    let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = Listener::open(&address, 0o600, &mut PassedSockets::none()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let limits = ConnectionLimits {
        handshake_timeout: Duration::from_secs(5),
        header_timeout: SOON,
        idle_timeout: SOON,
        age: Duration::from_secs(3600),
        header_bytes: 8192,
        connections: 64,
        connections_per_address: 64,
    };
    Server::new("child", router, LiveLimits::new(limits)).start(&tasks, listener);
    readiness.up(Stage::Edge).unwrap();
    let jobs = Jobs::new(tasks.clone());
    let lifecycle = Lifecycle::begin(tasks, &jobs, readiness).await;
    let mut out = std::io::stdout();
    writeln!(out, "\nport {port}").unwrap();
    let reload = async || out.write_all(b"reloaded\n").unwrap();
    lifecycle.run(&mut signals, reload, || Duration::from_secs(3)).await
}

struct Service {
    child: Child,
    out: BufReader<ChildStdout>,
    port: u16,
    systemd: UnixDatagram,
    _dir: TempDir,
}

impl Service {
    fn start(variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&socket).unwrap();
        systemd.set_read_timeout(Some(SOON)).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lifecycle::child", "--ignored", "--nocapture"])
            .env("LIFECYCLE_CHILD", "1")
            .env("NOTIFY_SOCKET", &socket)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let port = line(&mut out, "port ").parse().unwrap();
        Self { child, out, port, systemd, _dir: dir }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn get(&self, path: &str) -> String {
        rest(self.ask(path))
    }

    /// Waits until systemd would have read this.
    fn told(&self, wanted: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let size = self.systemd.recv(&mut buffer).expect(wanted);
            let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
            if text.contains(wanted) {
                return text;
            }
        }
    }

    fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What follows `start` on the next line that has it.
fn line(out: &mut BufReader<ChildStdout>, start: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "ended before {start:?}");
        if let Some(rest) = line.strip_prefix(start) {
            return rest.trim().to_owned();
        }
    }
}

fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    // A reset is a way to end as well.
    let _ = stream.read_to_string(&mut text);
    text
}

#[test]
fn a_service_with_a_note_is_ready_and_says_what_is_missing() {
    let service = Service::start(&[]);

    let told = service.told("READY=1");
    let ready = service.get("/readyz");
    let health = service.get("/health");

    assert!(told.contains("STATUS=running; no tunnel: needs CAP_NET_ADMIN"), "{told}");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains(r#"{"name":"writer","ok":true}"#), "{ready}");
    assert!(health.contains(r#""status":"degraded","version":"1.2.3""#), "{health}");
    assert!(service.get("/livez").ends_with(r#"{"status":"alive"}"#));
}

#[test]
fn a_first_signal_finishes_what_is_under_way_and_refuses_more() {
    let mut service = Service::start(&[]);
    service.told("READY=1");
    let slow = service.ask("/slow");
    std::thread::sleep(Duration::from_millis(100));

    service.signal("TERM");
    service.told("STOPPING=1");
    let waiting = std::thread::spawn(move || rest(slow));
    std::thread::sleep(Duration::from_millis(200));
    let refused = TcpStream::connect(("127.0.0.1", service.port)).is_err();

    assert!(refused);
    assert!(waiting.join().unwrap().ends_with("done at last"));
    assert_eq!(service.ended().code(), Some(0));
}

#[test]
fn a_request_that_never_ends_is_cut_before_the_drain_deadline() {
    let mut service = Service::start(&[]);
    let endless = service.ask("/endless");
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();

    service.signal("INT");
    let status = service.ended();

    assert_eq!(status.code(), Some(1));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(2_250) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!(rest(endless), "");
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut service = Service::start(&[]);
    let _endless = service.ask("/endless");
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();

    service.signal("TERM");
    service.told("STOPPING=1");
    service.signal("TERM");
    let status = service.ended();

    assert_eq!(status.code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn a_hangup_reloads_and_tells_systemd_before_and_after() {
    let mut service = Service::start(&[]);
    service.told("READY=1");

    service.signal("HUP");

    assert!(service.told("RELOADING=1").contains("MONOTONIC_USEC="));
    line(&mut service.out, "reloaded");
    service.told("READY=1");
}

#[test]
fn the_watchdog_is_answered_only_while_nothing_vital_fails() {
    let well = Service::start(&[("WATCHDOG_USEC", "400000")]);
    let stuck = Service::start(&[("WATCHDOG_USEC", "400000"), ("LIFECYCLE_STUCK", "1")]);
    well.told("WATCHDOG=1");
    stuck.told("WATCHDOG=1");
    // A second until it is stuck, three until that is noticed. A full socket would hold its sender up, so both are
    // read all the while.
    let answered = |service: &Service| {
        let until = Instant::now() + Duration::from_secs(6);
        let mut last = Instant::now();
        service.systemd.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        while Instant::now() < until {
            if service.systemd.recv(&mut [0; 4096]).is_ok() {
                last = Instant::now();
            }
        }
        until - last
    };

    let (well, silent) = std::thread::scope(|scope| {
        let well = scope.spawn(|| answered(&well));
        let silent = answered(&stuck);
        (well.join().unwrap(), silent)
    });

    assert!(well < Duration::from_millis(600), "{well:?}");
    assert!(silent > Duration::from_secs(1), "{silent:?}");
    assert!(stuck.get("/livez").starts_with("HTTP/1.1 503"));
}
