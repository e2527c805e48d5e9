//! Who does what only one process may do at a time.
//!
//! Invariant: time is the database's, so that no process's own clock makes two holders of one. Whoever acts under a lease
//! takes it in the transaction of the act: a holder that was thought dead finds it taken, and its act is undone.

use std::time::Duration;

use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::{Row, params};

/// Seals the audit.
pub const AUDIT: &str = "audit";

/// Takes or renews a lease; answers its fencing token, or `None` while somebody else holds it.
///
/// # Errors
/// The store's.
pub async fn take(tx: &mut Tx, name: &str, holder: &str, ttl: Duration) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "INSERT INTO leases (name, holder, token, expires_at) VALUES (?1, ?2, 1, ?4) \
        ON CONFLICT (name) DO UPDATE SET holder = ?2, expires_at = ?4, \
        token = CASE WHEN leases.holder = ?2 THEN leases.token ELSE leases.token + 1 END \
        WHERE leases.holder = ?2 OR leases.expires_at <= ?3 RETURNING token";
    let now = tx.database_now_ms().await?;
    let until = now.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    tx.find(SQL, params![name, holder, now, until]).await
}

/// Whether somebody else holds a lease now.
///
/// # Errors
/// The store's.
pub async fn is_held_by_another(conn: &mut Conn, name: &str, holder: &str) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT token FROM leases WHERE name = ?1 AND holder <> ?2 AND expires_at > ?3";
    let now = conn.database_now_ms().await?;
    let found: Option<Row> = conn.find(SQL, params![name, holder, now]).await?;
    Ok(found.is_some())
}
