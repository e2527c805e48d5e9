//! What strangers meet who come from other addresses than this host's own: in a network namespace, by curl.

use serde_json::Value;
use tempfile::TempDir;

use crate::namespaces::{Namespace, needs_root};
use crate::service::{Launch, Service};

#[test]
fn who_asks_too_often_is_refused_on_every_door_and_neighbours_are_not() {
    let place = Place::new(&["limits.requests_anonymous_per_minute=10"]);
    let over_tls = "https://203.0.113.1/no/such/page-[1-8]";

    let first = place.codes("203.0.113.2", over_tls);
    let then = place.codes("203.0.113.2", "http://203.0.113.1/no/such/page-[1-4]");

    assert_eq!(first, ["404"; 8]);
    assert_eq!(then, ["308", "308", "429", "429"], "the doors share one budget");
    assert_eq!(place.codes("203.0.113.3", over_tls), ["404"; 8], "another address has its own");
    assert_eq!(place.codes("2001:db8::2", "https://[2001:db8::1]/[1-11]").last().unwrap(), "429");
    assert_eq!(place.codes("2001:db8::3", "https://[2001:db8::1]/livez"), ["429"], "of the same /64");
    assert_eq!(place.codes("127.0.0.1", "https://127.0.0.1/livez?[1-20]"), ["200"; 20]);
    let metrics = place.codes("203.0.113.2", "http://203.0.113.1:8081/metrics?[1-20]");
    assert_eq!(metrics, ["200"; 20], "the internal listener is not limited");
    let counted = place.service.call("GET", "/metrics", &[], None).body;
    assert!(counted.contains("caspervpn_ratelimit_rejected_total{layer=\"anonymous\"} 4\n"), "{counted}");
}

#[test]
fn a_refusal_is_a_problem_with_its_id_and_the_time_to_wait_and_credentials_have_their_own_budget() {
    let limits = [
        "limits.requests_anonymous_per_minute=3",
        "limits.requests_with_credentials_per_minute=100",
        "api.allowed_origins=https://panel.example.org",
    ];
    let place = Place::new(&limits);
    let asked = "https://203.0.113.1/api/v1/openapi.json";

    let (head, _) = place.whole(&["--http1.1", asked]);
    assert!(head.contains("\r\nratelimit-policy: \"anonymous\";q=3;w=60\r\n"), "{head}");
    assert!(head.contains("\r\nratelimit: \"anonymous\";r=2;t=40\r\n"), "{head}");
    place.codes("203.0.113.2", "https://203.0.113.1/[1-3]");

    let (head, body) = place.whole(&["--http1.1", asked]);

    let problem: Value = serde_json::from_str(&body).unwrap();
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).trim().to_owned()
    };
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    assert_eq!((&problem["code"], &problem["status"]), (&"too_many_requests".into(), &429.into()));
    assert_eq!(header("content-type"), "application/problem+json");
    assert_eq!(problem["request_id"], header("x-request-id"));
    let wait: u64 = header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait} s for one of three a minute");
    assert_eq!(header("ratelimit"), format!("\"anonymous\";r=0;t={wait}"));

    let cross = ["--header", "origin: https://panel.example.org"];
    let (head, _) = place.whole(&[&cross[..], &["--http1.1", asked]].concat());
    let readable = "\r\naccess-control-allow-origin: https://panel.example.org\r\n";
    assert!(head.starts_with("HTTP/1.1 429 ") && head.contains(readable), "a page sees why: {head}");
    let preflight =
        ["--request", "OPTIONS", "--header", "access-control-request-method: GET", "--http1.1", asked];
    let (head, _) = place.whole(&[&cross[..], &preflight].concat());
    assert!(head.starts_with("HTTP/1.1 200 "), "a preflight costs nothing: {head}");

    let signed = ["--header", "authorization: Bearer nonsense", "--http1.1", asked];
    let (head, _) = place.whole(&signed);
    assert!(head.contains("\r\nratelimit-policy: \"credentials\";q=100;w=60\r\n"), "{head}");
}

#[test]
fn the_access_log_shows_as_much_of_an_address_as_was_asked_for() {
    for (how, shown) in
        [("full", ["203.0.113.2", "2001:db8::2"]), ("truncated", ["203.0.113.0", "2001:db8::"])]
    {
        let place = Place::new(&["log.access=combined", &format!("log.access_addresses={how}")]);
        place.codes("203.0.113.2", "http://203.0.113.1/");
        place.codes("2001:db8::2", "https://[2001:db8::1]/");

        let said = place.stop();

        for (address, asked) in shown.into_iter().zip(["\"GET / HTTP/1.1\" 308 ", "\"GET / HTTP/2.0\" "]) {
            let is_told = |line: &str| line.starts_with(&format!("{address} - - [")) && line.contains(asked);
            assert!(said.lines().any(is_told), "{how}: no {address} with {asked} in {said}");
        }
    }
}

/// A server in a namespace of its own, which has addresses of three clients.
struct Place {
    service: Service,
    namespace: Namespace,
    _directory: TempDir,
}

impl Place {
    fn new(settings: &[&str]) -> Self {
        needs_root();
        let namespace = Namespace::create("strangers");
        for address in [
            "203.0.113.1/24",
            "203.0.113.2/24",
            "203.0.113.3/24",
            "2001:db8::1/64",
            "2001:db8::2/64",
            "2001:db8::3/64",
        ] {
            namespace.shell(&format!("ip addr add {address} dev lo"));
        }
        let directory = tempfile::tempdir().unwrap();
        let launch = Launch::inside(namespace.name(), &directory.path().join("data"))
            .with("tunnel.backend=off")
            .with("listen.agent=0.0.0.0:8081");
        let launch = settings.iter().fold(launch, |launch, setting| launch.with(setting));
        Self { service: launch.serve(), namespace, _directory: directory }
    }

    /// Ends it; what it said.
    fn stop(self) -> String {
        self.service.stop()
    }

    /// The status of each of the addresses that `url` stands for, asked from `address`.
    fn codes(&self, address: &str, url: &str) -> Vec<String> {
        let asked =
            format!("{CURL} --interface {address} --output /dev/null --write-out '%{{http_code}} ' '{url}'");
        self.namespace.shell(&asked).split_whitespace().map(str::to_owned).collect()
    }

    /// Head and body of an answer to 203.0.113.2.
    fn whole(&self, arguments: &[&str]) -> (String, String) {
        let quoted: Vec<_> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let answer =
            self.namespace.shell(&format!("{CURL} --interface 203.0.113.2 --include {}", quoted.join(" ")));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (format!("{head}\r\n"), body.to_owned())
    }
}

const CURL: &str = "curl --silent --show-error --insecure --max-time 20";
