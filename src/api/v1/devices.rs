//! Devices over HTTP.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::idempotency::Once;
use crate::api::number::{ByteLimit, UseSeconds};
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::precondition::IfMatch;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, Revised, page_of};
use crate::api::schema::{Address, given, patch};
use crate::app::ctx::Ctx;
use crate::app::device_create::{self, DeviceKey};
use crate::app::device_rows::DeviceItem;
use crate::app::devices::{self, DeviceFilter, DeviceSort};
use crate::app::{App, Patch, Revision};
use crate::domain::device::{DeviceReason, DeviceState, DisabledBy};
use crate::domain::id::{DeviceId, NetworkId, UserId};
use crate::domain::key::PublicKey;
use crate::domain::name::{DeviceName, Login, Note};
use crate::domain::time::Timestamp;

/// The routes of devices.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(restore))
}

/// A device: a WireGuard peer.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceView {
    /// Names the device.
    id: DeviceId,
    /// Whose it is.
    user_id: UserId,
    /// What its owner signs in with; null where the caller may not read that user, as by a token without `user_list` and `user_get`.
    user_login: Option<Login>,
    /// The network it is a peer in.
    network_id: NetworkId,
    /// What it is called.
    name: DeviceName,
    /// What nodes know it by.
    public_key: PublicKey,
    /// Whether it has a preshared key.
    has_preshared_key: bool,
    /// Whether the server keeps its private key, until it is revealed.
    has_private_key: bool,
    /// Its address in the IPv4 pool.
    #[schema(value_type = Option<Address>, example = "10.86.0.2")]
    ipv4: Option<IpAddr>,
    /// Its address in the IPv6 pool.
    #[schema(value_type = Option<Address>, example = "fd86:cafe::2")]
    ipv6: Option<IpAddr>,
    /// Whether it may use the tunnel.
    state: DeviceState,
    /// Why it may not, or not yet.
    reason: Option<DeviceReason>,
    /// Whether its owner still has a configuration that the network no longer gives.
    outdated: bool,
    /// Whether somebody stopped it.
    disabled: bool,
    /// Who stopped it; its owner may start again only what the owner stopped.
    disabled_by: Option<DisabledBy>,
    /// When it stops.
    expires_at: Option<Timestamp>,
    /// Seconds it may be used from the first handshake on.
    #[schema(minimum = 1, example = 2_592_000)]
    duration_s: Option<u32>,
    /// Bytes it may move, both ways.
    #[schema(minimum = 0, example = 53_687_091_200_u64)]
    data_limit_bytes: Option<u64>,
    /// When it was first used.
    first_handshake_at: Option<Timestamp>,
    /// When it last shook hands with a node.
    last_handshake_at: Option<Timestamp>,
    /// Bytes it has moved so far, both ways.
    #[schema(minimum = 0, example = 9_437_184)]
    used_bytes: u64,
    /// An operator's remark.
    note: Note,
    /// Counts the changes of what is set, not of what is measured: the ETag.
    #[schema(minimum = 0, example = 3)]
    revision: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// When it was deleted; it can be restored until a purge.
    deleted_at: Option<Timestamp>,
}

impl DeviceView {
    /// Which device.
    pub(super) const fn id(&self) -> DeviceId {
        self.id
    }
}

impl From<DeviceItem> for DeviceView {
    fn from(item: DeviceItem) -> Self {
        let device = &item.row.device;
        Self {
            id: device.id,
            user_id: device.user,
            user_login: item.owner_login.clone(),
            network_id: device.network,
            name: device.name.clone(),
            public_key: device.public_key,
            has_preshared_key: device.has_preshared_key,
            has_private_key: device.has_private_key,
            ipv4: device.ipv4,
            ipv6: device.ipv6,
            state: item.state,
            reason: item.reason,
            outdated: item.outdated,
            disabled: device.disabled,
            disabled_by: device.disabled_by_whom(),
            expires_at: device.expires_at,
            duration_s: device.duration_s,
            data_limit_bytes: device.data_limit_bytes,
            first_handshake_at: device.first_handshake_at,
            last_handshake_at: item.row.last_handshake,
            used_bytes: item.row.around.device_used_bytes,
            note: device.note.clone(),
            revision: device.revision,
            created_at: device.created_at,
            updated_at: device.updated_at,
            deleted_at: device.deleted_at,
        }
    }
}

