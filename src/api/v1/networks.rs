//! Networks over HTTP.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Body;
use crate::api::idempotency::Once;
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::precondition::IfMatch;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, Revised, page_of};
use crate::api::schema::{Address, Range, given};
use crate::app::ctx::Ctx;
use crate::app::networks::NetworkSort;
use crate::app::networks::{self, NetworkItem, PoolState};
use crate::app::{App, Revision};
use crate::domain::id::NetworkId;
use crate::domain::name::NetworkName;
use crate::domain::network::Mtu;
use crate::domain::pool::{Pool, Pressure};
use crate::domain::time::Timestamp;

/// The routes of networks.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(restore))
}

/// A network.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetworkView {
    /// Names the network.
    id: NetworkId,
    /// What it is called.
    name: NetworkName,
    /// The IPv4 pool.
    ipv4: Option<PoolView>,
    /// The IPv6 pool.
    ipv6: Option<PoolView>,
    /// Name servers for clients.
    #[schema(value_type = Vec<Address>, example = json!(["9.9.9.9"]))]
    dns: Vec<IpAddr>,
    /// Bytes a tunnel packet may have.
    mtu: Mtu,
    /// Seconds between keepalives; zero sends none.
    #[schema(minimum = 0, maximum = 65535, example = 25)]
    keepalive_s: u16,
    /// What clients send into the tunnel.
    #[schema(value_type = Vec<Range>, example = json!(["0.0.0.0/0", "::/0"]))]
    routes: Vec<IpNet>,
    /// Whether devices are kept from reaching each other.
    isolated: bool,
    /// Counts the changes that clients' configurations show.
    #[schema(minimum = 0, example = 1)]
    config_revision: i64,
    /// Counts all changes: the ETag.
    #[schema(minimum = 0, example = 3)]
    revision: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// When it was deleted; it can be restored until a purge.
    deleted_at: Option<Timestamp>,
}

/// An address pool and how full it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolView {
    /// The range.
    #[schema(value_type = Range, example = "10.86.0.0/16")]
    net: IpNet,
    /// The nodes' own address in it.
    #[schema(value_type = Address, example = "10.86.0.1")]
    node_address: IpAddr,
    /// Devices that fit.
    #[schema(minimum = 1, example = 65533)]
    capacity: u64,
    /// Addresses taken; a deleted device keeps its own until a purge.
    #[schema(minimum = 0, example = 12)]
    used: u64,
    /// Whether it is nearly or wholly used up.
    pressure: Pressure,
}

impl From<PoolState> for PoolView {
    fn from(pool: PoolState) -> Self {
        Self {
            net: pool.net,
            node_address: pool.node_address,
            capacity: pool.capacity,
            used: pool.used,
            pressure: pool.pressure,
        }
    }
}

impl From<NetworkItem> for NetworkView {
    fn from(item: NetworkItem) -> Self {
        let NetworkItem { network, ipv4, ipv6 } = item;
        Self {
            id: network.id,
            name: network.name,
            ipv4: ipv4.map(Into::into),
            ipv6: ipv6.map(Into::into),
            dns: network.client.dns,
            mtu: network.client.mtu,
            keepalive_s: network.client.keepalive_s,
            routes: network.client.routes,
            isolated: network.isolated,
            config_revision: network.config_revision,
            revision: network.revision,
            created_at: network.created_at,
            updated_at: network.updated_at,
            deleted_at: network.deleted_at,
        }
    }
}

impl Revised for NetworkView {
    fn location(&self) -> String {
        format!("/networks/{}", self.id)
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

page_of! {
    /// A page of networks.
    NetworkPage of NetworkView
}

impl Column for NetworkSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] =
        &[("name", Self::Name, Values::Texts), ("created_at", Self::CreatedAt, Values::Times)];
}

list_query! {
    /// Which networks are listed.
    ListNetworks by NetworksOrder of NetworkSort {
        /// Deleted networks instead of the others.
        deleted: bool,
    }
}

/// A network to be made. It has an IPv4 pool, an IPv6 pool, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateNetwork {
    /// What it is called.
    name: NetworkName,
    /// The IPv4 pool. It may overlap neither another network nor the host's own routes.
    ipv4: Option<Pool>,
    /// The IPv6 pool.
    #[schema(example = "fd86:cafe::/64")]
    ipv6: Option<Pool>,
    /// Name servers for clients.
    #[schema(value_type = Vec<Address>, min_items = 1, max_items = 4, example = json!(["9.9.9.9"]))]
    dns: Vec<IpAddr>,
    /// Bytes a tunnel packet may have; 1420 where it is left out.
    mtu: Option<Mtu>,
    /// Seconds between keepalives; zero sends none, 25 where it is left out.
    #[schema(minimum = 0, maximum = 65535, example = 25)]
    keepalive_s: Option<u16>,
    /// What clients send into the tunnel; everything where it is left out.
    #[schema(value_type = Option<Vec<Range>>, min_items = 1, max_items = 64, example = json!(["0.0.0.0/0", "::/0"]))]
    routes: Option<Vec<IpNet>>,
    /// Whether devices are kept from reaching each other; they are where it is left out.
    isolated: Option<bool>,
}

