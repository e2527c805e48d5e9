//! An API over a real database, and clients that speak to it in process.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use caspervpn::api::caller::Origin;
use caspervpn::app::login_limit::LoginRates;
use caspervpn::app::open::Parts;
use caspervpn::app::{App, Facts};
use caspervpn::config::limits::Limits;
use caspervpn::domain::job::Lane;
use caspervpn::runtime::clock::{Clock, SystemClock};
use caspervpn::runtime::tasks::Tasks;
use caspervpn::secrets::master_key::{KeyPlace, MasterKey, MasterKeys};
use caspervpn::secrets::password::PasswordWork;
use caspervpn::store::backend::{Conn, Store};
use caspervpn::store::error::StoreError;
use caspervpn::store::open::Database;
use caspervpn::store::value::Bind;
use http::{Extensions, HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::databases::TestDatabase;

/// The password of every user here.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// An API with an owner and a network.
pub(crate) struct House {
    pub(crate) router: Router,
    pub(crate) app: App,
    key: [u8; MasterKey::BYTES],
    clock: Arc<dyn Clock>,
    database: TestDatabase,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Somebody who asks.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    app: App,
    token: Option<String>,
    address: Option<IpAddr>,
    is_host: bool,
}

impl House {
    /// An API over this empty database.
    pub(crate) async fn over(database: TestDatabase) -> Self {
        Self::empty_at(database, Arc::new(SystemClock::new())).await
    }

    /// The same on a clock of the test's.
    async fn empty_at(database: TestDatabase, clock: Arc<dyn Clock>) -> Self {
        Self::hashing(database, clock, 2, 64).await
    }

    /// The same that checks so many passwords at once, while so many wait.
    pub(crate) async fn hashing(
        database: TestDatabase,
        clock: Arc<dyn Clock>,
        parallel: usize,
        queue: usize,
    ) -> Self {
        let tasks = Tasks::current(Arc::clone(&clock));
        let key = caspervpn::runtime::clock::random(clock.as_ref());
        let app = App::open(Parts {
            passwords: PasswordWork::new(tasks.clone(), parallel, queue),
            ..parts(database.open().await, &clock, key)
        })
        .await
        .unwrap();
        let router = routes(&app, &tasks);
        Self { router, app, key, clock, database }
    }

    /// An API with an owner, `owner`, and the network `office`.
    pub(crate) async fn new(database: TestDatabase) -> Self {
        Self::at(database, Arc::new(SystemClock::new())).await
    }

    /// The same on a clock of the test's.
    pub(crate) async fn at(database: TestDatabase, clock: Arc<dyn Clock>) -> Self {
        let house = Self::empty_at(database, clock).await;
        house.host().post("/setup", setup_request()).await.expect(StatusCode::CREATED);
        house
    }

    /// Does what is due: tells webhooks' events, sends letters, calls receivers.
    pub(crate) async fn work(&self) {
        self.work_until(&CancellationToken::new()).await;
    }

    /// The same until a stop.
    pub(crate) async fn work_until(&self, stop: &CancellationToken) {
        self.app.hand_out_step().await.unwrap();
        let lanes = Lane::ALL.map(|lane| self.app.work_step(lane, stop));
        futures_util::future::try_join_all(lanes).await.unwrap();
    }

    /// The same database as a process with other master keys has it.
    pub(crate) async fn rekeyed(self, keys: MasterKeys) -> Self {
        let store = self.app.store().clone();
        let tasks = Tasks::current(Arc::clone(&self.clock));
        let app =
            App::open(Parts { master_keys: keys, ..parts(store, &self.clock, self.key) }).await.unwrap();
        let router = routes(&app, &tasks);
        Self { router, app, ..self }
    }

    /// Whether its database is SQLite.
    pub(crate) fn is_on_sqlite(&self) -> bool {
        matches!(self.database.settings.database, Database::Sqlite { .. })
    }

    /// The master key that the house was opened with at first.
    pub(crate) fn master_key(&self) -> MasterKey {
        MasterKey::from_bytes(self.key)
    }

    /// The machine's administrator.
    pub(crate) fn host(&self) -> Client {
        Client {
            router: self.router.clone(),
            app: self.app.clone(),
            token: None,
            address: None,
            is_host: true,
        }
    }

    /// Nobody.
    pub(crate) fn nobody(&self) -> Client {
        let address = Some("192.0.2.7".parse().unwrap());
        Client { router: self.router.clone(), app: self.app.clone(), token: None, address, is_host: false }
    }

    /// Somebody with a token.
    pub(crate) fn bearer(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.nobody() }
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, login: &str) -> Client {
        let body = json!({ "login": login, "password": PASSWORD });
        let tokens = self.nobody().post("/sessions", body).await.expect(StatusCode::CREATED);
        self.bearer(tokens["access_token"].as_str().unwrap())
    }

    /// The owner.
    pub(crate) async fn owner(&self) -> Client {
        self.sign_in("owner").await
    }

    /// Makes a user of a role, who can sign in, and gives the id.
    pub(crate) async fn user(&self, login: &str, role: &str) -> String {
        let body = json!({ "login": login, "role": role, "password": PASSWORD });
        let made = self.host().post("/users", body).await.expect(StatusCode::CREATED);
        made["id"].as_str().unwrap().to_owned()
    }
}

