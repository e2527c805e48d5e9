//! What an overview counts that no noun's own file does.
//!
//! Invariant: each question is one statement, whose cost does not depend on how much is wrong.

use crate::domain::id::{DeviceId, JobId, NodeId, UserId};
use crate::domain::time::Timestamp;
use crate::store::backend::Conn;
use crate::store::error::StoreError;
use crate::store::value::{Column, FromRow, Row, params};

/// Users counted by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserCounts {
    /// All of them.
    pub total: u64,
    /// Those that can be used.
    pub active: u64,
    /// Those whose time is over.
    pub expired: u64,
    /// Those that an operator stopped.
    pub disabled: u64,
}

/// Something that ends soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending<I> {
    /// Names the thing.
    pub id: I,
    /// What it is called.
    pub name: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Letters that were given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostLetters {
    /// How many.
    pub count: u64,
    /// The last one's job.
    pub last: JobId,
}

/// Users that are not deleted, by state.
///
/// # Errors
/// The store's.
pub async fn count_users(conn: &mut Conn, now: Timestamp) -> Result<UserCounts, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS users, COUNT(CASE WHEN disabled THEN 1 END) AS stopped, \
        COUNT(CASE WHEN NOT disabled AND expires_at <= ?1 THEN 1 END) AS over FROM users WHERE deleted_at IS NULL";
    conn.one(SQL, params![now]).await
}

/// Devices that shook hands after `since`, by the node of that handshake.
///
/// # Errors
/// The store's.
pub async fn count_online(
    conn: &mut Conn,
    since: Timestamp,
) -> Result<Vec<(Option<NodeId>, u64)>, StoreError> {
    // Few devices are deleted and not purged yet, so these are looked up and taken off, not those that are there. On SQLite that is
    // three times as fast as NOT IN, and twelve times as fast as NOT EXISTS. A CROSS JOIN keeps SQLite to that order.
    const SQL: &str = "SELECT node, CAST(SUM(found) AS BIGINT) AS devices FROM ( \
        SELECT last_node_id AS node, COUNT(*) AS found FROM usage WHERE last_handshake_at > ?1 GROUP BY last_node_id \
        UNION ALL SELECT u.last_node_id, -COUNT(*) FROM devices AS d CROSS JOIN usage AS u \
            WHERE d.deleted_at IS NOT NULL AND u.device_id = d.id AND u.last_handshake_at > ?1 GROUP BY u.last_node_id) AS counts \
        GROUP BY node HAVING SUM(found) > 0";
    let mut rows: Vec<Row> = conn.query(SQL, params![since]).await?;
    rows.iter_mut().map(|row| Ok((row.take("node")?, row.take("devices")?))).collect()
}

/// Users whose time ends after `from` and not after `to`, the next first.
///
/// # Errors
/// The store's.
pub async fn ending_users(
    conn: &mut Conn,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Ending<UserId>>, StoreError> {
    const SQL: &str = "SELECT id, login AS name, expires_at FROM users WHERE expires_at > ?1 AND expires_at <= ?2 \
        AND deleted_at IS NULL AND disabled = FALSE ORDER BY expires_at, id LIMIT ?3";
    conn.query(SQL, params![from, to, limit]).await
}

/// Devices whose own time ends after `from` and not after `to`, the next first.
///
/// # Errors
/// The store's.
pub async fn ending_devices(
    conn: &mut Conn,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Ending<DeviceId>>, StoreError> {
    const SQL: &str = "SELECT id, name, expires_at FROM devices WHERE expires_at > ?1 AND expires_at <= ?2 \
        AND deleted_at IS NULL AND disabled = FALSE ORDER BY expires_at, id LIMIT ?3";
    conn.query(SQL, params![from, to, limit]).await
}

/// Letters that were given up and are still listed.
///
/// # Errors
/// The store's.
pub async fn lost_letters(conn: &mut Conn) -> Result<Option<LostLetters>, StoreError> {
    // Ids grow with time, so the largest is the newest.
    const SQL: &str = "SELECT COUNT(*) AS jobs, MAX(id) AS newest FROM jobs \
        WHERE state = 'failed' AND kind IN ('mail', 'password_reset')";
    let mut row: Row = conn.one(SQL, &[]).await?;
    let newest: Option<JobId> = row.take("newest")?;
    let count = row.take("jobs")?;
    Ok(newest.map(|last| LostLetters { count, last }))
}

impl<I: Column> FromRow for Ending<I> {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.take("id")?, name: row.take("name")?, expires_at: row.take("expires_at")? })
    }
}

impl FromRow for UserCounts {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let (total, disabled, expired): (u64, u64, u64) =
            (row.take("users")?, row.take("stopped")?, row.take("over")?);
        let active = total.saturating_sub(disabled).saturating_sub(expired);
        Ok(Self { total, active, expired, disabled })
    }
}
