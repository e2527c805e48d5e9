//! The audit over HTTP.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::number::Word;
use crate::api::page::{Column, Values, list_query};
use crate::api::query::Query;
use crate::api::reply::{self, Answer, page_of};
use crate::app::App;
use crate::app::audit::{AuditFilter, AuditSort};
use crate::app::ctx::Ctx;
use crate::domain::audit::{AuditEvent, Outcome};
use crate::domain::id::{ApiTokenId, AuditEventId, RequestId, UserId};
use crate::domain::time::Timestamp;

/// The routes of the audit.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Who did what to which thing, and how it ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEventView {
    /// Names the event.
    id: AuditEventId,
    /// When it happened.
    at: Timestamp,
    /// The kind of actor: `user`, `api_token`, `host`, `system`, `anonymous`.
    #[schema(example = "user")]
    actor_kind: String,
    /// The user who acted, or for whom an API token did.
    actor_id: Option<UserId>,
    /// The API token that acted, where it was one.
    api_token_id: Option<ApiTokenId>,
    /// What was done, by the operation's id.
    #[schema(example = "device_create")]
    action: String,
    /// The kind of thing it was done to.
    #[schema(example = "device")]
    target_kind: String,
    /// The thing.
    #[schema(example = "01983f6e-7b3a-7c00-8000-000000000000")]
    target_id: Option<String>,
    /// How it ended.
    outcome: Outcome,
    /// The request that carried it.
    request_id: Option<RequestId>,
    /// The address it came from.
    #[schema(example = "192.0.2.7")]
    source: Option<String>,
    /// The thing before, without secrets.
    #[schema(value_type = Option<Object>, example = json!({ "name": "laptop" }))]
    before: Option<Value>,
    /// The thing after, without secrets.
    #[schema(value_type = Option<Object>, example = json!({ "name": "phone" }))]
    after: Option<Value>,
}

impl From<AuditEvent> for AuditEventView {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id,
            at: event.at,
            actor_kind: event.actor_kind,
            actor_id: event.actor,
            api_token_id: event.api_token,
            action: event.action,
            target_kind: event.target_kind,
            target_id: event.target,
            outcome: event.outcome,
            request_id: event.request,
            source: event.source,
            before: event.before,
            after: event.after,
        }
    }
}

page_of! {
    /// A page of events.
    AuditPage of AuditEventView
}

impl Column for AuditSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] = &[("at", Self::At, Values::Times)];
}

list_query! {
    /// Which events are listed.
    ListAudit by AuditOrder of AuditSort {
        /// Only what this user did.
        actor_id: UserId,
        /// Only acts of this name, which is an operation's id.
        action: Word,
        /// Only what was done to this kind of thing.
        target_kind: Word,
        /// Only what was done to this thing.
        target_id: Word,
        /// Only from this time on.
        from: Timestamp,
        /// Only before this time.
        to: Timestamp,
    }
}

/// Read the audit, newest first.
#[utoipa::path(get, path = "/audit", operation_id = "audit_list", tag = "audit", params(ListAudit),
    responses((status = 200, description = "A page of events.", body = AuditPage)))]
async fn list(State(app): State<App>, ctx: Ctx, Query(query): Query<ListAudit>) -> Answer<Json<AuditPage>> {
    let page = query.page()?;
    let filter = AuditFilter {
        actor: query.actor_id,
        action: query.action.map(Word::into_string),
        target: query.target_id.map(Word::into_string),
        target_kind: query.target_kind.map(Word::into_string),
        from: query.from,
        to: query.to,
    };
    reply::page::<_, AuditEventView, _>(app.audit().list(&ctx, filter, page).await?)
}
