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
use crate::api::v1::mail::{MailServerView, SetMailServer};
use crate::app::ctx::Ctx;
use crate::app::{App, Patch, Revision, settings};
use crate::domain::access::Role;
use crate::domain::language::Language;
use crate::domain::name::Host;
use crate::domain::outgoing::AllowedNets;
use crate::domain::panel_url::PanelUrl;
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
    /// Days that the audit tells from which address something was done; then the address is erased and the event stays.
    audit_source_days: RetentionDays,
    /// Days that devices' usage by day is kept. Their totals stay.
    usage_retention_days: RetentionDays,
    /// From where the panel and the API may be reached; from everywhere while it is empty and `api_only_from_vpn` is
    /// off. The host's local socket is always open.
    #[schema(value_type = Vec<Range>, max_items = 64, example = json!(["192.0.2.0/24"]))]
    api_allowed_from: Ranges,
    /// Whether the panel and the API are reached from inside the VPN only, and from `api_allowed_from`.
    api_only_from_vpn: bool,
    /// From where sign-ins and requests are never limited.
    #[schema(value_type = Vec<Range>, max_items = 64, example = json!(["192.0.2.0/24"]))]
    login_unlimited_from: Ranges,
    /// Roles whose users must have a second factor. A session of one without may do nothing but enrol one.
    #[schema(example = json!(["owner", "admin"]))]
    mfa_required_roles: Vec<Role>,
    /// Networks that are not public and may be called all the same, without encryption too.
    #[schema(value_type = Vec<Range>, example = json!(["10.20.0.0/16"]))]
    outgoing_allowed: AllowedNets,
    /// Where browsers find this service. Passkeys are bound to its domain, people come back there from identity
    /// providers, and letters carry links to it; all three are off while there is none.
    panel_url: Option<PanelUrl>,
    /// The server that takes our mail; none is sent without it.
    smtp: Option<MailServerView>,
    /// The language of letters to users who chose none.
    language: Language,
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
            audit_source_days: settings.audit_source_days,
            usage_retention_days: settings.usage_retention_days,
            api_allowed_from: settings.api_allowed_from,
            api_only_from_vpn: settings.api_only_from_vpn,
            login_unlimited_from: settings.login_unlimited_from,
            mfa_required_roles: settings.mfa_required_roles.into_iter().collect(),
            panel_url: settings.panel_url,
            smtp: settings.smtp.map(Into::into),
            language: settings.language,
            outgoing_allowed: settings.outgoing_allowed,
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
    /// Days that the audit tells from which address something was done.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    audit_source_days: Option<RetentionDays>,
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
    /// From where sign-ins and requests are never limited.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Range>>, nullable = false, max_items = 64, example = json!(["192.0.2.0/24"]))]
    login_unlimited_from: Option<Ranges>,
    /// Make the change even where it shuts the caller out.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    force: Option<bool>,
    /// Roles whose users must have a second factor. A session of one without may do nothing but enrol one.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, example = json!(["owner", "admin"]))]
    mfa_required_roles: Option<Vec<Role>>,
    /// The server that takes our mail, as a whole; null turns mail off.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<SetMailServer>)]
    smtp: Patch<SetMailServer>,
    /// The language of letters to users who chose none.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    language: Option<Language>,
    /// Networks that are not public and may be called all the same: by default, webhooks, identity providers and the
    /// like are reached at public addresses only, and encrypted.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Range>>, nullable = false, max_items = 64, example = json!(["10.20.0.0/16"]))]
    outgoing_allowed: Option<AllowedNets>,
    /// Where browsers find this service: a scheme and a host. Letters carry links to it, identity providers send people
    /// back there, and passkeys that were made for another domain are of no use from then on.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<PanelUrl>)]
    panel_url: Patch<PanelUrl>,
}

impl From<UpdateSettings> for settings::UpdateSettings {
    fn from(request: UpdateSettings) -> Self {
        let (smtp, smtp_password) = match request.smtp {
            None => (None, None),
            Some(None) => (Some(None), None),
            Some(Some(server)) => {
                let (server, password) = server.parts();
                (Some(Some(server)), password)
            }
        };
        Self {
            smtp,
            smtp_password,
            language: request.language,
            endpoint_host: request.endpoint_host,
            show_endpoints: request.show_endpoints,
            audit_retention_days: request.audit_retention_days,
            audit_source_days: request.audit_source_days,
            usage_retention_days: request.usage_retention_days,
            api_allowed_from: request.api_allowed_from,
            api_only_from_vpn: request.api_only_from_vpn,
            login_unlimited_from: request.login_unlimited_from,
            force: request.force.unwrap_or(false),
            mfa_required_roles: request.mfa_required_roles.map(|roles| roles.into_iter().collect()),
            outgoing_allowed: request.outgoing_allowed,
            panel_url: request.panel_url,
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