impl Revised for DeviceView {
    fn location(&self) -> String {
        format!("/devices/{}", self.id)
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

page_of! {
    /// A page of devices.
    DevicePage of DeviceView
}

impl Column for DeviceSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] = &[
        ("name", Self::Name, Values::Texts),
        ("created_at", Self::CreatedAt, Values::Times),
        ("updated_at", Self::UpdatedAt, Values::Times),
        ("expires_at", Self::ExpiresAt, Values::Times),
        ("used_bytes", Self::UsedBytes, Values::Numbers),
        ("last_handshake_at", Self::LastHandshakeAt, Values::Times),
    ];
}

list_query! {
    /// Which devices are listed.
    ListDevices by DevicesOrder of DeviceSort {
        /// Only this user's devices.
        user_id: UserId,
        /// Only this network's devices.
        network_id: NetworkId,
        /// Deleted devices instead of the others.
        deleted: bool,
        /// Only devices that are, or are not, disabled.
        disabled: bool,
        /// Only devices in this state.
        state: DeviceState,
        /// Only devices that did, or did not, shake hands within three minutes.
        online: bool,
    }
}

/// A device to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDevice {
    /// Whose it is; the caller's own where it is left out.
    user_id: Option<UserId>,
    /// The network; the only one where it is left out.
    network_id: Option<NetworkId>,
    /// What it is called, unlike its owner's other devices.
    name: DeviceName,
    /// The public half of a key pair that its client made. The server makes the pair where it is left out, keeps the
    /// private half sealed, and hands it out once.
    public_key: Option<PublicKey>,
    /// Whether to make a preshared key as well; it is made where this is left out.
    preshared_key: Option<bool>,
    /// When it stops. Only for operators.
    expires_at: Option<Timestamp>,
    /// Seconds it may be used from the first handshake on. Only for operators.
    duration_s: Option<UseSeconds>,
    /// Bytes it may move, both ways. Only for operators.
    data_limit_bytes: Option<ByteLimit>,
    /// A remark; empty where it is left out.
    note: Option<Note>,
}

impl From<CreateDevice> for device_create::CreateDevice {
    fn from(request: CreateDevice) -> Self {
        Self {
            user: request.user_id,
            network: request.network_id,
            name: request.name,
            key: request.public_key.map_or(DeviceKey::Server, DeviceKey::Client),
            preshared_key: request.preshared_key.unwrap_or(true),
            expires_at: request.expires_at,
            duration_s: request.duration_s.map(UseSeconds::get),
            data_limit_bytes: request.data_limit_bytes.map(ByteLimit::get),
            note: request.note.unwrap_or_default(),
        }
    }
}

/// Changes of a device. What is left out stays; null empties what may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateDevice {
    /// What it is called.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<DeviceName>,
    /// A remark.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    note: Option<Note>,
    /// When it stops. Only for operators.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Timestamp>)]
    expires_at: Patch<Timestamp>,
    /// Seconds it may be used from the first handshake on. Only for operators.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<UseSeconds>)]
    duration_s: Patch<UseSeconds>,
    /// Bytes it may move, both ways. Only for operators.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<ByteLimit>)]
    data_limit_bytes: Patch<ByteLimit>,
}

impl From<UpdateDevice> for devices::UpdateDevice {
    fn from(request: UpdateDevice) -> Self {
        Self {
            name: request.name,
            note: request.note,
            expires_at: request.expires_at,
            duration_s: request.duration_s.map(|span| span.map(UseSeconds::get)),
            data_limit_bytes: request.data_limit_bytes.map(|limit| limit.map(ByteLimit::get)),
        }
    }
}

/// List devices.
///
/// Members see only their own.
#[utoipa::path(get, path = "/devices", operation_id = "device_list", tag = "devices", params(ListDevices),
    responses((status = 200, description = "A page of devices.", body = DevicePage)))]
