//! One attempt to get a certificate, and what is made of how it ended.
//!
//! Invariant: an order and its key are kept before anything is done with the order, and an order that is kept is gone on
//! with before another is made.

use std::time::Duration;

use serde_json::json;
use tracing::{debug, info, warn};
use zeroize::Zeroizing;

use super::order::Taken;
use super::proofs::Shown;
use super::{Found, facts, key_place};
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::domain::acme::Acme;
use crate::domain::audit::AuditEvent;
use crate::domain::certificate::Issued;
use crate::domain::certificate_log::{Step, StepKind};
use crate::domain::renewal::{ChosenWindow, Lifetime, Setback, next_try};
use crate::domain::settings::Settings;
use crate::runtime::clock::random;
use crate::secrets::seal::Place;
use crate::store::backend::{Conn, Tx};
use crate::store::certificates::{self, KeptOrder, NewPair};
use crate::store::{acme, audit};
use crate::telemetry::chain::chain;
use crate::telemetry::names;
use crate::tls::acme::{AcmeError, AcmeErrorKind, Authority, new_key};
use crate::tls::certificate::{PemPair, ServedCertificate};

/// Why an attempt brought no certificate.
struct Failure {
    setback: Setback,
    /// In the metrics.
    result: &'static str,
    why: String,
}

/// An order, with its key.
struct Order {
    url: String,
    key: Zeroizing<String>,
    /// What looked wrong before it was made.
    hint: Option<String>,
    is_new: bool,
}

/// How an order ended, as far as its worker has still a say.
type Ended<T> = std::result::Result<Option<T>, Failure>;

impl App {
    /// Tries once to get a certificate, and writes down what came of it.
    pub(super) async fn attempt_certificate(&self, taken: &Taken, settings: &Settings) -> Result<()> {
        let Some(acme) = &settings.acme else { return Ok(()) };
        match self.obtain(taken, acme, settings).await {
            Ok(Some(pair)) => {
                count("issued");
                self.put_into_force(taken, &pair).await
            }
            Ok(None) => Ok(()),
            Err(failure) => {
                count(failure.result);
                self.note_failure(taken, acme, failure).await
            }
        }
    }

    /// Nothing where the certificate is another worker's by now.
    async fn obtain(&self, taken: &Taken, acme: &Acme, settings: &Settings) -> Ended<PemPair> {
        let (name, at) = (&taken.certificate.name, acme.directory.host());
        self.note_step(name, Step::new(StepKind::AttemptStarted, at).with_detail(acme.method.as_str())).await;
        let (authority, is_new) = self.authority(acme, settings).await?;
        let kind = if is_new { StepKind::AccountRegistered } else { StepKind::AccountFound };
        self.note_step(name, Step::new(kind, at)).await;
        let Some(mut order) = self.find_or_make_order(taken, settings, acme, &authority).await? else {
            return Ok(None);
        };
        let shown = Shown::new(self, name, acme, &settings.outgoing_allowed).await?;
        loop {
            let ended = authority.finish(&order.url, &order.key, acme.method, &shown).await;
            let error = match ended {
                Ok(pair) => return Ok(Some(pair)),
                Err(error) => error,
            };
            match error.kind {
                AcmeErrorKind::OrderLost | AcmeErrorKind::Permanent => {
                    if !self.keep_order(taken, None).await? {
                        return Ok(None);
                    }
                }
                AcmeErrorKind::Temporary | AcmeErrorKind::RateLimited { .. } => {}
            }
            // One of an earlier attempt may be gone for reasons of that time.
            if error.kind != AcmeErrorKind::OrderLost || order.is_new {
                return Err(Failure::from(error).with_hint(order.hint));
            }
            let lost = Step::failed(StepKind::OrderInvalid, name.as_str(), &error.to_string());
            self.note_step(name, lost).await;
            let Some(made) = self.make_order(taken, settings, acme, &authority).await? else {
                return Ok(None);
            };
            order = made;
        }
    }

    /// Signs in at the authority; with it comes whether the account there is new.
    async fn authority(
        &self,
        acme: &Acme,
        settings: &Settings,
    ) -> std::result::Result<(Authority, bool), Failure> {
        let url = acme.directory.as_str();
        let directory = self.acme_directory(acme).await?;
        let kept = self.acme_account(url).await?;
        let (authority, new) = Authority::open(&directory, kept.as_ref(), &settings.outgoing_allowed).await?;
        if let Some(new) = &new {
            self.keep_acme_account(url, new).await?;
        }
        Ok((authority, new.is_some()))
    }

