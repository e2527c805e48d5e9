//! Devices in the database.
//!
//! Invariant: every change that nodes must hear of draws the next `desired` number in its own transaction.

use crate::domain::device::{Device, DeviceState, NewDevice, ONLINE_FOR};
use crate::domain::id::{DeviceId, NetworkId, UserId};
use crate::domain::key::PublicKey;
use crate::domain::name::fold;
use crate::domain::network::Pools;
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::addresses::{self, Choice, Choices};
use crate::store::backend::{Conn, Tx};
use crate::store::error::{Constraint, StoreError};
use crate::store::list::{NEVER_ENDS_LAST, Select, Sort, stale_or_missing};
use crate::store::sequences::{self, DESIRED, DESIRED_FLOOR};
use crate::store::states;
use crate::store::value::{Bind, FromRow, Kind, Row, params};

/// What lists of devices are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceSort {
    /// The name.
    Name,
    /// When they were made.
    CreatedAt,
    /// When they were last changed.
    UpdatedAt,
    /// When their own time ends; what never ends comes last.
    ExpiresAt,
    /// What they have moved.
    UsedBytes,
    /// When they last shook hands; who never did comes first.
    LastHandshakeAt,
}

impl Sort for DeviceSort {
    fn column(self) -> (&'static str, Kind) {
        match self {
            Self::Name => ("name", Kind::Text),
            Self::CreatedAt => ("created_at", Kind::Int),
            Self::UpdatedAt => ("updated_at", Kind::Int),
            Self::ExpiresAt => (NEVER_ENDS_LAST, Kind::Int),
            // Looked up row by row: an index would have to be written with each report of each device.
            Self::UsedBytes => (
                "COALESCE((SELECT u.rx_bytes + u.tx_bytes FROM usage AS u WHERE u.device_id = devices.id), 0)",
                Kind::Int,
            ),
            Self::LastHandshakeAt => (
                "COALESCE((SELECT u.last_handshake_at FROM usage AS u WHERE u.device_id = devices.id), 0)",
                Kind::Int,
            ),
        }
    }

    fn is_looked_up(self) -> bool {
        matches!(self, Self::UsedBytes | Self::LastHandshakeAt)
    }
}

/// Which devices a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeviceFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only this network's.
    pub network: Option<NetworkId>,
    /// Only those an operator did, or did not, stop.
    pub disabled: Option<bool>,
    /// Deleted devices instead of the others.
    pub deleted: bool,
    /// Only those in this state.
    pub state: Option<DeviceState>,
    /// Only those that are, or are not, there.
    pub online: Option<bool>,
    /// The time by which states are told.
    pub now: Timestamp,
}

/// The keys a device keeps on the server, sealed.
#[derive(Clone)]
pub struct SealedKeys {
    /// The preshared key.
    pub preshared_key: Option<Vec<u8>>,
    /// The private key, until it is revealed.
    pub private_key: Option<Vec<u8>>,
}

const INSERT: &str = "INSERT INTO devices (id, user_id, network_id, name, public_key, preshared_key, private_key, \
    ipv4, ipv4_index, ipv6, ipv6_index, disabled, expires_at, duration_s, data_limit_bytes, note, search, changed_seq, \
    revision, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, FALSE, ?12, ?13, ?14, ?15, ?16, ?17, 1, ?18, ?18) RETURNING *";

