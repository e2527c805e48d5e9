//! What people do in a browser, in a real one on the real binary's pages: the first run, passkeys, the whole panel.

mod acts;
mod again;
mod certificate;
mod providers;
mod talk;
mod traffic;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use caspervpn::domain::key::PrivateKey;
use serde_json::{Value, json};

use crate::api_house::{PASSWORD, setup_request};
use crate::service::{Launch, Service};
use crate::tls::House;

#[test]
fn e2e_the_setup_page_makes_a_configuration_that_only_the_browser_knows_whole() {
    needs_browser();
    let directory = tempfile::tempdir().unwrap();
    let (launch, address) = reachable(&directory);
    let service = launch.serve();
    let link = launch.ask(&["setup-link"])["url"].as_str().unwrap().to_owned();
    let pictures = pictures();

    let found = browse(&link, &pictures);

    let file = found["file"].as_str().unwrap();
    let conf = std::fs::read_to_string(pictures.join(file)).unwrap();
    let private_key = value_of(&conf, "PrivateKey");
    let device = service.get("/api/v1/devices")["items"][0].clone();
    let key: PrivateKey = private_key.parse().unwrap();
    assert_eq!(device["public_key"], key.public_key().to_string());
    assert_eq!(value_of(&conf, "Endpoint"), "vpn.example.org:51820");
    assert_eq!(device["has_private_key"], false);

    assert_eq!(
        meaning(&scan(&pictures.join("setup-qr.png"))),
        meaning(&conf),
        "the QR code says what the file says"
    );

    assert!(!found.to_string().contains(&private_key), "the key never left the browser");
    assert!(!service.log().contains(&private_key));
    let shown = found["shown"].as_str().unwrap();
    assert!(!shown.contains('#'), "the spent token is out of the address: {shown}");
    for request in found["requests"].as_array().unwrap() {
        let url = request["url"].as_str().unwrap();
        let own =
            ["blob:", "data:", &format!("http://{address}/")].iter().any(|start| url.starts_with(start));
        assert!(own, "the page asks nobody else: {url}");
    }
    assert_eq!(found["complaints"], serde_json::json!([]), "the browser has nothing to say against the page");
    assert_eq!(service.get("/api/v1/users")["items"].as_array().unwrap().len(), 1, "the link worked once");
}

#[test]
fn e2e_passkeys_are_made_and_used_by_a_real_browser_once_each() {
    needs_browser();
    let directory = tempfile::tempdir().unwrap();
    let (launch, address) = reachable(&directory);
    let port = address.port();
    let service = launch.serve();
    service.post("/api/v1/setup", Some(setup_request()));
    for login in ["ada", "bob"] {
        service.post("/api/v1/users", Some(json!({ "login": login, "role": "admin", "password": PASSWORD })));
    }
    let origin = format!("http://localhost:{port}");
    launch.ask(&["settings", "update", "--panel-url", &origin]);

    let found = drive("passkeys.mjs", &[&origin, PASSWORD]);

    let expected = json!({
        "registered": { "status": 201, "recovery_codes": 10, "has_mfa": true },
        "registered_again": 409,
        "second_factor": { "asked": 202, "methods": ["passkey", "recovery_code"], "status": 201, "replayed": 401 },
        "passwordless": { "status": 201, "login": "ada", "replayed": 401, "with_another_challenge": 401 },
        "answers_for_another": 401,
        "unverified": 401,
        "stepped_up": { "status": 204, "replayed": 409 },
        "second_passkey": { "status": 201, "recovery_codes": null, "listed": ["laptop", "key"], "renamed": 200 },
        "copied": 401,
        "deleted": { "status": 204, "signs_in": 401 },
    });
    assert_eq!(found, expected);
    let audited = |action: &str| {
        let events = service.get(&format!("/api/v1/audit?action={action}"));
        events["items"].as_array().unwrap().len()
    };
    assert_eq!(audited("passkey_counted_back"), 1);
    assert!(audited("session_passkey") >= 5, "refusals are written down");
    assert_eq!((audited("me_passkey_create"), audited("me_passkey_delete")), (3, 1));
    assert!(!service.log().contains("\"level\":\"ERROR\""), "{}", service.log());
}

