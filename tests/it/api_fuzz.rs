//! Requests that nobody would write: schemathesis makes them from the OpenAPI document and sends them to the running
//! binary as each role.
//!
//! No operation is left out but the one whose answer has no end. Those that may end the session they come with are asked in runs of their own.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use caspervpn::store::open::Database;
use serde_json::{Value, json};

use crate::api_house::{PASSWORD, setup_request};
use crate::databases::TestDatabase;
use crate::mfa::world::{base32, totp_now};
use crate::service::{Launch, Service, tool};

/// Requests of each kind for each operation: enough to reach every rule, few enough for every run of the tests.
const EXAMPLES: &str = "10";

/// How requests are thought up: those of the document, every rule's edge, at random, and acts that build on each other.
const PHASES: &str = "examples,coverage,fuzzing,stateful";

/// The database sees only what has passed the rules, so another one needs no tour of their edges.
const PHASES_BELOW_THE_RULES: &str = "examples,fuzzing,stateful";

/// Operations that may end the session they are asked in, each with those that tell it of ids. A whole run with them in
/// it would soon be a run of nobody.
const ENDING: [(&str, &[&str]); 8] = [
    ("session_delete", &["session_create", "session_list"]),
    ("me_set_password", &["me_get"]),
    ("user_set_password", &["user_create", "user_list"]),
    ("user_disable", &["user_create", "user_list"]),
    // A tool that keeps the cookie would show it beside its token from then on.
    ("session_cookie", &["me_get"]),
    ("me_delete", &["me_get"]),
    ("user_disable_mfa", &["user_create", "user_list"]),
    // Without it, a policy that asks for a second factor leaves the session little else to do.
    ("me_totp_delete", &["me_totp_create", "me_mfa_get"]),
];

/// It may shut out the address it comes from, so nothing comes after it.
const SHUTTING_OUT: &str = "settings_update";

/// A stream, which a tool would wait for the end of.
const ENDLESS: &str = "event_listen";

#[test]
fn openapi_fuzz_as_the_owner() {
    let served = Served::on(TestDatabase::sqlite());
    let session = served.sign_in("owner");
    session.enrol();

    session.ask_all(PHASES);

    assert_eq!(session.status("/me"), 200, "the session lasted: not every answer was a 401");
}

#[test]
fn openapi_fuzz_as_the_owner_on_postgres() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = Served::on(runtime.block_on(TestDatabase::postgres()));
    let session = served.sign_in("owner");
    session.enrol();

    session.ask_all(PHASES_BELOW_THE_RULES);

    assert_eq!(session.status("/me"), 200, "the session lasted: not every answer was a 401");
}

#[test]
fn openapi_fuzz_as_an_admin() {
    openapi_fuzz_as("admin", PHASES_BELOW_THE_RULES, &["owners"]);
}

#[test]
fn openapi_fuzz_as_an_operator() {
    openapi_fuzz_as("operator", PHASES_BELOW_THE_RULES, &["owners", "networks", "settings"]);
}

#[test]
fn openapi_fuzz_as_support() {
    openapi_fuzz_as("support", PHASES_BELOW_THE_RULES, &["owners", "networks", "settings", "nodes", "users"]);
}

#[test]
fn openapi_fuzz_as_an_auditor() {
    openapi_fuzz_as("auditor", PHASES_BELOW_THE_RULES, &["owners", "networks", "settings", "nodes", "users"]);
}

#[test]
fn openapi_fuzz_as_a_member() {
    openapi_fuzz_as("member", PHASES, &["owners", "networks", "settings", "nodes", "users"]);
}

/// Asks for everything as a role, which must not change what is beyond it.
fn openapi_fuzz_as(role: &str, phases: &str, beyond: &[&str]) {
    let served = Served::on(TestDatabase::sqlite());
    served.user("mia", role);
    let before = served.revisions(beyond);
    let session = served.sign_in("mia");

    session.ask_all(phases);

    assert_eq!(session.status("/me"), 200, "the session lasted: not every answer was a 401");
    assert_eq!(served.revisions(beyond), before, "what is not for {role} to change is as it was");
}