async fn list(
    State(app): State<App>,
    ctx: Ctx,
    Query(query): Query<ListDevices>,
) -> Answer<Json<DevicePage>> {
    let page = query.page()?;
    let filter = DeviceFilter {
        user: query.user_id,
        network: query.network_id,
        deleted: query.deleted.unwrap_or(false),
        disabled: query.disabled,
        state: query.state,
        online: query.online,
        ..DeviceFilter::default()
    };
    reply::page::<_, DeviceView, _>(app.devices().list(&ctx, filter, page).await?)
}

/// Make a device.
///
/// It gets an address in each pool of its network. The answer holds no secret: `reveal` hands out the configuration.
#[utoipa::path(post, path = "/devices", operation_id = "device_create", tag = "devices",
    params(Once<CreateDevice>), request_body = CreateDevice,
    responses((status = 201, description = "The device was made.", body = DeviceView)))]
async fn create(State(app): State<App>, ctx: Ctx, body: Once<CreateDevice>) -> Answer {
    let (ctx, request) = body.within(ctx);
    reply::created::<DeviceView, _>(app.devices().create(&ctx, request.into()).await?)
}

/// Read a device.
///
/// A deleted one, too, until its purge.
#[utoipa::path(get, path = "/devices/{id}", operation_id = "device_get", tag = "devices", params(Id<DeviceId>),
    responses((status = 200, description = "The device.", body = DeviceView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<DeviceId>) -> Answer {
    reply::item(DeviceView::from(app.devices().get(&ctx, id).await?))
}

/// Change a device's name, note, expiry or limit.
#[utoipa::path(patch, path = "/devices/{id}", operation_id = "device_update", tag = "devices",
    params(Id<DeviceId>, IfMatch), request_body = UpdateDevice,
    responses((status = 200, description = "The device as it is now.", body = DeviceView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<DeviceId>,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateDevice>,
) -> Answer {
    reply::item(DeviceView::from(app.devices().update(&ctx, id, revision, request.into()).await?))
}

/// Delete a device.
///
/// It can be restored until a purge; its key and addresses stay its own until then.
#[utoipa::path(delete, path = "/devices/{id}", operation_id = "device_delete", tag = "devices",
    params(Id<DeviceId>, IfMatch), responses((status = 204, description = "The device is deleted.")))]
async fn delete(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<DeviceId>,
    IfMatch(revision): IfMatch,
) -> Answer<StatusCode> {
    app.devices().delete(&ctx, id, revision).await?;
    reply::done()
}

/// Let a device connect again.
///
/// A member lets connect what the member stopped, not what an operator did.
#[utoipa::path(post, path = "/devices/{id}/enable", operation_id = "device_enable", tag = "devices",
    params(Id<DeviceId>), responses((status = 200, description = "The device as it is now.", body = DeviceView)))]
async fn enable(State(app): State<App>, ctx: Ctx, Id(id): Id<DeviceId>) -> Answer {
    reply::item(DeviceView::from(app.devices().enable(&ctx, id).await?))
}

/// Stop a device.
///
/// Its traffic ends within two seconds.
#[utoipa::path(post, path = "/devices/{id}/disable", operation_id = "device_disable", tag = "devices",
    params(Id<DeviceId>), responses((status = 200, description = "The device as it is now.", body = DeviceView)))]
async fn disable(State(app): State<App>, ctx: Ctx, Id(id): Id<DeviceId>) -> Answer {
    reply::item(DeviceView::from(app.devices().disable(&ctx, id).await?))
}

/// Undo a device's delete.
#[utoipa::path(post, path = "/devices/{id}/restore", operation_id = "device_restore", tag = "devices",
    params(Id<DeviceId>), responses((status = 200, description = "The device as it is now.", body = DeviceView)))]
async fn restore(State(app): State<App>, ctx: Ctx, Id(id): Id<DeviceId>) -> Answer {
    reply::item(DeviceView::from(app.devices().restore(&ctx, id).await?))
}