/// Makes a device with addresses from the network's pools.
///
/// # Errors
/// `Exhausted` when a pool is used up; `Conflict` of `DeviceName`, `DevicePublicKey`, or, for a chosen address,
/// `DeviceIpv4` or `DeviceIpv6`; `Conflict(Reference)` when user or network do not exist.
pub async fn insert(
    tx: &mut Tx,
    new: &NewDevice,
    pools: &Pools,
    choices: Choices,
    now: Timestamp,
) -> Result<Device, StoreError> {
    let pair = addresses::choose(tx, new.network, pools, choices).await?;
    let sequence = sequences::next(tx, DESIRED).await?;
    let inserted = tx
        .one(
            INSERT,
            params![
                new.id,
                new.user,
                new.network,
                &new.name,
                new.public_key,
                new.preshared_key.clone(),
                new.private_key.clone(),
                pair.ipv4.map(|it| it.address),
                pair.ipv4.map(|it| it.index),
                pair.ipv6.map(|it| it.address),
                pair.ipv6.map(|it| it.index),
                new.expires_at,
                new.duration_s,
                new.data_limit_bytes,
                &new.note,
                search_text(new.name.as_str(), new.note.as_str(), new.public_key),
                sequence,
                now,
            ],
        )
        .await;
    inserted.inspect_err(|error| {
        // Somebody was faster with an address that nobody asked for by name: the next run finds another.
        let raced = match error.conflict() {
            Some(Constraint::DeviceIpv4) => choices.ipv4 == Choice::Lowest,
            Some(Constraint::DeviceIpv6) => choices.ipv6 == Choice::Lowest,
            Some(_) | None => false,
        };
        if raced {
            tx.ask_again();
        }
    })
}

/// A device, deleted or not.
///
/// # Errors
/// The store's.
pub async fn find(conn: &mut Conn, id: DeviceId) -> Result<Option<Device>, StoreError> {
    conn.find("SELECT * FROM devices WHERE id = ?1", params![id]).await
}

/// A device that is not deleted.
///
/// # Errors
/// `NotFound`.
pub async fn get(conn: &mut Conn, id: DeviceId) -> Result<Device, StoreError> {
    conn.one("SELECT * FROM devices WHERE id = ?1 AND deleted_at IS NULL", params![id]).await
}

/// The sealed keys of a device that is not deleted.
///
/// # Errors
/// `NotFound`.
pub async fn sealed_keys(conn: &mut Conn, id: DeviceId) -> Result<SealedKeys, StoreError> {
    const SQL: &str = "SELECT preshared_key, private_key FROM devices WHERE id = ?1 AND deleted_at IS NULL";
    conn.one(SQL, params![id]).await
}

/// A page of devices.
///
/// # Errors
/// `BadCursor`.
pub async fn list(
    conn: &mut Conn,
    filter: &DeviceFilter,
    page: &PageRequest<DeviceSort>,
) -> Result<Page<Device>, StoreError> {
    let mut select = Select::from("devices");
    select.and_plain(if filter.deleted { "deleted_at IS NOT NULL" } else { "deleted_at IS NULL" });
    select.and_if("user_id = {}", filter.user);
    select.and_if("network_id = {}", filter.network);
    select.and_if("disabled = {}", filter.disabled);
    if let Some(state) = filter.state {
        select.and(&states::condition(state), filter.now);
    }
    if let Some(online) = filter.online {
        let not = if online { "" } else { "NOT " };
        let there =
            "EXISTS (SELECT 1 FROM usage AS u WHERE u.device_id = devices.id AND u.last_handshake_at > {})";
        select.and(&format!("{not}{there}"), filter.now.before(ONLINE_FOR));
    }
    select.page(conn, page).await
}

/// How many devices a user has that are not deleted.
///
/// # Errors
/// The store's.
pub async fn count_of_user(conn: &mut Conn, user: UserId) -> Result<u64, StoreError> {
    conn.one("SELECT COUNT(*) FROM devices WHERE user_id = ?1 AND deleted_at IS NULL", params![user]).await
}

const UPDATE: &str = "UPDATE devices SET name = ?3, disabled = ?4, expires_at = ?5, duration_s = ?6, \
    data_limit_bytes = ?7, note = ?8, search = ?9, public_key = ?10, changed_seq = ?11, updated_at = ?12, disabled_by = ?13, \
    revision = revision + 1 WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";

/// Writes a device's fields, its public key among them, if the row still has the expected revision.
///
/// # Errors
/// `Stale`, `NotFound`, `Conflict` of `DeviceName` or `DevicePublicKey`.
pub async fn update(
    tx: &mut Tx,
    device: &Device,
    expected: i64,
    now: Timestamp,
) -> Result<Device, StoreError> {
    let sequence = sequences::next(tx, DESIRED).await?;
    let changed = tx
        .find(
            UPDATE,
            params![
                device.id,
                expected,
                &device.name,
                device.disabled,
                device.expires_at,
                device.duration_s,
                device.data_limit_bytes,
                &device.note,
                search_text(device.name.as_str(), device.note.as_str(), device.public_key),
                device.public_key,
                sequence,
                now,
                device.disabled_by,
            ],
        )
        .await?;
    found_or_why(tx, changed, device.id).await
}