impl From<CreateNetwork> for networks::CreateNetwork {
    fn from(request: CreateNetwork) -> Self {
        Self {
            name: request.name,
            ipv4: request.ipv4,
            ipv6: request.ipv6,
            dns: request.dns,
            mtu: request.mtu,
            keepalive_s: request.keepalive_s,
            routes: request.routes,
            isolated: request.isolated,
        }
    }
}

/// Changes of a network. What is left out stays; its pools never change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateNetwork {
    /// What it is called.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<NetworkName>,
    /// Name servers for clients.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Address>>, nullable = false, min_items = 1, max_items = 4,
        example = json!(["9.9.9.9"]))]
    dns: Option<Vec<IpAddr>>,
    /// Bytes a tunnel packet may have.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    mtu: Option<Mtu>,
    /// Seconds between keepalives; zero sends none.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, minimum = 0, maximum = 65535, example = 25)]
    keepalive_s: Option<u16>,
    /// What clients send into the tunnel.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Range>>, nullable = false, min_items = 1, max_items = 64,
        example = json!(["0.0.0.0/0", "::/0"]))]
    routes: Option<Vec<IpNet>>,
    /// Whether devices are kept from reaching each other.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    isolated: Option<bool>,
}

impl From<UpdateNetwork> for networks::UpdateNetwork {
    fn from(request: UpdateNetwork) -> Self {
        Self {
            name: request.name,
            dns: request.dns,
            mtu: request.mtu,
            keepalive_s: request.keepalive_s,
            routes: request.routes,
            isolated: request.isolated,
        }
    }
}

/// List networks.
#[utoipa::path(get, path = "/networks", operation_id = "network_list", tag = "networks", params(ListNetworks),
    responses((status = 200, description = "A page of networks.", body = NetworkPage)))]
async fn list(
    State(app): State<App>,
    ctx: Ctx,
    Query(query): Query<ListNetworks>,
) -> Answer<Json<NetworkPage>> {
    reply::page::<_, NetworkView, _>(
        app.networks().list(&ctx, query.deleted.unwrap_or(false), query.page()?).await?,
    )
}

/// Make a network.
///
/// The appliance's own node is put into it.
#[utoipa::path(post, path = "/networks", operation_id = "network_create", tag = "networks",
    params(Once<CreateNetwork>), request_body = CreateNetwork,
    responses((status = 201, description = "The network was made.", body = NetworkView)))]
async fn create(State(app): State<App>, ctx: Ctx, body: Once<CreateNetwork>) -> Answer {
    let (ctx, request) = body.within(ctx);
    reply::created::<NetworkView, _>(app.networks().create(&ctx, request.into()).await?)
}

/// Read a network.
///
/// A deleted one, too, until its purge, for those who may restore it.
#[utoipa::path(get, path = "/networks/{id}", operation_id = "network_get", tag = "networks", params(Id<NetworkId>),
    responses((status = 200, description = "The network.", body = NetworkView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<NetworkId>) -> Answer {
    reply::item(NetworkView::from(app.networks().get(&ctx, id).await?))
}

/// Change a network.
///
/// Devices whose owners hold the older configuration are marked `outdated`.
#[utoipa::path(patch, path = "/networks/{id}", operation_id = "network_update", tag = "networks",
    params(Id<NetworkId>, IfMatch), request_body = UpdateNetwork,
    responses((status = 200, description = "The network as it is now.", body = NetworkView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<NetworkId>,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateNetwork>,
) -> Answer {
    reply::item(NetworkView::from(app.networks().update(&ctx, id, revision, request.into()).await?))
}

/// Delete a network; its devices stop.
///
/// It can be restored until a purge.
#[utoipa::path(delete, path = "/networks/{id}", operation_id = "network_delete", tag = "networks",
    params(Id<NetworkId>, IfMatch), responses((status = 204, description = "The network is deleted.")))]
async fn delete(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<NetworkId>,
    IfMatch(revision): IfMatch,
) -> Answer<StatusCode> {
    app.networks().delete(&ctx, id, revision).await?;
    reply::done()
}

/// Undo a network's delete.
///
/// It fails where another network has taken the range since.
#[utoipa::path(post, path = "/networks/{id}/restore", operation_id = "network_restore", tag = "networks",
    params(Id<NetworkId>), responses((status = 200, description = "The network as it is now.", body = NetworkView)))]
async fn restore(State(app): State<App>, ctx: Ctx, Id(id): Id<NetworkId>) -> Answer {
    reply::item(NetworkView::from(app.networks().restore(&ctx, id).await?))
}
