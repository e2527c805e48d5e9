//! Secrets in HashiCorp Vault and AWS Secrets Manager, asked over real connections.

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path as UrlPath, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use caspervpn::config::Settings;
use caspervpn::config::environment::Environment;
use caspervpn::config::load::Args;
use caspervpn::domain::secret_reference::SecretReference;
use caspervpn::domain::time::Timestamp;
use caspervpn::secrets::reference::{ResolveError, Sources, resolve};
use caspervpn::secrets::secret_store::{FetchError, Places, StoreError, fetch};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// A Vault with one secret, as its HTTP API describes it.
#[derive(Clone, Default)]
struct TestVault {
    is_sealed: bool,
    namespace: Option<&'static str>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestVault {
    async fn start(self) -> String {
        let routes = Router::new()
            .route("/v1/auth/{mount}/login", post(login))
            .route("/v1/{mount}/data/{*path}", get(read))
            .with_state(self);
        serve(routes).await
    }

    /// What every request must carry before Vault looks at it.
    fn gate(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if self.is_sealed {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        if header("x-vault-request") != Some("true") {
            return Err(StatusCode::PRECONDITION_FAILED);
        }
        if header("x-vault-namespace") != self.namespace { Err(StatusCode::FORBIDDEN) } else { Ok(()) }
    }
}

async fn login(
    State(vault): State<TestVault>,
    UrlPath(mount): UrlPath<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> impl IntoResponse {
    if let Err(status) = vault.gate(&headers) {
        return (status, Json(json!({ "errors": [] })));
    }
    if mount == "machines" && body == json!({ "role_id": "role-1", "secret_id": "s3cret-id" }) {
        let auth = json!({ "client_token": "hvs.role", "lease_duration": 60, "renewable": true });
        return (StatusCode::OK, Json(json!({ "request_id": "x", "auth": auth })));
    }
    (StatusCode::BAD_REQUEST, Json(json!({ "errors": ["invalid role or secret ID"] })))
}

async fn read(
    State(vault): State<TestVault>,
    UrlPath((mount, path)): UrlPath<(String, String)>,
    headers: HeaderMap,
) -> impl IntoResponse {
    vault.asked.lock().unwrap().push(format!("{mount}/{path}"));
    let token = headers.get("x-vault-token").and_then(|value| value.to_str().ok());
    let metadata = json!({ "version": 3, "deletion_time": "", "destroyed": false });
    match vault.gate(&headers) {
        Err(status) => (status, Json(json!({ "errors": ["Vault is sealed"] }))),
        Ok(()) if !matches!(token, Some("hvs.token" | "hvs.role")) => {
            (StatusCode::FORBIDDEN, Json(json!({ "errors": ["permission denied"] })))
        }
        Ok(()) => match (mount.as_str(), path.as_str()) {
            ("secret", "caspervpn/db") => {
                let data = json!({ "password": "tr0ub4dor", "port": 5432 });
                (StatusCode::OK, Json(json!({ "data": { "data": data, "metadata": metadata } })))
            }
            ("secret", "deleted") => {
                let metadata = json!({ "version": 1, "deletion_time": "2026-01-01T00:00:00Z" });
                (StatusCode::NOT_FOUND, Json(json!({ "data": { "data": null, "metadata": metadata } })))
            }
            _ => (StatusCode::NOT_FOUND, Json(json!({ "errors": [] }))),
        },
    }
}

/// Serves routes on a free port of this machine, and gives their address.
async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

async fn ask(reference: &str, sets: &[&str], variables: &[(&str, &str)]) -> Result<String, FetchError> {
    let environment = Environment::of(variables.iter().copied());
    let mut args = Args::new(environment).with_config(Some(PathBuf::from("/dev/null")));
    for set in sets {
        args = args.with_set(set);
    }
    let settings = Settings::load(&args).unwrap();
    let local = Sources {
        env: &|name| settings.environment.find(name).map(str::to_owned),
        credentials_directory: None,
    };
    let now = Timestamp::from_millis(1_800_000_000_000);
    let places = Places { local, vault: &settings.vault, aws: &settings.aws, now };
    let reference = SecretReference::parse(reference).unwrap();
    fetch(&reference, places).await.map(|secret| secret.to_string())
}

fn store_error(found: Result<String, FetchError>) -> StoreError {
    match found {
        Err(FetchError::Store { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn vault_gives_a_field_to_a_token_and_to_a_role() {
    let plain = TestVault::default();
    let asked = Arc::clone(&plain.asked);
    let plain = format!("vault.address={}", plain.start().await);
    let spaced = TestVault { namespace: Some("ops/vpn"), ..TestVault::default() }.start().await;
    let spaced = format!("vault.address={spaced}/");
    let secrets = [("TOKEN", "hvs.token\n"), ("SECRET_ID", "s3cret-id")];

    let by_token =
        ask("vault:secret/caspervpn/db#password", &[&plain, "vault.token=env:TOKEN"], &secrets).await;
    let role = [
        spaced.as_str(),
        "vault.namespace=ops/vpn",
        "vault.role_id=role-1",
        "vault.secret_id=env:SECRET_ID",
        "vault.approle_mount=machines",
    ];
    let by_role = ask("vault:secret/caspervpn/db#password", &role, &secrets).await;

    assert_eq!(by_token.unwrap(), "tr0ub4dor");
    assert_eq!(by_role.unwrap(), "tr0ub4dor");
    assert_eq!(*asked.lock().unwrap(), ["secret/caspervpn/db"]);
}

#[tokio::test]
async fn vault_that_refuses_is_told_from_one_that_is_away() {
    let address = TestVault::default().start().await;
    let sealed = TestVault { is_sealed: true, ..TestVault::default() }.start().await;
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let by = async |address: &str, token: &str, reference: &str| {
        let address = format!("vault.address={address}");
        ask(reference, &[&address, "vault.token=env:TOKEN"], &[("TOKEN", token)]).await
    };
    const DB: &str = "vault:secret/caspervpn/db#password";

    let outcomes = [
        (by(&address, "hvs.wrong", DB).await, false, "403"),
        (by(&address, "hvs.token", "vault:secret/none#password").await, false, "no such secret"),
        (by(&address, "hvs.token", "vault:secret/deleted#password").await, false, "no such secret"),
        (by(&address, "hvs.token", "vault:secret/caspervpn/db#pass").await, false, "no field pass"),
        (by(&address, "hvs.token", "vault:secret/caspervpn/db#port").await, false, "no field port"),
        (by(&sealed, "hvs.token", DB).await, true, "sealed"),
        (by(&nobody, "hvs.token", DB).await, true, "failed"),
    ];

    for (outcome, temporary, word) in outcomes {
        let error = outcome.unwrap_err();
        let text = told(&error);
        assert_eq!(error.is_temporary(), temporary, "{text}");
        assert!(text.contains(word), "{text}");
        assert!(!text.contains("hvs.") && !text.contains("tr0ub4dor"), "{text}");
    }
    let role = ["vault.role_id=role-1", "vault.secret_id=env:TOKEN"];
    let address = format!("vault.address={address}");
    let refused = ask(DB, &[&address, role[0], role[1]], &[("TOKEN", "wrong")]).await;
    assert!(matches!(store_error(refused), StoreError::Refused { what: "the login as a role", .. }));
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_where_the_settings_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("ca.pem"), dir.path().join("key.pem"));
    let paths = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    super::run(
        "openssl",
        [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=vault",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-out",
            paths[0],
            "-keyout",
            paths[1],
        ],
    );
    let answer = dir.path().join("v1/secret/data/db");
    fs::create_dir_all(answer.parent().unwrap()).unwrap();
    let body = r#"{"data":{"data":{"password":"tr0ub4dor"}}}"#;
    fs::write(answer, body).unwrap();
    let server = Tool::python(
        dir.path(),
        "import http.server, ssl, sys\n\
         server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n\
         context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
         context.load_cert_chain(sys.argv[1], sys.argv[2])\n\
         server.socket = context.wrap_socket(server.socket, server_side=True)\n\
         open('port.new', 'w').write(str(server.server_port))\n\
         import os; os.rename('port.new', 'port')\n\
         server.serve_forever()\n",
        &paths,
    );
    let address = format!("vault.address=https://127.0.0.1:{}", server.port);
    let trusted = format!("vault.ca_file={}", paths[0]);
    let sets = [address.as_str(), "vault.token=env:TOKEN"];

    let stranger = ask("vault:secret/db#password", &sets, &[("TOKEN", "t")]).await;
    let known = ask("vault:secret/db#password", &[sets[0], sets[1], &trusted], &[("TOKEN", "t")]).await;

    assert!(matches!(store_error(stranger), StoreError::Call(_)));
    assert_eq!(known.unwrap(), "tr0ub4dor");
}

#[tokio::test]
async fn a_token_is_not_sent_unencrypted_to_a_public_address() {
    let sets = ["vault.address=http://192.0.2.1:8200", "vault.token=env:TOKEN"];

    let refused = ask("vault:secret/db#password", &sets, &[("TOKEN", "t")]).await.unwrap_err();

    assert!(!refused.is_temporary(), "{}", told(&refused));
}

#[test]
fn settings_that_cannot_lead_to_a_secret_are_refused_by_name() {
    let faults = |sets: &[&str]| {
        let mut args = Args::new(Environment::default()).with_config(Some(PathBuf::from("/dev/null")));
        for set in sets {
            args = args.with_set(set);
        }
        Settings::load(&args).unwrap_err().to_string()
    };

    assert!(faults(&["keys.master=vault:secret/x#key"]).contains("vault.address"));
    assert!(
        faults(&["vault.token=vault:secret/x#token"]).contains("env:NAME, file:/path or credential:name")
    );
    assert!(faults(&["vault.role_id=r"]).contains("both vault.role_id and vault.secret_id"));
    assert!(faults(&["vault.address=ftp://x"]).contains("vault.address"));
    assert!(faults(&["vault.address=https://x/path"]).contains("host and port alone"));
}

#[test]
fn a_secret_file_that_others_may_read_or_change_is_refused_with_what_to_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    fs::write(&path, "s3cret").unwrap();
    let reference = SecretReference::parse(&format!("file:{}", path.display())).unwrap();
    let sources = Sources { env: &|_| None, credentials_directory: None };
    let with = |mode| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        resolve(&reference, sources)
    };

    for mode in [0o400, 0o600, 0o640, 0o440] {
        assert_eq!(with(mode).unwrap().as_str(), "s3cret", "{mode:o}");
    }
    for mode in [0o644, 0o604, 0o602, 0o660, 0o620, 0o641] {
        let error = with(mode).unwrap_err();
        assert!(matches!(error, ResolveError::Exposed { .. }), "{mode:o}");
        let command = error.to_string().rsplit("run: ").next().unwrap().to_owned();
        super::run("sh", ["-c", &command]);
        assert!(resolve(&reference, sources).is_ok(), "{mode:o}: {command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_moto_gives_a_secret_whole_or_a_field_of_it() {
    let server = Tool::moto();
    let script = "import sys, botocore.session\n\
        client = botocore.session.get_session().create_client('secretsmanager', region_name='eu-central-1',\n\
            endpoint_url=sys.argv[1], aws_access_key_id='AKIDEXAMPLE', aws_secret_access_key='wJalr')\n\
        client.create_secret(Name='prod/caspervpn', SecretString='{\"password\": \"tr0ub4dor\", \"port\": 5432}')\n\
        client.create_secret(Name='plain', SecretString='just this')\n";
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    python(script, &[&endpoint]);
    let endpoint = format!("aws.endpoint={endpoint}");
    let variables = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "wJalr")];
    let get =
        async |reference: &str| ask(reference, &[&endpoint, "aws.region=eu-central-1"], &variables).await;

    assert_eq!(get("aws-sm:prod/caspervpn#password").await.unwrap(), "tr0ub4dor");
    assert_eq!(get("aws-sm:plain").await.unwrap(), "just this");
    assert!(matches!(store_error(get("aws-sm:none#x").await), StoreError::NotThere { .. }));
    assert!(matches!(store_error(get("aws-sm:plain#x").await), StoreError::NoField { .. }));
    assert!(matches!(store_error(get("aws-sm:prod/caspervpn#port").await), StoreError::NoField { .. }));
    let unset = ask("aws-sm:plain", &[&endpoint, "aws.region=eu-central-1"], &[]).await;
    assert!(matches!(store_error(unset), StoreError::Unset { key: "aws.access_key_id" }));
}

/// Moto checks no signature, so another implementation makes the same one.
#[tokio::test(flavor = "multi_thread")]
async fn aws_moto_signature_is_the_one_that_botocore_makes() {
    let seen: Arc<Mutex<Vec<(HeaderMap, String)>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let answer = move |headers: HeaderMap, body: String| async move {
        keep.lock().unwrap().push((headers, body));
        Json(json!({ "Name": "x", "SecretString": "found" }))
    };
    let address = serve(Router::new().route("/", post(answer))).await;
    let endpoint = format!("aws.endpoint={address}");
    let sets = [endpoint.as_str(), "aws.session_token=env:SESSION"];
    let variables = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("SESSION", "AQoDYXdzEPT"),
    ];

    assert_eq!(ask("aws-sm:prod/caspervpn", &sets, &variables).await.unwrap(), "found");

    let (headers, body) = seen.lock().unwrap().pop().unwrap();
    let sent: HashMap<String, String> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let script = "import json, sys, datetime\n\
        from botocore import auth, awsrequest, credentials\n\
        sent, body, address = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]\n\
        signed = sent['authorization'].split('SignedHeaders=')[1].split(',')[0].split(';')\n\
        auth.get_current_datetime = lambda *a, **k: datetime.datetime.strptime(sent['x-amz-date'], '%Y%m%dT%H%M%SZ')\n\
        skip = ('host', 'x-amz-date', 'x-amz-security-token')\n\
        request = awsrequest.AWSRequest('POST', address + '/', data=body.encode(),\n\
            headers={name: sent[name] for name in signed if name not in skip})\n\
        key = credentials.Credentials('AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'AQoDYXdzEPT')\n\
        auth.SigV4Auth(key, 'secretsmanager', 'eu-central-1').add_auth(request)\n\
        print(request.headers['Authorization'])\n";
    let theirs = python(script, &[&serde_json::to_string(&sent).unwrap(), &body, &address]);
    assert_eq!(sent["authorization"], theirs.trim());
    assert_eq!(body, r#"{"SecretId":"prod/caspervpn"}"#);
}

/// An error with every cause.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

/// The interpreter that moto is installed for, which has botocore beside it.
fn interpreter() -> PathBuf {
    let found = super::run("sh", ["-c", "readlink -f \"$(command -v moto_server)\""]);
    let tool = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
    tool.with_file_name("python3")
}

fn python(script: &str, args: &[&str]) -> String {
    let program = interpreter();
    let output = super::run(program.to_str().unwrap(), ["-c", script].iter().chain(args));
    String::from_utf8(output.stdout).unwrap()
}

/// A server that ends with the test.
struct Tool {
    child: Child,
    port: u16,
}

impl Tool {
    /// A server that writes its port into a file of its directory.
    fn python(dir: &Path, script: &str, args: &[&str]) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", script]).args(args).current_dir(dir);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let file = dir.join("port");
        let port = wait(|| fs::read_to_string(&file).ok()?.parse().ok());
        Self { child, port }
    }

    fn moto() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait(|| std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, port }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn wait<T>(mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(it) = done() {
            return it;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the server did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}