fn routes(app: &App, tasks: &Tasks) -> Router {
    let origin = |extensions: &Extensions| extensions.get::<Origin>().copied().unwrap_or_default();
    caspervpn::api::router(app.clone(), tasks, origin, &Limits::default())
}

fn parts(store: Store, clock: &Arc<dyn Clock>, key: [u8; MasterKey::BYTES]) -> Parts {
    Parts {
        store,
        clock: Arc::clone(clock),
        master_keys: master_keys(MasterKey::from_bytes(key)),
        passwords: PasswordWork::new(Tasks::current(Arc::clone(clock)), 2, 64),
        login_rates: LoginRates { per_address: 60, per_account: 60 },
        host_ranges: Arc::new(|| vec!["192.168.0.0/16".parse().unwrap()]),
        facts: Facts {
            database: "sqlite",
            local_node: true,
            first_listen_port: 51820,
            dns_hook: None,
            event_streams: 16,
        },
    }
}

/// A key that nobody has to keep.
pub(crate) fn master_keys(current: MasterKey) -> MasterKeys {
    MasterKeys { current, previous: Vec::new(), place: KeyPlace::Elsewhere("the test".to_owned()) }
}

/// The use cases of the same database once more, as another process has them.
pub(crate) async fn reopened(house: &House) -> App {
    App::open(parts(house.app.store().clone(), &house.clock, house.key)).await.unwrap()
}

/// What the first run of every house here makes.
pub(crate) fn setup_request() -> Value {
    json!({
        "owner": { "login": "owner", "password": PASSWORD },
        "endpoint": { "host": "vpn.example.org" },
        "network": { "name": "office", "ipv4": "10.86.0.0/16", "ipv6": "fd86:cafe::/64", "dns": ["9.9.9.9"] },
    })
}

