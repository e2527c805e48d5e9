//! What browsers are told about pages of other origins that call the API: requests as a browser sends them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use tempfile::TempDir;

use crate::service::{Launch, PATIENCE, Service};

const PANEL: &str = "https://panel.example.org";

/// What Chromium sends before a PATCH with a token.
const PREFLIGHT: &str = "Access-Control-Request-Method: PATCH\r\n\
    Access-Control-Request-Headers: authorization,content-type,if-match\r\nSec-Fetch-Mode: cors\r\n";

#[test]
fn a_named_origin_may_ask_with_a_token_and_read_what_it_needs() {
    let house = House::new("api.allowed_origins=https://panel.example.org,http://localhost:3000");

    let preflight = house.ask("OPTIONS", "/api/v1/devices/x", &format!("Origin: {PANEL}\r\n{PREFLIGHT}"));
    assert_eq!(preflight.status, 200, "nobody has to be signed in for it");
    assert_eq!(preflight.header("access-control-allow-origin"), PANEL);
    assert!(preflight.lists("access-control-allow-methods", &["patch", "delete", "post"]), "{preflight:?}");
    let headers = ["authorization", "content-type", "if-match", "idempotency-key"];
    assert!(preflight.lists("access-control-allow-headers", &headers), "{preflight:?}");
    assert_eq!(preflight.header("access-control-max-age"), "7200");
    assert_eq!(preflight.header("vary"), "origin");

    let refused = house.ask("GET", "/api/v1/devices", "Origin: http://localhost:3000\r\n");
    assert_eq!((refused.status, refused.header("vary")), (401, "origin"));
    assert_eq!(
        refused.header("access-control-allow-origin"),
        "http://localhost:3000",
        "a refusal is read too"
    );
    let read = ["etag", "location", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"];
    assert!(refused.lists("access-control-expose-headers", &read), "{refused:?}");
    for answer in [&preflight, &refused] {
        assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
    }
}

#[test]
fn nobody_else_is_let_in_and_pages_are_not_shared() {
    let house = House::new(&format!("api.allowed_origins={PANEL}"));

    for origin in [
        "https://panel.example.org.evil.example",
        "https://evilpanel.example.org",
        "http://panel.example.org",
        "https://panel.example.org:8443",
        "https://PANEL.example.org",
        "null",
        "*",
    ] {
        let asked = house.ask("GET", "/api/v1/openapi.json", &format!("Origin: {origin}\r\n"));
        assert!(asked.status == 200 && asked.shares_nothing(), "{origin}: {asked:?}");
        assert_eq!(asked.header("vary"), "origin", "no cache hands it to the other");
        let preflight = house.ask("OPTIONS", "/api/v1/devices", &format!("Origin: {origin}\r\n{PREFLIGHT}"));
        assert!(preflight.status == 405 && preflight.shares_nothing(), "{origin}: {preflight:?}");
    }
    let page = house.ask("GET", "/setup", &format!("Origin: {PANEL}\r\n"));
    assert!(page.shares_nothing(), "{page:?}");
    let options = house.ask("OPTIONS", "/api/v1/devices", &format!("Origin: {PANEL}\r\n"));
    assert_eq!(options.status, 405, "without a method to ask about it is no preflight");
    assert!(options.lists("allow", &["get", "post"]), "{options:?}");
}

#[test]
fn without_the_setting_no_origin_is_let_in() {
    let house = House::new("api.allowed_origins=");

    let asked = house.ask("GET", "/api/v1/openapi.json", &format!("Origin: {PANEL}\r\n"));
    let preflight = house.ask("OPTIONS", "/api/v1/devices", &format!("Origin: {PANEL}\r\n{PREFLIGHT}"));

    assert!(asked.shares_nothing() && preflight.shares_nothing(), "{asked:?} {preflight:?}");
    assert_eq!((asked.status, preflight.status), (200, 405));
}

struct House {
    _service: Service,
    directory: TempDir,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
}

impl House {
    fn new(setting: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let service = Launch::quiet(&directory.path().join("data")).with(setting).serve();
        Self { _service: service, directory }
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = UnixStream::connect(self.directory.path().join("data/api.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: vpn.example.org\r\nConnection: close\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        let pair =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Answer {
            status: status.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.split("\r\n").filter_map(pair).collect(),
        }
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    fn lists(&self, name: &str, wanted: &[&str]) -> bool {
        let listed: Vec<_> =
            self.header(name).split(',').map(|word| word.trim().to_ascii_lowercase()).collect();
        wanted.iter().all(|word| listed.iter().any(|listed| listed == word))
    }

    fn shares_nothing(&self) -> bool {
        !self.headers.keys().any(|name| name.starts_with("access-control-"))
    }
}
