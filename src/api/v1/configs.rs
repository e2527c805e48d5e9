//! Devices' configurations over HTTP: revealed to who may see them, or to who holds a one-time link.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::caller::Guest;
use crate::api::number::{Once, Shown};
use crate::api::path::Id;
use crate::api::reply::Answer;
use crate::app::App;
use crate::app::ctx::Ctx;
use crate::app::export::Revealed;
use crate::app::links::OneTimeLink;
use crate::domain::id::DeviceId;
use crate::domain::time::Timestamp;

/// The routes of configurations.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(reveal)).routes(routes!(link)).routes(routes!(redeem))
}

/// A device's configuration in every form there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigView {
    /// The device.
    device_id: DeviceId,
    /// A file name that wg-quick accepts.
    #[schema(max_length = 64, example = "laptop.conf")]
    file_name: String,
    /// The text for wg-quick and the WireGuard apps.
    conf: Once,
    /// The QR code as a PNG in base64; null where only the client has the private key, and where the text is too long for a
    /// code.
    qr_png: Option<Once>,
    /// The QR code as an SVG document; null where the PNG is.
    qr_svg: Option<Once>,
    /// Whether the client has to write its own private key into the text.
    client_key: bool,
}

impl From<Revealed> for ConfigView {
    fn from(config: Revealed) -> Self {
        Self {
            device_id: config.device,
            file_name: config.file_name,
            conf: Once(config.conf),
            qr_png: config.png.map(|png| Once(Zeroizing::new(STANDARD.encode(&*png)))),
            qr_svg: config.svg.map(Once),
            client_key: config.client_key,
        }
    }
}

/// A link that shows something once.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// What the link carries behind its `#`: it is shown here and never again.
    token: Once,
    /// When it is no longer good.
    expires_at: Timestamp,
}

impl From<OneTimeLink> for LinkView {
    fn from(link: OneTimeLink) -> Self {
        Self { token: Once(link.token), expires_at: link.expires_at }
    }
}

impl LinkView {
    /// The answer to who made it.
    pub(super) fn made(link: OneTimeLink) -> Response {
        (StatusCode::CREATED, Json(Self::from(link))).into_response()
    }
}

/// A one-time link to be spent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemLink {
    /// What the link carries behind its `#`.
    token: Shown,
}

/// See a device's configuration.
///
/// A private key that the server made is shown once: it is wiped with this answer. From then on, and always where the
/// client made the key, the text has a marked place for it, `client_key` is true, and there is no QR code.
#[utoipa::path(post, path = "/devices/{id}/reveal", operation_id = "device_reveal", tag = "devices",
    params(Id<DeviceId>), responses((status = 200, description = "The configuration.", body = ConfigView)))]
async fn reveal(State(app): State<App>, ctx: Ctx, Id(id): Id<DeviceId>) -> Answer<Json<ConfigView>> {
    Ok(Json(app.devices().reveal(&ctx, id).await?.into()))
}

/// Make a one-time link to a device's configuration.
///
/// The link opens a page with a button, so that a preview does not spend it.
#[utoipa::path(post, path = "/devices/{id}/link", operation_id = "device_link_create", tag = "devices",
    params(Id<DeviceId>), responses((status = 201, description = "The link.", body = LinkView)))]
async fn link(State(app): State<App>, ctx: Ctx, Id(id): Id<DeviceId>) -> Answer {
    Ok(LinkView::made(app.devices().link(&ctx, id).await?))
}

/// Spend a one-time link.
#[utoipa::path(post, path = "/links/redeem", operation_id = "link_redeem", tag = "devices", request_body = RedeemLink,
    responses((status = 200, description = "The configuration, shown once.", body = ConfigView)))]
async fn redeem(
    State(app): State<App>,
    Guest(ctx): Guest,
    Body(request): Body<RedeemLink>,
) -> Answer<Json<ConfigView>> {
    Ok(Json(app.links().redeem(&ctx, request.token.reveal()).await?.into()))
}
