//! What authorities are shown while they look, on every replica.
//!
//! Invariant: a proof stands in the database before the authority is told to look, so it may come to any process.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use tracing::warn;
use zeroize::Zeroizing;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::acme::{Acme, DnsServer, TsigAlgorithm};
use crate::domain::certificate::{CertificateName, Method};
use crate::domain::certificate_log::Step;
use crate::domain::outgoing::AllowedNets;
use crate::store::acme::{self, KeptProof};
use crate::store::backend::{Conn, Tx};
use crate::telemetry::chain::chain;
use crate::tls::acme::{Proof, Shows};
use crate::tls::dns_hook::DnsHook;
use crate::tls::dns_update::{self, TsigKey, UpdateServer};
use crate::tls::reach::Sign;

/// Shows proofs in the way that the settings say.
pub(super) struct Shown<'a> {
    app: &'a App,
    name: &'a CertificateName,
    dns: Dns,
    allowed: &'a AllowedNets,
}

/// Who changes DNS records.
enum Dns {
    Server(UpdateServer),
    Hook(DnsHook),
    Nobody,
}

impl<'a> Shown<'a> {
    pub(super) async fn new(
        app: &'a App,
        name: &'a CertificateName,
        acme: &Acme,
        allowed: &'a AllowedNets,
    ) -> Result<Self> {
        let hook = app.core.facts.dns_hook.clone();
        let dns = match (&acme.dns, hook) {
            (Some(server), _) => Dns::Server(update_server(server, app.dns_secret().await?)),
            (None, Some(program)) => Dns::Hook(DnsHook { program, patience: DnsHook::PATIENCE }),
            (None, None) => Dns::Nobody,
        };
        Ok(Self { app, name, dns, allowed })
    }

    async fn set_record(&self, proof: &Proof) -> std::result::Result<(), String> {
        let (name, value) = (proof.identifier.as_str(), proof.dns_value.as_str());
        match &self.dns {
            Dns::Server(server) => {
                let set = server.set(name, value, self.allowed, self.app.now()).await;
                set.map_err(|cause| chain(&cause).to_string())
            }
            Dns::Hook(hook) => hook.set(name, value).await.map_err(|cause| chain(&cause).to_string()),
            Dns::Nobody => {
                Err("this process has neither a name server that takes changes nor tls.dns_hook".to_owned())
            }
        }
    }

    async fn clear_record(&self, proof: &Proof) -> std::result::Result<(), String> {
        let (name, value) = (proof.identifier.as_str(), proof.dns_value.as_str());
        match &self.dns {
            Dns::Server(server) => {
                let cleared = server.clear(name, value, self.allowed, self.app.now()).await;
                cleared.map_err(|cause| chain(&cause).to_string())
            }
            Dns::Hook(hook) => hook.clear(name, value).await.map_err(|cause| chain(&cause).to_string()),
            Dns::Nobody => Ok(()),
        }
    }
}

fn update_server(server: &DnsServer, secret: Zeroizing<Vec<u8>>) -> UpdateServer {
    let algorithm = match server.algorithm {
        TsigAlgorithm::HmacSha256 => dns_update::TsigAlgorithm::HmacSha256,
        TsigAlgorithm::HmacSha512 => dns_update::TsigAlgorithm::HmacSha512,
    };
    UpdateServer {
        server: format!("{}:{}", server.host.bracketed(), server.port),
        zone: server.zone.as_ref().map(ToString::to_string),
        key: TsigKey { name: server.key_name.to_string(), algorithm, secret },
    }
}

impl Shows for Shown<'_> {
    async fn show(&self, proof: &Proof) -> std::result::Result<(), String> {
        if proof.method == Method::Dns01 {
            return self.set_record(proof).await;
        }
        let (kept, expires_at) = (kept(proof), self.app.now() + SHOWN_FOR);
        let write = async move |tx: &mut Tx| Ok::<_, AppError>(acme::show(tx, &kept, expires_at).await?);
        self.app.core.store.write(write).await.map_err(|cause| chain(&cause).to_string())
    }

    async fn hide(&self, proof: &Proof) {
        if proof.method == Method::Dns01 {
            if let Err(why) = self.clear_record(proof).await {
                warn!("the TXT record at _acme-challenge.{} stays: {why}", proof.identifier);
            }
            return;
        }
        let kept = kept(proof);
        let write = async move |tx: &mut Tx| Ok::<_, AppError>(acme::hide(tx, &kept).await?);
        if let Err(cause) = self.app.core.store.write(write).await {
            warn!(error = %chain(&cause), "a proof for the authority of certificates stays until it expires");
        }
    }

    async fn note(&self, step: Step) {
        self.app.note_step(self.name, step).await;
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

/// What is shown of a sign of ours, in the way that proofs are.
pub(super) fn kept_sign(name: &CertificateName, sign: &Sign) -> KeptProof {
    KeptProof {
        method: Method::Http01,
        identifier: name.as_str().to_owned(),
        token: sign.token.clone(),
        key_authorization: sign.body.clone(),
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
