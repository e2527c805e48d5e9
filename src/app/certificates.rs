//! Certificates: what there is, what is served, and ordering one now.
//!
//! Invariant: a private key leaves here for a listener of this process only.

mod attempt;
mod log;
mod order;
mod preflight;
mod proofs;

use std::sync::Arc;

use serde_json::json;

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::{App, Revision, noun};
use crate::domain::access::Action;
use crate::domain::certificate::{Certificate, CertificateName, CertificateSource, CertificateState};
use crate::domain::renewal::Lifetime;
use crate::domain::time::Timestamp;
use crate::secrets::seal::Place;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, certificates};
use crate::tls::certificate::PemPair;

/// The use cases of certificates.
#[derive(Debug, Clone, Copy)]
pub struct Certificates<'a>(pub(in crate::app) &'a App);

/// Tells which certificates this process serves that it did not order.
pub type Served = Arc<dyn Fn() -> Vec<ServedItem> + Send + Sync>;

/// A certificate that somebody else sees to, or nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedItem {
    /// One of the names it is for.
    pub name: CertificateName,
    /// Who sees to it.
    pub source: CertificateSource,
    /// What it says.
    pub found: Found,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// From when until when it counts.
    pub life: Lifetime,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256, as browsers show it.
    pub fingerprint: String,
}

/// A certificate, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateItem {
    /// What it is for.
    pub name: CertificateName,
    /// Who sees to it.
    pub source: CertificateSource,
    /// How it stands.
    pub state: CertificateState,
    /// What it says, where it is there.
    pub found: Option<Found>,
    /// How the ordering goes, where it is ordered.
    pub order: Option<OrderItem>,
    /// Counts the changes.
    pub revision: Revision,
}

/// How the ordering of a certificate goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderItem {
    /// Attempts since the last one that brought a certificate.
    pub failures: u32,
    /// When the next attempt may be, or the renewal.
    pub next_try_at: Timestamp,
    /// Why the last attempt brought none.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
}

impl Certificates<'_> {
    /// Every certificate: those that are ordered, by name, then those that this process serves besides.
    pub async fn list(&self, ctx: &Ctx) -> Result<Vec<CertificateItem>> {
        ctx.require(Action::CertificateList)?;
        self.0.certificate_items().await
    }

    /// One of them.
    pub async fn get(&self, ctx: &Ctx, name: &CertificateName) -> Result<CertificateItem> {
        ctx.require(Action::CertificateGet)?;
        let now = self.0.now();
        let key = name.clone();
        let read = async move |on: &mut Conn| Ok::<_, AppError>(certificates::find(on, &key).await?);
        let found = self.0.core.store.read(read).await?.map(|it| ordered_item(it, now));
        let served = || self.0.served_items(now).find(|item| item.name == *name);
        found.or_else(served).ok_or(AppError::not_found("certificate"))
    }

    /// Orders one now, whatever it waits for. It is begun within seconds, not awaited.
    pub async fn renew(&self, ctx: &Ctx, name: &CertificateName) -> Result<CertificateItem> {
        ctx.require(Action::CertificateRenew)?;
        let (app, now) = (self.0, self.0.now());
        if app.current_settings().await?.0.acme.is_none() {
            return Err(AppError::conflict(
                "no_authority",
                "no authority is set to order from; set `acme` in the settings first",
            ));
        }
        let event = app.event(ctx, Action::CertificateRenew.as_str(), ("certificate", name.to_string()));
        let is_served = app.served_items(now).any(|item| item.name == *name);
        let name = name.clone();
        let asked = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if is_served && certificates::find(tx, &name).await?.is_none() {
                    return Err(AppError::conflict(
                        "not_ordered",
                        "this certificate is not ordered here; whoever keeps it renews it, or add its name to `tls_names`",
                    ));
                }
                let asked = certificates::ask(tx, &name, now).await?;
                audit::insert(tx, &event).await?;
                Ok(asked)
            })
            .await
            .map_err(noun("certificate"))?;
        Ok(ordered_item(asked, now))
    }
}

impl App {
    /// Says how to find out which certificates this process serves that it did not order. Only the first call counts.
    pub fn serves_certificates(&self, served: Served) {
        self.core.served.get_or_init(|| served);
    }

    /// Which certificates that were ordered are in force: each name with its fingerprint. Costs little.
    pub async fn certificate_marks(&self) -> Result<Vec<(CertificateName, String)>> {
        self.core.store.read(async |on: &mut Conn| Ok::<_, AppError>(certificates::marks(on).await?)).await
    }

    /// Those certificates with their keys, for listeners.
    pub async fn certificate_pairs(&self) -> Result<Vec<PemPair>> {
        let read = async |on: &mut Conn| Ok::<_, AppError>(certificates::pairs(on).await?);
        let kept = self.core.store.read(read).await?;
        let opened = kept.into_iter().map(|pair| {
            let key = self.unsealed_text(key_place(pair.name.as_str()), pair.private_key)?;
            Ok(PemPair { chain: pair.chain, key })
        });
        opened.collect()
    }

    /// What somebody responsible should look at.
    pub async fn certificate_problems(&self) -> Result<Vec<String>> {
        let now = self.now();
        let ordered = self.ordered_certificates().await?;
        let problem = |it: Certificate| {
            let why = it.last_error.as_ref().filter(|_| it.is_urgent(now))?;
            Some(format!("there is no good certificate of {}: {why}", it.name))
        };
        Ok(ordered.into_iter().filter_map(problem).collect())
    }

    pub(in crate::app) async fn certificate_items(&self) -> Result<Vec<CertificateItem>> {
        let now = self.now();
        let ordered = self.ordered_certificates().await?.into_iter().map(|it| ordered_item(it, now));
        Ok(ordered.chain(self.served_items(now)).collect())
    }

    async fn ordered_certificates(&self) -> Result<Vec<Certificate>> {
        self.core.store.read(async |on: &mut Conn| Ok::<_, AppError>(certificates::list(on).await?)).await
    }

    fn served_items(&self, now: Timestamp) -> impl Iterator<Item = CertificateItem> + use<> {
        let served = self.core.served.get().map(|served| served()).unwrap_or_default();
        served.into_iter().map(move |item| CertificateItem {
            name: item.name,
            source: item.source,
            state: CertificateState::of(item.found.life, now),
            found: Some(item.found),
            order: None,
            revision: 0,
        })
    }
}

fn ordered_item(certificate: Certificate, now: Timestamp) -> CertificateItem {
    CertificateItem {
        state: certificate.state(now),
        source: CertificateSource::Acme,
        found: certificate.issued.map(|issued| Found {
            life: issued.life,
            issuer: issued.issuer,
            fingerprint: issued.fingerprint,
        }),
        order: Some(OrderItem {
            failures: certificate.failures,
            next_try_at: certificate.next_try_at,
            last_error: certificate.last_error,
            last_error_at: certificate.last_error_at,
        }),
        name: certificate.name,
        revision: certificate.revision,
    }
}

fn key_place(name: &str) -> Place<'_> {
    Place { table: "certificates", column: "private_key", row: name }
}

/// What the audit keeps of a certificate that came.
fn facts(found: &Found) -> serde_json::Value {
    json!({
        "issuer": found.issuer, "fingerprint": found.fingerprint,
        "not_before": found.life.not_before, "not_after": found.life.not_after,
    })
}
