//! The built binary with its own name server, on the ports that authorities look at: what is looked at before an order, and every
//! way of proof, from the setting to the certificate.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use caspervpn::config::address::Address;
use caspervpn::domain::time::Timestamp;
use caspervpn::edge::listener::{Listener, PassedSockets};
use caspervpn::edge::live_limits::LiveLimits;
use caspervpn::edge::secure::Secure;
use caspervpn::edge::server::Server;
use caspervpn::runtime::clock::{Clock as _, SystemClock};
use caspervpn::runtime::tasks::Tasks;
use caspervpn::tls::certificate::ServedCertificate;
use caspervpn::tls::outgoing::{Client, Limits};
use caspervpn::tls::self_signed;
use caspervpn::tls::served::ServedCertificates;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::lab::{Pebble, free_ports, loopback};
use super::stage::{LIMITS, Stage};
use crate::name_server::NameServer;
use crate::namespaces::{Namespace, needs_root};
use crate::service::{Launch, PATIENCE, Service, eventually};

#[test]
fn records_that_forbid_cost_no_order_and_tell_the_way_out() {
    inside("vpn IN A 127.0.0.1\n@ IN CAA 0 issue \"other.example\"", async |town| {
        let service = town.launch().serve();
        town.order(&service, "vpn.example.org", "http-01");

        let told = town.last_error(&service, "vpn.example.org");

        let sentence = "the CAA records of example.org let only other.example issue for vpn.example.org, and the authority is \
            ca.example; add `example.org. CAA 0 issue \"ca.example\"` or choose another authority";
        assert_eq!(told, sentence);
        let log = town.log(&service, "vpn.example.org");
        assert_eq!(
            kinds(&log),
            [
                "attempt_started",
                "account_registered",
                "dns_checked",
                "port_checked",
                "caa_checked",
                "attempt_failed"
            ]
        );
        assert_eq!((&log[4]["outcome"], &log[5]["detail"]), (&json!("failed"), &json!(sentence)));
        assert_eq!(log[5]["then_at"], town.certificate(&service, "vpn.example.org")["next_try_at"]);
        let table = town.launch().verb(&["tls", "status"]);
        assert!(String::from_utf8_lossy(&table.stdout).contains(sentence), "{table:?}");
        let first = town.certificate(&service, "vpn.example.org")["last_error_at"].clone();
        town.launch().ask(&["tls", "renew", "vpn.example.org"]);
        eventually("another attempt", PATIENCE, || {
            let found = town.certificate(&service, "vpn.example.org");
            found["last_error"] == sentence && found["last_error_at"] != first
        });
        assert_eq!(service.log().matches("let only other.example issue").count(), 1, "{}", service.log());

        town.names.update("update add example.org 1 CAA 0 issue \"ca.example\"");
        town.launch().ask(&["tls", "renew", "vpn.example.org"]);

        town.until_valid(&service, "vpn.example.org");
        assert!(!service.log().contains("although"), "the way here is good: {}", service.log());
    });
}

#[test]
fn a_port_that_leads_elsewhere_is_told_with_the_failure_and_forbids_nothing() {
    inside("vpn IN A 127.0.0.2", async |town| {
        let service = town.launch().serve();
        town.order(&service, "vpn.example.org", "http-01");

        let told = town.last_error(&service, "vpn.example.org");

        assert!(told.contains("connection refused"), "the authority was asked all the same: {told}");
        let log = town.log(&service, "vpn.example.org");
        let refused = log.iter().find(|line| line["kind"] == "challenge_invalid").unwrap();
        let words = refused["detail"].as_str().unwrap();
        assert!(
            told.contains(words) && words.contains("connection refused"),
            "the authority's own words: {refused}"
        );
        let port = log.iter().find(|line| line["kind"] == "port_checked").unwrap();
        assert_eq!((&port["outcome"], &port["about"]), (&json!("doubtful"), &json!("vpn.example.org:80")));
        let seen = "vpn.example.org leads to 127.0.0.2, and seen from here port 80 there takes no connections; let it lead to \
            listen.http of this service (behind NAT this may be seen so from inside only)";
        assert!(told.contains(seen), "{told}");
        assert!(
            service.log().contains("ordering a certificate of vpn.example.org although: "),
            "{}",
            service.log()
        );
    });
}