/// Wipes the sealed private key once its owner has it, and answers it; a second call gets `None`.
///
/// # Errors
/// The store's.
pub async fn take_private_key(tx: &mut Tx, id: DeviceId) -> Result<Option<Vec<u8>>, StoreError> {
    let found: Option<SealedKeys> = tx
        .find(
            "SELECT preshared_key, private_key FROM devices WHERE id = ?1 AND private_key IS NOT NULL",
            params![id],
        )
        .await?;
    tx.execute("UPDATE devices SET private_key = NULL WHERE id = ?1", params![id]).await?;
    Ok(found.and_then(|keys| keys.private_key))
}

/// Notes which configuration of the network the owner was last given.
///
/// # Errors
/// The store's.
pub async fn exported(tx: &mut Tx, id: DeviceId, config_revision: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE devices SET exported_config_revision = ?2 WHERE id = ?1";
    tx.execute(SQL, params![id, config_revision]).await.map(drop)
}

/// Marks a device deleted; key and addresses stay taken until the purge.
///
/// # Errors
/// `Stale`, `NotFound`.
pub async fn delete(tx: &mut Tx, id: DeviceId, expected: i64, now: Timestamp) -> Result<Device, StoreError> {
    const SQL: &str = "UPDATE devices SET deleted_at = ?3, updated_at = ?3, changed_seq = ?4, \
        revision = revision + 1 WHERE id = ?1 AND revision = ?2 AND deleted_at IS NULL RETURNING *";
    let sequence = sequences::next(tx, DESIRED).await?;
    let changed = tx.find(SQL, params![id, expected, now, sequence]).await?;
    found_or_why(tx, changed, id).await
}

/// Takes a deletion back.
///
/// # Errors
/// `NotFound` when the device is not deleted, `Conflict(DeviceName)`.
pub async fn undelete(tx: &mut Tx, id: DeviceId, now: Timestamp) -> Result<Device, StoreError> {
    const SQL: &str = "UPDATE devices SET deleted_at = NULL, updated_at = ?2, changed_seq = ?3, \
        revision = revision + 1 WHERE id = ?1 AND deleted_at IS NOT NULL RETURNING *";
    let sequence = sequences::next(tx, DESIRED).await?;
    tx.one(SQL, params![id, now, sequence]).await
}

/// How many devices of a user are deleted and not yet purged.
///
/// # Errors
/// The store's.
pub async fn count_deleted_of_user(conn: &mut Conn, user: UserId) -> Result<u64, StoreError> {
    conn.one("SELECT COUNT(*) FROM devices WHERE user_id = ?1 AND deleted_at IS NOT NULL", params![user])
        .await
}

/// What a purge must know of a device.
macro_rules! gone {
    ($which:literal) => {
        concat!(
            "SELECT d.id, d.user_id, d.network_id, d.ipv4_index, d.ipv6_index, d.changed_seq, \
             COALESCE(u.rx_bytes, 0) + COALESCE(u.tx_bytes, 0) AS used FROM devices AS d \
             LEFT JOIN usage AS u ON u.device_id = d.id WHERE ",
            $which,
            " ORDER BY d.deleted_at, d.id LIMIT ?2"
        )
    };
}

/// Removes devices for good that were deleted before a time, or whose user or network was, at most `limit`; says how
/// many.
///
/// # Errors
/// The store's.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    // One statement for each reason: put together, none of their indices would be used.
    const REASONS: [&str; 3] = [
        gone!("d.deleted_at < ?1"),
        gone!("d.user_id IN (SELECT id FROM users WHERE deleted_at < ?1)"),
        gone!("d.network_id IN (SELECT id FROM networks WHERE deleted_at < ?1)"),
    ];
    let mut purged = 0;
    for reason in REASONS {
        let left = u64::from(limit).saturating_sub(purged);
        let gone = tx.query(reason, params![before, left]).await?;
        purged += remove(tx, gone).await?;
    }
    Ok(purged)
}

