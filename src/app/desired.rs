//! What nodes must do: compiled from the database as a snapshot, then as deltas by change sequence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;

use crate::app::App;
use crate::app::device_create::preshared_key_place;
use crate::app::error::{AppError, Result};
use crate::app::node_networks::key_place;
use crate::domain::desired::{Desired, Interface, InterfaceSettings, Peer};
use crate::domain::id::{NetworkId, NodeId};
use crate::domain::key::{PresharedKey, PrivateKey, PublicKey};
use crate::domain::message::{Delta, Snapshot, Update};
use crate::domain::network::Network;
use crate::domain::node::InterfaceName;
use crate::domain::node::NodeNetwork;
use crate::domain::time::Timestamp;
use crate::store::backend::Conn;
use crate::store::peers::PeerFacts;
use crate::store::{networks, node_networks, nodes, peers, sequences, usage};

/// The use cases of the desired state.
#[derive(Debug, Clone, Copy)]
pub struct DesiredState<'a>(pub(in crate::app) &'a App);

/// What a link has passed on so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The change sequence of devices.
    pub sequence: i64,
    /// The change sequence of interfaces.
    pub layout: i64,
}

/// Rows read at a time, so that a large network is never held twice.
const PAGE: u32 = 1000;

/// Past this many changes a snapshot is the shorter message.
const DELTA_MAX: usize = 5000;

/// A node's place in a network that is there.
struct Place {
    node_network: NodeNetwork,
    sealed_key: Vec<u8>,
    network: Network,
}

/// What the database says of a node, before anything is unsealed.
struct Layout {
    position: Position,
    /// The newest change whose device was purged since: who is behind it cannot be told by a delta.
    floor: i64,
    places: Vec<Place>,
}

