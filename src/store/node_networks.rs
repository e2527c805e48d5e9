//! Nodes' interfaces in networks.
//!
//! Invariant: a private key goes in and out sealed; this layer cannot open it.

use crate::domain::id::{NetworkId, NodeId, NodeNetworkId};
use crate::domain::node::NodeNetwork;
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::value::{FromRow, Row, params};

const INSERT: &str = "INSERT INTO node_networks (id, node_id, network_id, interface, public_key, private_key, \
    listen_port, endpoint_host, endpoint_port, revision, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?10) RETURNING *";

/// Makes an interface with its sealed private key. Revision and times of the given one do not count.
///
/// # Errors
/// `Conflict` of `NodeNetwork`, `NodeListenPort` or `NodeInterface`.
pub async fn insert(
    tx: &mut Tx,
    new: &NodeNetwork,
    private_key: &[u8],
    now: Timestamp,
) -> Result<NodeNetwork, StoreError> {
    tx.one(
        INSERT,
        params![
            new.id,
            new.node,
            new.network,
            &new.interface,
            new.public_key,
            private_key,
            new.listen_port,
            new.endpoint_host.as_ref(),
            new.endpoint_port,
            now,
        ],
    )
    .await
}

/// An interface.
///
/// # Errors
/// `NotFound`.
pub async fn get(conn: &mut Conn, id: NodeNetworkId) -> Result<NodeNetwork, StoreError> {
    conn.one("SELECT * FROM node_networks WHERE id = ?1", params![id]).await
}

/// The sealed private key of an interface.
///
/// # Errors
/// `NotFound`.
pub async fn sealed_key(conn: &mut Conn, id: NodeNetworkId) -> Result<Vec<u8>, StoreError> {
    conn.one("SELECT private_key FROM node_networks WHERE id = ?1", params![id]).await
}

/// The interfaces of a node in networks that are not deleted, by name.
///
/// # Errors
/// The store's.
pub async fn of_node(conn: &mut Conn, node: NodeId) -> Result<Vec<NodeNetwork>, StoreError> {
    const SQL: &str = "SELECT nn.* FROM node_networks AS nn JOIN networks AS n ON n.id = nn.network_id \
        WHERE nn.node_id = ?1 AND n.deleted_at IS NULL ORDER BY nn.interface";
    conn.query(SQL, params![node]).await
}

/// Every interface of a node, by name: those in deleted networks keep name and port, so that a deletion can be undone.
///
/// # Errors
/// The store's.
pub async fn all_of_node(conn: &mut Conn, node: NodeId) -> Result<Vec<NodeNetwork>, StoreError> {
    conn.query("SELECT * FROM node_networks WHERE node_id = ?1 ORDER BY interface", params![node]).await
}

/// The interfaces in a network on nodes that are not deleted, oldest node first.
///
/// # Errors
/// The store's.
pub async fn of_network(conn: &mut Conn, network: NetworkId) -> Result<Vec<NodeNetwork>, StoreError> {
    const SQL: &str = "SELECT nn.* FROM node_networks AS nn JOIN nodes AS n ON n.id = nn.node_id \
        WHERE nn.network_id = ?1 AND n.deleted_at IS NULL ORDER BY nn.node_id";
    conn.query(SQL, params![network]).await
}

const UPDATE: &str = "UPDATE node_networks SET interface = ?3, listen_port = ?4, endpoint_host = ?5, \
    endpoint_port = ?6, updated_at = ?7, revision = revision + 1 WHERE id = ?1 AND revision = ?2 RETURNING *";

/// Writes an interface's fields if the row still has the expected revision. Its keys stay.
///
/// # Errors
/// `Stale`, `NotFound`, `Conflict` of `NodeListenPort` or `NodeInterface`.
pub async fn update(
    tx: &mut Tx,
    it: &NodeNetwork,
    expected: i64,
    now: Timestamp,
) -> Result<NodeNetwork, StoreError> {
    let host = it.endpoint_host.as_ref();
    let changed = tx
        .find(UPDATE, params![it.id, expected, &it.interface, it.listen_port, host, it.endpoint_port, now])
        .await?;
    match changed {
        Some(changed) => Ok(changed),
        None => {
            get(tx, it.id).await?;
            Err(StoreError::new(ErrorKind::Stale))
        }
    }
}

/// Removes an interface, with its key.
///
/// # Errors
/// The store's.
pub async fn delete(tx: &mut Tx, id: NodeNetworkId) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM node_networks WHERE id = ?1", params![id]).await
}

impl FromRow for NodeNetwork {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            node: row.take("node_id")?,
            network: row.take("network_id")?,
            interface: row.take("interface")?,
            public_key: row.take("public_key")?,
            listen_port: row.take("listen_port")?,
            endpoint_host: row.take("endpoint_host")?,
            endpoint_port: row.take("endpoint_port")?,
            revision: row.take("revision")?,
            created_at: row.take("created_at")?,
            updated_at: row.take("updated_at")?,
        })
    }
}