#[test]
fn each_step_of_an_order_stands_in_its_log_and_a_restart_keeps_it() {
    inside("vpn IN A 127.0.0.1\n@ IN CAA 0 issue \"ca.example\"", async |town| {
        let service = town.launch().serve();
        town.order(&service, "vpn.example.org", "http-01");
        town.until_valid(&service, "vpn.example.org");
        eventually("the last step", PATIENCE, || {
            town.log(&service, "vpn.example.org")
                .last()
                .is_some_and(|it| it["kind"] == "certificate_activated")
        });

        let log = town.log(&service, "vpn.example.org");

        assert_eq!(kinds(&log), STEPS);
        assert!(log.iter().all(|line| line["outcome"] == "done"), "{log:#?}");
        let told = |kind: &str, field: &str| {
            let line = log.iter().find(|line| line["kind"] == kind).unwrap();
            line[field].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(told("attempt_started", "detail"), "http-01");
        assert_eq!(told("dns_checked", "detail"), "127.0.0.1");
        assert_eq!(told("port_checked", "about"), "vpn.example.org:80");
        assert_eq!(told("challenge_prepared", "about"), "http://vpn.example.org/.well-known/acme-challenge/");
        let certificate = town.certificate(&service, "vpn.example.org");
        let then = ["certificate_received", "certificate_activated"].map(|kind| told(kind, "then_at"));
        assert_eq!(json!(then), json!([certificate["not_after"], certificate["next_try_at"]]));
        assert_eq!(told("certificate_received", "detail"), certificate["issuer"]);
        let at: Vec<_> =
            log.iter().map(|line| line["at"].as_str().unwrap().parse::<Timestamp>().unwrap()).collect();
        assert!(at.is_sorted(), "{log:#?}");

        service.stop();
        let service = town.launch().serve();
        assert_eq!(town.log(&service, "vpn.example.org"), log);
        let table =
            String::from_utf8(town.launch().verb(&["tls", "status", "vpn.example.org"]).stdout).unwrap();
        let words: Vec<_> =
            table.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(words, STEPS, "{table}");
    });
}

#[test]
fn a_handshake_convinces_the_authority_and_is_counted_as_what_it_is() {
    inside("vpn IN A 127.0.0.1", async |town| {
        let service = town.launch().serve();
        town.order(&service, "vpn.example.org", "tls-alpn-01");

        town.until_valid(&service, "vpn.example.org");

        let figures = service.call("GET", "/metrics", &[], None).body;
        let start = r#"caspervpn_tls_handshakes_total{listener="https",result="challenge"} "#;
        let count = figures.lines().find_map(|line| line.strip_prefix(start)?.parse::<u32>().ok());
        assert!(count.is_some_and(|count| count >= 1), "{figures}");
    });
}

#[test]
fn a_program_of_the_operators_proves_a_star() {
    inside("vpn IN A 127.0.0.1", async |town| {
        let hook = town.files.path().join("hook");
        let script = format!(
            "#!/bin/sh\nset -e\ncase $1 in set) act=add;; clear) act=delete;; esac\n\
             printf 'server 127.0.0.1\\nupdate %s %s. 1 TXT \"%s\"\\nsend\\n' \"$act\" \"$2\" \"$3\" | nsupdate -k {}\n\
             echo \"$1 $2\" >>{}\n",
            town.names.key().display(),
            town.files.path().join("calls").display()
        );
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let service = town.launch().with(&format!("tls.dns_hook={}", hook.display())).serve();
        town.order(&service, "*.example.org", "dns-01");

        town.until_valid(&service, "*.example.org");

        let calls = fs::read_to_string(town.files.path().join("calls")).unwrap();
        assert_eq!(calls, "set _acme-challenge.example.org\nclear _acme-challenge.example.org\n");
        let left =
            Command::new("dig").args(["@127.0.0.1", "+short", "TXT", "_acme-challenge.example.org"]).output();
        assert_eq!(String::from_utf8_lossy(&left.unwrap().stdout), "");
    });
}

/// What an order takes that goes well, the first at its authority.
const STEPS: [&str; 13] = [
    "attempt_started",
    "account_registered",
    "dns_checked",
    "port_checked",
    "caa_checked",
    "order_placed",
    "authorization_pending",
    "challenge_prepared",
    "challenge_submitted",
    "challenge_valid",
    "order_finalized",
    "certificate_received",
    "certificate_activated",
];

fn kinds(log: &[Value]) -> Vec<&str> {
    log.iter().map(|line| line["kind"].as_str().unwrap()).collect()
}

/// A network with a name server, an authority that calls itself ca.example, and room for a service.
struct Town {
    namespace: String,
    names: NameServer,
    /// Trusted by it, and where it is.
    roots: String,
    directory: String,
    files: TempDir,
    _pebble: Pebble,
    _tasks: Tasks,
}

/// Runs `act` in a network of its own, whose name server has these records.
fn inside(records: &str, act: impl AsyncFnOnce(&Town) + Send) {
    needs_root();
    let namespace = Namespace::create("whole");
    namespace.resolve_by("127.0.0.1");
    namespace.run(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { act(&Town::start(namespace.name(), records).await).await });
    });
}

