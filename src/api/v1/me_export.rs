//! All that is known of one's own account, as one JSON document that is written piece by piece.
//!
//! Invariant: whatever the account has, one page of it is in memory; a document that broke off is no JSON.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::reply::Answer;
use crate::api::v1::api_tokens::ApiTokenView;
use crate::api::v1::audit::AuditEventView;
use crate::api::v1::device_traffic::UsageDay;
use crate::api::v1::devices::DeviceView;
use crate::api::v1::sessions::SessionView;
use crate::api::v1::users::UserView;
use crate::app::App;
use crate::app::api_tokens::ApiTokenSort;
use crate::app::audit::AuditSort;
use crate::app::ctx::Ctx;
use crate::app::devices::{DeviceFilter, DeviceSort, MAX_USAGE_DAYS};
use crate::app::error::{AppError, Result};
use crate::domain::id::UserId;
use crate::domain::page::{Cursor, Limit, Order, PageRequest};

/// The route of the export.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(export))
}

/// Take away all that is known of one's own account.
///
/// One document: the account, its devices with their usage by day, its sessions and API tokens, and what it did
/// itself according to the audit. No key, token or password is in it.
#[utoipa::path(get, path = "/me/export", operation_id = "me_export", tag = "me",
    responses((status = 200, description = "The document.", body = Object,
        example = json!({ "account": {}, "devices": [], "sessions": [], "api_tokens": [], "audit": [] }))))]
async fn export(State(app): State<App>, ctx: Ctx) -> Answer<Response> {
    const ATTACHED: HeaderValue = HeaderValue::from_static("attachment; filename=\"caspervpn-account.json\"");
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let account = app.me().export(&ctx).await?;
    let user = account.user.id;
    let begin = Part::Account(Box::new(UserView::from(account)));
    let writer = Writer { app, ctx, user };
    let pieces = stream::try_unfold(Some(begin), move |part| {
        let writer = writer.clone();
        async move {
            let Some(part) = part else { return Ok::<_, AppError>(None) };
            let mut text = Vec::new();
            let next = writer.write(part, &mut text).await?;
            Ok(Some((Bytes::from(text), next)))
        }
    });
    let headers = [(header::CONTENT_TYPE, JSON), (header::CONTENT_DISPOSITION, ATTACHED)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// What is written next. A list begins without a cursor.
enum Part {
    Account(Box<UserView>),
    Devices(Option<Cursor>),
    Sessions,
    ApiTokens(Option<Cursor>),
    Audit(Option<Cursor>),
}

#[derive(Clone)]
struct Writer {
    app: App,
    ctx: Ctx,
    user: UserId,
}

/// A device with what it moved.
#[derive(Serialize)]
struct DeviceWithUsage {
    #[serde(flatten)]
    device: DeviceView,
    usage: Vec<UsageDay>,
}

impl Writer {
    /// Writes one part and says which is next.
    async fn write(&self, part: Part, to: &mut Vec<u8>) -> Result<Option<Part>> {
        match part {
            Part::Account(account) => {
                to.extend_from_slice(b"{\"account\":");
                put(to, &account)?;
                Ok(Some(Part::Devices(None)))
            }
            Part::Devices(after) => {
                let is_first = after.is_none();
                let filter = DeviceFilter { user: Some(self.user), ..DeviceFilter::default() };
                let page =
                    self.app.devices().list(&self.ctx, filter, paged(DeviceSort::CreatedAt, after)).await?;
                let mut devices = Vec::with_capacity(page.items.len());
                for device in page.items {
                    devices.push(self.with_usage(device.into()).await?);
                }
                list(to, "devices", is_first, &devices, page.next.is_none())?;
                Ok(Some(page.next.map_or(Part::Sessions, |next| Part::Devices(Some(next)))))
            }
            Part::Sessions => {
                let sessions = self.app.sessions().list(&self.ctx, Some(self.user)).await?;
                let sessions: Vec<SessionView> = sessions.into_iter().map(Into::into).collect();
                list(to, "sessions", true, &sessions, true)?;
                Ok(Some(Part::ApiTokens(None)))
            }
            Part::ApiTokens(after) => {
                let is_first = after.is_none();
                let page = paged(ApiTokenSort::CreatedAt, after);
                let page = self.app.api_tokens().list(&self.ctx, Some(self.user), page).await?;
                let tokens: Vec<ApiTokenView> = page.items.into_iter().map(Into::into).collect();
                list(to, "api_tokens", is_first, &tokens, page.next.is_none())?;
                Ok(Some(page.next.map_or(Part::Audit(None), |next| Part::ApiTokens(Some(next)))))
            }
            Part::Audit(after) => {
                let is_first = after.is_none();
                let page = self.app.me().export_audit(&self.ctx, paged(AuditSort::At, after)).await?;
                let events: Vec<AuditEventView> = page.items.into_iter().map(Into::into).collect();
                list(to, "audit", is_first, &events, page.next.is_none())?;
                if page.next.is_none() {
                    to.push(b'}');
                }
                Ok(page.next.map(|next| Part::Audit(Some(next))))
            }
        }
    }

    async fn with_usage(&self, device: DeviceView) -> Result<DeviceWithUsage> {
        let today = self.app.me().today();
        let usage = self.app.devices();
        let days = usage.usage(&self.ctx, device.id(), today - MAX_USAGE_DAYS + 1, today).await?;
        Ok(DeviceWithUsage { device, usage: days.into_iter().map(Into::into).collect() })
    }
}

fn paged<S>(sort: S, after: Option<Cursor>) -> PageRequest<S> {
    PageRequest { limit: Limit::DEFAULT, sort, order: Order::Asc, after, search: None }
}

/// Writes a piece of a list: its name before the first, its end after the last.
fn list(to: &mut Vec<u8>, name: &str, is_first: bool, items: &[impl Serialize], is_last: bool) -> Result<()> {
    if is_first {
        to.extend_from_slice(format!(",\"{name}\":[").as_bytes());
    }
    for (n, item) in items.iter().enumerate() {
        if !is_first || n > 0 {
            to.push(b',');
        }
        put(to, item)?;
    }
    if is_last {
        to.push(b']');
    }
    Ok(())
}

fn put(to: &mut Vec<u8>, it: &impl Serialize) -> Result<()> {
    serde_json::to_writer(to, it).map_err(AppError::broken("writing an export"))
}
