//! The binary as an operator meets it: its first run, what it refuses and with which words, and how it ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::namespaces::needs_root;
use crate::service::{Launch, PATIENCE, Service, eventually, exchange};

const PASSWORD: &str = "correct horse battery staple";

const SETUP_FILE: &str = r#"
token_file = "owner.token"

[owner]
login = "ada"
password = "correct horse battery staple"

[endpoint]
host = "vpn.example.org"

[network]
name = "home"
ipv4 = "10.86.0.0/24"
dns = ["9.9.9.9"]

[device]
name = "laptop"
public_key = "1Y4OakZmbnWXkvRGvWTCDyy/AF/NAMi9Ffw/jvnlp6A="
"#;

fn launch(directory: &TempDir) -> Launch {
    Launch::quiet(&directory.path().join("data"))
}

fn setup_request() -> Value {
    json!({
        "owner": { "login": "ada", "password": PASSWORD },
        "endpoint": { "host": "vpn.example.org" },
        "network": { "name": "home", "ipv4": "10.86.0.0/24", "dns": ["9.9.9.9"] },
    })
}

fn new_link(launch: &Launch) -> String {
    launch.ask(&["setup-link"])["token"].as_str().unwrap().to_owned()
}

fn set_up_with(service: &Service, token: &str) -> u16 {
    let proof = format!("Setup {token}");
    service.call("POST", "/api/v1/setup", &[("Authorization", &proof)], Some(setup_request())).status
}

fn set_up(service: &Service) {
    service.post("/api/v1/setup", Some(setup_request()));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_newest_setup_link_works_once_and_no_other_ever() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(&directory);
    let service = launch.serve();
    assert_eq!(service.get("/api/v1/setup")["needed"], true);
    let (older, newer) = (new_link(&launch), new_link(&launch));

    let wrong = format!("{}x", &newer[..newer.len() - 1]);
    assert_eq!([&wrong, &older].map(|token| set_up_with(&service, token)), [401, 401]);
    assert_eq!(service.get("/api/v1/setup")["needed"], true, "a refused link makes nothing");
    assert_eq!(set_up_with(&service, &newer), 201);
    assert_eq!(set_up_with(&service, &newer), 401);

    assert_eq!(service.get("/api/v1/setup")["needed"], false);
    assert_eq!(service.get("/api/v1/users")["items"].as_array().unwrap().len(), 1);
    let refused = launch.verb(&["setup-link"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("has an owner already"), "{}", said(&refused));
}

#[test]
fn the_verb_prints_a_link_that_a_browser_can_open_and_the_log_never_has_its_token() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(&directory).with("log.level=trace");
    let service = launch.serve();

    let output = launch.verb(&["setup-link"]);

    let text = String::from_utf8(output.stdout).unwrap();
    let (_, token) = text.split_once("/setup#").unwrap_or_else(|| panic!("no link: {text}"));
    let token = token.split_whitespace().next().unwrap();
    assert_eq!(set_up_with(&service, token), 201);
    let log = service.log();
    assert!(!log.contains(token) && !log.contains(PASSWORD));
}

#[test]
fn the_link_leads_to_where_the_server_really_listens() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(&directory);
    let at = |port: u16| format!("http://127.0.0.1:{port}/setup#");
    let before = launch.clone().with("listen.api=127.0.0.1:8099").verb(&["setup-link"]);
    assert!(
        String::from_utf8_lossy(&before.stdout).contains(&at(8099))
            && said(&before).contains("start it first")
    );

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let service = launch.clone().with(&format!("listen.api={free}")).serve();
    let output = launch.verb(&["setup-link"]);
    drop(service);

    assert!(String::from_utf8_lossy(&output.stdout).contains(&at(free.port())), "{output:?}");
    let forward = format!("ssh -L {}:{free} ", free.port());
    assert!(said(&output).contains(&forward), "{}", said(&output));
}

