//! Webhooks over HTTP, and the log of their deliveries.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::idempotency::Once;
use crate::api::number::Once as Secret;
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::precondition::IfMatch;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, Revised, page_of};
use crate::api::schema::given;
use crate::app::ctx::Ctx;
use crate::app::webhooks::{self, WebhookItem, WebhookSort};
use crate::app::{App, Revision};
use crate::domain::id::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::{Delivery, EventKind, WebhookUrl};

/// The routes of webhooks.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(redeliver))
}

/// A webhook: a program elsewhere that is told of what happens here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01983f6e-7b3a-7c00-8000-000000000000", "url": "https://example.org/hook", "kinds": ["user.created"],
    "active": true, "failing_since": null, "revision": 3, "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00Z",
}))]
pub struct WebhookView {
    /// Names the webhook.
    id: WebhookId,
    /// Where its receiver is.
    url: WebhookUrl,
    /// What it tells of; everything where it is empty.
    kinds: Vec<EventKind>,
    /// Whether it tells anything. It is paused when every call has failed for four days, ten of them at least.
    active: bool,
    /// Since when every call has failed; null while they arrive. Tests do not count.
    failing_since: Option<Timestamp>,
    /// Counts the changes: the ETag.
    #[schema(minimum = 0, example = 3)]
    revision: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// The secret that signs what is sent: in the answer to its making and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<Secret>,
}

impl From<WebhookItem> for WebhookView {
    fn from(item: WebhookItem) -> Self {
        let WebhookItem { webhook, secret } = item;
        Self {
            id: webhook.id,
            url: webhook.url,
            kinds: webhook.kinds,
            active: webhook.active,
            failing_since: webhook.failing.map(|it| it.since),
            revision: webhook.revision,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
            secret: secret.map(Secret),
        }
    }
}

impl Revised for WebhookView {
    fn location(&self) -> String {
        format!("/webhooks/{}", self.id)
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

page_of! {
    /// A page of webhooks.
    WebhookPage of WebhookView
}

/// One event on its way to one receiver.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Names the delivery; the receiver gets it as `Caspervpn-Delivery`.
    id: DeliveryId,
    /// Of which webhook.
    webhook_id: WebhookId,
    /// The event, the same in each delivery of it.
    #[schema(max_length = 36, example = "01983f6e-7b3a-7c00-8000-000000000000")]
    event_id: String,
    /// What it is about.
    kind: EventKind,
    /// Whether it arrived.
    delivered: bool,
    /// How often it was tried.
    #[schema(minimum = 0, example = 1)]
    attempts: u32,
    /// The status of the last answer.
    #[schema(minimum = 100, maximum = 999, example = 200)]
    status: Option<u16>,
    /// How long the last attempt took, in milliseconds.
    #[schema(minimum = 0, example = 120)]
    took_ms: Option<u64>,
    /// Why the last attempt failed.
    #[schema(max_length = 1000, example = "answered 500 Internal Server Error")]
    error: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last tried.
    attempted_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook,
            event_id: delivery.event,
            kind: delivery.kind,
            delivered: delivery.delivered,
            attempts: delivery.attempts,
            status: delivery.status,
            took_ms: delivery.took_ms,
            error: delivery.error,
            created_at: delivery.created_at,
            attempted_at: delivery.attempted_at,
        }
    }
}

page_of! {
    /// A page of deliveries.
    DeliveryPage of DeliveryView
}

impl Column for WebhookSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] =
        &[("created_at", Self::CreatedAt, Values::Times)];
}

list_query! {
    /// Which webhooks are listed.
    ListWebhooks by WebhooksOrder of WebhookSort {}
}

list_query! {
    /// Which deliveries are listed.
    ListDeliveries by DeliveriesOrder of WebhookSort {
        /// Only those of this webhook.
        webhook_id: WebhookId,
        /// Only those that did, or did not, arrive.
        delivered: bool,
    }
}

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Where its receiver is: an https URL at a public address, or what the setting `outgoing_allowed` lets in.
    url: WebhookUrl,
    /// What it tells of; everything where it is empty or left out.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, max_items = 32)]
    kinds: Option<Vec<EventKind>>,
    /// Whether it tells anything yet; it does where this is left out.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    active: Option<bool>,
}

/// Changes of a webhook. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateWebhook {
    /// Where its receiver is.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    url: Option<WebhookUrl>,
    /// What it tells of; everything where it is empty.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, max_items = 32)]
    kinds: Option<Vec<EventKind>>,
    /// Whether it tells anything.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    active: Option<bool>,
}

