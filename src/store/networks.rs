//! Networks in the database.

use crate::domain::id::NetworkId;
use crate::domain::name::fold;
use crate::domain::network::{ClientSettings, Network, NewNetwork, Pools};
use crate::domain::page::{Page, PageRequest};
use crate::domain::pool::Pool;
use crate::domain::time::Timestamp;
use crate::store::backend::{Conn, Tx};
use crate::store::error::{ErrorKind, StoreError};
use crate::store::fields::Json;
use crate::store::list::{Select, Sort, stale_or_missing};
use crate::store::value::{Bind, FromRow, Kind, Row, params};

/// What lists of networks are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkSort {
    /// The name.
    Name,
    /// When they were made.
    CreatedAt,
}

impl Sort for NetworkSort {
    fn column(self) -> (&'static str, Kind) {
        match self {
            Self::Name => ("name", Kind::Text),
            Self::CreatedAt => ("created_at", Kind::Int),
        }
    }
}

/// How many addresses of a network's pools are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// IPv4 addresses.
    pub ipv4: u64,
    /// IPv6 addresses.
    pub ipv6: u64,
}

const INSERT: &str = "INSERT INTO networks (id, name, ipv4, ipv6, dns, mtu, keepalive_s, routes, isolated, \
    config_revision, search, revision, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, 1, ?11, ?11) RETURNING *";

/// Makes a network.
///
/// # Errors
/// `Conflict(NetworkName)`.
pub async fn insert(tx: &mut Tx, new: &NewNetwork, now: Timestamp) -> Result<Network, StoreError> {
    let client = &new.client;
    let network = tx
        .one(
            INSERT,
            params![
                new.id,
                &new.name,
                new.pools.ipv4(),
                new.pools.ipv6(),
                Json(&client.dns),
                client.mtu,
                client.keepalive_s,
                Json(&client.routes),
                new.isolated,
                fold(new.name.as_str()),
                now,
            ],
        )
        .await?;
    const HINTS: &str = "INSERT INTO address_hints (network_id, ipv4_from, ipv6_from) VALUES (?1, ?2, ?2)";
    tx.execute(HINTS, params![new.id, Pool::FIRST_INDEX]).await?;
    Ok(network)
}

/// A network, deleted or not.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: NetworkId) -> Result<Option<Network>, StoreError> {
    conn.find("SELECT * FROM networks WHERE id = ?1", params![id]).await
}

/// A network that is not deleted.
///
/// # Errors
/// `NotFound`.
pub async fn get(conn: &mut Conn, id: NetworkId) -> Result<Network, StoreError> {
    conn.one("SELECT * FROM networks WHERE id = ?1 AND deleted_at IS NULL", params![id]).await
}

/// A page of networks.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    deleted: bool,
    page: &PageRequest<NetworkSort>,
) -> Result<Page<Network>, StoreError> {
    let mut select = Select::from("networks");
    select.and_plain(if deleted { "deleted_at IS NOT NULL" } else { "deleted_at IS NULL" });
    select.page(conn, page).await
}

/// Every network whose pools are spoken for: all but the purged ones, so that undoing a deletion cannot overlap.
///
/// # Errors
/// The store's.
pub async fn all(conn: &mut Conn) -> Result<Vec<Network>, StoreError> {
    conn.query("SELECT * FROM networks ORDER BY id", &[]).await
}

/// How many addresses devices hold, deleted ones until their purge.
///
/// # Errors
/// The store's.
pub async fn taken(conn: &mut Conn, id: NetworkId) -> Result<Taken, StoreError> {
    // Each family by its own unique index, which holds all that is asked.
    const SQL: &str = "SELECT (SELECT COUNT(*) FROM devices WHERE network_id = ?1 AND ipv4_index IS NOT NULL) AS ipv4, \
        (SELECT COUNT(*) FROM devices WHERE network_id = ?1 AND ipv6_index IS NOT NULL) AS ipv6";
    conn.one(SQL, params![id]).await
}

const UPDATE: &str = "UPDATE networks SET name = ?3, ipv4 = ?4, ipv6 = ?5, dns = ?6, mtu = ?7, keepalive_s = ?8, \
    routes = ?9, isolated = ?10, config_revision = ?11, search = ?12, updated_at = ?13, revision = revision + 1 \
    WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";