#[test]
fn a_server_on_a_unix_socket_says_how_to_get_there() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(&directory);
    let service = launch.serve();

    let output = launch.verb(&["setup-link"]);

    let socket = directory.path().join("data/api.sock").display().to_string();
    assert!(said(&output).contains(&format!("ssh -L 8080:{socket} ")), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("http://127.0.0.1:8080/setup#"), "{output:?}");
    eventually("the note", WHILE, || service.log().contains("not set up yet; `caspervpn setup-link`"));
}

#[test]
fn a_process_does_what_its_roles_say_and_no_more() {
    let with_roles = |directory: &TempDir, roles: &str| {
        launch(directory).with("listen.public=unix:public.sock").with(&format!("server.roles={roles}"))
    };
    let opened = |roles: &str, works: bool| {
        let directory = tempfile::tempdir().unwrap();
        let service = with_roles(&directory, roles).serve();
        let purges = || service.call("GET", "/metrics", &[], None).body.contains("job=\"purge\"");
        if works {
            eventually("the first purge", WHILE, purges);
        } else {
            // A worker purges at once.
            std::thread::sleep(Duration::from_secs(1));
            assert!(!purges());
        }
        ["api.sock", "public.sock", "caspervpn.sock"]
            .map(|name| directory.path().join("data").join(name).exists())
    };

    assert_eq!(opened("api,agent,edge,worker", true), [true, true, true]);
    assert_eq!(opened("api", false), [true, false, true]);
    assert_eq!(opened("agent,worker", true), [false, false, true]);
    let (code, said) = with_roles(&tempfile::tempdir().unwrap(), "edge").refused();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("add \"api\""), "{said}");
}

#[test]
fn setup_by_a_file_works_with_the_server_stopped_and_leaves_a_token() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(&directory);
    let file = directory.path().join("setup.toml");
    std::fs::write(&file, SETUP_FILE).unwrap();

    let done = launch.ask(&["setup", "--file", file.to_str().unwrap()]);

    assert_eq!(done["device"]["name"], "laptop");
    let token = std::fs::read_to_string(directory.path().join("owner.token")).unwrap();
    let service = launch.serve();
    let bearer = format!("Bearer {}", token.trim_end());
    let me = service.call("GET", "/api/v1/me", &[("Authorization", &bearer)], None).ok();
    assert_eq!((&me["login"], &me["role"]), (&json!("ada"), &json!("owner")));
    let made = service.call(
        "POST",
        "/api/v1/users",
        &[("Authorization", &bearer)],
        Some(json!({ "login": "bob", "role": "member" })),
    );
    assert_eq!(made.ok()["login"], "bob");
    let again = launch.verb(&["setup", "--file", file.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    service.stop();
    let listed = launch.ask(&["api-token", "list"]);
    assert!(listed["items"][0]["last_used_at"].is_string(), "a stop loses no use: {listed}");
}

#[test]
fn a_busy_port_ends_with_75_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    for (key, way_out) in [
        ("listen.api", "set it to another address"),
        (
            "listen.https",
            "behind a web server that is there already, set listen.https and listen.http to off",
        ),
        ("listen.http", "listen.public to where that server shall pass requests on"),
    ] {
        let (code, said) = launch(&directory).with(&format!("{key}={address}")).refused();

        assert_eq!(code, Some(75), "{said}");
        let holder = format!("(process {}) has it", std::process::id());
        for part in [&address, key, &holder, way_out] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn wrong_settings_end_with_78_and_every_fault_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("caspervpn.toml");
    std::fs::write(
        &file,
        "[listen]\nappi = \"127.0.0.1:1\"\n[log]\nlevel = \"loud\"\n[limits]\ndrain_s = 9999\n",
    )
    .unwrap();

    let output = launch(&directory).command(&["serve"]).arg("--config").arg(&file).output().unwrap();

    let said = said(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in ["3 faults", "caspervpn.toml:2", "did you mean", "log.level", "limits.drain_s"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!directory.path().join("data").exists(), "nothing was made");
}

#[test]
fn a_second_server_is_told_that_the_first_has_the_data() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(&directory);
    let service = launch.serve();

    let (code, said) = launch.with("listen.local=unix:second.sock").refused();

    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("another caspervpn process uses"), "{said}");
    assert_eq!(service.get("/api/v1/setup")["needed"], true, "the first is not disturbed");
}

