//! Policy over HTTP.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::precondition::IfMatch;
use crate::api::reply::{self, Answer, Revised};
use crate::api::schema::{Range, given, patch};
use crate::app::ctx::Ctx;
use crate::app::{App, Patch, Revision, settings};
use crate::domain::name::Host;
use crate::domain::ranges::Ranges;
use crate::domain::settings::{RetentionDays, Settings};

/// The routes of policy.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get, update))
}

/// The settings that are changed while the service runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingsView {
    /// Where clients reach the node inside this appliance. No configuration is handed out without it.
    endpoint_host: Option<Host>,
    /// Whether a device's last network address may be kept and shown.
    show_endpoints: bool,
    /// Days that events of the audit are kept; older ones are removed.
    audit_retention_days: RetentionDays,
    /// Days that devices' usage by day is kept. Their totals stay.
    usage_retention_days: RetentionDays,
    /// From where the panel and the API may be reached; from everywhere while it is empty and `api_only_from_vpn` is
    /// off. The host's local socket is always open.
    #[schema(value_type = Vec<Range>, max_items = 64, example = json!(["192.0.2.0/24"]))]
    api_allowed_from: Ranges,
    /// Whether the panel and the API are reached from inside the VPN only, and from `api_allowed_from`.
    api_only_from_vpn: bool,
    /// From where sign-ins are never limited.
    #[schema(value_type = Vec<Range>, max_items = 64, example = json!(["192.0.2.0/24"]))]
    login_unlimited_from: Ranges,
    /// Counts the changes: the ETag.
    #[schema(minimum = 0, example = 3)]
    revision: i64,
}

impl From<(Settings, Revision)> for SettingsView {
    fn from((settings, revision): (Settings, Revision)) -> Self {
        Self {
            endpoint_host: settings.endpoint_host,
            show_endpoints: settings.show_endpoints,
            audit_retention_days: settings.audit_retention_days,
            usage_retention_days: settings.usage_retention_days,
            api_allowed_from: settings.api_allowed_from,
            api_only_from_vpn: settings.api_only_from_vpn,
            login_unlimited_from: settings.login_unlimited_from,
            revision,
        }
    }
}

impl Revised for SettingsView {
    fn location(&self) -> String {
        "/settings".to_owned()
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

/// Changes of the settings. What is left out stays; null empties what may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateSettings {
    /// Where clients reach the node inside this appliance.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Host>)]
    endpoint_host: Patch<Host>,
    /// Whether a device's last network address may be kept and shown.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    show_endpoints: Option<bool>,
    /// Days that events of the audit are kept. What is older is removed within minutes.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    audit_retention_days: Option<RetentionDays>,
    /// Days that devices' usage by day is kept. What is older is removed within minutes.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    usage_retention_days: Option<RetentionDays>,
    /// From where the panel and the API may be reached; an empty list for everywhere. A change after which the
    /// caller's own address could not reach them is refused without `force`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Range>>, nullable = false, max_items = 64, example = json!(["192.0.2.0/24"]))]
    api_allowed_from: Option<Ranges>,
    /// Whether the panel and the API are reached from inside the VPN only, and from `api_allowed_from`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    api_only_from_vpn: Option<bool>,
    /// From where sign-ins are never limited.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Range>>, nullable = false, max_items = 64, example = json!(["192.0.2.0/24"]))]
    login_unlimited_from: Option<Ranges>,
    /// Make the change even where it shuts the caller out.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    force: Option<bool>,
}

impl From<UpdateSettings> for settings::UpdateSettings {
    fn from(request: UpdateSettings) -> Self {
        Self {
            endpoint_host: request.endpoint_host,
            show_endpoints: request.show_endpoints,
            audit_retention_days: request.audit_retention_days,
            usage_retention_days: request.usage_retention_days,
            api_allowed_from: request.api_allowed_from,
            api_only_from_vpn: request.api_only_from_vpn,
            login_unlimited_from: request.login_unlimited_from,
            force: request.force.unwrap_or(false),
        }
    }
}

/// Read the settings.
#[utoipa::path(get, path = "/settings", operation_id = "settings_get", tag = "system",
    responses((status = 200, description = "The settings.", body = SettingsView)))]
async fn get(State(app): State<App>, ctx: Ctx) -> Answer {
    reply::item(SettingsView::from(app.settings().get(&ctx).await?))
}

/// Change the settings.
///
/// Another endpoint makes every configuration that was handed out so far outdated.
#[utoipa::path(patch, path = "/settings", operation_id = "settings_update", tag = "system", params(IfMatch),
    request_body = UpdateSettings,
    responses((status = 200, description = "The settings as they are now.", body = SettingsView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateSettings>,
) -> Answer {
    reply::item(SettingsView::from(app.settings().update(&ctx, revision, request.into()).await?))
}