/// Removes a user's longest deleted devices for good, at most `limit`; says how many.
///
/// # Errors
/// The store's.
pub async fn purge_of_user(tx: &mut Tx, user: UserId, limit: u32) -> Result<u64, StoreError> {
    let gone = tx.query(gone!("d.user_id = ?1 AND d.deleted_at IS NOT NULL"), params![user, limit]).await?;
    remove(tx, gone).await
}

/// Removes for good the device of a network that was deleted longest ago, or else one of a deleted user, and answers it.
///
/// # Errors
/// The store's.
pub async fn reclaim(tx: &mut Tx, network: NetworkId) -> Result<Option<Device>, StoreError> {
    const REASONS: [&str; 2] = [
        gone!("d.network_id = ?1 AND d.deleted_at IS NOT NULL"),
        gone!("d.network_id = ?1 AND d.user_id IN (SELECT id FROM users WHERE deleted_at IS NOT NULL)"),
    ];
    for reason in REASONS {
        let gone: Vec<Row> = tx.query(reason, params![network, 1_u32]).await?;
        let Some(oldest) = gone.first() else { continue };
        let device = find(tx, oldest.peek("id")?).await?;
        remove(tx, gone).await?;
        return Ok(device);
    }
    Ok(None)
}

/// Removes devices with what they held; their bytes stay with the user, whose limit counts them.
async fn remove(tx: &mut Tx, gone: Vec<Row>) -> Result<u64, StoreError> {
    const RETIRE: &str = "UPDATE users SET retired_bytes = retired_bytes + ?2 WHERE id = ?1";
    let mut purged = 0;
    for mut row in gone {
        let id: DeviceId = row.take("id")?;
        let user: UserId = row.take("user_id")?;
        let used: u64 = row.take("used")?;
        tx.execute(RETIRE, params![user, used]).await?;
        purged += tx.execute("DELETE FROM devices WHERE id = ?1", params![id]).await?;
        let (ipv4, ipv6) = (row.take("ipv4_index")?, row.take("ipv6_index")?);
        addresses::release(tx, row.take("network_id")?, ipv4, ipv6).await?;
        sequences::raise(tx, DESIRED_FLOOR, row.take("changed_seq")?).await?;
    }
    Ok(purged)
}

async fn found_or_why(tx: &mut Tx, changed: Option<Device>, id: DeviceId) -> Result<Device, StoreError> {
    match changed {
        Some(device) => Ok(device),
        None => Err(stale_or_missing(tx, "devices", id.bind()).await?),
    }
}

fn search_text(name: &str, note: &str, key: PublicKey) -> String {
    fold(&format!("{name} {note} {key}"))
}

impl FromRow for Device {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let preshared: Option<Vec<u8>> = row.peek("preshared_key")?;
        let private: Option<Vec<u8>> = row.peek("private_key")?;
        Ok(Self {
            id: row.take("id")?,
            user: row.take("user_id")?,
            network: row.take("network_id")?,
            name: row.take("name")?,
            public_key: row.take("public_key")?,
            has_preshared_key: preshared.is_some(),
            has_private_key: private.is_some(),
            ipv4: row.take("ipv4")?,
            ipv6: row.take("ipv6")?,
            disabled: row.take("disabled")?,
            disabled_by: row.take("disabled_by")?,
            expires_at: row.take("expires_at")?,
            duration_s: row.take("duration_s")?,
            data_limit_bytes: row.take("data_limit_bytes")?,
            first_handshake_at: row.take("first_handshake_at")?,
            exported_config_revision: row.take("exported_config_revision")?,
            note: row.take("note")?,
            revision: row.take("revision")?,
            created_at: row.take("created_at")?,
            updated_at: row.take("updated_at")?,
            deleted_at: row.take("deleted_at")?,
        })
    }
}

impl FromRow for SealedKeys {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { preshared_key: row.take("preshared_key")?, private_key: row.take("private_key")? })
    }
}
