//! The audit over HTTP.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::stream::try_unfold;
use http::header;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::number::{SegmentNumber, Word};
use crate::api::page::{Column, Values, list_query};
use crate::api::query::Query;
use crate::api::reply::{self, Answer, page_of};
use crate::app::App;
use crate::app::audit::{AuditFilter, AuditSort};
use crate::app::audit_verify::Verification;
use crate::app::ctx::Ctx;
use crate::app::error::AppError;
use crate::domain::audit::{AuditEvent, Outcome};
use crate::domain::audit_chain::DigestText;
use crate::domain::id::{ApiTokenId, AuditEventId, RequestId, UserId};
use crate::domain::page::Page;
use crate::domain::time::Timestamp;

/// The routes of the audit.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify)).routes(routes!(export))
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
        /// Only what was done, or only what was refused.
        outcome: Outcome,
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
        outcome: query.outcome,
        from: query.from,
        to: query.to,
    };
    reply::page::<_, AuditEventView, _>(app.audit().list(&ctx, filter, page).await?)
}

/// Which events are taken out.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportAudit {
    /// Only what this user did.
    #[param(inline, nullable = false)]
    actor_id: Option<UserId>,
    /// Only acts of this name, which is an operation's id.
    #[param(inline, nullable = false)]
    action: Option<Word>,
    /// Only what was done to this kind of thing.
    #[param(inline, nullable = false)]
    target_kind: Option<Word>,
    /// Only what was done to this thing.
    #[param(inline, nullable = false)]
    target_id: Option<Word>,
    /// Only what was done, or only what was refused.
    #[param(inline, nullable = false)]
    outcome: Option<Outcome>,
    /// Only from this time on.
    #[param(inline, nullable = false)]
    from: Option<Timestamp>,
    /// Only before this time.
    #[param(inline, nullable = false)]
    to: Option<Timestamp>,
}

/// Take the audit out, oldest first, as JSON lines: each line is an event as the list has it.
///
/// The answer is written while it is read, so its end is known only when it comes: a connection that ends early means
/// that something failed.
#[utoipa::path(get, path = "/audit/export", operation_id = "audit_export", tag = "audit", params(ExportAudit),
    responses((status = 200, description = "Events, one on a line.", body = String, content_type = "application/x-ndjson",
        example = "{\"id\":\"01983f6e-7b3a-7c00-8000-000000000000\",\"action\":\"device_create\"}")))]
async fn export(State(app): State<App>, ctx: Ctx, Query(query): Query<ExportAudit>) -> Answer {
    let filter = AuditFilter {
        actor: query.actor_id,
        action: query.action.map(Word::into_string),
        target: query.target_id.map(Word::into_string),
        target_kind: query.target_kind.map(Word::into_string),
        outcome: query.outcome,
        from: query.from,
        to: query.to,
    };
    // The first page is read before the answer begins, so that a refusal is one.
    let first = app.audit().export(&ctx, filter.clone(), None).await?;
    let rest = try_unfold((app, ctx, filter, Some(first)), async |(app, ctx, filter, page)| {
        let Some(page) = page else { return Ok::<_, AppError>(None) };
        let next = match &page.next {
            Some(after) => Some(app.audit().export(&ctx, filter.clone(), Some(after.clone())).await?),
            None => None,
        };
        Ok(Some((lines(page)?, (app, ctx, filter, next))))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(rest)).into_response())
}

fn lines(page: Page<AuditEvent>) -> Result<Bytes, AppError> {
    let mut text = Vec::new();
    for event in page.items {
        serde_json::to_writer(&mut text, &AuditEventView::from(event))
            .map_err(AppError::broken("writing an event"))?;
        text.push(b'\n');
    }
    Ok(text.into())
}

/// Where a check begins, and what it should find.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerifyAudit {
    /// The segment after which the check goes on: `checked_to` of the part before. The start where it is left out.
    #[param(inline, nullable = false)]
    after: Option<SegmentNumber>,
    /// A digest that was kept elsewhere. Only the last part of a check looks for it.
    #[param(inline, nullable = false)]
    expect: Option<DigestText>,
}

/// What a check of the audit found.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditVerification {
    /// Whether everything that was checked is as it was sealed.
    intact: bool,
    /// Whether there is more to check, after `checked_to`: one answer checks for some seconds.
    more: bool,
    /// The last segment that was found good.
    #[schema(example = 42)]
    checked_to: Option<i64>,
    /// That segment's digest. Keep it elsewhere, and a later check finds out whether the audit still has it.
    digest: Option<DigestText>,
    /// Segments that were checked.
    #[schema(example = 42)]
    segments: u64,
    /// How many of these have only digests left, because retention has removed their events.
    #[schema(example = 0)]
    pruned_segments: u64,
    /// Events that were checked.
    #[schema(example = 100)]
    events: u64,
    /// Events that are not sealed yet, and so not protected. Told with the last part.
    #[schema(example = 0)]
    unsealed_events: u64,
    /// The first thing that is wrong.
    fault: Option<AuditFault>,
}

/// What is wrong with the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditFault {
    /// `event_changed`, `event_missing`, `event_inserted`, `segment_missing`, `segment_changed`, `segment_forged` or
    /// `expected_missing`.
    #[schema(example = "event_changed")]
    kind: &'static str,
    /// The segment.
    #[schema(example = 42)]
    segment: Option<i64>,
    /// The event's number in the chain.
    #[schema(example = 4711)]
    position: Option<i64>,
    /// The event.
    #[schema(example = "01983f6e-7b3a-7c00-8000-000000000000")]
    event_id: Option<String>,
    /// The same in a sentence.
    #[schema(example = "segment 42 was removed")]
    detail: String,
}

impl From<Verification> for AuditVerification {
    fn from(found: Verification) -> Self {
        Self {
            intact: found.fault.is_none(),
            more: found.more,
            checked_to: found.head.map(|head| head.number),
            digest: found.head.map(|head| DigestText(head.digest)),
            segments: found.segments,
            pruned_segments: found.pruned_segments,
            events: found.events,
            unsealed_events: found.unsealed,
            fault: found.fault.map(|fault| AuditFault {
                kind: fault.kind(),
                segment: fault.segment(),
                position: fault.position(),
                event_id: fault.event(),
                detail: fault.to_string(),
            }),
        }
    }
}

/// Check that nothing in the audit was changed, removed, put in or moved since it was sealed.
#[utoipa::path(get, path = "/audit/verify", operation_id = "audit_verify", tag = "audit", params(VerifyAudit),
    responses((status = 200, description = "What was found, good or bad.", body = AuditVerification)))]
async fn verify(
    State(app): State<App>,
    ctx: Ctx,
    Query(query): Query<VerifyAudit>,
) -> Answer<Json<AuditVerification>> {
    let after = query.after.map_or(0, |after| i64::try_from(after.get()).unwrap_or(i64::MAX));
    let expected = query.expect.map(|digest| digest.0);
    Ok(Json(app.audit().verify(&ctx, after, expected).await?.into()))
}
