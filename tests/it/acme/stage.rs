//! Where proofs are shown: a web server of the test, and the service's own listener for TLS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use caspervpn::config::address::Address;
use caspervpn::edge::listener::{Listener, PassedSockets};
use caspervpn::edge::live_limits::{ConnectionLimits, LiveLimits};
use caspervpn::edge::secure::{Finding, Secure};
use caspervpn::edge::server::Server;
use caspervpn::runtime::clock::{Clock as _, SystemClock};
use caspervpn::runtime::tasks::Tasks;
use caspervpn::tls::acme::{Proof, Shows};
use caspervpn::tls::certificate::ServedCertificate;
use caspervpn::tls::self_signed;
use caspervpn::tls::served::ServedCertificates;
use http::StatusCode;
use tokio::net::TcpListener;

use crate::service::PATIENCE;

type Shown = Arc<Mutex<HashMap<String, Proof>>>;

/// Shows http-01 and tls-alpn-01 proofs, each on a port of its own.
pub(crate) struct Stage {
    pub(crate) http_port: u16,
    pub(crate) tls_port: u16,
    shown: Shown,
    _tasks: Tasks,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0", "127.0.0.1:0").await
    }

    pub(crate) async fn at(http: &str, https: &str) -> Self {
        let listener = TcpListener::bind(http).await.unwrap();
        let http_port = listener.local_addr().unwrap().port();
        let shown = Shown::default();
        let routes = Router::new()
            .route("/.well-known/acme-challenge/{token}", get(answer))
            .with_state(Arc::clone(&shown));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let (tasks, tls_port) = listen(Arc::clone(&shown), https);
        Self { http_port, tls_port, shown, _tasks: tasks }
    }

    /// Ports on which somebody else shows proofs, or nobody.
    pub(crate) fn elsewhere(http_port: u16, tls_port: u16) -> Self {
        let tasks = Tasks::current(Arc::new(SystemClock::new()));
        Self { http_port, tls_port, shown: Shown::default(), _tasks: tasks }
    }

    /// Whether no proof is shown.
    pub(crate) fn is_bare(&self) -> bool {
        self.shown.lock().unwrap().is_empty()
    }
}

fn listen(shown: Shown, at: &str) -> (Tasks, u16) {
    let clock = Arc::new(SystemClock::new());
    let pair = self_signed::make(vec!["elsewhere.example".to_owned()], clock.now()).unwrap();
    let certificates = ServedCertificates::default();
    let own = ServedCertificate::from_pem(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap();
    certificates.set(&[own], clock.now());
    let find = move |identifier: String| -> Finding {
        let shown = shown.lock().unwrap();
        let found =
            shown.values().find(|proof| proof.identifier == identifier).map(|proof| proof.alpn_digest);
        Box::pin(std::future::ready(found))
    };
    let secure = Secure::new(certificates, 0).unwrap().with_alpn_proofs(Arc::new(find));
    let tasks = Tasks::current(clock);
    let address = Address::Tcp(at.parse().unwrap());
    let listener = Listener::open(&address, 0o600, &mut PassedSockets::none()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let routes = Router::new().route("/", get(async || "hello"));
    Server::new("stage", routes, LiveLimits::new(LIMITS)).with_tls(secure).start(&tasks, listener);
    (tasks, port)
}

pub(crate) const LIMITS: ConnectionLimits = ConnectionLimits {
    handshake_timeout: PATIENCE,
    header_timeout: PATIENCE,
    idle_timeout: PATIENCE,
    age: std::time::Duration::from_secs(3600),
    header_bytes: 8192,
    connections: 100,
    connections_per_address: 100,
};

async fn answer(State(shown): State<Shown>, Path(token): Path<String>) -> Result<String, StatusCode> {
    let shown = shown.lock().unwrap();
    shown.get(&token).map(|proof| proof.key_authorization.clone()).ok_or(StatusCode::NOT_FOUND)
}

impl Shows for Stage {
    async fn show(&self, proof: &Proof) -> Result<(), String> {
        self.shown.lock().unwrap().insert(proof.token.clone(), proof.clone());
        Ok(())
    }

    async fn hide(&self, proof: &Proof) {
        self.shown.lock().unwrap().remove(&proof.token);
    }
}
