//! Certificates that the service orders by itself, from a real authority: one order for a name, whatever starts and dies.

use std::fs;
use std::path::Path as FilePath;
use std::process::Command;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use caspervpn::secrets::master_key::MasterKey;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::acme::lab::{Pebble, free_ports};
use crate::acme::stage::Stage;
use crate::api_house::{Client, House};
use crate::databases::{Server, TestDatabase, on_both};
use crate::events::Stream;
use crate::service::{Launch, PATIENCE, Service, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_ordered_served_told_of_and_ordered_again_on_demand() {
    let [http, https] = free_ports();
    let town = Town::start(http, https, "0");
    let launch = town.launch("one", https).with(&format!("listen.http=127.0.0.1:{http}"));
    let service = launch.serve();

    town.order(&launch, "vpn.example.org,blocked-domain.example", "http-01");

    until_valid(&service, "vpn.example.org");
    let first = service.get("/api/v1/certificates/vpn.example.org");
    eventually("the new certificate", PATIENCE, || shown(https) == first["fingerprint"]);
    let refused = service.get("/api/v1/certificates/blocked-domain.example");
    assert_eq!((refused["state"].as_str(), refused["failures"].as_u64()), (Some("failing"), Some(1)));
    assert!(refused["last_error"].as_str().unwrap().contains("rejectedIdentifier"), "{refused}");
    let steps = service.get("/api/v1/certificates/blocked-domain.example/log");
    let failed = steps["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&failed["kind"], &failed["detail"]), (&json!("attempt_failed"), &refused["last_error"]));
    assert_eq!(failed["then_at"], refused["next_try_at"]);
    let lines = service
        .log()
        .lines()
        .filter(|line| line.contains("no certificate of blocked-domain.example"))
        .count();
    assert_eq!(lines, 1, "{}", service.log());
    let table = launch.verb(&["tls", "status"]);
    let table = String::from_utf8(table.stdout).unwrap();
    for told in
        ["LAST ERROR", "valid", "failing", "rejectedIdentifier", first["fingerprint"].as_str().unwrap()]
    {
        assert!(table.contains(told), "{told}: {table}");
    }
    let metrics = service.call("GET", "/metrics", &[], None).body;
    assert!(metrics.contains(r#"caspervpn_acme_attempts_total{result="issued"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"caspervpn_acme_attempts_total{result="permanent"} 1"#), "{metrics}");

    service.stop();
    let service = launch.serve();
    assert_eq!(shown(https), first["fingerprint"], "it is served from the first handshake on");
    assert_eq!(town.orders(), 1);
    launch.ask(&["tls", "renew", "vpn.example.org"]);
    eventually("another certificate", PATIENCE, || {
        let found = service.get("/api/v1/certificates/vpn.example.org");
        found["fingerprint"] != first["fingerprint"] && found["fingerprint"] == shown(https)
    });
    assert_eq!(town.orders(), 2);
    let events = service.get("/api/v1/audit?limit=200").to_string();
    for (act, times) in [("issued", 1), ("renewed", 1), ("failed", 1), ("renew", 1)] {
        assert_eq!(events.matches(&format!("\"certificate_{act}\"")).count(), times, "{act}: {events}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_one_order_and_one_certificate_and_a_crash_loop_adds_none() {
    let [http, https, other_https] = free_ports();
    let town = Town::start(http, https, "4");
    let (server, database) = (Server::shared(), "replicas");
    server.execute("postgres", &format!("CREATE DATABASE {database}")).await;
    let key = town.files.path().join("master.key");
    fs::write(&key, &*MasterKey::generate().unwrap().to_text()).unwrap();
    private(&key, 0o600);
    let replica = |name: &str, https: u16| {
        town.launch(name, https)
            .with(&format!("database.url={}", server.url(database)))
            .with(&format!("keys.master=file:{}", key.display()))
    };
    // The authority comes to this one, which orders nothing.
    let door =
        replica("door", https).with("server.roles=api,edge").with(&format!("listen.http=127.0.0.1:{http}"));
    let standing = door.serve();
    town.order(&door, "vpn.example.org", "http-01");
    let worker = replica("worker", other_https);

    let dying = worker.serve();
    // A worker that dies before it has kept what the authority gave it leaves an order to nobody.
    let log = || standing.get("/api/v1/certificates/vpn.example.org/log").to_string();
    eventually("an order that is kept", PATIENCE, || log().contains("order_placed"));
    dying.kill();
    for _ in 0..5 {
        worker.serve().kill();
    }
    assert_eq!(town.orders(), 1, "who is dead still holds it, and the wait goes on");

    let due = "UPDATE certificates SET held_until = 0, next_try_at = 0";
    server.execute(database, due).await;
    let living = worker.serve();
    until_valid(&standing, "vpn.example.org");

    assert_eq!(town.orders(), 1, "the dead worker's order was gone on with: {}", log());
    assert!(log().contains("order_resumed"), "{}", log());
    let found = standing.get("/api/v1/certificates/vpn.example.org");
    for port in [https, other_https] {
        eventually("the certificate on both", PATIENCE, || shown(port) == found["fingerprint"]);
    }
    living.stop();
    standing.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_proven_in_a_handshake_where_port_80_is_closed() {
    let [http, https] = free_ports();
    let town = Town::start(http, https, "0");
    let launch = town.launch("one", https);
    let service = launch.serve();

    town.order(&launch, "vpn.example.org", "tls-alpn-01");

    until_valid(&service, "vpn.example.org");
    let found = service.get("/api/v1/certificates/vpn.example.org");
    eventually("the new certificate", PATIENCE, || shown(https) == found["fingerprint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_ordered_is_refused_with_the_field_and_secrets_go_nowhere_else() {
    let house = House::new(TestDatabase::sqlite()).await;
    let owner = house.owner().await;
    let acme = |method: &str| json!({ "terms_agreed": true, "method": method });
    let pointer = async |body: Value| {
        let answer = change(&owner, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        answer.body["errors"][0]["pointer"].as_str().unwrap().to_owned()
    };

    let star = json!(["vpn.example.org", "*.example.org"]);
    assert_eq!(pointer(json!({ "tls_names": star, "acme": acme("http-01") })).await, "/tls_names/1");
    assert_eq!(pointer(json!({ "acme": { "terms_agreed": false } })).await, "/acme/terms_agreed");
    assert_eq!(pointer(json!({ "acme": acme("dns-01") })).await, "/acme/dns");
    assert_eq!(
        pointer(json!({ "acme": { "terms_agreed": true, "directory": "http://ca.example" } })).await,
        "/acme/directory"
    );
    let dns = json!({ "host": "ns.example.org", "key_name": "acme.example.org" });
    assert_eq!(pointer(json!({ "acme": { "terms_agreed": true, "dns": dns } })).await, "/acme/dns/secret");
    assert_eq!(pointer(json!({ "tls_names": ["bücher.example"] })).await, "/tls_names/0");

    let bound = |directory: &str, key: Option<&str>| {
        let eab = json!({ "key_id": "kid", "hmac_key": key });
        json!({ "acme": { "terms_agreed": true, "directory": directory, "eab": eab } })
    };
    let key = "c2VjcmV0LXNlY3JldA";
    let set = change(&owner, bound("https://ca.example/dir", Some(key))).await;
    assert!(set.status.is_success() && !set.body.to_string().contains(key), "{}", set.body);
    assert!(change(&owner, bound("https://ca.example/dir", None)).await.status.is_success(), "it is kept");
    assert_eq!(pointer(bound("https://elsewhere.example/dir", None)).await, "/acme/eab/hmac_key");
    assert_eq!(owner.act("/certificates/vpn.example.org/renew").await.problem(404), "not_found");
    let listed = owner.get("/certificates").await.expect(StatusCode::OK);
    assert_eq!(listed, json!({ "items": [] }));
    assert!(change(&owner, json!({ "acme": null })).await.status.is_success());
    assert_eq!(owner.act("/certificates/vpn.example.org/renew").await.problem(409), "no_authority");
}

on_both! {
    async fn each_step_is_told_to_who_listens_and_no_member_or_stranger_reads_one(database) {
        let house = House::new(database).await;
        house.user("mia", "member").await;
        let (owner, member) = (house.owner().await, house.sign_in("mia").await);
        let acme = json!({ "terms_agreed": true, "directory": "https://127.0.0.1:1/dir" });
        let set = change(&owner, json!({ "tls_names": ["vpn.example.org"], "acme": acme })).await;
        assert!(set.status.is_success(), "{}", set.body);
        assert_eq!(owner.get("/certificates/vpn.example.org/log").await.body, json!({ "items": [] }));
        let mut stream = Stream::open(&owner, "?topics=changed").await;
        let mut hers = Stream::open(&member, "?topics=changed").await;

        house.app.order_step(&CancellationToken::new()).await.unwrap();
        house.app.events_step().await.unwrap();

        let mut told = Vec::new();
        while !told.contains(&json!({ "kind": "certificate_log", "id": "vpn.example.org" })) {
            told.push(stream.next().await.unwrap().1);
        }
        let log = owner.get("/certificates/vpn.example.org/log").await.expect(StatusCode::OK);
        assert_eq!(log["items"][0]["about"], "127.0.0.1:1");
        assert!(log["items"][1]["detail"].as_str().unwrap().contains("outgoing_allowed"), "{log}");
        assert_eq!(member.get("/certificates/vpn.example.org/log").await.problem(403), "forbidden");
        assert_eq!(house.nobody().get("/certificates/vpn.example.org/log").await.problem(401), "unauthenticated");
        assert_eq!(owner.get("/certificates/other.example/log").await.problem(404), "not_found");
        member.post("/devices", json!({ "name": "laptop" })).await.expect(StatusCode::CREATED);
        house.app.events_step().await.unwrap();
        assert_eq!(hers.next().await.unwrap().1["kind"], "device", "nothing was told before");
    }
}

/// Leaves a certificate in force, an order under way and an account behind.
pub(crate) async fn order_one_of_two(house: &House) {
    let [http, https] = free_ports();
    let town = Town::start(http, https, "0");
    let app = house.app.clone();
    let show = move |headers: HeaderMap, Path(token): Path<String>| async move {
        let is_seen = headers["host"].to_str().unwrap().starts_with("seen.example");
        if is_seen { app.http_proof(&token).await } else { None }.ok_or(StatusCode::NOT_FOUND)
    };
    let door = Router::new().route("/.well-known/acme-challenge/{token}", get(show));
    let listener = TcpListener::bind(("127.0.0.1", http)).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, door).await });
    let authority = fs::read_to_string(town.files.path().join("authority.pem")).unwrap();
    let acme =
        json!({ "terms_agreed": true, "directory": town.pebble.directory.url, "ca_certificate": authority });
    let names = json!(["seen.example", "unseen.example"]);
    let set = change(&house.host(), json!({ "tls_names": names, "acme": acme })).await;
    assert!(set.status.is_success(), "{}", set.body);
    house.app.order_step(&CancellationToken::new()).await.unwrap();
    let seen = house.host().get("/certificates/seen.example").await.body;
    assert_eq!(seen["state"], "valid", "{seen}");
}

async fn change(client: &Client, body: Value) -> crate::api_house::Answer {
    let tag = client.get("/settings").await.tag().to_owned();
    client.patch("/settings", &tag, body).await
}

/// An authority that looks for proofs on a port, and what its customers need.
pub(crate) struct Town {
    pub(crate) pebble: Pebble,
    pub(crate) files: tempfile::TempDir,
}

impl Town {
    /// `sleeps` is how many seconds, at most, the authority lets pass before it looks.
    pub(crate) fn start(http: u16, https: u16, sleeps: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let log = files.path().join("pebble.log");
        let pebble = Pebble::start(&Stage::elsewhere(http, https), |process| {
            if sleeps != "0" {
                process.env("PEBBLE_VA_NOSLEEP", "0").env("PEBBLE_VA_SLEEPTIME", sleeps);
            }
            logged(process, &log)
        });
        let roots = pebble.directory.extra_roots.clone().unwrap();
        fs::write(files.path().join("authority.pem"), roots).unwrap();
        Self { pebble, files }
    }

    pub(crate) fn launch(&self, name: &str, https: u16) -> Launch {
        let data = self.files.path().join(name);
        fs::create_dir_all(&data).unwrap();
        private(&data, 0o700);
        Launch::quiet(&data).with(&format!("listen.https=127.0.0.1:{https}"))
    }

    /// Sets the authority and the names by the verbs.
    fn order(&self, launch: &Launch, names: &str, method: &str) {
        launch.ask(&["settings", "update", "--outgoing-allowed", "127.0.0.0/8"]);
        let (url, file) = (self.pebble.directory.url.clone(), self.files.path().join("authority.pem"));
        let set = ["settings", "acme", "set", "--agree-terms", "--directory", &url, "--names", names];
        let more = ["--method", method, "--ca-file", &file.display().to_string()];
        launch.ask(&[&set[..], &more].concat());
    }

    /// How many orders the authority has taken.
    fn orders(&self) -> usize {
        let log = fs::read_to_string(self.files.path().join("pebble.log")).unwrap_or_default();
        log.matches("Added order").count()
    }
}

/// The same process, with its words in a file.
fn logged<'a>(process: &'a mut Command, log: &FilePath) -> &'a mut Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" >\"$LOG\" 2>&1"]).arg(process.get_program());
    shell.args(process.get_args()).env("LOG", log);
    for (key, value) in process.get_envs() {
        shell.env(key, value.unwrap_or_default());
    }
    *process = shell;
    process
}

fn until_valid(service: &Service, name: &str) {
    eventually("a certificate", PATIENCE * 2, || {
        let found = service.get(&format!("/api/v1/certificates/{name}"));
        assert!(found["failures"].as_u64().unwrap() < 4, "{found}\n{}", service.log());
        found["state"] == "valid"
    });
}

/// SHA-256 of the certificate that openssl is shown for the name.
pub(crate) fn shown(https: u16) -> String {
    let said = Command::new("openssl")
        .args(["s_client", "-servername", "vpn.example.org", "-connect", &format!("127.0.0.1:{https}")])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), said.stdout).unwrap();
    let output = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().split_once('=').map(|(_, print)| print.to_owned()).unwrap_or_default()
}

fn private(path: &FilePath, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
