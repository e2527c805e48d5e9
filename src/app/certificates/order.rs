//! Which certificate is seen to when, and by whom.
//!
//! Invariant: an attempt is counted, with the wait after it, before it is made. However often a service dies and starts
//! again, the authority is not asked more often than by one that lives.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::domain::certificate::Certificate;
use crate::domain::certificate_log::{Step, StepKind};
use crate::domain::renewal::{is_due, wait_after};
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;
use crate::runtime::clock::random;
use crate::store::backend::{Conn, Tx};
use crate::store::certificates;
use crate::telemetry::chain::chain;

/// How long a certificate stays a worker's own without a renewal of the hold.
const HELD_FOR: Duration = Duration::from_secs(90);

/// How often a hold is renewed: two renewals may fail.
const RENEWED_EVERY: Duration = Duration::from_secs(30);

/// Certificates that one step sees to, at once.
const AT_ONCE: u32 = 4;

/// A certificate that is this worker's for now.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// As it was when it was taken, with the attempt counted.
    pub(super) certificate: Certificate,
    /// Who holds it. Of one take only, so that an earlier one of the same process counts for no more than a stranger's.
    pub(super) worker: String,
    /// When it was taken.
    pub(super) began: Timestamp,
    /// Whether one is to be ordered, or only the authority asked when.
    pub(super) is_attempt: bool,
}

impl App {
    /// Orders what is due, and asks the authority when what is in force shall be renewed. A stop leaves the orders where they
    /// are: whoever comes next goes on with them.
    pub async fn order_step(&self, stop: &CancellationToken) -> Result<()> {
        let (settings, _) = self.current_settings().await?;
        if settings.acme.is_none() {
            return Ok(());
        }
        let taken = self.take_certificates().await?;
        let work = join_all(taken.iter().map(|taken| self.see_to(taken, &settings)));
        tokio::select! {
            ended = work => ended.into_iter().collect(),
            () = stop.cancelled() => {
                join_all(taken.iter().map(|taken| self.interrupt(taken))).await;
                Ok(())
            }
        }
    }

    async fn take_certificates(&self) -> Result<Vec<Taken>> {
        let now = self.now();
        let any_due = async move |on: &mut Conn| Ok::<_, AppError>(certificates::any_due(on, now).await?);
        if !self.core.store.read(any_due).await? {
            return Ok(Vec::new());
        }
        let worker = self.core.clock.new_id().to_string();
        let [spread] = random::<1>(self.core.clock.as_ref());
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                let mut all = Vec::new();
                for mut certificate in certificates::take(tx, &worker, AT_ONCE, now, HELD_FOR).await? {
                    let failing_since = certificate.attempted_at.filter(|_| certificate.failures > 0);
                    let is_attempt = is_due(now, certificate.next_try_at, failing_since);
                    if is_attempt {
                        certificate.attempts += 1;
                        certificate.failures += 1;
                        certificate.revision += 1;
                        certificate.next_try_at = now + wait_after(certificate.failures, spread);
                        let next = certificate.next_try_at;
                        certificates::begin_attempt(tx, &certificate.name, &worker, now, next).await?;
                    }
                    all.push(Taken { certificate, worker: worker.clone(), began: now, is_attempt });
                }
                Ok::<_, AppError>(all)
            })
            .await
    }

    /// Does what is due while the hold is renewed.
    async fn see_to(&self, taken: &Taken, settings: &Settings) -> Result<()> {
        let mut act = std::pin::pin!(async {
            if taken.is_attempt {
                self.attempt_certificate(taken, settings).await
            } else {
                self.ask_renewal_window(taken, settings).await
            }
        });
        loop {
            tokio::select! {
                ended = &mut act => {
                    if ended.is_err() {
                        self.let_go(taken).await;
                    }
                    return ended;
                }
                () = tokio::time::sleep(RENEWED_EVERY) => {
                    // A database that is away for a moment is no reason to give up: the hold outlives two renewals.
                    if let Ok(false) = self.hold_certificate(taken).await {
                        let name = &taken.certificate.name;
                        warn!("the order for {name} was taken by another worker, or the settings have changed");
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn hold_certificate(&self, taken: &Taken) -> Result<bool> {
        self.held(taken, async |tx, taken| {
            certificates::hold(tx, &taken.certificate.name, &taken.worker, HELD_FOR).await
        })
        .await
    }

    async fn interrupt(&self, taken: &Taken) {
        self.let_go(taken).await;
        let Certificate { name, next_try_at, .. } = &taken.certificate;
        if taken.is_attempt {
            let stopped = Step::new(StepKind::AttemptInterrupted, name.as_str()).with_time(*next_try_at);
            self.note_step(name, stopped).await;
        }
    }

    pub(super) async fn let_go(&self, taken: &Taken) {
        let released = self.held(taken, async |tx, taken| {
            certificates::release(tx, &taken.certificate.name, &taken.worker).await
        });
        if let Err(cause) = released.await {
            let name = &taken.certificate.name;
            warn!(error = %chain(&cause), "the order for {name} waits until its hold has run out");
        }
    }

    /// Writes about a certificate that is held; false where it is held no more.
    pub(super) async fn held<F>(&self, taken: &Taken, write: F) -> Result<bool>
    where
        F: AsyncFn(&mut Tx, &Taken) -> std::result::Result<bool, crate::store::error::StoreError>
            + Send
            + 'static,
    {
        let taken = taken.clone();
        self.core.store.write(async move |tx: &mut Tx| Ok::<_, AppError>(write(tx, &taken).await?)).await
    }
}