#[test]
fn e2e_a_cookie_is_out_of_reach_of_scripts_and_of_pages_of_others() {
    needs_browser();
    let directory = tempfile::tempdir().unwrap();
    let (launch, address) = reachable(&directory);
    let port = address.port();
    let service = launch.serve();
    service.post("/api/v1/setup", Some(setup_request()));
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=vpn.casper.test",
            "-out",
        ])
        .args([&certificate, Path::new("-keyout"), &key])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let paths = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let found = drive("cookies.mjs", &[&port.to_string(), "owner", PASSWORD, paths[0], paths[1]]);

    let cookie = json!({
        "status": 201, "name": "__Host-caspervpn", "domain": "vpn.casper.test", "path": "/", "httpOnly": true,
        "secure": true, "sameSite": "Strict", "lasts": false, "scripts_see": "",
    });
    assert_eq!(found["cookie"], cookie);
    let own = json!({ "reads": 200, "proof_again": true, "changes_without_proof": 403, "changes": 200 });
    assert_eq!(found["own_page"], own);
    let no_cookie = json!({ "read": "refused by the browser", "blindly": 401, "cookie_went": false });
    assert_eq!(found["stranger"], no_cookie);
    let no_proof = json!({ "read": "refused by the browser", "blindly": 403, "cookie_went": true });
    assert_eq!(found["neighbour"], no_proof, "the browser sends it, and the service asks for the proof");
    assert_eq!(found["signed_out"], json!({ "status": 204, "cookies": 0, "reads": 401 }));
    assert!(!service.log().contains("\"level\":\"ERROR\""), "{}", service.log());
}

#[test]
fn e2e_a_browser_reads_the_pages_over_http_2_and_over_http_3() {
    needs_browser();
    let house = House::new();
    let service = house.launch(&[]).with("tls.http3=true").serve();
    let origin = format!("https://localhost:{}", house.https.port());
    let certificate = house.directory.path().join("data/self-signed.pem").display().to_string();

    for (how, protocol) in [("tcp", "h2"), ("quic", "h3")] {
        let found = drive("protocols.mjs", &[&origin, &certificate, how]);

        assert_eq!(found["status"], 200, "{how}: {found}");
        assert_eq!(found["complaints"], json!([]), "{how}");
        let protocols = found["protocols"].as_array().unwrap();
        assert!(protocols.len() > 1 && protocols.iter().all(|it| it == protocol), "{how}: {found}");
        assert_eq!(found["certificate"], "CasperVPN, self-signed", "{how}: {found}");
    }
    assert!(!service.log().contains("\"level\":\"ERROR\""), "{}", service.log());
}

#[test]
fn e2e_an_operator_works_in_the_panel_from_a_new_user_to_the_audit() {
    let house = Panel::start();

    let found = house.drive("panel.mjs", &["work"]);

    assert_eq!(found["left_out"], json!([]));
    assert_eq!(found["complaints"], json!([]));
    let work = &found["work"];
    let told =
        ["user_made", "network_made", "device_disabled", "audit_shows_it", "found_by_palette", "told_live"];
    for step in told {
        assert_eq!(work[step], true, "{step}: {found}");
    }
    assert_eq!(work["restored_from_its_page"], json!([null, null, null]), "{found}");
    assert_eq!(work["bulk_and_undo"], json!({ "disabled": 3, "after_undo": 0 }));
    let kept = json!(["/users/new", "kept-*", "Typed before"]);
    let ended = json!({ "kept": kept, "before": 0, "made": ["Typed before"] });
    assert_eq!(work["session_ended_in_a_form"], ended, "{found}");
    assert_eq!(work["session_ended_while_saving"], json!({ "made": ["Sent again"] }), "{found}");
    assert_eq!(work["device_made"]["made"], true, "{found}");
    assert_eq!(work["second_factor"], json!({ "recovery_codes": 10, "has_mfa": true }), "{found}");
    let conf = std::fs::read_to_string(house.pictures.join("device.conf")).unwrap();
    assert_eq!(
        meaning(&scan(&house.pictures.join("device-qr.png"))),
        meaning(&conf),
        "the QR code says what the file says"
    );
    assert!(!house.service.log().contains(&value_of(&conf, "PrivateKey")), "the key never left the browser");
}

#[test]
fn e2e_every_page_is_whole_in_light() {
    every_page_is_whole("light");
}

#[test]
fn e2e_every_page_is_whole_in_the_dark() {
    every_page_is_whole("dark");
}

#[test]
fn e2e_every_page_is_whole_on_a_phone() {
    every_page_is_whole("narrow");
}

#[test]
fn e2e_every_page_is_whole_from_right_to_left() {
    every_page_is_whole("fa");
}