impl Client {
    /// The same from elsewhere; from a unix socket where no address is given.
    pub(crate) fn from(&self, address: Option<&str>) -> Self {
        Self { address: address.map(|text| text.parse().unwrap()), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// A POST without a body.
    pub(crate) async fn act(&self, path: &str) -> Answer {
        self.send(Method::POST, path, &[], None).await
    }

    pub(crate) async fn patch(&self, path: &str, tag: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &[("if-match", tag)], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, tag: &str) -> Answer {
        self.send(Method::DELETE, path, &[("if-match", tag)], None).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let bytes = body.as_ref().map(|body| serde_json::to_vec(body).unwrap());
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if bytes.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.raw(request.body(bytes.map_or_else(Body::empty, Body::from)).unwrap()).await
    }

    /// Sends a request as it is, with this client's credentials. Whatever a request changed must be in the audit.
    pub(crate) async fn raw(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (parts, bytes) = self.bytes(request).await;
        let body = match parts.headers.get("content-type").map(|it| it.to_str().unwrap()) {
            Some("application/json" | "application/problem+json") => serde_json::from_slice(&bytes).unwrap(),
            _ if bytes.is_empty() => Value::Null,
            _ => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        };
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        let replayed = answer.headers.contains_key("idempotency-replayed");
        if answer.status.is_success() && !method.is_safe() && !replayed && !leaves_no_event(&path) {
            let told = self.events_of(answer.headers["x-request-id"].to_str().unwrap()).await;
            assert!(told > 0, "{method} {path} was done and is not in the audit");
        }
        answer
    }

    /// The text that a request is answered with.
    pub(crate) async fn text(&self, request: Request<Body>) -> String {
        let (parts, bytes) = self.bytes(request).await;
        assert_eq!(parts.status, StatusCode::OK);
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// The head of an answer that has no end, and what comes of it.
    pub(crate) async fn stream(&self, path: &str, headers: &[(&str, &str)]) -> (http::response::Parts, Body) {
        let request =
            headers.iter().fold(Request::get(format!("/api/v1{path}")), |it, (k, v)| it.header(*k, *v));
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    async fn bytes(&self, request: Request<Body>) -> (http::response::Parts, bytes::Bytes) {
        let (parts, body) = self.answer(request).await;
        let kind = parts.headers.get("content-type").map(|kind| kind.as_bytes());
        // Whoever asks for everything does not wait for what has no end.
        let is_endless = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
        let bytes = if is_endless { bytes::Bytes::new() } else { body.collect().await.unwrap().to_bytes() };
        (parts, bytes)
    }

    async fn answer(&self, mut request: Request<Body>) -> (http::response::Parts, Body) {
        request.extensions_mut().insert(Origin { address: self.address, is_host: self.is_host });
        if let Some(token) = &self.token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        self.router.clone().oneshot(request).await.unwrap().into_parts()
    }

    async fn events_of(&self, request: &str) -> i64 {
        let request = request.bind();
        let count = async move |on: &mut Conn| {
            let sql = "SELECT COUNT(*) FROM audit_events WHERE request_id = ?1";
            on.one(sql, std::slice::from_ref(&request)).await
        };
        self.app.store().read::<_, StoreError, _>(count).await.unwrap()
    }
}

/// Requests that change nothing but how long somebody stays signed in, that only ask for a question which another one
/// answers, or that try something out. A forgotten password is news when its link is used.
fn leaves_no_event(path: &str) -> bool {
    ["/begin", "/sessions/refresh", "/me/identities", "/password-resets"]
        .iter()
        .any(|end| path.ends_with(end))
        || (path.starts_with("/api/v1/identity-providers/") && path.ends_with("/test"))
}

/// The document's own example of an operation's body, and of two ways to say something only one.
pub(crate) fn example(document: &Value, operation: &Value) -> Option<Value> {
    let schema = &operation.get("requestBody")?["content"]["application/json"]["schema"];
    let target = schema["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
    let mut body = document.pointer(target).unwrap()["examples"][0].clone();
    for (one, other) in [("oidc", "ldap"), ("address", "login")] {
        if body.get(one).is_some() {
            body.as_object_mut().unwrap().remove(other);
        }
    }
    Some(body)
}

impl Answer {
    /// The body, where the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The problem's word, where the status is the expected one and it is a whole problem document.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["request_id"].as_str(), self.headers["x-request-id"].to_str().ok());
        let code = self.body["code"].as_str().unwrap();
        assert_eq!(self.body["type"], format!("urn:caspervpn:problem:{code}"));
        code
    }

    /// The ETag.
    #[track_caller]
    pub(crate) fn tag(&self) -> &str {
        self.headers["etag"].to_str().unwrap()
    }
}

pub(crate) async fn first(client: &Client, path: &str) -> String {
    let Answer { body, .. } = client.get(path).await;
    body["items"][0]["id"].as_str().unwrap().to_owned()
}