#[test]
fn a_database_of_a_newer_version_is_refused_with_78_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(&directory);
    launch.serve().stop();
    let database = directory.path().join("data/caspervpn.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                 VALUES (9000, 'of_the_future', '2031-01-01T00:00:00Z', '1')";
    connection.execute(newer, []).unwrap();
    drop(connection);
    let before = std::fs::read(&database).unwrap();

    let (code, said) = launch.refused();

    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("9000"), "{said}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

#[test]
fn a_bad_file_at_a_reload_keeps_the_old_settings_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("caspervpn.toml");
    std::fs::write(&file, "[log]\nlevel = \"info\"\n").unwrap();
    let launch = launch(&directory).with_config(&file);
    let service = launch.serve();

    std::fs::write(&file, "[log]\nlevel = \"loud\"\n").unwrap();
    service.signal("HUP");
    eventually("the refusal", WHILE, || service.log().contains("the settings stay as they were"));
    assert!(service.log().contains("log.level"), "{}", service.log());
    assert_eq!(service.get("/api/v1/setup")["needed"], true);

    std::fs::write(&file, "[log]\nlevel = \"debug\"\n").unwrap();
    service.signal("HUP");
    eventually("the new settings", WHILE, || service.log().contains("settings read again"));
    eventually("a line of the new level", WHILE, || {
        service.get("/readyz");
        service.log().contains("\"level\":\"DEBUG\"")
    });
}

#[test]
fn a_second_sigterm_does_not_wait_for_the_request_that_the_first_waits_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut service = launch(&directory).serve();
    let mut slow = UnixStream::connect(directory.path().join("data/api.sock")).unwrap();
    slow.write_all(b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));

    service.signal("TERM");
    eventually("the drain", WHILE, || service.log().contains("stopping"));
    std::thread::sleep(Duration::from_millis(500));
    let first_waits = service.try_end().is_none();
    let asked = Instant::now();
    service.signal("TERM");
    let status = service.wait();

    assert!(first_waits, "{}", service.log());
    assert_eq!(status.code(), Some(1));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[test]
