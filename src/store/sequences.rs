//! Numbers that grow in the order of commits.
//!
//! Invariant: a number is visible only together with what it was drawn for, because it is drawn in the same transaction.

use crate::store::backend::{Conn, Tx};
use crate::store::error::StoreError;
use crate::store::value::params;

/// Numbers the changes nodes must hear of.
pub const DESIRED: &str = "desired";

/// The newest `DESIRED` number whose row was purged: a node that is behind it needs a snapshot.
pub const DESIRED_FLOOR: &str = "desired_floor";

/// Numbers the changes of interfaces: networks and nodes' places in them.
pub const LAYOUT: &str = "layout";

/// Numbers the invalidations of caches.
pub const OUTBOX: &str = "outbox";

/// Draws the next number.
///
/// # Errors
/// The store's.
pub async fn next(tx: &mut Tx, name: &str) -> Result<i64, StoreError> {
    tx.one("UPDATE counters SET value = value + 1 WHERE name = ?1 RETURNING value", params![name]).await
}

/// The last number drawn.
///
/// # Errors
/// The store's.
pub async fn current(conn: &mut Conn, name: &str) -> Result<i64, StoreError> {
    conn.one("SELECT value FROM counters WHERE name = ?1", params![name]).await
}

/// Raises a number to at least this.
///
/// # Errors
/// The store's.
pub async fn raise(tx: &mut Tx, name: &str, at_least: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE counters SET value = ?2 WHERE name = ?1 AND value < ?2";
    tx.execute(SQL, params![name, at_least]).await.map(drop)
}