#[test]
fn openapi_fuzz_of_what_ends_sessions() {
    let served = Served::on(TestDatabase::sqlite());
    for (operation, sources) in ENDING {
        served.user(operation, "owner");
        let session = served.sign_in(operation);
        let operations = [sources, &[operation]].concat();

        session.ask(PHASES, operations.iter().flat_map(|name| ["--include-operation-id", name]));
    }

    let session = served.sign_in("owner");
    session.enrol();
    let last = ["--include-operation-id", "settings_get", "--include-operation-id", SHUTTING_OUT];
    session.ask(PHASES, last.into_iter());

    for (operation, _) in ENDING {
        let events = served.service.get(&format!("/api/v1/audit?action={operation}"));
        assert_ne!(events["items"], json!([]), "{operation} was reached, or all this asks for nothing");
    }
}

/// The running binary, set up, on a port that a tool can reach.
struct Served {
    service: Service,
    api: String,
    directory: tempfile::TempDir,
    _database: TestDatabase,
}

impl Served {
    fn on(database: TestDatabase) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Free now.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut launch = Launch::quiet(&directory.path().join("data"))
            .with(&format!("listen.api={address}"))
            .with("log.level=warn")
            // A tool that signs in a thousand times with nonsense is what they are for, and would learn nothing more.
            .with("limits.login_per_address_per_minute=0")
            .with("limits.login_per_account_per_minute=0");
        if let Database::Postgres { url, .. } = &database.settings.database {
            launch = launch.with(&format!("database.url={url}"));
        }
        let service = launch.serve();
        service.post("/api/v1/setup", Some(setup_request()));
        Self { service, api: format!("http://{address}/api/v1"), directory, _database: database }
    }

    fn sign_in(&self, login: &str) -> Session<'_> {
        let body = json!({ "login": login, "password": PASSWORD });
        let tokens = self.service.post("/api/v1/sessions", Some(body));
        Session { served: self, bearer: format!("Bearer {}", tokens["access_token"].as_str().unwrap()) }
    }

    fn user(&self, login: &str, role: &str) {
        self.service
            .post("/api/v1/users", Some(json!({ "login": login, "role": role, "password": PASSWORD })));
    }

    /// What there is of these nouns, each thing with its revision.
    fn revisions(&self, nouns: &[&str]) -> Vec<(Value, Value)> {
        let of = |path: &str| {
            let answer = self.service.get(path);
            answer["items"].as_array().cloned().unwrap_or_else(|| vec![answer])
        };
        let paths = nouns.iter().map(|noun| match *noun {
            "owners" => "/api/v1/users?role=owner".to_owned(),
            "settings" => "/api/v1/settings".to_owned(),
            noun => format!("/api/v1/{noun}?limit=200"),
        });
        paths
            .flat_map(|path| of(&path))
            .map(|thing| (thing["id"].clone(), thing["revision"].clone()))
            .collect()
    }
}

/// Somebody who is signed in.
struct Session<'a> {
    served: &'a Served,
    bearer: String,
}

impl Session<'_> {
    fn status(&self, path: &str) -> u16 {
        let path = format!("/api/v1{path}");
        self.served.service.call("GET", &path, &[("Authorization", &self.bearer)], None).status
    }

    /// Enrols an authenticator app, so that no policy among the settings bars the session.
    fn enrol(&self) {
        let post = |path: &str, body: Option<Value>| {
            let path = format!("/api/v1/me/mfa/{path}");
            self.served.service.call("POST", &path, &[("Authorization", &self.bearer)], body).ok()
        };
        let secret = base32(post("totp", None)["secret"].as_str().unwrap());
        post("totp/confirm", Some(json!({ "code": totp_now(&secret) })));
    }

    /// Asks for everything that leaves the session as it is.
    fn ask_all(&self, phases: &str) {
        let left_out = ENDING.iter().map(|(operation, _)| *operation).chain([SHUTTING_OUT, ENDLESS]);
        self.ask(phases, left_out.flat_map(|operation| ["--exclude-operation-id", operation]));
    }

    fn ask<'o>(&self, phases: &str, operations: impl Iterator<Item = &'o str>) {
        let output = Command::new(tool("schemathesis"))
            .arg("--config-file")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/schemathesis.toml"))
            .args(["run", &format!("{}/openapi.json", self.served.api), "--no-color"])
            .args(["--phases", phases, "--max-examples", EXAMPLES, "--seed", "1"])
            .args(operations)
            .args(["-H", &format!("Authorization: {}", self.bearer)])
            .current_dir(self.served.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();

        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        let log = self.served.service.log();
        assert!(!log.contains("\"level\":\"ERROR\""), "nothing failed inside: {log}");
    }
}
