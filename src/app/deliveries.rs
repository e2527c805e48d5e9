//! Telling webhooks' receivers: who is told of what, one call at a time, and what came of it.
//!
//! Invariant: a call carries a signature under the webhook's own secret, goes through the guard of all outgoing calls, and
//! follows no redirect.

use http::{Request, StatusCode};
use tracing::warn;
use zeroize::Zeroizing;

use crate::app::App;
use crate::app::error::{AppError, Result};
use crate::app::webhooks::{secret_place, there};
use crate::domain::id::{DeliveryId, WebhookId};
use crate::domain::job::{Attempted, TakenJob};
use crate::domain::webhook::{Delivery, Webhook};
use crate::secrets::seal::Sealed;
use crate::secrets::signature::sign;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, webhooks};

/// Deliveries that one transaction makes, as far as one event goes to no more receivers: others wait for milliseconds.
const AT_ONCE: usize = 100;

/// Transactions of one step.
const ROUNDS: u32 = 20;

impl App {
    /// Finds out who is told of what happened, and queues a delivery for each.
    pub async fn hand_out_step(&self) -> Result<()> {
        for _ in 0..ROUNDS {
            let noted = self.core.store.read(async |on: &mut Conn| webhooks::any_noted(on).await).await?;
            if !noted {
                return Ok(());
            }
            let teller = self.clone();
            self.core
                .store
                .write(async move |tx: &mut Tx| {
                    let receivers = webhooks::active(tx).await?;
                    let events = u32::try_from(AT_ONCE / receivers.len().max(1)).unwrap_or(1).max(1);
                    for telling in webhooks::take_noted(tx, events).await? {
                        for webhook in receivers.iter().filter(|it| it.tells(telling.kind)) {
                            teller.queue_delivery(tx, webhook.id, telling.clone()).await?;
                        }
                    }
                    Ok::<_, AppError>(())
                })
                .await?;
        }
        Ok(())
    }

    /// Warns while events wait that only a newer program knows. They are left to it: it may run beside this one, and what
    /// was dropped here it could not tell any more.
    pub(in crate::app) async fn warn_of_strange_events(&self) -> Result<()> {
        let strange = self.core.store.read(async |on: &mut Conn| webhooks::count_strange(on).await).await?;
        if strange > 0 {
            warn!(
                webhook.events = strange,
                "{strange} events for webhooks are of kinds that this program does not know; they wait for the newer \
                 program that wrote them"
            );
        }
        Ok(())
    }

    /// Makes the delivery of a job.
    pub(in crate::app) async fn deliver(&self, job: &TakenJob) -> Result<Attempted> {
        let id: DeliveryId = self.open_job(job)?;
        let found = self
            .core
            .store
            .read(async move |on: &mut Conn| {
                let Some(delivery) = webhooks::find_delivery(on, id).await? else { return Ok(None) };
                let webhook = webhooks::find(on, delivery.webhook).await?;
                Ok::<_, AppError>(webhook.map(|webhook| (webhook, delivery)))
            })
            .await?;
        let Some((webhook, delivery)) = found else {
            return Ok(Attempted::Failed("its webhook was deleted".to_owned()));
        };
        if delivery.delivered {
            return Ok(Attempted::Done);
        }
        if !webhook.active {
            return Ok(Attempted::Failed("its webhook is paused".to_owned()));
        }
        let tried = self.call(&webhook, delivery).await?;
        self.note_attempt(&webhook, &tried).await?;
        Ok(match (tried.delivered, tried.status) {
            (true, _) => Attempted::Done,
            // RFC 9110 §15.5.11: gone for good, so no more of this one. The webhook itself may be of use for others.
            (false, Some(410)) => Attempted::Failed("the receiver says it is gone".to_owned()),
            (false, _) => Attempted::Again("the receiver did not take it".to_owned()),
        })
    }

    /// Calls the receiver once.
    pub(in crate::app) async fn call(&self, webhook: &Webhook, mut delivery: Delivery) -> Result<Delivery> {
        let secret = self.webhook_secret(webhook.id).await?;
        let (settings, _) = self.current_settings().await?;
        let now = self.now();
        let request = Request::post(webhook.url.as_str())
            .header("content-type", "application/json")
            .header("caspervpn-event", delivery.kind.as_str())
            .header("caspervpn-delivery", delivery.id.to_string())
            .header("caspervpn-signature", sign(&secret, now, &delivery.body))
            .body(delivery.body.clone())
            .map_err(AppError::broken("writing a request"))?;
        let began = self.core.clock.instant();
        let answer = self.core.outgoing.send(&settings.outgoing_allowed, request).await;
        let took = self.core.clock.instant().saturating_duration_since(began);
        delivery.took_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        delivery.attempted_at = Some(now);
        delivery.attempts += 1;
        let status = answer.as_ref().ok().map(|answer| answer.status());
        delivery.status = status.map(|status| status.as_u16());
        delivery.delivered = status.is_some_and(|status| status.is_success());
        delivery.error = match (&answer, status) {
            (Err(error), _) => Some(error.to_string()),
            (Ok(_), Some(status)) if status.is_redirection() => {
                Some(format!("answered {status}, and redirects are not followed"))
            }
            (Ok(_), Some(status)) if !status.is_success() => Some(said(status)),
            (Ok(_), _) => None,
        };
        Ok(delivery)
    }

    /// Writes down how an attempt ended, and pauses a webhook whose receiver has failed for days.
    async fn note_attempt(&self, webhook: &Webhook, tried: &Delivery) -> Result<()> {
        let now = self.now();
        let (id, tried, event) = (webhook.id, tried.clone(), self.paused(webhook));
        self.core
            .store
            .write(async move |tx: &mut Tx| {
                webhooks::note_attempt(tx, &tried).await?;
                let mut webhook = there(tx, id).await?;
                webhook.note_call(tried.delivered, now);
                webhooks::note_failing(tx, id, webhook.failing).await?;
                if webhook.active && webhook.is_given_up(now) {
                    let revision = webhook.revision;
                    webhook.active = false;
                    webhooks::update(tx, &webhook, revision, now).await?;
                    audit::insert(tx, &event).await?;
                }
                Ok::<_, AppError>(())
            })
            .await
    }

    async fn webhook_secret(&self, id: WebhookId) -> Result<Zeroizing<String>> {
        let sealed = self.core.store.read(async move |on: &mut Conn| webhooks::secret(on, id).await).await?;
        let sealed = Sealed::parse(sealed).map_err(AppError::broken("reading a webhook's secret"))?;
        let row = id.to_string();
        let plain = self.core.keyring.open(secret_place(&row), &sealed);
        let plain = plain.map_err(AppError::broken("opening a webhook's secret"))?;
        let text =
            String::from_utf8(plain.to_vec()).map_err(AppError::broken("reading a webhook's secret"))?;
        Ok(Zeroizing::new(text))
    }
}

fn said(status: StatusCode) -> String {
    format!("answered {status}")
}