impl DesiredState<'_> {
    /// The step from what a link has passed on to what holds now; `None` when that is the same.
    pub async fn next(&self, node: NodeId, known: Option<Position>) -> Result<Option<(Update, Position)>> {
        let layout = self.layout(node).await?;
        match known {
            Some(known) if known == layout.position => Ok(None),
            Some(known) if known.layout == layout.position.layout && known.sequence >= layout.floor => {
                self.delta(node, layout, known).await.map(Some)
            }
            Some(_) | None => self.snapshot(node, layout).await.map(Some),
        }
    }

    /// The appliance's own node.
    pub async fn local_node(&self) -> Result<Option<NodeId>> {
        let node = self.0.core.store.read(async |on: &mut Conn| nodes::find_local(on).await).await?;
        Ok(node.map(|node| node.id))
    }

    async fn layout(&self, node: NodeId) -> Result<Layout> {
        self.0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let position = Position {
                    sequence: sequences::current(on, sequences::DESIRED).await?,
                    layout: sequences::current(on, sequences::LAYOUT).await?,
                };
                let mut places = Vec::new();
                if nodes::find(on, node).await?.is_some_and(|node| node.deleted_at.is_none()) {
                    for node_network in node_networks::of_node(on, node).await? {
                        let network = networks::find(on, node_network.network).await?;
                        // A deleted network has no interface.
                        let Some(network) = network.filter(|it| it.deleted_at.is_none()) else { continue };
                        let sealed_key = node_networks::sealed_key(on, node_network.id).await?;
                        places.push(Place { node_network, sealed_key, network });
                    }
                }
                let floor = sequences::current(on, sequences::DESIRED_FLOOR).await?;
                Ok::<_, AppError>(Layout { position, floor, places })
            })
            .await
    }

    async fn snapshot(&self, node: NodeId, layout: Layout) -> Result<(Update, Position)> {
        let mut interfaces = BTreeMap::new();
        for place in &layout.places {
            let settings = self.interface(place)?;
            let peers = self.peers(place.network.id).await?;
            interfaces.insert(place.node_network.interface.clone(), Interface { settings, peers });
        }
        let desired = Desired { sequence: layout.position.sequence, interfaces };
        let newest_epoch =
            self.0.core.store.read(async move |on: &mut Conn| usage::newest_epoch(on, node).await).await?;
        Ok((Update::Snapshot(Snapshot { desired, newest_epoch }), layout.position))
    }

    /// Peers of a network. A device that changes while pages are read also has a later sequence, so the delta
    /// that follows the snapshot carries it.
    async fn peers(&self, network: NetworkId) -> Result<BTreeMap<PublicKey, Peer>> {
        let now = self.0.now();
        let mut peers = BTreeMap::new();
        let mut after = None;
        loop {
            let rows = self
                .0
                .core
                .store
                .read(async move |on: &mut Conn| peers::page(on, network, after, PAGE).await)
                .await?;
            let Some(last) = rows.last() else { return Ok(peers) };
            after = Some(last.device.id);
            for row in rows {
                if let Some((key, peer)) = self.peer(&row, now)? {
                    peers.insert(key, peer);
                }
            }
        }
    }

    async fn delta(&self, node: NodeId, layout: Layout, known: Position) -> Result<(Update, Position)> {
        let now = self.0.now();
        let names: BTreeMap<NetworkId, InterfaceName> = layout
            .places
            .iter()
            .map(|place| (place.network.id, place.node_network.interface.clone()))
            .collect();
        let ids: Arc<[NetworkId]> = names.keys().copied().collect();
        let limit = u32::try_from(DELTA_MAX + 1).unwrap_or(u32::MAX);
        let (rows, floor) = self
            .0
            .core
            .store
            .read(async move |on: &mut Conn| {
                let rows = peers::changed_since(on, &ids, known.sequence, limit).await?;
                // In the same read: a device purged since the layout was read is in no row.
                Ok::<_, AppError>((rows, sequences::current(on, sequences::DESIRED_FLOOR).await?))
            })
            .await?;
        if rows.len() > DELTA_MAX || known.sequence < floor {
            return self.snapshot(node, layout).await;
        }
        // Rows may be newer than the layout that was read first: the delta leads to the newest of both.
        let newest = rows.iter().map(|row| row.changed_seq).max().unwrap_or(0);
        let to = layout.position.sequence.max(newest);
        let mut delta = Delta { from: known.sequence, to, ..Delta::default() };
        for row in &rows {
            delta.removed.insert(row.device.id);
            let Some(name) = names.get(&row.device.network) else { continue };
            if let Some((key, peer)) = self.peer(row, now)? {
                delta.set.entry(name.clone()).or_default().insert(key, peer);
            }
        }
        Ok((Update::Delta(delta), Position { sequence: to, layout: known.layout }))
    }

    fn interface(&self, it: &Place) -> Result<InterfaceSettings> {
        let (place, network) = (&it.node_network, &it.network);
        let row = place.id.to_string();
        let key = self.0.unseal(key_place(&row), Some(&it.sealed_key))?;
        let key = key.ok_or(AppError::not_found("node key"))?;
        let pools: BTreeSet<IpNet> = network.pools.iter().map(|pool| pool.net()).collect();
        let addresses = network
            .pools
            .iter()
            .filter_map(|pool| IpNet::new(pool.node_address(), pool.net().prefix_len()).ok());
        Ok(InterfaceSettings {
            node_network: place.id,
            private_key: PrivateKey::new(key),
            listen_port: place.listen_port,
            mtu: network.client.mtu,
            addresses: addresses.collect(),
            pools,
            isolated: network.isolated,
        })
    }

    /// The peer of a device that may connect.
    fn peer(&self, row: &PeerFacts, now: Timestamp) -> Result<Option<(PublicKey, Peer)>> {
        let device = &row.device;
        if !device.state(&row.around, now).0.is_peer() {
            return Ok(None);
        }
        let text = device.id.to_string();
        let preshared = self.0.unseal(preshared_key_place(&text), row.preshared_key.as_deref())?;
        let peer = Peer {
            device: device.id,
            preshared_key: preshared.map(PresharedKey::new),
            addresses: device.addresses().collect(),
            until: device.peer_until(&row.around),
        };
        Ok(Some((device.public_key, peer)))
    }
}
