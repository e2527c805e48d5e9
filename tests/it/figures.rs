//! Who sees the metrics: this machine, whoever shows the token, whoever reaches the address that is made for it, and nobody else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::edge_proxy::replica::Replica;
use crate::service::{Answer, Launch, exchange};
use crate::tls::House;

const TOKEN: &str = "a-token-that-nobody-guesses";

#[test]
fn strangers_see_none_and_are_not_told_that_there_are_any() {
    let house = House::new();
    let service = house.launch(&[]).with("listen.public=unix:public.sock").serve();
    let data = house.directory.path().join("data");

    for way in ["api.sock", "public.sock"] {
        assert_eq!(ask(&data, way, None).status, 404, "{way}");
        assert_eq!(ask(&data, way, Some(TOKEN)).status, 404, "{way}");
    }
    assert_eq!(house.curl(&["--insecure"], "localhost", "/metrics"), "404");
    assert_eq!(ask(&data, "caspervpn.sock", None).status, 200, "the command line's socket has them");
    service.stop();
}

#[test]
fn the_token_opens_the_listeners_of_strangers_and_nothing_else_does() {
    let house = House::new();
    let token = write(house.directory.path(), TOKEN);
    let service = house
        .launch(&[])
        .with("listen.public=unix:public.sock")
        .with("listen.metrics=unix:metrics.sock")
        .with(&format!("metrics.token=file:{}", token.display()))
        .serve();
    let data = house.directory.path().join("data");

    for way in ["api.sock", "public.sock", "metrics.sock"] {
        let found = ask(&data, way, Some(TOKEN));
        assert!(found.status == 200 && found.body.contains("caspervpn_ready"), "{way}: {found:?}");
        for other in [None, Some("a-token-that-nobody-guesse"), Some("")] {
            let refused = ask(&data, way, other);
            assert!(refused.status == 401 && !refused.body.contains("caspervpn_ready"), "{way}: {refused:?}");
        }
    }
    let header = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(house.curl(&["--insecure", "-H", &header], "localhost", "/metrics"), "200");
    assert_eq!(house.curl(&["--insecure"], "localhost", "/metrics"), "401");
    assert!(!service.log().contains(TOKEN));
    let shown =
        house.launch(&[]).with(&format!("metrics.token=file:{}", token.display())).verb(&["config", "show"]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(TOKEN));

    house.launch(&[]).ask(&["settings", "update", "--api-only-from-vpn", "true"]);
    for shown in [&["--insecure", "-H", &header][..], &["--insecure"]] {
        assert_eq!(
            house.curl(shown, "localhost", "/metrics"),
            "403",
            "who may not come in is not asked for more"
        );
    }
    service.stop();
}

#[test]
fn an_address_of_their_own_has_the_figures_and_nothing_besides() {
    let house = House::new();
    let service = house.launch(&[]).with("listen.metrics=unix:metrics.sock").serve();
    let data = house.directory.path().join("data");

    assert!(ask(&data, "metrics.sock", None).body.contains("caspervpn_ready"));
    for path in ["/", "/health", "/readyz", "/api/v1/openapi.json"] {
        let stream = UnixStream::connect(data.join("metrics.sock")).unwrap();
        assert_eq!(exchange(stream, "GET", path, &[], None).unwrap().status, 404, "{path}");
    }
    assert_eq!(house.curl(&["--insecure"], "localhost", "/metrics"), "404");
    service.stop();
}

#[test]
fn an_edge_shows_its_own_figures_to_whoever_has_its_token() {
    let (replica, directory) = (Replica::start(), tempfile::tempdir().unwrap());
    let token = write(directory.path(), TOKEN);
    let data = directory.path().join("data");
    let _edge = Launch::quiet(&data)
        .with("server.roles=edge")
        .with("listen.public=unix:public.sock")
        .with(&format!("proxy.upstreams={}", replica.url()))
        .with(&format!("metrics.token=file:{}", token.display()))
        .serve();

    let found = ask(&data, "public.sock", Some(TOKEN));

    assert!(found.status == 200 && found.body.contains("caspervpn_proxy_upstream_up"), "{found:?}");
    assert_eq!(ask(&data, "public.sock", None).status, 401);
}

#[test]
fn a_token_that_could_be_guessed_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let token = write(directory.path(), "short");
    let launch = Launch::quiet(&directory.path().join("data"))
        .with(&format!("metrics.token=file:{}", token.display()));

    let (code, log) = launch.refused();

    assert_eq!(code, Some(78), "{log}");
    assert!(
        log.contains("metrics.token") && log.contains("openssl rand") && !log.contains("short\n"),
        "{log}"
    );
}

fn write(folder: &Path, token: &str) -> PathBuf {
    let path = folder.join("token");
    fs::write(&path, format!("{token}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn ask(data: &Path, socket: &str, token: Option<&str>) -> Answer {
    let stream = UnixStream::connect(data.join(socket)).unwrap();
    let header = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = header.iter().map(|value| ("Authorization", value.as_str())).collect();
    exchange(stream, "GET", "/metrics", &headers, None).unwrap()
}
