//! What authorities are shown while they look, on every replica.
//!
//! Invariant: a proof stands in the database before the authority is told to look, so it may come to any process.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use tracing::warn;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::acme::Acme;
use crate::domain::certificate::Method;
use crate::domain::outgoing::AllowedNets;
use crate::store::acme::{self, KeptProof};
use crate::store::backend::{Conn, Tx};
use crate::telemetry::chain::chain;
use crate::tls::acme::{Proof, Shows};

/// Shows proofs in the way that the settings say.
pub(super) struct Shown<'a> {
    app: &'a App,
}

impl<'a> Shown<'a> {
    pub(super) async fn new(app: &'a App, _acme: &Acme, _allowed: &AllowedNets) -> Result<Self> {
        std::future::ready(Ok(Self { app })).await
    }
}

impl Shows for Shown<'_> {
    async fn show(&self, proof: &Proof) -> std::result::Result<(), String> {
        if proof.method == Method::Dns01 {
            return Err("dns-01 is not there yet".to_owned());
        }
        let (kept, expires_at) = (kept(proof), self.app.now() + SHOWN_FOR);
        let write = async move |tx: &mut Tx| Ok::<_, AppError>(acme::show(tx, &kept, expires_at).await?);
        self.app.core.store.write(write).await.map_err(|cause| chain(&cause).to_string())
    }

    async fn hide(&self, proof: &Proof) {
        let kept = kept(proof);
        let write = async move |tx: &mut Tx| Ok::<_, AppError>(acme::hide(tx, &kept).await?);
        if let Err(cause) = self.app.core.store.write(write).await {
            warn!(error = %chain(&cause), "a proof for the authority of certificates stays until it expires");
        }
    }
}

fn kept(proof: &Proof) -> KeptProof {
    KeptProof {
        method: proof.method,
        identifier: proof.identifier.clone(),
        token: proof.token.clone(),
        key_authorization: proof.key_authorization.clone(),
    }
}

/// Far longer than any authority looks.
const SHOWN_FOR: Duration = Duration::from_secs(3600);

/// A token is random bytes in base64url, and those of every authority fit in here.
const LONGEST_TOKEN: usize = 256;

impl App {
    /// What is shown over HTTP for a token. Strangers ask, so a text that is no token costs nothing.
    pub async fn http_proof(&self, token: &str) -> Option<String> {
        let is_token = !token.is_empty()
            && token.len() <= LONGEST_TOKEN
            && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_token {
            return None;
        }
        let (token, now) = (token.to_owned(), self.now());
        let read = async move |on: &mut Conn| Ok::<_, AppError>(acme::of_token(on, &token, now).await?);
        self.found(self.core.store.read(read).await)
    }

    /// The digest that is shown in a handshake for a name.
    pub async fn handshake_proof(&self, name: &str) -> Option<[u8; 32]> {
        let (name, now) = (name.to_ascii_lowercase(), self.now());
        let read = async move |on: &mut Conn| Ok::<_, AppError>(acme::of_name(on, &name, now).await?);
        let shown = self.found(self.core.store.read(read).await)?;
        digest(&SHA256, shown.as_bytes()).as_ref().try_into().ok()
    }

    fn found(&self, read: Result<Option<String>>) -> Option<String> {
        read.unwrap_or_else(|cause| {
            warn!(error = %chain(&cause), "an authority of certificates was shown nothing");
            None
        })
    }
}
