//! Devices as nodes need them: with what their state follows from, and in the order of their changes.
//!
//! Invariant: reads only. What makes a device a peer is decided in `domain::device`.

use crate::domain::device::{Device, Surroundings};
use crate::domain::id::{DeviceId, NetworkId, NodeId, UserId};
use crate::domain::name::Login;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::usage::Traffic;
use crate::store::backend::{Conn, Tx};
use crate::store::devices::{self, DeviceFilter, DeviceSort};
use crate::store::error::StoreError;
use crate::store::list::members;
use crate::store::sequences::{self, DESIRED};
use crate::store::value::{Bind, FromRow, Row, Value, params};

/// A device and everything its state and its peer follow from.
#[derive(Debug, Clone)]
pub struct PeerFacts {
    /// The device, deleted or not.
    pub device: Device,
    /// What its owner signs in with.
    pub owner_login: Login,
    /// What surrounds it.
    pub around: Surroundings,
    /// The preshared key, sealed.
    pub preshared_key: Option<Vec<u8>>,
    /// The number of its last change.
    pub changed_seq: i64,
    /// When it last shook hands on any node.
    pub last_handshake_at: Option<Timestamp>,
    /// The node of that handshake.
    pub last_node: Option<NodeId>,
    /// Its bytes on all nodes.
    pub traffic: Traffic,
    /// The revision of what its network now tells clients.
    pub network_config_revision: i64,
}

/// The user's bytes are summed only where a limit makes them matter.
const FACTS: &str = "SELECT d.*, o.login AS owner_login, o.deleted_at AS owner_deleted_at, o.disabled AS owner_disabled, \
    o.expires_at AS owner_expires_at, o.data_limit_bytes AS owner_data_limit_bytes, \
    COALESCE(u.rx_bytes, 0) AS rx, COALESCE(u.tx_bytes, 0) AS tx, u.last_handshake_at AS shook_at, \
    u.last_node_id, n.config_revision AS network_config_revision, \
    CASE WHEN o.data_limit_bytes IS NULL THEN 0 ELSE o.retired_bytes + (SELECT \
    CAST(COALESCE(SUM(s.rx_bytes + s.tx_bytes), 0) AS BIGINT) FROM devices AS m JOIN usage AS s ON s.device_id = m.id \
    WHERE m.user_id = d.user_id) END AS owner_used \
    FROM devices AS d JOIN users AS o ON o.id = d.user_id JOIN networks AS n ON n.id = d.network_id LEFT JOIN usage AS u ON u.device_id = d.id";

/// A device with its surroundings, deleted or not.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: DeviceId) -> Result<Option<PeerFacts>, StoreError> {
    conn.find(&format!("{FACTS} WHERE d.id = ?1"), params![id]).await
}

/// Several devices with their surroundings, in no order; a page's worth at most.
///
/// # Errors
/// The store's.
pub async fn of_devices(conn: &mut Conn, ids: &[DeviceId]) -> Result<Vec<PeerFacts>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let params: Vec<Value> = ids.iter().map(Bind::bind).collect();
    conn.query(&format!("{FACTS} WHERE d.id IN ({})", members(ids.len(), 1)), &params).await
}

/// A page of devices with their surroundings.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    filter: &DeviceFilter,
    page: &PageRequest<DeviceSort>,
) -> Result<Page<PeerFacts>, StoreError> {
    let Page { items, next } = devices::list(conn, filter, page).await?;
    let ids: Vec<DeviceId> = items.iter().map(|device| device.id).collect();
    let mut facts = of_devices(conn, &ids).await?;
    facts.sort_by_key(|facts| ids.iter().position(|id| *id == facts.device.id));
    Ok(Page { items: facts, next })
}

/// Changes after a sequence in these networks, oldest first, deleted devices among them.
///
/// # Errors
/// The store's.
pub async fn changed_since(
    conn: &mut Conn,
    networks: &[NetworkId],
    sequence: i64,
    limit: u32,
) -> Result<Vec<PeerFacts>, StoreError> {
    if networks.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = vec![sequence.bind(), limit.bind()];
    params.extend(networks.iter().map(Bind::bind));
    let list = members(networks.len(), 3);
    let sql = format!(
        "{FACTS} WHERE d.changed_seq > ?1 AND d.network_id IN ({list}) ORDER BY d.changed_seq, d.id LIMIT ?2"
    );
    conn.query(&sql, &params).await
}

/// Devices of a network that are not deleted, by id after the given one: the pages of a snapshot.
///
/// # Errors
/// The store's.
pub async fn page(
    conn: &mut Conn,
    network: NetworkId,
    after: Option<DeviceId>,
    limit: u32,
) -> Result<Vec<PeerFacts>, StoreError> {
    // Every id sorts after the empty text.
    let after = after.map_or_else(|| "".bind(), Bind::bind);
    let sql = format!(
        "{FACTS} WHERE d.network_id = ?1 AND d.id > ?2 AND d.deleted_at IS NULL ORDER BY d.id LIMIT ?3"
    );
    conn.query(&sql, &[network.bind(), after, limit.bind()]).await
}

/// Has nodes hear of every device of a user again, after the user's own state changed.
///
/// # Errors
/// The store's.
pub async fn touch_user(tx: &mut Tx, user: UserId) -> Result<i64, StoreError> {
    let sequence = sequences::next(tx, DESIRED).await?;
    tx.execute("UPDATE devices SET changed_seq = ?2 WHERE user_id = ?1", params![user, sequence]).await?;
    Ok(sequence)
}

/// Has nodes hear of one device again, after its usage changed its state.
///
/// # Errors
/// The store's.
pub async fn touch(tx: &mut Tx, device: DeviceId) -> Result<i64, StoreError> {
    let sequence = sequences::next(tx, DESIRED).await?;
    tx.execute("UPDATE devices SET changed_seq = ?2 WHERE id = ?1", params![device, sequence]).await?;
    Ok(sequence)
}

impl FromRow for PeerFacts {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let deleted: Option<Timestamp> = row.take("owner_deleted_at")?;
        let traffic = Traffic { rx_bytes: row.take("rx")?, tx_bytes: row.take("tx")? };
        let around = Surroundings {
            user_deleted: deleted.is_some(),
            user_disabled: row.take("owner_disabled")?,
            user_expires_at: row.take("owner_expires_at")?,
            user_data_limit_bytes: row.take("owner_data_limit_bytes")?,
            device_used_bytes: traffic.total_bytes(),
            user_used_bytes: row.take("owner_used")?,
        };
        let preshared_key = row.peek("preshared_key")?;
        Ok(Self {
            owner_login: row.take("owner_login")?,
            around,
            preshared_key,
            changed_seq: row.take("changed_seq")?,
            last_handshake_at: row.take("shook_at")?,
            last_node: row.take("last_node_id")?,
            traffic,
            network_config_revision: row.take("network_config_revision")?,
            device: Device::from_row(row)?,
        })
    }
}
