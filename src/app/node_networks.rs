//! A node's places in networks: an interface with a key pair, a port and an endpoint in each.

use serde_json::{Value, json};

use crate::app::ctx::Ctx;
use crate::app::error::{AppError, Result};
use crate::app::networks::live as live_network;
use crate::app::nodes::Nodes;
use crate::app::nodes::live as live_node;
use crate::app::{App, Created, Patch, Revision, expect_revision, idempotency, noun};
use crate::domain::access::Action;
use crate::domain::audit::AuditEvent;
use crate::domain::id::{NetworkId, NodeId, NodeNetworkId};
use crate::domain::key::PublicKey;
use crate::domain::name::Host;
use crate::domain::network::Network;
use crate::domain::node::{Endpoint, InterfaceName, NodeNetwork, Port};
use crate::domain::settings::Settings;
use crate::domain::time::Timestamp;
use crate::secrets::keypair::KeyPair;
use crate::secrets::seal::Place;
use crate::store::backend::{Conn, Tx};
use crate::store::{audit, networks, node_networks, nodes, sequences};

/// A place with the endpoint that clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeNetworkItem {
    /// The facts.
    pub node_network: NodeNetwork,
    /// Where clients send their packets; `None` until a public endpoint is set.
    pub endpoint: Option<Endpoint>,
}

/// A place to be made.
#[derive(Debug, Clone)]
pub struct CreateNodeNetwork {
    /// The network.
    pub network: NetworkId,
    /// The UDP port; the next free one where it is left out.
    pub listen_port: Option<Port>,
    /// The host that clients are told, where it differs from the settings' endpoint.
    pub endpoint_host: Option<Host>,
    /// The port that clients are told, where it differs from the listening one.
    pub endpoint_port: Option<Port>,
}

/// Changes of a place.
#[derive(Debug, Clone, Default)]
pub struct UpdateNodeNetwork {
    /// The UDP port.
    pub listen_port: Option<Port>,
    /// The host that clients are told.
    pub endpoint_host: Patch<Host>,
    /// The port that clients are told.
    pub endpoint_port: Patch<Port>,
}

/// What a new place needs that must not be made inside a transaction: an id and a sealed key pair.
#[derive(Debug, Clone)]
pub(in crate::app) struct NewPlace {
    id: NodeNetworkId,
    public_key: PublicKey,
    sealed_key: Vec<u8>,
    first_port: u16,
    reclaim: AuditEvent,
}

/// What the audit calls it when a deleted network gives its port to one that asks for it.
const RECLAIM: &str = "node_network_reclaim";

/// The event of that, for whoever looks for the network. It is the service's own: nobody asked for it.
fn reclaim_event(app: &App, ctx: &Ctx) -> AuditEvent {
    let ctx = Ctx { request: ctx.request, ..Ctx::system() };
    app.event(&ctx, RECLAIM, ("node_network", String::new()))
}

impl NewPlace {
    /// Makes the key pair and seals its private half for the row it will stand in.
    pub(in crate::app) fn prepare(app: &App, ctx: &Ctx) -> Result<Self> {
        let id = NodeNetworkId::new(app.core.clock.new_id());
        let pair = KeyPair::generate().map_err(AppError::broken("making the node's key pair"))?;
        let row = id.to_string();
        let sealed = app
            .core
            .keyring
            .seal(key_place(&row), pair.private.expose())
            .map_err(AppError::broken("sealing the node's private key"))?;
        let first_port = app.core.facts.first_listen_port;
        Ok(Self {
            id,
            public_key: pair.public,
            sealed_key: sealed.into_bytes(),
            first_port,
            reclaim: reclaim_event(app, ctx),
        })
    }
}

/// Where a node's private key is sealed for.
pub(in crate::app) const fn key_place(row: &str) -> Place<'_> {
    Place { table: "node_networks", column: "private_key", row }
}

