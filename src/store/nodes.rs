//! Nodes in the database.

use crate::domain::id::NodeId;
use crate::domain::name::fold;
use crate::domain::node::{NewNode, Node, NodeHealth};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::usage::Rate;
use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::fields::Json;
use crate::store::list::{Select, Sort, stale_or_missing};
use crate::store::value::{Bind, FromRow, Kind, Row, params};

/// What lists of nodes are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeSort {
    /// The name.
    Name,
    /// Where they stand.
    Location,
    /// When they were made.
    CreatedAt,
}

impl Sort for NodeSort {
    fn column(self) -> (&'static str, Kind) {
        match self {
            Self::Name => ("name", Kind::Text),
            Self::Location => ("location", Kind::Text),
            Self::CreatedAt => ("created_at", Kind::Int),
        }
    }
}

const INSERT: &str = "INSERT INTO nodes (id, name, location, capacity, draining, local, applied_sequence, health, \
    search, revision, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, FALSE, ?5, 0, ?6, ?7, 1, ?8, ?8) RETURNING *";

/// Makes a node.
///
/// # Errors
/// `Conflict(NodeName)`.
pub async fn insert(tx: &mut Tx, new: &NewNode, now: Timestamp) -> Result<Node, StoreError> {
    tx.one(
        INSERT,
        params![
            new.id,
            &new.name,
            &new.location,
            new.capacity,
            new.local,
            Json(&NodeHealth::default()),
            fold(&format!("{} {}", new.name, new.location)),
            now,
        ],
    )
    .await
}

/// A node, deleted or not.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: NodeId) -> Result<Option<Node>, StoreError> {
    conn.find("SELECT * FROM nodes WHERE id = ?1", params![id]).await
}

/// A node that is not deleted.
///
/// # Errors
/// `NotFound`.
pub async fn get(conn: &mut Conn, id: NodeId) -> Result<Node, StoreError> {
    conn.one("SELECT * FROM nodes WHERE id = ?1 AND deleted_at IS NULL", params![id]).await
}

/// The node inside this appliance.
///
/// # Errors
/// The store's.
pub async fn find_local(conn: &mut Conn) -> Result<Option<Node>, StoreError> {
    const SQL: &str = "SELECT * FROM nodes WHERE local = TRUE AND deleted_at IS NULL ORDER BY id LIMIT 1";
    conn.find(SQL, &[]).await
}

/// Every node that is not deleted, by name, at most `limit`.
///
/// # Errors
/// The store's.
pub async fn all(conn: &mut Conn, limit: u32) -> Result<Vec<Node>, StoreError> {
    conn.query("SELECT * FROM nodes WHERE deleted_at IS NULL ORDER BY name, id LIMIT ?1", params![limit])
        .await
}

/// The node that holds a credential, by the credential's hash.
///
/// # Errors
/// The store's.
pub async fn find_by_credential(conn: &mut Conn, hash: &[u8]) -> Result<Option<Node>, StoreError> {
    conn.find("SELECT * FROM nodes WHERE credential_hash = ?1 AND deleted_at IS NULL", params![hash]).await
}

/// A page of nodes.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    deleted: bool,
    page: &PageRequest<NodeSort>,
) -> Result<Page<Node>, StoreError> {
    let mut select = Select::from("nodes");
    select.and_plain(if deleted { "deleted_at IS NOT NULL" } else { "deleted_at IS NULL" });
    select.page(conn, page).await
}

const UPDATE: &str = "UPDATE nodes SET name = ?3, location = ?4, capacity = ?5, draining = ?6, search = ?7, \
    updated_at = ?8, revision = revision + 1 WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";

/// Writes a node's fields if the row still has the expected revision. What the node reports is not among them.
///
/// # Errors
/// `Stale`, `NotFound`, `Conflict(NodeName)`.
pub async fn update(tx: &mut Tx, node: &Node, expected: i64, now: Timestamp) -> Result<Node, StoreError> {
    let search = fold(&format!("{} {}", node.name, node.location));
    let changed = tx
        .find(
            UPDATE,
            params![node.id, expected, &node.name, &node.location, node.capacity, node.draining, search, now],
        )
        .await?;
    found_or_why(tx, changed, node.id).await
}

/// Gives a node a new credential; the old one is worth nothing from here on.
///
/// # Errors
/// `NotFound`.
pub async fn set_credential(
    tx: &mut Tx,
    id: NodeId,
    hash: Option<&[u8]>,
    now: Timestamp,
) -> Result<Node, StoreError> {
    const SQL: &str = "UPDATE nodes SET credential_hash = ?2, updated_at = ?3, revision = revision + 1 \
        WHERE id = ?1 AND deleted_at IS NULL RETURNING *";
    tx.one(SQL, params![id, hash, now]).await
}

/// Notes what a node reported of itself. Its revision stays: nobody edited it.
///
/// # Errors
/// `NotFound`.
pub async fn seen(
    tx: &mut Tx,
    id: NodeId,
    applied_sequence: i64,
    health: &NodeHealth,
    rate: Rate,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE nodes SET last_seen_at = ?2, applied_sequence = ?3, health = ?4, rx_bytes_per_s = ?5, \
        tx_bytes_per_s = ?6 WHERE id = ?1 AND deleted_at IS NULL RETURNING id";
    let (rx, tx_) = (rate.rx_bytes_per_s, rate.tx_bytes_per_s);
    tx.one::<String>(SQL, params![id, now, applied_sequence, Json(health), rx, tx_]).await.map(drop)
}

/// Marks a node deleted and takes its credential away.
///
/// # Errors
/// `Stale`, `NotFound`.
pub async fn delete(tx: &mut Tx, id: NodeId, expected: i64, now: Timestamp) -> Result<Node, StoreError> {
    const SQL: &str = "UPDATE nodes SET deleted_at = ?3, updated_at = ?3, credential_hash = NULL, \
        revision = revision + 1 WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";
    let changed = tx.find(SQL, params![id, expected, now]).await?;
    found_or_why(tx, changed, id).await
}

/// Takes a deletion back; the node has to join again.
///
/// # Errors
/// `NotFound` when the node is not deleted, `Conflict(NodeName)`.
pub async fn undelete(tx: &mut Tx, id: NodeId, now: Timestamp) -> Result<Node, StoreError> {
    const SQL: &str = "UPDATE nodes SET deleted_at = NULL, updated_at = ?2, revision = revision + 1 \
        WHERE id = ?1 AND deleted_at IS NOT NULL RETURNING *";
    tx.one(SQL, params![id, now]).await
}

async fn found_or_why(tx: &mut Tx, changed: Option<Node>, id: NodeId) -> Result<Node, StoreError> {
    match changed {
        Some(node) => Ok(node),
        None => Err(stale_or_missing(tx, "nodes", id.bind()).await?),
    }
}

impl FromRow for Node {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.take("id")?,
            name: row.take("name")?,
            location: row.take("location")?,
            capacity: row.take("capacity")?,
            draining: row.take("draining")?,
            local: row.take("local")?,
            last_seen_at: row.take("last_seen_at")?,
            applied_sequence: row.take("applied_sequence")?,
            health: row.take::<Json<_>>("health")?.0,
            rate: Rate {
                rx_bytes_per_s: row.take("rx_bytes_per_s")?,
                tx_bytes_per_s: row.take("tx_bytes_per_s")?,
            },
            revision: row.take("revision")?,
            created_at: row.take("created_at")?,
            updated_at: row.take("updated_at")?,
            deleted_at: row.take("deleted_at")?,
        })
    }
}