/// List webhooks.
#[utoipa::path(get, path = "/webhooks", operation_id = "webhook_list", tag = "webhooks", params(ListWebhooks),
    responses((status = 200, description = "A page of webhooks.", body = WebhookPage)))]
async fn list(
    State(app): State<App>,
    ctx: Ctx,
    Query(query): Query<ListWebhooks>,
) -> Answer<Json<WebhookPage>> {
    let page = query.page()?;
    reply::page::<_, WebhookView, _>(app.webhooks().list(&ctx, page).await?)
}

/// Make a webhook.
///
/// The answer has the secret that signs what is sent, which is shown here and never again.
#[utoipa::path(post, path = "/webhooks", operation_id = "webhook_create", tag = "webhooks",
    params(Once<CreateWebhook>), request_body = CreateWebhook,
    responses((status = 201, description = "The webhook was made.", body = WebhookView)))]
async fn create(State(app): State<App>, ctx: Ctx, body: Once<CreateWebhook>) -> Answer {
    let (ctx, request) = body.within(ctx);
    let request = webhooks::CreateWebhook {
        url: request.url,
        kinds: request.kinds.unwrap_or_default(),
        active: request.active.unwrap_or(true),
    };
    reply::created::<WebhookView, _>(app.webhooks().create(&ctx, request).await?)
}

/// Read a webhook.
#[utoipa::path(get, path = "/webhooks/{id}", operation_id = "webhook_get", tag = "webhooks", params(Id<WebhookId>),
    responses((status = 200, description = "The webhook.", body = WebhookView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<WebhookId>) -> Answer {
    reply::item(WebhookView::from(app.webhooks().get(&ctx, id).await?))
}

/// Change a webhook.
#[utoipa::path(patch, path = "/webhooks/{id}", operation_id = "webhook_update", tag = "webhooks",
    params(Id<WebhookId>, IfMatch), request_body = UpdateWebhook,
    responses((status = 200, description = "The webhook as it is now.", body = WebhookView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<WebhookId>,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateWebhook>,
) -> Answer {
    let change = webhooks::UpdateWebhook { url: request.url, kinds: request.kinds, active: request.active };
    reply::item(WebhookView::from(app.webhooks().update(&ctx, id, revision, change).await?))
}

/// Delete a webhook with its log.
#[utoipa::path(delete, path = "/webhooks/{id}", operation_id = "webhook_delete", tag = "webhooks",
    params(Id<WebhookId>, IfMatch), responses((status = 204, description = "The webhook is gone.")))]
async fn delete(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<WebhookId>,
    IfMatch(revision): IfMatch,
) -> Answer<StatusCode> {
    app.webhooks().delete(&ctx, id, revision).await?;
    reply::done()
}

/// Send a test event.
///
/// It is sent at once, and the answer says what came of it: a receiver that fails is no failure of this operation.
#[utoipa::path(post, path = "/webhooks/{id}/test", operation_id = "webhook_test", tag = "webhooks",
    params(Id<WebhookId>), responses((status = 200, description = "The attempt.", body = DeliveryView)))]
async fn test(State(app): State<App>, ctx: Ctx, Id(id): Id<WebhookId>) -> Answer<Json<DeliveryView>> {
    Ok(Json(app.webhooks().test(&ctx, id).await?.into()))
}

/// Read the log of deliveries, newest first.
#[utoipa::path(get, path = "/webhook-deliveries", operation_id = "webhook_delivery_list", tag = "webhooks",
    params(ListDeliveries), responses((status = 200, description = "A page of deliveries.", body = DeliveryPage)))]
async fn deliveries(
    State(app): State<App>,
    ctx: Ctx,
    Query(query): Query<ListDeliveries>,
) -> Answer<Json<DeliveryPage>> {
    let page = query.page()?;
    reply::page::<_, DeliveryView, _>(
        app.webhooks().deliveries(&ctx, query.webhook_id, query.delivered, page).await?,
    )
}

/// Deliver an event once more.
///
/// It is a delivery of its own, with the same event in it.
#[utoipa::path(post, path = "/webhook-deliveries/{id}/redeliver", operation_id = "webhook_redeliver", tag = "webhooks",
    params(Id<DeliveryId>), responses((status = 202, description = "The new delivery.", body = DeliveryView)))]
async fn redeliver(State(app): State<App>, ctx: Ctx, Id(id): Id<DeliveryId>) -> Answer<Response> {
    let delivery = app.webhooks().redeliver(&ctx, id).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryView::from(delivery))).into_response())
}
