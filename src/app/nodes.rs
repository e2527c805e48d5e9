//! Nodes: the servers that carry tunnels.

use serde_json::{Value, json};

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::{App, Created, Patch, Revision, expect_revision, idempotency, node_networks, noun};
use crate::domain::access::Action;
use crate::domain::device::ONLINE_FOR;
use crate::domain::id::NodeId;
use crate::domain::name::{Location, NodeName};
use crate::domain::node::{NewNode, Node, NodeState};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
pub use crate::store::nodes::NodeSort;
use crate::store::overview::count_online;
use crate::store::{audit, nodes, sequences};

/// The use cases of nodes.
#[derive(Debug, Clone, Copy)]
pub struct Nodes<'a>(pub(in crate::app) &'a App);

/// A node with the state that follows from the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeItem {
    /// The facts.
    pub node: Node,
    /// The state.
    pub state: NodeState,
    /// Devices whose last handshake was there, within three minutes.
    pub online_devices: u64,
}

/// A node to be made.
#[derive(Debug, Clone)]
pub struct CreateNode {
    /// What it is called.
    pub name: NodeName,
    /// Where it stands.
    pub location: Location,
    /// Devices it should carry at most.
    pub capacity: Option<u32>,
}

/// Changes of a node.
#[derive(Debug, Clone, Default)]
pub struct UpdateNode {
    /// What it is called.
    pub name: Option<NodeName>,
    /// Where it stands.
    pub location: Option<Location>,
    /// Devices it should carry at most.
    pub capacity: Patch<u32>,
    /// Whether it takes no new devices.
    pub draining: Option<bool>,
}

impl Nodes<'_> {
    /// A page of nodes.
    pub async fn list(&self, ctx: &Ctx, page: PageRequest<NodeSort>) -> Result<Page<NodeItem>> {
        ctx.require(Action::NodeList)?;
        let now = self.0.now();
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let Page { items, next } = nodes::list(on, false, &page).await?;
                Ok::<_, AppError>(Page { items: with_online(on, items, now).await?, next })
            })
            .await
    }

    /// One node.
    pub async fn get(&self, ctx: &Ctx, id: NodeId) -> Result<NodeItem> {
        ctx.require(Action::NodeGet)?;
        let now = self.0.now();
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let node = live(on, id).await?;
                item(on, node, now).await
            })
            .await
    }

    /// Makes a node. It stays pending until it reports.
    pub async fn create(&self, ctx: &Ctx, request: CreateNode) -> Result<Created<NodeItem>> {
        ctx.require(Action::NodeCreate)?;
        let app = self.0;
        let now = app.now();
        let id = NodeId::new(app.core.clock.new_id());
        let new = NewNode {
            id,
            name: request.name,
            location: request.location,
            capacity: request.capacity,
            local: false,
        };
        let event = app.event(ctx, Action::NodeCreate.as_str(), ("node", id.to_string()));
        let ctx = ctx.clone();
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::NodeCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    let node = live(tx, id).await?;
                    return Ok::<_, AppError>(Created::Replayed(item(tx, node, now).await?));
                }
                let node = nodes::insert(tx, &new, now).await?;
                audit::insert(tx, &event.made(facts(&node))).await?;
                idempotency::keep(tx, &ctx, Action::NodeCreate, &id.to_string(), now).await?;
                Ok(Created::New(item(tx, node, now).await?))
            })
            .await
    }

    /// Changes a node.
    pub async fn update(
        &self,
        ctx: &Ctx,
        id: NodeId,
        revision: Revision,
        request: UpdateNode,
    ) -> Result<NodeItem> {
        ctx.require(Action::NodeUpdate)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::NodeUpdate.as_str(), ("node", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let before = live(tx, id).await?;
                expect_revision("node", before.revision, revision)?;
                let after = nodes::update(tx, &changed(&before, &request), before.revision, now).await?;
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                item(tx, after, now).await
            })
            .await
            .map_err(noun("node"))
    }

    /// Deletes a node with its places in networks; configurations given before are outdated. The appliance's own node
    /// stays.
    pub async fn delete(&self, ctx: &Ctx, id: NodeId, revision: Revision) -> Result<()> {
        ctx.require(Action::NodeDelete)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::NodeDelete.as_str(), ("node", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let before = live(tx, id).await?;
                if before.local {
                    return Err(AppError::conflict(
                        "local_node",
                        "this node runs inside the appliance itself; take `agent` out of its roles to be rid of it",
                    ));
                }
                node_networks::leave_all(tx, id, now).await?;
                nodes::delete(tx, id, revision, now).await?;
                sequences::next(tx, sequences::LAYOUT).await?;
                audit::insert(tx, &event.removed(facts(&before))).await?;
                Ok(())
            })
            .await
            .map_err(noun("node"))?;
        app.core.devices.forget_all();
        app.publish();
        Ok(())
    }
}

fn changed(before: &Node, request: &UpdateNode) -> Node {
    let mut after = before.clone();
    if let Some(name) = &request.name {
        after.name = name.clone();
    }
    if let Some(location) = &request.location {
        after.location = location.clone();
    }
    if let Some(capacity) = request.capacity {
        after.capacity = capacity;
    }
    if let Some(draining) = request.draining {
        after.draining = draining;
    }
    after
}

/// The node, unless deleted.
pub(in crate::app) async fn live(on: &mut Conn, id: NodeId) -> Result<Node> {
    let found = nodes::find(on, id).await?.filter(|node| node.deleted_at.is_none());
    found.ok_or(AppError::not_found("node"))
}

async fn item(on: &mut Conn, node: Node, now: Timestamp) -> Result<NodeItem> {
    let online = count_online(on, now.before(ONLINE_FOR)).await?;
    Ok(counted(&online, now)(node))
}

async fn with_online(on: &mut Conn, nodes: Vec<Node>, now: Timestamp) -> Result<Vec<NodeItem>> {
    let online = count_online(on, now.before(ONLINE_FOR)).await?;
    Ok(nodes.into_iter().map(counted(&online, now)).collect())
}

/// Makes a node's item out of what was counted of all nodes.
pub(in crate::app) fn counted(online: &[(Option<NodeId>, u64)], now: Timestamp) -> impl Fn(Node) -> NodeItem {
    move |node| {
        let online = online.iter().find(|(id, _)| *id == Some(node.id));
        NodeItem { state: node.state(now), online_devices: online.map_or(0, |(_, devices)| *devices), node }
    }
}

fn facts(node: &Node) -> Value {
    json!({
        "name": node.name, "location": node.location, "capacity": node.capacity, "draining": node.draining,
    })
}