impl Town {
    async fn start(namespace: &str, records: &str) -> Self {
        let names = NameServer::start(records);
        let pebble = Pebble::asking(&Stage::elsewhere(80, 443), 53);
        let (tasks, directory, roots) = named_directory(&pebble).await;
        Self {
            namespace: namespace.to_owned(),
            names,
            roots,
            directory,
            files: tempfile::tempdir().unwrap(),
            _pebble: pebble,
            _tasks: tasks,
        }
    }

    fn launch(&self) -> Launch {
        Launch::inside(&self.namespace, &self.files.path().join("data"))
            .with("tunnel.backend=off")
            .with("listen.http=127.0.0.1:80")
            .with("listen.https=127.0.0.1:443")
    }

    fn order(&self, service: &Service, name: &str, method: &str) {
        let acme = json!({ "terms_agreed": true, "method": method, "directory": self.directory, "ca_certificate": self.roots });
        let set = json!({ "outgoing_allowed": ["127.0.0.0/8"], "tls_names": [name], "acme": acme });
        service.change("PATCH", "/api/v1/settings", Some(set));
    }

    fn certificate(&self, service: &Service, name: &str) -> Value {
        service.call("GET", &format!("/api/v1/certificates/{name}"), &[], None).json()
    }

    fn log(&self, service: &Service, name: &str) -> Vec<Value> {
        let path = format!("/api/v1/certificates/{name}/log");
        service.call("GET", &path, &[], None).json()["items"].as_array().unwrap().clone()
    }

    fn last_error(&self, service: &Service, name: &str) -> String {
        let error = || self.certificate(service, name)["last_error"].as_str().map(str::to_owned);
        eventually("an error", PATIENCE, || error().is_some());
        error().unwrap()
    }

    fn until_valid(&self, service: &Service, name: &str) {
        eventually("a certificate", PATIENCE, || self.certificate(service, name)["state"] == "valid");
    }
}

/// The authority's directory with the name that it goes by in CAA records, which Pebble does not tell: where it is, and what its
/// server and the authority's are trusted by.
async fn named_directory(pebble: &Pebble) -> (Tasks, String, String) {
    let own = pebble.directory.extra_roots.clone().unwrap();
    let client = Client::new(Some(&own), Limits::default()).unwrap();
    let request = Request::get(&pebble.directory.url).body(Vec::new()).unwrap();
    let answer = client.send(&loopback(), request).await.unwrap();
    let mut directory: Value = serde_json::from_slice(answer.body()).unwrap();
    directory["meta"]["caaIdentities"] = json!(["ca.example"]);
    let directory = directory.to_string();
    let clock = Arc::new(SystemClock::new());
    let pair = self_signed::make(vec!["127.0.0.1".to_owned()], clock.now()).unwrap();
    let certificates = ServedCertificates::default();
    let certificate = ServedCertificate::from_pem(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap();
    certificates.set(&[certificate], clock.now());
    let tasks = Tasks::current(clock);
    let port = free_ports::<1>()[0];
    let address = Address::Tcp(format!("127.0.0.1:{port}").parse().unwrap());
    let listener = Listener::open(&address, 0o600, &mut PassedSockets::none()).unwrap();
    let routes = Router::new().route("/dir", get(async move || directory));
    let secure = Secure::new(certificates, 0).unwrap();
    Server::new("directory", routes, LiveLimits::new(LIMITS)).with_tls(secure).start(&tasks, listener);
    let roots = String::from_utf8(own).unwrap() + &pair.chain;
    (tasks, format!("https://127.0.0.1:{port}/dir"), roots)
}