fn without_rights_it_serves_and_says_why_there_is_no_tunnel_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let [api, agent] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let launch = launch(&directory).unprivileged().with("tunnel.backend=auto");
    let service = launch.with(&format!("listen.api={api}")).with(&format!("listen.agent={agent}")).serve();

    set_up(&service);

    let ask = |address, path| exchange(TcpStream::connect(address).unwrap(), "GET", path, &[], None).unwrap();
    assert_eq!(ask(api, "/readyz").status, 200);
    assert_eq!(ask(api, "/api/v1/setup").ok()["needed"], false);
    for told in [ask(agent, "/readyz").body, service.log()] {
        for part in ["no tunnel", "CAP_NET_ADMIN", "run as root", "systemd unit"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}

#[test]
fn what_root_makes_in_the_services_directory_the_service_can_use() {
    needs_root();
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(&directory);
    let service = launch.clone().unprivileged();
    assert!(launch.verb(&["setup-link"]).status.success());

    let token = new_link(&launch);
    let service = service.serve();

    assert_eq!(set_up_with(&service, &token), 201);
}

#[test]
fn a_read_only_data_directory_is_named_and_stays_empty() {
    needs_root();
    let disk = Disk::mount("size=1m,ro");

    let (code, said) = Launch::quiet(&disk.at.join("data")).refused();

    assert!(matches!(code, Some(75 | 78)), "{code:?} {said}");
    assert!(said.contains(&disk.at.display().to_string()) && said.contains("ead-only"), "{said}");
}

#[test]
fn a_full_disk_refuses_whole_writes_goes_on_reading_and_recovers_by_itself() {
    needs_root();
    // Over the 100 MiB below which the service calls itself not ready.
    let disk = Disk::mount("size=160m");
    let launch = Launch::quiet(&disk.at);
    let service = launch.serve();
    set_up(&service);
    let count = || service.get("/api/v1/devices?limit=200")["items"].as_array().unwrap().len();
    let owner = service.get("/api/v1/users")["items"][0]["id"].clone();
    let create = |number: usize| {
        let device = json!({ "name": format!("d{number}"), "user_id": owner, "note": "x".repeat(400) });
        service.call("POST", "/api/v1/devices", &[], Some(device))
    };
    assert_eq!(create(0).status, 201);

    let filler = disk.fill();
    let mut made = 1;
    let refused = (1..200).map(create).find(|answer| {
        made += usize::from(answer.status == 201);
        answer.status != 201
    });
    let refused = refused.expect("a full disk has to refuse in the end");

    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains("disk is full"), "{}", refused.body);
    assert_eq!(count(), made, "what was refused left nothing, what was acknowledged is there");
    eventually("readiness to end", WHILE, || service.call("GET", "/readyz", &[], None).status == 503);

    std::fs::remove_file(filler).unwrap();

    assert_eq!(create(1000).status, 201);
    eventually("readiness", WHILE, || service.call("GET", "/readyz", &[], None).status == 200);
    service.stop();
    let service = launch.serve();
    assert_eq!(service.get("/api/v1/devices?limit=200")["items"].as_array().unwrap().len(), made + 1);
}

#[test]
fn a_first_start_on_a_full_disk_says_so_and_works_once_there_is_room() {
    needs_root();
    let disk = Disk::mount("size=160m");
    let filler = disk.fill();

    let (code, said) = Launch::quiet(&disk.at.join("data")).refused();

    assert!(matches!(code, Some(75 | 78)), "{code:?} {said}");
    assert!(said.contains("full") || said.contains("No space"), "{said}");

    std::fs::remove_file(filler).unwrap();

    set_up(&Launch::quiet(&disk.at.join("data")).serve());
}

/// For what a busy machine does within seconds.
const WHILE: Duration = Duration::from_secs(20);

/// A file system of its own size, unmounted when dropped.
struct Disk {
    at: PathBuf,
    _directory: TempDir,
}

impl Disk {
    fn mount(options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("disk");
        std::fs::create_dir(&at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&at).status().unwrap();
        assert!(mounted.success());
        Self { at, _directory: directory }
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let path = self.at.join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        for size in [1 << 20, 4096] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at as &Path).status();
    }
}

#[test]
fn a_body_is_held_to_the_settings_of_its_length_and_its_time_also_through_the_edge() {
    let (near, far) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let api = far.path().join("api.sock");
    let replica = Launch::quiet(far.path()).with("limits.body_bytes=8192").with("limits.body_timeout_s=1");
    let _replica = replica.serve();
    let edge = Launch::quiet(near.path())
        .with("server.roles=edge")
        .with("listen.public=unix:public.sock")
        .with(&format!("proxy.upstreams=unix:{}", api.display()));
    let _edge = edge.serve();

    for door in [&api, &near.path().join("public.sock")] {
        let asked = |length: usize, sent: usize| {
            let mut stream = UnixStream::connect(door).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let head = "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json";
            let body = " ".repeat(sent);
            write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        };

        assert_eq!(asked(8192, 8192), "HTTP/1.1 400", "what fits is read: {door:?}");
        assert_eq!(asked(8193, 8193), "HTTP/1.1 413", "{door:?}");
        assert_eq!(asked(100, 10), "HTTP/1.1 408", "{door:?}");
    }
}