/// Looks at every page there is: nothing for axe to find, nothing that the content security policy stops, no word of the
/// browser's, nothing to scroll to sideways.
fn every_page_is_whole(look: &str) {
    let found = Panel::start().drive("panel.mjs", &[look]);

    for kind in ["axe", "policy", "complaints", "sideways", "not_there"] {
        assert_eq!(found[kind], json!([]), "{look} {kind}");
    }
    assert!(found["visited"].as_u64().unwrap() >= 44, "{found}");
}

#[test]
fn e2e_lighthouse_finds_the_login_and_the_overview_accessible_and_well_made() {
    let house = Panel::start();

    let found = house.drive("lighthouse.mjs", &["/sign-in", "/"]);

    for path in ["/sign-in", "/"] {
        assert_eq!(found[path]["shown"], format!("{}{path}", house.origin));
        assert_eq!(found[path]["wrong"], json!([]), "{path}");
        let scores = &found[path]["scores"];
        assert_eq!(
            (&scores["accessibility"], &scores["best-practices"]),
            (&json!(100), &json!(100)),
            "{path}"
        );
    }
}

/// A service with something of every noun, and where its pages' pictures go.
struct Panel {
    service: Service,
    launch: Launch,
    origin: String,
    pictures: PathBuf,
    _directory: tempfile::TempDir,
}

impl Panel {
    fn start() -> Self {
        needs_browser();
        let directory = tempfile::tempdir().unwrap();
        let (launch, address) = reachable(&directory);
        let service = launch.serve();
        let owner = service.post("/api/v1/setup", Some(setup_request()))["user_id"].clone();
        service
            .post("/api/v1/users", Some(json!({ "login": "ada", "role": "member", "password": PASSWORD })));
        service.post("/api/v1/devices", Some(json!({ "name": "laptop", "user_id": owner })));
        service.post("/api/v1/invites", Some(json!({ "role": "member" })));
        let token = json!({ "name": "report", "scopes": ["device_list"], "user_id": owner });
        service.post("/api/v1/api-tokens", Some(token));
        service.post("/api/v1/webhooks", Some(json!({ "url": "https://example.org/hook", "active": false })));
        Self {
            service,
            launch,
            origin: format!("http://localhost:{}", address.port()),
            pictures: pictures(),
            _directory: directory,
        }
    }

    /// Runs a script with where the panel is, who signs in and where pictures go.
    fn drive(&self, script: &str, arguments: &[&str]) -> Value {
        drive(script, &[&self.given()[..], arguments].concat())
    }

    fn given(&self) -> [&str; 4] {
        [&self.origin, "owner", PASSWORD, self.pictures.to_str().unwrap()]
    }
}

/// A service at an address that is free now: a browser cannot open a unix socket.
fn reachable(directory: &tempfile::TempDir) -> (Launch, SocketAddr) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (Launch::quiet(&directory.path().join("data")).with(&format!("listen.api={address}")), address)
}

/// Ends the test where there is no browser, or nothing to drive it. `make test` leaves the test out there.
fn needs_browser() {
    let driver = root().join("web/node_modules/playwright-core");
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    for path in [driver, PathBuf::from(chromium)] {
        assert!(path.exists(), "{} is missing; `make setup` installs it", path.display());
    }
}

fn browse(link: &str, pictures: &Path) -> Value {
    drive("setup.mjs", &[link, pictures.to_str().unwrap()])
}

/// Runs a script of the browser's, and gives what it found. A browser that hangs is ended, with the script.
fn drive(script: &str, arguments: &[&str]) -> Value {
    let output = Command::new("timeout").args(words(script, arguments)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What `timeout` is told to run.
fn words(script: &str, arguments: &[&str]) -> Vec<String> {
    let script = root().join("tests/e2e").join(script).display().to_string();
    let arguments = arguments.iter().map(|it| (*it).to_owned());
    ["400".to_owned(), "node".to_owned(), script].into_iter().chain(arguments).collect()
}

/// What a second implementation reads from a picture of a QR code.
fn scan(picture: &Path) -> String {
    let output = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(picture).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines that say something: a QR code leaves comments and empty lines out.
fn meaning(conf: &str) -> Vec<&str> {
    conf.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

fn value_of(conf: &str, name: &str) -> String {
    let line = conf.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    line.unwrap_or_else(|| panic!("no {name}: {conf}")).to_owned()
}

/// Beside the test's binary, where a person can look at them afterwards.
fn pictures() -> PathBuf {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let pictures = target.join("e2e");
    std::fs::create_dir_all(&pictures).unwrap();
    pictures
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
