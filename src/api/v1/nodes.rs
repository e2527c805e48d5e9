//! Nodes over HTTP.

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
use crate::api::number::NodeCapacity;
use crate::api::page::{Column, Values, list_query};
use crate::api::path::Id;
use crate::api::precondition::IfMatch;
use crate::api::query::Query;
use crate::api::reply::{self, Answer, Revised, page_of};
use crate::api::schema::{given, patch};
use crate::app::ctx::Ctx;
use crate::app::nodes::NodeSort;
use crate::app::nodes::{self, NodeItem};
use crate::app::{App, Patch, Revision};
use crate::domain::id::NodeId;
use crate::domain::name::{Location, NodeName};
use crate::domain::node::{NodeHealth, NodeState};
use crate::domain::time::Timestamp;

/// The routes of nodes.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, update, delete))
}

/// A node: a server that carries tunnels.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeView {
    /// Names the node.
    id: NodeId,
    /// What it is called.
    name: NodeName,
    /// Where it stands.
    location: Location,
    /// Devices it should carry at most.
    #[schema(minimum = 1, example = 500)]
    capacity: Option<u32>,
    /// Whether it reports, and takes new devices.
    state: NodeState,
    /// Devices whose last handshake was there, within three minutes.
    #[schema(minimum = 0, example = 5)]
    online_devices: u64,
    /// Whether an operator is moving devices away from it.
    draining: bool,
    /// Whether this is the node inside the appliance itself.
    local: bool,
    /// When its last report came.
    last_seen_at: Option<Timestamp>,
    /// What it said of itself in the last report.
    health: HealthView,
    /// Counts the changes: the ETag.
    #[schema(minimum = 0, example = 3)]
    revision: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// What a node says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// What carries the tunnel: `kernel`, `userspace`, `off`; empty before the first report.
    #[schema(max_length = 64, example = "kernel")]
    backend: String,
    /// What is wrong, each with what to do about it. Empty when all is well.
    #[schema(example = json!([]))]
    problems: Vec<String>,
}

impl From<NodeHealth> for HealthView {
    fn from(health: NodeHealth) -> Self {
        Self { backend: health.backend, problems: health.problems }
    }
}

impl From<NodeItem> for NodeView {
    fn from(item: NodeItem) -> Self {
        let NodeItem { node, state, online_devices } = item;
        Self {
            id: node.id,
            name: node.name,
            location: node.location,
            capacity: node.capacity,
            state,
            online_devices,
            draining: node.draining,
            local: node.local,
            last_seen_at: node.last_seen_at,
            health: node.health.into(),
            revision: node.revision,
            created_at: node.created_at,
            updated_at: node.updated_at,
        }
    }
}

impl Revised for NodeView {
    fn location(&self) -> String {
        format!("/nodes/{}", self.id)
    }

    fn revision(&self) -> Revision {
        self.revision
    }
}

page_of! {
    /// A page of nodes.
    NodePage of NodeView
}

impl Column for NodeSort {
    const COLUMNS: &'static [(&'static str, Self, Values)] =
        &[("name", Self::Name, Values::Texts), ("created_at", Self::CreatedAt, Values::Times)];
}

list_query! {
    /// Which nodes are listed.
    ListNodes by NodesOrder of NodeSort {}
}

/// A node to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateNode {
    /// What it is called.
    name: NodeName,
    /// Where it stands.
    location: Location,
    /// Devices it should carry at most.
    capacity: Option<NodeCapacity>,
}

impl From<CreateNode> for nodes::CreateNode {
    fn from(request: CreateNode) -> Self {
        Self {
            name: request.name,
            location: request.location,
            capacity: request.capacity.map(NodeCapacity::get),
        }
    }
}

/// Changes of a node. What is left out stays; null empties what may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateNode {
    /// What it is called.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<NodeName>,
    /// Where it stands.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    location: Option<Location>,
    /// Devices it should carry at most.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<NodeCapacity>)]
    capacity: Patch<NodeCapacity>,
    /// Whether it takes no new devices.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    draining: Option<bool>,
}

impl From<UpdateNode> for nodes::UpdateNode {
    fn from(request: UpdateNode) -> Self {
        Self {
            name: request.name,
            location: request.location,
            capacity: request.capacity.map(|capacity| capacity.map(NodeCapacity::get)),
            draining: request.draining,
        }
    }
}

/// List nodes.
#[utoipa::path(get, path = "/nodes", operation_id = "node_list", tag = "nodes", params(ListNodes),
    responses((status = 200, description = "A page of nodes.", body = NodePage)))]
async fn list(State(app): State<App>, ctx: Ctx, Query(query): Query<ListNodes>) -> Answer<Json<NodePage>> {
    reply::page::<_, NodeView, _>(app.nodes().list(&ctx, query.page()?).await?)
}

/// Make a node.
///
/// It stays `pending` until it reports.
#[utoipa::path(post, path = "/nodes", operation_id = "node_create", tag = "nodes",
    params(Once<CreateNode>), request_body = CreateNode,
    responses((status = 201, description = "The node was made.", body = NodeView)))]
async fn create(State(app): State<App>, ctx: Ctx, body: Once<CreateNode>) -> Answer {
    let (ctx, request) = body.within(ctx);
    reply::created::<NodeView, _>(app.nodes().create(&ctx, request.into()).await?)
}

/// Read a node.
#[utoipa::path(get, path = "/nodes/{id}", operation_id = "node_get", tag = "nodes", params(Id<NodeId>),
    responses((status = 200, description = "The node.", body = NodeView)))]
async fn get(State(app): State<App>, ctx: Ctx, Id(id): Id<NodeId>) -> Answer {
    reply::item(NodeView::from(app.nodes().get(&ctx, id).await?))
}

/// Change a node.
#[utoipa::path(patch, path = "/nodes/{id}", operation_id = "node_update", tag = "nodes",
    params(Id<NodeId>, IfMatch), request_body = UpdateNode,
    responses((status = 200, description = "The node as it is now.", body = NodeView)))]
async fn update(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<NodeId>,
    IfMatch(revision): IfMatch,
    Body(request): Body<UpdateNode>,
) -> Answer {
    reply::item(NodeView::from(app.nodes().update(&ctx, id, revision, request.into()).await?))
}

/// Delete a node with its places in networks.
///
/// The appliance's own node stays.
#[utoipa::path(delete, path = "/nodes/{id}", operation_id = "node_delete", tag = "nodes",
    params(Id<NodeId>, IfMatch), responses((status = 204, description = "The node is deleted.")))]
async fn delete(
    State(app): State<App>,
    ctx: Ctx,
    Id(id): Id<NodeId>,
    IfMatch(revision): IfMatch,
) -> Answer<StatusCode> {
    app.nodes().delete(&ctx, id, revision).await?;
    reply::done()
}
