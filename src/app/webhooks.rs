//! Webhooks: which programs elsewhere are told of what.
//!
//! Invariant: a webhook's secret is shown to whoever makes it, once, and to nobody afterwards.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::{App, Created, Revision, expect_revision, idempotency, noun};
use crate::domain::access::Action;
use crate::domain::audit::AuditEvent;
use crate::domain::id::{DeliveryId, WebhookId};
use crate::domain::job::JobKind;
use crate::domain::page::{Page, PageRequest};
use crate::domain::webhook::{Delivery, EventKind, Telling, Webhook, WebhookUrl};
use crate::secrets::seal::Place;
use crate::secrets::token::WebhookSecret;
use crate::store::backend::{Conn, Tx};
pub use crate::store::webhooks::WebhookSort;
use crate::store::{audit, jobs, webhooks};

/// The use cases of webhooks.
#[derive(Debug, Clone, Copy)]
pub struct Webhooks<'a>(pub(in crate::app) &'a App);

/// A webhook, with its secret in the answer to its making.
#[derive(Debug, Clone)]
pub struct WebhookItem {
    /// The facts.
    pub webhook: Webhook,
    /// The secret, once.
    pub secret: Option<Zeroizing<String>>,
}

/// A webhook to be made.
#[derive(Debug, Clone)]
pub struct CreateWebhook {
    /// Where its receiver is.
    pub url: WebhookUrl,
    /// What it tells of; everything where it is empty.
    pub kinds: Vec<EventKind>,
    /// Whether it tells anything yet.
    pub active: bool,
}

/// Changes of a webhook.
#[derive(Debug, Clone, Default)]
pub struct UpdateWebhook {
    /// Where its receiver is.
    pub url: Option<WebhookUrl>,
    /// What it tells of; everything where it is empty.
    pub kinds: Option<Vec<EventKind>>,
    /// Whether it tells anything.
    pub active: Option<bool>,
}

/// Webhooks of one service: each event is written once for each of them.
const MOST: u64 = 50;

impl Webhooks<'_> {
    /// A page of webhooks.
    pub async fn list(&self, ctx: &Ctx, page: PageRequest<WebhookSort>) -> Result<Page<WebhookItem>> {
        ctx.require(Action::WebhookList)?;
        let page = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| Ok::<_, AppError>(webhooks::list(on, &page).await?))
            .await?;
        Ok(page.map(item))
    }

    /// One webhook.
    pub async fn get(&self, ctx: &Ctx, id: WebhookId) -> Result<WebhookItem> {
        ctx.require(Action::WebhookGet)?;
        Ok(item(self.0.core.store.read(async move |on: &mut Conn| there(on, id).await).await?))
    }

    /// Makes a webhook and shows its secret.
    pub async fn create(&self, ctx: &Ctx, request: CreateWebhook) -> Result<Created<WebhookItem>> {
        ctx.require(Action::WebhookCreate)?;
        let app = self.0;
        let now = app.now();
        let secret = WebhookSecret::generate().map_err(AppError::broken("making a secret"))?.reveal();
        let webhook = Webhook {
            id: WebhookId::new(app.core.clock.new_id()),
            url: request.url,
            kinds: request.kinds,
            active: request.active,
            failing: None,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        let row = webhook.id.to_string();
        let sealed = app.core.keyring.seal(secret_place(&row), secret.as_bytes());
        let sealed = sealed.map_err(AppError::broken("sealing a secret"))?;
        let event = app.event(ctx, Action::WebhookCreate.as_str(), ("webhook", row));
        let ctx = ctx.clone();
        let made = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::WebhookCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    return Ok::<_, AppError>(Created::Replayed(there(tx, id).await?));
                }
                if webhooks::count(tx).await? >= MOST {
                    return Err(AppError::conflict(
                        "webhook_limit",
                        "there are 50 webhooks; delete one that is not used",
                    ));
                }
                webhooks::insert(tx, &webhook, sealed.as_bytes()).await?;
                audit::insert(tx, &event.made(facts(&webhook))).await?;
                idempotency::keep(tx, &ctx, Action::WebhookCreate, &webhook.id.to_string(), now).await?;
                Ok(Created::New(webhook.clone()))
            })
            .await?;
        Ok(match made {
            Created::New(webhook) => Created::New(WebhookItem { webhook, secret: Some(secret) }),
            Created::Replayed(webhook) => Created::Replayed(item(webhook)),
        })
    }

    /// Changes a webhook. Turning it on forgets how long its receiver has failed.
    pub async fn update(
        &self,
        ctx: &Ctx,
        id: WebhookId,
        revision: Revision,
        request: UpdateWebhook,
    ) -> Result<WebhookItem> {
        ctx.require(Action::WebhookUpdate)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::WebhookUpdate.as_str(), ("webhook", id.to_string()));
        let webhook = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = there(tx, id).await?;
                expect_revision("webhook", before.revision, revision)?;
                if request.active == Some(true) {
                    webhooks::note_failing(tx, id, None).await?;
                }
                let after = webhooks::update(tx, &changed(&before, &request), revision, now).await?;
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                Ok::<_, AppError>(after)
            })
            .await
            .map_err(noun("webhook"))?;
        Ok(item(webhook))
    }

    /// Deletes a webhook with its log.
    pub async fn delete(&self, ctx: &Ctx, id: WebhookId, revision: Revision) -> Result<()> {
        ctx.require(Action::WebhookDelete)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::WebhookDelete.as_str(), ("webhook", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let before = there(tx, id).await?;
                expect_revision("webhook", before.revision, revision)?;
                webhooks::delete(tx, id, now).await?;
                audit::insert(tx, &event.removed(facts(&before))).await?;
                Ok::<_, AppError>(())
            })
            .await
    }

    /// Sends a test event at once, also where the webhook is not active, and says what came of it. What somebody tries out
    /// says nothing of how the receiver does, so it never counts towards pausing the webhook.
    pub async fn test(&self, ctx: &Ctx, id: WebhookId) -> Result<Delivery> {
        ctx.require(Action::WebhookTest)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::WebhookTest.as_str(), ("webhook", id.to_string()));
        let data = json!({ "webhook_id": id });
        let telling = Telling::new(event.id.to_string(), EventKind::Test, now, data);
        let delivery = app.new_delivery(id, telling);
        let (noted, event) = (delivery.clone(), event);
        let webhook = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let webhook = there(tx, id).await?;
                webhooks::insert_delivery(tx, &noted).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(webhook)
            })
            .await?;
        let tried = app.call(&webhook, delivery).await?;
        let noted = tried.clone();
        let note = async move |tx: &mut Tx| Ok::<_, AppError>(webhooks::note_attempt(tx, &noted).await?);
        app.core.store.write(note).await?;
        Ok(tried)
    }

    /// A page of deliveries, of one webhook where one is given.
    pub async fn deliveries(
        &self,
        ctx: &Ctx,
        webhook: Option<WebhookId>,
        delivered: Option<bool>,
        page: PageRequest<WebhookSort>,
    ) -> Result<Page<Delivery>> {
        ctx.require(Action::WebhookDeliveryList)?;
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                Ok::<_, AppError>(webhooks::deliveries(on, webhook, delivered, &page).await?)
            })
            .await
    }

    /// Delivers an event once more, as a delivery of its own.
    pub async fn redeliver(&self, ctx: &Ctx, id: DeliveryId) -> Result<Delivery> {
        ctx.require(Action::WebhookRedeliver)?;
        let app = self.0;
        let event = app.event(ctx, Action::WebhookRedeliver.as_str(), ("webhook_delivery", id.to_string()));
        let teller = app.clone();
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let found = webhooks::find_delivery(tx, id).await?;
                let before = found.ok_or(AppError::not_found("delivery"))?;
                if !there(tx, before.webhook).await?.active {
                    return Err(AppError::conflict(
                        "webhook_paused",
                        "the webhook is not active; turn it on first",
                    ));
                }
                let telling = Telling { id: before.event, kind: before.kind, body: before.body };
                let again = teller.queue_delivery(tx, before.webhook, telling).await?;
                audit::insert(tx, &event).await?;
                Ok::<_, AppError>(again)
            })
            .await
    }
}