impl Nodes<'_> {
    /// A node's places in networks.
    pub async fn networks(&self, ctx: &Ctx, node: NodeId) -> Result<Vec<NodeNetworkItem>> {
        ctx.require(Action::NodeNetworkList)?;
        let (settings, _) = self.0.current_settings().await?;
        let places = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                live_node(on, node).await?;
                Ok::<_, AppError>(node_networks::of_node(on, node).await?)
            })
            .await?;
        Ok(places.into_iter().map(|place| item(place, &settings)).collect())
    }

    /// Puts a node into a network.
    pub async fn network_create(
        &self,
        ctx: &Ctx,
        node: NodeId,
        request: CreateNodeNetwork,
    ) -> Result<Created<NodeNetworkItem>> {
        ctx.require(Action::NodeNetworkCreate)?;
        let app = self.0;
        let now = app.now();
        let (settings, _) = app.current_settings().await?;
        let place = NewPlace::prepare(app, ctx)?;
        let event =
            app.event(ctx, Action::NodeNetworkCreate.as_str(), ("node_network", place.id.to_string()));
        let ctx = ctx.clone();
        let made = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                if let Some(before) = idempotency::seen(tx, &ctx, Action::NodeNetworkCreate, now).await? {
                    let id = before.parse().map_err(AppError::broken("reading the idempotency key"))?;
                    let found = of_node(tx, node, id).await?;
                    return Ok::<_, AppError>(Created::Replayed(found));
                }
                live_node(tx, node).await?;
                live_network(tx, request.network)
                    .await
                    .map_err(|_| AppError::invalid("/network_id", "there is no such network"))?;
                let made = insert(tx, &place, node, &request, now).await?;
                outdate(tx, made.network, now).await?;
                audit::insert(tx, &event.made(facts(&made))).await?;
                idempotency::keep(tx, &ctx, Action::NodeNetworkCreate, &made.id.to_string(), now).await?;
                Ok(Created::New(made))
            })
            .await?;
        app.core.devices.forget_all();
        app.publish();
        Ok(match made {
            Created::New(it) => Created::New(item(it, &settings)),
            Created::Replayed(it) => Created::Replayed(item(it, &settings)),
        })
    }

    /// Changes a node's port or endpoint. Clients hold the old endpoint until they get a new configuration.
    pub async fn network_update(
        &self,
        ctx: &Ctx,
        node: NodeId,
        id: NodeNetworkId,
        revision: Revision,
        request: UpdateNodeNetwork,
    ) -> Result<NodeNetworkItem> {
        ctx.require(Action::NodeNetworkUpdate)?;
        let app = self.0;
        let now = app.now();
        let (settings, _) = app.current_settings().await?;
        let first_port = app.core.facts.first_listen_port;
        let reclaim = reclaim_event(app, ctx);
        let event = app.event(ctx, Action::NodeNetworkUpdate.as_str(), ("node_network", id.to_string()));
        let updated = app
            .core
            .store
            .write(async move |tx: &mut Tx| {
                let before = of_node(tx, node, id).await?;
                expect_revision("node network", before.revision, revision)?;
                if let Some(port) = request.listen_port {
                    free_kept_port(tx, node, port, first_port, &reclaim, now).await?;
                }
                let after =
                    node_networks::update(tx, &changed(&before, &request), before.revision, now).await?;
                outdate(tx, before.network, now).await?;
                sequences::next(tx, sequences::LAYOUT).await?;
                audit::insert(tx, &event.changed(facts(&before), facts(&after))).await?;
                Ok::<_, AppError>(after)
            })
            .await
            .map_err(noun("node network"))?;
        app.core.devices.forget_all();
        app.publish();
        Ok(item(updated, &settings))
    }

    /// Takes a node out of a network.
    pub async fn network_delete(
        &self,
        ctx: &Ctx,
        node: NodeId,
        id: NodeNetworkId,
        revision: Revision,
    ) -> Result<()> {
        ctx.require(Action::NodeNetworkDelete)?;
        let app = self.0;
        let now = app.now();
        let event = app.event(ctx, Action::NodeNetworkDelete.as_str(), ("node_network", id.to_string()));
        app.core
            .store
            .write(async move |tx: &mut Tx| {
                let before = of_node(tx, node, id).await?;
                expect_revision("node network", before.revision, revision)?;
                node_networks::delete(tx, id).await?;
                outdate(tx, before.network, now).await?;
                sequences::next(tx, sequences::LAYOUT).await?;
                audit::insert(tx, &event.removed(facts(&before))).await?;
                Ok::<_, AppError>(())
            })
            .await
            .map_err(noun("node network"))?;
        app.core.devices.forget_all();
        app.publish();
        Ok(())
    }
}

/// Puts the appliance's own node, where there is one, into a new network.
pub(in crate::app) async fn place_local(
    tx: &mut Tx,
    place: &NewPlace,
    network: &Network,
    listen_port: Option<Port>,
    now: Timestamp,
) -> Result<Option<NodeNetwork>> {
    let Some(local) = nodes::find_local(tx).await? else { return Ok(None) };
    let request =
        CreateNodeNetwork { network: network.id, listen_port, endpoint_host: None, endpoint_port: None };
    insert(tx, place, local.id, &request, now).await.map(Some)
}

