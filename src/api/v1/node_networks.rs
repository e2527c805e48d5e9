//! A node's places in networks over HTTP.

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
use crate::api::path::{Id, Ids};
use crate::api::precondition::IfMatch;
use crate::api::reply::{self, Answer, Revised};
use crate::api::schema::{given, patch};
use crate::app::ctx::Ctx;
use crate::app::node_networks::{self, NodeNetworkItem};
use crate::app::{App, Patch, Revision};
use crate::domain::id::{NetworkId, NodeId, NodeNetworkId};
use crate::domain::key::PublicKey;
use crate::domain::name::Host;
use crate::domain::node::{Endpoint, InterfaceName, Port};
use crate::domain::time::Timestamp;

/// The routes of nodes' places in networks.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(update, delete))
}

/// A node's place in a network: an interface with a key pair and a port.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeNetworkView {
    /// Names the place.
    id: NodeNetworkId,
    /// The node.
    node_id: NodeId,
    /// The network.
    network_id: NetworkId,
    /// The interface on the node.
    interface: InterfaceName,
    /// What clients know the node by.
    public_key: PublicKey,
    /// The UDP port the node listens on.
    listen_port: Port,
    /// The host that clients are told, where it differs from the settings' endpoint.
    endpoint_host: Option<Host>,
    /// The port that clients are told, where it differs from the listening one.
    endpoint_port: Option<Port>,
    /// Where clients send their packets; null until a public endpoint is set.
    endpoint: Option<EndpointView>,
    /// Counts the changes: the ETag of a change.
    #[schema(minimum = 0, example = 3)]
    revision: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// Where clients send their packets.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointView {
    /// Name or address.
    host: Host,
    /// UDP port.
    port: Port,
}

impl From<Endpoint> for EndpointView {
    fn from(endpoint: Endpoint) -> Self {
        Self { host: endpoint.host, port: endpoint.port }
    }
}

impl From<NodeNetworkItem> for NodeNetworkView {
    fn from(item: NodeNetworkItem) -> Self {
        let place = item.node_network;
        Self {
            id: place.id,
            node_id: place.node,
            network_id: place.network,
            interface: place.interface,
            public_key: place.public_key,
            listen_port: place.listen_port,
            endpoint_host: place.endpoint_host,
            endpoint_port: place.endpoint_port,
            endpoint: item.endpoint.map(Into::into),
            revision: place.revision,
            created_at: place.created_at,
            updated_at: place.updated_at,
        }
    }
}

impl Revised for NodeNetworkView {
    fn location(&self) -> String {
        format!("/nodes/{}/networks/{}", self.node_id, self.id)
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

/// All places of a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeNetworks {
    /// The places.
    items: Vec<NodeNetworkView>,
}

/// A network to put a node into.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateNodeNetwork {
    /// The network.
    network_id: NetworkId,
    /// The UDP port; the next free one where it is left out.
    listen_port: Option<Port>,
    /// The host that clients are told, where it differs from the settings' endpoint.
    endpoint_host: Option<Host>,
    /// The port that clients are told, where it differs from the listening one.
    endpoint_port: Option<Port>,
}

impl From<CreateNodeNetwork> for node_networks::CreateNodeNetwork {
    fn from(request: CreateNodeNetwork) -> Self {
        Self {
            network: request.network_id,
            listen_port: request.listen_port,
            endpoint_host: request.endpoint_host,
            endpoint_port: request.endpoint_port,
        }
    }
}

/// Changes of a place. What is left out stays; null empties what may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateNodeNetwork {
    /// The UDP port.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    listen_port: Option<Port>,
    /// The host that clients are told.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Host>)]
    endpoint_host: Patch<Host>,
    /// The port that clients are told.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Port>)]
    endpoint_port: Patch<Port>,
}

impl From<UpdateNodeNetwork> for node_networks::UpdateNodeNetwork {
    fn from(request: UpdateNodeNetwork) -> Self {
        Self {
            listen_port: request.listen_port,
            endpoint_host: request.endpoint_host,
            endpoint_port: request.endpoint_port,
        }
    }
}

/// List a node's places in networks.
#[utoipa::path(get, path = "/nodes/{id}/networks", operation_id = "node_network_list", tag = "nodes",
    params(Id<NodeId>), responses((status = 200, description = "The places.", body = NodeNetworks)))]
async fn list(State(app): State<App>, ctx: Ctx, Id(node): Id<NodeId>) -> Answer<Json<NodeNetworks>> {
    let places = app.nodes().networks(&ctx, node).await?;
    Ok(Json(NodeNetworks { items: places.into_iter().map(Into::into).collect() }))
}

/// Put a node into a network.
#[utoipa::path(post, path = "/nodes/{id}/networks", operation_id = "node_network_create", tag = "nodes",
    params(Id<NodeId>, Once<CreateNodeNetwork>), request_body = CreateNodeNetwork,
    responses((status = 201, description = "The node is in the network.", body = NodeNetworkView)))]
async fn create(
    State(app): State<App>,
    ctx: Ctx,
    Id(node): Id<NodeId>,
    body: Once<CreateNodeNetwork>,
) -> Answer {
    let (ctx, request) = body.within(ctx);
    reply::created::<NodeNetworkView, _>(app.nodes().network_create(&ctx, node, request.into()).await?)
}

/// Change a node's port or endpoint in a network.
///
/// Clients hold the old endpoint until they get a new configuration.
#[utoipa::path(patch, path = "/nodes/{id}/networks/{node_network_id}", operation_id = "node_network_update",
    tag = "nodes", params(Ids<NodeId, NodeNetworkId>, IfMatch), request_body = UpdateNodeNetwork,
    responses((status = 200, description = "The place as it is now.", body = NodeNetworkView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    Ids(node, id): Ids<NodeId, NodeNetworkId>,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateNodeNetwork>,
) -> Answer {
    let item = app.nodes().network_update(&ctx, node, id, revision, request.into()).await?;
    reply::item(NodeNetworkView::from(item))
}

/// Take a node out of a network.
#[utoipa::path(delete, path = "/nodes/{id}/networks/{node_network_id}", operation_id = "node_network_delete",
    tag = "nodes", params(Ids<NodeId, NodeNetworkId>, IfMatch),
    responses((status = 204, description = "The node is out of the network.")))]
async fn delete(
    State(app): State<App>,
    ctx: Ctx,
    Ids(node, id): Ids<NodeId, NodeNetworkId>,
    IfMatch(revision): IfMatch,
) -> Answer<StatusCode> {
    app.nodes().network_delete(&ctx, node, id, revision).await?;
    reply::done()
}