    async fn find_or_make_order(
        &self,
        taken: &Taken,
        settings: &Settings,
        acme: &Acme,
        authority: &Authority,
    ) -> Ended<Order> {
        let name = taken.certificate.name.clone();
        let read = async move |on: &mut Conn| Ok::<_, AppError>(certificates::order(on, &name).await?);
        let Some(kept) = self.core.store.read(read).await? else {
            return self.make_order(taken, settings, acme, authority).await;
        };
        let name = &taken.certificate.name;
        let key = self.unsealed_text(order_place(name.as_str()), kept.key)?;
        self.note_step(name, Step::new(StepKind::OrderResumed, name.as_str())).await;
        Ok(Some(Order { url: kept.url, key, hint: None, is_new: false }))
    }

    async fn make_order(
        &self,
        taken: &Taken,
        settings: &Settings,
        acme: &Acme,
        authority: &Authority,
    ) -> Ended<Order> {
        let name = &taken.certificate.name;
        let looked = self.look_before_order(acme, name, settings, &authority.caa_identities()).await;
        let hint = looked.map_err(|why| Failure { setback: Setback::Temporary, result: "temporary", why })?;
        let told = taken.certificate.last_error.as_deref().unwrap_or_default();
        if let Some(hint) = hint.as_ref().filter(|hint| !told.contains(hint.as_str())) {
            warn!(certificate.name = %name, "ordering a certificate of {name} although: {hint}");
        }
        let row = name.clone();
        let read = async move |on: &mut Conn| Ok::<_, AppError>(certificates::chain(on, &row).await?);
        let replaces = self.core.store.read(read).await?;
        let key = new_key()?;
        let sealed = self.core.keyring.seal(order_place(name.as_str()), key.as_bytes());
        let sealed = sealed.map_err(AppError::broken("sealing a key"))?;
        let profile = acme.profile.as_ref().map(|profile| profile.as_str());
        let url = authority.order(name, profile, replaces.as_deref().map(str::as_bytes)).await?;
        let kept = KeptOrder { url: url.clone(), key: sealed.into_bytes() };
        let is_mine = self.keep_order(taken, Some(kept)).await?;
        let placed = Step::new(StepKind::OrderPlaced, name.as_str());
        self.note_step(name, profile.map_or(placed.clone(), |profile| placed.with_detail(profile))).await;
        Ok(is_mine.then_some(Order { url, key, hint, is_new: true }))
    }

    async fn keep_order(&self, taken: &Taken, order: Option<KeptOrder>) -> Result<bool> {
        self.held(taken, async move |tx, taken| {
            certificates::keep_order(tx, &taken.certificate.name, &taken.worker, order.as_ref()).await
        })
        .await
    }