/// Writes a network's fields, its configuration revision among them, if the row still has the expected revision.
///
/// # Errors
/// `Stale`, `NotFound`, `Conflict(NetworkName)`.
pub async fn update(
    tx: &mut Tx,
    network: &Network,
    expected: i64,
    now: Timestamp,
) -> Result<Network, StoreError> {
    let client = &network.client;
    let changed = tx
        .find(
            UPDATE,
            params![
                network.id,
                expected,
                &network.name,
                network.pools.ipv4(),
                network.pools.ipv6(),
                Json(&client.dns),
                client.mtu,
                client.keepalive_s,
                Json(&client.routes),
                network.isolated,
                network.config_revision,
                fold(network.name.as_str()),
                now,
            ],
        )
        .await?;
    found_or_why(tx, changed, network.id).await
}

/// Marks a network deleted.
///
/// # Errors
/// `Stale`, `NotFound`.
pub async fn delete(
    tx: &mut Tx,
    id: NetworkId,
    expected: i64,
    now: Timestamp,
) -> Result<Network, StoreError> {
    const SQL: &str = "UPDATE networks SET deleted_at = ?3, updated_at = ?3, revision = revision + 1 \
        WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";
    let changed = tx.find(SQL, params![id, expected, now]).await?;
    found_or_why(tx, changed, id).await
}

/// Takes a deletion back that was made no earlier than `since`. What clients are told may have changed meanwhile, so the configuration revision grows.
///
/// # Errors
/// `NotFound` when there is none, `Conflict(NetworkName)`.
pub async fn undelete(
    tx: &mut Tx,
    id: NetworkId,
    since: Timestamp,
    now: Timestamp,
) -> Result<Network, StoreError> {
    const SQL: &str = "UPDATE networks SET deleted_at = NULL, updated_at = ?2, revision = revision + 1, \
        config_revision = config_revision + 1 WHERE id = ?1 AND deleted_at >= ?3 RETURNING *";
    tx.one(SQL, params![id, now, since]).await
}

/// Removes networks deleted before a time for good, with nodes' interfaces in them, at most `limit`; says how many. One
/// that still has devices waits for their purge.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const GONE: &str = "SELECT n.id FROM networks AS n WHERE n.deleted_at < ?1 \
        AND NOT EXISTS (SELECT 1 FROM devices AS d WHERE d.network_id = n.id) ORDER BY n.deleted_at, n.id LIMIT ?2";
    let gone: Vec<String> = tx.query(GONE, params![before, limit]).await?;
    let mut purged = 0;
    for id in gone {
        tx.execute("DELETE FROM node_networks WHERE network_id = ?1", params![id.as_str()]).await?;
        purged += tx.execute("DELETE FROM networks WHERE id = ?1", params![id.as_str()]).await?;
    }
    Ok(purged)
}

async fn found_or_why(tx: &mut Tx, changed: Option<Network>, id: NetworkId) -> Result<Network, StoreError> {
    match changed {
        Some(network) => Ok(network),
        None => Err(stale_or_missing(tx, "networks", id.bind()).await?),
    }
}

impl FromRow for Network {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let pools = Pools::new(row.take("ipv4")?, row.take("ipv6")?)
            .map_err(|error| StoreError::caused(ErrorKind::Unreadable, error))?;
        Ok(Self {
            id: row.take("id")?,
            name: row.take("name")?,
            pools,
            client: ClientSettings {
                dns: row.take::<Json<_>>("dns")?.0,
                mtu: row.take("mtu")?,
                keepalive_s: row.take("keepalive_s")?,
                routes: row.take::<Json<_>>("routes")?.0,
            },
            isolated: row.take("isolated")?,
            config_revision: row.take("config_revision")?,
            revision: row.take("revision")?,
            created_at: row.take("created_at")?,
            updated_at: row.take("updated_at")?,
            deleted_at: row.take("deleted_at")?,
        })
    }
}

impl FromRow for Taken {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { ipv4: row.take("ipv4")?, ipv6: row.take("ipv6")? })
    }
}
