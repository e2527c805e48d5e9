//! The built program from the outside: exit codes, verbs with the server running and stopped, doctor, demonstration.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A data directory with a server's settings.
struct Place {
    dir: TempDir,
    port: u16,
}

/// A running `caspervpn`, stopped when it is dropped.
struct Running(Child);

impl Place {
    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { dir: tempfile::tempdir().unwrap(), port }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.arg("--data-dir").arg(self.data()).args(["--config", "/dev/null"]).args([
            "--set",
            &format!("listen.api=127.0.0.1:{}", self.port),
            "--set",
            "listen.agent=off",
            "--set",
            "listen.https=off",
            "--set",
            "listen.http=off",
            "--set",
            "tunnel.backend=off",
        ]);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.command(args).arg("--json").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        json(&output)
    }

    /// The answer of a verb that says no.
    fn json_of_failure(&self, args: &[&str]) -> Value {
        let output = self.command(args).arg("--json").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        json(&output)
    }

    fn serve(&self) -> Running {
        let child = self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let running = Running(child);
        until("the server is ready", || self.run(&["healthcheck"]).status.success());
        running
    }

    fn set_up(&self) {
        let file = self.dir.path().join("setup.toml");
        fs::write(self.dir.path().join("ada.password"), "correct horse battery\n").unwrap();
        let plan = "token_file = \"ada.token\"\n[owner]\nlogin = \"ada\"\npassword_file = \"ada.password\"\n\
                    [endpoint]\nhost = \"192.0.2.1\"\n[network]\nname = \"office\"\nipv4 = \"10.213.7.0/24\"\n\
                    dns = [\"9.9.9.9\"]\n";
        fs::write(&file, plan).unwrap();
        let output = self.run(&["setup", "--file", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

impl Running {
    fn stop(mut self) -> Option<i32> {
        terminate(&self.0);
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_caspervpn"));
    command.args(args).env_remove("CASPERVPN_CONFIG").stdin(Stdio::null());
    command
}

fn terminate(child: &Child) {
    let done = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON; {}", text(&output.stderr)))
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn wrong_usage_ends_with_2_and_refused_settings_with_78() {
    let place = Place::new();

    let unknown_verb = program(&["usr", "list"]).output().unwrap();
    let password_argument = program(&["user", "set-password", "ada", "secret"]).output().unwrap();
    let unknown_key = place.run(&["config", "check", "--set", "server.data_dri=/x"]);
    let help = program(&["device", "qr", "--help"]).output().unwrap();

    assert_eq!((unknown_verb.status.code(), password_argument.status.code()), (Some(2), Some(2)));
    assert_eq!(unknown_key.status.code(), Some(78));
    assert!(
        text(&unknown_key.stderr).contains("did you mean server.data_dir?"),
        "{}",
        text(&unknown_key.stderr)
    );
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Example:"));
}

#[test]
fn settings_are_shown_with_their_source_and_without_their_secrets() {
    let place = Place::new();

    let shown = place.run(&["config", "show", "--set", "database.url=postgres://casper:hunter2@db/casper"]);

    let said = text(&shown.stdout);
    assert!(said.contains("--data-dir") && said.contains("postgres://casper:***@db/casper"), "{said}");
    assert!(!said.contains("hunter2"));
}

#[test]
fn verbs_answer_the_same_with_the_server_stopped_and_running() {
    let place = Place::new();
    place.set_up();
    let made = place.run(&["user", "create", "grace", "--role", "admin", "--data-limit", "50GiB"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let asked: [&[&str]; 9] = [
        &["overview"],
        &["usage", "--from", "2026-01-01", "--to", "2026-01-31"],
        &["usage", "--user", "ada", "--network", "office"],
        &["user", "usage", "grace"],
        &["user", "list", "--state", "active"],
        &["user", "show", "grace"],
        &["network", "show", "office"],
        &["device", "list"],
        &["settings", "show"],
    ];

    let stopped: Vec<Value> = asked.iter().map(|args| place.json(args)).collect();
    let server = place.serve();
    let running: Vec<Value> = asked.iter().map(|args| place.json(args)).collect();
    let missing = place.run(&["user", "show", "nobody"]);
    let shown = text(&place.run(&["overview"]).stdout);

    // Whether the node reports, and what it finds, follows from the server's running.
    for key in ["users", "networks", "expiring_users", "expiring_devices"] {
        assert_eq!(stopped[0][key], running[0][key], "{key}");
    }
    assert_eq!(stopped[0]["users"]["total"], 2);
    assert!(shown.contains("active users    2\n") && shown.contains("\nNetworks\nNAME"), "{shown}");
    assert_eq!(stopped[1..], running[1..]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).starts_with("error: nothing in users has the login \"nobody\""));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_unattended_setup_leaves_a_token_and_runs_once() {
    let place = Place::new();
    place.set_up();

    let file = place.dir.path().join("ada.token");
    let token = fs::read_to_string(&file).unwrap();
    let listed = place.json(&["api-token", "list", "--user", "ada"]);
    assert_eq!((listed["items"].as_array().unwrap().len(), mode(&file)), (1, 0o600));
    fs::remove_file(&file).unwrap();
    let again = place.run(&["setup", "--file", place.dir.path().join("setup.toml").to_str().unwrap()]);

    assert!(token.starts_with("cvpn_") && token.ends_with('\n') && token.len() == 55, "{token}");
    assert!(place.json(&["session", "list", "--user", "ada"])["items"].as_array().unwrap().is_empty());
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("has an owner already"), "{}", text(&again.stderr));
    assert!(!file.exists(), "a setup that was refused leaves no file behind");
}

#[test]
fn a_token_is_shown_once_or_written_to_a_private_file() {
    let place = Place::new();
    place.set_up();
    let file = place.dir.path().join("backup.token");
    let create = ["api-token", "create", "backup", "--user", "ada", "--scope", "device_list"];

    let shown = place.run(&[&create[..], &["--allow", "192.0.2.7", "--expires-at", "2099-01-31"]].concat());
    let written = place.run(&[&create[..], &["--json", "--file", file.to_str().unwrap()]].concat());
    let refused = place.run(&["api-token", "create", "x", "--user", "ada", "--scope", "session_list"]);
    let id = json(&written)["id"].as_str().unwrap().to_owned();
    let found = place.json(&["api-token", "show", &id]);
    let deleted = place.run(&["api-token", "delete", &id]);

    let line = text(&shown.stdout).lines().last().unwrap().to_owned();
    assert!(
        line.starts_with("cvpn_") && text(&shown.stdout).contains("192.0.2.7/32"),
        "{}",
        text(&shown.stderr)
    );
    assert_eq!((fs::read_to_string(&file).unwrap().len(), mode(&file)), (55, 0o600));
    assert!(!text(&written.stdout).contains("cvpn_"));
    assert_eq!((&found["name"], &found["scopes"][0]), (&"backup".into(), &"device_list".into()));
    assert!(text(&refused.stderr).contains("for those who sign in"), "{}", text(&refused.stderr));
    assert!(deleted.status.success(), "{}", text(&deleted.stderr));
    assert_eq!(place.run(&["api-token", "show", &id]).status.code(), Some(1));
}

#[test]
fn a_device_made_here_gets_its_whole_configuration_and_no_qr_from_the_server() {
    let place = Place::new();
    place.set_up();
    let conf = place.dir.path().join("laptop.conf");

    let made = place.run(&["device", "create", "laptop", "--user", "ada", "--conf", conf.to_str().unwrap()]);
    let qr = place.run(&["device", "qr", "laptop"]);
    let drawn = place.run(&["device", "create", "phone", "--user", "ada", "--qr"]);

    assert!(made.status.success(), "{}", text(&made.stderr));
    let written = fs::read_to_string(&conf).unwrap();
    let key = written.lines().find_map(|line| line.strip_prefix("PrivateKey = ")).unwrap();
    assert_eq!((key.len(), mode(&conf)), (44, 0o600));
    assert!(!text(&made.stdout).contains(key));
    assert_eq!(qr.status.code(), Some(1));
    assert!(text(&qr.stderr).contains("private key is not on the server"), "{}", text(&qr.stderr));
    assert!(text(&drawn.stdout).contains('▀'), "{}", text(&drawn.stderr));
}

#[test]
fn a_password_comes_from_standard_input_but_never_from_an_empty_one() {
    let place = Place::new();
    place.set_up();
    let set = |password: &str| {
        let mut child = place
            .command(&["user", "set-password", "ada", "--password-file", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };

    assert!(set("another horse battery\n").status.success());
    assert_eq!(set("").status.code(), Some(1));
    assert!(text(&set("short\n").stderr).contains("/password"));
}

#[test]
fn who_forgot_the_password_gets_in_again_with_the_server_stopped_and_running() {
    let place = Place::new();
    place.set_up();

    let stopped = place.json(&["user", "reset-password", "ada", "--generate"]);
    let server = place.serve();
    let first = sign_in(&place, stopped["password"].as_str().unwrap());
    let running = place.json(&["user", "reset-password", "ada", "--generate"]);

    assert_eq!(first, 201);
    assert_ne!(stopped["password"], running["password"]);
    assert_eq!(sign_in(&place, stopped["password"].as_str().unwrap()), 401);
    let shown = place.json(&["ratelimit", "show"]);
    assert_eq!(
        (&shown["accounts"][0]["login"], &shown["accounts"][0]["failures"]),
        (&"ada".into(), &1.into())
    );
    assert_eq!(sign_in(&place, running["password"].as_str().unwrap()), 201);
    assert_eq!(place.json(&["session", "list", "--user", "ada"])["items"].as_array().unwrap().len(), 1);
    assert!(place.run(&["ratelimit", "unban", "ada"]).status.success());
    assert_eq!(place.run(&["ratelimit", "unban", "nobody"]).status.code(), Some(1));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn every_field_of_an_identity_provider_is_changed_or_emptied_and_the_others_stay() {
    let place = Place::new();
    place.set_up();
    let at = place.dir.path().display();
    fs::write(place.dir.path().join("secret"), "the secret\n").unwrap();
    fs::write(place.dir.path().join("ca.pem"), authority()).unwrap();
    let run = |words: &str| {
        let words = format!("identity-provider {words}");
        place.json(&words.split_ascii_whitespace().collect::<Vec<_>>())
    };
    run("create-ldap Staff --url ldap://dir.example.org --base dc=example --filter (uid={login})");
    run("create Corp --issuer https://id.example.org --client-id old");

    let changed = run(&format!(
        "update Staff --start-tls true --bind-dn cn=service --filter (mail={{login}}) --login-attribute mail \
         --subject-attribute nsUniqueId --group-attribute memberOf --secret-file {at}/secret --ca-file {at}/ca.pem \
         --group-role cn=vpn,dc=org=admin --group-role b=support --device-limit 3 --default-role support \
         --allow-sign-up true --enabled false"
    ));
    let moved = run("update Staff --base dc=org --name People");
    let emptied =
        run("update People --start-tls false --bind-dn none --group-attribute none --secret-file none \
         --ca-file none --group-role none --device-limit none");
    let corp = run(&format!(
        "update Corp --client-id new --scopes groups --group-claim groups --secret-file {at}/secret"
    ));
    let plain = run("update Corp --group-claim none");
    let unfit =
        place.run(&["identity-provider", "update", "Corp", "--bind-dn", "cn=a", "--start-tls", "true"]);

    let said = text(&unfit.stderr);
    assert!(!unfit.status.success() && said.contains("Corp is not an LDAP directory"), "{said}");
    assert!(said.contains("--bind-dn") && said.contains("--start-tls"), "{said}");
    let shown = [changed, moved, emptied, corp, plain].map(|mut it| {
        let fields = it.as_object_mut().unwrap();
        for of_this_run in ["id", "callback_path", "revision", "created_at", "updated_at"] {
            fields.remove(of_this_run);
        }
        if let Some(ca) = fields["ca"].as_str() {
            assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
            fields.insert("ca".to_owned(), Value::from("(a certificate)"));
        }
        it
    });
    insta::assert_json_snapshot!(shown);
}

/// The certificate of an authority of one's own, as PEM.
fn authority() -> String {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=authority", "-keyout", "/dev/null"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    text(&made.stdout)
}

#[test]
fn who_was_shut_out_by_address_is_let_in_again_on_the_host() {
    let place = Place::new();
    place.set_up();
    let file = place.dir.path().join("grace.hash");
    fs::write(&file, "$2y$10$HXcWdpFvdT/EAb0a0qXm6eReGKOjVmQ6FTtd9cW3bFzYPb.pTDSdi\n").unwrap();

    let shut = place.json(&["settings", "update", "--api-only-from-vpn", "true"]);
    let imported = place.run(&["user", "create", "grace", "--password-hash-file", file.to_str().unwrap()]);
    let server = place.serve();

    assert_eq!((&shut["api_only_from_vpn"], imported.status.success()), (&true.into(), true));
    assert_eq!((ask(&place, "GET", "/api/v1/setup", ""), ask(&place, "GET", "/setup", "")), (403, 403));
    assert_eq!(ask(&place, "GET", "/livez", ""), 200);
    let allowed = place.json(&["access", "allow-from", "127.0.0.1", "198.51.100.0/24"]);
    assert_eq!(allowed["api_allowed_from"], serde_json::json!(["127.0.0.1/32", "198.51.100.0/24"]));
    assert_eq!(ask(&place, "GET", "/api/v1/setup", ""), 200);
    let opened = place.json(&["access", "open"]);
    assert_eq!((&opened, &place.json(&["access", "show"])), (&opened, &opened));
    assert_eq!(opened["api_only_from_vpn"], false);
    let body = r#"{"login":"grace","password":"secret"}"#;
    assert_eq!(ask(&place, "POST", "/api/v1/sessions", body), 201);
    drop(server);
}

fn sign_in(place: &Place, password: &str) -> u16 {
    let body = format!(r#"{{"login":"ada","password":"{password}"}}"#);
    ask(place, "POST", "/api/v1/sessions", &body)
}

/// The status of a request over TCP.
fn ask(place: &Place, method: &str, path: &str, body: &str) -> u16 {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn healthcheck_is_1_without_a_server_and_0_with_one() {
    let place = Place::new();

    let without = place.run(&["healthcheck"]);
    let server = place.serve();
    let with = place.run(&["healthcheck", "--json"]);

    assert_eq!(without.status.code(), Some(1));
    assert_eq!(with.status.code(), Some(0));
    assert_eq!(serde_json::from_slice::<Value>(&with.stdout).unwrap()["status"], "ready");
    drop(server);
}

#[test]
fn an_endpoint_that_only_this_machine_reaches_is_taken_with_a_note() {
    let place = Place::new();
    place.set_up();

    let own = place.run(&["settings", "update", "--endpoint-host", "127.0.0.1"]);
    let other =
        place.run(&["settings", "update", "--endpoint-host", "192.0.2.1", "--audit-retention-days", "90"]);
    let none = place.run(&["settings", "update", "--endpoint-host", "0.0.0.0"]);

    assert!(own.status.success() && text(&own.stderr).contains("only clients on this machine"), "{own:?}");
    assert!(other.status.success() && other.stderr.is_empty(), "{other:?}");
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("no client can send to"), "{none:?}");
    let settings = place.json(&["settings", "show"]);
    assert_eq!(
        (&settings["endpoint_host"], &settings["audit_retention_days"]),
        (&"192.0.2.1".into(), &90.into())
    );
}

#[test]
fn a_changed_byte_in_the_audit_is_named_by_verify_with_the_server_running_and_stopped() {
    let place = Place::new();
    place.set_up();
    let server = place.serve();
    place.json(&["user", "create", "eve", "--role", "member"]);
    until("the audit is sealed", || place.json(&["audit", "verify"])["unsealed_events"] == 0);
    let running = place.json(&["audit", "verify"]);
    let exported = text(&place.run(&["audit", "export", "--action", "user_create"]).stdout);
    assert_eq!(server.stop(), Some(0));
    let file = place.dir.path().join("audit.jsonl");
    let export = |place: &Place| place.run(&["audit", "export", "--file", file.to_str().unwrap()]);
    let (first, second) = (export(&place), export(&place));

    let stopped = place.run(&["audit", "verify", "--expect", running["digest"].as_str().unwrap()]);
    let event: Value = serde_json::from_str(exported.trim()).unwrap();
    let database = rusqlite::Connection::open(place.data().join("caspervpn.db")).unwrap();
    let changed = "UPDATE audit_events SET after_state = replace(after_state, 'eve', 'eva') WHERE id = ?1";
    assert_eq!(database.execute(changed, [event["id"].as_str().unwrap()]).unwrap(), 1);
    drop(database);
    let broken = place.run(&["audit", "verify"]);
    let server = place.serve();
    let answered = place.json_of_failure(&["audit", "verify"]);
    drop(server);

    assert_eq!((&running["intact"], &event["after"]["login"]), (&true.into(), &"eve".into()));
    assert!(
        stopped.status.success() && text(&stopped.stdout).starts_with("The audit is as it was sealed."),
        "{stopped:?}"
    );
    assert!(first.status.success() && fs::read_to_string(&file).unwrap().contains("\"login\":\"eve\""));
    assert_eq!(second.status.code(), Some(1), "a file that is there is not overwritten");
    assert_eq!(broken.status.code(), Some(1));
    let said = text(&broken.stdout);
    assert!(
        said.contains(&format!("event {},", event["id"].as_str().unwrap())) && said.contains("was changed"),
        "{said}"
    );
    assert_eq!(
        (&answered["fault"]["kind"], &answered["fault"]["event_id"]),
        (&"event_changed".into(), &event["id"])
    );
}

#[test]
fn a_store_of_secrets_that_is_away_is_told_from_settings_that_cannot_work() {
    let place = Place::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let with = |sets: &[&str]| {
        let mut command = place.command(&["settings", "show", "--set", "vault.token=env:TOKEN"]);
        command.args(["--set", &format!("vault.address=http://{nobody}")]).env("TOKEN", "hvs.token");
        command.args(sets.iter().flat_map(|set| ["--set", set])).output().unwrap()
    };

    let away = with(&["keys.master=vault:secret/caspervpn#key"]);
    let refused = with(&["keys.master=vault:secret/caspervpn#key", "vault.token=env:NONE"]);

    assert_eq!(away.status.code(), Some(75), "{}", text(&away.stderr));
    assert!(
        text(&away.stderr).contains("keys.master") && text(&away.stderr).contains("127.0.0.1"),
        "{away:?}"
    );
    assert_eq!(refused.status.code(), Some(78), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("NONE is not set"), "{refused:?}");
    assert!(!text(&away.stderr).contains("hvs."));
}

#[test]
fn doctor_finds_a_busy_port_and_a_directory_that_cannot_be_written() {
    let place = Place::new();
    let level = |place: &Place, extra: &[&str], check: &str| {
        let output = place.command(&["doctor", "--json"]).args(extra).output().unwrap();
        let answer: Value = json(&output);
        let findings = answer["findings"].as_array().unwrap().clone();
        let failing = findings.iter().any(|it| it["check"] == check && it["level"] == "fail");
        assert_eq!(output.status.success(), answer["ok"].as_bool().unwrap());
        (failing, findings)
    };

    let well = level(&place, &[], "ports").0;
    let taken = TcpListener::bind(("127.0.0.1", place.port)).unwrap();
    let (busy, findings) = level(&place, &[], "ports");
    drop(taken);
    let output =
        program(&["doctor", "--json", "--data-dir", "/proc/sys", "--config", "/dev/null"]).output().unwrap();

    assert!(!well && busy);
    let said = findings.iter().find(|it| it["level"] == "fail" && it["check"] == "ports").unwrap();
    assert!(said["what"].as_str().unwrap().contains(&format!("process {}", std::process::id())), "{said}");
    assert!(text(&output.stdout).contains("cannot be written"), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn doctor_sends_to_the_setup_link_until_there_is_an_owner() {
    let place = Place::new();
    let server = place.serve();
    let doctor = || text(&place.run(&["doctor"]).stdout);

    let before = doctor();
    place.set_up();
    let after = doctor();

    assert!(before.contains("to mend it: caspervpn setup-link"), "{before}");
    assert!(!before.contains("endpoint"), "{before}");
    assert!(!after.contains("setup-link") && after.contains("the public endpoint"), "{after}");
    drop(server);
}

#[test]
fn a_support_bundle_holds_no_name_no_address_and_no_key() {
    let place = Place::new();
    place.set_up();
    let server = place.serve();
    let file = place.dir.path().join("bundle.tar");
    let key = fs::read_to_string(place.data().join("master.key")).unwrap();

    let output = place.run(&["support-bundle", "--file", file.to_str().unwrap()]);

    assert!(output.status.success(), "{}", text(&output.stderr));
    let bundle = text(&fs::read(&file).unwrap());
    for part in [
        "versions.json",
        "settings.json",
        "doctor.json",
        "ready.json",
        "metrics.txt",
        "state.json",
        "recent.json",
    ] {
        assert!(bundle.contains(part), "{part} is missing");
    }
    let data = place.data().display().to_string();
    for secret in ["ada", "office", "192.0.2.1", "10.213.7", "9.9.9.9", key.trim(), &data] {
        let found = bundle
            .match_indices(secret)
            .next()
            .map(|(at, _)| bundle[at.saturating_sub(30)..].chars().take(80).collect::<String>());
        assert_eq!(found, None, "{secret} is in the bundle");
    }
    assert_eq!(mode(&file), 0o600);
    drop(server);
}

#[test]
fn a_demonstration_has_clients_online_with_growing_counters_and_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let mut command = program(&["demo", "--json"]);
    let mut child = command.env("TMPDIR", temp.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = Running(child);
    let mut shown = String::new();
    while serde_json::from_str::<Value>(&shown).is_err() {
        shown.push_str(&lines.next().expect("the demonstration ended early").unwrap());
    }
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let data = shown["data_dir"].as_str().unwrap().to_owned();
    let ask = |args: &[&str]| -> Value {
        let output =
            program(args).args(["--json", "--config", "/dev/null", "--data-dir", &data]).output().unwrap();
        json(&output)
    };
    let moved = |name: &str, user: &str| {
        let live = ask(&["device", "live", name, "--user", user]);
        (live["online"] == true, live["rx_bytes"].as_u64().unwrap())
    };

    let clients = [("laptop", "ada"), ("workstation", "dennis"), ("phone", "radia")];
    until("three clients are online", || clients.iter().all(|(name, user)| moved(name, user).0));
    let before: Vec<u64> = clients.iter().map(|(name, user)| moved(name, user).1).collect();
    until("every counter has grown", || {
        clients.iter().zip(&before).all(|((name, user), before)| moved(name, user).1 > *before)
    });
    let days = ask(&["device", "usage", "laptop", "--user", "ada"])["days"].as_array().unwrap().len();
    let states: Vec<Value> =
        ask(&["device", "list"])["items"].as_array().unwrap().iter().map(|it| it["state"].clone()).collect();
    let code = running.stop();

    assert!(days >= 29, "{days} days of usage");
    for state in ["active", "disabled", "expired", "limited", "on_hold"] {
        assert!(states.contains(&Value::from(state)), "no device is {state}: {states:?}");
    }
    assert_eq!(code, Some(0));
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn only_the_local_socket_knows_the_machines_administrator() {
    let place = Place::new();
    place.set_up();
    let proxy = place.dir.path().join("proxy.sock");
    let listen = format!("listen.public=unix:{}", proxy.display());
    let server = place.command(&["--set", &listen, "serve"]).stderr(Stdio::null()).spawn().unwrap();
    let _server = Running(server);
    until("the server answers", || place.run(&["healthcheck"]).status.success());

    let ask = |socket: &Path| {
        let output = Command::new("curl")
            .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket"])
            .arg(socket)
            .arg("http://localhost/api/v1/users")
            .output()
            .unwrap();
        text(&output.stdout)
    };

    assert_eq!(ask(&place.data().join("caspervpn.sock")), "200");
    assert_eq!(ask(&proxy), "401", "a proxy that runs as root speaks for strangers");
}

#[test]
fn a_setting_counts_before_the_verb_and_after_it() {
    let place = Place::new();

    let shown = place.json(&["--set", "log.level=debug", "config", "show", "--set", "limits.drain_s=3"]);

    let value = |key: &str| {
        let all = shown["items"].as_array().unwrap();
        all.iter().find(|it| it["key"] == key).unwrap()["value"].clone()
    };
    assert_eq!(value("log.level"), "debug");
    assert_eq!(value("limits.drain_s"), "3");
}