    async fn put_into_force(&self, taken: &Taken, pair: &PemPair) -> Result<()> {
        let before = &taken.certificate;
        let (name, now) = (before.name.clone(), self.now());
        let read = ServedCertificate::from_pem(pair.chain.as_bytes(), pair.key.as_bytes());
        let found = read.map_err(AppError::broken("reading the certificate that came"))?.facts;
        let life = Lifetime { not_before: found.not_before, not_after: found.not_after };
        let found = Found { life, issuer: found.issuer, fingerprint: found.fingerprint };
        let sealed = self.core.keyring.seal(key_place(name.as_str()), pair.key.as_bytes());
        let new = NewPair {
            issued: Issued {
                life,
                issuer: found.issuer.clone(),
                fingerprint: found.fingerprint.clone(),
                obtained_at: now,
            },
            chain: pair.chain.clone(),
            private_key: sealed.map_err(AppError::broken("sealing a key"))?.into_bytes(),
        };
        let received = Step::new(StepKind::CertificateReceived, name.as_str()).with_detail(&found.issuer);
        self.note_step(&name, received.with_time(life.not_after)).await;
        let act = if before.issued.is_some() { "certificate_renewed" } else { "certificate_issued" };
        let event = self.of_certificate(act, taken).made(facts(&found));
        let (next, taken) = (life.renew_at(None, now), taken.clone());
        let is_mine = self
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let row = &taken.certificate.name;
                let is_mine = certificates::issue(tx, row, &taken.worker, &new, next).await?;
                if is_mine {
                    audit::insert(tx, &event).await?;
                }
                Ok::<_, AppError>(is_mine)
            })
            .await?;
        if is_mine {
            let Found { life, issuer, .. } = found;
            info!(certificate.name = %name, certificate.not_after = %life.not_after,
                "got a certificate of {name} from {issuer}, until {}", life.not_after);
            let active = Step::new(StepKind::CertificateActivated, name.as_str()).with_time(next);
            self.note_step(&name, active).await;
        }
        Ok(())
    }

    /// A failure is told when it is news: the first, and one with other words than the one before.
    async fn note_failure(&self, taken: &Taken, acme: &Acme, failure: Failure) -> Result<()> {
        let (before, now) = (&taken.certificate, self.now());
        let Failure { mut setback, mut why, .. } = failure;
        // An authority that has forgotten us gets to know us anew.
        let is_account_lost = why.contains("accountDoesNotExist");
        if is_account_lost {
            setback = Setback::Temporary;
        }
        if setback == Setback::Permanent && before.name.address().is_some() && acme.profile.is_none() {
            why.push_str(" (for IP addresses Let's Encrypt wants the profile shortlived: set `profile`)");
        }
        let [spread] = random::<1>(self.core.clock.as_ref());
        let urgent = before.is_urgent(now) && before.issued.is_some();
        let next = next_try(setback, (taken.began, now), before.failures, urgent, spread);
        if before.last_error.as_ref() != Some(&why) {
            warn!(certificate.name = %before.name, certificate.next_try = %next,
                "no certificate of {} came: {why}; the next attempt is at {next}", before.name);
        }
        let forgotten = is_account_lost.then(|| acme.directory.clone());
        let event = self.of_certificate("certificate_failed", taken).made(json!({ "error": why }));
        let event = before.last_error.is_none().then_some(event);
        let failed = Step::failed(StepKind::AttemptFailed, before.name.as_str(), &why).with_time(next);
        let (name, taken) = (before.name.clone(), taken.clone());
        let is_mine = self
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let row = &taken.certificate.name;
                let is_mine = certificates::fail(tx, row, &taken.worker, &why, now, next).await?;
                if let Some(event) = event.as_ref().filter(|_| is_mine) {
                    audit::insert(tx, event).await?;
                }
                if let Some(directory) = forgotten.as_ref().filter(|_| is_mine) {
                    acme::forget_account(tx, directory.as_str()).await?;
                }
                Ok::<_, AppError>(is_mine)
            })
            .await?;
        if is_mine {
            self.note_step(&name, failed).await;
        }
        Ok(())
    }

    /// Asks the authority when what is in force shall be renewed. An authority that cannot be asked is asked again later: the
    /// certificate's own lifetime decides meanwhile.
    pub(super) async fn ask_renewal_window(&self, taken: &Taken, settings: &Settings) -> Result<()> {
        let (before, now) = (&taken.certificate, self.now());
        let (Some(acme), Some(issued)) = (&settings.acme, &before.issued) else { return Ok(()) };
        let row = before.name.clone();
        let read = async move |on: &mut Conn| Ok::<_, AppError>(certificates::chain(on, &row).await?);
        let chain = self.core.store.read(read).await?.unwrap_or_default();
        let asked = match self.authority(acme, settings).await {
            Ok((authority, _)) => authority.renewal_window(chain.as_bytes()).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        let (window, ask_again) = match asked {
            Ok(Some(told)) => {
                let random = u64::from_be_bytes(random::<8>(self.core.clock.as_ref()));
                let window = ChosenWindow::choose(told.start, told.end, random, before.window);
                (Some(window), now + told.ask_again_after)
            }
            Ok(None) => (None, now + ASK_AGAIN),
            Err(failure) => {
                debug!("cannot ask when {} is to be renewed: {}", before.name, failure.why);
                (before.window, now + ASK_AGAIN)
            }
        };
        let next = issued.life.renew_at(window, issued.obtained_at);
        let kept = self.held(taken, async move |tx, taken| {
            let (row, worker) = ((&taken.certificate.name, taken.certificate.revision), &taken.worker);
            certificates::keep_window(tx, row, worker, window, (next, Some(ask_again))).await
        });
        if !kept.await? {
            self.let_go(taken).await;
        }
        Ok(())
    }

    fn of_certificate(&self, act: &str, taken: &Taken) -> AuditEvent {
        self.event(&Ctx::system(), act, ("certificate", taken.certificate.name.to_string()))
    }
}

impl Failure {
    fn with_hint(mut self, hint: Option<String>) -> Self {
        if let Some(hint) = hint {
            self.why.push_str(&format!(" ({hint})"));
        }
        self
    }
}

impl From<AcmeError> for Failure {
    fn from(error: AcmeError) -> Self {
        let (setback, result) = match error.kind {
            AcmeErrorKind::Permanent => (Setback::Permanent, "permanent"),
            AcmeErrorKind::RateLimited { wait } => (Setback::RateLimited(wait), "rate_limited"),
            AcmeErrorKind::Temporary => (Setback::Temporary, "temporary"),
            AcmeErrorKind::OrderLost => (Setback::Temporary, "order_lost"),
        };
        Self { setback, result, why: error.to_string() }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self { setback: Setback::Temporary, result: "temporary", why: chain(&error).to_string() }
    }
}

fn count(result: &'static str) {
    metrics::counter!(names::ACME_ATTEMPTS.name, "result" => result).increment(1);
}

fn order_place(name: &str) -> Place<'_> {
    Place { table: "certificates", column: "order_key", row: name }
}

/// How often an authority without an opinion, or one that is away, is asked. RFC 9773 §4.3.3 asks for six hours after an
/// error.
const ASK_AGAIN: Duration = Duration::from_secs(6 * 3600);