async fn insert(
    tx: &mut Tx,
    place: &NewPlace,
    node: NodeId,
    request: &CreateNodeNetwork,
    now: Timestamp,
) -> Result<NodeNetwork> {
    if let Some(port) = request.listen_port {
        free_kept_port(tx, node, port, place.first_port, &place.reclaim, now).await?;
    }
    let there = node_networks::all_of_node(tx, node).await?;
    let new = NodeNetwork {
        id: place.id,
        node,
        network: request.network,
        interface: free_interface(&there)?,
        public_key: place.public_key,
        listen_port: match request.listen_port {
            Some(port) => port,
            None => free_port(&there, place.first_port)?,
        },
        endpoint_host: request.endpoint_host.clone(),
        endpoint_port: request.endpoint_port,
        revision: 1,
        created_at: now,
        updated_at: now,
    };
    let made = node_networks::insert(tx, &new, &place.sealed_key, now).await?;
    sequences::next(tx, sequences::LAYOUT).await?;
    Ok(made)
}

/// Takes a port away from a network that nobody sees any more. Should that delete be undone, the network has another
/// port, and its configurations are outdated anyway. Where a network that is there has the port, the database says so.
async fn free_kept_port(
    tx: &mut Tx,
    node: NodeId,
    port: Port,
    first_port: u16,
    event: &AuditEvent,
    now: Timestamp,
) -> Result<()> {
    let all = node_networks::all_of_node(tx, node).await?;
    let Some(place) = all.iter().find(|place| place.listen_port == port) else { return Ok(()) };
    let network = networks::find(tx, place.network).await?;
    if network.is_some_and(|network| network.deleted_at.is_some()) {
        let moved = NodeNetwork { listen_port: free_port(&all, first_port)?, ..place.clone() };
        let moved = node_networks::update(tx, &moved, place.revision, now).await?;
        let mut event = event.changed(facts(place), facts(&moved));
        event.target = Some(place.id.to_string());
        audit::insert(tx, &event).await?;
    }
    Ok(())
}

/// Takes a node out of every network.
pub(in crate::app) async fn leave_all(tx: &mut Tx, node: NodeId, now: Timestamp) -> Result<()> {
    for place in node_networks::of_node(tx, node).await? {
        outdate(tx, place.network, now).await?;
    }
    for place in node_networks::all_of_node(tx, node).await? {
        node_networks::delete(tx, place.id).await?;
    }
    Ok(())
}

/// Marks the configurations given so far: clients may have been told of another key or endpoint than they would be now.
async fn outdate(tx: &mut Tx, network: NetworkId, now: Timestamp) -> Result<()> {
    let mut network = live_network(tx, network).await?;
    network.config_revision += 1;
    networks::update(tx, &network, network.revision, now).await?;
    Ok(())
}

fn free_interface(there: &[NodeNetwork]) -> Result<InterfaceName> {
    let taken = |name: &InterfaceName| there.iter().any(|place| place.interface == *name);
    (0..=u16::MAX)
        .map(InterfaceName::numbered)
        .find(|name| !taken(name))
        .ok_or_else(|| AppError::conflict("node_full", "the node has an interface for every number there is"))
}

fn free_port(there: &[NodeNetwork], first: u16) -> Result<Port> {
    let taken = |port: &Port| there.iter().any(|place| place.listen_port == *port);
    (first.max(1)..=u16::MAX)
        .filter_map(|port| Port::try_from(port).ok())
        .find(|port| !taken(port))
        .ok_or_else(|| AppError::conflict("node_full", "the node has no free port; give listen_port"))
}

async fn of_node(tx: &mut Tx, node: NodeId, id: NodeNetworkId) -> Result<NodeNetwork> {
    let found = node_networks::of_node(tx, node).await?.into_iter().find(|it| it.id == id);
    found.ok_or(AppError::not_found("node network"))
}

fn changed(before: &NodeNetwork, request: &UpdateNodeNetwork) -> NodeNetwork {
    let mut after = before.clone();
    if let Some(port) = request.listen_port {
        after.listen_port = port;
    }
    if let Some(host) = &request.endpoint_host {
        after.endpoint_host.clone_from(host);
    }
    if let Some(port) = request.endpoint_port {
        after.endpoint_port = port;
    }
    after
}

/// Where clients are told to send their packets: the place's own endpoint, else the settings'.
pub(in crate::app) fn endpoint(place: &NodeNetwork, settings: &Settings) -> Option<Endpoint> {
    let host = place.endpoint_host.clone().or_else(|| settings.endpoint_host.clone())?;
    Some(Endpoint { host, port: place.endpoint_port.unwrap_or(place.listen_port) })
}

fn item(node_network: NodeNetwork, settings: &Settings) -> NodeNetworkItem {
    NodeNetworkItem { endpoint: endpoint(&node_network, settings), node_network }
}

fn facts(place: &NodeNetwork) -> Value {
    json!({
        "node_id": place.node, "network_id": place.network, "interface": place.interface,
        "public_key": place.public_key, "listen_port": place.listen_port,
        "endpoint_host": place.endpoint_host, "endpoint_port": place.endpoint_port,
    })
}
