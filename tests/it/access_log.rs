//! What the access log tells of requests, and what it must never tell.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;
use tempfile::TempDir;

use crate::service::{Launch, PATIENCE, Service};

/// Stands in every place of a request where a secret could be.
const SECRET: &str = "tok_9f3a61";

#[test]
fn a_combined_line_shows_routes_and_pages_and_no_secret_and_the_last_is_written_before_the_end() {
    let house = House::new(&["log.access=combined"]);
    for request in [
        format!("POST /api/v1/links/{SECRET}?key={SECRET}"),
        format!("GET /api/v1/devices/{SECRET}"),
        format!("GET /?token={SECRET}"),
        format!("GET /.env/{SECRET}"),
        format!("BREW /{SECRET}"),
        "GET /livez".to_owned(),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        house.ask(method, path);
    }

    let said = house.service.stop();

    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("- - - [")).collect();
    let asked: Vec<_> = lines.iter().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(
        asked,
        [
            "POST /api/{*rest} HTTP/1.1",
            "GET /api/v1/devices/{id} HTTP/1.1",
            "GET / HTTP/1.1",
            "GET _other HTTP/1.1",
            "_other _other HTTP/1.1",
        ],
        "probes are left out, and so is what is not ours: {said}"
    );
    let end = " \"https://mail.example\" \"Mozilla/5.0 \\\"x\\\"\"";
    assert!(lines.iter().all(|line| line.ends_with(end)), "{lines:?}");
    assert!(lines[1].contains("\" 401 "), "{}", lines[1]);
    assert!(!said.contains(SECRET), "{said}");
    assert!(!said.contains(" answered 401"), "requests are told once: {said}");
}

#[test]
fn a_json_line_has_the_id_of_the_answer_and_the_bytes_of_its_body() {
    let house = House::new(&["log.access=json"]);
    let answer = house.ask("GET", "/api/v1/devices");
    let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap().to_owned();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();

    let said = house.service.stop();

    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.into_iter().find(|line| line["target"] == "/api/v1/devices").unwrap();
    assert_eq!((&line["request_id"], &line["status"]), (&id.into(), &401.into()));
    assert_eq!((&line["bytes"], &line["listener"]), (&body.len().into(), &"api".into()));
    assert_eq!((&line["address"], &line["referrer"]), (&Value::Null, &"https://mail.example".into()));
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
}

#[test]
fn without_the_setting_requests_are_told_in_the_log_as_ever() {
    let house = House::new(&[]);
    house.ask("GET", "/api/v1/devices");

    let said = house.service.stop();

    assert!(said.contains("GET /api/v1/devices answered 401"), "{said}");
    assert!(!said.contains("mail.example") && !said.contains("Mozilla"), "{said}");
    assert!(!said.contains("request.upstream"), "nobody else has answered: {said}");
}

struct House {
    service: Service,
    directory: TempDir,
}

impl House {
    fn new(settings: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let launch = Launch::quiet(&directory.path().join("data"));
        let launch = settings.iter().fold(launch, |launch, setting| launch.with(setting));
        Self { service: launch.serve(), directory }
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = UnixStream::connect(self.directory.path().join("data/api.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: vpn.example.org\r\nConnection: close\r\nContent-Length: 0\r\n\
             Referer: https://mail.example/read?from={SECRET}\r\nUser-Agent: Mozilla/5.0 \"x\"\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}
