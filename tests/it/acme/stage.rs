//! Where proofs are shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use caspervpn::tls::acme::{Proof, Shows};
use http::StatusCode;
use tokio::net::TcpListener;

type Shown = Arc<Mutex<HashMap<String, Proof>>>;

/// Shows http-01 proofs on a port of its own.
pub(crate) struct Stage {
    pub(crate) http_port: u16,
    shown: Shown,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http_port = listener.local_addr().unwrap().port();
        let shown = Shown::default();
        let routes = Router::new()
            .route("/.well-known/acme-challenge/{token}", get(answer))
            .with_state(Arc::clone(&shown));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { http_port, shown }
    }

    /// A port on which somebody else shows proofs, or nobody.
    pub(crate) fn elsewhere(http_port: u16) -> Self {
        Self { http_port, shown: Shown::default() }
    }

    /// Whether no proof is shown.
    pub(crate) fn is_bare(&self) -> bool {
        self.shown.lock().unwrap().is_empty()
    }
}

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