impl App {
    /// Webhooks.
    pub const fn webhooks(&self) -> Webhooks<'_> {
        Webhooks(self)
    }

    /// Puts a delivery into the log and the queue.
    pub(in crate::app) async fn queue_delivery(
        &self,
        tx: &mut Tx,
        webhook: WebhookId,
        telling: Telling,
    ) -> Result<Delivery> {
        let now = self.now();
        let delivery = self.new_delivery(webhook, telling);
        webhooks::insert_delivery(tx, &delivery).await?;
        jobs::enqueue(tx, &self.new_job(JobKind::Webhook, &delivery.id, now)?, now).await?;
        Ok(delivery)
    }

    fn new_delivery(&self, webhook: WebhookId, telling: Telling) -> Delivery {
        Delivery {
            id: DeliveryId::new(self.core.clock.new_id()),
            webhook,
            event: telling.id,
            kind: telling.kind,
            body: telling.body,
            delivered: false,
            attempts: 0,
            status: None,
            took_ms: None,
            error: None,
            created_at: self.now(),
            attempted_at: None,
        }
    }

    /// The event of a webhook that was paused.
    pub(in crate::app) fn paused(&self, webhook: &Webhook) -> AuditEvent {
        self.event(&Ctx::system(), "webhook_pause", ("webhook", webhook.id.to_string()))
    }
}

/// Where a secret is sealed for.
pub(in crate::app) const fn secret_place(row: &str) -> Place<'_> {
    Place { table: "webhooks", column: "secret", row }
}

/// The webhook.
pub(in crate::app) async fn there(on: &mut Conn, id: WebhookId) -> Result<Webhook> {
    webhooks::find(on, id).await?.ok_or(AppError::not_found("webhook"))
}

fn changed(before: &Webhook, request: &UpdateWebhook) -> Webhook {
    let mut after = before.clone();
    if let Some(url) = &request.url {
        after.url = url.clone();
    }
    if let Some(kinds) = &request.kinds {
        after.kinds.clone_from(kinds);
    }
    if let Some(active) = request.active {
        after.active = active;
    }
    after
}

const fn item(webhook: Webhook) -> WebhookItem {
    WebhookItem { webhook, secret: None }
}

/// What the audit keeps of a webhook. Not its path: with some receivers that is the secret.
fn facts(webhook: &Webhook) -> Value {
    json!({ "host": webhook.url.host(), "kinds": webhook.kinds, "active": webhook.active })
}
